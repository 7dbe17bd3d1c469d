"""`preview`: what the program declares for a stack, alone or against another commit."""

from __future__ import annotations

import io
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from idp.cli.common import HERE, ProjectOption, StackOption, console, errors, mistakes_end_it, write
from idp.errors import MistakesError
from idp.templates import TemplateError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from idp.plan import Plan
    from idp.plan.difference import Document


class Format(StrEnum):
    """How the plan is shown."""

    tree = "tree"
    json = "json"
    manifests = "manifests"
    files = "files"
    mermaid = "mermaid"
    markdown = "markdown"


COMPARED = (Format.tree, Format.markdown)
"""Those that can show a difference."""


def preview(
    stack: StackOption = "dev",
    form: Annotated[Format, typer.Option("--format", help="How to show it.")] = Format.tree,
    out: Annotated[
        Path | None, typer.Option(help="File (tree, json, mermaid, markdown) or folder (manifests, files) to write to.")
    ] = None,
    base: Annotated[
        str | None, typer.Option(help="Show what differs from this commit, and refuse what no pull request may do.")
    ] = None,
    project: ProjectOption = HERE,
) -> None:
    """Show what the program declares, without an engine, a cluster, a token or a network; exit 1 where a rule is broken."""
    from idp import policy, recorder  # noqa: PLC0415  see validate
    from idp.baseline import BaselineError  # noqa: PLC0415

    if base and form not in COMPARED:
        errors.print(f"--base compares as {' or '.join(COMPARED)}; {form} shows one plan", markup=False)
        raise typer.Exit(2)
    with mistakes_end_it():
        try:
            plan = recorder.record(project, stack)
        except (MistakesError, TemplateError) as error:
            if form is Format.markdown:
                from idp.plan import markdown  # noqa: PLC0415

                _write(markdown.mistakes(stack, str(error)), out)
            raise
    found = policy.findings(plan)
    refused = any(finding.rule.severity == "error" for finding in found)
    said = [*map(str, found), *(f"warning: {message}" for message in plan.messages)]
    if base:
        try:
            refused |= compare(plan, said, base, form, out, project)
        except BaselineError as error:
            errors.print(str(error), markup=False)
            raise typer.Exit(1) from None
    else:
        with mistakes_end_it():
            show(plan, said, form, out)
    for line in said:
        errors.print(line, markup=False)
    if refused:
        raise typer.Exit(1)


def compare(plan: Plan, said: list[str], base: str, form: Format, out: Path | None, project: Path) -> bool:
    """Show what differs from a commit; whether something of it is refused.

    A commit whose own config is wrong is nothing to compare with: the request that mends it is shown alone.

    Raises:
        BaselineError: there is no such commit, or no git.
    """
    from idp import baseline  # noqa: PLC0415
    from idp.plan import document, markdown  # noqa: PLC0415
    from idp.plan.difference import NOTHING, difference  # noqa: PLC0415

    try:
        before: Document | None = baseline.document(project, base, plan.stack)
    except baseline.BrokenBaselineError as error:
        errors.print(str(error), markup=False)
        _write(
            markdown.alone(plan, said, f"Compared with nothing, as the config of {markdown.code(base)} is wrong."), out
        )
        return False
    found = difference(before or NOTHING, document.document(plan))
    if form is Format.markdown:
        _write(markdown.compared(plan, before or NOTHING, said, base), out)
    else:
        _print([Text(markdown.plain(found))], out)
    for entry in found.refused:
        errors.print(markdown.refusal(entry), markup=False)
    return bool(found.refused)


def show(plan: Plan, said: list[str], form: Format, out: Path | None) -> None:
    """Print or write one view."""
    from idp.plan import diagram, document, files, manifests, markdown, tree  # noqa: PLC0415  each view imports its own

    match form:
        case Format.tree:
            _print([tree.tree(plan), tree.summary(plan)], out)
        case Format.json:
            _write(document.text(plan), out)
        case Format.mermaid:
            _write(diagram.diagram(plan), out)
        case Format.markdown:
            _write(markdown.alone(plan, said), out)
        case Format.manifests:
            write(manifests.manifests(plan), out)
        case Format.files:
            write(files.files(plan), out)


def _print(parts: list[RenderableType], out: Path | None) -> None:
    """Print what is for people, or write the same without colours."""
    text = io.StringIO()
    printer = Console(file=text, soft_wrap=True, highlight=False, color_system=None) if out else console
    for part in parts:
        printer.print(part)
    if out:
        _write(text.getvalue(), out)


def _write(text: str, out: Path | None) -> None:
    """Write a view to its file, or print it.

    Raises:
        Exit: the file cannot be written; which, and why, is said.
    """
    if not out:
        sys.stdout.write(text)
        return
    with mistakes_end_it():
        out.write_text(text, encoding="utf-8")
