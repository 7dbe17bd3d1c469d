"""The platform, declared: what `pulumi up` makes, in the order in which a person would explain it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi

from components.admission import Admission, AdmissionArgs
from components.cluster import Cluster, ExistingCluster, ExistingClusterArgs, KindCluster, KindClusterArgs
from components.database import DatabaseArgs
from components.forge import Forge, ForgeArgs
from components.gitops import GitOps
from components.gitops_args import GitOpsArgs, SignIn
from components.ingress import Ingress, IngressArgs
from components.observability import Observability, ObservabilityArgs
from components.portal import PODS, Portal, PortalArgs
from components.providers import github_provider
from components.registry import Registry
from components.sealed_secrets import SealedSecrets, SealedSecretsArgs
from components.service import Service, ServiceArgs
from components.team import Team, TeamArgs
from components.tls import Tls, TlsArgs
from idp import answers, choices, naming, network, versions
from idp.model import KindSpec
from idp.portal import choice
from idp.portal.entities import Stack
from idp.repositories import gitops_repository, service_repository

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pulumi_github as github

    from components.forge_repositories import InForge
    from components.gitops_repository import GitOpsRepositoryArgs
    from components.service import RepositoryArgs
    from idp import model
    from idp.portal.choice import Choice
    from idp.settings import Settings

FORGE_SIZE = "5Gi"
"""Of the forge's volume; the demos' repositories take a few megabytes."""


def main(settings: Settings) -> None:
    """Declare the whole platform."""
    cluster = cluster_for(settings)
    provider = github_for(settings)
    ingress = ingress_for(settings, cluster)
    tls = tls_for(settings, cluster, ingress)
    secrets = secrets_for(settings, cluster)
    forge = forge_for(settings, cluster, ingress, tls)
    observability = observability_for(settings, cluster)
    ours = choices.ingress(settings.config) != "existing"
    admission = Admission("admission", AdmissionArgs(owner=settings.owner, traefik=ours), within(cluster))
    made = gitops_repository(settings, forge, provider, cluster)
    gitops = gitops_for(settings, cluster, forge, observability, admission, made)
    portal_for(settings, cluster, gitops, forge)
    teams = {team.name: team_for(settings, cluster, team, gitops, admission) for team in settings.catalog.teams}
    for service in settings.catalog.services:
        repository = service_repository(settings, service, forge, provider, cluster)
        service_for(settings, cluster, service, teams[service.team], repository)

    for warning in settings.warnings():
        pulumi.warn(warning)
    outputs: dict[str, Any] = {
        "kubeconfig": cluster.kubeconfig
        if isinstance(settings.config.cluster, KindSpec)
        else None,  # else somebody's own
        "urls": urls(settings),
        "certificateAuthority": tls.authority if tls else None,
        "sealingCertificate": secrets.certificate if secrets else None,
        "argocdAdministratorPassword": gitops.administrator_password,
        "forgePasswords": {**forge.passwords, forge.access.user: forge.access.password} if forge else None,
        "grafanaAdministratorPassword": observability.administrator_password if observability else None,
    }
    for name, value in outputs.items():
        if value is not None:
            pulumi.export(name, value)


def urls(settings: Settings) -> dict[str, str]:
    """Every address that this stack serves."""
    config, where = settings.config, choices.addresses(settings.config)
    found = {"argocd": where.url(where.host("argocd"))}
    if config.components.observability == "install":
        found["grafana"] = where.url(where.host("grafana"))
    if settings.forge:
        found["forge"] = settings.forge.pages
    if choices.portal(config):
        found["backstage"] = where.url(where.host("backstage"))
    for service in settings.catalog.services:
        for environment in () if service.retired else settings.catalog.deploys:
            host = where.service_host(service.name, environment)
            found[naming.application(service.name, environment)] = where.url(host)
    return found


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


def within(cluster: Cluster) -> pulumi.ResourceOptions:
    """For what is in the cluster, and goes with it."""
    return pulumi.ResourceOptions(providers=[cluster.provider], deleted_with=cluster.lifetime)


def beyond(cluster: Cluster) -> pulumi.ResourceOptions:
    """For what is in the cluster and also holds keys or repositories, which outlive it."""
    return pulumi.ResourceOptions(providers=[cluster.provider])


def ingress_for(settings: Settings, cluster: Cluster) -> Ingress | None:
    """The stack's own ingress controller, unless the cluster has one."""
    config = settings.config
    if (mode := choices.ingress(config)) == "existing":
        return None
    args = IngressArgs(
        owner=settings.owner,
        chart=choices.chart(config, versions.TRAEFIK),
        addresses=choices.addresses(config),
        http_port=choices.ports(config)[0],
        node_ports=mode == "nodePort",
        annotations=choices.load_balancer(config),
        local=choices.on_kind(config),
        replicas=config.replicas,
        node_selector=choices.placement(config, "platform"),
    )
    return Ingress("ingress", args, within(cluster))


