"""Rulesets are kept, and enforced wherever a branch can be moved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.github import GitHubServer, Token
from tests.support.lab import requires_git
from tests.unit.github_server.clients import (
    CHECKS,
    PULL_REQUEST,
    ask,
    bearer,
    client,
    clone,
    commit_file,
    git,
    head,
    next_commit,
    ruleset,
)

if TYPE_CHECKING:
    from github.Repository import Repository

pytestmark = requires_git


def test_a_push_against_a_ruleset_is_refused_in_githubs_words(
    server: GitHubServer, rental: Repository, tmp_path: Path
) -> None:
    """People search for GH013; a branch beside the protected one still takes pushes."""
    ask(server, "POST", "/repos/acme/rental/rulesets", ruleset(PULL_REQUEST))
    folder = clone(server, "rental", tmp_path / "clone")
    before = head(server)
    commit_file(folder, "a.txt")
    refused = git(folder, "push", "origin", "main")

    assert refused.returncode != 0
    assert "remote: error: GH013: Repository rule violations found for refs/heads/main." in refused.stderr
    assert "remote: - Changes must be made through a pull request." in refused.stderr
    assert "main -> main (push declined due to repository rule violations)" in refused.stderr
    assert head(server) == before
    assert git(folder, "push", "origin", "main:feature").returncode == 0
    assert rental.get_branch("main").protected
    assert not rental.get_branch("feature").protected


@pytest.mark.parametrize(
    ("rule", "options", "said"),
    [
        pytest.param("non_fast_forward", ["--force"], "- Cannot force-push to this branch", id="force"),
        pytest.param("deletion", ["--delete"], "- Cannot delete this branch", id="deletion"),
    ],
)
def test_history_is_kept_by_rules(
    server: GitHubServer, rental: Repository, tmp_path: Path, rule: str, options: list[str], said: str
) -> None:
    """What a platform protects first: nobody rewrites or removes a service's history."""
    conditions = {"ref_name": {"include": ["refs/heads/release/*"], "exclude": ["refs/heads/release/old"]}}
    ask(server, "POST", "/repos/acme/rental/rulesets", ruleset({"type": rule}, conditions=conditions))
    folder = clone(server, rental.name, tmp_path / "clone")
    git(folder, "push", "origin", "main:release/1", "main:release/old")
    git(folder, "commit", "--amend", "--message", "Rewritten")
    what = [] if "--delete" in options else ["main:"]

    refused = git(folder, "push", *options, "origin", f"{''.join(what)}release/1")
    assert refused.returncode != 0
    assert said in refused.stderr
    assert git(folder, "push", *options, "origin", f"{''.join(what)}release/old").returncode == 0


def test_the_api_holds_to_the_rules_too(server: GitHubServer, rental: Repository) -> None:
    """422 for refs and 409 for contents: an automation that commits by API meets the same wall."""
    sha = next_commit(server, [head(server)])
    refs = f"/repos/acme/{rental.name}/git/refs"
    ask(server, "POST", "/repos/acme/rental/rulesets", ruleset(PULL_REQUEST))
    conditions = {"ref_name": {"include": ["refs/heads/locked/**/*"], "exclude": []}}
    rules = ruleset({"type": "creation"}, name="locked", conditions=conditions)
    ask(server, "POST", "/repos/acme/rental/rulesets", rules)
    update = ask(server, "PATCH", f"{refs}/heads/main", {"sha": sha})
    contents = ask(server, "PUT", "/repos/acme/rental/contents/a", {"message": "m", "content": ""})
    creation = ask(server, "POST", refs, {"ref": "refs/heads/locked/a/b", "sha": sha})

    assert (update.status, contents.status, creation.status) == (422, 409, 422)
    assert (
        update.body["message"] == "Repository rule violations found\n\nChanges must be made through a pull request.\n\n"
    )
    assert "Cannot create ref due to creations being restricted." in creation.body["message"]


def test_a_merge_waits_for_checks_and_reviews(server: GitHubServer, rental: Repository) -> None:
    """The way that stays open: a pull request, approved and green, merged in an allowed manner."""
    server.service.tokens["review"] = Token(login="grace", name="review")
    sha = next_commit(server, [head(server)])
    rental.create_git_ref("refs/heads/feature", sha)
    parameters = {
        **PULL_REQUEST["parameters"],
        "required_approving_review_count": 1,
        "allowed_merge_methods": ["merge"],
    }
    rules = ruleset({"type": "pull_request", "parameters": parameters}, CHECKS)
    ask(server, "POST", "/repos/acme/rental/rulesets", rules)
    pull = rental.create_pull(base="main", head="feature", title="A feature")
    merge = f"/repos/acme/rental/pulls/{pull.number}/merge"

    first = ask(server, "PUT", merge)
    assert first.status == 405
    assert 'Required status check "test" is expected.' in first.body["message"]
    assert "At least 1 approving review is required" in first.body["message"]
    rental.get_commit(sha).create_status("success", context="test")
    client(server, "review").get_repo("acme/rental").get_pull(1).create_review(event="APPROVE")
    assert ask(server, "PUT", merge, {"merge_method": "squash"}).status == 405
    assert pull.merge().merged
    assert len(rental.get_commit(head(server)).parents) == 2
    assert rental.get_pull(1).merged


