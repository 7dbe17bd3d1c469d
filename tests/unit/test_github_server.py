"""The GitHub for tests behaves as GitHub does, seen through real clients: `git`, PyGithub and plain HTTP."""

from __future__ import annotations

import base64
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import github
import pytest

from tests.support.github import GitHubServer, Token
from tests.support.github.contract import VARIABLE, contract, description
from tests.support.lab import requires_git

if TYPE_CHECKING:
    from collections.abc import Iterator

    from github.Organization import Organization
    from github.Repository import Repository

pytestmark = requires_git

ROOT = Path(__file__).parents[2]
EVERYTHING = {"administration", "contents", "workflows", "metadata", "members", "pull_requests", "statuses"}
TEAMS = {"mobility": ["ada", "grace"], "platform": ["linus"]}
GIT = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}
PERSON = {f"GIT_{who}_NAME": "Ada" for who in ("AUTHOR", "COMMITTER")}
PERSON |= {f"GIT_{who}_EMAIL": "ada@example.com" for who in ("AUTHOR", "COMMITTER")}

PULL_REQUEST = {
    "type": "pull_request",
    "parameters": {
        "dismiss_stale_reviews_on_push": False,
        "require_code_owner_review": False,
        "require_last_push_approval": False,
        "required_approving_review_count": 0,
        "required_review_thread_resolution": False,
    },
}
CHECKS = {
    "type": "required_status_checks",
    "parameters": {"required_status_checks": [{"context": "test"}], "strict_required_status_checks_policy": False},
}


@dataclass(frozen=True)
class Answer:
    """What plain HTTP got."""

    status: int
    headers: dict[str, str]
    body: Any


def ask(server: GitHubServer, method: str, path: str, body: object = None, **headers: str) -> Answer:
    """One request to the API, on a connection of its own; a body of bytes goes as it is."""
    return request(server, method, f"/api/v3{path}", body, **headers)


def request(server: GitHubServer, method: str, path: str, body: object = None, **headers: str) -> Answer:
    """One request to any path."""
    connection = http.client.HTTPConnection(*server.url.removeprefix("http://").split(":"), timeout=20)
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    named = {"User-Agent": "tests", "Authorization": f"Bearer {server.token}", **headers}
    named = {name.replace("_", "-"): value for name, value in named.items() if value}
    try:
        connection.request(method, path, data, named)
        answer = connection.getresponse()
        text = answer.read()
    finally:
        connection.close()
    kind = answer.headers.get("Content-Type", "")
    return Answer(answer.status, dict(answer.headers), json.loads(text) if "json" in kind else text)


def bearer(token: str) -> str:
    return f"Bearer {token}"


def git(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **GIT, **PERSON, **variables}
    command = ["git", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def clone(server: GitHubServer, name: str, folder: Path, token: str | None = None) -> Path:
    """A working copy, with a committer set."""
    done = git(folder.parent, "clone", "--quiet", server.git_url(name, token or server.token), str(folder))
    assert done.returncode == 0, done.stderr
    return folder


def commit_file(folder: Path, path: str, text: str = "text\n") -> None:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text(text)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", f"Add {path}")


def ruleset(*rules: dict[str, Any], name: str = "main", **changes: object) -> dict[str, Any]:
    """A ruleset for the default branch."""
    conditions = {"ref_name": {"include": ["~DEFAULT_BRANCH"], "exclude": []}}
    whole = {"name": name, "target": "branch", "enforcement": "active", "conditions": conditions, "rules": list(rules)}
    return {**whole, **changes}


def head(server: GitHubServer, name: str = "rental", branch: str = "main") -> str:
    return str(ask(server, "GET", f"/repos/acme/{name}/git/ref/heads/{branch}").body["object"]["sha"])


def next_commit(server: GitHubServer, parents: list[str], name: str = "rental", path: str = "new.txt") -> str:
    """A commit that no ref has yet."""
    parent = ask(server, "GET", f"/repos/acme/{name}/git/commits/{head(server, name)}").body
    entry = {"path": path, "mode": "100644", "type": "blob", "content": f"{parents}\n"}
    tree = ask(server, "POST", f"/repos/acme/{name}/git/trees", {"base_tree": parent["tree"]["sha"], "tree": [entry]})
    body = {"message": "More", "tree": tree.body["sha"], "parents": parents}
    return str(ask(server, "POST", f"/repos/acme/{name}/git/commits", body).body["sha"])


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitHubServer]:
    with GitHubServer(tmp_path / "data", teams=TEAMS) as running:
        yield running


