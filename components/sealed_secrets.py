"""Sealed Secrets: people commit encrypted secrets to Git, and only this stack's cluster can open them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import pulumi
import pulumi_kubernetes as k8s

from components.dynamic.key_pair import KeyPair
from components.kubernetes import container, helm_release, namespace
from components.options import plus
from idp import naming

if TYPE_CHECKING:
    from collections.abc import Mapping

    from idp.versions import Chart


@dataclass(frozen=True, kw_only=True)
class SealedSecretsArgs:
    """What Sealed Secrets needs."""

    owner: naming.Owner
    chart: Chart
    node_selector: Mapping[str, str]
    lifetime: pulumi.Resource | None
    """What is in the cluster goes when this goes."""


class SealedSecrets(pulumi.ComponentResource):
    """The controller, started with a key that outlives the cluster.

    The key is made by this program and kept in its state, so that a re-created cluster opens yesterday's secrets, and
    `seal` needs no cluster. The controller adopts a labelled key that is there before it starts; hence the order.
    """

    pulumi_type: ClassVar[str] = "idp:index:SealedSecrets"

    certificate: pulumi.Output[str]
    """What `seal` seals with. PEM."""

    def __init__(self, name: str, args: SealedSecretsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare it."""
        super().__init__(self.pulumi_type, name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        inside = plus(child, deleted_with=args.lifetime)
        labels = args.owner.labels("sealed-secrets")

        pair = KeyPair(f"{name}-key", common_name=f"sealed-secrets {args.owner.label}", opts=child)
        self.certificate = pair.certificate

        home = namespace(f"{name}-namespace", naming.SEALED_SECRETS_NAMESPACE, "restricted", labels, inside)
        key = k8s.core.v1.Secret(
            f"{name}-key",
            metadata={
                "name": "sealed-secrets-key",
                "namespace": home.metadata.name,
                "labels": labels | {"sealedsecrets.bitnami.com/sealed-secrets-key": "active"},
            },
            type="kubernetes.io/tls",
            string_data={"tls.crt": pair.certificate, "tls.key": pair.private_key},
            opts=inside,
        )
        helm_release("sealed-secrets", args.chart, home, values(args), plus(inside, depends_on=[key]))
        self.register_outputs({"certificate": self.certificate})


def values(args: SealedSecretsArgs) -> dict[str, Any]:
    """Chart values; a pure function, so that tests need no engine."""
    return {
        "fullnameOverride": "sealed-secrets-controller",  # where `kubeseal` looks, too
        "keyrenewperiod": "0",  # a key that only this cluster had would not open anything on the next one
        "rbac": {"serviceProxier": {"create": False, "bind": False}},  # else any account may call the controller
        "containerSecurityContext": {  # what the chart's own lacks for a `restricted` namespace
            "allowPrivilegeEscalation": False,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "nodeSelector": dict(args.node_selector),
        **container("50m", "64Mi", "256Mi"),
    }
