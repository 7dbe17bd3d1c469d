"""`recover`: before `up`, take up what a killed run or an earlier life of the stack left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from idp.cli.common import HERE, ProjectOption, StackOption, console, engine_of, errors, failures_end_it
from idp.errors import counted

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from idp.lifecycle.findings import Refusal
    from idp.lifecycle.recovery import Stack

TakeOver = Annotated[
    bool,
    typer.Option("--take-over", help="Take repositories and clusters that name this project but were made elsewhere."),
]


def recover(stack: StackOption = "dev", take_over: TakeOver = False, project: ProjectOption = HERE) -> None:  # noqa: FBT002  an option, never given by place
    """Take away a dead lock, and take what is ours and already there into the state. Safe to run at any time."""
    with failures_end_it():
        run(opened(project, stack), take_over=take_over)


def opened(project: Path, stack: str) -> Stack:
    """The stack as it is declared, with its engine; a mistake in the config ends it before anything is made."""
    from idp import recorder  # noqa: PLC0415  see validate
    from idp.lifecycle.recovery import Stack  # noqa: PLC0415

    settings, plan = recorder.load(project, stack), recorder.record(project, stack)
    return Stack(engine=engine_of(project, stack), settings=settings, plan=plan)


def run(stack: Stack, *, take_over: bool) -> None:
    """Look, say and do; or say what is somebody else's, do nothing, and end."""
    from idp.lifecycle import recovery  # noqa: PLC0415
    from idp.lifecycle.findings import Refusal  # noqa: PLC0415

    recovery.unlock(stack.engine, stack.plan.project, say)
    state = stack.engine.state()
    stack.engine.workspace.remember(state)
    found = recovery.find(stack, state, take_over=take_over)
    refused = [one for one in found if isinstance(one, Refusal)]
    tell(refused)
    if refused:
        errors.print(f"\n{counted(len(refused), 'thing')} in the way; nothing was changed.")
        raise typer.Exit(1)
    recovery.take_up(stack, state, found, say)
    for name in state.forgotten(stack.plan.nodes):
        errors.print(
            f"warning: {name}: its entry is gone. Its repository stays as it is, without this platform; `state: retired` "
            "in the entry archives it and keeps the name taken",
            markup=False,
        )


def tell(refused: Iterable[Refusal]) -> None:
    """Say what is not provably this stack's, and what to do about it."""
    for one in refused:
        errors.print(f"{one.subject}: {one.message}", markup=False)


def say(line: str) -> None:
    """Tell what is being done."""
    console.print(f"recover: {line}", markup=False)