def client(server: GitHubServer, token: str | None = None, **options: Any) -> github.Github:
    options = {"seconds_between_requests": 0, "seconds_between_writes": 0, "timeout": 20, **options}
    return github.Github(base_url=server.api_url, auth=github.Auth.Token(token or server.token), **options)


@pytest.fixture
def organization(server: GitHubServer) -> Organization:
    return client(server).get_organization("acme")


@pytest.fixture
def rental(organization: Organization) -> Repository:
    return organization.create_repo("rental", auto_init=True, private=True)


# Repositories


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


# Git Data API


def test_an_empty_repository_refuses_the_git_data_api(server: GitHubServer, organization: Organization) -> None:
    """Scaffolding into a repository without a commit has to fail as it does on GitHub: 409."""
    organization.create_repo("empty")
    entry = {"path": "a", "mode": "100644", "type": "blob", "content": "x"}
    answers = [
        ask(server, "POST", "/repos/acme/empty/git/trees", {"tree": [entry]}),
        ask(server, "POST", "/repos/acme/empty/git/blobs", {"content": "x"}),
        ask(server, "GET", "/repos/acme/empty/git/ref/heads/main"),
    ]

    assert [(a.status, a.body["message"]) for a in answers] == [(409, "Git Repository is empty.")] * 3
    assert ask(server, "GET", "/repos/acme/empty/branches").body == []


def test_tree_commit_and_ref_make_one_commit_that_git_agrees_with(
    server: GitHubServer, rental: Repository, tmp_path: Path
) -> None:
    """The ids are git's own: a clone has the same commit, and `git fsck` finds nothing wrong."""
    ref = rental.get_git_ref("heads/main")
    base = rental.get_git_commit(ref.object.sha)
    blob = rental.create_git_blob(base64.b64encode(b"\0\1").decode(), "base64")
    tree = rental.create_git_tree(
        [
            github.InputGitTreeElement("src/main.py", "100644", "blob", content="print()\n"),
            github.InputGitTreeElement("src.txt", "100644", "blob", content="sorted beside its folder\n"),
            github.InputGitTreeElement("run.sh", "100755", "blob", content="#!/bin/sh\n"),
            github.InputGitTreeElement("picture.bin", "100644", "blob", sha=blob.sha),
            github.InputGitTreeElement("README.md", "100644", "blob", sha=None),
        ],
        base.tree,
    )
    commit = rental.create_git_commit("Scaffold\n\nAll of it", tree, [base])
    ref.edit(commit.sha)
    folder = clone(server, "rental", tmp_path / "clone")

    assert git(folder, "rev-parse", "HEAD", "HEAD^{tree}").stdout.split() == [commit.sha, tree.sha]
    assert git(folder, "fsck", "--strict", "--full").returncode == 0
    assert git(folder, "ls-files").stdout.split() == ["picture.bin", "run.sh", "src.txt", "src/main.py"]
    assert os.access(folder / "run.sh", os.X_OK)
    assert git(folder, "log", "-1", "--format=%an %s").stdout.strip() == "platform-bot Scaffold"


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        pytest.param({"path": "/a", "content": "x"}, "tree.path cannot start with a slash", id="leading slash"),
        pytest.param({"path": "a/../b", "content": "x"}, "tree.path contains a malformed path component", id="dots"),
        pytest.param(
            {"path": "a//b", "content": "x"}, "tree.path contains a malformed path component", id="empty part"
        ),
        pytest.param({"path": "", "content": "x"}, "tree.path contains a malformed path component", id="empty"),
        pytest.param({"path": "a/.git/b", "content": "x"}, "tree.path contains a malformed path component", id=".git"),
        pytest.param({"path": "a", "content": "x", "mode": "644"}, "Must supply a valid tree.mode", id="mode"),
        pytest.param({"path": "a", "sha": "1" * 40}, f"tree.sha {'1' * 40} is not a valid blob", id="no such blob"),
        pytest.param({"path": "a"}, "Must supply tree.sha or tree.content", id="nothing in it"),
        pytest.param({"path": "gone", "sha": None}, "GitRPC::BadObjectState", id="deletes what is not there"),
        pytest.param({"content": "x"}, 'Invalid request.\n\n"path" wasn\'t supplied.', id="no path"),
    ],
)
def test_a_tree_that_git_cannot_store_is_refused(
    server: GitHubServer, rental: Repository, entry: dict[str, Any], message: str
) -> None:
    """A template with a bad path must be found before a team has half a repository."""
    body = {"tree": [{"mode": "100644", "type": "blob", **entry}]}
    answer = ask(server, "POST", f"/repos/acme/{rental.name}/git/trees", body)

    assert (answer.status, answer.body["message"]) == (422, message)


