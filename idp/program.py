"""The platform, declared: what `pulumi up` makes, in the order in which a person would explain it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi

from components import database as postgres
from components.admission import Admission, AdmissionArgs
from components.cluster import Cluster, ExistingCluster, ExistingClusterArgs, KindCluster, KindClusterArgs
from components.database import DatabaseArgs
from components.gitops import GitOps, GitOpsArgs, SignIn
from components.gitops_repository import GitOpsRepositoryArgs, OwnedArgs
from components.ingress import Ingress, IngressArgs
from components.observability import Observability, ObservabilityArgs
from components.portal import CLIENTS, Portal, PortalArgs
from components.providers import github_provider
from components.registry import Registry
from components.sealed_secrets import SealedSecrets, SealedSecretsArgs
from components.service import RepositoryArgs, Service, ServiceArgs
from components.team import Team, TeamArgs
from components.tls import Tls, TlsArgs
from idp import answers, choices, naming, network, versions
from idp.model import KindSpec, OwnDatabase
from idp.portal.app_config import Access, Database, app_config
from idp.portal.entities import Stack, entities, shards
from idp.portal.forms import forms

if TYPE_CHECKING:
    import pulumi_github as github

    from idp import model
    from idp.settings import Settings


def main(settings: Settings) -> None:
    """Declare the whole platform."""
    config, catalog, owner = settings.config, settings.catalog, settings.owner
    cluster = cluster_for(settings)
    forge = github_for(settings)

    peers = network.peers(config)
    ingress = ingress_for(settings, cluster)
    tls = tls_for(settings, cluster, ingress)
    secrets = secrets_for(settings, cluster)
    observability = observability_for(settings, cluster)
    admission = Admission("admission", AdmissionArgs(owner=owner), within(cluster))
    gitops = GitOps(
        "gitops",
        GitOpsArgs(
            owner=owner,
            chart=None if owner.guest else choices.chart(config, versions.ARGOCD),
            organization=config.organization,
            github=settings.github,
            github_token=settings.secret("argocdGithubToken"),
            addresses=choices.addresses(config),
            ingress_class=choices.ingress_class(config),
            administrator=config.local,
            sign_in=sign_in(settings),
            replicas=config.replicas,
            node_selector=choices.placement(config, "platform"),
            environments=catalog.deploys,
            declared=tuple(service.name for service in catalog.services),
            repository=gitops_repository(settings, forge),
            add_ons=choices.add_ons(config),
            ground=observability.ready if observability else (),
            peers=peers,
            admission=admission.ready,
            lifetime=cluster.lifetime,
        ),
        beyond(cluster),
    )
    portal_for(settings, cluster, gitops)
    teams = {
        team.name: Team(
            f"team-{team.name}",
            TeamArgs(
                owner=owner,
                team=team.name,
                group=naming.team_group(config.organization, team.github),
                quota=team.quota,
                environments=catalog.deploys,
                addresses=choices.addresses(config),
                services=catalog.services,
                peers=peers,
                registry=registry(settings),
                sources=tuple(answers.clone_url(settings, s.name) for s in catalog.services if s.team == team.name),
                ready=(*gitops.ready, *admission.ready),
            ),
            within(cluster),
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
                clone_url=answers.clone_url(settings, service.name),
                retired=service.retired,
                adopted=service.adopted,
                environments=catalog.deploys,
                repository=repository(settings, service, forge) if forge else None,
                cluster=cluster.provider,
                project=teams[service.team].project,
                node_selector=choices.placement(config, "workloads"),
                ingress_class=choices.ingress_class(config),
                addresses=choices.addresses(config),
                lifetime=cluster.lifetime,
            ),
        )

    for warning in settings.warnings():
        pulumi.warn(warning)
    pulumi.export("kubeconfig", cluster.kubeconfig)
    pulumi.export("urls", urls(settings))
    if tls and tls.authority is not None:
        pulumi.export("certificateAuthority", tls.authority)
    if secrets:
        pulumi.export("sealingCertificate", secrets.certificate)
    if gitops.administrator_password is not None:
        pulumi.export("argocdAdministratorPassword", gitops.administrator_password)
    if observability:
        pulumi.export("grafanaAdministratorPassword", observability.administrator_password)


def urls(settings: Settings) -> dict[str, str]:
    """Every address that this stack serves."""
    config, where = settings.config, choices.addresses(settings.config)
    found = {"argocd": where.url(where.host("argocd"))}
    if config.components.observability == "install":
        found["grafana"] = where.url(where.host("grafana"))
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


def observability_for(settings: Settings, cluster: Cluster) -> Observability | None:
    """What the add-ons of observability need in the cluster."""
    if settings.config.components.observability != "install":
        return None
    args = ObservabilityArgs(owner=settings.owner, lifetime=cluster.lifetime)
    return Observability("observability", args, beyond(cluster))


def portal_for(settings: Settings, cluster: Cluster, gitops: GitOps) -> Portal | None:
    """Backstage with this stack's catalog, where there is an image of it."""
    config, owner = settings.config, settings.owner
    image = choices.portal(config)
    if image is None:
        return None
    ours = config.portal.image is not None
    stack = Stack(catalog=settings.catalog, owner=owner, github=settings.github)
    login, token = sign_in(settings) if ours else None, settings.secrets.get("portalGithubToken") if ours else None
    spec, placed = config.portal.database, choices.placement(config, "platform")
    own = isinstance(spec, OwnDatabase)
    access = Access(guest=config.local, sign_in=login is not None, token=token is not None)
    where = (
        Database(host=postgres.NAME)
        if own
        else Database(host=spec.host, port=spec.port, name=spec.name, user=spec.user, tls=spec.tls)
    )
    found = [*entities(stack), *(forms(stack) if token is not None else ())]
    args = PortalArgs(
        owner=owner,
        chart=choices.chart(config, versions.BACKSTAGE),
        image=image,
        app_config=app_config(stack, access, where),
        catalog=tuple(shards(found)),
        host=stack.where.host("backstage"),
        ingress_class=choices.ingress_class(config),
        database=DatabaseArgs(
            image=str(versions.POSTGRES),
            database=where.name,
            size=str(spec.size),
            namespace=naming.PORTAL_NAMESPACE,
            clients=CLIENTS,
            node_selector=placed,
            labels=owner.labels("portal"),
        )
        if own
        else None,
        database_password=None if own else settings.secret("portalDatabasePassword"),
        github_token=token,
        sign_in=login,
        registry=registry(settings) if ours else None,
        node_selector=placed,
        lifetime=cluster.lifetime,
        ready=gitops.ready,
    )
    return Portal("portal", args, beyond(cluster))


