"""Pull requests, their reviews, and the status checks that a merge waits for."""

from __future__ import annotations

from . import shapes
from .answers import Answer, Json, Refusal, invalid, not_found, optional, required, unprocessable
from .commits import committed, links, web_flow
from .gitdata import REPO
from .objects import SHA, Commit
from .routing import Call, page, route
from .rules import enforce_merge
from .state import now

PULL = REPO + "/pulls/{number#}"
STATES = ("error", "failure", "pending", "success")
EVENTS = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"}
METHODS = {
    "merge": ("allow_merge_commit", "Merge commits are not allowed on this repository."),
    "squash": ("allow_squash_merge", "Squash merges are not allowed on this repository."),
    "rebase": ("allow_rebase_merge", "Rebase merges are not allowed on this repository."),
}
PULL_LINKS = {
    "issue": "/issues/{}", "comments": "/issues/{}/comments", "review_comments": "/pulls/{}/comments",
    "review_comment": "/pulls/comments{{/number}}", "commits": "/pulls/{}/commits",
}  # fmt: skip


def wrong(code: str, **more: str) -> Json:
    """One entry of a refusal's `errors`."""
    return {"resource": "PullRequest", "code": code, **more}


def pull(call: Call) -> Json:
    """The pull request in the path."""
    wanted = int(call.parameters["number"])
    for record in call.repository.pulls:
        if record["number"] == wanted:
            return record
    raise not_found()


def side(call: Call, branch: str, sha: str) -> Json:
    """Head or base: a branch of this repository."""
    login = call.state.login
    shown = {"label": f"{login}:{branch}", "ref": branch, "sha": sha}
    return {**shown, "user": shapes.owner(call), "repo": shapes.whole_repository(call, call.repository)}


def listed(call: Call, record: Json) -> Json:
    """A pull request in a list."""
    number, bare = record["number"], call.bare
    heads = {name: bare.ref(f"refs/heads/{record[name]}") or record[f"{name}_sha"] for name in ("head", "base")}
    if record["state"] == "closed":
        heads = {name: record[f"{name}_sha"] for name in heads}
    api, _ = links(call, "")
    url, page_ = f"{api}/pulls/{number}", f"{call.base}/{call.state.login}/{call.repository.name}/pull/{number}"
    where = {name: api + path.format(number) for name, path in PULL_LINKS.items()}
    where |= {"self": url, "html": page_, "statuses": f"{api}/statuses/{heads['head']}"}
    urls = {f"{name}_url": where[name] for name in (*PULL_LINKS, "html", "statuses")}
    kept = ("number", "state", "title", "body", "draft", "created_at", "updated_at", "closed_at", "merged_at")
    return {
        "id": record["id"], "node_id": shapes.node_id("PR", record["id"]), "url": url, **urls,
        "diff_url": f"{page_}.diff", "patch_url": f"{page_}.patch", **{key: record[key] for key in kept},
        "locked": False, "active_lock_reason": None, "user": shapes.user(call, record["login"]), "labels": [],
        "milestone": None, "merge_commit_sha": record["merge_sha"], "assignee": None, "assignees": [],
        "requested_reviewers": [], "requested_teams": [], "auto_merge": None, "author_association": "MEMBER",
        "head": side(call, record["head"], heads["head"]), "base": side(call, record["base"], heads["base"]),
        "_links": {name: {"href": link} for name, link in where.items()},
    }  # fmt: skip


def whole(call: Call, record: Json) -> Json:
    """A pull request by itself."""
    shown, bare = listed(call, record), call.bare
    head, base = shown["head"]["sha"], shown["base"]["sha"]
    mergeable = record["state"] == "open" and bare.merged_tree(base, head) is not None
    files = bare.numstat(base, head)
    return {
        **shown, "merged": record["merged_at"] is not None, "mergeable": mergeable, "rebaseable": mergeable,
        "mergeable_state": "clean" if mergeable else "unknown", "comments": 0, "review_comments": 0,
        "merged_by": shapes.user(call, record["merged_by"]) if record["merged_by"] else None,
        "maintainer_can_modify": False, "commits": len(bare.history(head, f"^{base}")),
        "additions": sum(f[2] for f in files), "deletions": sum(f[3] for f in files), "changed_files": len(files),
    }  # fmt: skip


@route("GET", REPO + "/pulls", needs="pull_requests")
def list_pulls(call: Call) -> Answer:
    """Pull requests, newest first: the open ones unless asked otherwise."""
    state, base = call.query.get("state", "open"), call.query.get("base")
    head = call.query.get("head", "").partition(":")[2]
    found = [r for r in reversed(call.repository.pulls) if state in {"all", r["state"]}]
    found = [r for r in found if base in {None, r["base"]} and head in {"", r["head"]}]
    records, headers = page(call, found)
    return Answer(body=[listed(call, record) for record in records], headers=headers)


