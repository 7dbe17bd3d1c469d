"""YAML as the Pulumi engine reads it, with the line of every key.

The engine reads YAML with go-yaml 3, which is neither YAML 1.1 nor 1.2: `yes` is text, 0777 is 511, a date is a time. PyYAML
parses the syntax here, as both descend from libyaml; the meaning of plain scalars is decided below by go-yaml's rules.
"""

from __future__ import annotations

import calendar
import json
import math
import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

import yaml

from idp.errors import Mistake, MistakesError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Path_ = tuple[str | int, ...]
"""Keys and indexes from a document's top to a value."""

TRUTHS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
NULLS = {"", "~", "null", "Null", "NULL"}
NO_JSON = {f"{sign}.{word}" for sign in ("", "+", "-") for word in ("inf", "Inf", "INF")} | {".nan", ".NaN", ".NAN"}
"""Numbers for go-yaml, but not for JSON, as which the engine keeps the config."""
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
INTEGER = re.compile(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))")
BETWEEN_DIGITS = re.compile(r"(?<=[0-9])_(?=[0-9])")
"""Where a number that starts with a dot may have an underscore; others may have them anywhere."""
TIME = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})"
    r"(?:([Tt]| +)([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:[.,]([0-9]+))?(Z|[-+][0-9]{2}:[0-9]{2})?)?"
)
SIGNED, UNSIGNED = 2**63, 2**64
"""One more than the largest int64 and the largest uint64."""
CORE = "tag:yaml.org,2002:"
RESOLVED = {CORE + name for name in ("bool", "float", "int", "null", "timestamp")}
"""Tags that ask for a scalar's meaning, quoted or not."""


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
        node = yaml.compose(text, Loader=_Loader)
    except FileNotFoundError:
        raise MistakesError([Mistake(file=file, line=0, path="", message="no such file")]) from None
    except OSError as error:
        raise MistakesError(
            [Mistake(file=file, line=0, path="", message=f"cannot be read: {error.strerror}")]
        ) from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise MistakesError([Mistake(file=file, line=line, path="", message=f"not YAML: {error.problem}")]) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise MistakesError([Mistake(file=file, line=0, path="", message=f"not YAML: {error}")]) from error
    reader = _Reader(file)
    value = None if node is None else reader.value(node, ())
    if reader.mistakes:
        raise MistakesError(reader.mistakes)
    return Document(file=file, value=value, lines=reader.lines)


class _Loader(yaml.CSafeLoader):
    """Says which tags were written; those that were not are decided here."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> str:  # noqa: ARG002  PyYAML's arguments
        """No tag."""
        return ""


@dataclass
class _Reader:
    """Makes values of nodes; notes the line of each key, and what go-yaml would refuse."""

    file: str
    lines: dict[Path_, int] = field(default_factory=dict[Path_, int])
    mistakes: list[Mistake] = field(default_factory=list[Mistake])
    within: list[yaml.Node] = field(default_factory=list[yaml.Node])
    """The nodes around the one at hand: an anchor in its own value is among them."""

    def value(self, node: yaml.Node, path: Path_) -> Any:
        """A node's meaning."""
        if isinstance(node, yaml.ScalarNode):
            if node.tag in RESOLVED or not (node.tag or node.style):
                if node.value in NO_JSON:
                    self.refuse(node, path, f"`{node.value}` is no number that a config can hold")
                return scalar(node.value)
            if node.tag == f"{CORE}binary":
                self.refuse(node, path, "a config holds text and no `!!binary`")
            return node.value
        if any(node is outer for outer in self.within):
            self.refuse(node, path, "contains itself, by its anchor")
            return None
        self.within.append(node)
        found = self.items(node, path) if isinstance(node, yaml.SequenceNode) else self.mapping(node, path)
        self.within.pop()
        return found

    def items(self, node: yaml.SequenceNode, path: Path_) -> list[Any]:
        """A list."""
        for index, item in enumerate(node.value):
            self.lines[*path, index] = item.start_mark.line + 1
        return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]

    def mapping(self, node: yaml.Node, path: Path_) -> dict[str, Any]:
        """A mapping, with the mappings that `<<` merges into it."""
        pairs = self.pairs(node, path)
        self.lines |= {(*path, key): line for key, (line, _) in pairs.items()}
        return {key: self.value(item, (*path, key)) for key, (_, item) in pairs.items()}

    def pairs(self, node: yaml.Node, path: Path_) -> dict[str, tuple[int, yaml.Node]]:
        """Key -> its line and its value's node; a mapping's own keys win, then those of what is merged first."""
        found: dict[str, tuple[int, yaml.Node]] = {}
        merged: list[yaml.Node] = []
        first: dict[str, int] = {}
        for key_node, item in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self.refuse(key_node, path, "a key is one word, not a list or a mapping")
                continue
            written, line = key_node.value, key_node.start_mark.line + 1
            key = written if key_node.tag or key_node.style else _key(scalar(written))
            if written in first:
                self.refuse(key_node, (*path, key), f"given twice; first on line {first[written]}")
            elif written == "<<" and not key_node.style:
                merged = item.value if isinstance(item, yaml.SequenceNode) else [item]
            else:
                found[key] = line, item
            first.setdefault(written, line)
        for other in merged:
            if not isinstance(other, yaml.MappingNode) or any(other is outer for outer in self.within):
                self.refuse(other, (*path, "<<"), "merges mappings, and not the one that it stands in")
                continue
            self.within.append(other)
            found = self.pairs(other, path) | found
            self.within.pop()
        return found

    def refuse(self, node: yaml.Node, path: Path_, message: str) -> None:
        """Note a mistake."""
        where = ".".join(map(str, path))
        self.mistakes.append(Mistake(file=self.file, line=node.start_mark.line + 1, path=where, message=message))


