"""The tests' GitHub as a container on Kind's network, so that host and pods reach it by one address and nobody else does.

No image with Python can be pulled: the container's root is empty, and this machine's system folders, its Python and this
project are mounted into it, read-only.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.support.engine import PROJECT
from tests.support.github import Exchange
from tests.support.platform_node import docker

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NETWORK = "kind"
EMPTY = "idp-tests-empty:1"
SYSTEM = ("/bin", "/lib", "/lib64", "/usr")
SUBNET = "fc00:f853:ccd:e793::/64"
"""Of the network, where `kind` itself would have made it."""


@dataclass(kw_only=True)
class GitHubInNetwork:
    """`with GitHubInNetwork(folder=..., tokens=...) as github`: as `GitHubServer`, but for faults and what is in its memory."""

    folder: Path
    organization: str = "acme"
    teams: Mapping[str, Sequence[str]] = field(default_factory=dict)
    tokens: Mapping[str, Sequence[str]]
    """Permissions by secret."""
    url: str = ""
    """Where it is, for git, browsers and as the base address of clients."""

    @property
    def name(self) -> str:
        """The container's; no other run has it."""
        return f"idp-{os.getpid()}-github"

    def __enter__(self) -> Self:
        """Start it and return when it answers."""
        (self.folder / "home").mkdir(parents=True)
        (self.folder / "tokens.json").write_text(json.dumps({token: list(may) for token, may in self.tokens.items()}))
        _network()
        _empty_image()
        mounts = {*(place for place in SYSTEM if Path(place).exists()), sys.base_prefix, str(PROJECT)}
        docker(
            "run", "--detach", "--name", self.name, "--network", NETWORK, "--user", f"{os.getuid()}:{os.getgid()}",
            *(f"--volume={place}:{place}:ro" for place in sorted(mounts)), f"--volume={self.folder}:{self.folder}",
            "--tmpfs=/tmp", "--workdir", str(PROJECT), "--env=PYTHONDONTWRITEBYTECODE=1", f"--env=HOME={self.folder / 'home'}",
            "--env=PATH=/usr/bin:/bin", EMPTY, str(Path(sys.executable).resolve()), "-m", "tests.support.github",
            "--host=0.0.0.0", "--port=80", f"--data={self.folder / 'data'}", f"--tokens={self.folder / 'tokens.json'}",
            f"--log={self._log}", f"--organization={self.organization}",
            *(f"--team={slug}={','.join(members)}" for slug, members in self.teams.items()),
        )  # fmt: skip
        found = f"{{{{(index .NetworkSettings.Networks {json.dumps(NETWORK)}).IPAddress}}}}"
        address = docker("inspect", "--format", found, self.name)
        self.url = f"http://{address}"
        self._wait(address)
        return self

    def __exit__(self, *_: object) -> None:
        """Remove it; its folder stays."""
        docker("rm", "--force", "--volumes", self.name)

    def _wait(self, address: str, timeout: float = 20) -> None:
        deadline = time.monotonic() + timeout
        while True:
            try:
                socket.create_connection((address, 80), timeout=1).close()
            except OSError:
                if time.monotonic() > deadline:
                    said = subprocess.run(["docker", "logs", self.name], capture_output=True, text=True, check=False)
                    docker("rm", "--force", self.name)
                    raise AssertionError(f"GitHub does not answer at {address}: {said.stdout}{said.stderr}") from None
                time.sleep(0.1)
            else:
                return

    @property
    def _log(self) -> Path:
        return self.folder / "requests.jsonl"

    @property
    def api_url(self) -> str:
        """Where the REST API is."""
        return f"{self.url}/api/v3"

    @property
    def requests(self) -> list[Exchange]:
        """Every exchange so far."""
        lines = self._log.read_text().splitlines() if self._log.exists() else []
        return [Exchange(**json.loads(line)) for line in lines]

    def find(
        self, method: str | None = None, path_pattern: str | None = None, status: int | None = None
    ) -> list[Exchange]:
        """The exchanges with this method, whole path (a regular expression) and status."""
        return [
            one
            for one in self.requests
            if (method is None or one.method == method.upper())
            and (path_pattern is None or re.fullmatch(path_pattern, one.path))
            and (status is None or one.status == status)
        ]

    def count(self, method: str | None = None, path_pattern: str | None = None, status: int | None = None) -> int:
        """How many exchanges there were."""
        return len(self.find(method, path_pattern, status))

    def git_url(self, repository: str, token: str | None = None) -> str:
        """Where to clone a repository from, with credentials when a token is given."""
        login = f"x-access-token:{token}@" if token else ""
        return f"{self.url.replace('://', f'://{login}')}/{self.organization}/{repository}.git"

    def clone(self, repository: str, folder: Path, token: str | None = None) -> Path:
        """A working copy, to read from and to push from."""
        subprocess.run(
            ["git", "clone", "--quiet", self.git_url(repository, token), str(folder)], check=True, timeout=60
        )
        return folder


def _network() -> None:
    """Kind's network, as Kind makes it before its first cluster."""
    if not docker("network", "ls", "--quiet", "--filter", f"name=^{NETWORK}$"):
        options = ("--driver=bridge", "--ipv6", f"--subnet={SUBNET}", "--opt=com.docker.network.driver.mtu=1500")
        docker("network", "create", *options, "--opt=com.docker.network.bridge.enable_ip_masquerade=true", NETWORK)


def _empty_image() -> None:
    if not docker("images", "--quiet", EMPTY):
        nothing = subprocess.run(["tar", "--create", "--files-from=/dev/null"], capture_output=True, check=True)
        docker("import", "-", EMPTY, given=nothing.stdout)