@route("POST", REPO + "/pulls", needs="pull_requests")
def create_pull(call: Call) -> Answer:
    """Ask for one branch to be merged into another."""
    head = required(call.body, "head", str).removeprefix(f"{call.state.login}:")
    base, title = required(call.body, "base", str), optional(call.body, "title", str)
    if not title:
        raise invalid(wrong("missing_field", field="title"))
    shas = {name: call.bare.ref(f"refs/heads/{branch}") for name, branch in (("head", head), ("base", base))}
    for name, sha in shas.items():
        if sha is None:
            raise invalid(wrong("invalid", field=name))
    if any(r["state"] == "open" and (r["head"], r["base"]) == (head, base) for r in call.repository.pulls):
        raise invalid(wrong("custom", message=f"A pull request already exists for {call.state.login}:{head}."))
    if not call.bare.history(str(shas["head"]), f"^{shas['base']}"):
        raise invalid(wrong("custom", message=f"No commits between {base} and {head}"))
    record = {
        "id": call.state.next_id(), "number": len(call.repository.pulls) + 1, "state": "open", "title": title,
        "body": optional(call.body, "body", str), "draft": optional(call.body, "draft", bool, default=False),
        "head": head, "base": base, "head_sha": shas["head"], "base_sha": shas["base"], "login": call.actor.login,
        "created_at": now(), "updated_at": now(), "closed_at": None, "merged_at": None, "merged_by": None,
        "merge_sha": None, "reviews": [],
    }  # fmt: skip
    call.repository.pulls.append(record)
    call.save()
    body = whole(call, record)
    return Answer(status=201, body=body, headers={"Location": body["url"]})


@route("GET", PULL, needs="pull_requests")
def get_pull(call: Call) -> Answer:
    """One pull request."""
    return Answer(body=whole(call, pull(call)))


@route("PATCH", PULL, needs="pull_requests")
def update_pull(call: Call) -> Answer:
    """Change title or body, close or open again."""
    record = pull(call)
    state = optional(call.body, "state", str, record["state"])
    if state not in {"open", "closed"} or (record["merged_at"] and state == "open"):
        raise invalid(wrong("invalid", field="state"))
    for key in ("title", "body"):
        record[key] = optional(call.body, key, str, record[key])
    record |= {"state": state, "updated_at": now(), "closed_at": now() if state == "closed" else None}
    call.save()
    return Answer(body=whole(call, record))


@route("GET", PULL + "/merge", needs="pull_requests")
def is_merged(call: Call) -> Answer:
    """Whether a pull request was merged."""
    if pull(call)["merged_at"] is None:
        raise not_found()
    return Answer(status=204)


@route("PUT", PULL + "/merge", needs="contents")
def merge_pull(call: Call) -> Answer:
    """Merge, if repository and rules allow this way of merging."""
    record, bare = pull(call), call.bare
    method = optional(call.body, "merge_method", str, "merge")
    if method not in METHODS:
        raise invalid(wrong("invalid", field="merge_method"))
    setting, message = METHODS[method]
    if not call.repository.settings[setting]:
        raise Refusal(405, message)
    base, head = bare.ref(f"refs/heads/{record['base']}"), bare.ref(f"refs/heads/{record['head']}")
    if record["state"] != "open" or record["draft"] or not base or not head:
        raise Refusal(405, "Pull Request is not mergeable")
    if optional(call.body, "sha", str, head) != head:
        raise Refusal(409, "Head branch was modified. Review and try the merge again.")
    enforce_merge(call, record, method)
    sha = merged(call, record, method, (base, head))
    bare.move(f"refs/heads/{record['base']}", sha, base)
    record |= {"state": "closed", "closed_at": now(), "merged_at": now(), "merged_by": call.actor.login}
    record |= {"merge_sha": sha, "head_sha": head, "base_sha": base}
    if call.repository.settings["delete_branch_on_merge"]:
        bare.move(f"refs/heads/{record['head']}", None, head)
    call.pushed()
    return Answer(body={"sha": sha, "merged": True, "message": "Pull Request successfully merged"})


def merged(call: Call, record: Json, method: str, ends: tuple[str, str]) -> str:
    """The commit that base shall point at."""
    base, head = ends
    bare, number = call.bare, record["number"]
    if method == "rebase":
        return rebased(call, base, head)
    tree = bare.merged_tree(base, head)
    if tree is None:
        raise Refusal(405, "Pull Request is not mergeable")
    if method == "squash":
        title, text = f"{record['title']} (#{number})", record["body"] or ""
    else:
        title, text = f"Merge pull request #{number} from {call.state.login}/{record['head']}", record["title"]
    title = optional(call.body, "commit_title", str, title)
    text = optional(call.body, "commit_message", str, text)
    message = f"{title}\n\n{text}" if text else title
    return committed(call, tree, [base] if method == "squash" else [base, head], message)


def rebased(call: Call, base: str, head: str) -> str:
    """The head's own commits again, on top of base; only where that cannot conflict."""
    bare, tip = call.bare, base
    own = bare.history(head, "--reverse", f"^{base}")
    commits = [bare.objects.commit(sha) for sha in own]
    if not bare.contains(base, head) or any(c is None or len(c.parents) != 1 for c in commits):
        raise Refusal(405, "This branch can't be rebased")
    for commit in filter(None, commits):
        again = Commit(commit.tree, [tip], commit.author, web_flow(), commit.message)
        tip = bare.objects.write("commit", again.data())
    return tip