def github_for(settings: Settings) -> github.Provider | None:
    """The provider for GitHub, in the one stack that makes the repositories."""
    if not settings.owns_github:
        return None
    return github_provider(settings.config.organization, settings.github, settings.secret("githubToken"))


def sign_in(settings: Settings) -> SignIn | None:
    """The OAuth app by which members of the organization sign in, where the stack has one."""
    client, secret = (settings.secrets.get(key) for key in ("oauthClientId", "oauthClientSecret"))
    return SignIn(client=client, secret=secret) if client is not None and secret is not None else None


def registry(settings: Settings) -> Registry | None:
    """Where private images are pulled from, where the stack has a token for it."""
    token = settings.secrets.get("registryToken")
    return Registry(host=settings.github.registry, token=token) if token is not None else None


def repository(settings: Settings, service: model.Service, forge: github.Provider) -> RepositoryArgs:
    """A service's repository as its entry and template want it."""
    return RepositoryArgs(
        provider=forge,
        visibility=settings.config.visibility,
        description=service.description,
        topics=(naming.TOPIC, naming.team_topic(service.team), *service.topics),
        team=settings.config.teams[service.team].github,
        ruleset=settings.rulesets,
        later=() if service.adopted else settings.config.environments[1:],
        actions=settings.github.public,
        scaffold=answers.service(settings, service),
    )


def gitops_repository(settings: Settings, forge: github.Provider | None) -> GitOpsRepositoryArgs:
    """The GitOps repository, or this stack's part of it."""
    whole, folder = answers.gitops(settings)
    owned = forge and OwnedArgs(
        provider=forge, visibility=settings.config.visibility, ruleset=settings.rulesets, scaffold=whole
    )
    return GitOpsRepositoryArgs(
        organization=settings.config.organization,
        owned=owned,
        folder=answers.gitops_folder(settings),
        source=folder,
    )
