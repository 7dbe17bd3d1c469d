"""Git by API and over HTTP: one and the same repository."""

from __future__ import annotations

import base64
import io
import os
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import github
import pytest
import requests

from tests.support.lab import requires_git
from tests.unit.github_server.clients import (
    ask,
    clone,
    commit_file,
    git,
    head,
    next_commit,
)

if TYPE_CHECKING:
    from github.Organization import Organization
    from github.Repository import Repository

    from tests.support.github import GitHubServer

pytestmark = requires_git


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


def test_a_commits_files_come_as_one_archive(server: GitHubServer, rental: Repository, tmp_path: Path) -> None:
    """By a redirect, as GitHub sends one, to an archive with one folder."""
    sha = rental.get_git_ref("heads/main").object.sha
    login = {"Authorization": f"Bearer {server.token}"}
    sent = requests.get(
        f"{server.api_url}/repos/acme/rental/tarball/main", headers=login, allow_redirects=False, timeout=10
    )
    got = requests.get(sent.headers["Location"], headers=login, timeout=10)
    with tarfile.open(fileobj=io.BytesIO(got.content)) as archive:
        # an attribute and no argument: Python 3.11.2, which is Debian 12's, knows neither the argument nor the filter
        archive.extraction_filter = getattr(tarfile, "data_filter", lambda member, _path: member)
        archive.extractall(tmp_path / "files")  # noqa: S202  filtered, above

    assert sent.status_code == 302
    (folder,) = (tmp_path / "files").iterdir()
    assert folder.name == f"acme-rental-{sha[:7]}"
    assert (folder / "README.md").exists()
    assert ask(server, "GET", "/repos/acme/rental/tarball/nothing").status == 404
