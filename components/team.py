"""A team's place: namespaces with a share of the cluster, and an Argo CD project that ends at their borders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import pulumi
import pulumi_kubernetes as k8s

from components import policies
from components.borders import borders
from components.gitops import boundaries
from components.kubernetes import argocd, looks, namespace
from components.options import plus
from components.registry import pull_secret
from idp import naming

if TYPE_CHECKING:
    from components.registry import Registry
    from idp.model import Quota, Service
    from idp.network import Peers

DEVELOPER = "developer"
"""The role of a team's members in its project."""
READABLE = {
    "": (
        "configmaps", "endpoints", "events", "limitranges", "persistentvolumeclaims", "pods", "pods/log", "resourcequotas",
        "serviceaccounts", "services",
    ),
    "apps": ("daemonsets", "deployments", "replicasets", "statefulsets"),
    "autoscaling": ("horizontalpodautoscalers",),
    "batch": ("cronjobs", "jobs"),
    "discovery.k8s.io": ("endpointslices",),
    "events.k8s.io": ("events",),
    "metrics.k8s.io": ("pods",),
    "networking.k8s.io": ("ingresses", "networkpolicies"),
    "policy": ("poddisruptionbudgets",),
}  # fmt: skip
"""API group -> what a team may look at in its namespaces: all that helps to see why something does not run, no Secret."""


@dataclass(frozen=True, kw_only=True)
class TeamArgs:
    """What a team's place needs."""

    owner: naming.Owner
    team: str
    group: str
    """Its members, as sign-in names them."""
    quota: Quota
    """For each environment."""
    environments: tuple[str, ...]
    """Those that this stack runs."""
    addresses: naming.Addresses
    """Where its services are reached."""
    services: tuple[Service, ...]
    """Every team's: whoever calls or is called is let through on both sides."""
    peers: Peers
    """Whom pods talk with besides."""
    registry: Registry | None
    """Nothing where images are public, or nobody gave a token."""
    sources: tuple[str, ...]
    """Clone addresses of the team's repositories."""
    ready: tuple[pulumi.Resource, ...]
    """Brings the kind AppProject, the credentials that the project's Applications pull with, and admission."""


class Team(pulumi.ComponentResource):
    """Per environment a namespace with its borders, rights to look and a pull secret; one project for all of them.

    The project comes last, and Applications after it: no pod runs before its borders are there.
    """

    pulumi_type: ClassVar[str] = "idp:index:Team"

    def __init__(self, name: str, args: TeamArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare it."""
        super().__init__(self.pulumi_type, name, {"team": args.team}, opts)
        child = pulumi.ResourceOptions(parent=self)

        project_name = args.owner.in_argocd(naming.team_project(args.team))
        places = [part for environment in args.environments for part in _place(name, args, environment, child)]
        self.project = argocd(
            f"{name}-project", "AppProject", project_name, project(args),
            args.owner.labels("team", team=args.team), plus(child, depends_on=[*args.ready, *places]),
            finalizers=(naming.RESOURCES_FINALIZER,),
        )  # fmt: skip
        self.register_outputs({"project": project_name})


def _place(name: str, args: TeamArgs, environment: str, opts: pulumi.ResourceOptions) -> list[pulumi.Resource]:
    """The namespace of one environment, and what is in it before anything runs there."""
    place = f"{name}-{environment}"
    labels = args.owner.labels("team", team=args.team, environment=environment)
    home = namespace(
        place, naming.team_namespace(args.team, environment), "restricted", labels, opts,
        annotations={naming.HOSTS: ",".join(hosts(args, environment))},
    )  # fmt: skip
    opened = policies.of_namespace(args.peers) | policies.of_services(args.team, environment, args.services)
    made = [home, *borders(place, home, args.quota, opened, labels, opts)]

    metadata: Any = {"namespace": home.metadata.name, "labels": labels}
    rbac: Any = {"apiGroup": "rbac.authorization.k8s.io"}
    role = k8s.rbac.v1.Role(f"{place}-reader", metadata=metadata | {"name": "reader"}, rules=looks(READABLE), opts=opts)
    binding = k8s.rbac.v1.RoleBinding(
        f"{place}-reader",
        metadata=metadata | {"name": "reader"},
        role_ref=rbac | {"kind": "Role", "name": role.metadata.name},
        subjects=[rbac | {"kind": "Group", "name": args.group}],
        opts=opts,
    )
    made += [role, binding]

    if args.registry:
        made.append(pull_secret(f"{place}-{naming.PULL_SECRET}", home, args.registry, labels, opts))
    return made


def hosts(args: TeamArgs, environment: str) -> list[str]:
    """The hosts that the team's Ingresses may name in one environment: its own services', retired ones' too.

    Argo CD may sync once more what is being deleted (seen with 3.6). Were its host refused then, that sync would be tried again
    until it has taken five minutes, and the deletion waits for its end.
    """
    return [
        args.addresses.service_host(service.name, environment) for service in args.services if service.team == args.team
    ]


def project(args: TeamArgs) -> dict[str, Any]:
    """What the team's Applications may do: their repositories, their namespaces, nothing cluster-wide, no border moved."""
    name = args.owner.in_argocd(naming.team_project(args.team))
    return {
        "description": f"Services of team {args.team}.",
        "sourceRepos": sorted(args.sources),
        "destinations": [
            {"server": naming.IN_CLUSTER, "namespace": naming.team_namespace(args.team, environment)}
            for environment in args.environments
        ],
        "clusterResourceWhitelist": [],
        "namespaceResourceBlacklist": boundaries(),
        "roles": [
            {
                "name": DEVELOPER,
                "description": "Looks at the team's Applications and syncs them.",
                "groups": [args.group],
                "policies": [
                    f"p, proj:{name}:{DEVELOPER}, applications, {action}, {name}/*, allow" for action in ("get", "sync")
                ],
            }
        ],
    }
