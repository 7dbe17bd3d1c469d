"""Whom the platform's side of a connection consists of: its own pods, those that a cluster has already, or nobody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from idp import naming
from idp.model import ExistingIngress, Peer, Telemetry

if TYPE_CHECKING:
    from idp.model import PlatformConfig

TRAEFIK = Peer(namespace=naming.TRAEFIK_NAMESPACE, labels={naming.SERVICE_LABEL: "traefik"})
OBSERVABILITY = Telemetry(
    prometheus=Peer(namespace=naming.OBSERVABILITY_NAMESPACE, labels={naming.SERVICE_LABEL: "prometheus"}),
    collector=Peer(
        namespace=naming.OBSERVABILITY_NAMESPACE,
        labels={naming.SERVICE_LABEL: "opentelemetry-collector", "component": "standalone-collector"},
    ),
    otlp=f"http://otel-collector.{naming.OBSERVABILITY_NAMESPACE}.svc.cluster.local:4318",
)
"""What the platform installs: its pods by the labels that their charts give them, and the collector's Service."""


@dataclass(frozen=True, kw_only=True)
class Peers:
    """Pods of the platform that talk with those of teams; nothing where the cluster has none."""

    ingress: Peer
    """Brings what comes from outside."""
    prometheus: Peer | None
    """Reads metrics."""
    collector: Peer | None
    """Takes traces, metrics and logs."""
    otlp: str | None
    """Where it takes them, over HTTP."""


def peers(config: PlatformConfig) -> Peers:
    """Those of one stack."""
    ingress = config.ingress.controller if isinstance(config.ingress, ExistingIngress) else TRAEFIK
    nobody = Telemetry.model_validate({})
    telemetry = {"install": OBSERVABILITY, "existing": config.telemetry, "off": nobody}[config.components.observability]
    return Peers(ingress=ingress, prometheus=telemetry.prometheus, collector=telemetry.collector, otlp=telemetry.otlp)
