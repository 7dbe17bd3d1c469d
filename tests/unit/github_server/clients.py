"""Real clients of the tests' GitHub: plain HTTP, `git` and PyGithub."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import github

if TYPE_CHECKING:
    from tests.support.github import GitHubServer

ROOT = Path(__file__).parents[3]
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


def client(server: GitHubServer, token: str | None = None, **options: Any) -> github.Github:
    options = {"seconds_between_requests": 0, "seconds_between_writes": 0, "timeout": 20, **options}
    return github.Github(base_url=server.api_url, auth=github.Auth.Token(token or server.token), **options)
