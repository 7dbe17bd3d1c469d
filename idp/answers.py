"""What templates are told: everything that a stack knows of a service, or of itself, under the templates' own names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from components.applications import source, sync_policy
from components.dynamic.scaffold import FromTemplate
from idp import choices, naming, render, templates, versions

if TYPE_CHECKING:
    from idp import model
    from idp.settings import Settings

GITOPS = "gitops"
"""The template of the GitOps repository."""


def clone_url(settings: Settings, repository_name: str) -> str:
    """The address under which git and Argo CD know a repository."""
    return settings.github.clone(settings.config.organization, repository_name)


def image(settings: Settings, service_name: str) -> str:
    """What a service's image is called, without a tag."""
    return f"{settings.github.registry}/{settings.config.organization.lower()}/{service_name}"


def service(settings: Settings, entry: model.Service) -> FromTemplate | None:
    """A service's repository, made from its template; nothing where it was there before."""
    if entry.template is None:
        return None
    template = templates.load(entry.template)
    given = service_answers(settings, entry)
    return FromTemplate(
        template=entry.template,
        version=template.info.version,
        answers=given,
        digest=render.render(template, given).digest,
    )


def service_answers(settings: Settings, entry: model.Service) -> dict[str, Any]:
    """Everything that a service's template may ask for; its own parameters under their own names."""
    config, address = settings.config, settings.github
    own = templates.load(entry.template).answers(entry.parameters) if entry.template else {}
    return own | {
        "project": settings.project,
        "service": entry.name,
        "team": entry.team,
        "organization": config.organization,
        "description": entry.description,
        "visibility": config.visibility,
        "system": entry.system or settings.project,
        "calls": [target for target in entry.calls if "://" not in target],
        "environments": list(config.environments),
        "promotions": list(config.environments[1:]),
        "repository_url": address.page(config.organization, entry.name),
        "files_url": address.pages_of_files(config.organization, entry.name),
        "workflows_url": address.workflows(config.organization, entry.name),
        "clone_url": clone_url(settings, entry.name),
        "image": image(settings, entry.name),
        "placeholder_image": versions.PLACEHOLDER.name,
        "placeholder_tag": versions.PLACEHOLDER.tag,
        "placeholder_digest": versions.PLACEHOLDER.digest,
        "pull_secret": naming.PULL_SECRET,
    }


def gitops_folder(settings: Settings) -> str:
    """This stack's folder in the GitOps repository."""
    return f"clusters/{settings.stack}"


def gitops(settings: Settings) -> tuple[FromTemplate, FromTemplate]:
    """The GitOps repository's first files, and this stack's folder in it."""
    template = templates.load(GITOPS)
    given = gitops_answers(settings)
    rendering = render.render(template, given)
    whole = FromTemplate(template=GITOPS, version=template.info.version, answers=given, digest=rendering.digest)
    mine = render.below(rendering.files, gitops_folder(settings))
    folder = FromTemplate(template=GITOPS, version=template.info.version, answers=given, digest=render.digest_of(mine))
    return whole, folder


def gitops_answers(settings: Settings) -> dict[str, Any]:
    """Everything that the GitOps repository's template may ask for."""
    config, owner = settings.config, settings.owner
    where = choices.addresses(config)
    hosts = {name: where.host(name) for name in ("argocd", "grafana")}
    return {
        "project": settings.project,
        "service": naming.GITOPS_REPOSITORY,
        "stack": settings.stack,
        "organization": config.organization,
        "repository_url": settings.github.page(config.organization, naming.GITOPS_REPOSITORY),
        "clone_url": clone_url(settings, naming.GITOPS_REPOSITORY),
        "domain": config.domain,
        "hosts": hosts,
        "urls": {name: where.url(host) for name, host in hosts.items()},
        "ingress_class": choices.ingress_class(config),
        "node_selector": choices.placement(config, "platform"),
        "labels": owner.labels("observability"),
        "argocd_namespace": naming.ARGOCD_NAMESPACE,
        "projects": {name: owner.in_argocd(name) for name in ("bootstrap", "platform")},
        "prefix": owner.in_argocd(""),
        "sync_policy": sync_policy(),
        "charts": {chart.name: source(chart) for chart in choices.add_ons(config)},
        "observability": config.components.observability == "install",
        "metrics_server": config.components.observability == "install" and choices.on_kind(config),
        "kind": choices.on_kind(config),
        "deploys": list(settings.catalog.deploys),
    }
