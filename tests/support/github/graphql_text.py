"""The text of a GraphQL query as a value: as much of the language as GitHub's clients of ours write.

One query with variables, fields with aliases and arguments, inline fragments. Anything else does not parse here.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN = re.compile(r'[\s,]+|#[^\n]*|(\.\.\.|[A-Za-z_]\w*|-?\d+|"(?:[^"\\\n]|\\.)*"|[{}()\[\]:$!=])|(.)', re.DOTALL)
LITERALS = {"true": True, "false": False, "null": None}


class ParseError(Exception):
    """The text is no query, or one of a kind that nobody asks here."""


@dataclass(frozen=True)
class Variable:
    """`$name`, where a value could be."""

    name: str


@dataclass(frozen=True, kw_only=True)
class Field:
    """What is asked for, and under which key of the answer."""

    key: str
    name: str
    arguments: dict[str, Any]
    selected: tuple[Selection, ...]
    """Nothing where the field is a plain value."""


@dataclass(frozen=True, kw_only=True)
class Fragment:
    """`... on Type { ... }`: what is asked for where it is one of these."""

    type: str
    selected: tuple[Selection, ...]


Selection = Field | Fragment


@dataclass(frozen=True, kw_only=True)
class Query:
    """One operation."""

    name: str
    variables: dict[str, str]
    """Name -> its type as it is written."""
    selected: tuple[Selection, ...]


def parse(text: str) -> Query:
    """The query in a text.

    Raises:
        ParseError: it holds something else.
    """
    return Parser(text).query()


def tokens(text: str) -> Iterator[str]:
    """The words and signs of a text, without what is between them."""
    for match in TOKEN.finditer(text):
        if match[2]:
            raise ParseError(f'Parse error on "{match[2]}"')
        if match[1]:
            yield match[1]


class Parser:
    """Reads from left to right, one token ahead."""

    def __init__(self, text: str) -> None:
        """At the start."""
        self._rest = [*tokens(text), ""][::-1]

    @property
    def _next(self) -> str:
        return self._rest[-1]

    def _take(self, wanted: str = "") -> str:
        """The next token, which is the wanted one or, where none is named, a name."""
        token = self._rest.pop() if self._next else ""
        if token != wanted if wanted else not re.match(r"[A-Za-z_]", token):
            raise ParseError(f'Parse error on "{token}"' if token else "Unexpected end of document")
        return token

    def _taken(self, token: str) -> bool:
        """Whether it came next, and is behind us now."""
        return self._next == token and bool(self._take(token))

    def query(self) -> Query:
        """The whole text."""
        self._take("query")
        name = "" if self._next in {"(", "{"} else self._take()
        variables: dict[str, str] = {}
        if self._taken("("):
            while not self._taken(")"):
                self._take("$")
                variable = self._take()
                self._take(":")
                variables[variable] = self._take() + ("!" if self._taken("!") else "")
        found = Query(name=name, variables=variables, selected=self._selected())
        if self._next:
            raise ParseError(f'Parse error on "{self._next}"')
        return found

    def _selected(self) -> tuple[Selection, ...]:
        self._take("{")
        found: list[Selection] = []
        while not found or self._next != "}":
            found.append(self._fragment() if self._taken("...") else self._field())
        self._take("}")
        return tuple(found)

    def _fragment(self) -> Fragment:
        self._take("on")
        return Fragment(type=self._take(), selected=self._selected())

    def _field(self) -> Field:
        key = name = self._take()
        if self._taken(":"):
            name = self._take()
        arguments: dict[str, Any] = {}
        if self._taken("("):
            while not self._taken(")"):
                argument = self._take()
                self._take(":")
                arguments[argument] = self._value()
        return Field(key=key, name=name, arguments=arguments, selected=self._selected() if self._next == "{" else ())

    def _value(self) -> Any:
        if self._taken("$"):
            return Variable(self._take())
        if self._next in LITERALS:
            return LITERALS[self._take()]
        if re.match(r'-?\d|"', self._next):
            return json.loads(self._rest.pop())
        raise ParseError(f'Parse error on "{self._next}"')
