"""The borders of every namespace that teams fill: its share of the cluster, whom it talks with, no leave at the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi_kubernetes as k8s

from components.kubernetes import limits

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pulumi

    from idp.model import Quota


def borders(
    name: str,
    home: k8s.core.v1.Namespace,
    quota: Quota,
    policies: Mapping[str, Any],
    labels: dict[str, str],
    opts: pulumi.ResourceOptions,
) -> list[pulumi.Resource]:
    """Quota and limits, network policies, and a default ServiceAccount whose token no pod is given.

    The account is Kubernetes' own, made a moment after the namespace; so it is patched, and made where it is not yet.
    """
    share = limits(name, home, quota, labels, opts)
    account = k8s.core.v1.ServiceAccountPatch(
        f"{name}-default",
        metadata={
            "name": "default",
            "namespace": home.metadata.name,
            "annotations": {"pulumi.com/patchForce": "true"},
        },
        automount_service_account_token=False,
        opts=opts,
    )
    closed = [
        k8s.networking.v1.NetworkPolicy(
            f"{name}-{policy}",
            metadata={"name": policy, "namespace": home.metadata.name, "labels": labels},
            spec=spec,
            opts=opts,
        )
        for policy, spec in policies.items()
    ]
    return [*share, account, *closed]
