"""The tests' GitHub against GitHub's own description of its API."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import github
import pytest

from tests.support.github.contract import VARIABLE, contract, description
from tests.support.lab import requires_git
from tests.unit.github_server.clients import (
    CHECKS,
    PULL_REQUEST,
    ask,
    ruleset,
)

if TYPE_CHECKING:
    from github.Organization import Organization

    from tests.support.github import GitHubServer

pytestmark = requires_git


@pytest.fixture
def openapi() -> Path:
    path = description()
    if path is None:
        pytest.skip(
            f"GitHub's OpenAPI description is not installed: see tests/support/github/README.md, or set {VARIABLE}"
        )
    return path


def scenario(server: GitHubServer, organization: Organization) -> None:
    """A bit of everything, well and badly asked."""
    rental = organization.create_repo("rental", auto_init=True, private=True, description="Cars")
    organization.create_repo("empty", private=False)
    rental.replace_topics(["idp", "team-mobility"])
    base = rental.get_git_commit(rental.get_git_ref("heads/main").object.sha)
    blob = rental.create_git_blob("x", "utf-8")
    elements = [github.InputGitTreeElement("src/a.py", "100644", "blob", sha=blob.sha)]
    tree = rental.create_git_tree(elements, base.tree)
    commit = rental.create_git_commit("Scaffold", tree, [base])
    rental.create_git_ref("refs/heads/feature", commit.sha)
    rental.get_git_blob(blob.sha)
    rental.get_git_tree(tree.sha, recursive=True)
    made = rental.create_file("b.md", "Add b", "b", branch="feature")
    rental.update_file("b.md", "Change b", "c", made["content"].sha, branch="feature")
    rental.get_contents("src", ref="feature")
    rental.get_contents("b.md", ref="feature")
    rules = ask(server, "POST", "/repos/acme/rental/rulesets", ruleset(PULL_REQUEST, CHECKS)).body
    pull = rental.create_pull(base="main", head="feature", title="Feature", body="Text")
    ask(server, "PUT", f"/repos/acme/rental/pulls/{pull.number}/merge")
    tip = rental.get_branch("feature").commit
    tip.create_status("success", context="test", description="fine", target_url="https://ci.example.com/1")
    tip.get_combined_status()
    list(tip.get_statuses())
    pull.create_review(event="COMMENT", body="Hm")
    pull.merge()
    pull.update()
    for path in (
        "/user", "/users/ada", "/orgs/acme", "/orgs/acme/repos?per_page=1&type=all", "/orgs/acme/teams", "/rate_limit",
        "/repos/acme/rental", "/repos/acme/empty", "/repos/acme/rental/branches",
        "/repos/acme/rental/commits?sha=main",
        "/repos/acme/rental/commits/main", "/repos/acme/rental/pulls?state=all", "/repos/acme/rental/pulls/1/merge",
        "/repos/acme/rental/pulls/1/reviews", "/repos/acme/rental/rulesets",
        f"/repos/acme/rental/rulesets/{rules['id']}",
        "/repos/acme/rental/rules/branches/main", "/repos/acme/rental/git/matching-refs/heads", "/repos/acme/none",
        "/repos/acme/empty/commits", "/repos/acme/empty/git/ref/heads/main", "/repos/acme/rental/branches/none",
        "/repos/acme/rental/contents", "/repos/acme/rental/commits/none",
    ):  # fmt: skip
        ask(server, "GET", path)
    actor = {"actor_id": None, "actor_type": "OrganizationAdmin", "bypass_mode": "always"}
    changes = ruleset(name="other", bypass_actors=[actor])
    ask(server, "PUT", f"/repos/acme/rental/rulesets/{rules['id']}", changes)
    ask(server, "POST", "/repos/acme/rental/rulesets", {"name": "x", "enforcement": "no"})
    ask(server, "DELETE", f"/repos/acme/rental/rulesets/{rules['id']}")
    team = organization.get_team_by_slug("mobility")
    list(team.get_members())
    ask(server, "PUT", f"/organizations/{organization.id}/team/{team.id}/repos/acme/rental", {"permission": "push"})
    team.get_repo_permission(rental)
    list(rental.get_teams())
    team.remove_from_repos(rental)
    rental.get_git_ref("heads/feature").delete()
    rental.edit(archived=True)
    ask(server, "PUT", "/repos/acme/rental/topics", {"names": []})
    rental.delete()


def test_every_exchange_of_a_scenario_fits_githubs_description(
    server: GitHubServer, organization: Organization, openapi: Path
) -> None:
    """The server may be wrong in what it does, but not in how its answers look."""
    scenario(server, organization)

    assert len(server.requests) > 50
    assert contract(openapi).violations(server.requests) == []
    assert server.count(status=500) == 0


def test_an_exchange_that_does_not_fit_is_found(server: GitHubServer, openapi: Path) -> None:
    """A check that never fails checks nothing."""
    ask(server, "POST", "/orgs/acme/repos", {"name": "rental"})
    good = server.requests[-1]
    body = {**good.response_body, "created_at": "yesterday", "url": 1}
    del body["full_name"]
    wrong = [
        replace(good, response_text=json.dumps(body)),
        replace(good, request_text=json.dumps({"name": "rental", "private": "yes"})),
        replace(good, path="/orgs/acme/repositories"),
        replace(good, query={"wait": "1"}),
        replace(good, status=202),
    ]
    lines = contract(openapi).violations(wrong)

    assert contract(openapi).violations([good]) == []
    for part in (
        ".created_at: 'yesterday'", ".url: 1 is not of type 'string'", "'full_name' is a required property",
        "request.private: 'yes'", "/orgs/acme/repositories: GitHub's description has no such operation",
        "query `wait` is not documented", "-> 202: the operation has no such answer",
    ):  # fmt: skip
        assert any(part in line for line in lines), (part, lines)
