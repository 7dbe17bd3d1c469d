"""Tls: certificates for the platform's hosts, from an authority that people trust once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import pulumi
import pulumi_kubernetes as k8s
from pulumi_kubernetes_cert_manager import CertManager, ReleaseArgs, RepositoryOptsArgs

from components.dynamic.key_pair import KeyPair
from components.ingress import CERTIFICATE
from components.kubernetes import RELEASE_TIMEOUT, container, custom, namespace
from components.options import plus
from idp import naming

if TYPE_CHECKING:
    from collections.abc import Mapping

    from components.ingress import Ingress
    from idp.model import ExistingIssuer
    from idp.versions import Chart

GROUP = "cert-manager.io"
ISSUER = "platform"


@dataclass(frozen=True, kw_only=True)
class TlsArgs:
    """What certificates need."""

    owner: naming.Owner
    chart: Chart | None
    """cert-manager's; nothing where the cluster has one already."""
    issuer: ExistingIssuer | None
    """Somebody's; nothing where this stack has an authority of its own."""
    domain: str
    environments: tuple[str, ...]
    """Those that this stack runs."""
    ingress: Ingress
    """Whose certificate it is."""
    replicas: int
    node_selector: Mapping[str, str]
    lifetime: pulumi.Resource | None
    """What is in the cluster goes when this goes."""


class Tls(pulumi.ComponentResource):
    """cert-manager, an issuer, and the certificate that covers every host of the platform.

    The issuer is an authority of this stack's own, unless the config names another. The authority is kept in the state and
    outlives the cluster: who trusts it once trusts tomorrow's cluster too. It can sign for the platform's domain only.
    """

    pulumi_type: ClassVar[str] = "idp:index:Tls"

    authority: pulumi.Output[str] | None
    """The certificate of this stack's own authority. PEM."""
    ready: pulumi.Resource
    """The certificate of every host, asked for."""

    def __init__(self, name: str, args: TlsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare it."""
        super().__init__(self.pulumi_type, name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        inside = plus(child, deleted_with=args.lifetime)
        labels = args.owner.labels("tls")

        home, ready = args.ingress.namespace, list[pulumi.Resource]()
        if args.chart:
            home = namespace(f"{name}-namespace", naming.CERT_MANAGER_NAMESPACE, "restricted", labels, inside)
            ready = [_cert_manager(name, args.chart, home, args, inside)]
        self.authority, issued_by = None, ready
        if not args.issuer:
            pair = KeyPair(f"{name}-authority", common_name=f"idp {args.domain}", authority_for=args.domain, opts=child)
            self.authority = pair.certificate
            issued_by = [_issuer(name, args, pair, home, plus(inside, depends_on=ready))]
        self.ready = custom(
            f"{name}-certificate", f"{GROUP}/v1/Certificate", CERTIFICATE, certificate(args), labels,
            plus(inside, depends_on=[*issued_by, args.ingress.namespace]), home=naming.TRAEFIK_NAMESPACE,
        )  # fmt: skip
        self.register_outputs({"authority": self.authority} if self.authority is not None else {})


def _issuer(
    name: str, args: TlsArgs, pair: KeyPair, home: k8s.core.v1.Namespace, opts: pulumi.ResourceOptions
) -> pulumi.Resource:
    """The issuer that signs with this stack's own authority."""
    labels = args.owner.labels("tls")
    key = k8s.core.v1.Secret(
        f"{name}-key",
        metadata={"name": "platform-authority", "namespace": home.metadata.name, "labels": labels},
        type="kubernetes.io/tls",
        string_data={"tls.crt": pair.certificate, "tls.key": pair.private_key},
        opts=plus(opts, depends_on=[home]),
    )
    return custom(
        f"{name}-issuer", f"{GROUP}/v1/{own_kind(args)}", ISSUER, {"ca": {"secretName": "platform-authority"}}, labels,
        plus(opts, depends_on=[key]), home=None if args.chart else naming.TRAEFIK_NAMESPACE,
    )  # fmt: skip


def own_kind(args: TlsArgs) -> str:
    """An issuer for the whole cluster takes its key from cert-manager's namespace, which is not always ours."""
    return "ClusterIssuer" if args.chart else "Issuer"


def _cert_manager(
    name: str, chart: Chart, home: k8s.core.v1.Namespace, args: TlsArgs, opts: pulumi.ResourceOptions
) -> pulumi.Resource:
    return CertManager(
        name,
        helm_options=ReleaseArgs(
            chart=chart.reference,
            name="cert-manager",
            version=chart.version,
            namespace=naming.CERT_MANAGER_NAMESPACE,
            values=values(args),
            timeout=RELEASE_TIMEOUT,
            cleanup_on_fail=True,
            repository_opts=RepositoryOptsArgs(repo=chart.repository) if chart.repository else None,
        ),
        opts=plus(opts, depends_on=[home]),
    )


def values(args: TlsArgs) -> dict[str, Any]:
    """Chart values, all of them: the component's own inputs would override them one by one."""
    disruption = {"podDisruptionBudget": {"enabled": True, "maxUnavailable": 1}} if args.replicas > 1 else {}
    placed = {"nodeSelector": {"kubernetes.io/os": "linux", **args.node_selector}}
    return {
        "crds": {"enabled": True, "keep": True},
        "global": {"leaderElection": {"namespace": naming.CERT_MANAGER_NAMESPACE}},
        "replicaCount": args.replicas,
        **placed,
        **disruption,
        **container("50m", "64Mi", "256Mi"),
        "webhook": {"replicaCount": args.replicas, **placed, **disruption, **container("20m", "32Mi", "128Mi")},
        "cainjector": {"replicaCount": args.replicas, **placed, **disruption, **container("20m", "64Mi", "256Mi")},
        "startupapicheck": {"enabled": True, **placed, **container("20m", "32Mi", "128Mi")},
    }


def certificate(args: TlsArgs) -> dict[str, Any]:
    """The one certificate: hosts of the platform's parts, and of services in each environment."""
    domains = (args.domain, *(f"{environment}.{args.domain}" for environment in args.environments))
    issuer = {"name": ISSUER, "kind": own_kind(args), "group": GROUP}
    if args.issuer:
        issuer = {"name": args.issuer.name, "kind": args.issuer.kind, "group": args.issuer.group}
    return {
        "secretName": CERTIFICATE,
        "dnsNames": [f"*.{domain}" for domain in domains],
        "issuerRef": issuer,
        "privateKey": {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"},
        "duration": "2160h0m0s",  # 90 days, renewed after 60
        "renewBefore": "720h0m0s",
    }
