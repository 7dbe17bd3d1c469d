"""The plan as JSON: stable, documented in docs/plan.md, for other programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from idp.plan.model import Node, Plan


def document(plan: Plan) -> dict[str, Any]:
    """The plan as plain data."""
    return {
        "project": plan.project,
        "stack": plan.stack,
        "resources": [_resource(node) for node in plan.nodes],
        "outputs": dict(plan.outputs),
    }


def text(plan: Plan) -> str:
    """The document with sorted keys, so that equal plans are equal bytes."""
    return json.dumps(document(plan), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _resource(node: Node) -> dict[str, Any]:
    return {
        "urn": node.urn,
        "type": node.type,
        "name": node.name,
        "parent": node.parent,
        "provider": node.provider,
        "inputs": node.inputs,
        "dependencies": list(node.dependencies),
        "protect": node.protect,
        "deletedWith": node.deleted_with,
        "source": node.source,
    }
