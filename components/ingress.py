"""Ingress: Traefik takes what comes for the platform's hosts, and everything but https is sent there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import pulumi
import pulumi_kubernetes as k8s

from components.kubernetes import container, helm_release, namespace
from idp import naming

if TYPE_CHECKING:
    from collections.abc import Mapping

    from idp.versions import Chart

CLASS = "traefik"
CERTIFICATE = "default-certificate"
"""The Secret with the certificate of every host that names none; Traefik starts without it and takes it when it comes."""
SERVICE = f"traefik.{naming.TRAEFIK_NAMESPACE}.svc.cluster.local"


@dataclass(frozen=True, kw_only=True)
class IngressArgs:
    """What the ingress controller needs."""

    owner: naming.Owner
    chart: Chart
    addresses: naming.Addresses
    http_port: int
    """What a browser on the host calls for http; it is redirected."""
    node_ports: bool
    """Whether it is reached by ports of the nodes, else by a load balancer."""
    annotations: Mapping[str, str] = field(default_factory=dict[str, str])
    """Of the Service, for whoever makes the load balancer."""
    local: bool
    """Whether browsers find it on this machine only, and the cluster's DNS is ours to teach."""
    replicas: int
    node_selector: Mapping[str, str]


class Ingress(pulumi.ComponentResource):
    """Traefik behind the nodes' ports or a load balancer.

    Its Service has the outer ports too, and on a cluster of ours the DNS answers the platform's hosts with it, so that a
    pod and a browser call one and the same address.
    """

    pulumi_type: ClassVar[str] = "idp:index:Ingress"

    namespace: k8s.core.v1.Namespace
    """Where Traefik looks for its certificate."""
    ready: pulumi.Resource
    """Brings Traefik's own kinds, and routes."""

    def __init__(self, name: str, args: IngressArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare it."""
        super().__init__(self.pulumi_type, name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        labels = args.owner.labels("ingress")

        self.namespace = namespace(f"{name}-namespace", naming.TRAEFIK_NAMESPACE, "restricted", labels, child)
        self.ready = helm_release("traefik", args.chart, self.namespace, values(args), child)
        if args.local:
            k8s.core.v1.ConfigMapPatch(
                f"{name}-dns",
                metadata={
                    "name": "coredns",
                    "namespace": "kube-system",
                    "annotations": {"pulumi.com/patchForce": "true"},  # kubeadm made it
                },
                data={"Corefile": corefile(args.addresses.domain)},
                opts=child,
            )
        self.register_outputs({})


def values(args: IngressArgs) -> dict[str, Any]:
    """Chart values; a pure function, so that tests need no engine."""
    made: dict[str, Any] = {
        "deployment": {"replicas": args.replicas},
        "nodeSelector": dict(args.node_selector),
        "ingressClass": {"enabled": True, "isDefaultClass": True, "name": CLASS},
        "api": {"dashboard": False},
        "ingressRoute": {"dashboard": {"enabled": False}},
        "providers": {
            # a team that could make Traefik's own kinds would name any host; Ingress goes through an admission policy
            "kubernetesCRD": {"enabled": True, "namespaces": [naming.TRAEFIK_NAMESPACE]},
            "kubernetesIngress": {"ingressClass": CLASS, "publishedService": {"enabled": not args.node_ports}},
        },
        "ports": {
            "web": {
                "exposedPort": args.http_port,
                "http": {
                    "redirections": {"entryPoint": {"to": "websecure", "scheme": "https", "permanent": True}},
                },
            },
            "websecure": {"exposedPort": args.addresses.port, "http": {"tls": {"enabled": True}}},
        },
        "service": {"spec": {"type": "NodePort" if args.node_ports else "LoadBalancer"}},
        "tlsOptions": {"default": {"minVersion": "VersionTLS12"}},
        "tlsStore": {"default": {"defaultCertificate": {"secretName": CERTIFICATE}}},
        "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
        **container("100m", "128Mi", "512Mi"),
    }
    if args.node_ports:
        made["ports"]["web"]["nodePort"] = naming.HTTP_NODE_PORT
        made["ports"]["websecure"]["nodePort"] = naming.HTTPS_NODE_PORT
        # Argo CD calls an Ingress healthy once it has an address
        made["providers"]["kubernetesIngress"]["ingressEndpoint"] = {"hostname": args.addresses.domain}
    if args.annotations:
        made["service"]["annotations"] = dict(args.annotations)
    if args.replicas > 1:
        made["podDisruptionBudget"] = {"enabled": True, "maxUnavailable": 1}
    return made


def corefile(domain: str) -> str:
    """What kubeadm gives CoreDNS (1.36), with one line more: the platform's hosts are the ingress controller's Service."""
    hosts = domain.replace(".", r"\.")
    return f"""\
.:53 {{
    errors
    health {{
       lameduck 5s
    }}
    ready
    rewrite name regex (.*\\.)?{hosts}\\. {SERVICE}. answer auto
    kubernetes cluster.local in-addr.arpa ip6.arpa {{
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }}
    prometheus :9153
    forward . /etc/resolv.conf {{
       max_concurrent 1000
    }}
    cache 30 {{
       disable success cluster.local
       disable denial cluster.local
    }}
    loop
    reload
    loadbalance
}}
"""
