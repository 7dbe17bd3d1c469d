"""A Kind cluster, made and unmade by the `kind` command.

Nothing of a cluster can be changed in place, so that every change is another cluster. The engine makes the new one before
it deletes the old, and both may have one name; hence the identity below is name and certificate authority, never the name.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, ResourceProvider, UpdateResult

from components.options import plus
from idp import kubeconfig

INPUTS = ("project", "stack", "cluster_name", "config")
PATIENCE = "180s"
"""For the nodes to be ready; the first cluster on a machine pulls the node image before that."""


class KindError(Exception):
    """`kind` cannot do what was asked; the text says what to do about it."""


def kind(*arguments: str, stdin: str | None = None) -> str:
    """Run the command; its standard output.

    Raises:
        KindError: it is not installed, Docker does not answer, or it refuses.
    """
    try:
        done = subprocess.run(["kind", *arguments], input=stdin, capture_output=True, text=True, check=False)  # noqa: S607
    except OSError as error:
        raise KindError(
            f"`kind` cannot be run ({error.strerror}); https://kind.sigs.k8s.io says how to install it"
        ) from None
    if done.returncode == 0:
        return done.stdout
    said = done.stderr.strip()
    if "docker" in said.lower() and ("daemon" in said.lower() or "docker ps" in said):
        raise KindError(f"Docker does not answer; start it and run this again. `kind {arguments[0]}` said: {said}")
    raise KindError(f"`kind {' '.join(arguments[:2])}` failed: {said}")


def clusters() -> list[str]:
    """Names of the clusters on this machine, half-made ones too."""
    return kind("get", "clusters").split()


def live(name: str) -> str | None:
    """CA hash of the cluster of that name; nothing where there is none, or only part of one."""
    if name not in clusters():
        return None
    try:
        return kubeconfig.ca_hash(kind("get", "kubeconfig", "--name", name))
    except (KindError, kubeconfig.KubeconfigError):
        return None


@dataclass(frozen=True, kw_only=True)
class Folder:
    """Where this machine keeps what belongs to a stack's clusters: a kubeconfig of its own, and the intent to make each."""

    project: str
    stack: str

    @property
    def path(self) -> Path:
        """Below the user's state folder; readable by the user alone."""
        home = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
        return home / "idp" / self.project / self.stack

    def kubeconfig(self, name: str) -> Path:
        """The cluster's kubeconfig, apart from the user's own."""
        return self.path / f"{name}.kubeconfig"

    def intent(self, name: str) -> Path:
        """Written before a cluster is made: it says that a cluster of that name is this stack's."""
        return self.path / f"{name}.intent.json"

    def intended(self) -> list[str]:
        """Names of the clusters that this stack made or began to make here."""
        return sorted(json.loads(file.read_text())["name"] for file in self.path.glob("*.intent.json"))

    def intend(self, name: str) -> None:
        """Note the intent, for the run that finds what a killed one left."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        note = {"project": self.project, "stack": self.stack, "name": name}
        self.intent(name).write_text(json.dumps(note) + "\n")

    def remove(self, name: str) -> None:
        """Delete the cluster, then its files; in that order, so that a killed run is taken up again."""
        if name in clusters():
            kind("delete", "cluster", "--name", name, "--kubeconfig", str(self.kubeconfig(name)))
        self.kubeconfig(name).unlink(missing_ok=True)
        self.intent(name).unlink(missing_ok=True)


class KindProvider(ResourceProvider):
    """The life of one cluster."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Remove what this stack made before, as it holds the ports; then make the cluster.

        Raises:
            KindError: a cluster of that name is somebody else's, or `kind` refuses.
        """
        folder, name = Folder(project=props["project"], stack=props["stack"]), props["cluster_name"]
        for earlier in folder.intended():
            folder.remove(earlier)
        if name in clusters():
            raise KindError(
                f"a Kind cluster `{name}` is there already and this stack did not make it; choose another "
                f"`name` in idp:cluster, or remove it yourself: kind delete cluster --name {name}"
            )
        folder.intend(name)
        private = folder.kubeconfig(name)
        where = ("--name", name, "--kubeconfig", str(private))
        kind("create", "cluster", *where, "--config", "-", "--wait", PATIENCE, stdin=props["config"])
        private.chmod(0o600)
        text = private.read_text()
        identifier = f"{name}-{kubeconfig.ca_hash(text)}"
        outs = {**{key: props[key] for key in INPUTS}, "kubeconfig": text, "identifier": identifier}
        return CreateResult(identifier, outs)

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """A changed input asks for another cluster, and so does a cluster that is gone."""
        changed = [name for name in INPUTS if _olds[name] != _news[name]]
        gone = not changed and _id != f"{_olds['cluster_name']}-{live(_olds['cluster_name'])}"
        return DiffResult(changes=bool(changed or gone), replaces=changed or (["cluster_name"] if gone else []))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Keep what there is; `diff` asks for replacement and never for this."""
        return UpdateResult(_olds)

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Say what the state says: a cluster reported gone here would take its dependants' order of deletion with it."""
        return ReadResult(id_, props)

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Delete this cluster, and not another that has its name by now."""
        name = _props["cluster_name"]
        if _id == f"{name}-{live(name)}":
            Folder(project=_props["project"], stack=_props["stack"]).remove(name)


class Kind(Resource, module="idp", name="KindCluster"):
    """A Kind cluster."""

    kubeconfig: pulumi.Output[str]
    """Text of its kubeconfig. Secret."""
    identifier: pulumi.Output[str]
    """Name and CA hash: equal for this cluster, another for its successor."""

    def __init__(
        self, name: str, *, project: str, stack: str, cluster_name: str, config: str, opts: pulumi.ResourceOptions
    ) -> None:
        """Declare a cluster.

        Args:
            name: of the resource.
            project: whose cluster it is,
            stack: together with the project.
            cluster_name: as `kind get clusters` prints it.
            config: Kind's own configuration, as YAML.
            opts: the caller's.
        """
        props = {
            "project": project, "stack": stack, "cluster_name": cluster_name, "config": config,
            "kubeconfig": None, "identifier": None,
        }  # fmt: skip
        super().__init__(KindProvider(), name, props, plus(opts, additional_secret_outputs=["kubeconfig"]))
