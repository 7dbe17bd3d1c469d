"""The forge of a stack that is up: who works in it, what people made there, and what is kept of that."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from components.dynamic.forge_bundle import Bundles
from components.dynamic.forge_client import ForgeClient, segment
from components.dynamic.forge_repository import AUTHOR
from components.dynamic.kind_cluster import KindProvider, stands
from idp import naming
from idp.lifecycle.state import FORGE_REPOSITORY, KIND

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from idp.lifecycle.engine import Engine
    from idp.lifecycle.state import State
    from idp.plan import Plan
    from idp.settings import Settings

ORGANIZATION = "pulumi-python:dynamic/idp:ForgeOrganization"


class NoForgeError(Exception):
    """The stack has none, or was never brought up; the text says what to do instead."""


@dataclass(frozen=True, kw_only=True)
class OwnForge:
    """Its addresses and passwords, from the stack's outputs."""

    outputs: Mapping[str, Any]

    @property
    def url(self) -> str:
        """For people."""
        return str(self.outputs["urls"]["forge"])

    @property
    def passwords(self) -> Mapping[str, str]:
        """Login -> password, the administrator's among them. Secret."""
        return self.outputs["forgePasswords"]

    def access(self, login: str = naming.FORGE_ADMINISTRATOR) -> dict[str, Any]:
        """Where it is, and as whom; with a password."""
        signed_in = {"url": self.url, "user": login, "password": self.passwords[login]}
        return signed_in | {"authority": self.outputs["certificateAuthority"]}

    def client(self, login: str = naming.FORGE_ADMINISTRATOR) -> ForgeClient:
        """Somebody's requests."""
        return ForgeClient(self.access(login))


def of(engine: Engine, settings: Settings) -> OwnForge:
    """The forge of a stack.

    Raises:
        NoForgeError: there is none.
    """
    outputs = json.loads(engine.quietly("stack", "output", "--json", "--show-secrets"))
    if "forgePasswords" in outputs:  # also where the config says by now that there is to be none
        return OwnForge(outputs=outputs)
    expected(settings)
    raise NoForgeError(f"stack {settings.stack} is not up; `python -m idp local --stack {settings.stack}` brings it up")


def expected(settings: Settings) -> None:
    """Make sure that the stack is to have a forge.

    Raises:
        NoForgeError: it is not.
    """
    if not settings.forge:
        raise NoForgeError(f"stack {settings.stack} has no forge of its own; the one that says `github: local` has")


def organizations(state: State) -> set[str]:
    """Those that the stack has made in its forge; none where it has no forge."""
    return {str(one["inputs"]["organization"]) for one in state.of(ORGANIZATION)}


def lives(state: State) -> bool:
    """Whether the cluster that holds the forge is there, however the forge is doing.

    Raises:
        KindError: it is there and does not run, or Docker does not answer.
    """
    return any(stands(str(one["id"]), str(one["inputs"]["cluster_name"])) for one in state.of(KIND))


def peoples(client: ForgeClient, organization: str) -> dict[str, int]:
    """Repository -> commits of people's on its branches, where there are any.

    Raises:
        SilentForgeError: the forge does not answer.
    """
    found: dict[str, int] = {}
    for repository in client.every(f"orgs/{organization}/repos"):
        place = f"repos/{repository['full_name']}"
        branches = [] if repository["empty"] else [str(one["name"]) for one in client.every(f"{place}/branches")]
        commits = {
            str(one["sha"])
            for branch in branches
            for one in client.every(f"{place}/commits", sha=segment(branch), stat="false", files="false")
            if one["commit"]["author"]["email"] != AUTHOR["email"]
        }
        if commits:
            found[str(repository["name"])] = len(commits)
    return found


def keep(
    forge: OwnForge, settings: Settings, organization: str, repositories: Iterable[str]
) -> Iterator[tuple[str, Path]]:
    """Write a bundle of each of an organization's repositories; its name, and the file.

    Raises:
        BundleError: git is not there, or fails.
    """
    bundles = Bundles.of(settings.project, settings.stack)
    for repository in repositories:
        yield repository, bundles.keep(forge.access(), f"{organization}/{repository}")


def ends(plan: Plan, state: State) -> bool:
    """Whether an `up` takes the forge away, or makes another: with another cluster, organization, or no forge at all.

    Raises:
        KindError: the cluster cannot be asked.
    """
    if organizations(state) - {str(node.inputs["organization"]) for node in plan.of(ORGANIZATION)}:
        return True
    declared = {node.urn: node for node in plan.of(KIND)}
    return any(
        one["urn"] not in declared
        or KindProvider().diff(str(one["id"]), dict(one["outputs"]), dict(declared[one["urn"]].inputs)).replaces
        for one in state.of(KIND)
    )


def returns(plan: Plan, state: State, settings: Settings) -> Iterator[str]:
    """What becomes of each repository in a forge that is made anew, as lines for people."""
    bundles = Bundles.of(settings.project, settings.stack)
    kept = bundles.kept()
    known = {one["inputs"]["repository"] for one in state.of(FORGE_REPOSITORY)}
    declared = {str(node.inputs["repository"]) for node in plan.of(FORGE_REPOSITORY)}
    for name in sorted(declared):
        if name in kept:
            yield f"{name}: comes back from the bundle of {time.strftime('%Y-%m-%d %H:%M', time.localtime(kept[name]))}"
        elif name in known:
            yield f"{name}: comes back as its template makes it; what people pushed to it since is lost"
    for name in sorted(kept.keys() - declared):
        yield f"{name}: has no entry, so nobody makes it again; its history is in {bundles.file(name)}"
