"""A service: its repository with the first commit in it, and what runs from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import pulumi
import pulumi_github as github

from components import forge_repositories, patches
from components.applications import sync_policy
from components.dynamic.scaffold import Scaffold
from components.forge_repositories import InForge
from components.kubernetes import argocd
from components.options import plus
from components.repository_settings import ADOPTED, LEFT_ALONE
from idp import naming

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pulumi_kubernetes as k8s

    from components.dynamic.scaffold import FromTemplate


ACTIONS = 15368
"""GitHub Actions as an app of github.com's: who sets a status, as `GET /apps/github-actions` numbers it."""
REVIEW = {
    "required_approving_review_count": 0,
    "dismiss_stale_reviews_on_push": False,
    "require_code_owner_review": False,
    "require_last_push_approval": False,
    "required_review_thread_resolution": False,
}
"""A pull request, and whatever reviews the team wants."""


@dataclass(frozen=True, kw_only=True)
class RepositoryArgs:
    """What a service's repository needs, in the one stack that makes repositories."""

    provider: github.Provider
    visibility: str
    description: str
    topics: tuple[str, ...]
    team: str
    """Slug of the team on GitHub."""
    ruleset: bool
    """Whether GitHub has rulesets for this repository."""
    later: tuple[str, ...]
    """The environments after the first, which change by promotion only."""
    actions: bool
    """Whether GitHub Actions has the number that it has on github.com."""
    scaffold: FromTemplate | None
    """Nothing where the repository was there before: no file of it is written."""


@dataclass(frozen=True, kw_only=True)
class ServiceArgs:
    """What a service needs."""

    owner: naming.Owner
    service: str
    team: str
    organization: str
    clone_url: str
    retired: bool
    adopted: bool
    """Whether the repository was there before; then its default branch runs, as it has no branch for an environment."""
    environments: tuple[str, ...]
    """Those that this stack runs."""
    repository: RepositoryArgs | InForge | None
    """On GitHub, or in the stack's own forge; nothing where another stack makes the repository."""
    cluster: k8s.Provider
    project: pulumi.Resource
    """The team's project, which the Applications name."""
    node_selector: Mapping[str, str]
    """Labels of the nodes that workloads ask for."""
    ingress_class: str
    addresses: naming.Addresses
    """Where the service is reached."""
    calls: Mapping[str, str]
    """Running services that this one calls -> their teams."""
    otlp: str | None
    """Where traces go; nothing where the stack has no collector."""
    monitored: bool
    """Whether the cluster knows Prometheus' operator."""
    lifetime: pulumi.Resource | None
    """What is in the cluster goes when this goes."""


