"""The node template in tests: rendered, installed from a cache, built, started.

Run as a program, it fills the cache: `python -m tests.templates.node_service`. Tests never install anything themselves.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from idp.render import Rendering, load, render

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TEMPLATE = load("node")
SECONDS = 30
"""The longest that a test waits for a process."""


def answers(service: str = "rental", **others: object) -> dict[str, Any]:
    """A service's answers as the platform gives them; parameters have their defaults."""
    given: dict[str, Any] = {
        "project": "idp",
        "service": service,
        "team": "mobility",
        "organization": "acme",
        "description": "Rents bikes.",
        "visibility": "private",
        "environments": ["dev", "prod"],
        "repository_url": f"https://github.com/acme/{service}",
        "clone_url": f"https://github.com/acme/{service}.git",
        "image": f"ghcr.io/acme/{service}",
        "placeholder_image": "docker.io/traefik/whoami",
        "placeholder_tag": "v1.11.0",
        "placeholder_digest": "sha256:200689790a0a0ea48ca45992e0450bc26ccab5307375b41c84dfc4f2475937ab",
        "pull_secret": "registry",
    }
    given |= {**TEMPLATE.answers(others), **others}
    return {"promotions": given["environments"][1:], **given}


def rendered(service: str = "rental", **others: object) -> Rendering:
    return render(TEMPLATE, answers(service, **others))


def write(rendering: Rendering, folder: Path) -> Path:
    for path, content in rendering.files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return folder


def cache() -> Path:
    """Where the installed packages lie: `IDP_NODE_CACHE`, or a folder of the user's."""
    return Path(os.environ.get("IDP_NODE_CACHE") or Path.home() / ".cache/idp-tests/node-template")


def prepare() -> None:
    """Install the packages of the template's lock into the cache, unless they are there already."""
    if missing_packages() is None:
        return
    cache().mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        (cache() / name).write_bytes(rendered().files[name])
    subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=cache(), check=True)


def missing_packages() -> str | None:
    """What the cache lacks, or None."""
    installed = cache() / "node_modules/.package-lock.json"
    lock = cache() / "package-lock.json"
    if installed.exists() and lock.read_bytes() == rendered().files["package-lock.json"]:
        return None
    return f"the node template's npm packages are not in {cache()}; run tests/support/prepare-node-template"


def tool(*names: str) -> str:
    """The first of these programs that is installed, beside this Python or on PATH; else the test is skipped."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    for name in names:
        if found := shutil.which(name, path=path):
            return found
    pytest.skip(f"no {' or '.join(names)} on PATH")


def installed(rendering: Rendering, folder: Path) -> Path:
    """The rendered files in a folder, with the cache's packages."""
    tool("node"), tool("npm")
    if missing := missing_packages():
        pytest.skip(missing)
    write(rendering, folder)
    (folder / "node_modules").symlink_to(cache() / "node_modules")
    return folder


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


class Service:
    """A started service: its log, its port, and how it ended."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        """Start dist/ of a folder, on any free port and without a delay at the end unless `env` says otherwise."""
        settings = {"PATH": os.environ["PATH"], "HOST": "127.0.0.1", "PORT": "0", "SHUTDOWN_DELAY_MS": "0", **env}
        self.process = subprocess.Popen(
            ["node", "dist/index.js"],
            cwd=folder,
            env=settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self._listening = threading.Event()
        self.port = 0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            if '"msg":"listening"' in line:
                self.port = json.loads(line)["port"]
                self._listening.set()
        self._listening.set()

    def wait_until_it_listens(self) -> None:
        """Return when the log says so; a service that ended instead fails the test."""
        assert self._listening.wait(SECONDS), self.lines
        assert self.port, f"the service ended: {self.lines}"

    def connect(self) -> http.client.HTTPConnection:
        """A connection that is kept between requests."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)

    def get(self, path: str) -> tuple[int, str]:
        """Status and body, on a connection of its own."""
        connection = self.connect()
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def terminate(self) -> None:
        """What Kubernetes does first."""
        self.process.send_signal(signal.SIGTERM)

    def exit_code(self) -> int:
        """Wait for the end, and for the last line of the log."""
        code = self.process.wait(SECONDS)
        self._reader.join(SECONDS)
        return code

    def log(self) -> list[dict[str, Any]]:
        """Every line so far; one that is not JSON fails the test."""
        return [json.loads(line) for line in list(self.lines)]


@contextmanager
def started(folder: Path, **env: str) -> Iterator[Service]:
    """The built service, listening; killed at the end if it still runs."""
    service = Service(folder, env)
    try:
        service.wait_until_it_listens()
        yield service
    finally:
        service.process.kill()
        service.exit_code()


if __name__ == "__main__":
    prepare()
