"""A stack's part of Backstage's config: addresses, who signs in, what is in the catalog, which cluster.

It becomes a ConfigMap, so a secret in it is the name of an environment variable. What holds for every stack is in
portal/app-config.yaml, which comes with the image; of two, the later file goes first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from idp import naming
from idp.naming import ForgeAddress
from idp.portal.pod import CATALOG, CLIENT_ID, CLIENT_SECRET, FORGE_TOKEN, PASSWORD, TOKEN, WATCHED

if TYPE_CHECKING:
    from idp.portal.entities import Stack

KINDS = ["Component", "API", "Resource", "System", "Group", "User", "Template"]


@dataclass(frozen=True, kw_only=True)
class Database:
    """The PostgreSQL that the portal keeps its schemas in."""

    host: str
    port: int = 5432
    name: str = "backstage"
    user: str = "backstage"
    tls: bool = False


@dataclass(frozen=True, kw_only=True)
class Access:
    """Who gets in, and what the portal may do on GitHub."""

    guest: bool
    """Whether anybody gets in who reaches it; on a laptop only."""
    sign_in: bool
    """Whether there is an OAuth app."""
    token: bool
    """Whether it has a token: for docs, forms and repositories that the program did not make."""


def app_config(stack: Stack, access: Access, database: Database) -> dict[str, Any]:
    """All of it."""
    url = stack.where.url(stack.where.host("backstage"))
    made: dict[str, Any] = {
        "app": {"baseUrl": url},
        "backend": {"baseUrl": url, "cors": {"origin": url}, "database": _database(database)},
        "organization": {"name": stack.catalog.config.organization},
        "platform": _platform(stack, access),
        "auth": {"environment": "production", "providers": _providers(stack, access)},
        "catalog": {"locations": [{"type": "file", "target": f"{CATALOG}/*.yaml", "rules": [{"allow": KINDS}]}]},
        "techdocs": {"publisher": {"local": {"publishDirectory": "/tmp/techdocs"}}},  # noqa: S108  a volume of the pod's
        "kubernetes": _kubernetes(stack),
    }
    if isinstance(stack.github, ForgeAddress):
        made["integrations"] = {"gitea": [_forge(stack.github)]}
    if access.token:
        host = {"host": stack.github.host, "apiBaseUrl": stack.github.api, "token": f"${{{TOKEN}}}"}
        made["integrations"] = {"github": [host]}
        made["catalog"]["providers"] = {"github": {"discovered": _discovery(stack)}}
    return made


def _database(database: Database) -> dict[str, Any]:
    connection: dict[str, Any] = {
        "host": database.host,
        "port": database.port,
        "user": database.user,
        "password": f"${{{PASSWORD}}}",
        "database": database.name,
    }
    if database.tls:
        connection["ssl"] = {"rejectUnauthorized": True}
    return {"client": "pg", "connection": connection, "pluginDivisionMode": "schema"}


def _platform(stack: Stack, access: Access) -> dict[str, Any]:
    """What our own plugins ask for."""
    config, where = stack.catalog.config, stack.where
    return {
        "organization": config.organization,
        "repository": config.repository,
        "reserved": reserved(stack),
        "github": stack.github.pages,
        "githubApi": stack.github.api,
        "cluster": stack.cluster,
        "argocdNamespace": naming.ARGOCD_NAMESPACE,
        "argocdUrl": where.url(where.host("argocd")),
        "signIn": [way for way, there in (("github", access.sign_in), ("guest", access.guest)) if there],
    }


def reserved(stack: Stack) -> list[str]:
    """Repositories that are the platform's own, in lower case, as GitHub knows no capitals."""
    config = stack.catalog.config
    gitops = f"{config.organization}/{naming.GITOPS_REPOSITORY}"
    return sorted({gitops.lower(), config.repository.lower()} - {""})


def _providers(stack: Stack, access: Access) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if access.guest:
        found["guest"] = {"dangerouslyAllowOutsideDevelopment": True}
    if access.sign_in:
        app = {"clientId": f"${{{CLIENT_ID}}}", "clientSecret": f"${{{CLIENT_SECRET}}}"}
        elsewhere = {} if stack.github.public else {"enterpriseInstanceUrl": stack.github.base}
        found["github"] = {"production": app | elsewhere}
    return found


def _kubernetes(stack: Stack) -> dict[str, Any]:
    """The cluster that the pod is in, by its own ServiceAccount."""
    cluster = {
        "name": stack.cluster,
        "url": naming.IN_CLUSTER,
        "authProvider": "serviceAccount",
        "skipMetricsLookup": True,
    }
    return {
        "frontend": {"podDelete": {"enabled": False}},
        "serviceLocatorMethod": {"type": "multiTenant"},
        "clusterLocatorMethods": [{"type": "config", "clusters": [cluster]}],
        "objectTypes": [kind for kinds in WATCHED.values() for kind in kinds],
    }


def _forge(address: ForgeAddress) -> dict[str, str]:
    """How the backend reads docs in a forge of the stack's own: by its address in the cluster."""
    return {
        "host": urlsplit(address.base).netloc,
        "baseUrl": address.base,
        "username": naming.FORGE_PORTAL,
        "password": f"${{{FORGE_TOKEN}}}",
    }


def _discovery(stack: Stack) -> dict[str, Any]:
    """Repositories with the platform's topic that have no entry, as each says of itself in catalog-info.yaml."""
    declared = "|".join(service.name for service in stack.catalog.services)
    return {
        "organization": stack.catalog.config.organization,
        "host": stack.github.host,
        "catalogPath": "/catalog-info.yaml",
        "filters": {
            "topic": {"include": [naming.TOPIC]},
            "repository": f"^(?!(?:{declared})$).*$" if declared else ".*",
        },
        "schedule": {"frequency": {"minutes": 30}, "timeout": {"minutes": 3}},
    }