def tls_for(settings: Settings, cluster: Cluster, ingress: Ingress | None) -> Tls | None:
    """The certificate of our own ingress controller; another's is the affair of whoever runs it."""
    config = settings.config
    if ingress is None or config.components.cert_manager == "off":
        return None
    args = TlsArgs(
        owner=settings.owner,
        chart=choices.chart(config, versions.CERT_MANAGER) if config.components.cert_manager == "install" else None,
        issuer=choices.issuer(config),
        domain=config.domain,
        environments=settings.catalog.deploys,
        ingress=ingress,
        replicas=config.replicas,
        node_selector=choices.placement(config, "platform"),
        lifetime=cluster.lifetime,
    )
    return Tls("tls", args, beyond(cluster))


def secrets_for(settings: Settings, cluster: Cluster) -> SealedSecrets | None:
    """Sealed Secrets with this stack's key."""
    config = settings.config
    if config.components.sealed_secrets != "install":
        return None
    args = SealedSecretsArgs(
        owner=settings.owner,
        chart=choices.chart(config, versions.SEALED_SECRETS),
        node_selector=choices.placement(config, "platform"),
        lifetime=cluster.lifetime,
    )
    return SealedSecrets("sealed-secrets", args, beyond(cluster))


def forge_for(settings: Settings, cluster: Cluster, ingress: Ingress | None, tls: Tls | None) -> Forge | None:
    """The stack's own forge, where nothing of it is on GitHub."""
    config = settings.config
    if settings.forge is None:
        return None
    if ingress is None or tls is None or tls.authority is None:
        raise AssertionError("settings with a forge come with an authority of the stack's own")
    args = ForgeArgs(
        owner=settings.owner,
        image=str(versions.FORGE),
        size=FORGE_SIZE,
        organization=config.organization,
        teams=members(settings.catalog.teams),
        addresses=choices.addresses(config),
        address=settings.forge,
        ingress_class=choices.ingress_class(config),
        clients=(network.peers(config).ingress, PODS),
        authority=tls.authority,
        home=cluster.identity,
        readers=(naming.FORGE_ARGOCD, *([naming.FORGE_PORTAL] if choices.portal(config) else [])),
        node_selector=choices.placement(config, "platform"),
        reachable=(ingress.ready, tls.ready),
        lifetime=cluster.lifetime,
    )
    return Forge("forge", args, beyond(cluster))


def members(teams: Iterable[model.Team]) -> dict[str, tuple[str, ...]]:
    """Teams of the forge -> their members' logins; two of ours may be one team there, as on GitHub."""
    found: dict[str, set[str]] = {}
    for team in teams:
        found.setdefault(team.github, set()).update(login.lower() for login in team.members)
    return {name: tuple(sorted(logins)) for name, logins in found.items()}


def observability_for(settings: Settings, cluster: Cluster) -> Observability | None:
    """What the add-ons of observability need in the cluster."""
    if settings.config.components.observability != "install":
        return None
    args = ObservabilityArgs(owner=settings.owner, lifetime=cluster.lifetime)
    return Observability("observability", args, beyond(cluster))


def gitops_for(
    settings: Settings,
    cluster: Cluster,
    forge: Forge | None,
    observability: Observability | None,
    admission: Admission,
    repository: GitOpsRepositoryArgs,
) -> GitOps:
    """Argo CD, and what it begins with."""
    config, owner = settings.config, settings.owner
    args = GitOpsArgs(
        owner=owner,
        chart=None if owner.guest else choices.chart(config, versions.ARGOCD),
        organization=config.organization,
        github=settings.github,
        github_token=forge.tokens[naming.FORGE_ARGOCD] if forge else settings.secret("argocdGithubToken"),
        addresses=choices.addresses(config),
        ingress_class=choices.ingress_class(config),
        administrator=config.local,
        sign_in=sign_in(settings),
        replicas=config.replicas,
        node_selector=choices.placement(config, "platform"),
        environments=settings.catalog.deploys,
        declared=tuple(service.name for service in settings.catalog.services),
        repository=repository,
        add_ons=choices.add_ons(config),
        ground=observability.ready if observability else (),
        peers=network.peers(config),
        admission=admission.ready,
        lifetime=cluster.lifetime,
    )
    return GitOps("gitops", args, beyond(cluster))


