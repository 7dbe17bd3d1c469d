"""Commits made and shown: shared by the Git Data API, contents and pull requests."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

from . import shapes
from .answers import Json, check_type, invalid, optional
from .objects import Commit, Person
from .routing import forbidden

if TYPE_CHECKING:
    from .bare import Bare
    from .routing import Call
    from .state import Repository

WEB = "noreply@github.com"
UNSIGNED = {"verified": False, "reason": "unsigned", "signature": None, "payload": None, "verified_at": None}
WORKFLOWS = ".github/workflows/"


def address(call: Call, login: str) -> str:
    """The mail address that GitHub gives a user who hides theirs."""
    return f"{call.state.user_id(login)}+{login}@users.noreply.github.com"


def signer(call: Call, given: Json | None = None) -> Person:
    """An author: as the body gives one, else whoever signed the request."""
    login = call.actor.login
    given = given or {}
    for key in ("name", "email", "date"):
        if key in given:
            check_type(key, given[key], str)
    moment = datetime.now(UTC)
    if "date" in given:
        try:
            moment = datetime.fromisoformat(given["date"])
        except ValueError:
            raise invalid({"resource": "Commit", "field": "date", "code": "invalid"}) from None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    seconds, zone = int(moment.timestamp()), moment.strftime("%z")[:5]
    return Person(given.get("name", login), given.get("email", address(call, login)), seconds, zone)


def web_flow() -> Person:
    """The committer of what GitHub itself commits."""
    return Person("GitHub", WEB, int(datetime.now(UTC).timestamp()))


def first_commit(call: Call, bare: Bare, record: Repository) -> None:
    """What `auto_init` makes: a README with name and description."""
    description = record.settings["description"]
    text = f"# {record.name}" + (f"\n{description}" if description else "")
    blob = bare.objects.write("blob", text.encode())
    tree = bare.objects.changed(None, {"README.md": ("100644", blob)})
    commit = Commit(tree, [], signer(call), web_flow(), "Initial commit")
    bare.move(f"refs/heads/{record.default_branch}", bare.objects.write("commit", commit.data()), None)


def committed(call: Call, tree: str, parents: list[str], message: str) -> str:
    """Store a commit that GitHub makes for the caller, as for contents."""
    author = optional(call.body, "author", dict)
    committer = optional(call.body, "committer", dict)
    made = signer(call, author or committer)
    keeper = signer(call, committer) if committer else web_flow()
    return call.bare.objects.write("commit", Commit(tree, parents, made, keeper, message).data())


def check_workflows(call: Call, paths: list[str]) -> None:
    """Workflow files run with the repository's secrets, so that writing them needs a permission of its own."""
    if any(path.startswith(WORKFLOWS) for path in paths) and not call.actor.may("workflows", write=True):
        raise forbidden(call.actor, "workflows", write=True)


def new_workflow(bare: Bare, old: str | None, new: str | None) -> str | None:
    """A workflow file that a change of a ref brings and no branch has yet."""
    if new is None:
        return None
    known = [workflows(bare, sha) for sha in ({old} if old else set(bare.branches().values()))]
    brought = workflows(bare, new)
    fresh = [p for p, sha in sorted(brought.items()) if all(files.get(p) != sha for files in known)]
    gone = sorted(set(known[0]) - set(brought)) if old else []
    return next(iter(fresh + gone), None)


def workflows(bare: Bare, sha: str) -> dict[str, str]:
    """The workflow files of a commit."""
    commit = bare.objects.commit(sha)
    folder = bare.objects.at(commit.tree, WORKFLOWS) if commit else None
    return {e.path: e.sha for e in bare.objects.walk(folder.sha, WORKFLOWS)} if folder else {}


def when(person: Person) -> str:
    """A commit's time, in UTC."""
    zone = timezone(timedelta(minutes=0))
    return datetime.fromtimestamp(person.seconds, zone).strftime("%Y-%m-%dT%H:%M:%SZ")


def identity(person: Person) -> Json:
    """Name, address and time."""
    return {"name": person.name, "email": person.email, "date": when(person)}


def account(call: Call, person: Person) -> Json | None:
    """The user behind an address, where it is one of GitHub's own."""
    match = re.fullmatch(r"\d+\+(.+)@users\.noreply\.github\.com", person.email)
    if match and match[1] in call.state.people():
        return shapes.user(call, match[1])
    return None


def links(call: Call, sha: str) -> tuple[str, str]:
    """The API address of a repository and a commit's page."""
    full_name = f"{call.state.login}/{call.repository.name}"
    return f"{call.api}/repos/{full_name}", f"{call.base}/{full_name}/commit/{sha}"


def parents_shown(call: Call, commit: Commit, kind: str) -> list[Json]:
    """The parents, with addresses of the given kind (`git/commits` or `commits`)."""
    shown = []
    for sha in commit.parents:
        api, page = links(call, sha)
        shown.append({"sha": sha, "url": f"{api}/{kind}/{sha}", "html_url": page})
    return shown


def git_commit(call: Call, sha: str, commit: Commit) -> Json:
    """A commit as the Git Data API shows it."""
    api, page = links(call, sha)
    return {
        "sha": sha, "node_id": shapes.node_id("C", sha), "url": f"{api}/git/commits/{sha}", "html_url": page,
        "author": identity(commit.author), "committer": identity(commit.committer),
        "tree": {"sha": commit.tree, "url": f"{api}/git/trees/{commit.tree}"}, "message": commit.message.rstrip("\n"),
        "parents": parents_shown(call, commit, "git/commits"), "verification": UNSIGNED,
    }  # fmt: skip


def listed_commit(call: Call, sha: str) -> Json:
    """A commit in a list."""
    commit = call.bare.objects.commit(sha)
    if commit is None:
        raise LookupError(sha)
    api, page = links(call, sha)
    inner = git_commit(call, sha, commit)
    kept = {key: inner[key] for key in ("author", "committer", "message", "tree", "verification")}
    return {
        "sha": sha, "node_id": shapes.node_id("C", sha), "url": f"{api}/commits/{sha}", "html_url": page,
        "comments_url": f"{api}/commits/{sha}/comments",
        "commit": {**kept, "url": inner["url"], "comment_count": 0},
        "author": account(call, commit.author), "committer": account(call, commit.committer),
        "parents": parents_shown(call, commit, "commits"),
    }  # fmt: skip


STATUS = {"A": "added", "M": "modified", "D": "removed", "T": "changed"}


def whole_commit(call: Call, sha: str) -> Json:
    """A commit by itself, with the files it changes."""
    shown = listed_commit(call, sha)
    parents = [parent["sha"] for parent in shown["parents"]]
    commit_tree = call.bare.objects.files(shown["commit"]["tree"]["sha"])
    api, _ = links(call, sha)
    files = []
    for path, letter, additions, deletions in call.bare.numstat(parents[0] if parents else None, sha):
        page = f"{call.base}/{call.state.login}/{call.repository.name}"
        entry = commit_tree.get(path)
        files.append({
            "sha": entry.sha if entry else None, "filename": path, "status": STATUS.get(letter, "changed"),
            "additions": additions, "deletions": deletions, "changes": additions + deletions,
            "blob_url": f"{page}/blob/{sha}/{path}", "raw_url": f"{page}/raw/{sha}/{path}",
            "contents_url": f"{api}/contents/{path}?ref={sha}",
        })  # fmt: skip
    added, removed = sum(f["additions"] for f in files), sum(f["deletions"] for f in files)
    return {**shown, "stats": {"total": added + removed, "additions": added, "deletions": removed}, "files": files}