def test_a_commit_needs_a_tree_and_parents_that_exist(server: GitHubServer, rental: Repository) -> None:
    """A client that mixes up ids hears which one is wrong."""
    tree = rental.get_git_commit(head(server)).tree.sha
    commits = "/repos/acme/rental/git/commits"

    assert ask(server, "POST", commits, {"message": "m", "tree": "1" * 40}).body["message"] == "Tree SHA does not exist"
    answer = ask(server, "POST", commits, {"message": "m", "tree": tree, "parents": [tree]})
    assert answer.body["message"] == "Parent SHA does not exist or is not a commit object"
    assert ask(server, "POST", commits, {"tree": tree}).status == 422


def test_a_ref_moves_only_forward_unless_forced(server: GitHubServer, rental: Repository) -> None:
    """Two writers at once: the one who built on the old commit must be told."""
    old = head(server)
    first, second = next_commit(server, [old]), next_commit(server, [old], path="other.txt")
    refs = f"/repos/acme/{rental.name}/git/refs"

    assert ask(server, "PATCH", f"{refs}/heads/main", {"sha": first}).status == 200
    refused = ask(server, "PATCH", f"{refs}/heads/main", {"sha": second})
    assert (refused.status, refused.body["message"]) == (422, "Update is not a fast forward")
    assert head(server) == first
    assert ask(server, "PATCH", f"{refs}/heads/main", {"sha": second, "force": True}).status == 200
    assert head(server) == second


def test_refs_are_created_listed_and_deleted(server: GitHubServer, rental: Repository) -> None:
    """Branches and tags, with GitHub's words for each refusal."""
    sha, refs = head(server), f"/repos/acme/{rental.name}/git/refs"

    def said(method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, str]:
        answer = ask(server, method, path, body)
        return answer.status, answer.body["message"]

    assert ask(server, "POST", refs, {"ref": "refs/heads/feature/a", "sha": sha}).status == 201
    assert said("POST", refs, {"ref": "refs/heads/feature/a", "sha": sha}) == (422, "Reference already exists")
    assert said("POST", refs, {"ref": "refs/heads/b", "sha": "1" * 40}) == (422, "Object does not exist")
    assert said("PATCH", f"{refs}/heads/b", {"sha": sha}) == (422, "Reference does not exist")
    assert ask(server, "POST", refs, {"ref": "main", "sha": sha}).status == 422
    assert ask(server, "POST", refs, {"ref": "refs/heads/a..b", "sha": sha}).status == 422
    listed = ask(server, "GET", "/repos/acme/rental/git/matching-refs/heads/fea").body
    assert [r["ref"] for r in listed] == ["refs/heads/feature/a"]
    assert ask(server, "GET", "/repos/acme/rental/git/matching-refs/heads/x").body == []
    assert ask(server, "DELETE", f"{refs}/heads/feature/a").status == 204
    assert said("DELETE", f"{refs}/heads/feature/a") == (422, "Reference does not exist")
    assert ask(server, "GET", "/repos/acme/rental/git/ref/heads/feature/a").status == 404


