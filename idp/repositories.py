"""Which repositories a stack makes, and what each is to be: on GitHub, or in a forge of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.dynamic.forge_repository import Wanted
from components.forge_repositories import InForge
from components.gitops_repository import DESCRIPTION, GitOpsRepositoryArgs, OwnedArgs
from components.service import RepositoryArgs
from idp import answers, naming

if TYPE_CHECKING:
    import pulumi_github as github

    from components.cluster import Cluster
    from components.forge import Forge
    from idp import model
    from idp.settings import Settings


def service_repository(
    settings: Settings, service: model.Service, forge: Forge | None, provider: github.Provider | None, cluster: Cluster
) -> RepositoryArgs | InForge | None:
    """A service's repository, where this stack makes it."""
    if forge:
        return in_forge(forge, cluster, of_service(settings, service))
    return repository(settings, service, provider) if provider else None


def in_forge(forge: Forge, cluster: Cluster, wanted: Wanted) -> InForge:
    """A repository in the stack's own forge."""
    return InForge(access=forge.access, wanted=wanted, organization=forge.organization, lifetime=cluster.lifetime)


def of_service(settings: Settings, service: model.Service) -> Wanted:
    """A service's repository in the forge, as its entry and template want it."""
    config = settings.config
    return Wanted(
        organization=config.organization,
        repository=service.name,
        project=settings.project,
        stack=settings.stack,
        description=service.description,
        private=config.visibility != "public",
        topics=topics(service),
        team=config.teams[service.team].github,
        later=() if service.adopted else config.environments[1:],
        archived=service.retired,
        source=answers.service(settings, service),
    )


def topics(service: model.Service) -> tuple[str, ...]:
    """The platform's own two, and the entry's."""
    return (naming.TOPIC, naming.team_topic(service.team), *service.topics)


def repository(settings: Settings, service: model.Service, provider: github.Provider) -> RepositoryArgs:
    """A service's repository on GitHub, as its entry and template want it."""
    return RepositoryArgs(
        provider=provider,
        visibility=settings.config.visibility,
        description=service.description,
        topics=topics(service),
        team=settings.config.teams[service.team].github,
        ruleset=settings.rulesets,
        later=() if service.adopted else settings.config.environments[1:],
        actions=settings.on_github.public,
        scaffold=answers.service(settings, service),
    )


def gitops_repository(
    settings: Settings, forge: Forge | None, provider: github.Provider | None, cluster: Cluster
) -> GitOpsRepositoryArgs:
    """The GitOps repository, or this stack's part of it."""
    whole, folder = answers.gitops(settings)
    visibility, owned = settings.config.visibility, None
    if forge:
        wanted = Wanted(
            organization=settings.config.organization,
            repository=naming.GITOPS_REPOSITORY,
            project=settings.project,
            stack=settings.stack,
            description=DESCRIPTION,
            private=visibility != "public",
            source=whole,
        )
        owned = in_forge(forge, cluster, wanted)
    elif provider:
        owned = OwnedArgs(provider=provider, visibility=visibility, ruleset=settings.rulesets, scaffold=whole)
    return GitOpsRepositoryArgs(
        organization=settings.config.organization,
        owned=owned,
        folder=answers.gitops_folder(settings),
        source=folder,
    )
