"""Images without a registry: built with this machine's Docker from what the forge holds, and put into Kind's nodes.

A commit deploys them, as a service's workflow does on GitHub: the first environment's branch gets the default branch's `deploy/`
with the image in it.
"""

from __future__ import annotations

import io
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ruamel.yaml import YAML

from components.dynamic.forge_client import ForgeClient, ForgeError, segment, tree
from components.dynamic.forge_folder import differences
from components.dynamic.forge_repository import AUTHOR, MAIN
from idp import answers, choices, naming, render
from idp.model import KindSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from idp.cluster_api import ClusterApi
    from idp.model import Service
    from idp.settings import Settings

DEPLOY = "deploy"
"""What an environment's branch holds."""
TAG = 12
"""Characters of a commit, as an image's tag."""


class BuildError(Exception):
    """An image cannot be built or deployed; the text says why."""


@dataclass(frozen=True, kw_only=True)
class Build:
    """One service's image."""

    service: str
    environment: str
    image: str
    """Without a tag."""
    commit: str
    """Of the default branch, whole."""
    files: Mapping[str, bytes]
    """Everything that the repository holds at that commit."""
    executable: frozenset[str] = frozenset()
    """Those that people have made executable; the forge's own first commit makes none."""

    @property
    def tag(self) -> str:
        """The commit's beginning: an image that was built of it says so."""
        return self.commit[:TAG]

    @property
    def reference(self) -> str:
        """As Docker and the nodes call it."""
        return f"{self.image}:{self.tag}"

    def deployed(self) -> dict[str, bytes]:
        """What the environment's branch is to hold: `deploy/` with this image in the environment's overlay.

        Raises:
            BuildError: the overlay names no such image.
        """
        found = dict(render.below(self.files, DEPLOY))
        overlay = f"{naming.overlay(self.environment)}/kustomization.yaml"
        try:
            found[overlay] = pinned(found[overlay].decode(), self.image, self.tag).encode()
        except KeyError as error:
            raise BuildError(
                f"{self.service}: {overlay} names no image {self.image}; write one below `images`"
            ) from error
        return found


@dataclass(frozen=True, kw_only=True)
class Release:
    """What an environment is to run from now on."""

    application: str
    """Argo CD's name for it."""
    commit: str
    """The newest on the environment's branch."""
    new: bool
    """Whether that took a commit."""


def fetch(client: ForgeClient, settings: Settings, service: Service) -> Build:
    """What is to be built: the newest commit of a service's default branch.

    Raises:
        ForgeError: there is no such repository or branch.
    """
    place = f"repos/{settings.config.organization}/{service.name}"
    head = client.get(f"{place}/branches/{MAIN}")
    if head is None:
        raise ForgeError(f"{service.name}: its repository has no branch `{MAIN}` yet; push one")
    commit = str(head["commit"]["id"])
    files, executable = unpacked(client.raw(f"{place}/archive/{commit}.tar.gz"))
    return Build(
        service=service.name,
        environment=settings.config.environments[0],
        image=answers.image(settings, service.name),
        commit=commit,
        files=files,
        executable=executable,
    )


def cluster_of(settings: Settings) -> str:
    """The Kind cluster whose nodes get images; a stack with a forge has one."""
    cluster = settings.config.cluster
    if not isinstance(cluster, KindSpec):
        raise BuildError(f"stack {settings.stack} has no Kind cluster, into whose nodes an image could be put")
    return cluster.name


def unpacked(archive: bytes) -> tuple[dict[str, bytes], frozenset[str]]:
    """Path -> content of an archive's plain files, without the folder that all of them are in, and which may be run."""
    found: dict[str, bytes] = {}
    executable: set[str] = set()
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as opened:
        for member in opened:
            path = Path(*Path(member.name).parts[1:])
            if member.isfile() and ".." not in path.parts and (content := opened.extractfile(member)):
                found[path.as_posix()] = content.read()
                executable |= {path.as_posix()} if member.mode & 0o100 else set()
    return found, frozenset(executable)


def make(build: Build, run: Callable[[Sequence[str]], None], options: Sequence[str] = ()) -> None:
    """Build the image; it is told its version, which is the commit.

    Args:
        build: of what.
        run: a command, on the user's terminal.
        options: more of `docker build`, such as another base image.

    Raises:
        BuildError: Docker fails; what it said is on the terminal.
    """
    with tempfile.TemporaryDirectory() as folder:
        for path, data in build.files.items():
            target = Path(folder) / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
            if path in build.executable or data.startswith(b"#!"):
                target.chmod(0o755)
        version = f"VERSION={build.commit}"
        run(["docker", "build", "--tag", build.reference, "--build-arg", version, *options, folder])


def load(references: Sequence[str], cluster: str, nodes: Sequence[str], run: Callable[[Sequence[str]], None]) -> None:
    """Put images into those nodes of a Kind cluster on which services run, all in one archive: layers in common go once.

    Raises:
        BuildError: Kind fails; what it said is on the terminal.
    """
    run(["kind", "load", "docker-image", *references, "--name", cluster, "--nodes", ",".join(nodes)])


def nodes(api: ClusterApi, settings: Settings) -> list[str]:
    """Names of the nodes on which services may run.

    Raises:
        ClusterError: the cluster does not answer.
    """
    wanted = choices.placement(settings.config, "workloads")
    found = api.every("v1", "Node", labels=",".join(f"{key}={value}" for key, value in sorted(wanted.items())))
    return sorted(str(one["metadata"]["name"]) for one in found)


def deploy(client: ForgeClient, settings: Settings, build: Build) -> Release:
    """Bring the first environment's branch to what was built."""
    place, branch = f"repos/{settings.config.organization}/{build.service}", naming.branch(build.environment)
    changes = differences(build.deployed(), tree(client, place, branch))
    if changes:
        text = f"Release {build.tag}"
        commit = {"branch": branch, "message": text, "author": AUTHOR, "committer": AUTHOR, "files": changes}
        client.send("POST", f"{place}/contents", commit)
    tip = client.get(f"{place}/branches/{segment(branch)}")["commit"]["id"]
    return Release(application=naming.application(build.service, build.environment), commit=str(tip), new=bool(changes))


def pinned(text: str, image: str, tag: str) -> str:
    """A kustomization with another tag of one image; comments and order stay.

    Raises:
        KeyError: it names no such image.
    """
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 200
    yaml.indent(mapping=2, sequence=4, offset=2)
    document: Any = yaml.load(text)  # pyright: ignore[reportUnknownMemberType]
    entries = cast("list[dict[str, str]]", document.get("images") or [])
    for entry in (each for each in entries if each.get("name") == image):
        entry.pop("digest", None)
        entry |= {"newName": image, "newTag": tag}
        written = io.StringIO()
        yaml.dump(document, written)  # pyright: ignore[reportUnknownMemberType]
        return written.getvalue()
    raise KeyError(image)


def on_this_machine(command: Sequence[str]) -> None:
    """Run a command on the user's terminal.

    Raises:
        BuildError: it cannot be run, or fails.
    """
    try:
        code = subprocess.run(command, check=False).returncode
    except OSError as error:
        raise BuildError(f"`{command[0]}` cannot be run ({error.strerror}); `python -m idp doctor` says more") from None
    if code:
        raise BuildError(f"`{' '.join(command[:2])}` failed; what it said is above")