def test_contents_are_replaced_only_by_whoever_knows_their_id(rental: Repository, server: GitHubServer) -> None:
    """The id is GitHub's lock: without it 422, with a stale one 409, as measured on the real one."""
    made = rental.create_file("docs/a.md", "Add a", "one\n")
    path = "/repos/acme/rental/contents/docs/a.md"
    body = {"message": "m", "content": base64.b64encode(b"two\n").decode()}

    assert ask(server, "PUT", path, body).body["message"] == 'Invalid request.\n\n"sha" wasn\'t supplied.'
    assert ask(server, "PUT", path, {**body, "sha": "1" * 40}).body["message"] == f"docs/a.md does not match {'1' * 40}"
    assert ask(server, "PUT", path, {**body, "sha": "1" * 40}).status == 409
    assert ask(server, "PUT", path, {**body, "sha": made["content"].sha}).status == 200
    assert ask(server, "PUT", path, {**body, "branch": "none"}).status == 404
    assert rental.get_contents("docs/a.md").decoded_content == b"two\n"  # type: ignore[union-attr]
    assert [c.path for c in rental.get_contents("docs")] == ["docs/a.md"]  # type: ignore[union-attr]
    assert ask(server, "GET", "/repos/acme/rental/contents/none").status == 404


# git over HTTP


def test_a_private_repository_is_cloned_only_with_a_token(
    server: GitHubServer, organization: Organization, rental: Repository, tmp_path: Path
) -> None:
    """Argo CD's read-only token and nobody else's curiosity."""
    organization.create_repo("open", auto_init=True, private=False)

    assert git(tmp_path, "clone", server.git_url("open"), "open").returncode == 0
    assert git(tmp_path, "clone", server.git_url(rental.name), "no").returncode != 0
    assert "Invalid username or token" in git(tmp_path, "clone", server.git_url("rental", "wrong"), "no").stderr
    assert git(tmp_path, "clone", server.git_url(rental.name, server.token), "yes").returncode == 0
    assert "Repository not found" in git(tmp_path, "clone", server.git_url("none", server.token), "no").stderr


def test_pushes_arrive_and_the_first_one_names_the_default_branch(
    server: GitHubServer, organization: Organization, tmp_path: Path
) -> None:
    """A large push comes in chunks, without a length; both kinds have to be read right."""
    organization.create_repo("empty")
    folder = clone(server, "empty", tmp_path / "clone")
    git(folder, "checkout", "--quiet", "-b", "trunk")
    commit_file(folder, "big.bin", os.urandom(400_000).hex() * 4)
    pushed = git(folder, "-c", "http.postBuffer=65536", "push", "--quiet", "origin", "trunk")
    commit_file(folder, "small.txt")
    again = git(folder, "push", "--quiet", "origin", "trunk")

    assert (pushed.returncode, again.returncode) == (0, 0), pushed.stderr
    assert organization.get_repo("empty").default_branch == "trunk"
    assert (
        organization.get_repo("empty").get_branch("trunk").commit.sha == git(folder, "rev-parse", "HEAD").stdout.strip()
    )


def test_an_archived_repository_refuses_a_push(server: GitHubServer, rental: Repository, tmp_path: Path) -> None:
    """A retired service keeps its history as it was."""
    folder = clone(server, "rental", tmp_path / "clone")
    commit_file(folder, "a.txt")
    rental.edit(archived=True)
    pushed = git(folder, "push")

    assert pushed.returncode != 0
    assert "This repository was archived so it is read-only." in pushed.stderr


# Rulesets


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


# Tokens


