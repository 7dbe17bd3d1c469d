"""`onboard` and `retire`: a service's entry, added or marked, with a look at what follows from it."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from idp.cli.common import HERE, ProjectOption, StackOption, bringing_up, console, errors, mistakes_end_it
from idp.errors import MistakesError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from idp.entries import Edit
    from idp.errors import Mistake
    from idp.plan import Plan

NEXT = "next: commit it, and open a pull request; or `{}`"
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing.")]


def onboard(  # noqa: PLR0913  an option each
    name: Annotated[str | None, typer.Argument(help="Of the service, and of its repository.")] = None,
    *,
    team: Annotated[str | None, typer.Option(help="Who owns it.")] = None,
    template: Annotated[str | None, typer.Option(help="What its repository is made from.")] = None,
    description: Annotated[str | None, typer.Option(help="What it does, in one line.")] = None,
    calls: Annotated[list[str] | None, typer.Option("--call", help="A service or address that it calls.")] = None,
    parameters: Annotated[list[str] | None, typer.Option("--param", help="`key=value` for the template.")] = None,
    system: Annotated[str | None, typer.Option(help="What it is a part of in the catalog.")] = None,
    shared: Annotated[
        bool, typer.Option("--shared", help="In services/, where every stack reads it, and not in this stack's file.")
    ] = False,
    yes: Yes = False,
    stack: StackOption = "dev",
    project: ProjectOption = HERE,
) -> None:
    """Add a service's entry; what is not given is asked for."""
    from idp import entries, naming, recorder, templates  # noqa: PLC0415  see validate

    with mistakes_end_it():
        settings = recorder.load(project, stack)
        teams, known = [each.name for each in settings.catalog.teams], list(templates.names())
        offered = templates.names(kinds=("service",))  # the others are taken, but not proposed
        free = Question("name", lambda text: naming.SERVICE.mistake(text) or taken(text, project, stack))
        name = free.asked(name, quiet=yes)
        entry: dict[str, Any] = {
            "team": Question("team", among(teams), teams).asked(team, quiet=yes),
            "template": Question("template", among(known), offered).asked(template, quiet=yes),
            "description": Question("description", one_line).asked(description, quiet=yes),
        }
        if parameters:
            entry["parameters"] = dict(typed(each, entry["template"]) for each in parameters)
        if calls:
            entry["calls"] = list(calls)
        if system:
            entry["system"] = system
        change(entries.added, project, stack, name, entry, shared=shared, yes=yes)
    console.print(NEXT.format(bringing_up(settings)), markup=False)


def retire(
    name: Annotated[str, typer.Argument(help="Of the service.")],
    *,
    undo: Annotated[bool, typer.Option("--undo", help="Bring it back instead.")] = False,
    yes: Yes = False,
    stack: StackOption = "dev",
    project: ProjectOption = HERE,
) -> None:
    """Show what leaves with a service, and mark its entry: the repository is archived, its name stays taken."""
    from idp import entries, recorder  # noqa: PLC0415  see validate

    with mistakes_end_it():
        settings = recorder.load(project, stack)
        services = {each.name: each for each in settings.catalog.services}
        if name not in services:
            errors.print(f"no service `{name}` in stack {stack}{nearest(name, services)}", markup=False)
            raise typer.Exit(1)
        if services[name].retired is not undo:
            console.print(f"{name} is {'retired' if services[name].retired else 'active'} already", markup=False)
            return
        change(entries.with_state, project, stack, name, retired=not undo, yes=yes)
    console.print(NEXT.format(bringing_up(settings)), markup=False)


def change(make: Callable[..., Edit], project: Path, stack: str, *arguments: Any, yes: bool, **more: Any) -> None:
    """Work out an edit, hold every stack to it, show what it does, and write it if that is wanted.

    Raises:
        MistakesError: the config would be wrong; nothing was written.
        Exit: it was not wanted, or the file's layout cannot be kept.
    """
    from idp import entries, recorder  # noqa: PLC0415
    from idp.plan import document, markdown  # noqa: PLC0415
    from idp.plan.difference import difference  # noqa: PLC0415

    try:
        edit = make(project, stack, *arguments, **more)
    except entries.LayoutError as error:
        errors.print(str(error), markup=False)
        raise typer.Exit(1) from None
    with entries.trial(project, edit) as folder:
        after = _plans(Path(folder), _reading(project, stack, edit))
    before: Plan = recorder.record(project, stack)
    found = difference(document.document(before), document.document(after[stack]))
    console.print(markdown.plain(found), markup=False)
    if not yes and not (sys.stdin.isatty() and typer.confirm(f"write {edit.file}?", default=True)):
        errors.print(f"{edit.file} is as it was" + ("" if sys.stdin.isatty() else "; --yes writes it"), markup=False)
        raise typer.Exit(1)
    edit.write(project)
    console.print(f"wrote {edit.file}", markup=False)


