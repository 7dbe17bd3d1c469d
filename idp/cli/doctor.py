"""`doctor`: what is lacking for `up`, each with the command that mends it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from idp.cli.common import HERE, ProjectOption, StackOption, console, mistakes_end_it, token_of
from idp.errors import counted

if TYPE_CHECKING:
    from pathlib import Path

    from idp.lifecycle.doctor import Finding


def doctor(stack: StackOption = "dev", project: ProjectOption = HERE) -> None:
    """Say what this machine, the cluster or a token lacks for `up`, and what mends it; exit 1 if `up` would fail."""
    check(project, stack)


def check(project: Path, stack: str) -> None:
    """Examine all that a stack needs, and print it; exit 1 where something stops `up`."""
    from idp import recorder  # noqa: PLC0415  see validate
    from idp.lifecycle.doctor import examine  # noqa: PLC0415  imports the clients of GitHub and Kubernetes
    from idp.lifecycle.engine import Engine  # noqa: PLC0415  the same
    from idp.lifecycle.machine import Machine  # noqa: PLC0415  the same
    from idp.lifecycle.workspace import Workspace  # noqa: PLC0415  the same

    with mistakes_end_it():
        settings = recorder.load(project, stack)
    engine = Engine(workspace=Workspace(root=project.resolve(), stack=stack))
    machine = Machine(token=lambda key: token_of(engine, key))
    show(stack, examine(settings, machine))


def show(stack: str, findings: list[Finding]) -> None:
    """Print findings and their sum; exit 1 where one of them stops `up`."""
    for finding in findings:
        console.print(f"{finding.mark} {finding.check}: {finding.message}", markup=False)
        console.print(f"  → {finding.remedy}", markup=False)
    fatal = sum(finding.fatal for finding in findings)
    lesser = sum(not finding.fatal and not finding.note for finding in findings)
    warnings = f", {counted(lesser, 'warning')}" if lesser else ""
    verdict = f"not ready for up, {counted(fatal, 'problem')}" if fatal else "ready for up"
    console.print(f"{stack}: {verdict}{warnings}", markup=False)
    if fatal:
        raise typer.Exit(1)