def test_who_may_do_what(server: GitHubServer, rental: Repository) -> None:
    """Least privilege is worth nothing if the test server lets everybody through."""
    granted = {"reader": {"contents:read"}, "writer": {"contents"}, "manager": {"administration"}}
    for name, permissions in granted.items():
        secret = f"github_pat_{name}"
        server.service.tokens[secret] = Token(frozenset(permissions), name=name, kind="fine-grained")

    def status(token: str | None, method: str, path: str, body: object = None) -> int:
        value = bearer(f"github_pat_{token}") if token else ""
        return ask(server, method, path, body, Authorization=value).status

    blob = (f"/repos/acme/{rental.name}/git/blobs", {"content": "x"})
    assert status(None, "GET", "/repos/acme/rental") == 404
    assert status(None, "POST", "/orgs/acme/repos", {"name": "x"}) == 401
    assert status("wrong", "GET", "/orgs/acme") == 401
    assert status("reader", "GET", "/repos/acme/rental/git/ref/heads/main") == 200
    assert status("reader", "POST", *blob) == 403
    assert status("writer", "POST", *blob) == 201
    assert status("writer", "POST", "/orgs/acme/repos", {"name": "x"}) == 403
    assert status("manager", "POST", "/orgs/acme/repos", {"name": "x"}) == 201
    assert status("manager", "GET", "/repos/acme/rental/git/ref/heads/main") == 403
    assert status("manager", "GET", "/orgs/acme/teams") == 403
    assert status(None, "GET", "/orgs/acme/teams") == 401
    refused = ask(server, "POST", *blob, Authorization=bearer("github_pat_reader"))
    assert refused.body["message"] == "Resource not accessible by personal access token"
    assert refused.headers["X-Accepted-GitHub-Permissions"] == "contents=write"


@pytest.mark.parametrize(
    ("token", "status"),
    [pytest.param("ghp_classic", 404, id="classic"), pytest.param("github_pat_fine", 403, id="fine-grained")],
)
def test_workflows_need_a_permission_of_their_own(tmp_path: Path, token: str, status: int) -> None:
    """The commonest surprise of scaffolding: a classic token gets a plain 404, by API and by push alike it fails."""
    tokens = {"all": EVERYTHING, token: EVERYTHING - {"workflows"}}
    with GitHubServer(tmp_path / "data", tokens=tokens) as server:
        ask(server, "POST", "/orgs/acme/repos", {"name": "rental", "auto_init": True})
        path = ".github/workflows/ci.yaml"
        tree = {"tree": [{"path": path, "mode": "100644", "type": "blob", "content": "on: push\n"}]}
        contents = {"message": "m", "content": ""}
        by_id = next_commit(server, [head(server)], path=path)
        folder = clone(server, "rental", tmp_path / "clone", token)
        commit_file(folder, path)
        pushed = git(folder, "push")

        def asked(method: str, path: str, body: object) -> int:
            return ask(server, method, f"/repos/acme/rental/{path}", body, Authorization=bearer(token)).status

        assert asked("POST", "git/trees", tree) == status
        assert asked("PUT", f"contents/{path}", contents) == status
        assert asked("PATCH", "git/refs/heads/main", {"sha": by_id}) == status
        assert asked("PUT", "contents/other.yaml", contents) == 201
        assert pushed.returncode != 0
        assert f"refusing to allow a Personal Access Token to create or update workflow `{path}`" in pushed.stderr


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        pytest.param(b"{", 400, "Problems parsing JSON", id="no JSON"),
        pytest.param(b"[]", 400, "Body should be a JSON object", id="no object"),
        pytest.param({}, 422, 'Invalid request.\n\n"name" wasn\'t supplied.', id="missing"),
        pytest.param({"name": None}, 422, "Invalid request.\n\nFor 'properties/name', nil is not a string.", id="null"),
        pytest.param({"name": 1}, 422, "Invalid request.\n\nFor 'properties/name', 1 is not a string.", id="type"),
    ],
)
def test_a_malformed_body_is_refused(server: GitHubServer, body: object, status: int, message: str) -> None:
    """A client's mistake has to be seen as one."""
    answer = ask(server, "POST", "/orgs/acme/repos", body)

    assert (answer.status, answer.body["message"]) == (status, message)
    assert answer.body["documentation_url"]


# Limits, faults, log