def team_for(settings: Settings, cluster: Cluster, team: model.Team, gitops: GitOps, admission: Admission) -> Team:
    """A team's namespaces and its project in Argo CD."""
    config, services = settings.config, settings.catalog.services
    args = TeamArgs(
        owner=settings.owner,
        team=team.name,
        group=naming.team_group(config.organization, team.github),
        quota=team.quota,
        environments=settings.catalog.deploys,
        addresses=choices.addresses(config),
        services=services,
        peers=network.peers(config),
        registry=registry(settings),
        sources=tuple(answers.clone_url(settings, each.name) for each in services if each.team == team.name),
        ready=(*gitops.ready, *admission.ready),
    )
    return Team(f"team-{team.name}", args, within(cluster))


def service_for(
    settings: Settings,
    cluster: Cluster,
    service: model.Service,
    team: Team,
    repository: RepositoryArgs | InForge | None,
) -> Service:
    """A service's repository, where this stack makes it, and its Applications."""
    config, peers = settings.config, network.peers(settings.config)
    args = ServiceArgs(
        owner=settings.owner,
        service=service.name,
        team=service.team,
        organization=config.organization,
        clone_url=answers.clone_url(settings, service.name),
        retired=service.retired,
        adopted=service.adopted,
        environments=settings.catalog.deploys,
        repository=repository,
        cluster=cluster.provider,
        project=team.project,
        node_selector=choices.placement(config, "workloads"),
        ingress_class=choices.ingress_class(config),
        addresses=choices.addresses(config),
        calls=settings.catalog.called(service),
        otlp=peers.otlp,
        monitored=peers.prometheus is not None,
        lifetime=cluster.lifetime,
    )
    return Service(service.name, args)


def portal_for(settings: Settings, cluster: Cluster, gitops: GitOps, forge: Forge | None) -> Portal | None:
    """Backstage with this stack's catalog, where there is an image of it."""
    config, owner = settings.config, settings.owner
    login, token = sign_in(settings), settings.secrets.get("portalGithubToken")
    stack = Stack(catalog=settings.catalog, owner=owner, github=settings.github)
    chosen = choice.choose(stack, sign_in=login is not None, token=token is not None)
    if chosen is None:
        return None
    args = PortalArgs(
        owner=owner,
        chart=choices.chart(config, versions.BACKSTAGE),
        image=chosen.image,
        app_config=chosen.app_config,
        catalog=chosen.catalog,
        host=stack.where.host("backstage"),
        ingress_class=choices.ingress_class(config),
        database=database(settings, chosen),
        database_password=None if chosen.volume is not None else settings.secret("portalDatabasePassword"),
        github_token=token if chosen.access.token else None,
        forge_token=forge.tokens[naming.FORGE_PORTAL] if forge else None,
        sign_in=login if chosen.access.sign_in else None,
        registry=registry(settings) if chosen.ours else None,
        node_selector=choices.placement(config, "platform"),
        lifetime=cluster.lifetime,
        ready=gitops.ready,
    )
    return Portal("portal", args, beyond(cluster))


def database(settings: Settings, portal: Choice) -> DatabaseArgs | None:
    """The portal's database, unless it is somebody's."""
    if portal.volume is None:
        return None
    return DatabaseArgs(
        image=str(versions.POSTGRES),
        database=portal.database.name,
        size=portal.volume,
        clients=PODS,
        node_selector=choices.placement(settings.config, "platform"),
        labels=settings.owner.labels("portal"),
    )


def github_for(settings: Settings) -> github.Provider | None:
    """The provider for GitHub, in the one stack that makes the repositories."""
    if not settings.owns_github:
        return None
    return github_provider(settings.config.organization, settings.on_github, settings.secret("githubToken"))


def sign_in(settings: Settings) -> SignIn | None:
    """The OAuth app by which members of the organization sign in, where the stack has one."""
    client, secret = (settings.secrets.get(key) for key in ("oauthClientId", "oauthClientSecret"))
    return SignIn(client=client, secret=secret) if client is not None and secret is not None else None


def registry(settings: Settings) -> Registry | None:
    """Where private images are pulled from, where the stack has a token for it."""
    token = settings.secrets.get("registryToken")
    return Registry(host=settings.github.registry, token=token) if token is not None else None
