"""The plan as a tree for people."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.tree import Tree

if TYPE_CHECKING:
    from idp.plan.model import Node, Plan


def tree(plan: Plan) -> Tree:
    """What hangs on what; beside each resource what it is, and what becomes of it."""
    root = Tree(f"[bold]{escape(f'{plan.project} {plan.stack}')}[/]")
    children: dict[str | None, list[Node]] = {}
    for node in plan.nodes:
        children.setdefault(node.parent, []).append(node)
    _grow(root, None, children)
    return root


def _grow(branch: Tree, parent: str | None, children: dict[str | None, list[Node]]) -> None:
    for node in children.get(parent, []):
        _grow(branch.add(_label(node)), node.urn, children)


def _label(node: Node) -> str:
    kind = node.type.rpartition(":")[2]
    known = node.at("metadata", "name") or (node.at("name") if node.provider else None)
    called = f" {escape(str(known))}" if known and known != node.name else ""
    notes = [note for note, holds in (("kept", node.retain_on_delete), ("protected", node.protect)) if holds]
    fate = f" [dim]({', '.join(notes)})[/]" if notes else ""
    style = "cyan" if node.custom else "bold"
    return f"[{style}]{kind}[/] {escape(node.name)}[dim]{called}[/]{fate}"


def summary(plan: Plan) -> str:
    """How much of what: one line below the tree."""
    makers = Counter(
        _maker(node) for node in plan.nodes if node.custom and not node.type.startswith("pulumi:providers:")
    )
    parts = ", ".join(f"{makers[maker]} {maker}" for maker in sorted(makers))
    components = sum(not node.custom for node in plan.nodes)
    return f"{sum(makers.values())} resources ({parts}) in {components} components"


def _maker(node: Node) -> str:
    package = node.type.partition(":")[0]
    return {"pulumi-python": "of our own", "kubernetes": "Kubernetes", "github": "GitHub"}.get(package, package)