class Service(pulumi.ComponentResource):
    """A repository that outlives the cluster, and an Application per environment that does not.

    Nothing on GitHub is ever deleted: a service that leaves is archived, by an update, and comes back by another.
    """

    pulumi_type: ClassVar[str] = "idp:index:Service"

    def __init__(self, name: str, args: ServiceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare it."""
        super().__init__(self.pulumi_type, name, {"team": args.team}, opts)
        child = pulumi.ResourceOptions(parent=self)

        written: list[pulumi.Resource] = []
        if isinstance(args.repository, InForge):
            written = [forge_repositories.repository(name, args.repository, child)]
        elif args.repository:
            written = [self._repository(name, args, args.repository, child)]

        in_cluster = plus(child, provider=args.cluster, deleted_with=args.lifetime)
        for environment in () if args.retired else args.environments:
            argocd(
                f"{name}-{environment}", "Application", naming.application(args.service, environment),
                application(args, environment),
                args.owner.labels("service", service=args.service, team=args.team, environment=environment)
                | {naming.SERVICE_LABEL: args.service},  # by which the catalog finds it
                plus(in_cluster, depends_on=[args.project, *written]), finalizers=(naming.RESOURCES_FINALIZER,),
            )  # fmt: skip
        self.register_outputs({"cloneUrl": args.clone_url})

    def _repository(
        self, name: str, args: ServiceArgs, wanted: RepositoryArgs, child: pulumi.ResourceOptions
    ) -> pulumi.Resource:
        """The repository, its files, who may push, and what its default branch refuses; the ruleset last."""
        kept = plus(child, provider=wanted.provider, retain_on_delete=True)
        repository = github.Repository(
            name,
            name=args.service,
            description=wanted.description,
            visibility=wanted.visibility,
            topics=list(wanted.topics),
            auto_init=True,  # the Git Data API refuses a repository without a commit
            has_issues=True,
            delete_branch_on_merge=not wanted.later,  # a promotion merges an environment's branch, which must stay
            archived=args.retired,
            opts=plus(kept, ignore_changes=list(ADOPTED if args.adopted else LEFT_ALONE)),
        )
        github.TeamRepository(
            f"{name}-team", team_id=wanted.team, repository=repository.name, permission="push", opts=kept
        )
        last: pulumi.Resource = repository
        if wanted.scaffold:
            last = Scaffold(
                f"{name}-scaffold",
                organization=args.organization,
                repository=repository.name,
                source=wanted.scaffold,
                opts=child,
            )
        for ruleset, (branch, rules) in rulesets(wanted).items() if wanted.ruleset else ():
            github.RepositoryRuleset(
                f"{name}-{ruleset}",
                name=ruleset,
                repository=repository.name,
                target="branch",
                enforcement="active",
                conditions={"ref_name": {"includes": [branch], "excludes": []}},
                rules=rules,
                opts=plus(kept, depends_on=[last]),
            )
        return last


def rulesets(wanted: RepositoryArgs) -> dict[str, tuple[str, Any]]:
    """What a branch refuses, by the name of the ruleset: the default one, and that of each environment after the first.

    The first environment's branch is free, as a workflow's token, which releases to it, passes no ruleset. A later one takes
    a commit of the environment before that the workflow `promote` has marked, by a pull request, as a merge: its commits
    stay the ones that ran before. On github.com the mark counts only if GitHub Actions has set it.
    """
    kept = {"deletion": True, "non_fast_forward": True}
    marked = {"integration_id": ACTIONS} if wanted.actions else {}
    found: dict[str, tuple[str, Any]] = {"default-branch": ("~DEFAULT_BRANCH", kept | {"pull_request": REVIEW})}
    for environment in wanted.later:
        promoted = {
            "pull_request": REVIEW | {"allowed_merge_methods": ["merge"]},
            "required_status_checks": {
                "required_checks": [{"context": naming.promotion(environment)} | marked],
                "strict_required_status_checks_policy": False,
                "do_not_enforce_on_create": True,
            },
        }
        found[f"promote-{environment}"] = (f"refs/heads/{naming.branch(environment)}", kept | promoted)
    return found


def application(args: ServiceArgs, environment: str) -> dict[str, Any]:
    """The Application of one environment: the branch of that name, or an adopted repository's own, in the team's namespace.

    What depends on this stack comes as patches here, so that the repository's overlays hold nothing of the stack.
    """
    source: dict[str, Any] = {
        "repoURL": args.clone_url,
        "targetRevision": "HEAD" if args.adopted else f"refs/heads/{naming.branch(environment)}",
        "path": naming.overlay(environment),
    }
    source["kustomize"] = {"patches": additions(args, environment)}
    return {
        "project": args.owner.in_argocd(naming.team_project(args.team)),
        "source": source,
        "destination": {
            "server": naming.IN_CLUSTER,
            "namespace": naming.team_namespace(args.team, environment),
        },
        "syncPolicy": sync_policy(),
    }


def additions(args: ServiceArgs, environment: str) -> list[patches.Patch]:
    """What this stack adds to the overlay: host, placement, and the addresses that the service is told."""
    host = args.addresses.service_host(args.service, environment)
    added = [patches.ingress(args.service, host, args.ingress_class)]
    if args.node_selector:
        added.append(patches.placement(args.node_selector))
    if not args.adopted and (told := variables(args, environment)):
        added.append(patches.environment(args.service, told))
    return added if args.monitored else [*added, *patches.without_monitors()]


def variables(args: ServiceArgs, environment: str) -> dict[str, str]:
    """Where the collector is, and each service that this one calls; nothing else of the network is open to it."""
    collector = {"OTEL_EXPORTER_OTLP_ENDPOINT": args.otlp} if args.otlp else {}
    return collector | {
        naming.address_variable(service): naming.in_cluster_url(service, naming.team_namespace(team, environment))
        for service, team in sorted(args.calls.items())
    }
