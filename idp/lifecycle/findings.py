"""What a look at the world says about something that the program wants and the state lacks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from idp.plan import Node


@dataclass(frozen=True, kw_only=True)
class Import:
    """It is there and ours: the state takes it in."""

    node: Node
    id: str
    """As the provider's import wants it."""
    reason: str


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """It is there and not provably ours: nothing is done to it, and no `up` is begun."""

    subject: str
    message: str


@dataclass(frozen=True, kw_only=True)
class HalfInstalled:
    """A Helm release whose installation was cut off: Helm refuses its name until the record of it is gone."""

    name: str
    namespace: str
    records: tuple[str, ...]
    """Names of the Secrets in which Helm keeps it."""


@dataclass(frozen=True, kw_only=True)
class HalfRemoved:
    """A Kind cluster of this stack's whose end was begun: the state has forgotten what is in it."""

    name: str
