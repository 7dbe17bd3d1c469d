"""The Git Data API: blobs, trees, commits and refs of a real repository."""

from __future__ import annotations

import base64
import binascii
import re

from . import shapes
from .answers import (
    Answer,
    Json,
    Refusal,
    check_type,
    malformed,
    not_found,
    optional,
    required,
    unprocessable,
)  # fmt: skip
from .bare import Bare, RefConflict, valid_ref
from .commits import check_workflows, git_commit, links, new_workflow, signer
from .objects import SHA, Commit, Entry
from .routing import Call, forbidden, route
from .rules import Update, enforce

REPO = "/repos/{owner}/{repo}"
MODES = {"100644": "blob", "100755": "blob", "120000": "blob", "040000": "tree", "160000": "commit"}
BASE64_LINE = 60


def filled(call: Call) -> Bare:
    """The repository, which must have a commit: without one, nothing of this API works."""
    bare = call.bare
    if bare.empty:
        raise Refusal(409, "Git Repository is empty.")
    return bare


def sha_asked(call: Call, name: str) -> str:
    """An object id in the path."""
    sha = call.parameters[name]
    if not SHA.fullmatch(sha):
        raise unprocessable("The sha parameter must be exactly 40 characters and contain only [0-9a-f].")
    return sha


def wrapped(data: bytes) -> str:
    """Base64 in short lines, as GitHub sends it."""
    text = base64.b64encode(data).decode()
    return "".join(text[i : i + BASE64_LINE] + "\n" for i in range(0, len(text), BASE64_LINE))


def decoded(content: str, encoding: str) -> bytes:
    """The bytes of a content in a body."""
    if encoding != "base64":
        return content.encode()
    try:
        return base64.b64decode(re.sub(r"\s", "", content), validate=True)
    except (binascii.Error, ValueError):
        raise unprocessable("content is not valid Base64") from None


@route("POST", REPO + "/git/blobs", needs="contents")
def create_blob(call: Call) -> Answer:
    """Store a file's bytes."""
    bare = filled(call)
    encoding = optional(call.body, "encoding", str, "utf-8")
    if encoding not in {"utf-8", "base64"}:
        raise unprocessable("Encoding must be utf-8 or base64")
    sha = bare.objects.write("blob", decoded(required(call.body, "content", str), encoding))
    url = f"{links(call, sha)[0]}/git/blobs/{sha}"
    return Answer(status=201, body={"sha": sha, "url": url}, headers={"Location": url})


@route("GET", REPO + "/git/blobs/{sha}", needs="contents")
def get_blob(call: Call) -> Answer:
    """A file's bytes."""
    bare, sha = filled(call), sha_asked(call, "sha")
    found = bare.objects.find(sha)
    if not found or found[0] != "blob":
        raise not_found()
    if call.accepts("raw"):
        return Answer(raw=found[1], content_type="application/vnd.github.raw; charset=utf-8")
    shown = {"sha": sha, "node_id": shapes.node_id("B", sha), "size": len(found[1])}
    url = f"{links(call, sha)[0]}/git/blobs/{sha}"
    return Answer(body={**shown, "url": url, "content": wrapped(found[1]), "encoding": "base64"})


def listed(call: Call, bare: Bare, entry: Entry) -> Json:
    """One entry of a tree."""
    shown: Json = {"path": entry.path, "mode": entry.mode, "type": entry.kind, "sha": entry.sha}
    api, _ = links(call, entry.sha)
    if entry.kind == "blob":
        found = bare.objects.find(entry.sha)
        shown |= {"size": len(found[1]) if found else 0, "url": f"{api}/git/blobs/{entry.sha}"}
    if entry.kind == "tree":
        shown["url"] = f"{api}/git/trees/{entry.sha}"
    return shown


def tree_shown(call: Call, bare: Bare, sha: str, *, deep: bool) -> Json:
    """A tree with its entries."""
    entries = bare.objects.walk(sha) if deep else bare.objects.tree(sha)
    url = f"{links(call, sha)[0]}/git/trees/{sha}"
    return {"sha": sha, "url": url, "tree": [listed(call, bare, e) for e in entries], "truncated": False}


