"""Pulumi.yaml and Pulumi.<stack>.yaml as the engine reads them, with the line of every key.

The engine reads YAML with go-yaml 3, which is neither YAML 1.1 nor 1.2: `yes` is text, 0777 is 511, a date is a time. PyYAML
parses the syntax here, as both descend from libyaml; the meaning of plain scalars is decided below by go-yaml's rules.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import yaml

from idp.errors import Mistake, MistakesError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Path_ = tuple[str | int, ...]
"""Keys and indexes from a document's top to a value."""

PLACEHOLDER = "[secret]"
"""Stands for an encrypted value, which only the engine can open."""

TRUTHS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
NULLS = {"", "~", "null", "Null", "NULL"}
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
INTEGER = re.compile(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))")
TIME = re.compile(r"(\d{4})-(\d\d?)-(\d\d?)(?:[Tt ](\d\d?):(\d\d?):(\d\d?)(\.\d+)?(Z|[-+]\d\d:\d\d)?)?")


@dataclass(frozen=True, kw_only=True)
class Document:
    """One YAML file: what it says, and where it says it."""

    file: str
    """Relative to the project's root."""
    value: Any
    lines: Mapping[Path_, int]
    """One-based line of every key and item."""

    def line(self, path: Path_) -> int:
        """The line of a value, or of the nearest key above it that the file has; 0 when it has none."""
        return next((self.lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in self.lines), 0)


def read(root: Path, file: str) -> Document:
    """Read one file; a missing one is a mistake, as is anything that go-yaml would refuse.

    Raises:
        MistakesError: the file is missing, not YAML, or gives a key twice.
    """
    try:
        text = (root / file).read_text(encoding="utf-8-sig")
        node = yaml.compose(text, Loader=yaml.CSafeLoader)
    except FileNotFoundError:
        raise MistakesError([Mistake(file=file, line=0, path="", message="no such file")]) from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise MistakesError([Mistake(file=file, line=line, path="", message=f"not YAML: {error.problem}")]) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise MistakesError([Mistake(file=file, line=0, path="", message=f"not YAML: {error}")]) from error
    lines: dict[Path_, int] = {}
    doubles: list[Mistake] = []
    value = None if node is None else _value(node, (), lines, doubles, file)
    if doubles:
        raise MistakesError(doubles)
    return Document(file=file, value=value, lines=lines)


def _value(node: yaml.Node, path: Path_, lines: dict[Path_, int], doubles: list[Mistake], file: str) -> Any:
    """A node's meaning; notes the line of each key and each key that comes twice."""
    if isinstance(node, yaml.ScalarNode):
        return node.value if node.style else scalar(node.value)
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            lines[*path, index] = item.start_mark.line + 1
        return [_value(item, (*path, index), lines, doubles, file) for index, item in enumerate(node.value)]
    found: dict[str, Any] = {}
    for key_node, item in node.value:
        key, line = str(key_node.value), key_node.start_mark.line + 1
        if key in found:
            where = ".".join(map(str, (*path, key)))
            first = lines[*path, key]
            doubles.append(Mistake(file=file, line=line, path=where, message=f"given twice; first on line {first}"))
        lines[*path, key] = line
        found[key] = _value(item, (*path, key), lines, doubles, file)
    return found


def scalar(text: str) -> bool | int | float | str | datetime | None:
    """What go-yaml 3 makes of a plain scalar."""
    if text in TRUTHS:
        return TRUTHS[text]
    if text in NULLS:
        return None
    if time := TIME.fullmatch(text):
        return _time(time) or text
    plain = text.replace("_", "")
    if (text[0].isdigit() or text[0] in "+-") and (integer := INTEGER.fullmatch(plain)):
        sign, *digits = integer.groups()
        base, found = next((base, part) for base, part in zip((16, 2, 8, 10), digits, strict=True) if part)
        return int(found, base) * (-1 if sign == "-" else 1)
    if (text[0].isdigit() or text[0] in "+-.") and FLOAT.fullmatch(plain):
        number = float(plain)
        return int(number) if number.is_integer() and abs(number) < 1e21 else number  # noqa: PLR2004  as Go prints it
    return text


def _time(match: re.Match[str]) -> datetime | None:
    """A date or a time; nothing where the calendar has no such day."""
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    offset = UTC if zone in {None, "Z"} else datetime.strptime(zone, "%z").tzinfo
    micro = int(f"{fraction or '.0'}0000000"[1:7])
    try:
        return datetime(*map(int, (year, month, day, hour or 0, minute or 0, second or 0)), micro, offset)
    except ValueError:
        return None


def text_of(value: Any) -> str:
    """The text under which the engine hands one top-level config value to the program."""
    if isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return _go_time(value)
    return json.dumps(value, default=_go_time, sort_keys=True, separators=(",", ":"))


def _go_time(value: datetime) -> str:
    """Go's `Time.String`."""
    offset = value.strftime("%z")
    zone = "UTC" if offset == "+0000" else offset
    fraction = f".{value.microsecond:06}".rstrip("0").rstrip(".")
    return f"{value:%Y-%m-%d %H:%M:%S}{fraction} {offset} {zone}"


@dataclass(frozen=True, kw_only=True)
class StackConfig:
    """A stack's config as the engine gives it to the program, and the files it stands in."""

    project: str
    values: Mapping[str, str]
    """`namespace:key` -> text; objects are JSON."""
    secrets: frozenset[str]
    """Keys whose value is encrypted; the value here is a placeholder."""


def read_config(root: Path, stack: str) -> StackConfig:
    """Merge Pulumi.yaml's defaults under the stack's file; an object given there replaces the default whole.

    Raises:
        MistakesError: one of the two files cannot be read.
    """
    project = read(root, "Pulumi.yaml").value
    name = project["name"]
    declared = {_namespaced(name, key): value for key, value in (project.get("config") or {}).items()}
    defaults = {
        key: value.get("value", value.get("default")) for key, value in declared.items() if isinstance(value, dict)
    }
    given = config_section(read(root, stack_file(stack)), name)
    merged = {key: value for key, value in defaults.items() if value is not None} | given
    secrets = frozenset(key for key, value in merged.items() if _encrypted(value))
    values = {key: PLACEHOLDER if key in secrets else text_of(value) for key, value in merged.items()}
    return StackConfig(project=name, values=values, secrets=secrets)


def config_section(document: Document, project: str) -> dict[str, Any]:
    """The `config` of a stack's file, every key with its namespace.

    Raises:
        MistakesError: the file or its `config` is not a mapping.
    """
    value = {} if document.value is None else document.value
    section = value.get("config") if isinstance(value, dict) else value
    if section is None:
        return {}
    if not isinstance(section, dict):
        line = document.line(("config",))
        raise MistakesError([Mistake(file=document.file, line=line, path="config", message="must be keys and values")])
    return {_namespaced(project, key): value for key, value in section.items()}


def stack_file(stack: str) -> str:
    """The committed file of a stack."""
    return f"Pulumi.{stack}.yaml"


def _namespaced(project: str, key: str) -> str:
    return key if ":" in key else f"{project}:{key}"


def _encrypted(value: Any) -> bool:
    """Whether a value is `{secure: ...}`, as `pulumi config set --secret` writes it."""
    return isinstance(value, dict) and set(value) == {"secure"}
