"""Templates as they lie on disk: what each is, what it asks for, which files it has, and which other it extends.

A template is a folder of templates/: `template.yaml` says what it is, `files/` holds what it makes. One that extends another has
that one's files, parameters and file policies too, and replaces files of the same path.
"""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Mapping  # noqa: TC003  pydantic reads it at run time
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

FOLDER = "templates"
TEMPLATES = Path(__file__).resolve().parent.parent / FOLDER
"""The templates of this program, wherever it was started from."""
MARKER = ".idp/service.yaml"
"""The file that says which program made a repository, from what; discovery leaves repositories alone that have it."""
NAME = r"^[a-z][a-z0-9-]{0,39}$"

Policy = Literal["once", "managed"]
Kind = Literal["base", "service", "demo", "gitops"]
Command = Annotated[str, Field(min_length=1, pattern=r"^[^\n]+$")]


class TemplateError(ValueError):
    """A template or its answers cannot be used; the text says which and why."""


class Closed(BaseModel):
    """Frozen, and without a key that nobody reads."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Parameter(Closed):
    """One thing that an entry may set, as a JSON Schema of few words."""

    type: Literal["string", "integer", "boolean"]
    description: str
    default: str | int | bool
    minimum: int | None = None
    maximum: int | None = None
    pattern: str | None = None
    enum: tuple[str, ...] | None = None

    def problem(self, value: Any) -> str | None:
        """Why a value does not do; nothing when it does."""
        kinds = {"string": str, "integer": int, "boolean": bool}
        if type(value) is not kinds[self.type]:
            return f"must be {'an' if self.type == 'integer' else 'a'} {self.type}, not {json.dumps(value)}"
        if self.enum and value not in self.enum:
            return f"`{value}` is not one of {', '.join(self.enum)}"
        if self.pattern and not re.fullmatch(self.pattern, str(value)):
            return f"`{value}` does not fit; it must match {self.pattern}"
        low, high = self.minimum, self.maximum
        if isinstance(value, int) and ((low is not None and value < low) or (high is not None and value > high)):
            return f"must be {low} to {high}, not {value}"
        return None

    def json_schema(self) -> dict[str, Any]:
        """The same in JSON Schema's words, which are this model's own."""
        return self.model_dump(mode="json", exclude_none=True)


class Setup(Closed):
    """The workflow's step that brings a language's tools."""

    uses: str = Field(pattern=r"^[\w-]+/[\w/-]+@[0-9a-f]{40}$")
    """An action at a commit, as a tag may be moved."""
    version: str
    """The tag of that commit, for people."""
    inputs: dict[str, str] = {}


class Commands(Closed):
    """How a repository is worked with, from its root: the workflow, its README and the tests of templates run these."""

    install: tuple[Command, ...]
    check: tuple[Command, ...]
    """Format, lint, types."""
    test: tuple[Command, ...]
    build: tuple[Command, ...] = ()
    start: Command


class Toolchain(Closed):
    """What the files of `templates/service` ask of a language."""

    language: str
    """For people."""
    ecosystem: str
    """What Dependabot calls its packages."""
    tags: tuple[str, ...]
    """Of the service in the catalog."""
    setup: Setup
    images: dict[str, Annotated[str, Field(pattern=r"^[a-z0-9][\w./:-]*@sha256:[0-9a-f]{64}$")]]
    """Build argument of the Dockerfile -> the base image that it stands for, by digest."""
    installs: tuple[str, ...]
    """Folders that `install` makes, from lock files alone."""
    commands: Commands


class TemplateInfo(Closed):
    """What `template.yaml` holds."""

    name: str = Field(pattern=NAME)
    kind: Kind
    """`service` and `demo` make a service's repository, which an entry may ask for; `gitops` the one that Argo CD's root
    Application reads; a `base` is there to be extended."""
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    description: str
    owner: str
    """Who is asked about it, and mends it."""
    extends: str | None = Field(None, pattern=NAME)
    parameters: dict[str, Parameter] = {}
    managed: tuple[str, ...] = ()
    """Patterns of files that stay the platform's, changed by pull request only; every other file is the team's at birth."""
    when: dict[str, str] = {}
    """Pattern of files -> an expression over the answers; where it is not true they are not made."""
    toolchain: Toolchain | None = None

    def parameters_schema(self) -> dict[str, Any]:
        """JSON Schema of an entry's `parameters`."""
        properties = {name: parameter.json_schema() for name, parameter in self.parameters.items()}
        return {"type": "object", "additionalProperties": False, "properties": properties}


