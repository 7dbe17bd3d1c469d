"""Rendering: a template and its answers become the files of a repository, a service's or the platform's own.

File names and contents are jinja2 with square brackets, `[[ name ]]` and `[% if ... %]`, because workflows use curly ones. A path
that names `[[ environment ]]` is rendered once per environment; one that `when` names only where that expression is true.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import jinja2
import yaml

from idp.templates import MARKER, TemplateError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jinja2.environment import TemplateExpression

    from idp.templates import Template

MARKS = ("[[", "[%", "[#")
"""Without one of these a text is its own rendering."""


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


def render(template: Template, answers: Mapping[str, Any]) -> Rendering:
    """Make the repository's files; the same answers give the same bytes on every machine.

    Args:
        template: what to render.
        answers: every name that the template uses; `environments` lists the names for `[[ environment ]]` paths.

    Raises:
        TemplateError: a name without an answer, or two sources with one path.
    """
    files: dict[str, bytes] = {}
    known: dict[str, Any] = {"toolchain": template.info.toolchain, **answers}
    for pattern, text in template.sources.items():
        per_environment = "[[ environment ]]" in pattern
        for scope in [{"environment": name} for name in known["environments"]] if per_environment else [{}]:
            told = {**known, **scope}
            path = filled(template, pattern, pattern, told)
            if not makes(template, path, told):
                continue
            if path in files:
                raise TemplateError(f"template `{template.info.name}`: two sources make {path}")
            files[path] = filled(template, pattern, text, told).encode()
    digest = digest_of(files)
    files[MARKER] = marker(template, answers, digest)
    return Rendering(files=dict(sorted(files.items())), digest=digest)


def makes(template: Template, path: str, answers: Mapping[str, Any]) -> bool:
    """Whether these answers ask for a file.

    Raises:
        TemplateError: its condition cannot be told from them.
    """
    for condition in template.conditions(path):
        try:
            if not asked(condition)(answers):
                return False
        except jinja2.TemplateError as error:
            raise TemplateError(f"template `{template.info.name}`: {path}: when `{condition}`: {error}") from error
    return True


@cache
def asked(condition: str) -> TemplateExpression:
    """Compile once, ask for every service; a name that nobody answered is an error here too."""
    return environment().compile_expression(condition, undefined_to_none=False)


def filled(template: Template, pattern: str, source: str, answers: Mapping[str, Any]) -> str:
    """One text with its answers; an error names the template's file."""
    if not any(mark in source for mark in MARKS):  # most files of a service's code ask for nothing
        return source
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