def test_every_answer_tells_what_is_left_and_unchanged_ones_are_free(server: GitHubServer, rental: Repository) -> None:
    """Clients pace themselves by these headers, and a refresh with ETags costs nothing."""
    path = f"/repos/acme/{rental.name}"
    first = ask(server, "GET", path)
    second = ask(server, "GET", path, If_None_Match=first.headers["ETag"])
    limit = ask(server, "GET", "/rate_limit").body["resources"]["core"]

    assert first.headers["X-RateLimit-Limit"] == "5000"
    assert {"X-RateLimit-Reset", "X-RateLimit-Resource", "X-GitHub-Request-Id", "X-OAuth-Scopes"} <= set(first.headers)
    assert (second.status, second.body) == (304, b"")
    assert second.headers["X-RateLimit-Remaining"] == first.headers["X-RateLimit-Remaining"]
    assert str(limit["remaining"]) == first.headers["X-RateLimit-Remaining"]
    rental.edit(description="new")
    assert ask(server, "GET", path, If_None_Match=first.headers["ETag"]).status == 200


def test_the_hours_limit_ends_in_403_until_its_reset(tmp_path: Path) -> None:
    """A run of hundreds of services meets this; the next window starts from nothing."""
    with GitHubServer(tmp_path, rate_limit=2, rate_window=1.2) as server:
        answers = [ask(server, "GET", "/orgs/acme") for _ in range(3)]

        assert [a.status for a in answers] == [200, 200, 403]
        assert answers[2].body["message"].startswith("API rate limit exceeded")
        assert answers[2].headers["X-RateLimit-Remaining"] == "0"
        assert ask(server, "GET", "/rate_limit").status == 200
        time.sleep(1.3)
        assert ask(server, "GET", "/orgs/acme").status == 200


def test_writes_per_minute_end_in_a_secondary_limit(tmp_path: Path) -> None:
    """The limit that a fast client really meets, with the time to wait."""
    with GitHubServer(tmp_path, writes_per_minute=2) as server:
        answers = [ask(server, "POST", "/orgs/acme/repos", {"name": f"r{n}"}) for n in range(3)]

        assert [a.status for a in answers] == [201, 201, 403]
        assert int(answers[2].headers["Retry-After"]) > 0
        assert ask(server, "GET", "/orgs/acme").status == 200


def test_pygithub_waits_a_secondary_limit_out(server: GitHubServer, organization: Organization) -> None:
    """The refusal is worded and headed so that a client's own waiting recognises it."""
    server.fault("POST", "/orgs/acme/repos", "secondary", seconds=1)
    started = time.monotonic()
    organization.create_repo("rental")

    assert time.monotonic() - started >= 1
    assert [e.status for e in server.find("POST", "/orgs/acme/repos")] == [403, 201]


def test_pygithub_knows_an_exhausted_limit(server: GitHubServer) -> None:
    """The primary limit, as a client without retries sees it."""
    server.fault("GET", "/orgs/acme", "primary", seconds=60)

    with pytest.raises(github.RateLimitExceededException):
        client(server, retry=None).get_organization("acme")


def test_a_dropped_connection_may_leave_the_work_done(server: GitHubServer) -> None:
    """The two look alike to a client; only one of them made the repository."""
    server.fault("POST", "/orgs/acme/repos", "drop-before")
    server.fault("POST", "/orgs/acme/repos", "drop-after", after=1)

    for there in (404, 200):
        with pytest.raises(ConnectionError):
            ask(server, "POST", "/orgs/acme/repos", {"name": "rental"})
        assert ask(server, "GET", "/repos/acme/rental").status == there
    assert [e.status for e in server.find("POST")] == [None, 201]
    assert [e.fault for e in server.find("POST")] == ["drop-before", "drop-after"]


