"""How services stand to the templates that they were made from: a newer template changes no repository by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import github

from components.dynamic import scaffold
from idp import templates

if TYPE_CHECKING:
    from collections.abc import Iterator

    from idp.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One service."""

    service: str
    template: str
    made_from: str | None
    """The template's version at the repository's birth; nothing where its marker is gone, or there is no repository yet."""
    now: str

    @property
    def behind(self) -> bool:
        """Whether its template has moved on."""
        return self.made_from != self.now


def standings(settings: Settings, forge: github.Github) -> Iterator[Standing]:
    """Every running service that was made from a template; two requests for each.

    Raises:
        GithubException: GitHub refuses, other than by not having the repository.
    """
    for service in settings.catalog.services:
        if service.template is None or service.retired:
            continue
        try:
            marker = scaffold.marker(forge.get_repo(f"{settings.config.organization}/{service.name}")) or {}
        except github.UnknownObjectException:
            marker = {}
        yield Standing(
            service=service.name,
            template=service.template,
            made_from=marker.get("template", {}).get("version"),
            now=templates.load(service.template).info.version,
        )
