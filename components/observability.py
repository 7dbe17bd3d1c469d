"""Observability's ground: what its Applications cannot make for themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pulumi
import pulumi_kubernetes as k8s

from components.dynamic.password import Password
from components.kubernetes import namespace
from components.options import plus
from idp import naming

ADMINISTRATOR = "grafana-admin"
"""The Secret with Grafana's administrator, named by the chart's values in templates/gitops."""


@dataclass(frozen=True, kw_only=True)
class ObservabilityArgs:
    """What it needs."""

    owner: naming.Owner
    lifetime: pulumi.Resource | None
    """What is in the cluster goes when this goes."""


class Observability(pulumi.ComponentResource):
    """Two namespaces and Grafana's password; everything else is Argo CD's, from the GitOps repository."""

    pulumi_type: ClassVar[str] = "idp:index:Observability"

    administrator_password: pulumi.Output[str]
    """Of Grafana's `admin`. Secret."""
    ready: tuple[pulumi.Resource, ...]
    """What its Applications need."""

    def __init__(self, name: str, args: ObservabilityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare it."""
        super().__init__(self.pulumi_type, name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        inside = plus(child, deleted_with=args.lifetime)
        labels = args.owner.labels("observability")

        password = Password(f"{name}-grafana", length=24, opts=child)
        self.administrator_password = password.value
        home = namespace(f"{name}-namespace", naming.OBSERVABILITY_NAMESPACE, "baseline", labels, inside)
        # the agents read the nodes' logs and counters, from files that no other pod may see
        agents = namespace(f"{name}-agents", naming.AGENTS_NAMESPACE, "privileged", labels, inside)
        administrator = k8s.core.v1.Secret(
            f"{name}-grafana",
            metadata={"name": ADMINISTRATOR, "namespace": home.metadata.name, "labels": labels},
            string_data={"admin-user": "admin", "admin-password": password.value},
            opts=inside,
        )
        self.ready = (home, agents, administrator)
        self.register_outputs({})
