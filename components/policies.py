"""Network policies: nothing is open but what is written here, above all in the namespaces that teams fill.

Policies add up, and none takes away: the first closes everything, each other one opens something. Pods are selected by the
label and the port name that every template gives its Deployment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from idp import naming
from idp.model import Peer
from idp.words import PUBLIC, outside_port

if TYPE_CHECKING:
    from collections.abc import Iterable

    from idp.model import Service
    from idp.network import Peers

Spec = dict[str, Any]

PORT = "http"
"""The name of the container port on which a service answers, also for its metrics."""
OTLP = (4317, 4318)
DNS = Peer(namespace="kube-system", labels={"k8s-app": "kube-dns"})

OUTSIDE = [{"ipBlock": {"cidr": block, "except": list(but)}} for block, but in PUBLIC.items()]
"""Every public address, as one side of a rule."""


def of_namespace(peers: Peers) -> dict[str, Spec]:
    """Name -> policy of what holds for all pods of a namespace, whoever they are."""
    entrance = [peer for peer in (peers.ingress, peers.prometheus) if peer]
    exits = [rule("to", [DNS], [(53, "UDP"), (53, "TCP")])]
    if peers.collector:
        exits.append(rule("to", [peers.collector], [(port, "TCP") for port in OTLP]))
    return {
        "default-deny": policy({}),
        "with-platform": policy({}, [rule("from", entrance, [(PORT, "TCP")])], exits),
    }


def of_services(team: str, environment: str, services: Iterable[Service]) -> dict[str, Spec]:
    """Name -> policy of each of a team's services that calls or is called, in one environment.

    Args:
        team: whose services.
        environment: callers and called are always of the same one.
        services: all that there are, other teams' too: a call is opened on both sides.
    """
    active = {service.name: service for service in services if not service.retired}
    callers: dict[str, list[Peer]] = {}
    for service in active.values():
        for target in service.calls:
            callers.setdefault(target, []).append(_pods(service, environment))
    found: dict[str, Spec] = {}
    for service in active.values():
        if service.team != team:
            continue
        entrances = [rule("from", peers, [(PORT, "TCP")])] if (peers := callers.get(service.name)) else []
        called = [_pods(active[target], environment) for target in service.calls if target in active]
        exits = [rule("to", called, [(PORT, "TCP")])] if called else []
        if ports := sorted({outside_port(url) for url in service.outside}):
            exits.append({"to": OUTSIDE, "ports": [_port(port) for port in ports]})
        if entrances or exits:
            found[f"service-{service.name}"] = policy({naming.SERVICE_LABEL: service.name}, entrances, exits)
    return found


def _pods(service: Service, environment: str) -> Peer:
    """A service's pods."""
    return Peer(namespace=naming.team_namespace(service.team, environment), labels={naming.SERVICE_LABEL: service.name})


def policy(labels: dict[str, str], entrances: Iterable[Spec] = (), exits: Iterable[Spec] = ()) -> Spec:
    """For pods with these labels, in both directions; a direction without a rule is closed."""
    rules = {"ingress": list(entrances), "egress": list(exits)}
    selector = {"matchLabels": labels} if labels else {}
    return {"podSelector": selector, "policyTypes": ["Ingress", "Egress"]} | {k: v for k, v in rules.items() if v}


def rule(side: str, peers: Iterable[Peer], ports: Iterable[tuple[str | int, str]]) -> Spec:
    """Pods of certain namespaces, on certain ports; without a peer it would open these ports to everybody."""
    return {side: [_peer(peer) for peer in peers], "ports": [_port(port, protocol) for port, protocol in ports]}


def _peer(peer: Peer) -> Spec:
    """Namespace and labels in one selector: in two, either would do."""
    return {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": peer.namespace}},
        "podSelector": {"matchLabels": dict(peer.labels)},
    }


def _port(port: str | int, protocol: str = "TCP") -> Spec:
    return {"port": port, "protocol": protocol}
