"""`render`: the files of a service's repository."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from idp.cli.common import HERE, ProjectOption, StackOption, errors, mistakes_end_it, write
from idp.errors import nearest


def render(
    service: Annotated[str, typer.Argument(help="Its name in the stack's config.")],
    out: Annotated[Path | None, typer.Option(help="Folder to write to; printed when left out.")] = None,
    stack: StackOption = "dev",
    project: ProjectOption = HERE,
) -> None:
    """Write the files that a service's repository starts with."""
    from idp import answers, recorder, templates  # noqa: PLC0415  see validate
    from idp import render as rendering  # noqa: PLC0415

    with mistakes_end_it():
        settings = recorder.load(project, stack)
        services = {entry.name: entry for entry in settings.catalog.services}
        if service not in services:
            errors.print(f"no service `{service}` in stack {stack}{nearest(service, services)}", markup=False)
            raise typer.Exit(1)
        if services[service].template is None:
            errors.print(f"service `{service}` was adopted: its repository has files of its own", markup=False)
            raise typer.Exit(1)
        given = answers.service_answers(settings, services[service])
        files = rendering.render(templates.load(services[service].template), given).files
    write(files, out)