@route("GET", REPO + "/git/trees/{sha*}", needs="contents")
def get_tree(call: Call) -> Answer:
    """A tree, by its id or by anything that names a commit; any value of `recursive` goes deep."""
    bare, name = filled(call), call.parameters["sha"]
    tree = name if bare.objects.kind(name) == "tree" else None
    commit = None if tree else bare.resolve(name)
    if commit:
        found = bare.objects.commit(commit)
        tree = found.tree if found else None
    if tree is None:
        raise not_found()
    return Answer(body=tree_shown(call, bare, tree, deep="recursive" in call.query))


@route("POST", REPO + "/git/trees", needs="contents")
def create_tree(call: Call) -> Answer:
    """Store a tree: entries by id or by content, on top of `base_tree` or on nothing."""
    bare = filled(call)
    base = optional(call.body, "base_tree", str)
    if base is not None and bare.objects.kind(base) != "tree":
        raise unprocessable("base_tree is not a valid tree oid")
    given = required(call.body, "tree", list)
    if not given:
        raise unprocessable("Invalid tree info")
    changes = {entry["path"]: change(bare, entry) for entry in map(entry_checked, given)}
    check_workflows(call, list(changes))
    known = {entry.path for entry in bare.objects.walk(base)} if base else set()
    if any(change is None and path not in known for path, change in changes.items()):
        raise unprocessable("GitRPC::BadObjectState")
    body = tree_shown(call, bare, bare.objects.changed(base, changes), deep=False)
    return Answer(status=201, body=body, headers={"Location": body["url"]})


def entry_checked(entry: object) -> Json:
    """An entry whose path, mode and type are what git can store."""
    if not isinstance(entry, dict):
        raise malformed("For 'items', an entry is not an object.")
    path, mode = required(entry, "path", str), entry.get("mode")
    if path.startswith("/"):
        raise unprocessable("tree.path cannot start with a slash")
    if any(part in {"", ".", ".."} or part.lower() == ".git" for part in path.split("/")):
        raise unprocessable("tree.path contains a malformed path component")
    if mode not in MODES:
        raise unprocessable("Must supply a valid tree.mode")
    if entry.get("type", MODES[mode]) != MODES[mode]:
        raise unprocessable("Must supply a valid tree.type")
    if ("sha" in entry) == ("content" in entry):
        both = "sha" in entry
        raise unprocessable(
            "Cannot supply both tree.sha and tree.content" if both else "Must supply tree.sha or tree.content"
        )
    return entry


def change(bare: Bare, entry: Json) -> tuple[str, str] | None:
    """What an entry asks for: a mode and an id, or the path's removal."""
    if "content" in entry:
        check_type("content", entry["content"], str)
        return entry["mode"], bare.objects.write("blob", entry["content"].encode())
    sha, kind = entry["sha"], MODES[entry["mode"]]
    if sha is None:
        return None
    check_type("sha", sha, str)
    if kind != "commit" and bare.objects.kind(sha) != kind:
        raise unprocessable(f"tree.sha {sha} is not a valid {kind}")
    return entry["mode"], sha


@route("POST", REPO + "/git/commits", needs="contents")
def create_commit(call: Call) -> Answer:
    """Store a commit; no ref moves."""
    bare = filled(call)
    message, tree = required(call.body, "message", str), required(call.body, "tree", str)
    parents = optional(call.body, "parents", list, [])
    if bare.objects.kind(tree) != "tree":
        raise unprocessable("Tree SHA is not a tree object" if bare.objects.kind(tree) else "Tree SHA does not exist")
    if any(bare.objects.kind(str(parent)) != "commit" for parent in parents):
        raise unprocessable("Parent SHA does not exist or is not a commit object")
    author = signer(call, optional(call.body, "author", dict))
    committer = optional(call.body, "committer", dict)
    commit = Commit(tree, parents, author, signer(call, committer) if committer else author, message)
    sha = bare.objects.write("commit", commit.data())
    body = git_commit(call, sha, commit)
    return Answer(status=201, body=body, headers={"Location": body["url"]})


@route("GET", REPO + "/git/commits/{sha}", needs="contents")
def get_commit(call: Call) -> Answer:
    """A commit object."""
    bare, sha = filled(call), sha_asked(call, "sha")
    commit = bare.objects.commit(sha)
    if commit is None:
        raise not_found()
    return Answer(body=git_commit(call, sha, commit))


