"""Kustomize patches of an Application: what one stack adds to a repository's overlay, so that it holds nothing of a stack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

Patch = dict[str, Any]
CONTAINER = "service"
"""Of a Deployment that a template made; what was there before has names of its own."""
MONITORS = ("PodMonitor", "PrometheusRule", "ServiceMonitor")
"""Kinds that only a cluster with Prometheus' operator has."""


def ingress(name: str, host: str, ingress_class: str) -> Patch:
    """An Ingress gets its host on this stack; where there is none of that name it does nothing."""
    operations = [
        {"op": "add", "path": "/spec/ingressClassName", "value": ingress_class},
        {"op": "replace", "path": "/spec/rules/0/host", "value": host},
        # the certificate is the ingress controller's own, for every host: no Secret is named
        {"op": "add", "path": "/spec/tls", "value": [{"hosts": [host]}]},
    ]
    return _patch({"group": "networking.k8s.io", "kind": "Ingress", "name": name}, operations)


def placement(node_selector: Mapping[str, str]) -> Patch:
    """Every Deployment's pods go to labelled nodes."""
    return _patch({"group": "apps", "kind": "Deployment"}, _deployment({"nodeSelector": dict(node_selector)}))


def environment(name: str, variables: Mapping[str, str]) -> Patch:
    """A template's container learns addresses that only this stack knows."""
    given = [{"name": variable, "value": value} for variable, value in variables.items()]
    pod = {"containers": [{"name": CONTAINER, "env": given}]}
    return _patch({"group": "apps", "kind": "Deployment", "name": name}, _deployment(pod))


def without_monitors() -> list[Patch]:
    """What nobody would read is not made: its kinds are unknown here, and a sync would wait for them for ever."""
    group = "monitoring.coreos.com"
    return [
        _patch(
            {"group": group, "kind": kind},
            {"apiVersion": f"{group}/v1", "kind": kind, "metadata": {"name": "any"}, "$patch": "delete"},
        )
        for kind in MONITORS
    ]


def _deployment(pod: Mapping[str, Any]) -> dict[str, Any]:
    spec = {"template": {"spec": dict(pod)}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "any"}, "spec": spec}


def _patch(target: dict[str, str], patch: Any) -> Patch:
    """Wide lines, as a host that is a Go template of the ApplicationSet must stay on its own."""
    return {"target": target, "patch": yaml.safe_dump(patch, width=1000)}
