"""How what runs is doing: each object of a cluster judged by itself, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from idp import naming

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Object = dict[str, Any]
NONE: dict[str, str] = {}
KUBECTL = "kubectl"
WORKLOADS = {
    "Deployment": ("replicas", "readyReplicas"),
    "StatefulSet": ("replicas", "readyReplicas"),
    "DaemonSet": ("desiredNumberScheduled", "numberReady"),
}
"""Kind -> where its status says how many pods there should be, and how many are ready."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One thing that runs, or should."""

    part: str
    """`cluster`, `platform` or `services`."""
    name: str
    healthy: bool
    says: str
    url: str = ""
    more: str = ""
    """The command that says more, where it is not healthy."""

    @property
    def trouble(self) -> str:
        """What is not well, and below it that command."""
        return f"{self.name}: {self.says}\n  → {self.more}"


def nodes(found: Iterable[Object], kubectl: str = KUBECTL) -> Iterator[Row]:
    """The cluster's nodes: each ready or not; `kubectl` is the command that asks this cluster, here and below."""
    ready = {
        each["metadata"]["name"]: any(
            condition["type"] == "Ready" and condition["status"] == "True"
            for condition in each.get("status", {}).get("conditions", [])
        )
        for each in found
    }
    lacking = sorted(name for name, well in ready.items() if not well)
    yield Row(
        part="cluster", name="nodes", healthy=bool(ready) and not lacking,
        says=f"{len(ready) - len(lacking)} of {len(ready)} ready" + (f", not {', '.join(lacking)}" if lacking else ""),
        more=f"{kubectl} describe node {' '.join(lacking)}".strip(),
    )  # fmt: skip


def workload(found: Object, kubectl: str = KUBECTL) -> Row:
    """A part of the platform: as many pods ready as there should be, of the version that was asked for last."""
    kind, meta, status = found["kind"], found["metadata"], found.get("status", {})
    should, are = WORKLOADS[kind]
    wanted = status.get(should, found["spec"].get("replicas", 1) if kind != "DaemonSet" else 0)
    ready, seen = status.get(are, 0), status.get("observedGeneration", 0) >= meta.get("generation", 0)
    return Row(
        part="platform", name=f"{meta['namespace']}/{meta['name']}", healthy=ready >= wanted and seen,
        says=f"{ready} of {wanted} ready" if seen else "not looked at yet",
        more=f"{kubectl} describe {kind.lower()} {meta['name']} -n {meta['namespace']}",
    )  # fmt: skip


def application(
    found: Object, urls: Mapping[str, str], commits: Mapping[str, str] = NONE, kubectl: str = KUBECTL
) -> Row:
    """What Argo CD runs: in step with git, and well.

    Args:
        found: the Application.
        urls: where services answer, by the Application's name.
        commits: what is to run, where that is known better than Argo CD may know it yet; by the same names.
        kubectl: the command that asks this cluster.
    """
    name, status = found["metadata"]["name"], found.get("status", {})
    sync = status.get("sync", {}).get("status", "Unknown")
    behind = name in commits and status.get("sync", {}).get("revision") != commits[name]
    health = status.get("health", {}).get("status", "Unknown")
    trouble = [each["message"] for each in status.get("conditions", []) if each["type"].endswith("Error")]
    says = (
        f"not yet at {commits[name][:12]}" if behind else f"{sync}, {health}" + (f": {trouble[0]}" if trouble else "")
    )
    service = "service" in found["metadata"].get("labels", {}).get("app.kubernetes.io/component", "")
    return Row(
        part="services" if service else "platform", name=name,
        healthy=(sync, health) == ("Synced", "Healthy") and not behind, says=says, url=urls.get(name, ""),
        more=f"{kubectl} describe application {name} -n {naming.ARGOCD_NAMESPACE}",
    )  # fmt: skip


def missing(declared: Iterable[str], found: Iterable[Row], makes: str) -> Iterator[Row]:
    """Applications that the stack declares and the cluster lacks; `makes` is the command that makes them."""
    there = {row.name for row in found}
    for name in sorted(set(declared) - there):
        says = "declared, and not in the cluster"
        yield Row(part="services", name=name, healthy=False, says=says, more=makes)