def ref_shown(call: Call, bare: Bare, name: str, sha: str) -> Json:
    """A ref and what it points at."""
    api, _ = links(call, sha)
    kind = bare.objects.kind(sha)
    target = {"sha": sha, "type": kind, "url": f"{api}/git/{kind}s/{sha}"}
    return {"ref": name, "node_id": shapes.node_id("REF", name), "url": f"{api}/git/{name}", "object": target}


@route("GET", REPO + "/git/ref/{ref*}", needs="contents")
@route("GET", REPO + "/git/refs/{ref*}", needs="contents")
def get_ref(call: Call) -> Answer:
    """Exactly this ref."""
    bare, name = filled(call), f"refs/{call.parameters['ref']}"
    sha = bare.ref(name)
    if sha is None:
        raise not_found()
    return Answer(body=ref_shown(call, bare, name, sha))


@route("GET", REPO + "/git/refs", needs="contents")
@route("GET", REPO + "/git/matching-refs/{ref*}", needs="contents")
def matching_refs(call: Call) -> Answer:
    """Every ref whose name starts so; none is an empty list, not a 404."""
    bare = filled(call)
    prefix = f"refs/{call.parameters.get('ref', '')}"
    return Answer(body=[ref_shown(call, bare, name, sha) for name, sha in bare.refs(prefix).items()])


def target(bare: Bare, body: Json) -> str:
    """The object that a ref shall point at: a branch or tag needs one that exists."""
    sha = required(body, "sha", str)
    if not SHA.fullmatch(sha):
        raise unprocessable("The sha parameter must be exactly 40 characters and contain only [0-9a-f].")
    if bare.objects.kind(sha) not in {"commit", "tag"}:
        raise unprocessable("Object does not exist")
    return sha


def moved(call: Call, update: Update) -> None:
    """Hold the rules against a change of a ref, then make it."""
    enforce(call, [update])
    if not call.actor.may("workflows", write=True) and new_workflow(call.bare, update.old, update.new):
        raise forbidden(call.actor, "workflows", write=True)
    try:
        call.bare.move(update.ref, update.new, update.old)
    except RefConflict:
        raise unprocessable("Reference update failed") from None
    call.pushed()


@route("POST", REPO + "/git/refs", needs="contents")
def create_ref(call: Call) -> Answer:
    """A new branch or tag."""
    bare, name = filled(call), required(call.body, "ref", str)
    if not re.match(r"refs/[^/]+/.", name):
        raise unprocessable("Reference name must start with 'refs/' and contain at least two slashes.")
    if not valid_ref(name):
        raise unprocessable("Reference name is not valid")
    sha = target(bare, call.body)
    if bare.ref(name):
        raise unprocessable("Reference already exists")
    moved(call, Update(name, None, sha))
    body = ref_shown(call, bare, name, sha)
    return Answer(status=201, body=body, headers={"Location": body["url"]})


@route("PATCH", REPO + "/git/refs/{ref*}", needs="contents")
def update_ref(call: Call) -> Answer:
    """Move a ref; backwards or sideways only by `force`."""
    bare, name = filled(call), f"refs/{call.parameters['ref']}"
    force = optional(call.body, "force", bool, default=False)
    old, sha = bare.ref(name), target(bare, call.body)
    if old is None:
        raise unprocessable("Reference does not exist")
    if not force and not bare.contains(old, sha):
        raise unprocessable("Update is not a fast forward")
    moved(call, Update(name, old, sha))
    return Answer(body=ref_shown(call, bare, name, sha))


@route("DELETE", REPO + "/git/refs/{ref*}", needs="contents")
def delete_ref(call: Call) -> Answer:
    """Remove a branch or tag; the default branch stays."""
    bare, name = filled(call), f"refs/{call.parameters['ref']}"
    old = bare.ref(name)
    if old is None:
        raise unprocessable("Reference does not exist")
    if name == f"refs/heads/{call.repository.default_branch}":
        raise unprocessable("Cannot delete the default branch")
    moved(call, Update(name, old, None))
    return Answer(status=204)
