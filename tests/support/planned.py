"""A stack that nobody brought up: its plan, what templates are told in it, and what a cluster takes of it."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from idp import answers, recorder, templates
from idp.plan import manifests
from idp.render import Rendering, render
from tests.support import apiserver, lab

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from idp.plan import Plan
    from idp.settings import Settings

HIDDEN = {"Application", "ApplicationSet", "Certificate", "ClusterIssuer", "Secret"}
"""Kinds that a plan does not show whole, or that would start something."""
ARGOCD = "argoproj.io/v1alpha1"
LATE = 30
"""Seconds after which a new kind must be served."""


@dataclass(frozen=True, kw_only=True)
class Planned:
    """One stack."""

    settings: Settings
    plan: Plan

    def rendering(self, service: str) -> Rendering:
        """The files of a service's repository, from the answers that the program gives."""
        (entry,) = (one for one in self.settings.catalog.services if one.name == service)
        assert entry.template
        return render(templates.load(entry.template), answers.service_answers(self.settings, entry))

    def declared(self) -> list[dict[str, Any]]:
        """Every object of the plan, in an order in which a cluster takes them."""
        files = manifests.manifests(self.plan)
        return [yaml.safe_load(text) for path, text in files.items() if not path.endswith(".values.yaml")]

    def given(self) -> list[dict[str, Any]]:
        """What is there before anything of a team runs, without Argo CD's own kinds and what nobody can see."""
        kept = (one for one in self.declared() if one["apiVersion"] != ARGOCD and one["kind"] not in HIDDEN)
        return [one for one in kept if not one["metadata"].get("namespace", "").startswith("kube-")]

    def application(self, service: str, environment: str) -> dict[str, Any]:
        """The Application of one environment."""
        name = f"{service}-{environment}"
        (found,) = (one for one in self.declared() if one["kind"] == "Application" and one["metadata"]["name"] == name)
        return found

    def patches(self, service: str, environment: str) -> list[dict[str, Any]]:
        """What the stack adds to an overlay."""
        return self.application(service, environment)["spec"]["source"]["kustomize"]["patches"]


def planned(folder: Path, config: str) -> Planned:
    """The stack that a file's text describes; GITHUB_BASE_URL says where GitHub is."""
    (folder / "services").mkdir(parents=True)
    shutil.copy(recorder.PROGRAM / "Pulumi.yaml", folder)
    (folder / "Pulumi.dev.yaml").write_text(config)
    return Planned(settings=recorder.load(folder, "dev"), plan=recorder.record(folder, "dev"))


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """An API server with controllers and no nodes, asked as an administrator."""

    server: apiserver.ApiServer

    @property
    def kubeconfig(self) -> str:
        """As text."""
        return self.server.kubeconfig("there")

    def kubectl(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run one command."""
        file = self.server.folder / "administrator"
        if not file.exists():
            file.touch(mode=0o600)
            file.write_text(self.kubeconfig)
        command = ["kubectl", "--kubeconfig", str(file), *arguments]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, check=False)

    def get(self, *arguments: str) -> Any:
        """What there is."""
        done = self.kubectl("get", *arguments, "--output", "json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def apply(self, text: str, *arguments: str) -> str:
        """Put objects in by server-side apply, refused for a field that there is not; what kubectl warned of."""
        done = self.kubectl("apply", "--server-side", "--validate=strict", *arguments, "--filename=-", stdin=text)
        assert done.returncode == 0, done.stderr
        return done.stderr

    def have(self, objects: Iterable[dict[str, Any]]) -> None:
        """Put objects in, once their kinds are known."""
        text, deadline = yaml.safe_dump_all(objects), time.monotonic() + LATE
        while True:
            try:
                self.apply(text, "--force-conflicts")
            except AssertionError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)
            else:
                return


@contextmanager
def cluster(folder: Path, kinds: Iterable[Path] = ()) -> Iterator[Cluster]:
    """One that knows some more kinds; the test is skipped where a part is missing."""
    if absent := lab.missing(*lab.APISERVER, "kube-controller-manager", "kubectl", "kustomize"):
        pytest.skip(f"not on PATH: {', '.join(absent)}")
    server = apiserver.start(folder, controllers=True)
    try:
        made = Cluster(server=server)
        for file in kinds:
            made.apply(file.read_text())
        yield made
    finally:
        server.stop()
