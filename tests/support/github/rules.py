"""Rulesets at work: what they forbid of a change to a ref or of a merge."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .answers import Json, Refusal

if TYPE_CHECKING:
    from .bare import Bare
    from .routing import Call
    from .state import Repository, Token

PREFIX = {"branch": "refs/heads/", "tag": "refs/tags/"}
BYPASSING_ROLES = {5: "administration"}
"""`RepositoryRole` numbers that a token of this server can have: 5 is admin."""

METHODS = {"merge": "Merge commits are", "squash": "Squash merging is", "rebase": "Rebase merging is"}


@dataclass(frozen=True)
class Update:
    """One ref, from `old` to `new`; None where it does not exist."""

    ref: str
    old: str | None
    new: str | None


def available(repository: Repository, plan: str) -> bool:
    """On the free plan, rulesets neither exist nor count for what is not public."""
    return plan != "free" or not repository.settings["private"]


def covers(ruleset: Json, ref: str, default_branch: str) -> bool:
    """Whether a ruleset's conditions hold for a ref."""
    prefix = PREFIX.get(ruleset["target"])
    if prefix is None or not ref.startswith(prefix):
        return False
    names = (ruleset.get("conditions") or {}).get("ref_name") or {}

    def hit(pattern: str) -> bool:
        if pattern == "~DEFAULT_BRANCH":
            return ref == f"refs/heads/{default_branch}"
        return pattern == "~ALL" or matches(ref, pattern)

    return any(map(hit, names.get("include", []))) and not any(map(hit, names.get("exclude", [])))


def matches(ref: str, pattern: str) -> bool:
    """Ruby's `File.fnmatch` with FNM_PATHNAME: `*` stops at a slash, `**/` does not."""
    if "**" in pattern:
        return fnmatch.fnmatchcase(ref, pattern.replace("**/", "*").replace("**", "*"))
    parts, wanted = ref.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(map(fnmatch.fnmatchcase, parts, wanted))


def bypass(ruleset: Json, token: Token) -> str | None:
    """How a token may go round a ruleset: `always`, `pull_request`, or not at all."""
    for actor in ruleset.get("bypass_actors") or []:
        kind, number = actor["actor_type"], actor.get("actor_id")
        needed = "administration" if kind == "OrganizationAdmin" else None
        if kind == "RepositoryRole":
            needed = BYPASSING_ROLES.get(number)
        if needed and token.may(needed, write=True):
            return str(actor.get("bypass_mode") or "always")
    return None


def effective(call: Call, ref: str, *, merging: bool = False) -> list[Json]:
    """The rules that hold for a ref and this caller, the strictest of each kind last."""
    repository = call.repository
    if not available(repository, call.plan):
        return []
    found = []
    for ruleset in repository.rulesets:
        if ruleset["enforcement"] != "active" or not covers(ruleset, ref, repository.default_branch):
            continue
        mode = bypass(ruleset, call.actor)
        if mode is None or (mode == "pull_request" and not merging):
            found += ruleset["rules"]
    return found


def checks_missing(repository: Repository, rule: Json, sha: str) -> list[str]:
    """Required status checks that have not succeeded on a commit."""
    latest = {s["context"]: s["state"] for s in repository.statuses if s["sha"] == sha}
    wanted = [check["context"] for check in rule["parameters"]["required_status_checks"]]
    missing = [context for context in wanted if latest.get(context) != "success"]
    if len(missing) == 1:
        return [f'Required status check "{missing[0]}" is expected.']
    return [f"{len(missing)} of {len(wanted)} required status checks are expected."] if missing else []


def broken(call: Call, update: Update) -> list[str]:
    """What a direct change of a ref breaks, in GitHub's words."""
    said: list[str] = []
    for rule in effective(call, update.ref):
        said += [text for text in violated(call, rule, update) if text not in said]
    return said


def violated(call: Call, rule: Json, update: Update) -> list[str]:
    """What one rule says to a direct change."""
    kind, bare, old, new = rule["type"], call.bare, update.old, update.new
    if new is None:
        return ["Cannot delete this branch"] if kind == "deletion" else []
    if kind == "required_status_checks":
        spared = old is None and rule["parameters"].get("do_not_enforce_on_create")
        return [] if spared else checks_missing(call.repository, rule, new)
    against = {
        "creation": (old is None, "Cannot create ref due to creations being restricted."),
        "update": (old is not None, "Cannot update this protected ref."),
        "non_fast_forward": (old is not None and not bare.contains(old, new), "Cannot force-push to this branch"),
        "pull_request": (True, "Changes must be made through a pull request."),
        "required_linear_history": (merges(bare, update), "This branch must not contain merge commits."),
    }
    holds, said = against.get(kind, (False, ""))
    return [said] if holds else []


def merges(bare: Bare, update: Update) -> bool:
    """Whether a change brings a merge commit."""
    since = [f"^{update.old}"] if update.old else []
    return bool(update.new and bare.history(update.new, "--merges", "--max-count=1", *since))


def enforce(call: Call, updates: list[Update], status: int = 422) -> None:
    """Refuse changes that break a rule."""
    said = [text for update in updates for text in broken(call, update)]
    if said:
        raise Refusal(status, "Repository rule violations found\n\n" + "".join(f"{text}\n\n" for text in said))


def enforce_merge(call: Call, pull: Json, method: str) -> None:
    """Refuse a merge that the base branch's rules do not allow yet."""
    said: list[str] = []
    for rule in effective(call, f"refs/heads/{pull['base']}", merging=True):
        parameters = rule.get("parameters") or {}
        if rule["type"] == "pull_request":
            if method not in parameters.get("allowed_merge_methods", METHODS):
                said.append(f"{METHODS[method]} not allowed on this branch.")
            wanted = parameters["required_approving_review_count"]
            if wanted > approvals(pull):
                noun = "review is" if wanted == 1 else "reviews are"
                said.append(f"At least {wanted} approving {noun} required by reviewers with write access.")
        if rule["type"] == "required_status_checks":
            said += checks_missing(call.repository, rule, str(call.bare.ref(f"refs/heads/{pull['head']}")))
        if rule["type"] == "required_linear_history" and method == "merge":
            said.append("This branch must not contain merge commits.")
        if rule["type"] == "update":
            said.append("Cannot update this protected ref.")
    if said:
        raise Refusal(405, "Repository rule violations found\n\n" + "".join(f"{text}\n\n" for text in said))


def approvals(pull: Json) -> int:
    """Reviewers whose last word is an approval."""
    last = {review["login"]: review["state"] for review in pull["reviews"] if review["state"] != "COMMENTED"}
    return sum(state == "APPROVED" for state in last.values())
