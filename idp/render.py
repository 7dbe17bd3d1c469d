"""Templates: a template and its answers become the files of a repository, a service's or the platform's own.

A template is a folder: `template.yaml` says what it is and what it asks for, `files/` holds what it makes. File names and
contents are jinja2 with square brackets, `[[ name ]]` and `[% if ... %]`, because workflows use curly ones. A path that
names `[[ environment ]]` is rendered once per environment; one that `when` names only where that answer is true.
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import jinja2
import yaml
from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from collections.abc import Mapping

MARKER = ".idp/service.yaml"
"""The file that says which program made a repository, from what; discovery leaves repositories alone that have it."""

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"
"""The templates of this program, wherever it was started from."""

Policy = Literal["once", "managed"]


class TemplateError(ValueError):
    """A template or its answers cannot be used; the text says which and why."""


class Parameter(BaseModel):
    """One thing that an entry may set, as a JSON Schema of few words."""

    model_config = ConfigDict(extra="forbid", frozen=True)

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


class TemplateInfo(BaseModel):
    """What `template.yaml` holds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")
    kind: Literal["service", "gitops"]
    """What it makes: a service's repository, which an entry may ask for, or the one that Argo CD's root Application reads."""
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    description: str
    parameters: dict[str, Parameter] = {}
    managed: tuple[str, ...] = ()
    """Patterns of files that stay the platform's, changed by pull request only; every other file is the team's at birth."""
    when: dict[str, str] = {}
    """Pattern of files -> the answer without which they are not made."""

    def parameters_schema(self) -> dict[str, Any]:
        """JSON Schema of an entry's `parameters`."""
        properties = {name: parameter.json_schema() for name, parameter in self.parameters.items()}
        return {"type": "object", "additionalProperties": False, "properties": properties}


@dataclass(frozen=True, kw_only=True)
class Template:
    """A template as it lies on disk."""

    info: TemplateInfo
    sources: Mapping[str, str] = field(repr=False)
    """Path pattern -> text, both jinja2."""

    def answers(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The given parameters over the template's defaults."""
        return {name: given.get(name, parameter.default) for name, parameter in self.info.parameters.items()}

    def policy(self, path: str) -> Policy:
        """Whose a file is: `managed` is the platform's, `once` the team's from the first commit on."""
        managed = (MARKER, *self.info.managed)
        return "managed" if any(fnmatch.fnmatchcase(path, pattern) for pattern in managed) else "once"

    def makes(self, path: str, answers: Mapping[str, Any]) -> bool:
        """Whether these answers ask for a file.

        Raises:
            TemplateError: `when` names an answer that nobody gave.
        """
        needed = [answer for pattern, answer in self.info.when.items() if fnmatch.fnmatchcase(path, pattern)]
        if unanswered := [answer for answer in needed if answer not in answers]:
            raise TemplateError(f"template `{self.info.name}`: {path}: no answer `{unanswered[0]}`, which `when` names")
        return all(answers[answer] for answer in needed)


@dataclass(frozen=True, kw_only=True)
class Rendering:
    """The files of one repository, and the digest that names them."""

    files: Mapping[str, bytes] = field(repr=False)
    digest: str
    """sha256 over paths and contents, in hexadecimal; the marker file states it and is not part of it."""


@cache
def environment() -> jinja2.Environment:
    """Jinja2 that leaves workflows' `${{ }}` alone and refuses a name that nobody answered."""
    made = jinja2.Environment(
        block_start_string="[%", block_end_string="%]",
        variable_start_string="[[", variable_end_string="]]",
        comment_start_string="[#", comment_end_string="#]",
        undefined=jinja2.StrictUndefined, keep_trailing_newline=True, trim_blocks=True, lstrip_blocks=True,
        autoescape=False,  # noqa: S701  the files are code and YAML, not HTML
        cache_size=-1,
    )  # fmt: skip
    # JSON that YAML reads alike: escaped, characters beyond 16 bits are pairs that YAML does not put together
    made.policies["json.dumps_kwargs"] = {"sort_keys": True, "ensure_ascii": False}
    return made


@cache
def names(root: Path = TEMPLATES) -> tuple[str, ...]:
    """The templates that a service may be made from."""
    every = sorted(file.parent.name for file in root.glob("*/template.yaml"))
    return tuple(name for name in every if load(name, root).info.kind == "service")


@cache
def load(name: str, root: Path = TEMPLATES) -> Template:
    """Read one template.

    Raises:
        TemplateError: the folder or its description is not usable.
    """
    folder = root / name
    try:
        info = TemplateInfo.model_validate(yaml.safe_load((folder / "template.yaml").read_text()))
        sources = {
            file.relative_to(folder / "files").as_posix(): file.read_text()
            for file in sorted((folder / "files").rglob("*"))
            if file.is_file()
        }
    except (OSError, UnicodeDecodeError, ValueError, yaml.YAMLError) as error:
        raise TemplateError(f"template `{name}`: {error}") from error
    if info.name != name:
        raise TemplateError(f"template `{name}`: template.yaml calls it `{info.name}`; folder and name must agree")
    return Template(info=info, sources=sources)


def render(template: Template, answers: Mapping[str, Any]) -> Rendering:
    """Make the repository's files; the same answers give the same bytes on every machine.

    Args:
        template: what to render.
        answers: every name that the template uses; `environments` lists the names for `[[ environment ]]` paths.

    Raises:
        TemplateError: a name without an answer, or two sources with one path.
    """
    files: dict[str, bytes] = {}
    for pattern, text in template.sources.items():
        per_environment = "[[ environment ]]" in pattern
        for scope in [{"environment": name} for name in answers["environments"]] if per_environment else [{}]:
            told = {**answers, **scope}
            path = filled(template, pattern, pattern, told)
            if not template.makes(path, told):
                continue
            if path in files:
                raise TemplateError(f"template `{template.info.name}`: two sources make {path}")
            files[path] = filled(template, pattern, text, told).encode()
    digest = digest_of(files)
    files[MARKER] = marker(template, answers, digest)
    return Rendering(files=dict(sorted(files.items())), digest=digest)


def filled(template: Template, pattern: str, source: str, answers: Mapping[str, Any]) -> str:
    """One text with its answers; an error names the template's file."""
    try:
        return compiled(source).render(answers)
    except jinja2.TemplateError as error:
        raise TemplateError(f"template `{template.info.name}`: {pattern}: {error}") from error


@cache
def compiled(source: str) -> jinja2.Template:
    """Compile once, render for every service."""
    return environment().from_string(source)


def below(files: Mapping[str, bytes], folder: str) -> dict[str, bytes]:
    """The files in a folder, under their whole paths."""
    return {path: data for path, data in files.items() if path.startswith(f"{folder}/")}


def digest_of(files: Mapping[str, bytes]) -> str:
    """sha256 over paths, lengths and contents in the order of the paths."""
    summed = hashlib.sha256()
    for path, content in sorted(files.items()):
        summed.update(f"{path}\0{len(content)}\0".encode() + content)
    return summed.hexdigest()


def marker(template: Template, answers: Mapping[str, Any], digest: str) -> bytes:
    """The marker file: which program, which template and which answers made the repository."""
    born = {
        "project": answers["project"],
        "service": answers["service"],
        "template": {"name": template.info.name, "version": template.info.version},
        "answers": json.loads(json.dumps(answers)),
        "digest": digest,
    }
    head = "# Written once by the platform, which knows this repository by it. Please leave it here.\n"
    return (head + yaml.safe_dump(born, sort_keys=True)).encode()
