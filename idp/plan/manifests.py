"""The plan's Kubernetes objects as YAML, a file each, and each chart's values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from idp.plan.model import Mark

if TYPE_CHECKING:
    from idp.plan.model import Node, Plan

RELEASE = "kubernetes:helm.sh/v3:Release"


class _Dumper(yaml.CSafeDumper):
    """Writes marks as the text that they are, and no alias."""

    def ignore_aliases(self, data: Any) -> bool:
        """Every object stands by itself."""
        del data
        return True


_Dumper.add_representer(Mark, lambda dumper, mark: dumper.represent_str(str(mark)))


def manifests(plan: Plan) -> dict[str, bytes]:
    """File name -> YAML, numbered in an order in which a cluster would take them."""
    nodes = [node for node in plan.nodes if node.type.startswith("kubernetes:")]
    return {f"{number:03}-{_file(node)}": _yaml(node) for number, node in enumerate(nodes, 1)}


def _file(node: Node) -> str:
    kind = node.type.rpartition(":")[2].lower()
    return f"{kind}-{node.name}.{'values.yaml' if node.type == RELEASE else 'yaml'}"


def _yaml(node: Node) -> bytes:
    head = f"# {node.source}\n"
    content = node.inputs
    if node.type == RELEASE:
        chart = f"chart {node.at('chart')} {node.at('version')} from {node.at('repositoryOpts', 'repo')}"
        head += f"# {chart}, release {node.at('name')} in namespace {node.at('namespace')}; these are its values\n"
        content = node.at("values")
    return (head + yaml.dump(content, Dumper=_Dumper, sort_keys=True, allow_unicode=True, width=120)).encode()
