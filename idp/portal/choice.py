"""Which portal a stack gets: whose image, who gets in, where it keeps what it knows, and all that it is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from idp import choices, naming
from idp.model import ExternalDatabase
from idp.portal.app_config import Access, Database, app_config
from idp.portal.entities import entities, shards
from idp.portal.forms import forms

if TYPE_CHECKING:
    from idp.model import DatabaseSpec
    from idp.portal.entities import Stack


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One portal, decided."""

    image: str
    ours: bool
    """Whether it is portal/'s own, with forms and sign-in; a laptop has Backstage's until that one is built."""
    access: Access
    database: Database
    volume: str | None
    """Size of the database's volume; nothing where the database is somebody's."""
    app_config: dict[str, Any]
    catalog: tuple[str, ...]
    """Files, each small enough for a ConfigMap."""


def choose(stack: Stack, *, sign_in: bool, token: bool) -> Choice | None:
    """The portal of a stack, or none where there is no image of it.

    Args:
        stack: whose portal it is.
        sign_in: whether the stack has an OAuth app.
        token: whether it has a token of the portal's.
    """
    config = stack.catalog.config
    image = choices.portal(config)
    if image is None:
        return None
    ours, spec = config.portal.image is not None, config.portal.database
    access = Access(guest=config.local, sign_in=ours and sign_in, token=ours and token)
    database = where(spec)
    found = [*entities(stack), *(forms(stack) if access.token else ())]
    return Choice(
        image=image,
        ours=ours,
        access=access,
        database=database,
        volume=None if isinstance(spec, ExternalDatabase) else str(spec.size),
        app_config=app_config(stack, access, database),
        catalog=tuple(shards(found)),
    )


def where(spec: DatabaseSpec) -> Database:
    """How the portal reaches its database."""
    if isinstance(spec, ExternalDatabase):
        return Database(host=spec.host, port=spec.port, name=spec.name, user=spec.user, tls=spec.tls)
    return Database(host=naming.PORTAL_DATABASE)
