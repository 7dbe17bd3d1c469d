"""The recorder's plan held against the engine's state, resource by resource."""

from __future__ import annotations

import json
from typing import Any

from idp.plan import SECRET, UNKNOWN, Mark, Node, Plan

SECRET_KEY = "4dabf18193072939515e22adb298388d"
"""Marks a secret in the state."""
NOT_DECLARED = (
    "pulumi:pulumi:Stack",
    "pulumi:providers:pulumi",
    "pulumi:providers:pulumi-python",
    "pulumi:providers:kubernetes-cert-manager",
)
"""What the engine adds by itself: the stack, and providers of dynamic resources and of remote components."""
REMOTE = "kubernetes-cert-manager:index:CertManager"
"""A component that a plugin declares: its children are the plugin's word, and the state keeps no inputs of it."""
ADDED = {
    "pulumi-python:": {"__provider"},  # the SDK's: a dynamic resource's pickled provider
    "pulumi:providers:": {"version", "__internal"},  # the engine's notes about a plugin
    "github:index/teamRepository:": {"name"},  # the tests' plugin names it like a repository; it has no such input
}
"""Inputs that are in the state though nobody declared them, by the beginning of their type."""


def differences(plan: Plan, resources: list[dict[str, Any]]) -> list[str]:
    """What the two say differently; empty when they agree."""
    engine = {resource["urn"]: resource for resource in resources if resource["type"] not in NOT_DECLARED}
    declared = {node.urn: node for node in plan.nodes}
    found = [f"only in the state: {urn}" for urn in engine.keys() - declared.keys() if f"{REMOTE}$" not in urn]
    found += [f"only in the plan: {urn}" for urn in declared.keys() - engine.keys()]
    for urn in sorted(engine.keys() & declared.keys()):
        found += [f"{urn}: {line}" for line in _resource(declared[urn], engine[urn])]
    return found


def _resource(node: Node, state: dict[str, Any]) -> list[str]:
    said = {
        "type": (node.type, state["type"]),
        "custom": (node.custom, state["custom"]),
        "parent": (node.parent, None if _stack(state.get("parent", "")) else state["parent"]),
        "provider": (node.provider, _provider(state)),
        "dependencies": (sorted(node.dependencies), sorted(state.get("dependencies", []))),
        "protect": (node.protect, state.get("protect", False)),
        "retainOnDelete": (node.retain_on_delete, state.get("retainOnDelete", False)),
        "deletedWith": (node.deleted_with, state.get("deletedWith")),
    }
    found = [f"{key}: plan {ours!r}, state {theirs!r}" for key, (ours, theirs) in said.items() if ours != theirs]
    added = {key for start, keys in ADDED.items() if node.type.startswith(start) for key in keys}
    inputs = {key: value for key, value in state.get("inputs", {}).items() if key not in added}
    return found + ([] if node.type == REMOTE else _values("inputs", dict(node.inputs), inputs))


def _stack(parent: str) -> bool:
    return parent == "" or "::pulumi:pulumi:Stack::" in parent


def _provider(state: dict[str, Any]) -> str | None:
    urn = state.get("provider", "").rpartition("::")[0]
    return None if not urn or "pulumi:providers:pulumi-python" in urn else urn


def _values(path: str, ours: Any, theirs: Any) -> list[str]:
    """A mark agrees with what it stands for; everything else with its equal."""
    if ours is UNKNOWN:
        return []
    secret = isinstance(theirs, dict) and SECRET_KEY in theirs
    if ours is SECRET or secret:
        return [] if ours is SECRET and secret else [f"{path}: secret in one of the two only"]
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return [
            line
            for key in sorted({*ours, *theirs})
            for line in _values(f"{path}.{key}", ours.get(key), theirs.get(key))
        ]
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        return [line for n, pair in enumerate(zip(ours, theirs, strict=True)) for line in _values(f"{path}.{n}", *pair)]
    if isinstance(theirs, str) and not isinstance(ours, str | Mark):  # a provider's settings are text in the state
        ours = json.dumps(ours)
    return [] if ours == theirs else [f"{path}: plan {ours!r}, state {theirs!r}"]
