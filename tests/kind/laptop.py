"""A newcomer's machine that runs the platform without any account: their commands, their git, their browser."""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from components.dynamic.forge_client import ForgeClient
from tests.kind.platform import Cluster
from tests.support import images

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.kind.conftest import Stack
    from tests.support.desk import Desk

DELETED = 300
"""Seconds for an Application and all that it runs to be gone: 8 where nothing else runs here, over 120 beside other tests."""


def docker() -> list[str]:
    """What a registry is replaced by: the templates' base images are others here, and packages come as on the host."""
    bases = {"NODE_IMAGE": images.node(), "PYTHON_IMAGE": images.python()}
    return ["--docker=--network=host", *(f"--docker=--build-arg={name}={image}" for name, image in bases.items())]


@dataclass(frozen=True)
class Laptop:
    """A newcomer's machine, and what stands on it by now."""

    stack: Stack

    @property
    def desk(self) -> Desk:
        """Where commands are typed."""
        return cast("Desk", self.stack.engine)

    @cached_property
    def outputs(self) -> Mapping[str, Any]:
        """The stack's; the same for all its life."""
        return self.desk.outputs()

    @cached_property
    def authority(self) -> str:
        """Whom its browser trusts."""
        return self.desk.idp("trust", "--stack", "local").stdout

    @property
    def cluster(self) -> Cluster:
        """What runs there."""
        ports = {"http": self.stack.cluster["httpPort"], "https": self.stack.cluster["httpsPort"]}
        return Cluster(kubeconfig=self.stack.kubeconfig, ports=ports)

    def local(self) -> str:
        """`make local`, where the templates' base images come from elsewhere; what it says."""
        return self.desk.idp("local", *docker(), seconds=600).stdout

    def build(self, service: str) -> str:
        """`idp build` of one, the same way."""
        return self.desk.idp("build", service, "--stack", "local", *docker()).stdout

    def up(self) -> None:
        """`make up`; again where the lab's provider gave a deletion a minute, for which the real one has ten."""
        deadline = time.monotonic() + DELETED
        while (done := self.desk.idp("up", "--stack", "local", "--yes", "--skip-preview", check=False)).returncode:
            late = "timed out waiting for argocd/" not in done.stdout or time.monotonic() > deadline
            assert not late, (
                f"{done.stdout}{done.stderr}{self.cluster.kubectl('describe', 'applications', '-n', 'argocd')}"
            )

    def client(self, user: str) -> ForgeClient:
        """Somebody's requests to the forge."""
        access = {"url": self.outputs["urls"]["forge"], "user": user, "authority": self.authority}
        return ForgeClient(access | {"password": self.outputs["forgePasswords"][user]})

    def ask(self, service: str, path: str = "/") -> Any:
        """What a service answers at its address; nothing while it does not."""
        url = self.outputs["urls"][f"{service}-dev"] + path
        answer = self.cluster.request(url, authority=self.authority)
        return json.loads(answer.text) if answer.status == 200 and answer.text.startswith("{") else None

    def version(self, service: str) -> str | None:
        """The commit that a service was built of, as it says itself."""
        said = self.ask(service)
        return str(said["version"]) if said else None

    def git(
        self, folder: Path, *arguments: str, user: str = "ada", check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Git as somebody runs it who trusts the authority; the password is no argument."""
        trusted = folder.parent / "authority.pem"
        trusted.write_text(self.authority)
        answer = '!f() { echo "username=$FORGE_USER"; echo "password=$FORGE_PASSWORD"; }; f'
        options = ["-c", f"http.sslCAInfo={trusted}", "-c", "credential.helper=", "-c", f"credential.helper={answer}"]
        done = subprocess.run(
            ["git", *options, "-c", "user.name=ada", "-c", "user.email=ada@acme.example", "-C", str(folder), *arguments],
            env={"PATH": "/usr/bin:/bin", "FORGE_USER": user, "FORGE_PASSWORD": self.outputs["forgePasswords"][user]},
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert not check or done.returncode == 0, done.stderr
        return done

    def clone(self, folder: Path, repository: str, branch: str = "main") -> Path:
        """A clone of one of the forge's repositories, as ada."""
        folder.mkdir()
        url = f"{self.outputs['urls']['forge']}/acme/{repository}.git"
        self.git(folder, "clone", "-q", "--branch", branch, url, ".")
        return folder

    def push(self, folder: Path) -> str:
        """Everything in the folder as one more commit, pushed; its name."""
        self.git(folder, "add", "--all")
        self.git(folder, "commit", "-q", "-m", "More")
        self.git(folder, "push", "-q", "origin", "HEAD")
        return self.git(folder, "rev-parse", "HEAD").stdout.strip()
