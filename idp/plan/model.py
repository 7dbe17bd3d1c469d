"""What a program declares, as a plain value: resources, their inputs, what needs what, and what is secret."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class Mark(str):
    """Stands in a plan for a value that must not, or cannot, be shown."""

    __slots__ = ()


SECRET = Mark("[secret]")
UNKNOWN = Mark("[unknown]")


@dataclass(frozen=True, kw_only=True)
class Node:
    """One declared resource."""

    urn: str
    type: str
    name: str
    """The name in the program; an object's own name is among the inputs."""
    custom: bool
    """Whether a provider makes it; components only hold others."""
    parent: str | None
    """URN; nothing for what hangs on the stack itself."""
    provider: str | None
    """URN; nothing for components, providers and dynamic resources."""
    inputs: Mapping[str, Any] = field(repr=False)
    dependencies: tuple[str, ...] = field(repr=False)
    """URNs, sorted."""
    protect: bool
    retain_on_delete: bool
    deleted_with: str | None
    """URN of the resource whose end is this one's too."""
    source: str | None
    """`file:line` of the declaration, relative to the project."""

    def needs(self, other: Node) -> bool:
        """Whether this one is made after the other."""
        return other.urn in self.dependencies

    def at(self, *path: str | int) -> Any:
        """The input at a path; a mark above it speaks for all below, and nothing is there where there is none."""
        value: Any = self.inputs
        for key in path:
            if isinstance(value, Mark):
                return value
            try:
                value = value[key]
            except (KeyError, IndexError, TypeError):
                return None
        return value


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All that one run of the program declares."""

    project: str
    stack: str
    nodes: tuple[Node, ...]
    """In the order of their declaration: parents before children, needs before the needy."""
    outputs: Mapping[str, Any]
    messages: tuple[str, ...]
    """What the program said while it declared, such as what it leaves out and why."""

    def of(self, type_: str) -> tuple[Node, ...]:
        """All resources of a type."""
        return tuple(node for node in self.nodes if node.type == type_)

    def one(self, type_: str, name: str | None = None) -> Node:
        """The one resource of a type, by its name in the program or its object's name where there are more.

        Raises:
            LookupError: there is none, or more than one.
        """
        found = [
            node for node in self.of(type_) if name in {None, node.name, node.at("metadata", "name"), node.at("name")}
        ]
        if len(found) == 1:
            return found[0]
        there = ", ".join(node.name for node in self.of(type_)) or "none"
        raise LookupError(f"{len(found)} of {type_} named {name}; there are: {there}")

    def children(self, node: Node | None) -> tuple[Node, ...]:
        """What hangs on a resource, or on the stack."""
        return tuple(child for child in self.nodes if child.parent == (node.urn if node else None))

    def is_secret(self, node: Node, *path: str | int) -> bool:
        """Whether an input is marked secret, by itself or with what holds it."""
        return node.at(*path) is SECRET
