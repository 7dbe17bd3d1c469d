"""Services as the templates make them: rendered, given the packages of a cache, built, started, called.

Run as a program it fills the cache: `python -m tests.templates.service`. Tests install nothing themselves.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest

from idp import templates
from idp.render import Rendering, render

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from idp.templates import Toolchain

SECONDS = 30
"""The longest that a test waits for a service."""
SHORTEST, LONGEST = "x9", "a1-" * 13 + "z"
AWKWARD = """it's "quoted": - #1 \\ 🚲 {{ x }} %"""
"""A description that many a file would read as something else."""
KEPT = ("HOME", "LANG", "PATH", "TMPDIR")
"""What a command of a repository finds of this process's environment: nothing of pytest's, and no credential."""


def answers(template: str, service: str = "rental", **others: object) -> dict[str, Any]:
    """A service's answers as the platform gives them; parameters have their defaults."""
    given: dict[str, Any] = {
        "project": "idp",
        "service": service,
        "team": "mobility",
        "organization": "acme",
        "description": "Rents bikes.",
        "visibility": "private",
        "calls": [],
        "system": "idp",
        "environments": ["dev", "prod"],
        "repository_url": f"https://github.com/acme/{service}",
        "files_url": f"https://github.com/acme/{service}/blob/main/",
        "workflows_url": f"https://github.com/acme/{service}/actions",
        "clone_url": f"https://github.com/acme/{service}.git",
        "image": f"ghcr.io/acme/{service}",
        "placeholder_image": "docker.io/traefik/whoami",
        "placeholder_tag": "v1.11.0",
        "placeholder_digest": "sha256:200689790a0a0ea48ca45992e0450bc26ccab5307375b41c84dfc4f2475937ab",
        "pull_secret": "registry",
    }
    given |= {**templates.load(template).answers(others), **others}
    return {"promotions": given["environments"][1:], **given}


def rendered(template: str, service: str = "rental", **others: object) -> Rendering:
    return render(templates.load(template), answers(template, service, **others))


def toolchain(template: str) -> Toolchain:
    found = templates.load(template).info.toolchain
    assert found
    return found


def each_once(*paths: str) -> list[str]:
    """Of the templates whose files at these paths are the same, one: what they do in one they do in all."""
    texts = {tuple(templates.load(name).sources[path] for path in paths): name for name in reversed(templates.names())}
    return sorted(texts.values())


def write(rendering: Rendering, folder: Path) -> Path:
    for path, content in rendering.files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return folder


# --- packages --------------------------------------------------------------------------------------------------------


def lists_of_packages(template: str) -> dict[str, bytes]:
    """What an installer reads: the lock, and whatever else a language has in the repository's root."""
    base = templates.load(template)
    while base.info.extends:
        base = templates.load(base.info.extends)
    files = rendered(template, port=3000).files
    return {path: text for path, text in files.items() if "/" not in path and path not in base.sources}


def cache(template: str) -> Path:
    """Where its packages lie: below `IDP_TEMPLATE_CACHE` or a folder of the user's, by what is to be installed and how."""
    root = Path(os.environ.get("IDP_TEMPLATE_CACHE") or Path.home() / ".cache/idp-tests/templates")
    asked = json.dumps(toolchain(template).commands.install).encode()
    for path, text in sorted(lists_of_packages(template).items()):
        asked += path.encode() + text
    return root / f"{toolchain(template).ecosystem}-{hashlib.sha256(asked).hexdigest()[:12]}"


def prepare(template: str) -> None:
    """Run the template's own install commands in the cache, unless that was done."""
    folder = cache(template)
    if missing_packages(template) is None:
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path, text in lists_of_packages(template).items():
        (folder / path).write_bytes(text)
    quiet = {"npm_config_audit": "false", "npm_config_fund": "false", "npm_config_loglevel": "error", "PIP_QUIET": "1"}
    for command in toolchain(template).commands.install:
        subprocess.run(["bash", "-c", command], cwd=folder, env=quiet | os.environ, check=True)
    (folder / "complete").touch()


def missing_packages(template: str) -> str | None:
    """What the cache lacks, or None."""
    if (cache(template) / "complete").exists():
        return None
    return f"the packages of template `{template}` are not in {cache(template)}; run tests/support/prepare-templates"


# --- commands --------------------------------------------------------------------------------------------------------