@dataclass(frozen=True, kw_only=True)
class Template:
    """A template with everything that it has from those that it extends."""

    info: TemplateInfo
    sources: Mapping[str, str] = field(repr=False)
    """Path pattern -> text, both jinja2."""

    @property
    def commands(self) -> Commands:
        """How a repository that it makes is worked with.

        Raises:
            TemplateError: it makes none that is a service's.
        """
        if self.info.toolchain is None:
            raise TemplateError(f"template `{self.info.name}`: it has no toolchain")
        return self.info.toolchain.commands

    def answers(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The given parameters over the template's defaults."""
        return {name: given.get(name, parameter.default) for name, parameter in self.info.parameters.items()}

    def policy(self, path: str) -> Policy:
        """Whose a file is: `managed` is the platform's, `once` the team's from the first commit on."""
        managed = (MARKER, *self.info.managed)
        return "managed" if any(fnmatch.fnmatchcase(path, pattern) for pattern in managed) else "once"

    def conditions(self, path: str) -> list[str]:
        """The expressions that have to be true for a file to be made."""
        return [condition for pattern, condition in self.info.when.items() if fnmatch.fnmatchcase(path, pattern)]

    def extended(self, own: TemplateInfo, sources: Mapping[str, str]) -> Template:
        """The template that extends this one: its own words first, this one's where it has none."""
        inherited = {
            "parameters": {**self.info.parameters, **own.parameters},
            "managed": tuple(dict.fromkeys((*self.info.managed, *own.managed))),
            "when": {**self.info.when, **own.when},
            "toolchain": own.toolchain or self.info.toolchain,
        }
        return Template(info=own.model_copy(update=inherited), sources={**self.sources, **sources})


@cache
def names(root: Path = TEMPLATES, kinds: tuple[Kind, ...] = ("service", "demo")) -> tuple[str, ...]:
    """The templates of some kinds; by default those that a service may be made from."""
    every = sorted(file.parent.name for file in root.glob("*/template.yaml"))
    return tuple(name for name in every if load(name, root).info.kind in kinds)


@cache
def load(name: str, root: Path = TEMPLATES) -> Template:
    """Read one template, and those that it extends.

    Raises:
        TemplateError: a folder or its description is not usable.
    """
    return _load(name, root, ())


def _load(name: str, root: Path, extending: tuple[str, ...]) -> Template:
    if name in extending:
        raise TemplateError(f"template `{name}`: it extends itself, by {' -> '.join((*extending, name))}")
    own = Template(info=_info(name, root), sources=_sources(name, root))
    if own.info.extends:
        own = _load(own.info.extends, root, (*extending, name)).extended(own.info, own.sources)
    if own.info.kind in {"service", "demo"} and own.info.toolchain is None:
        raise TemplateError(
            f"template `{name}`: template.yaml: toolchain: missing; what makes a service says how it is built"
        )
    return own


def _info(name: str, root: Path) -> TemplateInfo:
    """What template.yaml says, with every mistake of it at once."""
    try:
        info = TemplateInfo.model_validate(yaml.safe_load((root / name / "template.yaml").read_text()))
    except ValidationError as error:
        found = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        raise TemplateError(f"template `{name}`: template.yaml: {'; '.join(found)}") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise TemplateError(f"template `{name}`: {error}") from error
    if info.name != name:
        raise TemplateError(f"template `{name}`: template.yaml calls it `{info.name}`; folder and name must agree")
    return info


def _sources(name: str, root: Path) -> dict[str, str]:
    files, texts, binary = root / name / "files", dict[str, str](), list[str]()
    for file in sorted(each for each in files.rglob("*") if each.is_file()):
        path = file.relative_to(files).as_posix()
        try:
            texts[path] = file.read_text()
        except UnicodeDecodeError:
            binary.append(path)
        except OSError as error:
            raise TemplateError(f"template `{name}`: {error}") from error
    if binary:
        raise TemplateError(f"template `{name}`: no text: files/{', files/'.join(binary)}; a template makes texts only")
    return texts


def begun(
    name: str, owner: str, description: str, *, extends: str | None, like: str | None, root: Path = TEMPLATES
) -> dict[str, str]:
    """The first files of a new template, by their paths in its folder.

    One that extends another has that one's files without a copy, and begins with a description alone. One that is `like` another
    has a copy of that one's own files: the start of another language.

    Raises:
        TemplateError: there is one of this name, no name that fits, or not just one template to begin with.
    """
    if not re.fullmatch(NAME, name):
        raise TemplateError(f"template `{name}`: a name is a letter, then up to 39 of a-z, 0-9 and -")
    if (root / name).exists():
        raise TemplateError(f"template `{name}`: there is one already")
    if (extends is None) is (like is None):
        raise TemplateError(
            f"template `{name}`: name the template that it extends, or the one that it is like; one of the two"
        )
    model = extends or like or ""
    if load(model, root).info.toolchain is None:
        fit = ", ".join(each for each in names(root, get_args(Kind)) if load(each, root).info.toolchain)
        raise TemplateError(f"template `{name}`: `{model}` makes no service; begin with one of {fit}")
    said = {"name": name, "kind": "service", "version": "0.1.0", "description": description, "owner": owner}
    if extends:
        return {"template.yaml": yaml.safe_dump({**said, "extends": extends}, sort_keys=False, width=120)}
    told: dict[str, Any] = yaml.safe_load((root / model / "template.yaml").read_text())
    copied = {f"files/{path}": text for path, text in _sources(model, root).items()}
    return {"template.yaml": yaml.safe_dump({**told, **said}, sort_keys=False, width=120)} | copied
