"""`adopt`: entries for repositories that are there already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from idp.cli import onboard
from idp.cli.common import HERE, ProjectOption, StackOption, console, engine_of, errors, failures_end_it, token_of

if TYPE_CHECKING:
    from pathlib import Path

    from idp.lifecycle.adoption import Adoption


def adopt(
    names: Annotated[list[str], typer.Argument(help="Of repositories in the organization.")],
    *,
    team: Annotated[str, typer.Option(help="Who owns them.")],
    yes: onboard.Yes = False,
    stack: StackOption = "dev",
    project: ProjectOption = HERE,
) -> None:
    """Write entries for repositories that exist, and their numbers for `recover`; nothing on GitHub is changed."""
    from idp import entries  # noqa: PLC0415  see validate

    with failures_end_it():
        found = look(project, stack, names, team)
        space = engine_of(project, stack).workspace
        for each in found:
            onboard.change(entries.added, project, stack, each.name, each.entry, shared=True, yes=yes)
            space.note(each.name, each.made)
    console.print("next: `make up` imports them. Where the state is elsewhere, import them there first:", markup=False)
    for each in found:
        console.print(f"  pulumi import github:index/repository:Repository {each.name} {each.name}", markup=False)


def look(project: Path, stack: str, names: list[str], team: str) -> list[Adoption]:
    """What GitHub says of each.

    Raises:
        Exit: one of them cannot be adopted, or has an entry; every reason is printed, and nothing was written.
    """
    from components.dynamic import github_client  # noqa: PLC0415
    from idp.lifecycle import adoption  # noqa: PLC0415
    from idp.recorder import load  # noqa: PLC0415

    settings = load(project, stack)
    token = token_of(engine_of(project, stack), "githubToken") or ""
    forge = github_client.connect(token, settings.on_github)
    found: list[Adoption] = []
    against: list[str] = []
    if not settings.owns_github:
        against.append(f"stack {stack} makes no repositories; adopt in the one that says `github: own`")
    if complaint := onboard.among([each.name for each in settings.catalog.teams])(team):
        against.append(f"team: {complaint}")
    for name in names if not against else ():
        if complaint := onboard.taken(name, project, stack):
            against.append(complaint)
            continue
        said = adoption.examine(settings, name, team, forge)
        if isinstance(said, list):
            against += said
        else:
            found.append(said)
    for line in against:
        errors.print(line, markup=False)
    if against:
        raise typer.Exit(1)
    return found
