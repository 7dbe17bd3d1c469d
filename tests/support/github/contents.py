"""Files, branches and commits as people see them: the contents API and the history."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .answers import Answer, Json, Refusal, not_found, optional, required, unprocessable
from .bare import RefConflict
from .commits import check_workflows, committed, links, listed_commit, whole_commit
from .gitdata import REPO, decoded, wrapped
from .routing import Call, number, page, route
from .rules import Update, covers, enforce

if TYPE_CHECKING:
    from .objects import Entry

TYPES = {"tree": "dir", "blob": "file", "commit": "submodule"}


@route("GET", REPO + "/contents", needs="contents")
@route("GET", REPO + "/contents/", needs="contents")
@route("GET", REPO + "/contents/{path*}", needs="contents")
def get_contents(call: Call) -> Answer:
    """A file with its bytes, or a folder's entries."""
    path = call.parameters.get("path", "").strip("/")
    if call.bare.empty:
        raise Refusal(404, "This repository is empty.")
    ref = call.query.get("ref") or call.repository.default_branch
    commit = call.bare.resolve(ref)
    if commit is None:
        raise Refusal(404, f"No commit found for the ref {ref}")
    found = call.bare.objects.commit(commit)
    entry = call.bare.objects.at(found.tree, path) if found else None
    if entry is None:
        raise not_found()
    if entry.kind == "blob":
        data = (call.bare.objects.find(entry.sha) or ("", b""))[1]
        if call.accepts("raw"):
            return Answer(raw=data, content_type="application/vnd.github.raw; charset=utf-8")
        body = {**content(call, path, entry, ref), "content": wrapped(data), "encoding": "base64"}
        return Answer(body=body)
    below = call.bare.objects.tree(entry.sha)
    return Answer(body=[content(call, f"{path}/{e.path}".strip("/"), e, ref) for e in below])


def content(call: Call, path: str, entry: Entry, ref: str) -> Json:
    """A file or folder without its bytes."""
    api, _ = links(call, entry.sha)
    full_name = f"{call.state.login}/{call.repository.name}"
    found = call.bare.objects.find(entry.sha) if entry.kind == "blob" else None
    where = {
        "url": f"{api}/contents/{path}?ref={ref}",
        "git_url": f"{api}/git/{entry.kind}s/{entry.sha}",
        "html_url": f"{call.base}/{full_name}/{entry.kind}/{ref}/{path}",
    }
    return {
        "name": path.rpartition("/")[2], "path": path, "sha": entry.sha, "size": len(found[1]) if found else 0,
        "type": "symlink" if entry.mode == "120000" else TYPES[entry.kind], **where,
        "download_url": f"{call.base}/raw/{full_name}/{ref}/{path}" if found else None,
        "_links": {"self": where["url"], "git": where["git_url"], "html": where["html_url"]},
    }  # fmt: skip


def branch_head(call: Call) -> tuple[str, str | None]:
    """The branch that a change of contents is for, and its commit; only an empty repository may lack it."""
    branch = optional(call.body, "branch", str, call.repository.default_branch)
    head = call.bare.ref(f"refs/heads/{branch}")
    if head is None and not call.bare.empty:
        raise Refusal(404, f"Branch {branch} not found")
    return branch, head


def commit_change(call: Call, branch: str, head: str | None, change: dict[str, tuple[str, str] | None]) -> str:
    """One commit on a branch that changes one file."""
    check_workflows(call, list(change))
    objects = call.bare.objects
    parent = objects.commit(head) if head else None
    tree = objects.changed(parent.tree if parent else None, change)
    sha = committed(call, tree, [head] if head else [], required(call.body, "message", str))
    enforce(call, [Update(f"refs/heads/{branch}", head, sha)], status=409)
    try:
        call.bare.move(f"refs/heads/{branch}", sha, head)
    except RefConflict:
        raise Refusal(409, f"refs/heads/{branch} is at another commit but expected {head}") from None
    call.pushed()
    return sha


def commit_of_change(call: Call, sha: str) -> Json:
    """The commit that a change of contents gives back."""
    shown = listed_commit(call, sha)
    plain = {key: shown[key] for key in ("sha", "node_id", "html_url", "parents")}
    return {**plain, "url": f"{links(call, sha)[0]}/git/commits/{sha}", **shown["commit"]}


def present(call: Call, head: str | None, path: str) -> Entry | None:
    """The entry at a path, on a branch that may not exist yet."""
    found = call.bare.objects.commit(head) if head else None
    return call.bare.objects.at(found.tree, path) if found else None


