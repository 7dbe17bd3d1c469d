"""Kubernetes objects that several components make alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import pulumi_kubernetes as k8s

from components.options import plus
from idp import naming

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pulumi

    from idp.model import Quota
    from idp.versions import Chart

PodSecurity = Literal["privileged", "baseline", "restricted"]
RESTRICTED: dict[str, Any] = {
    "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
}  # fmt: skip
"""A container's security context by the standard `restricted`, and with a root file system that nobody writes to."""
CLAIMS = 20
"""Volumes that a namespace may ask for: each is one more at the cluster's provider, however small."""
CRITICAL = ("system-cluster-critical", "system-node-critical")
"""Kubernetes' own priority classes, before which every other pod gives way, the platform's too."""
RELEASE_TIMEOUT = 900
"""Seconds for a chart's pods to be ready; a laptop pulls the images at the first `up`."""


def namespace(
    name: str, namespace_name: str, security: PodSecurity, labels: dict[str, str], opts: pulumi.ResourceOptions,
    *, annotations: dict[str, str] | None = None,
) -> k8s.core.v1.Namespace:  # fmt: skip
    """A namespace whose pods keep one of Kubernetes' pod security standards."""
    levels = {f"pod-security.kubernetes.io/{mode}": security for mode in ("enforce", "audit", "warn")}
    versions = {f"pod-security.kubernetes.io/{mode}-version": "latest" for mode in ("enforce", "audit", "warn")}
    metadata: Any = {"name": namespace_name, "labels": labels | levels | versions}
    return k8s.core.v1.Namespace(
        name, metadata=metadata | ({"annotations": annotations} if annotations else {}), opts=opts
    )


def limits(
    name: str, home: k8s.core.v1.Namespace, quota: Quota, labels: dict[str, str], opts: pulumi.ResourceOptions
) -> list[pulumi.Resource]:
    """A namespace's share of the cluster, and what a container gets that asks for nothing."""
    shares = [
        k8s.core.v1.ResourceQuota(
            f"{name}-{share}",
            metadata={"name": share, "namespace": home.metadata.name, "labels": labels},
            spec=spec,
            opts=opts,
        )
        for share, spec in quotas(quota).items()
    ]
    defaults = k8s.core.v1.LimitRange(
        f"{name}-limits",
        metadata={"name": "limits", "namespace": home.metadata.name, "labels": labels},
        spec={
            "limits": [
                {
                    "type": "Container",
                    "default_request": {"cpu": "50m", "memory": "64Mi"},
                    "default": {"cpu": "500m", "memory": "256Mi"},
                }
            ]
        },
        opts=opts,
    )
    return [*shares, defaults]


def quotas(quota: Quota) -> dict[str, Any]:
    """What a namespace may have, and that no pod of it is more urgent than the platform's."""
    amounts = {"cpu": str(quota.cpu), "memory": str(quota.memory)}
    hard = {f"{side}.{kind}": amount for side in ("requests", "limits") for kind, amount in amounts.items()}
    hard |= {"requests.storage": str(quota.storage), "persistentvolumeclaims": str(CLAIMS), "pods": str(quota.pods)}
    urgent = {"scopeName": "PriorityClass", "operator": "In", "values": list(CRITICAL)}
    return {
        "quota": {"hard": hard | {"services.nodeports": "0", "services.loadbalancers": "0"}},
        "critical": {"hard": {"pods": "0"}, "scopeSelector": {"matchExpressions": [urgent]}},
    }


def custom(
    name: str, kind: str, object_name: str, spec: dict[str, Any], labels: dict[str, str], opts: pulumi.ResourceOptions,
    *, home: str | None, finalizers: tuple[str, ...] = (),
) -> k8s.apiextensions.CustomResource:  # fmt: skip
    """An object of a kind that a chart brings.

    Args:
        name: of the resource.
        kind: `group/version/Kind`.
        object_name: in the cluster.
        spec: as its CRD has it.
        labels: on the object.
        opts: the caller's.
        home: its namespace; nothing for an object of the whole cluster.
        finalizers: on the object.
    """
    api_version, _, kind = kind.rpartition("/")
    metadata: dict[str, Any] = {"name": object_name, "labels": labels}
    metadata |= {"namespace": home} if home else {}
    metadata |= {"finalizers": list(finalizers)} if finalizers else {}
    return k8s.apiextensions.CustomResource(
        name, api_version=api_version, kind=kind, metadata=metadata, spec=spec, opts=opts
    )


def argocd(
    name: str, kind: str, object_name: str, spec: dict[str, Any], labels: dict[str, str], opts: pulumi.ResourceOptions,
    *, finalizers: tuple[str, ...] = (),
) -> k8s.apiextensions.CustomResource:  # fmt: skip
    """One of Argo CD's own objects, in its namespace."""
    return custom(
        name, f"argoproj.io/v1alpha1/{kind}", object_name, spec, labels, opts, home=naming.ARGOCD_NAMESPACE,
        finalizers=finalizers,
    )  # fmt: skip


def container(cpu: str, memory: str, limit: str) -> dict[str, Any]:
    """A chart's values for one kind of container.

    Requests, and a limit on memory alone: a limit on CPU only slows down what could have used an idle core.
    """
    return {"resources": {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": limit}}}


def unprivileged(user: int) -> dict[str, Any]:
    """A pod's security context by the standard `restricted`; its volumes are the user's."""
    ids = dict.fromkeys(("runAsUser", "runAsGroup", "fsGroup"), user)
    return ids | {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}


def looks(kinds: Mapping[str, tuple[str, ...]]) -> Any:
    """Rules of a role that looks at some kinds, by API group."""
    return [
        {"apiGroups": [group], "resources": list(names), "verbs": ["get", "list", "watch"]}
        for group, names in kinds.items()
    ]


def helm_release(
    name: str, chart: Chart, home: k8s.core.v1.Namespace, values: dict[str, Any], opts: pulumi.ResourceOptions
) -> k8s.helm.v3.Release:
    """A chart as Helm itself installs it, hooks included; ready when its pods are."""
    return k8s.helm.v3.Release(
        name,
        name=name,
        chart=chart.reference,
        version=chart.version,
        repository_opts={"repo": chart.repository} if chart.repository else None,
        namespace=home.metadata.name,
        values=values,
        timeout=RELEASE_TIMEOUT,
        cleanup_on_fail=True,
        opts=plus(opts, depends_on=[home]),
    )
