"""The plan as a picture: a Mermaid flowchart of its components and of what each waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from idp.plan.model import Node, Plan


def diagram(plan: Plan) -> str:
    """One box for each component on top; an arrow from what is made first to what waits for it.

    An arrow that others make superfluous is left out, so that the picture shows the order and not every need.
    """
    components = {node.urn: node for node in plan.children(None) if not node.custom}
    order = list(components)
    needs = _reduced(_needs(plan, components), order)
    lines = [f'  {_id(node)}["{_kind(node)}<br/>{node.name}"]' for node in components.values()]
    lines += [f"  {_id(components[need])} --> {_id(components[urn])}" for urn in order for need in needs[urn]]
    return "\n".join(["flowchart TD", *lines]) + "\n"


def _needs(plan: Plan, components: dict[str, Node]) -> dict[str, set[str]]:
    """Component -> the components that something in it waits for, or goes with."""
    nodes = {node.urn: node for node in plan.nodes}

    def top(urn: str) -> str | None:
        while (parent := nodes[urn].parent if urn in nodes else None) is not None:
            urn = parent
        return urn if urn in components else None

    found: dict[str, set[str]] = {urn: set() for urn in components}
    for node in plan.nodes:
        if (mine := top(node.urn)) is None:
            continue
        others = {top(urn) for urn in (*node.dependencies, node.provider, node.deleted_with) if urn}
        found[mine] |= {other for other in others if other} - {mine}
    return found


def _reduced(needs: dict[str, set[str]], order: list[str]) -> dict[str, list[str]]:
    """Without the needs that follow from others."""
    whole: dict[str, set[str]] = {}

    def reach(urn: str) -> set[str]:
        if urn not in whole:
            whole[urn] = set().union(*({need} | reach(need) for need in needs[urn]))
        return whole[urn]

    return {
        urn: [each for each in order if each in needs[urn] and not any(each in reach(o) for o in needs[urn] - {each})]
        for urn in order
    }


def _kind(node: Node) -> str:
    return node.type.rpartition(":")[2]


def _id(node: Node) -> str:
    return f"{_kind(node)}_{node.name}".replace("-", "_")
