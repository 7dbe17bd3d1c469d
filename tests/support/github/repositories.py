"""Repositories themselves: creation, settings, archiving, topics, deletion."""

from __future__ import annotations

import re

from . import shapes
from .answers import Answer, Json, Refusal, check_type, invalid, optional, required
from .bare import Bare
from .commits import first_commit
from .organizations import ours
from .routing import Call, page, route
from .state import DEFAULTS, Repository, now

TOPIC = re.compile(r"[a-z0-9][a-z0-9-]{0,49}")
TOPIC_RULE = (
    "Topics must start with a lowercase letter or number, consist of 50 characters or less, and can include hyphens."
)
MOST_TOPICS = 20
LONGEST_NAME = 100

CHOICES = {
    "visibility": {"public", "private", "internal"},
    "squash_merge_commit_title": {"PR_TITLE", "COMMIT_OR_PR_TITLE"},
    "squash_merge_commit_message": {"PR_BODY", "COMMIT_MESSAGES", "BLANK"},
    "merge_commit_title": {"PR_TITLE", "MERGE_MESSAGE"},
    "merge_commit_message": {"PR_BODY", "PR_TITLE", "BLANK"},
}


def wrong(code: str, field: str, message: str | None = None) -> Json:
    """One entry of a refusal's `errors`."""
    return {"resource": "Repository", "code": code, "field": field, **({"message": message} if message else {})}


@route("GET", "/orgs/{org}/repos")
def list_repositories(call: Call) -> Answer:
    """The repositories that the caller may see, newest first unless asked otherwise."""
    ours(call)
    kind = call.query.get("type", "all")
    seen = [r for r in call.state.repositories.values() if call.token or not r.settings["private"]]
    if kind in {"public", "private"}:
        seen = [r for r in seen if r.settings["private"] == (kind == "private")]
    sort = call.query.get("sort", "created")
    seen.sort(key=lambda r: r.name.lower() if sort == "full_name" else r.id)
    if call.query.get("direction", "asc" if sort == "full_name" else "desc") == "desc":
        seen.reverse()
    records, headers = page(call, seen)
    return Answer(body=[shapes.repository(call, r) for r in records], headers=headers)


@route("POST", "/orgs/{org}/repos", needs="administration")
def create_repository(call: Call) -> Answer:
    """A new repository: empty, or with a first commit when `auto_init` asks for one."""
    ours(call)
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", required(call.body, "name", str))
    errors = name_errors(name)
    if call.state.find(call.state.login, name):
        errors.append(wrong("custom", "name", "name already exists on this account"))
    if errors:
        raise Refusal(422, "Repository creation failed.", errors)
    made = now()
    record = Repository(call.state.next_id(), name, "main", made, made, made)
    record.settings = {**record.settings, **settings(call), "archived": False}
    bare = Bare.create(call.state.bare(record).folder, record.default_branch)
    if optional(call.body, "auto_init", bool, default=False):
        first_commit(call, bare, record)
    for other in call.state.repositories.values():
        other.former_names = [old for old in other.former_names if old != name.lower()]
    call.state.save(record)
    call.found = record
    return Answer(
        status=201,
        body=shapes.whole_repository(call, record),
        headers={"Location": f"{call.api}/repos/{call.state.login}/{name}"},
    )


def name_errors(name: str) -> list[Json]:
    """What GitHub will not have as a name."""
    if not name:
        return [wrong("missing_field", "name"), wrong("custom", "name", "name is too short (minimum is 1 character)")]
    if len(name) > LONGEST_NAME:
        return [wrong("custom", "name", f"name is too long (maximum is {LONGEST_NAME} characters)")]
    if name in {".", ".."} or name.lower().endswith((".git", ".wiki")):
        return [wrong("custom", "name", "name is reserved")]
    return []


