"""The plan's Kubernetes objects as YAML, a file each, and each chart's values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from idp.plan.model import Mark

if TYPE_CHECKING:
    from idp.plan.model import Node, Plan

RELEASE = "kubernetes:helm.sh/v3:Release"
CERT_MANAGER = "kubernetes-cert-manager:index:CertManager"
"""A component whose plugin makes the release, from options that are here."""


@dataclass(frozen=True, kw_only=True)
class HelmRelease:
    """A chart as the plan installs it."""

    name: str
    namespace: str
    chart: str
    """Its name, without the place that holds it."""
    version: str
    place: str
    """The repository, registry or folder that holds it."""
    values: Any


def releases(plan: Plan) -> list[HelmRelease]:
    """Every chart of the plan, whoever installs it."""
    return [release(node) for node in plan.nodes if node.type in {RELEASE, CERT_MANAGER}]


def release(node: Node) -> HelmRelease:
    """What a node says of its chart."""
    inputs = node.inputs if node.type == RELEASE else node.at("helmOptions")
    place, _, chart = str(inputs["chart"]).rpartition("/")
    return HelmRelease(
        name=inputs["name"],
        namespace=str(inputs["namespace"]),
        chart=chart,
        version=inputs["version"],
        place=inputs["repositoryOpts"]["repo"] if "repositoryOpts" in inputs else place,
        values=inputs["values"],
    )


class _Dumper(yaml.CSafeDumper):
    """Writes marks as the text that they are, and no alias."""

    def ignore_aliases(self, data: Any) -> bool:
        """Every object stands by itself."""
        del data
        return True


_Dumper.add_representer(Mark, lambda dumper, mark: dumper.represent_str(str(mark)))


def manifests(plan: Plan) -> dict[str, bytes]:
    """File name -> YAML, numbered in an order in which a cluster would take them."""
    nodes = [node for node in plan.nodes if node.type.startswith("kubernetes:") or node.type == CERT_MANAGER]
    return {f"{number:03}-{_file(node)}": _yaml(node) for number, node in enumerate(nodes, 1)}


def _file(node: Node) -> str:
    if node.type in {RELEASE, CERT_MANAGER}:
        return f"release-{release(node).name}.values.yaml"
    return f"{node.type.rpartition(':')[2].lower()}-{node.name}.yaml"


def _yaml(node: Node) -> bytes:
    head = f"# {node.source}\n"
    content = node.inputs
    if node.type in {RELEASE, CERT_MANAGER}:
        found = release(node)
        chart = f"chart {found.chart} {found.version} from {found.place}"
        head += f"# {chart}, release {found.name} in namespace {found.namespace}; these are its values\n"
        content = found.values
    return (head + yaml.dump(content, Dumper=_Dumper, sort_keys=True, allow_unicode=True, width=120)).encode()