@route("PUT", REPO + "/contents/{path*}", needs="contents")
def put_contents(call: Call) -> Answer:
    """Create a file, or replace the one whose id the body names."""
    path = call.parameters["path"]
    if any(part in {"", ".", ".."} or part.lower() == ".git" for part in path.split("/")):
        raise unprocessable("path contains a malformed path component")
    required(call.body, "message", str)
    data = decoded(required(call.body, "content", str), "base64")
    branch, head = branch_head(call)
    old = present(call, head, path)
    if old:
        if "sha" not in call.body:
            raise unprocessable('Invalid request.\n\n"sha" wasn\'t supplied.')
        if call.body["sha"] != old.sha:
            raise Refusal(409, f"{path} does not match {call.body['sha']}")
    mode = old.mode if old and old.kind == "blob" else "100644"
    sha = commit_change(call, branch, head, {path: (mode, call.bare.objects.write("blob", data))})
    entry = present(call, sha, path)
    shown = content(call, path, entry, branch) if entry else None
    body = {"content": shown, "commit": commit_of_change(call, sha)}
    return Answer(status=200 if old else 201, body=body)


@route("DELETE", REPO + "/contents/{path*}", needs="contents")
def delete_contents(call: Call) -> Answer:
    """Remove the file whose id the body names."""
    path, wanted = call.parameters["path"], required(call.body, "sha", str)
    required(call.body, "message", str)
    branch, head = branch_head(call)
    old = present(call, head, path)
    if old is None:
        raise not_found()
    if wanted != old.sha:
        raise Refusal(409, f"{path} does not match {wanted}")
    sha = commit_change(call, branch, head, {path: None})
    return Answer(body={"content": None, "commit": commit_of_change(call, sha)})


def protected(call: Call, branch: str) -> bool:
    """Whether an active ruleset covers a branch."""
    repository = call.repository
    active = [r for r in repository.rulesets if r["enforcement"] == "active" and r["rules"]]
    return any(covers(ruleset, f"refs/heads/{branch}", repository.default_branch) for ruleset in active)


@route("GET", REPO + "/tarball/{ref*}", needs="contents")
def get_tarball(call: Call) -> Answer:
    """Where the files of a branch, tag or commit are."""
    sha = call.bare.resolve(call.parameters["ref"])
    if sha is None:
        raise not_found()
    where = f"{call.base}/{call.state.login}/{call.repository.name}/archive/{sha}.tar.gz"
    return Answer(status=302, headers={"Location": where})


@route("GET", REPO + "/branches", needs="contents")
def list_branches(call: Call) -> Answer:
    """Every branch; none in an empty repository."""
    shown = []
    for name, sha in call.bare.branches().items():
        url = f"{links(call, sha)[0]}/commits/{sha}"
        shown.append({"name": name, "commit": {"sha": sha, "url": url}, "protected": protected(call, name)})
    if "protected" in call.query:
        shown = [b for b in shown if b["protected"] == (call.query["protected"] == "true")]
    items, headers = page(call, shown)
    return Answer(body=items, headers=headers)


@route("GET", REPO + "/branches/{branch*}", needs="contents")
def get_branch(call: Call) -> Answer:
    """One branch with its commit."""
    name = call.parameters["branch"]
    sha = call.bare.ref(f"refs/heads/{name}")
    if sha is None:
        raise Refusal(404, "Branch not found")
    api, _ = links(call, sha)
    checks = {"enforcement_level": "off", "contexts": [], "checks": []}
    where = {
        "self": f"{api}/branches/{name}",
        "html": f"{call.base}/{call.state.login}/{call.repository.name}/tree/{name}",
    }
    return Answer(body={
        "name": name, "commit": listed_commit(call, sha), "_links": where, "protected": protected(call, name),
        "protection": {"enabled": False, "required_status_checks": checks},
        "protection_url": f"{api}/branches/{name}/protection",
    })  # fmt: skip


@route("GET", REPO + "/commits", needs="contents")
def list_commits(call: Call) -> Answer:
    """The history of a branch, newest first, perhaps only of one path."""
    if call.bare.empty:
        raise Refusal(409, "Git Repository is empty.")
    start = call.query.get("sha") or call.repository.default_branch
    commit = call.bare.resolve(start)
    if commit is None:
        raise not_found()
    size = max(1, min(100, number(call.query.get("per_page"), 30)))
    enough = size * number(call.query.get("page"), 1) + 1
    history = call.bare.history(commit, f"--max-count={enough}", *paths(call))
    shas, headers = page(call, history)
    return Answer(body=[listed_commit(call, sha) for sha in shas], headers=headers)


def paths(call: Call) -> list[str]:
    """The filters of a history, as options of `git rev-list`."""
    options = {"since": "--since", "until": "--until", "author": "--author"}
    return [f"{option}={call.query[name]}" for name, option in options.items() if name in call.query]


@route("GET", REPO + "/commits/{ref*}", needs="contents")
def get_commit(call: Call) -> Answer:
    """A commit, by its id, branch or tag."""
    ref = call.parameters["ref"]
    if call.bare.empty:
        raise Refusal(409, "Git Repository is empty.")
    sha = call.bare.resolve(ref)
    if sha is None:
        status_of = "SHA" if re.fullmatch(r"[0-9a-f]{40}", ref) else "the ref"
        raise unprocessable(f"No commit found for {status_of}{':' if status_of == 'SHA' else ''} {ref}")
    if call.accepts("sha"):
        return Answer(raw=sha.encode(), content_type="application/vnd.github.sha; charset=utf-8")
    return Answer(body=whole_commit(call, sha))