def test_a_bypass_actor_goes_round_the_rules(server: GitHubServer, rental: Repository) -> None:
    """The platform's own token commits to a protected branch; a team's token does not."""
    server.service.tokens["team"] = Token(frozenset({"contents"}), login="ada", name="team")
    actor = {"actor_id": 5, "actor_type": "RepositoryRole", "bypass_mode": "always"}
    made = ask(server, "POST", "/repos/acme/rental/rulesets", ruleset(PULL_REQUEST, bypass_actors=[actor])).body
    sha = next_commit(server, [head(server)])
    update = f"/repos/acme/{rental.name}/git/refs/heads/main"

    assert made["bypass_actors"] == [actor]
    assert made["current_user_can_bypass"] == "always"
    assert ask(server, "PATCH", update, {"sha": sha}, Authorization=bearer("team")).status == 422
    assert ask(server, "PATCH", update, {"sha": sha}).status == 200


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({"enforcement": "on"}, "Invalid property /enforcement", id="enforcement"),
        pytest.param({"enforcement": "evaluate"}, "Enforcement evaluate", id="a mode of a larger plan"),
        pytest.param({"name": ""}, "Name can't be blank", id="no name"),
        pytest.param({"rules": [{"type": "no_rewrites"}]}, "Invalid property /rules/0", id="unknown rule"),
        pytest.param({"rules": [{"type": "pull_request"}]}, "Invalid property /rules/0", id="missing parameters"),
        pytest.param(
            {"conditions": {"ref_name": {"include": ["main"]}}}, "Invalid target patterns: 'main'", id="short ref"
        ),
        pytest.param({"conditions": {"ref": {}}}, "Invalid property /conditions", id="unknown condition"),
        pytest.param({"bypass_actors": [{"actor_type": "User"}]}, "Invalid property /bypass_actors/0", id="actor"),
        pytest.param({"rules": [{"type": "deletion"}] * 2}, "duplicates", id="twice the same"),
        pytest.param({"name": "taken"}, "Name must be unique", id="taken name"),
    ],
)
def test_a_wrong_ruleset_is_refused(
    server: GitHubServer, rental: Repository, changes: dict[str, Any], said: str
) -> None:
    """A ruleset that GitHub would refuse must not protect anything here."""
    path = f"/repos/acme/{rental.name}/rulesets"
    ask(server, "POST", path, ruleset(name="taken"))
    answer = ask(server, "POST", path, {**ruleset({"type": "deletion"}), **changes})

    assert answer.status == 422
    assert said in json.dumps(answer.body)


def test_the_free_plan_has_no_rulesets_for_private_repositories(tmp_path: Path) -> None:
    """The first thing that a trial organization stumbles over."""
    with GitHubServer(tmp_path, plan="free") as server:
        for name, private in (("closed", True), ("open", False)):
            ask(server, "POST", "/orgs/acme/repos", {"name": name, "private": private, "auto_init": True})
        refused = ask(server, "POST", "/repos/acme/closed/rulesets", ruleset())

        assert refused.status == 403
        assert refused.body["message"].startswith("Upgrade to GitHub Pro or make this repository public")
        assert ask(server, "POST", "/repos/acme/open/rulesets", ruleset()).status == 201


def test_the_plugins_requests_are_understood(server: GitHubServer) -> None:
    """What the engine's GitHub plugin sends for a repository with topics and a ruleset, from creation to removal."""
    settings = {"name": "rental", "description": "", "visibility": "private", "auto_init": True, "has_wiki": False}
    made = ask(server, "POST", "/orgs/acme/repos", settings)
    ask(server, "PUT", "/repos/acme/rental/topics", {"names": ["idp", "team-mobility"]})
    changed = ask(
        server, "PATCH", "/repos/acme/rental", {"name": "rental", "visibility": "private", "has_issues": False}
    )
    rules = ruleset({"type": "deletion"}, PULL_REQUEST, bypass_actors=[])
    protection = ask(server, "POST", "/repos/acme/rental/rulesets", rules)
    one = f"/repos/acme/rental/rulesets/{protection.body['id']}"
    put = ask(server, "PUT", one, {**rules, "enforcement": "disabled"})

    assert (made.status, changed.status, protection.status, put.status) == (201, 200, 201, 200)
    assert {"full_name", "html_url", "node_id", "clone_url", "ssh_url", "git_url", "id"} <= set(made.body)
    assert (changed.body["topics"], changed.body["has_issues"]) == (["idp", "team-mobility"], False)
    read = ask(server, "GET", one).body
    assert (read["conditions"], read["enforcement"]) == (rules["conditions"], "disabled")
    assert [rule["type"] for rule in read["rules"]] == ["deletion", "pull_request"]
    assert ask(server, "GET", "/repos/acme/rental/rules/branches/main").body == []
    assert ask(server, "DELETE", one).status == 204
    assert ask(server, "GET", one).status == 404
    assert ask(server, "DELETE", "/repos/acme/rental").status == 204
    assert ask(server, "GET", "/repos/acme/rental").status == 404
