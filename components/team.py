"""A team's place: namespaces with a share of the cluster, and an Argo CD project that ends at their borders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import pulumi

from components.gitops import boundaries
from components.kubernetes import argocd, limits, namespace
from components.options import plus
from idp import naming

if TYPE_CHECKING:
    from idp.model import Quota


@dataclass(frozen=True, kw_only=True)
class TeamArgs:
    """What a team's place needs."""

    owner: naming.Owner
    team: str
    quota: Quota
    """For each environment."""
    environments: tuple[str, ...]
    """Those that this stack runs."""
    sources: tuple[str, ...]
    """Clone addresses of the team's repositories."""
    argocd: tuple[pulumi.Resource, ...]
    """Brings the kind AppProject, and the credentials that the project's Applications pull with."""


class Team(pulumi.ComponentResource):
    """Per environment a namespace with quota and limits; one project for all of them."""

    pulumi_type: ClassVar[str] = "idp:index:Team"

    def __init__(self, name: str, args: TeamArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare it."""
        super().__init__(self.pulumi_type, name, {"team": args.team}, opts)
        child = pulumi.ResourceOptions(parent=self)

        project_name = args.owner.in_argocd(naming.team_project(args.team))
        homes: list[pulumi.Resource] = []
        for environment in args.environments:
            place = f"{name}-{environment}"
            labels = args.owner.labels("team", team=args.team, environment=environment)
            home = namespace(place, naming.team_namespace(args.team, environment), "restricted", labels, child)
            limits(place, home, args.quota, labels, child)
            homes.append(home)

        self.project = argocd(
            f"{name}-project", "AppProject", project_name, project(args),
            args.owner.labels("team", team=args.team), plus(child, depends_on=[*args.argocd, *homes]),
            finalizers=(naming.RESOURCES_FINALIZER,),
        )  # fmt: skip
        self.register_outputs({"project": project_name})


def project(args: TeamArgs) -> dict[str, Any]:
    """What the team's Applications may do: their repositories, their namespaces, nothing cluster-wide, no border moved."""
    return {
        "description": f"Services of team {args.team}.",
        "sourceRepos": sorted(args.sources),
        "destinations": [
            {"server": naming.IN_CLUSTER, "namespace": naming.team_namespace(args.team, environment)}
            for environment in args.environments
        ],
        "clusterResourceWhitelist": [],
        "namespaceResourceBlacklist": boundaries(),
    }
