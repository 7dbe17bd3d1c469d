"""What GitOps needs; Argo CD's values, the projects and discovery are decided from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pulumi

    from components.gitops_repository import GitOpsRepositoryArgs
    from idp import naming
    from idp.naming import ForgeAddress, GitHubAddress
    from idp.network import Peers
    from idp.versions import Chart


@dataclass(frozen=True, kw_only=True)
class SignIn:
    """An OAuth app of GitHub's."""

    client: pulumi.Input[str]
    """Its id. Secret."""
    secret: pulumi.Input[str]
    """Secret."""


@dataclass(frozen=True, kw_only=True)
class GitOpsArgs:
    """What GitOps needs."""

    owner: naming.Owner
    chart: Chart | None
    """Argo CD's; nothing where the cluster has one already."""
    organization: str
    github: GitHubAddress | ForgeAddress
    github_token: pulumi.Input[str]
    """Reads repositories. Secret."""
    addresses: naming.Addresses
    ingress_class: str
    administrator: bool
    """Whether Argo CD's administrator account is on."""
    sign_in: SignIn | None
    """By which members of the organization sign in to Argo CD; nobody does where there is none."""
    replicas: int
    node_selector: Mapping[str, str]
    """Labels of the nodes that the platform's pods ask for."""
    environments: tuple[str, ...]
    """Those that this stack runs."""
    declared: tuple[str, ...]
    """Names of services that have an entry; discovery leaves their repositories alone."""
    repository: GitOpsRepositoryArgs
    add_ons: tuple[Chart, ...]
    """Charts that the root Application's children install."""
    ground: tuple[pulumi.Resource, ...]
    """What those children need in the cluster."""
    peers: Peers
    """Whom pods of discovered repositories talk with."""
    admission: tuple[pulumi.Resource, ...]
    """In force before anything runs."""
    lifetime: pulumi.Resource | None
    """What is in the cluster goes when this goes."""