def settings(call: Call) -> Json:
    """The settings in a body, checked; `private` and `visibility` are two names of one thing."""
    given: Json = {}
    for key, default in DEFAULTS.items():
        if key in call.body and not (call.body[key] is None and default is None):
            check_type(key, call.body[key], str if default is None else type(default))
        if key in call.body:
            given[key] = call.body[key] or default if default is None else call.body[key]  # an empty text is none
    for key, allowed in CHOICES.items():
        if key in given and given[key] not in allowed:
            raise invalid(wrong("invalid", key))
    if "visibility" in given:
        given["private"] = given["visibility"] != "public"
    elif "private" in given:
        given["visibility"] = "private" if given["private"] else "public"
    if given.get("visibility") == "internal" and call.plan != "enterprise":
        message = "Only organizations associated with an enterprise can set visibility to internal"
        raise invalid(wrong("custom", "visibility", message))
    methods = {**(call.found.settings if call.found else DEFAULTS), **given}
    if not any(methods[f"allow_{kind}"] for kind in ("merge_commit", "squash_merge", "rebase_merge")):
        message = "Sorry, you need to allow at least one merge strategy. (no_merge_method)"
        raise invalid(wrong("custom", "merge_commit_allowed", message))
    return given


@route("GET", "/repos/{owner}/{repo}")
def get_repository(call: Call) -> Answer:
    """One repository."""
    return Answer(body=shapes.whole_repository(call, call.repository))


@route("PATCH", "/repos/{owner}/{repo}", needs="administration", on_archived=True)
def update_repository(call: Call) -> Answer:
    """Change settings, the name or the default branch; an archived repository can only be taken back."""
    record = call.repository
    given = settings(call)
    if record.settings["archived"] and given.get("archived") is not False:
        raise Refusal(403, "Repository was archived so is read-only.")
    name = optional(call.body, "name", str, record.name)
    rename_checked(call, name)
    branch = optional(call.body, "default_branch", str, record.default_branch)
    if branch != record.default_branch:
        change_default_branch(call, branch)
    if "security_and_analysis" in call.body:
        given["security_and_analysis"] = optional(call.body, "security_and_analysis", dict)
    if name != record.name:
        record.former_names = sorted({*record.former_names, record.name.lower()} - {name.lower()})
        record.name = name
    record.settings = {**record.settings, **given}
    call.save()
    return Answer(body=shapes.whole_repository(call, record))


def rename_checked(call: Call, name: str) -> None:
    """Refuse a new name that is taken or impossible; unlike creation, a change converts nothing."""
    other = call.state.find(call.state.login, name)
    if other and other.id != call.repository.id:
        raise invalid(wrong("custom", "name", "name already exists on this account"))
    if name_errors(name):
        raise invalid(*name_errors(name))
    if not re.fullmatch(r"[A-Za-z0-9._-]+", name):
        raise Refusal(422, "Validation Failed", [])


def change_default_branch(call: Call, branch: str) -> None:
    """Only a branch that exists can be the default."""
    if call.bare.empty:
        message = "Cannot update default branch for an empty repository. Please init the repository and push first."
        raise invalid(wrong("invalid", "default_branch", message))
    if branch not in call.bare.branches():
        message = f"The branch {branch} was not found. Please push that ref first or create it via the Git Data API."
        raise invalid(wrong("invalid", "default_branch", message))
    call.repository.default_branch = branch
    call.bare.point_head(branch)


@route("DELETE", "/repos/{owner}/{repo}", needs="administration", on_archived=True)
def delete_repository(call: Call) -> Answer:
    """Gone with all its commits; archiving does not stop it."""
    call.state.forget(call.repository)
    return Answer(status=204)


@route("GET", "/repos/{owner}/{repo}/topics")
def get_topics(call: Call) -> Answer:
    """A repository's topics."""
    return Answer(body={"names": call.repository.topics})


@route("PUT", "/repos/{owner}/{repo}/topics", needs="administration")
def replace_topics(call: Call) -> Answer:
    """All topics at once."""
    names = required(call.body, "names", list)
    for name in names:
        check_type("names", name, str)
    unique = list(dict.fromkeys(names))
    if not all(TOPIC.fullmatch(name) for name in unique):
        raise invalid(TOPIC_RULE)
    if len(unique) > MOST_TOPICS:
        raise invalid(f"Repositories cannot have more than {MOST_TOPICS} topics.")
    call.repository.topics = unique
    call.save()
    return Answer(body={"names": unique})
