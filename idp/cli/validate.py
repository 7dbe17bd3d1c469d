"""`validate`: check a stack's config and every entry."""

from __future__ import annotations

from idp.cli.common import HERE, ProjectOption, StackOption, console, errors, mistakes_end_it
from idp.errors import counted


def validate(stack: StackOption = "dev", project: ProjectOption = HERE) -> None:
    """Check the stack's config and every service entry; exit 1 and `file:line` for each mistake."""
    from idp import recorder  # noqa: PLC0415  Pulumi's SDK takes half a second to import, and `--help` needs none

    with mistakes_end_it():
        settings = recorder.load(project, stack)
    for warning in settings.warnings():
        errors.print(f"warning: {warning}", markup=False)
    catalog = settings.catalog
    found = f"{counted(len(catalog.services), 'service')}, {counted(len(catalog.teams), 'team')}"
    console.print(f"{stack}: {found}, no mistakes")
