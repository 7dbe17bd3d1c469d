"""The cluster that everything else runs in: a Kind cluster of our own, or one that is there already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import pulumi
import yaml

from components.dynamic.kind_cluster import Kind
from components.providers import kubernetes_provider
from idp import naming

if TYPE_CHECKING:
    import pulumi_kubernetes as k8s


class Cluster(Protocol):
    """What the rest of the program needs of a cluster."""

    provider: k8s.Provider
    lifetime: pulumi.Resource | None
    """What is in the cluster goes when this goes; nothing where the cluster is not ours."""
    kubeconfig: pulumi.Output[str]
    """Its text. Secret."""
    identity: pulumi.Input[str]
    """Tells it from its successor."""


@dataclass(frozen=True, kw_only=True)
class KindClusterArgs:
    """What a Kind cluster needs."""

    project: str
    stack: str
    """With the project, whose cluster it is."""
    cluster_name: str
    workers: int
    http_port: int
    https_port: int
    image: str
    """The node image, by digest."""


class KindCluster(pulumi.ComponentResource):
    """A Kind cluster on this machine's Docker, reachable on 127.0.0.1 only, and the provider for it."""

    pulumi_type: ClassVar[str] = "idp:index:KindCluster"

    kubeconfig: pulumi.Output[str]
    """Text of the kubeconfig. Secret."""

    def __init__(self, name: str, args: KindClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the cluster and its provider."""
        super().__init__(self.pulumi_type, name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)

        kind = Kind(
            f"{name}-kind",
            project=args.project,
            stack=args.stack,
            cluster_name=args.cluster_name,
            config=yaml.safe_dump(kind_config(args), sort_keys=False),
            opts=child,
        )

        self.lifetime: pulumi.Resource | None = kind
        self.provider = kubernetes_provider(f"{name}-kubernetes", kind.kubeconfig, kind.identifier, opts=child)
        self.kubeconfig = kind.kubeconfig
        self.identity: pulumi.Input[str] = kind.identifier
        self.register_outputs({"kubeconfig": self.kubeconfig})


@dataclass(frozen=True, kw_only=True)
class ExistingClusterArgs:
    """What an existing cluster needs."""

    kubeconfig: pulumi.Input[str]
    """Text of the kubeconfig. Secret."""
    context: str
    identifier: pulumi.Input[str]
    """Context and CA hash, which tell this cluster from another under the same name."""


class ExistingCluster(pulumi.ComponentResource):
    """A cluster that somebody else makes and unmakes; what we put there is taken away piece by piece."""

    pulumi_type: ClassVar[str] = "idp:index:ExistingCluster"

    kubeconfig: pulumi.Output[str]
    """Text of the kubeconfig. Secret."""

    def __init__(self, name: str, args: ExistingClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the provider."""
        super().__init__(self.pulumi_type, name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)

        self.lifetime: pulumi.Resource | None = None
        self.provider = kubernetes_provider(
            f"{name}-kubernetes", args.kubeconfig, args.identifier, context=args.context, opts=child
        )
        self.kubeconfig = pulumi.Output.secret(args.kubeconfig)
        self.identity: pulumi.Input[str] = args.identifier
        self.register_outputs({"kubeconfig": self.kubeconfig})


def kind_config(args: KindClusterArgs) -> dict[str, Any]:
    """Kind's own configuration: one control plane with the mapped ports, a worker for the platform, the rest for workloads."""
    ports = ((naming.HTTP_NODE_PORT, args.http_port), (naming.HTTPS_NODE_PORT, args.https_port))
    control_plane = {
        "role": "control-plane",
        "image": args.image,
        "extraPortMappings": [
            {"containerPort": inner, "hostPort": outer, "listenAddress": "127.0.0.1", "protocol": "TCP"}
            for inner, outer in ports
        ],
    }
    roles = ["platform"] + ["workloads"] * (args.workers - 1) if args.workers > 1 else [None]
    workers = [{"role": "worker", "image": args.image} | ({"labels": {"role": role}} if role else {}) for role in roles]
    return {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "name": args.cluster_name,
        "networking": {"apiServerAddress": "127.0.0.1"},
        "nodes": [control_plane, *workers],
    }
