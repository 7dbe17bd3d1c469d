"""A stack as the portal is told of it: its entities, its config, and what the catalog then holds."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from idp import recorder
from idp.naming import GitHubAddress
from idp.portal.app_config import Access, Database, app_config
from idp.portal.entities import Stack, entities, shards
from idp.portal.forms import forms
from idp.portal.pod import CATALOG

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.portal import Portal, Postgres

TOKEN = "portals-token"


def stack_of(root: Path, name: str) -> Stack:
    """What a stack's entities are made of."""
    settings = recorder.load(root, name)
    return Stack(catalog=settings.catalog, owner=settings.owner, github=settings.github)


OPEN = Access(guest=True, sign_in=False, token=True)


def config(
    folder: Path,
    made: Stack,
    database: Postgres,
    github: str = "http://127.0.0.1:1",
    access: Access = OPEN,
    *,
    discovery: bool = False,
) -> dict[str, Any]:
    """Its config as its pod has it, but for what is elsewhere here: the catalog's files, GitHub, the database, a cluster.

    What asks the cluster by itself, and not for somebody, is left out, and what asks GitHub if not wanted.
    """
    made = replace(made, github=GitHubAddress.of(github))
    found = placed(folder, made, database, access, [*entities(made), *forms(made)])
    if not discovery:
        found["catalog"].pop("providers", None)
    return found


def placed(
    folder: Path,
    made: Stack,
    database: Postgres,
    access: Access,
    catalog: list[dict[str, Any]],
    here: Callable[[str], str] = str,
) -> dict[str, Any]:
    """A stack's config with its catalog in a folder, in a database of the tests'; without a cluster.

    Args:
        folder: made for the catalog's files.
        made: the stack.
        database: the tests'.
        access: who gets in.
        catalog: entities.
        here: addresses of a cluster's in a text, as the tests have them.
    """
    folder.mkdir(parents=True)
    for number, text in enumerate(shards(catalog)):
        (folder / f"{number}.yaml").write_text(here(text))
    where = Database(host="127.0.0.1", port=database.port, name="portal", user="portal")
    found = json.loads(here(json.dumps(app_config(made, access, where))).replace(f"{CATALOG}/*", f"{folder}/*"))
    found["techdocs"]["publisher"]["local"]["publishDirectory"] = str(folder.with_name(f"{folder.name}-docs"))
    del found["kubernetes"], found["backend"]["cors"]
    return found


def refs(found: list[dict[str, Any]]) -> set[str]:
    """The references of entities."""
    return {
        f"{one['kind']}:{one['metadata'].get('namespace', 'default')}/{one['metadata']['name']}".lower()
        for one in found
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
