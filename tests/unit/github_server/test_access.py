"""Who may what, how often, and what goes wrong on demand."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import github
import pytest

from tests.support.github import GitHubServer, Token
from tests.support.lab import requires_git
from tests.unit.github_server.clients import (
    EVERYTHING,
    PULL_REQUEST,
    ROOT,
    TEAMS,
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
    from github.Organization import Organization
    from github.Repository import Repository

pytestmark = requires_git


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
