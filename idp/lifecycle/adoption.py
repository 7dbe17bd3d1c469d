"""Repositories that are there already: what an entry would say of them, and why one cannot be adopted. GitHub is only read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import github

from components.dynamic import scaffold
from idp import naming
from idp.lifecycle.state import Made

if TYPE_CHECKING:
    from collections.abc import Iterator

    from github.Repository import Repository

    from idp.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Adoption:
    """One repository, as its entry says it."""

    name: str
    entry: dict[str, Any]
    made: Made
    """GitHub's numbers, by which `recover` knows it."""


def examine(settings: Settings, name: str, team: str, forge: github.Github) -> Adoption | list[str]:
    """The entry for a repository, or everything that stands against it, with what to do instead."""
    full_name = f"{settings.config.organization}/{name}"
    if mistake := naming.SERVICE.mistake(name):
        return [f"{full_name}: {mistake}; rename it on GitHub first"]
    try:
        live = forge.get_repo(full_name)
    except github.UnknownObjectException:
        return [f"{full_name}: there is no such repository that githubToken may see"]
    if against := [f"{full_name}: {reason}" for reason in _against(settings, live)]:
        return against
    entry: dict[str, Any] = {"team": team, "adopted": True, "description": live.description}
    own = (naming.TOPIC, naming.team_topic(team))
    if topics := [topic for topic in live.get_topics() if topic not in own]:
        entry["topics"] = topics
    return Adoption(name=name, entry=entry, made=Made(id=live.id, rulesets=()))


def _against(settings: Settings, live: Repository) -> Iterator[str]:
    config = settings.config
    if live.archived:
        yield "it is archived; bring it back on GitHub first"
    if live.visibility != config.visibility:
        yield f"it is {live.visibility}, and this stack's repositories are {config.visibility}; change one of the two first"
    if not live.description:
        yield "it has no description, and every entry has one; write it on GitHub first"
    if marker := scaffold.marker(live):
        yield f"project {marker.get('project')} made it; `recover --take-over` takes such a one"
    for environment in config.environments:
        try:
            live.get_contents(f"{naming.overlay(environment)}/kustomization.yaml")
        except github.UnknownObjectException:
            overlay = f"{naming.overlay(environment)}/kustomization.yaml"
            yield f"it has no {overlay} on `{live.default_branch}`, from which {environment} runs"
