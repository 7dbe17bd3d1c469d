"""A machine that has everything that `up` needs, but for what a test says."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import yaml

from components.dynamic.kind_cluster import Folder, KindError
from idp.cluster_api import ClusterError
from idp.lifecycle.checks.github import github
from idp.lifecycle.checks.sign_in import sign_in
from idp.lifecycle.doctor import CHECKS, Finding
from idp.lifecycle.machine import Answer, Machine

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from idp.settings import Settings

ENGINE = version("pulumi")
KUBECONFIG = yaml.safe_dump(
    {
        "clusters": [{"name": "c", "cluster": {"certificate-authority-data": "b25l"}}],
        "contexts": [{"name": "prod", "context": {"cluster": "c", "user": "u"}}],
    }
)


@dataclass(kw_only=True)
class FakeCluster:
    """A cluster that allows some things."""

    allowed: tuple[tuple[str, str, str], ...] = (("*", "*", "*"),)
    silent: str = ""
    runs: str = "v1.36.1"
    volumes: bool = True

    def version(self) -> str:
        """Which Kubernetes it runs."""
        if self.silent:
            raise ClusterError(self.silent)
        return self.runs

    def may(self, verb: str, resource: str, group: str) -> bool:
        """Whether it is among what is allowed."""
        return bool({(verb, resource, group), ("*", "*", "*")} & set(self.allowed))

    def user(self) -> str:
        """Always the same."""
        return "ada"

    def gives_volumes(self) -> bool:
        """Whether it has a default StorageClass."""
        return self.volumes


@dataclass(kw_only=True)
class Fake:
    """A machine that has everything, but for what a case says."""

    lacks: tuple[str, ...] = ()
    says: Mapping[str, Answer | str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    taken: tuple[int, ...] = ()
    owns: Mapping[str, bool | str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    system: str = "Linux"
    cluster: FakeCluster = field(default_factory=FakeCluster)

    def machine(self, **real: Any) -> Machine:
        """As doctor sees it; some parts may be real."""
        parts: dict[str, Any] = {
            "environment": self.environment,
            "system": self.system,
            "which": lambda name: None if name in self.lacks else f"/bin/{name}",
            "run": self.run,
            "read": self.read,
            "port_is_free": lambda port: port not in self.taken,
            "owns": self.owned,
            "token": lambda _key: None,
            "cluster": lambda _text, _context: self.cluster,
        }
        return Machine(**parts | real)

    def run(self, command: Sequence[str]) -> Answer:
        """A command's answer; one that no case expects is an error."""
        healthy = {"pulumi version": f"v{ENGINE}\n", "kind get clusters": "", "pulumi plugin ls --json": "[]"}
        said = {**healthy, **self.says}[" ".join(command)]
        return Answer(out=said) if isinstance(said, str) else said

    def read(self, path: Path) -> str:
        """A file; an empty text stands for none."""
        healthy = {
            "/proc/sys/fs/inotify/max_user_watches": "524288\n",
            "/proc/sys/fs/inotify/max_user_instances": "512\n",
            "/proc/meminfo": "MemTotal: 16000000 kB\nMemAvailable:   4194304 kB\n",
            "/sys/fs/cgroup/cgroup.controllers": "cpu memory",
            "/there/config": KUBECONFIG,
        }
        found = {**healthy, **self.files}.get(str(path))
        if not found:
            raise FileNotFoundError(2, "No such file or directory", str(path))
        return found

    def owned(self, _folder: Folder, name: str) -> bool:
        """What is said of a cluster; a text is why it cannot be said."""
        said = self.owns.get(name, False)
        if isinstance(said, str):
            raise KindError(said)
        return said


def told(findings: list[Finding]) -> list[str]:
    """As the command prints them."""
    return [f"{one.mark} {one.check}: {one.message} → {one.remedy}" for one in findings]


def look(settings: Settings, machine: Machine) -> list[str]:
    """Every check but those that ask GitHub, which have tests of their own."""
    return told([finding for check in CHECKS if check not in {github, sign_in} for finding in check(settings, machine)])
