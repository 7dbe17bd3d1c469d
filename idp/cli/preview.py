"""`preview`: what the program declares for a stack."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from idp.cli.common import HERE, ProjectOption, StackOption, console, errors, mistakes_end_it, write

if TYPE_CHECKING:
    from idp.plan import Plan


class Format(StrEnum):
    """How the plan is shown."""

    tree = "tree"
    json = "json"
    manifests = "manifests"
    files = "files"
    mermaid = "mermaid"


def preview(
    stack: StackOption = "dev",
    form: Annotated[Format, typer.Option("--format", help="How to show it.")] = Format.tree,
    out: Annotated[
        Path | None, typer.Option(help="File (json, mermaid) or folder (manifests, files) to write to.")
    ] = None,
    project: ProjectOption = HERE,
) -> None:
    """Show what the program declares, without an engine, a cluster, a token or a network."""
    from idp import recorder  # noqa: PLC0415  see validate

    with mistakes_end_it():
        plan = recorder.record(project, stack)
        show(plan, form, out)
    for message in plan.messages:
        errors.print(f"warning: {message}", markup=False)


def show(plan: Plan, form: Format, out: Path | None) -> None:
    """Print or write one view."""
    from idp.plan import diagram, document, files, manifests, tree  # noqa: PLC0415  each view imports what it alone needs

    match form:
        case Format.tree:
            console.print(tree.tree(plan))
            console.print(tree.summary(plan))
        case Format.json | Format.mermaid:
            text = document.text(plan) if form is Format.json else diagram.diagram(plan)
            out.write_text(text) if out else sys.stdout.write(text)
        case Format.manifests:
            write(manifests.manifests(plan), out)
        case Format.files:
            write(files.files(plan), out)
