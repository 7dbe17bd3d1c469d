"""A stack as the portal is told of it: its entities, its config, and what the catalog then holds."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from idp import recorder
from idp.portal.entities import Stack, entities, shards
from idp.portal.forms import forms

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.portal import Portal

TOKEN = "portals-token"
KINDS = ["Component", "API", "Resource", "System", "Group", "User", "Template"]


def stack_of(root: Path, name: str) -> Stack:
    """What a stack's entities are made of."""
    settings = recorder.load(root, name)
    return Stack(catalog=settings.catalog, owner=settings.owner, github=settings.github)


def config(folder: Path, made: Stack, github: str = "http://127.0.0.1:1") -> dict[str, Any]:
    """Its config, with the catalog written to a folder as a pod has it mounted."""
    folder.mkdir(parents=True)
    for number, text in enumerate(shards([*entities(made), *forms(made)])):
        (folder / f"{number}.yaml").write_text(text)
    return {
        "platform": {
            "organization": made.catalog.config.organization,
            "repository": made.catalog.config.repository,
            "github": github,
            "githubApi": f"{github}/api/v3",
            "cluster": made.cluster,
            "argocdNamespace": "argocd",
            "argocdUrl": "https://argocd.idp.localhost",
            "signIn": ["guest"],
        },
        "integrations": {
            "github": [{"host": github.partition("//")[2], "apiBaseUrl": f"{github}/api/v3", "token": TOKEN}]
        },
        "auth": {"environment": "production", "providers": {"guest": {"dangerouslyAllowOutsideDevelopment": True}}},
        "catalog": {"locations": [{"type": "file", "target": f"{folder}/*.yaml", "rules": [{"allow": KINDS}]}]},
    }


def refs(found: list[dict[str, Any]]) -> set[str]:
    """The references of entities."""
    return {
        f"{one['kind']}:{one['metadata'].get('namespace', 'default')}/{one['metadata']['name']}".lower() for one in found
    }


def ingested(portal: Portal, wanted: set[str], token: str | None = None, timeout: float = 120) -> set[str]:
    """What the catalog holds, as soon as it holds all that was wanted."""
    token, deadline = token or portal.guest(), time.monotonic() + timeout
    while True:
        status, found = portal.ask("GET", "/api/catalog/entities?fields=kind,metadata", token=token)
        assert status == 200, found
        there = refs([one for one in found if one["kind"] != "Location"])
        if wanted <= there:
            return there
        if time.monotonic() > deadline:
            raise AssertionError(f"not in the catalog: {sorted(wanted - there)[:10]}\n{portal.complaints()[:10]}")
        time.sleep(0.3)
