"""Pulumi.yaml and Pulumi.<stack>.yaml, merged as the engine merges them, without an engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from idp.errors import Mistake, MistakesError
from idp.goyaml import SIGNED, Document, read, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

TOP = frozenset({"config", "secretsprovider", "encryptedkey", "encryptionsalt", "environment"})
"""What the engine reads of a stack's file; it says nothing of any other key."""
ENCRYPTED = "[secret]"
"""Stands for an encrypted value, which only the engine can open."""


@dataclass(frozen=True, kw_only=True)
class StackConfig:
    """A stack's config as the engine gives it to the program, and the files it stands in."""

    project: str
    values: Mapping[str, str]
    """`namespace:key` -> text; objects are JSON."""
    secrets: frozenset[str]
    """Keys whose value, or a part of it, is encrypted; there the value here has a placeholder."""


def read_config(root: Path, stack: str) -> StackConfig:
    """Merge Pulumi.yaml's defaults under the stack's file; an object given there replaces the default whole.

    Raises:
        MistakesError: one of the two files cannot be read; with those of services/ that cannot be either.
    """
    documents, mistakes = readable(root, ("Pulumi.yaml", stack_file(stack)))
    if mistakes:
        raise MistakesError([*mistakes, *readable(root, service_files(root))[1]])
    name, declared = _project(documents["Pulumi.yaml"])
    given = config_section(documents[stack_file(stack)], name)
    merged = {key: value for key, value in declared.items() if value is not None} | given
    secrets = frozenset(key for key, value in merged.items() if hides(value))
    values = {key: text_of(_hidden(value)) for key, value in merged.items()}
    return StackConfig(project=name, values=values, secrets=secrets)


def readable(root: Path, files: Iterable[str]) -> tuple[dict[str, Document], list[Mistake]]:
    """Those of the files that can be read, and what is wrong with the others."""
    documents: dict[str, Document] = {}
    mistakes: list[Mistake] = []
    for file in files:
        try:
            documents[file] = read(root, file)
        except MistakesError as error:
            mistakes += error.mistakes
    return documents, mistakes


def service_files(root: Path) -> list[str]:
    """The files that have an entry each."""
    return [f"services/{file.name}" for file in sorted((root / "services").glob("*.yaml"))]


def project(root: Path) -> str:
    """The project's name.

    Raises:
        MistakesError: Pulumi.yaml cannot be read, or gives none.
    """
    return _project(read(root, "Pulumi.yaml"))[0]


def _project(document: Document) -> tuple[str, dict[str, Any]]:
    """The project's name and its defaults, every key with its namespace.

    Raises:
        MistakesError: there is no name, or `config` is not a mapping.
    """
    name = mapping(document.value).get("name")
    if not isinstance(name, str) or not name:
        line = document.line(("name",))
        raise MistakesError([Mistake(file=document.file, line=line, path="name", message="must be the project's name")])
    return name, {key: _default(declared) for key, declared in config_section(document, name).items()}


def _default(declared: Any) -> Any:
    """What a key of Pulumi.yaml gives to stacks that do not: its default or value, or itself where it is no object."""
    words = mapping(declared)
    given = words.get("default", words.get("value")) if isinstance(declared, dict) else declared
    return float(given) if type(given) is int and given >= SIGNED else given


def mapping(value: Any) -> dict[str, Any]:
    """The value where it is a mapping, else an empty one."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def config_section(document: Document, project: str) -> dict[str, Any]:
    """The `config` of a file, every key with its namespace.

    Raises:
        MistakesError: the file or its `config` is not a mapping, or a key stands there with its namespace and without.
    """
    section = mapping(document.value).get("config")
    broken = document.value is not None and not isinstance(document.value, dict)
    if broken or not isinstance(section, dict | None):
        line = document.line(("config",))
        raise MistakesError([Mistake(file=document.file, line=line, path="config", message="must be keys and values")])
    found: dict[str, Any] = {}
    for key, value in mapping(section).items():
        if (whole := _namespaced(project, key)) in found:
            line = document.line(("config", key))
            message = f"given with its namespace and without; keep `{whole}`"
            raise MistakesError([Mistake(file=document.file, line=line, path=f"config.{key}", message=message)])
        found[whole] = value
    return found


def stack_file(stack: str) -> str:
    """The committed file of a stack."""
    return f"Pulumi.{stack}.yaml"


def _namespaced(project: str, key: str) -> str:
    return key if ":" in key else f"{project}:{key}"


def _encrypted(value: Any) -> bool:
    """Whether a value is `{secure: ...}`, as `pulumi config set --secret` writes it."""
    words = mapping(value)
    return set(words) == {"secure"} and isinstance(words["secure"], str)


def hides(value: Any) -> bool:
    """Whether a value is encrypted, or a part of it."""
    parts = [*mapping(value).values(), *(cast("list[Any]", value) if isinstance(value, list) else [])]
    return _encrypted(value) or any(map(hides, parts))


def _hidden(value: Any) -> Any:
    """The value with a placeholder where something is encrypted."""
    if _encrypted(value):
        return ENCRYPTED
    if isinstance(value, dict):
        return {key: _hidden(item) for key, item in mapping(value).items()}
    return [_hidden(item) for item in cast("list[Any]", value)] if isinstance(value, list) else value
