"""What a look at the world says about something that the program wants and the state lacks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    claimable: bool = False
    """Whether it says itself that it is this stack's, so that `--take-over` takes it."""


@dataclass(frozen=True, kw_only=True)
class HalfInstalled:
    """A Helm release whose installation was cut off: Helm refuses its name until the record of it is gone."""

    node: Node
    name: str
    namespace: str
    records: tuple[str, ...]
    """Names of the Secrets in which Helm keeps it."""


@dataclass(frozen=True, kw_only=True)
class HalfRemoved:
    """A Kind cluster of this stack's whose end was begun: the state has forgotten what is in it, or never knew it."""

    name: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Restore:
    """A key or a password that the state lacks and a Secret still holds: a new one would overwrite the last copy."""

    node: Node
    id: str
    outputs: Mapping[str, Any] = field(repr=False)
    """As its provider would have made them."""
    holder: str
    """`namespace/name` of the Secret."""
