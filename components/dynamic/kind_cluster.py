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
INTENT = ".intent.json"
ANOTHERS = "already exist for a cluster with the name"
"""What `kind create` says where somebody has begun a cluster of that name a moment ago."""
PART_OF_ONE = ("/etc/kubernetes/admin.conf: No such file", "could not locate any control plane nodes")
"""What `kind get kubeconfig` says of a cluster that is not all there; whatever else it says is no reason to replace one."""


class KindError(Exception):
    """`kind` cannot do what was asked; the text says what to do about it."""


def kind(*arguments: str, stdin: str | None = None) -> str:
    """Run the command; its standard output.

    Raises:
        KindError: it is not installed, or it refuses.
    """
    done = _run(*arguments, stdin=stdin)
    if done.returncode:
        raise KindError(f"`kind {' '.join(arguments[:2])}` failed: {_said(done)}")
    return done.stdout


def clusters() -> list[str]:
    """Names of the clusters on this machine, half-made and stopped ones too.

    Everything begins with this question: it asks Docker and does nothing else, so that it fails for one reason only, in
    whatever words. An error of Docker's in any later answer is an answer.

    Raises:
        KindError: `kind` is not installed, or Docker does not answer.
    """
    done = _run("get", "clusters")
    if done.returncode:
        raise KindError(f"Docker does not answer; start it and run this again. `kind get clusters` said: {_said(done)}")
    return done.stdout.split()


def live(name: str) -> str | None:
    """CA hash of the cluster of that name; nothing where there is none, or only part of one.

    Raises:
        KindError: Docker does not answer, or the cluster is there and cannot say which one it is: it is stopped.
    """
    if name not in clusters():
        return None
    try:
        return kubeconfig.ca_hash(kind("get", "kubeconfig", "--name", name))
    except kubeconfig.KubeconfigError:
        return None
    except KindError as error:
        if any(sign in str(error) for sign in PART_OF_ONE):
            return None
        raise KindError(
            f"the Kind cluster `{name}` is there but does not run; start it: "
            f"docker start $(kind get nodes --name {name}), or remove it: kind delete cluster --name {name}. {error}"
        ) from None


def stands(identifier: str, name: str) -> bool:
    """Whether the cluster of that name is the one of this identifier, and not another one since.

    Raises:
        KindError: as `live`.
    """
    return identifier == f"{name}-{live(name)}"


def _run(*arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(["kind", *arguments], input=stdin, capture_output=True, text=True, check=False)  # noqa: S607
    except OSError as error:
        raise KindError(
            f"`kind` cannot be run ({error.strerror}); https://kind.sigs.k8s.io says how to install it"
        ) from None


def _said(done: subprocess.CompletedProcess[str]) -> str:
    """The error alone, without the progress that stands before it."""
    return (done.stderr.partition("ERROR: ")[2] or done.stderr).strip()


@dataclass(frozen=True, kw_only=True)
class Folder:
    """Where this machine keeps what belongs to a stack's clusters: the intent to make each, and its own kubeconfig.

    The intent is there before the cluster is, and the kubeconfig only when the cluster is finished; so that an intent
    without a kubeconfig means a part of a cluster, left by a killed run. That a file is there counts, and not what is in
    it: a killed run may leave half of that, too.
    """

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
        return self.path / f"{name}{INTENT}"

    def intended(self) -> list[str]:
        """Names of the clusters that this stack made or began to make here."""
        return sorted(file.name.removesuffix(INTENT) for file in self.path.glob(f"*{INTENT}"))

    def finished(self, name: str) -> str | None:
        """CA hash of the cluster of that name that this stack finished here."""
        try:
            return kubeconfig.ca_hash(self.kubeconfig(name).read_text())
        except (OSError, kubeconfig.KubeconfigError):
            return None

    def begun(self, name: str) -> bool:
        """Whether a run of this stack began the cluster and did not come to its end."""
        return self.intent(name).exists() and self.finished(name) is None

    def owns(self, name: str) -> bool:
        """Whether the cluster of that name is this stack's; not when somebody has made another since."""
        return self.begun(name) or (self.intent(name).exists() and live(name) in {None, self.finished(name)})

    def intend(self, name: str) -> None:
        """Note the intent, for the run that finds what a killed one left."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._drop_kubeconfig(name)
        note = {"project": self.project, "stack": self.stack, "name": name}
        self.intent(name).write_text(json.dumps(note) + "\n")

    def remove(self, name: str) -> None:
        """Delete the cluster, then the intent; in that order, so that a killed run is taken up again."""
        self._drop_kubeconfig(name)
        if name in clusters():
            kind("delete", "cluster", "--name", name, "--kubeconfig", str(self.kubeconfig(name)))
        self.forget(name)

    def forget(self, name: str) -> None:
        """Delete the files alone."""
        self._drop_kubeconfig(name)
        self.intent(name).unlink(missing_ok=True)

    def _drop_kubeconfig(self, name: str) -> None:
        """With the lock that a killed `kind` leaves, on which every later one fails."""
        self.kubeconfig(name).unlink(missing_ok=True)
        self.kubeconfig(name).with_suffix(".kubeconfig.lock").unlink(missing_ok=True)


class KindProvider(ResourceProvider):
    """The life of one cluster."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Remove what this stack made before, as it holds the ports; then make the cluster.

        Raises:
            KindError: a cluster of that name is somebody else's, or `kind` refuses.
        """
        folder, name = Folder(project=props["project"], stack=props["stack"]), props["cluster_name"]
        _refuse_anothers(folder, name)
        for earlier in folder.intended():
            (folder.remove if folder.owns(earlier) else folder.forget)(earlier)
        folder.intend(name)
        private = folder.kubeconfig(name)
        where = ("--name", name, "--kubeconfig", str(private))
        try:
            kind("create", "cluster", *where, "--config", "-", "--wait", PATIENCE, stdin=props["config"])
        except KindError as error:
            (folder.forget if ANOTHERS in str(error) else folder.remove)(name)
            raise
        text = private.read_text()
        identifier = f"{name}-{kubeconfig.ca_hash(text)}"
        outs = {**{key: props[key] for key in INPUTS}, "kubeconfig": text, "identifier": identifier}
        return CreateResult(identifier, outs)

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """A changed input asks for another cluster, and so does a cluster that is gone.

        Raises:
            KindError: the cluster cannot be asked, or somebody else has made one of its name.
        """
        changed = [name for name in INPUTS if _olds[name] != _news[name]]
        folder, name = Folder(project=_news["project"], stack=_news["stack"]), _news["cluster_name"]
        gone = not changed and (folder.begun(name) or not stands(_id, name))
        if changed or gone:
            _refuse_anothers(folder, name)
        return DiffResult(changes=bool(changed or gone), replaces=changed or (["cluster_name"] if gone else []))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Keep what there is; `diff` asks for replacement and never for this."""
        return UpdateResult(_olds)

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Say what the state says: a cluster reported gone here would take its dependants' order of deletion with it."""
        return ReadResult(id_, props)

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Delete this cluster and what a killed run began in its place; not another that has its name by now."""
        folder, name = Folder(project=_props["project"], stack=_props["stack"]), _props["cluster_name"]
        if folder.begun(name) or stands(_id, name):
            folder.remove(name)
        elif _id == f"{name}-{folder.finished(name)}":
            folder.forget(name)


def _refuse_anothers(folder: Folder, name: str) -> None:
    if name in clusters() and not folder.owns(name):
        raise KindError(
            f"a Kind cluster `{name}` is there already and this stack did not make it; choose another "
            f"`name` in idp:cluster, or remove it yourself: kind delete cluster --name {name}"
        )


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
