"""`up`, `down` and `pulumi`: the engine's own commands on a stack that is ready for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from idp.cli import doctor, recover
from idp.cli.common import HERE, ProjectOption, StackOption, console, engine_of, errors, failures_end_it
from idp.cli.keep import KeepOption, before_down, before_up
from idp.errors import counted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

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
        code = bring_up(project, stack, context.args, take_over=take_over)
    raise typer.Exit(code)


def bring_up(project: Path, stack: str, options: Sequence[str], *, take_over: bool = False) -> int:
    """Recover, then `pulumi up`; the engine's exit code."""
    opened = recover.opened(project, stack)
    recover.run(opened, take_over=take_over)
    before_up(opened)
    code = opened.engine.attend("up", *options)
    opened.engine.workspace.remember(opened.engine.state())
    return code


def down(
    context: typer.Context,
    stack: StackOption = "dev",
    keep: KeepOption = None,
    take_over: recover.TakeOver = False,  # noqa: FBT002  an option, never given by place
    project: ProjectOption = HERE,
) -> None:
    """Take away what runs; repositories stay as they are, and keys and passwords stay in the state for the next `up`."""
    from idp.lifecycle import own_forge, recovery  # noqa: PLC0415  see validate
    from idp.lifecycle.findings import Refusal  # noqa: PLC0415

    with failures_end_it():
        opened = recover.opened(project, stack)
        recovery.unlock(opened.engine, opened.plan.project, recover.say)
        state = opened.engine.state()
        opened.engine.workspace.remember(state)
        forge = bool(own_forge.organizations(state))
        if forge:
            before_down(opened, state, keep, context.args)
        found = recovery.find(opened, state, take_over=take_over, going=True)
        standing = [one for one in found if isinstance(one, Refusal) and one.claimable]
        recover.tell(standing)
        recovery.take_up(opened, state, [one for one in found if not isinstance(one, Refusal)], recover.say)
        code = opened.engine.attend("destroy", *kept(opened.plan.project, stack), *context.args)
    if standing:
        errors.print(f"\ndown: {counted(len(standing), 'thing')} left standing; `down --take-over` takes them too")
        raise typer.Exit(code or 1)
    if not code:
        rest = "went with the cluster" if forge else "are as they were"
        console.print(f"down: repositories {rest}; keys and passwords are kept for the next `up`")
    raise typer.Exit(code)


def kept(project: str, stack: str) -> list[str]:
    """The options that keep resources of those types, whatever hangs above them."""
    return [word for kind in KEPT for word in ("--exclude", f"urn:pulumi:{stack}::{project}::**{kind}**")]


def pulumi(context: typer.Context, stack: StackOption = "dev", project: ProjectOption = HERE) -> None:
    """Run any command of `pulumi` with this stack's own file, state and passphrase."""
    with failures_end_it():
        engine = engine_of(project, stack)
    raise typer.Exit(engine.attend(*context.args))
