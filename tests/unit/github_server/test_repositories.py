"""Repositories, their settings, topics and teams, as GitHub keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.lab import requires_git
from tests.unit.github_server.clients import (
    ask,
    client,
    request,
    ruleset,
)

if TYPE_CHECKING:
    from github.Organization import Organization
    from github.Repository import Repository

    from tests.support.github import GitHubServer

pytestmark = requires_git


def test_api_is_only_below_its_prefix(server: GitHubServer) -> None:
    """A client that forgets `/api/v3` must not pass here and fail on GitHub Enterprise."""
    assert ask(server, "GET", "/orgs/acme").status == 200
    assert request(server, "GET", "/orgs/acme").status == 404


def test_auto_init_makes_a_first_commit(rental: Repository, server: GitHubServer) -> None:
    """The Git Data API works on nothing else."""
    commits = list(rental.get_commits())

    assert rental.default_branch == "main"
    assert [c.commit.message for c in commits] == ["Initial commit"]
    assert server.files("rental") == {"README.md": "# rental"}


def test_a_taken_name_is_refused_word_for_word(server: GitHubServer, rental: Repository) -> None:
    """Clients find out by these words that a repository is there already; its case does not matter."""
    answer = ask(server, "POST", "/orgs/acme/repos", {"name": rental.name.upper()})

    assert answer.status == 422
    assert answer.body["message"] == "Repository creation failed."
    assert answer.body["errors"] == [
        {"resource": "Repository", "code": "custom", "field": "name", "message": "name already exists on this account"}
    ]


@pytest.mark.parametrize(
    ("name", "status", "made"),
    [
        pytest.param("Car Rental/2", 201, "Car-Rental-2", id="what cannot be becomes a dash"),
        pytest.param("a" * 101, 422, None, id="too long"),
        pytest.param("..", 422, None, id="reserved"),
        pytest.param("rental.git", 422, None, id="the suffix of a clone address"),
        pytest.param("", 422, None, id="nothing"),
    ],
)
def test_names_follow_the_rules(server: GitHubServer, name: str, status: int, made: str | None) -> None:
    """A name that GitHub changes silently surprises whoever asks for it next."""
    answer = ask(server, "POST", "/orgs/acme/repos", {"name": name})

    assert (answer.status, answer.body.get("name")) == (status, made)


def test_an_unknown_organization_is_not_found(server: GitHubServer) -> None:
    """A mistyped owner has to fail, not to make a second world."""
    assert ask(server, "POST", "/orgs/other/repos", {"name": "rental"}).status == 404


def test_an_archived_repository_is_read_only(server: GitHubServer, rental: Repository) -> None:
    """Retiring a service archives it: every later write must fail until it is taken back."""
    made = ask(server, "POST", "/repos/acme/rental/rulesets", ruleset({"type": "deletion"})).body["id"]
    rental.edit(archived=True)
    writes = [
        ("PUT", "/topics", {"names": ["a"]}), ("PATCH", "", {"description": "x"}), ("PATCH", "", {"archived": True}),
        ("POST", "/git/blobs", {"content": "x"}), ("DELETE", f"/rulesets/{made}", None),
        ("PUT", "/contents/a", {"message": "m", "content": ""}),
    ]  # fmt: skip
    answers = [ask(server, method, f"/repos/acme/rental{path}", body) for method, path, body in writes]

    assert {a.status for a in answers} == {403}
    assert {a.body["message"] for a in answers} == {"Repository was archived so is read-only."}
    assert ask(server, "GET", "/repos/acme/rental/topics").status == 200
    assert ask(server, "PATCH", "/repos/acme/rental", {"archived": False}).body["archived"] is False
    assert ask(server, "PUT", "/repos/acme/rental/topics", {"names": ["a"]}).status == 200


@pytest.mark.parametrize(
    ("names", "status"),
    [
        pytest.param(["go", "a" * 50, "a-1"], 200, id="fine"),
        pytest.param([], 200, id="none at all"),
        pytest.param(["Go"], 422, id="upper case"),
        pytest.param(["a" * 51], 422, id="too long"),
        pytest.param(["a_b"], 422, id="underscore"),
        pytest.param(["-a"], 422, id="starts with a dash"),
        pytest.param([f"t{n}" for n in range(21)], 422, id="more than twenty"),
        pytest.param([1], 422, id="no text"),
    ],
)
def test_topics_follow_the_rules(server: GitHubServer, rental: Repository, names: list[Any], status: int) -> None:
    """Argo CD finds services by their topics; one refused topic fails the whole call."""
    assert ask(server, "PUT", f"/repos/acme/{rental.name}/topics", {"names": names}).status == status


def test_a_renamed_repository_redirects(server: GitHubServer, rental: Repository) -> None:
    """Clones and states hold the old name for a while."""
    rental.edit(name="cars")
    answer = ask(server, "GET", "/repos/acme/rental/topics")

    assert answer.status == 301
    assert answer.headers["Location"] == f"{server.api_url}/repositories/{rental.id}/topics"
    assert client(server).get_repo("acme/rental").name == "cars"


def test_a_list_comes_in_pages(server: GitHubServer, organization: Organization) -> None:
    """A client that reads only the first page misses every service after the thirtieth."""
    for number in range(5):
        organization.create_repo(f"service-{number}")
    first = ask(server, "GET", "/orgs/acme/repos?per_page=2")
    last = ask(server, "GET", "/orgs/acme/repos?per_page=2&page=3")

    assert [len(first.body), len(last.body)] == [2, 1]
    assert 'page=2>; rel="next"' in first.headers["Link"]
    assert 'page=3>; rel="last"' in first.headers["Link"]
    assert "next" not in last.headers["Link"]
    assert len(list(client(server, per_page=2).get_organization("acme").get_repos())) == 5


def test_a_team_gets_and_loses_a_role_by_slug_and_by_number(server: GitHubServer, rental: Repository) -> None:
    """Terraform's provider names teams by number, people and PyGithub by slug."""
    team = client(server).get_organization("acme").get_team_by_slug("mobility")
    by_number = f"/organizations/{ask(server, 'GET', '/orgs/acme').body['id']}/team/{team.id}"

    assert sorted(m.login for m in team.get_members()) == ["ada", "grace"]
    assert ask(server, "GET", f"{by_number}/repos/acme/rental").status == 404
    assert ask(server, "PUT", f"{by_number}/repos/acme/rental", {"permission": "maintain"}).status == 204
    assert ask(server, "GET", "/orgs/acme/teams/mobility/repos/acme/rental").status == 204
    assert team.get_repo_permission(rental).maintain
    assert [t.slug for t in rental.get_teams()] == ["mobility"]
    assert ask(server, "PUT", f"{by_number}/repos/acme/rental", {"permission": "owner"}).status == 422
    team.remove_from_repos(rental)
    assert ask(server, "GET", f"{by_number}/repos/acme/rental").status == 404
