"""The GitOps repository in tests: its answers, and what lies in a stack's folder of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from components.applications import sync_policy
from idp import versions
from idp.render import render
from idp.templates import load

if TYPE_CHECKING:
    from collections.abc import Mapping

TEMPLATE = load("gitops")

FROM_REPOSITORIES: dict[str, dict[str, str]] = {
    chart.name: {"repoURL": chart.place, "chart": chart.name, "targetRevision": chart.version}
    for chart in versions.ADD_ONS
}
FROM_REGISTRY: dict[str, dict[str, str]] = {
    chart.name: {"repoURL": f"oci://registry.example/charts/{chart.name}", "path": ".", "targetRevision": chart.version}
    for chart in versions.ADD_ONS
}

EXAMPLES: dict[str, dict[str, Any]] = {
    "kind": {},
    "kind, one worker": {"node_selector": {}},
    "existing cluster": {
        "stack": "prod",
        "kind": False,
        "metrics_server": False,
        "ingress_class": "nginx",
        "node_selector": {"pool": "platform", "example.com/on": "true"},
        "deploys": ["staging", "prod"],
    },
    "charts from a registry": {"charts": FROM_REGISTRY},
    "a guest of somebody's Argo CD": {
        "prefix": "prod-",
        "projects": {"platform": "prod-platform", "bootstrap": "prod-bootstrap"},
    },
    "no observability": {"observability": False},
}
"""What differs from the local stack's answers."""


def answers(**others: Any) -> dict[str, Any]:
    """The local stack's answers as the platform gives them."""
    return {
        "project": "idp",
        "service": "idp-gitops",
        "stack": "dev",
        "organization": "acme",
        "repository_url": "https://github.com/acme/idp-gitops",
        "clone_url": "https://github.com/acme/idp-gitops.git",
        "domain": "idp.localhost",
        "urls": {"grafana": "https://grafana.idp.localhost:8843", "argocd": "https://argocd.idp.localhost:8843"},
        "hosts": {"grafana": "grafana.idp.localhost"},
        "ingress_class": "traefik",
        "node_selector": {"role": "platform"},
        "labels": {"app.kubernetes.io/part-of": "idp", "idp/stack": "idp.dev"},
        "argocd_namespace": "argocd",
        "projects": {"platform": "platform", "bootstrap": "bootstrap"},
        "prefix": "",
        "sync_policy": sync_policy(),
        "charts": FROM_REPOSITORIES,
        "observability": True,
        "metrics_server": True,
        "kind": True,
        "deploys": ["dev"],
        **others,
    }


@dataclass(frozen=True, kw_only=True)
class Repository:
    """A rendered repository and the answers that it was made from."""

    answers: Mapping[str, Any]
    files: Mapping[str, bytes]

    @property
    def folder(self) -> str:
        """The stack's folder."""
        return f"clusters/{self.answers['stack']}"

    @property
    def applications(self) -> dict[str, dict[str, Any]]:
        """What the root Application applies, by file name."""
        within = f"{self.folder}/apps/"
        found = {path.removeprefix(within): text for path, text in self.files.items() if path.startswith(within)}
        return {
            name.removesuffix(".yaml"): yaml.safe_load(text) for name, text in found.items() if name.endswith("yaml")
        }

    @property
    def values(self) -> dict[str, dict[str, Any]]:
        """The chart values of each Application that has some."""
        sources = {name: application["spec"]["source"] for name, application in self.applications.items()}
        return {name: source["helm"]["valuesObject"] for name, source in sources.items() if "helm" in source}

    def manifests(self, name: str) -> list[dict[str, Any]]:
        """The objects in one file of what has no chart."""
        return [each for each in yaml.safe_load_all(self.files[f"{self._monitors}/{name}.yaml"]) if each]

    @property
    def dashboard(self) -> dict[str, Any]:
        """The platform's dashboard."""
        return json.loads(self.files[f"{self._monitors}/dashboard.json"])

    @property
    def _monitors(self) -> str:
        return f"{self.folder}/manifests/platform-monitors"


def repository(**others: Any) -> Repository:
    given = answers(**others)
    return Repository(answers=given, files=render(TEMPLATE, given).files)
