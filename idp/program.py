"""The platform, declared: what `pulumi up` makes, in the order in which a person would explain it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi

from components.admission import Admission, AdmissionArgs
from components.cluster import Cluster, ExistingCluster, ExistingClusterArgs, KindCluster, KindClusterArgs
from components.gitops import GitOps, GitOpsArgs
from components.providers import github_provider
from components.service import RepositoryArgs, ScaffoldArgs, Service, ServiceArgs
from components.team import Registry, Team, TeamArgs
from idp import naming, network, render, versions
from idp.model import KindSpec

if TYPE_CHECKING:
    import pulumi_github as github

    from idp import model
    from idp.settings import Settings


def main(settings: Settings) -> None:
    """Declare the whole platform."""
    config, catalog = settings.config, settings.catalog
    owner = settings.owner
    cluster = cluster_for(settings)
    forge = github_for(settings)

    peers = network.peers(config)
    admission = Admission(
        "admission",
        AdmissionArgs(owner=owner),
        pulumi.ResourceOptions(providers=[cluster.provider], deleted_with=cluster.lifetime),
    )
    gitops = GitOps(
        "gitops",
        GitOpsArgs(
            owner=owner,
            chart=None if owner.guest else versions.ARGOCD,
            organization=config.organization,
            github=settings.github,
            github_token=settings.secret("argocdGithubToken"),
            url=naming.url("argocd", config.domain, https_port(settings)),
            administrator=config.local,
            node_selector=placement(settings, "platform"),
            environments=catalog.deploys,
            declared=tuple(service.name for service in catalog.services),
            domain=config.domain,
            peers=peers,
            admission=admission.ready,
            lifetime=cluster.lifetime,
        ),
        pulumi.ResourceOptions(providers=[cluster.provider]),
    )
    teams = {
        team.name: Team(
            f"team-{team.name}",
            TeamArgs(
                owner=owner,
                team=team.name,
                group=naming.team_group(config.organization, team.github),
                quota=team.quota,
                environments=catalog.deploys,
                domain=config.domain,
                services=catalog.services,
                peers=peers,
                registry=registry(settings),
                sources=tuple(clone_url(settings, s.name) for s in catalog.services if s.team == team.name),
                ready=(*gitops.ready, *admission.ready),
            ),
            pulumi.ResourceOptions(providers=[cluster.provider], deleted_with=cluster.lifetime),
        )
        for team in catalog.teams
    }
    for service in catalog.services:
        Service(
            service.name,
            ServiceArgs(
                owner=owner,
                service=service.name,
                team=service.team,
                organization=config.organization,
                clone_url=clone_url(settings, service.name),
                retired=service.retired,
                environments=catalog.deploys,
                repository=repository(settings, service, forge) if forge else None,
                cluster=cluster.provider,
                project=teams[service.team].project,
                node_selector=placement(settings, "workloads"),
                lifetime=cluster.lifetime,
            ),
        )

    for warning in settings.warnings():
        pulumi.warn(warning)
    pulumi.export("kubeconfig", cluster.kubeconfig)
    if gitops.administrator_password is not None:
        pulumi.export("argocdAdministratorPassword", gitops.administrator_password)


def cluster_for(settings: Settings) -> Cluster:
    """The stack's own Kind cluster, or the one that its config names."""
    spec = settings.config.cluster
    if isinstance(spec, KindSpec):
        args = KindClusterArgs(
            project=settings.project,
            stack=settings.stack,
            cluster_name=spec.name,
            workers=spec.workers,
            http_port=spec.http_port,
            https_port=spec.https_port,
            image=spec.image or str(versions.KIND_NODE),
        )
        return KindCluster("cluster", args)
    if settings.kubeconfig is None or settings.cluster_identifier is None:
        raise AssertionError("settings of an existing cluster come with its kubeconfig")
    return ExistingCluster(
        "cluster",
        ExistingClusterArgs(
            kubeconfig=settings.kubeconfig, context=spec.context, identifier=settings.cluster_identifier
        ),
    )


def github_for(settings: Settings) -> github.Provider | None:
    """The provider for GitHub, in the one stack that makes the repositories."""
    if not settings.owns_github:
        return None
    return github_provider(settings.config.organization, settings.github, settings.secret("githubToken"))


def https_port(settings: Settings) -> int:
    """The port of the platform's addresses, as a browser on the host sees it."""
    spec = settings.config.cluster
    return spec.https_port if isinstance(spec, KindSpec) else naming.HTTPS


def placement(settings: Settings, role: str) -> dict[str, str]:
    """The node labels that pods of one role ask for: the config's, else those that our Kind cluster's nodes carry."""
    if (chosen := getattr(settings.config.placement, role)) is not None:
        return dict(chosen)
    spec = settings.config.cluster
    return {"role": role} if isinstance(spec, KindSpec) and spec.workers > 1 else {}


def registry(settings: Settings) -> Registry | None:
    """Where private images are pulled from, where the stack has a token for it."""
    token = settings.secrets.get("registryToken")
    return Registry(host=settings.github.registry, token=token) if token is not None else None


def clone_url(settings: Settings, repository_name: str) -> str:
    """The address under which git and Argo CD know a repository."""
    return settings.github.clone(settings.config.organization, repository_name)


def repository(settings: Settings, service: model.Service, forge: github.Provider) -> RepositoryArgs:
    """A service's repository as its entry and template want it."""
    template = render.load(service.template)
    given = answers(settings, service)
    team = settings.config.teams[service.team]
    return RepositoryArgs(
        provider=forge,
        visibility=settings.config.visibility,
        description=service.description,
        topics=(naming.TOPIC, naming.team_topic(service.team)),
        team=team.github,
        ruleset=settings.rulesets,
        scaffold=ScaffoldArgs(
            template=service.template,
            version=template.info.version,
            answers=given,
            digest=render.render(template, given).digest,
        ),
    )


def answers(settings: Settings, service: model.Service) -> dict[str, Any]:
    """Everything that a template may ask for; its own parameters under their own names."""
    config, github_address = settings.config, settings.github
    return render.load(service.template).answers(service.parameters) | {
        "project": settings.project,
        "service": service.name,
        "team": service.team,
        "organization": config.organization,
        "description": service.description,
        "visibility": config.visibility,
        "calls": [target for target in service.calls if "://" not in target],
        "environments": list(config.environments),
        "repository_url": github_address.page(config.organization, service.name),
        "clone_url": clone_url(settings, service.name),
        "image": f"{github_address.registry}/{config.organization.lower()}/{service.name}",
        "placeholder_image": versions.PLACEHOLDER.name,
        "placeholder_tag": versions.PLACEHOLDER.tag,
        "placeholder_digest": versions.PLACEHOLDER.digest,
        "pull_secret": naming.PULL_SECRET,
    }
