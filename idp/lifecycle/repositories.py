"""Which repositories and rulesets that are there already are this stack's own, and may be taken into its state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import github

from components.dynamic import scaffold
from idp.lifecycle.findings import Import, Refusal
from idp.lifecycle.state import REPOSITORY, RULESET, TEAM_ACCESS, Made, State

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from github.Repository import Repository

    from idp.plan import Node, Plan


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """What tells this stack's repositories from others'."""

    organization: str
    state: State
    made: Mapping[str, Made]
    """From the stack's own folder."""
    take_over: bool
    """Whether what names this project may be taken too."""


def missing(plan: Plan, state: State) -> list[Node]:
    """The repositories and rulesets that the program declares and the state lacks; the others cost no request."""
    return [node for node in plan.nodes if node.type in {REPOSITORY, RULESET} and node.urn not in state.resources]


def examine(plan: Plan, earlier: Earlier, forge: github.Github) -> Iterator[Import | Refusal]:
    """Ask GitHub for each of them."""
    accesses = {node.parent: node for node in plan.of(TEAM_ACCESS)}
    rules: dict[str | None, list[Node]] = {}
    for node in plan.of(RULESET):
        rules.setdefault(node.parent, []).append(node)
    wanted = {node.urn for node in missing(plan, earlier.state)}
    for repository in plan.of(REPOSITORY):
        rulesets = rules.get(repository.parent, [])
        lacks = {node.urn for node in (repository, *rulesets)} & wanted
        live = _live(forge, earlier.organization, str(repository.at("name"))) if lacks else None
        if live is None:
            continue
        ours = repository.urn not in lacks
        if not ours:
            verdict = _repository(repository, live, plan, earlier)
            yield verdict
            if isinstance(verdict, Refusal):
                continue
            access = accesses.get(repository.parent)
            if access and access.urn not in earlier.state.resources and _has_access(forge, access, live):
                yield Import(node=access, id=f"{access.at('teamId')}:{live.name}", reason="its team has access")
        lacking = [node for node in rulesets if node.urn in lacks]
        there = _rulesets(live) if lacking else []
        for ruleset in lacking:
            yield from _ruleset(ruleset, live, there, earlier, imported=not ours)


def _live(forge: github.Github, organization: str, name: str) -> Repository | None:
    try:
        live = forge.get_repo(f"{organization}/{name}")
    except github.UnknownObjectException:
        return None
    return live if live.full_name.lower() == f"{organization}/{name}".lower() else None  # else it was moved away


def _repository(node: Node, live: Repository, plan: Plan, earlier: Earlier) -> Import | Refusal:
    """Whether a repository that is there is ours."""
    name = live.name
    if name in earlier.made and earlier.made[name].id == live.id:
        return Import(node=node, id=name, reason="this stack made it before")
    if node.urn in earlier.state.open("creating") and _untouched(live):
        return Import(node=node, id=name, reason="a killed run made it")
    marker = scaffold.marker(live)
    if (marker.get("project"), marker.get("service")) != (plan.project, name):
        return Refusal(
            subject=live.full_name,
            message="it is there already, and this platform did not make it; give the service another name, or move that "
            "repository away",
        )
    if earlier.take_over:
        return Import(node=node, id=name, reason=f"it names project {plan.project}, and is taken over")
    return Refusal(
        subject=live.full_name,
        message=f"it is there already and names project {plan.project}, but this folder knows nothing of it: another "
        "folder or state may look after it; if none does, say --take-over",
        claimable=True,
    )


def _untouched(live: Repository) -> bool:
    """Whether it holds nothing but what GitHub puts into a new repository."""
    try:
        return scaffold.first_commit_of_github(live.get_commit(live.default_branch))
    except github.GithubException as error:
        if error.status == 409:  # noqa: PLR2004  "Git Repository is empty"
            return True
        raise


def _ruleset(
    node: Node, live: Repository, there: list[dict[str, Any]], earlier: Earlier, *, imported: bool
) -> Iterator[Import | Refusal]:
    """The ruleset of that name, where there is one: GitHub refuses a second."""
    name, known = str(node.at("name")), earlier.made.get(live.name)
    for ruleset in there:
        if ruleset["name"] != name or ruleset.get("source_type") != "Repository":
            continue
        made = known is not None and ruleset["id"] in known.rulesets
        if imported or made or node.urn in earlier.state.open("creating") or earlier.take_over:
            yield Import(node=node, id=f"{live.name}:{ruleset['id']}", reason="it is there already")
        else:
            yield Refusal(
                subject=f"{live.full_name}, ruleset {name}",
                message="it is there already, and this stack did not make it; rename or remove it, or say --take-over",
                claimable=True,
            )


def _rulesets(live: Repository) -> list[dict[str, Any]]:
    _, found = live.requester.requestJsonAndCheck("GET", f"{live.url}/rulesets", parameters={"per_page": 100})
    return found


def _has_access(forge: github.Github, access: Node, live: Repository) -> bool:
    team = f"/orgs/{live.owner.login}/teams/{access.at('teamId')}/repos/{live.full_name}"
    try:
        forge.requester.requestJsonAndCheck("GET", team)
    except github.UnknownObjectException:
        return False
    return True