def tool(*names: str) -> str:
    """The first of these programs that is installed, beside this Python or on PATH; else the test is skipped."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    for name in names:
        if found := shutil.which(name, path=path):
            return found
    pytest.skip(f"no {' or '.join(names)} on PATH")


def run(*command: str, cwd: Path, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=2 * SECONDS,
    )


def succeed(*command: str, cwd: Path, env: Mapping[str, str] | None = None) -> str:
    """Run a command that must exit 0; what it printed on stdout."""
    done = run(*command, cwd=cwd, env=env)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@dataclass(frozen=True, kw_only=True)
class Checkout:
    """A service's repository on disk, with its packages."""

    template: str
    service: str
    folder: Path

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run one of the toolchain's commands; its errors are in its output."""
        return subprocess.run(
            ["bash", "-c", command], cwd=self.folder, env={name: os.environ[name] for name in KEPT if name in os.environ},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=8 * SECONDS,
        )  # fmt: skip

    def succeed(self, commands: Iterable[str]) -> str:
        """Run commands that must exit 0; what they printed."""
        said = ""
        for command in commands:
            done = self.run(command)
            assert done.returncode == 0, f"{command}\n{done.stdout}"
            said += done.stdout
        return said

    def start(self, **env: str) -> Service:
        """Start what was built, on any free port and without a delay at the end unless `env` says otherwise."""
        return Service(shlex.split(toolchain(self.template).commands.start), self.folder, env)

    @contextmanager
    def started(self, **env: str) -> Iterator[Service]:
        """The service, listening; killed at the end if it still runs."""
        service = self.start(**env)
        try:
            yield service.listening()
        finally:
            service.process.kill()
            service.exit_code()


def checkout(template: str, folder: Path, service: str = "rental", **others: object) -> Checkout:
    """The rendered files in a folder, with the cache's packages."""
    if missing := missing_packages(template):
        pytest.skip(missing)
    write(rendered(template, service, **others), folder)
    for name in toolchain(template).installs:
        (folder / name).symlink_to(cache(template) / name)
    return Checkout(template=template, service=service, folder=folder)


# --- the running service ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a request was answered with."""

    status: int
    body: str
    headers: Mapping[str, str]
    """By names in lower case."""

    @property
    def json(self) -> Any:
        """The body, which must be JSON and say so."""
        assert self.headers["content-type"].startswith("application/json"), self.headers
        return json.loads(self.body)


class Service:
    """A started service: its log, its port, and how it ended."""

    def __init__(self, command: list[str], folder: Path, env: Mapping[str, str]) -> None:
        settings = {"PATH": os.environ["PATH"], "HOST": "127.0.0.1", "PORT": "0", "SHUTDOWN_DELAY_MS": "0", **env}
        self.began = time.monotonic()
        self.seconds = 0.0
        """From its start until it listened."""
        self.process = subprocess.Popen(
            command, cwd=folder, env=settings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.lines: list[str] = []
        self.port = 0
        self._listening = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            if not self.port and '"listening"' in line:
                self.seconds = time.monotonic() - self.began
                self.port = json.loads(line)["port"]
                self._listening.set()
        self._listening.set()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def listening(self) -> Self:
        """Return when its log says so; a service that ended instead fails the test."""
        assert self._listening.wait(SECONDS), self.lines
        assert self.port, f"the service ended: {self.lines}"
        return self

    def connect(self) -> http.client.HTTPConnection:
        """A connection that is kept between requests."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)

    def ask(self, path: str, method: str = "GET", **headers: str) -> Answer:
        """One request, on a connection of its own."""
        connection = self.connect()
        try:
            connection.request(method, path, headers=headers)
            response = connection.getresponse()
            said = {name.lower(): value for name, value in response.getheaders()}
            return Answer(status=response.status, body=response.read().decode(), headers=said)
        finally:
            connection.close()

    def stop(self, with_signal: signal.Signals = signal.SIGTERM) -> int:
        """Do what Kubernetes does first, and wait for the end."""
        self.process.send_signal(with_signal)
        return self.exit_code()

    def exit_code(self) -> int:
        """Wait for the end, and for the last line of the log."""
        code = self.process.wait(SECONDS)
        self._reader.join(SECONDS)
        return code

    def log(self) -> list[dict[str, Any]]:
        """Every line so far; one that is not JSON fails the test."""
        return [json.loads(line) for line in list(self.lines)]

    def requests(self) -> list[dict[str, Any]]:
        """The lines of requests."""
        return [line for line in self.log() if line["msg"] == "request"]


class Load:
    """Callers that keep their connections, and notice every request that is not answered."""

    def __init__(self, service: Service, path: str = "/hello/you") -> None:
        """Begin at once."""
        self.answers: list[tuple[float, str | None]] = []
        """When a request was sent, and what its answer said about the connection."""
        self.failures: Counter[str] = Counter()
        self._service, self._path = service, path
        self._stopped = threading.Event()
        self._callers = [threading.Thread(target=self._call) for _ in range(4)]
        for caller in self._callers:
            caller.start()

    def _call(self) -> None:
        connection = self._service.connect()
        while not self._stopped.is_set():
            sent = time.monotonic()
            try:
                connection.request("GET", self._path)
                response = connection.getresponse()
                response.read()
            except (OSError, http.client.HTTPException) as error:
                self.failures[repr(error)] += 1
                return
            if response.status != http.client.OK:
                self.failures[str(response.status)] += 1
            self.answers.append((sent, response.headers.get("connection")))
        connection.close()

    def stop(self) -> None:
        """Let each caller have its last answer."""
        self._stopped.set()
        for caller in self._callers:
            caller.join()


if __name__ == "__main__":
    for each in templates.names():
        prepare(each)
