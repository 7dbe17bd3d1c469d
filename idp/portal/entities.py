"""A stack's catalog as Backstage's entities: who there is, what they own, where it runs and what it calls."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from idp import choices, naming
from idp.model import KindSpec
from idp.naming import ForgeAddress
from idp.words import outside_port

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from idp.catalog import Catalog
    from idp.model import Service, Team
    from idp.naming import GitHubAddress

Entity = dict[str, Any]
VERSION = "backstage.io/v1alpha1"
PLATFORM = "platform"
"""The namespace, in Backstage's sense, of what is no team's; no name that a team chose can meet one there."""
TEAM_SLUG = "github.com/team-slug"
ENTRY = "idp/entry"
"""Annotation: where a service's entry is; the portal's form for retirement changes it there."""
SHARD = 512 * 1024
"""Bytes of one ConfigMap of the catalog; Kubernetes takes 1 MiB of an object, with everything around its data."""


@dataclass(frozen=True, kw_only=True)
class Stack:
    """What entities are made of."""

    catalog: Catalog
    owner: naming.Owner
    github: GitHubAddress | ForgeAddress

    @property
    def where(self) -> naming.Addresses:
        """The addresses that it serves."""
        return choices.addresses(self.catalog.config)

    @property
    def organization(self) -> str:
        """The reference of the group above all teams."""
        return f"group:{PLATFORM}/{naming.slug(self.catalog.config.organization)}"

    @property
    def cluster(self) -> str:
        """The cluster's name among the platform's resources."""
        spec = self.catalog.config.cluster
        return spec.name if isinstance(spec, KindSpec) else _short(spec.context)


def entities(stack: Stack) -> Iterator[Entity]:
    """All of them, in an order that depends on names alone."""
    yield from _people(stack)
    yield _platform(stack)
    yield from _systems(stack)
    yield from _resources(stack)
    for service in stack.catalog.services:
        yield _component(service, stack)
        if not service.retired:
            yield _api(service, stack)


def shards(found: Iterable[Entity], size: int = SHARD) -> list[str]:
    """Entities as texts of at most `size` bytes, each a stream of YAML documents; an entity is never cut."""
    texts: list[str] = []
    for entity in found:
        text = f"---\n{json.dumps(entity, ensure_ascii=False)}\n"
        if texts and len((texts[-1] + text).encode()) <= size:
            texts[-1] += text
        else:
            texts.append(text)
    return texts


def _entity(kind: str, name: str, spec: Entity, *, namespace: str = "", **metadata: Any) -> Entity:
    place = {"namespace": namespace} if namespace else {}
    given = {key: value for key, value in metadata.items() if value}
    return {"apiVersion": VERSION, "kind": kind, "metadata": {"name": name, **place, **given}, "spec": spec}


def _short(text: str) -> str:
    """A name for any text: itself where Backstage takes it (63 of letters, digits and -_.), else its start and a hash."""
    plain = "".join(
        letter if (letter.isascii() and letter.isalnum()) or letter == "." else "-" for letter in text
    ).strip("-.")
    if plain == text and len(text) <= 63:  # noqa: PLR2004  Backstage's limit
        return text
    return f"{plain[:50].rstrip('-.')}-{hashlib.sha256(text.encode()).hexdigest()[:8]}".lstrip("-")


def _people(stack: Stack) -> Iterator[Entity]:
    config, teams = stack.catalog.config, stack.catalog.teams
    name = naming.slug(config.organization)
    children = [f"group:default/{team.name}" for team in teams]
    yield _entity(
        "Group", name, {"type": "organization", "profile": {"displayName": config.organization}, "children": children},
        namespace=PLATFORM, description=f"The organization on {stack.github.name}; its members sign in.",
    )  # fmt: skip
    for team in teams:
        yield _team(team, stack)
    groups: dict[str, list[str]] = {}
    logins = {login.lower(): login for team in teams for login in team.members}
    for team in teams:
        for login in dict.fromkeys(login.lower() for login in team.members):
            groups.setdefault(login, []).append(f"group:default/{team.name}")
    for user, login in sorted(logins.items()):
        spec = {"profile": {"displayName": login}, "memberOf": groups[user]}
        yield _entity("User", user, spec, annotations={"github.com/user-login": login})


def _team(team: Team, stack: Stack) -> Entity:
    organization = stack.catalog.config.organization
    page = stack.github.team(organization, team.github)
    spec: Entity = {"type": "team", "profile": {"displayName": team.name}, "parent": stack.organization, "children": []}
    return _entity(
        "Group", team.name, spec, annotations={TEAM_SLUG: team.github}, links=[_link(page, stack.github.name)]
    )


def _platform(stack: Stack) -> Entity:
    config, where = stack.catalog.config, stack.where
    links = [_link(where.url(where.host("argocd")), "Argo CD")]
    if config.components.observability == "install":
        links.append(_link(where.url(where.host("grafana")), "Grafana"))
    return _entity(
        "System", stack.owner.project, {"owner": stack.organization}, links=links,
        description="Everything that this platform looks after.",
    )  # fmt: skip


def _systems(stack: Stack) -> Iterator[Entity]:
    """What entries name as such, each the team's whose services are in it, or the organization's where several have some."""
    owners: dict[str, set[str]] = {}
    for service in stack.catalog.services:
        if service.system and service.system != stack.owner.project:
            owners.setdefault(service.system, set()).add(f"group:default/{service.team}")
    for name, teams in sorted(owners.items()):
        yield _entity("System", name, {"owner": teams.pop() if len(teams) == 1 else stack.organization})


def _of(service: Service, stack: Stack) -> str:
    """The system that a service is part of."""
    return service.system or stack.owner.project


def _resources(stack: Stack) -> Iterator[Entity]:
    """The cluster, each team's namespaces in it, and the outside addresses that somebody calls."""
    own = {"system": stack.owner.project}
    spec = {"type": "kubernetes-cluster", "owner": stack.organization, **own}
    yield _entity("Resource", stack.cluster, spec, namespace=PLATFORM)
    for team in stack.catalog.teams:
        for environment in stack.catalog.deploys:
            spec = {
                "type": "kubernetes-namespace",
                "owner": f"group:default/{team.name}",
                "dependsOn": [f"resource:{PLATFORM}/{stack.cluster}"],
                **own,
            }
            yield _entity("Resource", naming.team_namespace(team.name, environment), spec)
    active = (service for service in stack.catalog.services if not service.retired)
    for address in sorted({_address(url) for service in active for url in service.outside}):
        spec = {"type": "external-address", "owner": stack.organization, **own}
        yield _entity("Resource", _short(address), spec, namespace="outside", title=address)