def test_faults_strike_when_and_as_often_as_asked(server: GitHubServer, rental: Repository) -> None:
    """A test says which request fails, and the next one is well again."""
    path = f"/repos/acme/{rental.name}"
    server.fault("GET", path, 502, after=1, times=2)
    answers = [ask(server, "GET", path) for _ in range(4)]
    server.fault("GET", path, "not-found")
    server.fault("GET", f"{path}/topics", "slow", seconds=0.3)
    server.fault("GET", f"{path}/topics", 500, after=1)
    missing, started = ask(server, "GET", path), time.monotonic()
    slow = ask(server, "GET", f"{path}/topics")

    assert [a.status for a in answers] == [200, 502, 502, 200]
    assert answers[1].body.startswith(b"<!DOCTYPE html>")
    assert missing.status == 404
    assert (slow.status, time.monotonic() - started > 0.3) == (200, True)
    assert ask(server, "GET", f"{path}/topics").body["message"] == "Server Error"
    with pytest.raises(ValueError, match="unknown kind"):
        server.fault("GET", path, "tired")


def test_git_meets_faults_too(server: GitHubServer, rental: Repository, tmp_path: Path) -> None:
    """Argo CD's fetches fail as well."""
    server.fault("GET", "/acme/rental.git/info/refs", 503, times=9)

    assert git(tmp_path, "clone", server.git_url(rental.name, server.token)).returncode != 0


def test_the_log_counts_requests_and_holds_no_token(server: GitHubServer, rental: Repository, tmp_path: Path) -> None:
    """Tests are shown to people when they fail; secrets are not."""
    clone(server, "rental", tmp_path / "clone")
    rental.edit(description=f"the token is {server.token}")

    assert server.count("POST") == 1 + server.count("POST", r"/acme/rental\.git/.*")
    assert server.count("GET", r"/acme/rental\.git/info/refs", 401) == 1
    assert server.find("POST", "/orgs/acme/repos")[0].request_body["name"] == "rental"
    assert server.find("POST", "/orgs/acme/repos")[0].token == "token-1"
    assert server.token not in repr(server.requests)
    server.forget_requests()
    assert server.count() == 0


# Life


def test_a_restart_goes_on_where_it_ended(server: GitHubServer, rental: Repository, tmp_path: Path) -> None:
    """Engine tests stop and start things; open connections notice, everything else stays."""
    made = ask(server, "POST", "/repos/acme/rental/rulesets", ruleset(PULL_REQUEST)).body
    rental.replace_topics(["a"])
    before, url = head(server), server.url
    server.stop()
    with pytest.raises(ConnectionError):
        ask(server, "GET", "/orgs/acme")

    with GitHubServer(tmp_path / "data", teams=TEAMS, port=int(url.rpartition(":")[2])) as again:
        assert again.url == url
        assert head(again) == before
        assert rental.get_topics() == ["a"]
        assert ask(again, "GET", f"/repos/acme/rental/rulesets/{made['id']}").body == made
        assert ask(again, "POST", "/orgs/acme/repos", {"name": "next"}).body["id"] > made["id"]


def test_a_killed_process_loses_nothing_that_it_answered(tmp_path: Path) -> None:
    """The server by itself, killed without a word right after an answer."""
    command = [sys.executable, "-m", "tests.support.github", "--data", str(tmp_path), "--team", "mobility=ada,grace"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        api = f"{process.stdout.readline().strip()}/api/v3"
        options = {"seconds_between_requests": 0, "seconds_between_writes": 0}
        hub = github.Github(base_url=api, auth=github.Auth.Token("test-token"), **options)  # type: ignore[arg-type]
        organization = hub.get_organization("acme")
        organization.create_repo("rental", auto_init=True)
        assert [t.slug for t in organization.get_teams()] == ["mobility"]
        process.send_signal(signal.SIGKILL)

    with GitHubServer(tmp_path) as server:
        assert server.files("rental") == {"README.md": "# rental"}


def test_of_many_at_once_one_makes_the_repository(server: GitHubServer) -> None:
    """The engine works in parallel; a name is given once, and no answer is lost."""
    with ThreadPoolExecutor(16) as pool:
        same = list(pool.map(lambda _: ask(server, "POST", "/orgs/acme/repos", {"name": "one"}).status, range(16)))
        names = [f"r{n}" for n in range(32)]
        others = list(pool.map(lambda n: ask(server, "POST", "/orgs/acme/repos", {"name": n}).status, names))

    assert sorted(same) == [201] + [422] * 15
    assert set(others) == {201}
    assert server.count("POST") == 48


# The description


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
