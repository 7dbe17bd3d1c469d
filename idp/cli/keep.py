"""`keep`: bundles of what people made in a stack's own forge, before it goes with its cluster; the next `up` puts them back."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from idp.cli.common import HERE, ProjectOption, StackOption, console, engine_of, failures_end_it
from idp.errors import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from idp.lifecycle.engine import Engine
    from idp.lifecycle.own_forge import OwnForge
    from idp.lifecycle.recovery import Stack
    from idp.lifecycle.state import State
    from idp.settings import Settings

KeepOption = Annotated[
    bool | None,
    typer.Option("--keep/--no-keep", help="Whether to keep bundles of what people made in the stack's own forge."),
]
SURE = frozenset({"--yes", "-y"})
PATIENCE = 120
"""Seconds for a forge to answer whose cluster is there: after a restart of the machine it is a minute."""


def keep(stack: StackOption = "local", project: ProjectOption = HERE) -> None:
    """Keep bundles of the forge's repositories in which people made something; a forge that is made anew gets them back."""
    from idp.recorder import load  # noqa: PLC0415

    with failures_end_it():
        settings, engine = load(project, stack), engine_of(project, stack)
        found = look(engine, settings, engine.state())
        if not found.made:
            console.print("keep: nobody made anything that the templates would not make again")
        found.bundle("keep")


def before_up(stack: Stack) -> None:
    """Where `up` takes a forge away, or makes another: keep what people made in the old one, and say what the new one gets."""
    from idp.lifecycle import own_forge  # noqa: PLC0415

    state = stack.engine.state()
    has = own_forge.organizations(state)
    if not has and not stack.settings.forge:
        return
    ends = own_forge.ends(stack.plan, state)
    if ends and has and own_forge.lives(state):
        found = look(stack.engine, stack.settings, state)
        if found.made:
            console.print("up: the forge that is there goes, as another cluster or another config takes its place")
            found.bundle("up")
    if ends or not state.of(own_forge.KIND):
        for line in own_forge.returns(stack.plan, state, stack.settings):
            console.print(f"up: {line}", markup=False)


def before_down(stack: Stack, state: State, decided: bool | None, options: Sequence[str]) -> None:  # noqa: FBT001  as the option says it
    """Say what people made in the forge that goes, and keep it, unless somebody says not to.

    Args:
        stack: whose; it has a forge.
        state: of that stack.
        decided: what the option says; nothing where it was not given: then a terminal is asked, and anything else kept.
        options: of the engine; one of them may say that nothing is to be asked.

    Raises:
        ForgeError: the forge's cluster is there, and the forge does not answer: nothing can be kept of it.
    """
    from idp.lifecycle import own_forge  # noqa: PLC0415

    if decided is False:
        console.print("down: not kept; an earlier bundle stays, and is what the next `up` puts back")
        return
    if not own_forge.lives(state):
        return
    found = look(stack.engine, stack.settings, state)
    for repository, commits in found.made.items():
        console.print(f"down: {repository} in the forge has {counted(commits, 'commit')} of people's")
    if found.made and decided is None and sys.stdin.isatty() and SURE.isdisjoint(options):
        decided = typer.confirm("Keep bundles of them, which the next `up` puts back?", default=True)
    if decided is not False:
        found.bundle("down")


@dataclass(frozen=True, kw_only=True)
class Found:
    """What people made in a forge."""

    forge: OwnForge
    settings: Settings
    commits: Mapping[str, Mapping[str, int]]
    """Organization -> repository -> commits of people's, where there are any."""

    @property
    def made(self) -> dict[str, int]:
        """Repository -> commits of people's."""
        return {name: number for repositories in self.commits.values() for name, number in repositories.items()}

    def bundle(self, who: str) -> None:
        """Write the bundles; `who` says so."""
        from idp.lifecycle import own_forge  # noqa: PLC0415

        for organization, repositories in self.commits.items():
            for repository, file in own_forge.keep(self.forge, self.settings, organization, repositories):
                commits = counted(repositories[repository], "commit")
                console.print(f"{who}: {repository}: {commits} of people's kept in {file}", markup=False)


def look(engine: Engine, settings: Settings, state: State) -> Found:
    """What people made in the stack's forge; one that has just been started is waited for.

    Raises:
        NoForgeError: the stack has none.
        ForgeError: it does not answer, or refuses.
    """
    from components.dynamic.forge_client import ForgeError, SilentForgeError  # noqa: PLC0415
    from idp.lifecycle import own_forge  # noqa: PLC0415

    forge = own_forge.of(engine, settings)
    client = forge.client()
    try:
        client.ready(PATIENCE)
        organizations = sorted(own_forge.organizations(state))
        return Found(
            forge=forge, settings=settings, commits={each: own_forge.peoples(client, each) for each in organizations}
        )
    except SilentForgeError as error:
        raise ForgeError(
            f"{error}\nIts cluster is there, and what people made in it cannot be kept while it is silent; `python -m idp status "
            f"--stack {settings.stack}` says how it is doing, and `down --no-keep` gives their work up"
        ) from None