def scalar(text: str) -> bool | int | float | str | None:
    """What go-yaml 3 makes of a plain scalar; a time is the text that the engine makes of it."""
    if text in TRUTHS:
        return TRUTHS[text]
    if text in NULLS:
        return None
    if time := TIME.fullmatch(text):
        return _time(time) or text
    if text[0] not in "+-.0123456789":
        return text
    plain = BETWEEN_DIGITS.sub("", text) if text[0] == "." else text.replace("_", "")
    if integer := INTEGER.fullmatch(plain):
        sign, *digits = integer.groups()
        base, found = next((base, part) for base, part in zip((16, 2, 8, 10), digits, strict=True) if part)
        number = int(found, base) * (-1 if sign == "-" else 1)
        if -SIGNED <= number < (SIGNED if sign else UNSIGNED):
            return number
    if FLOAT.fullmatch(plain) and math.isfinite(number := float(plain)):
        return int(number) if number.is_integer() and abs(number) < SIGNED else number
    return text


def _time(match: re.Match[str]) -> str | None:
    """A date or a time as Go's `Time.String` writes it; nothing where go-yaml takes it for text.

    Go names an offset where it is the machine's own at that time; here none but UTC has a name.
    """
    year, month, day = map(int, match.groups()[:3])
    separator, *clock, fraction, zone = match.groups()[3:]
    hour, minute, second = (int(part or 0) for part in clock)
    if separator and separator.isspace() == bool(zone):
        return None
    if not 1 <= month <= 12 or not 1 <= day <= calendar.monthrange(year, month)[1]:  # noqa: PLR2004  months
        return None
    if hour > 23 or minute > 59 or second > 59:  # noqa: PLR2004  the clock
        return None
    offset = (zone or "Z").replace(":", "").replace("Z", "+0000").replace("-0000", "+0000")
    part = f".{(fraction or '')[:9]}".rstrip("0").rstrip(".")
    name = "UTC" if offset == "+0000" else offset
    return f"{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}{part} {offset} {name}"


def _key(value: Any) -> str:
    """A key that YAML takes for something else than text, as Go prints it."""
    return "<nil>" if value is None else text_of(value)


def text_of(value: Any) -> str:
    """The text under which the engine hands one top-level config value to the program."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return str(value) if type(value) is int else _json(value)


def _json(value: Any) -> str:
    """As Go's `encoding/json` writes it, by way of a number type that knows 64 bits."""
    if isinstance(value, dict):
        items = sorted(cast("dict[str, Any]", value).items())
        return "{" + ",".join(f"{_json(key)}:{_json(item)}" for key, item in items) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_json, cast("list[Any]", value))) + "]"
    if isinstance(value, str):
        escaped = json.dumps(value, ensure_ascii=False)
        return re.sub("[<>&\u2028\u2029]", lambda found: f"\\u{ord(found[0]):04x}", escaped)
    if isinstance(value, float) or (type(value) is int and value >= SIGNED):
        return _go_float(float(value))
    return json.dumps(value)


def _go_float(number: float) -> str:
    """The shortest digits that mean this number, with an exponent where Go's JSON has one."""
    if number and not 1e-6 <= abs(number) < 1e21:  # noqa: PLR2004  Go's limits
        mantissa, exponent = repr(number).split("e")
        return f"{mantissa}e{int(exponent):+}"
    return f"{Decimal(repr(number)):f}".removesuffix(".0")
