"""A manifest of a Secret, read so that what is sealed is what its writer sees.

YAML makes other things of words without quotes: `0123456` is a number in octal, `on` a truth, and readers differ in which.
Whatever one of them takes for something else than text is refused, as Kubernetes does it, and never turned back into text.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import yaml

from idp import goyaml
from idp.errors import Mistake, nearest
from idp.sealing import SealingError, Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

KEYS = ("apiVersion", "kind", "metadata", "type", "immutable", "data", "stringData")
TAG = "tag:yaml.org,2002:"
BARE = f"{TAG}bare"


@dataclass(frozen=True)
class Bare:
    """A word without quotes that is a number, a truth, a time or nothing."""

    written: str = field(repr=False)
    line: int


class _Loader(yaml.SafeLoader):
    """Keeps such words as they are written, and takes no key twice."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> str:
        """Text is what is text for go-yaml as well, which reads it in the cluster."""
        tag = cast("str", super().resolve(kind, value, implicit))  # pyright: ignore[reportUnknownMemberType]
        other = tag == f"{TAG}str" and kind is yaml.ScalarNode and implicit[0] and goyaml.scalar(value) != value
        return BARE if other else tag

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """A mapping as it stands there."""
        node = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"`{key.value}` is given twice", problem_mark=key.start_mark)
            seen.add(str(key.value))
        return node


def _bare(_: _Loader, node: yaml.Node) -> Bare:
    return Bare(str(node.value), node.start_mark.line + 1)


for _kind in ("bare", "bool", "int", "float", "null", "timestamp", "value"):
    _Loader.add_constructor(f"{TAG}{_kind}", _bare)


def read(file: str, content: bytes) -> Secret:
    """What a manifest of a Secret holds.

    Args:
        file: where it stands, for people.
        content: YAML or JSON.

    Raises:
        SealingError: it is no manifest of a Secret, or not all of it can be sealed as it is written; every reason.
    """
    found = _document(file, content)
    metadata = _mapping(found.get("metadata"))
    if found.get("kind") != "Secret" or not _given(metadata.get("name")) or not _given(metadata.get("namespace")):
        raise SealingError(f"{file}: no Secret with a name and a namespace")
    reader = _Reader(file)
    reader.known(found)
    secret = Secret(
        name=reader.text("metadata.name", metadata["name"]),
        namespace=reader.text("metadata.namespace", metadata["namespace"]),
        values=reader.decoded(found) | {key: text.encode() for key, text in reader.texts(found, "stringData").items()},
        type=reader.text("type", found["type"]) if _given(found.get("type")) else "Opaque",
        labels=reader.texts(metadata, "labels", "metadata."),
        annotations=reader.texts(metadata, "annotations", "metadata."),
        immutable=reader.truth("immutable", found.get("immutable")),
    )
    if reader.mistakes:
        raise SealingError("\n".join(map(str, reader.mistakes)))
    return secret


def _document(file: str, content: bytes) -> dict[Any, Any]:
    """The one document, whose errors quote nothing of it."""
    try:
        return _mapping(yaml.load(content.decode("utf-8-sig"), Loader=_Loader))  # noqa: S506  a safe one
    except UnicodeDecodeError:
        raise SealingError(f"{file}: no manifest of a Secret: not text in UTF-8") from None
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise SealingError(f"{file}{line}: not YAML: {error.problem}") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise SealingError(f"{file}: not YAML: {getattr(error, 'reason', 'it has too many levels')}") from None


class _Reader:
    """Takes what is there as it is written, and notes what cannot be taken so."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.mistakes: list[Mistake] = []

    def refuse(self, path: str, message: str, line: int = 0) -> None:
        """Note a mistake; never a value."""
        self.mistakes.append(Mistake(file=self.file, line=line, path=path, message=message))

    def known(self, found: Mapping[Any, Any]) -> None:
        """A key that is none would be left out without a word."""
        for key in found:
            word = key.written if isinstance(key, Bare) else str(key)
            if word not in KEYS:
                self.refuse(word, f"unknown key{nearest(word, KEYS)}")

    def text(self, path: str, value: Any) -> str:
        """Text in quotes, in a block, or that nothing takes for something else."""
        if isinstance(value, Bare):
            self.refuse(path, "is not text for every reader of YAML; put it in quotes", value.line)
        elif not isinstance(value, str):
            self.refuse(path, "must be text")
        elif any("\ud800" <= character <= "\udfff" for character in value):
            self.refuse(path, "holds half a character, which UTF-8 cannot write")
        else:
            return value
        return ""

    def texts(self, found: Mapping[Any, Any], name: str, above: str = "") -> dict[str, str]:
        """Keys and texts."""
        value, path = found.get(name), f"{above}{name}"
        if _given(value) and not isinstance(value, dict):
            self.refuse(path, "must be keys and values")
        texts: dict[str, str] = {}
        for key, item in _mapping(value).items():
            word = key.written if isinstance(key, Bare) else str(key)
            if not isinstance(key, str):
                self.refuse(f"{path}.{word}", "its key is not text for every reader of YAML; put it in quotes")
            texts[word] = self.text(f"{path}.{word}", item)
        return texts

    def decoded(self, found: Mapping[Any, Any]) -> dict[str, bytes]:
        """The values in base64, with the ends of lines that Kubernetes takes."""
        values: dict[str, bytes] = {}
        for key, text in self.texts(found, "data").items():
            try:
                values[key] = base64.b64decode(text.replace("\n", "").replace("\r", ""), validate=True)
            except ValueError as error:
                self.refuse(f"data.{key}", f"not in base64: {error}; text as it is belongs into `stringData`")
        return values

    def truth(self, path: str, value: Any) -> bool | None:
        """`true` or `false`; nothing where there is none."""
        if not _given(value):
            return None
        word = value.written.lower() if isinstance(value, Bare) else ""
        if word not in {"true", "false"}:
            self.refuse(path, "must be true or false")
        return word == "true"


def _mapping(value: Any) -> dict[Any, Any]:
    return cast("dict[Any, Any]", value) if isinstance(value, dict) else {}


def _given(value: Any) -> bool:
    """Whether there is something; `key:` and `key: null` are nothing."""
    return not (value is None or value == "" or (isinstance(value, Bare) and value.written in goyaml.NULLS))
