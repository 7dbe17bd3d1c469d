"""`templates`: which there are, a new one, and which services are behind theirs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from idp.cli.common import (
    HERE,
    ProjectOption,
    StackOption,
    console,
    engine_of,
    errors,
    failures_end_it,
    mistakes_end_it,
    put,
    token_of,
)
from idp.errors import counted

if TYPE_CHECKING:
    from idp.lifecycle.versions import Standing

NEXT = "next: make .venv/bin/.dev && tests/support/prepare-templates && .venv/bin/python -m pytest tests/templates"
app = typer.Typer(no_args_is_help=True, help="Templates of services: which there are, a new one, who is behind.")


@app.command(name="list")
def show() -> None:
    """Say which templates an entry may name."""
    from idp import templates  # noqa: PLC0415  see validate

    with mistakes_end_it():
        found = [(name, templates.load(name).info) for name in templates.names()]
    table = Table("template", "version", "kind", "extends", "owner", "what it makes", box=None, pad_edge=False)
    for name, info in found:
        table.add_row(name, info.version, info.kind, info.extends or "", info.owner, info.description)
    console.print(table)


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Of the template; an entry names it.")],
    *,
    owner: Annotated[str, typer.Option(help="The team that is asked about it, and mends it.")],
    description: Annotated[str, typer.Option(help="What it makes, in one line.")],
    extends: Annotated[str | None, typer.Option(help="The template that it adds to; its files are not copied.")] = None,
    like: Annotated[str | None, typer.Option(help="The template whose own files it begins with, as a copy.")] = None,
    project: ProjectOption = HERE,
) -> None:
    """Begin a template: the suite of tests finds it by itself, and says what it still lacks."""
    from idp import templates  # noqa: PLC0415

    with mistakes_end_it():
        made = templates.begun(name, owner, description, extends=extends, like=like, root=project / templates.FOLDER)
        put({path: text.encode() for path, text in made.items()}, project / templates.FOLDER / name)
    console.print(f"{counted(len(made), 'file')} below {Path(templates.FOLDER) / name}", markup=False)
    console.print(NEXT, markup=False)


@app.command()
def status(stack: StackOption = "dev", project: ProjectOption = HERE) -> None:
    """Say which services were made from an older version of their template; their repositories are only read."""
    with failures_end_it():
        found = look(project, stack)
    table = Table("service", "template", "made from", "now", box=None, pad_edge=False)
    for each in found:
        table.add_row(each.service, each.template, each.made_from or "no marker", each.now)
    console.print(table)
    behind = ", ".join(each.service for each in found if each.behind)
    console.print(f"{stack}: {f'behind: {behind}' if behind else 'nobody is behind'}", markup=False)


def look(project: Path, stack: str) -> list[Standing]:
    """How each service stands to its template.

    Raises:
        Exit: the stack makes no repositories.
    """
    from components.dynamic import github_client  # noqa: PLC0415
    from idp.lifecycle import versions  # noqa: PLC0415
    from idp.recorder import load  # noqa: PLC0415

    settings = load(project, stack)
    if not settings.owns_github:
        errors.print(f"stack {stack} makes no repositories; ask the one that says `github: own`", markup=False)
        raise typer.Exit(1)
    token = token_of(engine_of(project, stack), "githubToken") or ""
    return list(versions.standings(settings, github_client.connect(token, settings.on_github)))