def _plans(folder: Path, stacks: list[str]) -> dict[str, Plan]:
    """The plan of each of these stacks.

    Raises:
        MistakesError: what is wrong in any of them; which ones, where an entry of all is wrong in some.
    """
    from idp import recorder  # noqa: PLC0415
    from idp.stackfile import stack_file  # noqa: PLC0415

    plans: dict[str, Plan] = {}
    wrong: dict[Mistake, list[str]] = {}
    for stack in stacks:
        try:
            plans[stack] = recorder.record(folder, stack)
        except MistakesError as error:
            for mistake in error.mistakes:
                wrong.setdefault(mistake, []).append(stack)
    if wrong:
        own = {stack_file(stack) for stack in stacks}
        raise MistakesError(
            each
            if each.file in own or len(where) == len(stacks)
            else replace(each, message=f"in stack {', '.join(where)}: {each.message}")
            for each, where in wrong.items()
        )
    return plans


def _reading(project: Path, stack: str, edit: Edit) -> list[str]:
    """The stacks that read a file: one of its own, or every one."""
    from idp import entries  # noqa: PLC0415

    return entries.stacks(project) if edit.file.startswith(f"{entries.SERVICES}/") else [stack]


@dataclass(frozen=True)
class Question:
    """Something that an option says, or a person at a terminal."""

    what: str
    check: Callable[[str], str | None]
    """What is wrong with an answer; nothing where nothing is."""
    choices: Sequence[str] = ()

    def asked(self, given: str | None, *, quiet: bool) -> str:
        """The option's word, else the person's, who is asked again after a mistake.

        Raises:
            Exit: it is wrong, or missing and there is nobody to ask.
        """
        interactive = given is None and not quiet and sys.stdin.isatty()
        choices = ", ".join(self.choices)
        if given is None and not interactive:
            flag = "NAME" if self.what == "name" else f"--{self.what}"
            errors.print(f"say {flag}" + (f": one of {choices}" if choices else ""), markup=False)
            raise typer.Exit(2)
        while True:
            text = (
                given if given is not None else str(typer.prompt(f"{self.what} ({choices})" if choices else self.what))
            )
            if not (mistake := self.check(text)):
                return text
            errors.print(f"{self.what}: {mistake}", markup=False)
            if not interactive:
                raise typer.Exit(1)


def among(words: list[str]) -> Callable[[str], str | None]:
    """A check that a word is one of those."""
    return lambda text: None if text in words else f"no `{text}`{nearest(text, words)}"


def taken(name: str, project: Path, stack: str) -> str | None:
    """Whether a service has an entry already."""
    from idp import entries  # noqa: PLC0415

    file = entries.place(project, stack, name)
    return f"`{name}` has an entry in {file} already" if file else None


def one_line(text: str) -> str | None:
    """A description's own rule."""
    fits = bool(text.strip()) and len(text) <= 200 and text.isprintable()  # noqa: PLR2004  as the schema has it
    return None if fits else "one line of 1 to 200 characters"


def typed(given: str, template: str) -> tuple[str, str | int | bool]:
    """A parameter in the template's own type.

    Raises:
        Exit: it is no `key=value`, or the template has no such parameter.
    """
    from idp import templates  # noqa: PLC0415

    key, mark, text = given.partition("=")
    known = templates.load(template).info.parameters
    if not mark or key not in known:
        errors.print(
            f"--param {given}: write `key=value`, with a key that the template has{nearest(key, known)}", markup=False
        )
        raise typer.Exit(2)
    match known[key].type:
        case "integer" if text.lstrip("-").isdigit():
            return key, int(text)
        case "boolean" if text in {"true", "false"}:
            return key, text == "true"
        case _:
            return key, text
