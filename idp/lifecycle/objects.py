"""Which objects in the cluster a killed run made: those that carry this stack's label and are not in its state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from idp import naming
from idp.cluster_api import labels
from idp.lifecycle.findings import HalfInstalled, Import, Refusal
from idp.plan import Mark

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from idp.cluster_api import ClusterApi
    from idp.plan import Node

RELEASE = "kubernetes:helm.sh/v3:Release"
PREFIX = "kubernetes:"
UNKNOWN_HERE = (
    "it is in the cluster already and carries this stack's label, but this folder's state knows nothing of it; if no other "
    "does, say --take-over"
)


def examine(
    nodes: Iterable[Node], api: ClusterApi, owner: naming.Owner, known: Callable[[Node], bool]
) -> Iterator[Import | Refusal | HalfInstalled]:
    """Ask the cluster for each object that is declared, or was begun, and is not in the state.

    Args:
        nodes: those objects.
        api: of the cluster.
        owner: whose label an object of this stack carries.
        known: whether this state, and not that of another folder, may have made an object.

    Raises:
        ClusterError: it does not answer.
    """
    for node in nodes:
        if node.type == RELEASE:
            yield from _release(node, api, owner, known)
        elif node.type.startswith(PREFIX) and not node.type.endswith("Patch"):
            yield from _object(node, api, owner, known)


def _object(
    node: Node, api: ClusterApi, owner: naming.Owner, known: Callable[[Node], bool]
) -> Iterator[Import | Refusal]:
    version, kind, name, namespace = identity(node)
    live = api.find(version, kind, name, namespace)
    if live is None:
        return
    whose, place = labels(live).get(naming.STACK_LABEL), f"{namespace}/{name}" if namespace else name
    if whose != owner.label:
        said = f"belongs to stack {whose}; choose" if whose else "carries no stack's label; remove it, or choose"
        yield Refusal(subject=f"{kind} {place}", message=f"it is in the cluster already and {said} other names")
    elif known(node):
        yield Import(node=node, id=place, reason="a killed run made it")
    else:
        yield Refusal(subject=f"{kind} {place}", message=UNKNOWN_HERE, claimable=True)


def _release(
    node: Node, api: ClusterApi, owner: naming.Owner, known: Callable[[Node], bool]
) -> Iterator[Import | Refusal | HalfInstalled]:
    """Helm keeps a Secret for each revision; its label says how far that one came. Ours is what is in a namespace of ours."""
    name, namespace = str(node.at("name")), _namespace(node.at("namespace"), node)
    home = api.find("v1", "Namespace", namespace)
    if home is None or labels(home).get(naming.STACK_LABEL) != owner.label:
        return
    records = api.every("v1", "Secret", namespace=namespace, labels=f"owner=helm,name={name}")
    if not records:
        return
    if not known(node):
        yield Refusal(subject=f"Release {namespace}/{name}", message=UNKNOWN_HERE, claimable=True)
        return
    states = {record["metadata"]["labels"].get("status") for record in records}
    if "deployed" in states:
        yield Import(node=node, id=f"{namespace}/{name}", reason="a killed run installed it")
    else:
        found = tuple(record["metadata"]["name"] for record in records)
        yield HalfInstalled(node=node, name=name, namespace=namespace, records=found)


def identity(node: Node) -> tuple[str, str, str, str | None]:
    """Version, kind, name and namespace of the object that a node declares."""
    _, version, kind = node.type.split(":")
    namespace: Any = node.at("metadata", "namespace")
    return (
        version.removeprefix("core/"),
        kind,
        str(node.at("metadata", "name")),
        None if namespace is None else _namespace(namespace, node),
    )


def _namespace(value: Any, node: Node) -> str:
    if isinstance(value, Mark):
        raise AssertionError(f"{node.name}: the namespace is not known before the run")  # noqa: TRY004  a bug of ours
    return str(value)
