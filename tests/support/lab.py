"""Finds the real parts that engine tests run, and skips those tests, by name, where a part is missing.

The parts are binaries on PATH; etcd and kube-apiserver may also be in the folder that KUBEBUILDER_ASSETS names, which
is where `setup-envtest use -p path` puts them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.apiserver import find, free_port

__all__ = [
    "APISERVER",
    "ENGINE",
    "KIND",
    "NODE_IMAGE",
    "POD_IMAGE",
    "REAL_KIND",
    "Kind",
    "free_port",
    "missing",
    "requires_apiserver",
    "requires_argocd",
    "requires_engine",
    "requires_git",
    "requires_kind",
]

APISERVER = ("etcd", "kube-apiserver", "openssl")
"""What a real Kubernetes API consists of."""

ENGINE = (
    "pulumi",
    "pulumi-language-python",
    "pulumi-resource-kubernetes",
    "pulumi-resource-github",
    "pulumi-resource-pulumi-python",
    "kubectl",
    "git",
    *APISERVER,
)
"""What a real `pulumi up` of this program needs, its GitHub excepted."""

KIND = Path(__file__).with_name("kind")
"""The `kind` that needs no Docker."""

IN_ASSETS = ("etcd", "kube-apiserver")


def missing(*names: str) -> list[str]:
    """Return which of these binaries are not to be found, in the order given."""
    return [name for name in names if not (find(name) if name in IN_ASSETS else shutil.which(name))]


def _requires(names: tuple[str, ...]) -> pytest.MarkDecorator:
    absent = missing(*names)
    return pytest.mark.skipif(bool(absent), reason=f"not on PATH: {', '.join(absent)}")


requires_engine = _requires(ENGINE)
"""Marks a test, or a module through `pytestmark`, that runs `pulumi` against a real API server."""

requires_git = _requires(("git",))
"""Marks a test of anything that talks to the tests' GitHub, whose repositories are real git repositories."""

requires_apiserver = _requires(APISERVER)
"""Marks one that only needs the API server."""

ARGOCD = ("argocd", "redis-server", "kustomize", "kube-controller-manager")
"""What a real Argo CD needs beside the engine's parts: its binary under this name, and a cluster that tidies up."""

requires_argocd = _requires(ARGOCD)
"""Marks one in which Argo CD runs."""

LAB = Path(os.environ.get("IDP_LAB") or Path.home() / ".cache" / "idp-lab")
"""Where the real parts are that are too large for PATH."""

REAL_KIND = LAB / "kind" / "bin" / "kind"
NODE_IMAGE = "idp-kind-node:v1.36.3"
"""Of the nodes of real clusters; it pulls nothing."""
POD_IMAGE = "idp-lab/local-path-helper:1"
"""On every such node: busybox, for pods that serve and call."""


def requires_kind() -> pytest.MarkDecorator:
    """Mark a test that makes real clusters. Whoever collects such tests calls this, as it has to ask Docker."""
    if not REAL_KIND.is_file():
        lack = f"no real kind at {REAL_KIND}; IDP_LAB names the lab's folder"
    elif not _docker("version"):
        lack = "Docker does not answer"
    elif not _docker("image", "inspect", NODE_IMAGE):
        lack = f"Docker has no node image {NODE_IMAGE}"
    else:
        lack = ""
    return pytest.mark.skipif(bool(lack), reason=lack)


def _docker(*arguments: str) -> bool:
    try:
        return subprocess.run(["docker", *arguments], capture_output=True, timeout=20, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


@dataclass(frozen=True)
class Kind:
    """The `kind` that needs no Docker, as a program finds it, with clusters and a kubeconfig of its own."""

    home: Path
    """Of its clusters; `apiserver.stop_below(home)` stops all. The kubeconfig is beside it."""

    @property
    def kubeconfig(self) -> Path:
        """Where KUBECONFIG points."""
        return self.home.parent / "kubeconfig"

    def environment(self, **more: str) -> dict[str, str]:
        """What to run a program with, so that its `kind` is this one."""
        path = f"{KIND.parent}{os.pathsep}{os.environ['PATH']}"
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("KIND_", "IDP_KIND_"))}
        ours = {"IDP_KIND_HOME": str(self.home), "IDP_KIND_PYTHON": sys.executable, "KUBECONFIG": str(self.kubeconfig)}
        return kept | ours | {"PATH": path} | more

    def __call__(self, line: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        """Run one command line, whose words have no spaces in them."""
        return subprocess.run(
            ["kind", *line.split()],
            env=self.environment(**environment),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
