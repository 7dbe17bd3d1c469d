"""`up`, `down` and `pulumi`: the engine's own commands on a stack that is ready for them."""

from __future__ import annotations

import typer

from idp.cli import doctor, recover
from idp.cli.common import HERE, ProjectOption, StackOption, console, failures_end_it

REST = {"allow_extra_args": True, "ignore_unknown_options": True}
"""What the command does not know itself goes to `pulumi`."""

KEPT = (
    "github:index/",
    "pulumi:providers:github",
    "dynamic/idp:Scaffold",
    "dynamic/idp:Password",
    "dynamic/idp:KeyPair",
)
"""Beginnings of the types that `down` leaves in the state: repositories and what belongs to them, and keys."""


def up(
    context: typer.Context,
    stack: StackOption = "dev",
    take_over: recover.TakeOver = False,  # noqa: FBT002  an option, never given by place
    project: ProjectOption = HERE,
) -> None:
    """Check the machine, recover, then `pulumi up`; further options go to it."""
    doctor.check(project, stack)
    with failures_end_it():
        opened = recover.opened(project, stack)
        recover.run(opened, take_over=take_over)
        code = opened.engine.attend("up", *context.args)
        opened.engine.workspace.remember(opened.engine.state())
    raise typer.Exit(code)


def down(context: typer.Context, stack: StackOption = "dev", project: ProjectOption = HERE) -> None:
    """Take away what runs; repositories stay as they are, and keys and passwords stay in the state for the next `up`."""
    from idp.lifecycle import recovery  # noqa: PLC0415  see validate
    from idp.lifecycle.findings import Refusal  # noqa: PLC0415

    with failures_end_it():
        opened = recover.opened(project, stack)
        recovery.unlock(opened.engine, opened.plan.project, recover.say)
        state = opened.engine.state()
        opened.engine.workspace.remember(state)
        found = recovery.find(opened, state, take_over=True, github=False)
        recovery.take_up(opened, state, [one for one in found if not isinstance(one, Refusal)], recover.say)
        code = opened.engine.attend("destroy", *kept(opened.plan.project, stack), *context.args)
    if not code:
        console.print("down: repositories are as they were; keys and passwords are kept for the next `up`")
    raise typer.Exit(code)


def kept(project: str, stack: str) -> list[str]:
    """The options that keep resources of those types, whatever hangs above them."""
    return [word for kind in KEPT for word in ("--exclude", f"urn:pulumi:{stack}::{project}::**{kind}**")]


def pulumi(context: typer.Context, stack: StackOption = "dev", project: ProjectOption = HERE) -> None:
    """Run any command of `pulumi` with this stack's own file, state and passphrase."""
    with failures_end_it():
        engine = recover.engine_of(project, stack)
    raise typer.Exit(engine.attend(*context.args))
