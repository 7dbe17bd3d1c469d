"""`onboard` and `retire`: a service's entry, added or marked, with a look at what follows from it."""

from __future__ import annotations

import re
import sys
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from idp.cli.common import HERE, ProjectOption, StackOption, bringing_up, console, errors, mistakes_end_it
from idp.errors import MistakesError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

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
        teams, services = ([each.name for each in some] for some in (settings.catalog.teams, settings.catalog.services))
        known = list(templates.names())
        offered = templates.names(kinds=("service",))  # the others are taken, but not proposed
        questions = (
            Question("name", lambda text: naming.SERVICE.mistake(text) or taken(text, project, stack), name),
            Question("team", among(teams), team, teams),
            Question("template", among(known), template, offered),
            Question("description", one_line, description),
        )
        wrong = [each.mistake() for each in questions]
        wrong += [parameter_mistake(each, template if template in known else None) for each in parameters or ()]
        wrong += [call_mistake(each, [*services, name or ""]) for each in calls or ()]
        end_it(wrong, [] if sys.stdin.isatty() and not yes else [each.missing() for each in questions])
        answers = {each.what: each.asked() for each in questions}
        end_it([parameter_mistake(each, answers["template"]) for each in parameters or ()])
        called = answers.pop("name")
        entry: dict[str, Any] = {**answers}
        if parameters:
            entry["parameters"] = dict(typed(each, answers["template"]) for each in parameters)
        if calls:
            entry["calls"] = list(calls)
        if system:
            entry["system"] = system
        with options_named(called, stack, calls or [], parameters or [], shared=shared):
            change(entries.added, project, stack, called, entry, shared=shared, yes=yes)
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
        Exit: it was not wanted, the file's layout cannot be kept, or it cannot be written.
    """
    from idp import entries, recorder  # noqa: PLC0415
    from idp.plan import document, markdown  # noqa: PLC0415
    from idp.plan.difference import difference  # noqa: PLC0415

    try:
        edit = make(project, stack, *arguments, **more)
    except entries.LayoutError as error:
        errors.print(str(error), markup=False)
        raise typer.Exit(1) from None
    if obstacle := edit.obstacle(project):
        errors.print(obstacle, markup=False)
        raise typer.Exit(1)
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
    given: str | None
    """The option's word."""
    choices: Sequence[str] = ()

    def mistake(self) -> str | None:
        """What is wrong with the option's word."""
        found = None if self.given is None else self.check(self.given)
        return f"{self.what}: {found}" if found else None

    def missing(self) -> str | None:
        """What to say where nobody can be asked; nothing where it was said."""
        choices = f": one of {', '.join(self.choices)}" if self.choices else ""
        flag = "NAME" if self.what == "name" else f"--{self.what}"
        return f"say {flag}{choices}" if self.given is None else None

    def asked(self) -> str:
        """The option's word, else the person's, who is asked again after a mistake."""
        if self.given is not None:
            return self.given
        while True:
            text = str(typer.prompt(f"{self.what} ({', '.join(self.choices)})" if self.choices else self.what))
            if not (mistake := self.check(text)):
                return text
            errors.print(f"{self.what}: {mistake}", markup=False)


def end_it(wrong: Sequence[str | None], missing: Sequence[str | None] = ()) -> None:
    """Say everything that is wrong or missing, where something is.

    Raises:
        Exit: something is.
    """
    lines = [line for line in (*wrong, *missing) if line]
    for line in lines:
        errors.print(line, markup=False)
    if lines:
        raise typer.Exit(1 if any(wrong) else 2)


@contextmanager
def options_named(
    name: str, stack: str, calls: Sequence[str], parameters: Sequence[str], *, shared: bool
) -> Generator[None]:
    """Tell what is wrong with a new entry by its options: the file in which it would stand is nobody's yet.

    Raises:
        MistakesError: something is wrong beside it.
        Exit: nothing is.
    """
    from idp.stackfile import stack_file  # noqa: PLC0415

    file, above = (f"services/{name}.yaml", "") if shared else (stack_file(stack), f"services.{name}")

    def option(mistake: Mistake) -> str | None:
        inside = mistake.path == above or mistake.path.startswith(f"{above}." if above else "")
        if mistake.file != file or not inside:
            return None
        match mistake.path.removeprefix(above).strip(".").split("."):
            case ["calls", index, *_] if index.isdecimal():
                return f"--call {calls[int(index)]}"
            case ["parameters", key, *_]:
                return f"--param {next(each for each in parameters if each.startswith(f'{key}='))}"
            case ["team" | "template" | "description" | "system" as word, *_]:
                return f"--{word}"
            case _:
                return name

    try:
        yield
    except MistakesError as error:
        for mistake in error.mistakes:
            if said := option(mistake):
                errors.print(f"{said}: {mistake.message}", markup=False)
        if others := [mistake for mistake in error.mistakes if not option(mistake)]:
            raise MistakesError(others) from None
        errors.print("\nnothing was changed.", markup=False)
        raise typer.Exit(1) from None


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


def call_mistake(target: str, services: Sequence[str]) -> str | None:
    """What is wrong with a call; addresses are looked at with the entry."""
    if "://" in target or target in services:
        return None
    return f"--call {target}: no service `{target}`{nearest(target, filter(None, services))}"


def parameter_mistake(given: str, template: str | None) -> str | None:
    """What is wrong with a parameter, as far as can be told without its template."""
    from idp import templates  # noqa: PLC0415

    key, mark, _ = given.partition("=")
    if template is None:
        return None if mark else f"--param {given}: write `key=value`"
    known = templates.load(template).info.parameters
    if not mark or key not in known:
        return f"--param {given}: write `key=value`, with a key that the template has{nearest(key, known)}"
    problem = known[key].problem(typed(given, template)[1])
    return f"--param {given}: {problem}" if problem else None


def typed(given: str, template: str) -> tuple[str, str | int | bool]:
    """A parameter in the template's own type."""
    from idp import templates  # noqa: PLC0415

    key, _, text = given.partition("=")
    match templates.load(template).info.parameters[key].type:
        case "integer" if re.fullmatch(r"-?[0-9]+", text):
            return key, int(text)
        case "boolean" if text in {"true", "false"}:
            return key, text == "true"
        case _:
            return key, text
