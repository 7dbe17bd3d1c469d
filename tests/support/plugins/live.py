"""What a provider's `read` makes of a live object: the recorded inputs, as they are now."""

from __future__ import annotations

import base64
import itertools
from typing import Any

Json = dict[str, Any]
OURS = "pulumi"
"""The stand-in's name among the managers of an object's fields."""
TAKEN_OVER = (("kubectl", "Apply"), ("kubectl", "Update"), ("before-first-apply", "Update"), (OURS, "Update"))
"""Whose fields the Kubernetes plugin makes its own before it applies, by the beginning of the name and the operation."""


def pruned(live: Any, recorded: Any) -> Any:
    """The live value without what nobody asked for: foreign keys of objects, and what came after the end of a list."""
    if isinstance(live, dict) and isinstance(recorded, dict):
        return {key: pruned(live[key], value) for key, value in recorded.items() if key in live}
    if isinstance(live, list) and isinstance(recorded, list):
        return [pruned(*pair) for pair in zip(live, recorded, strict=False)]
    return live


def of_object(live: Json, recorded: Json) -> Json:
    """A Kubernetes object's inputs; a Secret's texts, which the API server answers encoded, as they were given."""
    if "stringData" not in recorded:
        return pruned(live, recorded)
    texts = {key: base64.b64decode(value).decode() for key, value in (live.get("data") or {}).items()}
    return pruned({**live, "stringData": texts}, recorded)


def state(props: Any, recorded: Any, now: Any) -> Any:
    """What the state holds beside the inputs, and the inputs as they are now."""
    if not (isinstance(props, dict) and isinstance(recorded, dict) and isinstance(now, dict)):
        return now
    computed = {key: value for key, value in props.items() if key not in recorded}
    return computed | {key: state(props.get(key), recorded.get(key), value) for key, value in now.items()}


def same_set(live: list[str], recorded: list[str]) -> list[str]:
    """A set's members, in the recorded order where nothing but the order differs."""
    return recorded if sorted(live) == sorted(recorded) else live


def taken_over(managers: list[Json]) -> list[Json]:
    """The managers of an object's fields after the Kubernetes plugin has made those of its likes and of kubectl its own."""
    mine = [each for each in managers if "subresource" not in each and is_taken(each)]
    if not mine or [(each["manager"], each["operation"]) for each in mine] == [(OURS, "Apply")]:
        return managers
    fields: Json = {}
    for each in mine:
        fields = union(fields, each.get("fieldsV1") or {})
    others = [each for each in managers if each not in mine]
    return [*others, {**mine[0], "manager": OURS, "operation": "Apply", "fieldsV1": fields}]


def is_taken(manager: Json) -> bool:
    """Whether the fields of this one become the plugin's, or are."""
    name, operation = manager["manager"], manager["operation"]
    return (name, operation) == (OURS, "Apply") or any(
        name.startswith(start) and operation == kind for start, kind in TAKEN_OVER
    )


def union(one: Json, other: Json) -> Json:
    """Two sets of fields, as the API server writes them, in one."""
    keys = dict.fromkeys(itertools.chain(one, other))
    return {key: union(one.get(key) or {}, other.get(key) or {}) for key in keys}