def _address(url: str) -> str:
    """Host and port of an address of the outside."""
    return f"{urlsplit(url).hostname}:{outside_port(url)}"


def _component(service: Service, stack: Stack) -> Entity:
    config, catalog = stack.catalog.config, stack.catalog
    page = stack.github.page(config.organization, service.name)
    annotations = {
        "github.com/project-slug": f"{config.organization}/{service.name}",
        "backstage.io/source-location": f"url:{page}/",
        ENTRY: catalog.entries[service.name],
        "backstage.io/techdocs-ref": f"url:{_files(service, stack)}",
    }
    spec: Entity = {
        "type": "service",
        "lifecycle": "retired" if service.retired else "production",
        "owner": f"group:default/{service.team}",
        "system": _of(service, stack),
    }
    links = [_link(page, "Repository")]
    if not service.retired:
        selector = f"{naming.SERVICE_LABEL}={service.name}"
        annotations |= {
            "argocd/app-selector": f"{selector},{naming.STACK_LABEL}={stack.owner.label}",
            "backstage.io/kubernetes-label-selector": selector,
        }
        links += _running(service, stack)
        called = [target for target in service.calls if "://" not in target]
        spec |= {
            "providesApis": [service.name],
            "consumesApis": called,
            "dependsOn": [
                *(f"component:default/{target}" for target in called),
                *(f"resource:outside/{name}" for name in sorted({_short(_address(url)) for url in service.outside})),
                *(f"resource:default/{naming.team_namespace(service.team, each)}" for each in catalog.deploys),
            ],
        }
    tags = sorted({_tag(each) for each in (*service.topics, service.template) if each})
    return _entity(
        "Component",
        service.name,
        spec,
        description=service.description,
        annotations=annotations,
        links=links,
        tags=tags,
    )


def _tag(topic: str) -> str:
    """A topic as Backstage takes it; GitHub's may have several hyphens in a row, and end in some."""
    return "-".join(filter(None, topic.split("-")))


def _files(service: Service, stack: Stack) -> str:
    """Where the portal's backend reads a service's docs."""
    organization = stack.catalog.config.organization
    if isinstance(stack.github, ForgeAddress):
        return stack.github.inside(organization, service.name)
    if service.adopted:
        return f"{stack.github.page(organization, service.name)}/"
    return stack.github.files(organization, service.name)


def _running(service: Service, stack: Stack) -> Iterator[dict[str, str]]:
    """Where a service answers, and where its Applications and its metrics are shown."""
    where = stack.where
    for environment in stack.catalog.deploys:
        yield _link(where.url(where.service_host(service.name, environment)), f"{environment}: service")
        name = naming.application(service.name, environment)
        argocd = f"{where.url(where.host('argocd'))}/applications/{naming.ARGOCD_NAMESPACE}/{name}"
        yield _link(argocd, f"{environment}: Argo CD")
    if stack.catalog.config.components.observability == "install":
        yield _link(f"{where.url(where.host('grafana'))}/dashboards?query={service.name}", "Dashboards")


def _api(service: Service, stack: Stack) -> Entity:
    """Where a service is called; what it answers is up to its own repository."""
    where = stack.where
    servers = [
        {"url": where.url(where.service_host(service.name, environment)), "description": environment}
        for environment in stack.catalog.deploys
    ]
    document = {
        "openapi": "3.1.0",
        "info": {"title": service.name, "version": "1", "description": service.description},
        "servers": servers,
        "paths": {},
    }
    spec = {
        "type": "openapi",
        "lifecycle": "production",
        "owner": f"group:default/{service.team}",
        "system": _of(service, stack),
        "definition": json.dumps(document, ensure_ascii=False, indent=2),
    }
    return _entity("API", service.name, spec, description=f"Where {service.name} is called.")


def _link(url: str, title: str) -> dict[str, str]:
    return {"url": url, "title": title}