def review_shown(call: Call, record: Json, review: Json) -> Json:
    """One review."""
    url = listed(call, record)
    where = {"html": {"href": url["html_url"]}, "pull_request": {"href": url["url"]}}
    kept = {key: review[key] for key in ("id", "state", "body", "commit_id", "submitted_at")}
    shown = {**kept, "node_id": shapes.node_id("PRR", review["id"]), "user": shapes.user(call, review["login"])}
    return {**shown, "html_url": url["html_url"], "pull_request_url": url["url"], "_links": where,
            "author_association": "MEMBER"}  # fmt: skip


@route("GET", PULL + "/reviews", needs="pull_requests")
def list_reviews(call: Call) -> Answer:
    """Reviews in the order in which they were given."""
    record = pull(call)
    reviews, headers = page(call, record["reviews"])
    return Answer(body=[review_shown(call, record, review) for review in reviews], headers=headers)


@route("POST", PULL + "/reviews", needs="pull_requests")
def create_review(call: Call) -> Answer:
    """Approve, or ask for changes; nobody approves their own pull request."""
    record, login = pull(call), call.actor.login
    event = optional(call.body, "event", str, "COMMENT")
    if event not in EVENTS:
        raise invalid(wrong("invalid", field="event"))
    if event == "APPROVE" and login == record["login"]:
        raise Refusal(422, "Unprocessable Entity", ["Can not approve your own pull request"])
    review = {
        "id": call.state.next_id(), "login": login, "state": EVENTS[event], "submitted_at": now(),
        "body": optional(call.body, "body", str, ""), "commit_id": call.bare.ref(f"refs/heads/{record['head']}"),
    }  # fmt: skip
    record["reviews"].append(review)
    call.save()
    return Answer(body=review_shown(call, record, review))


def status_shown(call: Call, record: Json) -> Json:
    """One status of a commit."""
    kept = {key: record[key] for key in ("id", "state", "description", "target_url", "context")}
    url = f"{links(call, '')[0]}/statuses/{record['sha']}"
    avatar = shapes.user(call, record["login"])["avatar_url"]
    shown = {**kept, "url": url, "avatar_url": avatar, "node_id": shapes.node_id("SC", record["id"])}
    return {**shown, "created_at": record["created_at"], "updated_at": record["created_at"]}


@route("POST", REPO + "/statuses/{sha}", needs="statuses")
def create_status(call: Call) -> Answer:
    """Say how a check went on a commit; a later word of the same context counts instead."""
    sha, state = call.parameters["sha"], required(call.body, "state", str)
    if state not in STATES:
        raise invalid(
            {"resource": "Status", "code": "custom", "field": "state", "message": "state is not included in the list"}
        )
    if not SHA.fullmatch(sha) or call.bare.objects.kind(sha) != "commit":
        raise unprocessable(f"No commit found for SHA: {sha}")
    record = {
        "id": call.state.next_id(), "sha": sha, "state": state, "login": call.actor.login, "created_at": now(),
        "context": optional(call.body, "context", str, "default"),
        "description": optional(call.body, "description", str), "target_url": optional(call.body, "target_url", str),
    }  # fmt: skip
    call.repository.statuses.append(record)
    call.save(touched=False)
    body = {**status_shown(call, record), "creator": shapes.user(call, record["login"])}
    return Answer(status=201, body=body, headers={"Location": body["url"]})


@route("GET", REPO + "/commits/{ref*}/status", needs="statuses")
def combined_status(call: Call) -> Answer:
    """The latest word of each context, and what they come to."""
    sha = call.bare.resolve(call.parameters["ref"])
    if sha is None:
        raise not_found()
    latest = {s["context"]: s for s in call.repository.statuses if s["sha"] == sha}
    states = {s["state"] for s in latest.values()}
    whole_state = "failure" if states & {"failure", "error"} else "success" if states == {"success"} else "pending"
    statuses, headers = page(call, [status_shown(call, record) for record in latest.values()])
    api, _ = links(call, sha)
    shown = {"state": whole_state, "sha": sha, "statuses": statuses, "total_count": len(latest)}
    where = {"url": f"{api}/commits/{sha}/status", "commit_url": f"{api}/commits/{sha}"}
    return Answer(body={**shown, **where, "repository": shapes.repository(call, call.repository)}, headers=headers)


@route("GET", REPO + "/commits/{ref*}/statuses", needs="statuses")
@route("GET", REPO + "/statuses/{ref*}", needs="statuses")
def list_statuses(call: Call) -> Answer:
    """Every word on a commit, the latest first."""
    sha = call.bare.resolve(call.parameters["ref"])
    found = [s for s in reversed(call.repository.statuses) if s["sha"] == sha]
    records, headers = page(call, found)
    body = [{**status_shown(call, r), "creator": shapes.user(call, r["login"])} for r in records]
    return Answer(body=body, headers=headers)
