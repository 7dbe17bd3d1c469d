"""Rulesets as objects: created, checked, shown. `rules` is where they act."""

from __future__ import annotations

from typing import Any

from . import shapes
from .answers import Answer, Json, Refusal, check_type, invalid, malformed, not_found, optional, required
from .routing import Call, page, route
from .rules import available, bypass, covers
from .state import now

PATH = "/repos/{owner}/{repo}/rulesets"
ONE = PATH + "/{ruleset_id#}"
UPGRADE = "Upgrade to GitHub Pro or make this repository public to enable this feature."

# Each rule's required and optional parameters, with their types.
Parameters = dict[str, type]
RULES: dict[str, tuple[Parameters, Parameters]] = {
    "creation": ({}, {}),
    "update": ({}, {"update_allows_fetch_and_merge": bool}),
    "deletion": ({}, {}),
    "required_linear_history": ({}, {}),
    "required_signatures": ({}, {}),
    "non_fast_forward": ({}, {}),
    "required_deployments": ({"required_deployment_environments": list}, {}),
    "pull_request": (
        {
            "dismiss_stale_reviews_on_push": bool,
            "require_code_owner_review": bool,
            "require_last_push_approval": bool,
            "required_approving_review_count": int,
            "required_review_thread_resolution": bool,
        },
        {"allowed_merge_methods": list, "automatic_copilot_code_review_enabled": bool, "required_reviewers": list},
    ),
    "required_status_checks": (
        {"required_status_checks": list, "strict_required_status_checks_policy": bool},
        {"do_not_enforce_on_create": bool},
    ),
    **{
        f"{subject}_pattern": ({"operator": str, "pattern": str}, {"name": str, "negate": bool})
        for subject in ("commit_message", "commit_author_email", "committer_email", "branch_name", "tag_name")
    },
}

TARGETS = {"branch", "tag", "push"}
ENFORCEMENTS = {"disabled", "active", "evaluate"}
ACTORS = {"Integration", "OrganizationAdmin", "RepositoryRole", "Team", "DeployKey"}
MODES = {"always", "pull_request", "exempt"}
METHODS = ["merge", "squash", "rebase"]
MOST_REVIEWS = 10


def allowed(call: Call) -> None:
    """Refuse where the plan has no rulesets."""
    if not available(call.repository, call.plan):
        raise Refusal(403, UPGRADE)


def ruleset(call: Call) -> Json:
    """The ruleset in the path."""
    allowed(call)
    wanted = int(call.parameters["ruleset_id"])
    for record in call.repository.rulesets:
        if record["id"] == wanted:
            return record
    raise not_found()


def shown(call: Call, record: Json, *, whole: bool = True) -> Json:
    """A ruleset as an answer; lists leave out what it does."""
    full_name = f"{call.state.login}/{call.repository.name}"
    left_out = set() if whole else {"rules", "conditions", "bypass_actors"}
    kept = {key: value for key, value in record.items() if key not in left_out}
    if whole:
        mode = bypass(record, call.token) if call.token else None
        can = {"pull_request": "pull_requests_only", None: "never"}.get(mode, mode)
        kept["current_user_can_bypass"] = can
    if call.token is None or not call.token.may("administration", write=True):
        kept.pop("bypass_actors", None)
    links = {
        "self": {"href": f"{call.api}/repos/{full_name}/rulesets/{record['id']}"},
        "html": {"href": f"{call.base}/{full_name}/rules/{record['id']}"},
    }
    source = {"source_type": "Repository", "source": full_name}
    return {**kept, **source, "node_id": shapes.node_id("RRS", record["id"]), "_links": links}


@route("GET", PATH)
def list_rulesets(call: Call) -> Answer:
    """The repository's rulesets."""
    allowed(call)
    records, headers = page(call, call.repository.rulesets)
    return Answer(body=[shown(call, record, whole=False) for record in records], headers=headers)


@route("POST", PATH, needs="administration")
def create_ruleset(call: Call) -> Answer:
    """A new ruleset; it acts at once."""
    allowed(call)
    required(call.body, "name", str)
    required(call.body, "enforcement", str)
    defaults = {"target": "branch", "bypass_actors": [], "conditions": {}, "rules": []}
    record = {"id": call.state.next_id(), **defaults, **fields(call, None), "created_at": now(), "updated_at": now()}
    call.repository.rulesets.append(record)
    call.save(touched=False)
    return Answer(status=201, body=shown(call, record))


@route("GET", ONE)
def get_ruleset(call: Call) -> Answer:
    """One ruleset."""
    return Answer(body=shown(call, ruleset(call)))


@route("PUT", ONE, needs="administration")
def update_ruleset(call: Call) -> Answer:
    """Change a ruleset; what the body leaves out stays."""
    record = ruleset(call)
    record |= {**fields(call, record["id"]), "updated_at": now()}
    call.save(touched=False)
    return Answer(body=shown(call, record))


@route("DELETE", ONE, needs="administration")
def delete_ruleset(call: Call) -> Answer:
    """Remove a ruleset."""
    call.repository.rulesets.remove(ruleset(call))
    call.save(touched=False)
    return Answer(status=204)


@route("GET", "/repos/{owner}/{repo}/rules/branches/{branch*}")
def branch_rules(call: Call) -> Answer:
    """The active rules for a branch, whether it exists or not."""
    allowed(call)
    found = []
    for record in call.repository.rulesets:
        ref = f"refs/heads/{call.parameters['branch']}"
        if record["enforcement"] == "active" and covers(record, ref, call.repository.default_branch):
            source = f"{call.state.login}/{call.repository.name}"
            origin = {"ruleset_source_type": "Repository", "ruleset_source": source, "ruleset_id": record["id"]}
            found += [{**rule, **origin} for rule in record["rules"]]
    rules, headers = page(call, found)
    return Answer(body=rules, headers=headers)


def fields(call: Call, own: int | None) -> Json:
    """The fields of a body, checked; `own` is the number of the ruleset that changes."""
    body = call.body
    given: Json = {key: body[key] for key in ("name", "target", "enforcement") if key in body}
    for key, value in given.items():
        check_type(key, value, str)
    for key, choices in (("target", TARGETS), ("enforcement", ENFORCEMENTS)):
        if given.get(key, "") not in {*choices, ""}:
            raise malformed(f"Invalid property /{key}: `{given[key]}` is not a possible value.")
    if given.get("enforcement") == "evaluate" and call.plan != "enterprise":
        raise invalid("Enforcement evaluate option is not supported on this plan")
    if given.get("name") == "":
        raise invalid("Name can't be blank")
    if any(r["name"] == given.get("name") and r["id"] != own for r in call.repository.rulesets):
        raise invalid("Name must be unique")
    if body.get("conditions") is not None:
        given["conditions"] = conditions(optional(body, "conditions", dict))
    for key, check in (("rules", rule), ("bypass_actors", actor)):
        if body.get(key) is not None:
            given[key] = [check(index, value) for index, value in enumerate(optional(body, key, list))]
    check_single(given.get("rules", []))
    return given


def check_single(rules: list[Json]) -> None:
    """Refuse two rules of one type."""
    kinds = [value["type"] for value in rules]
    if len(kinds) != len(set(kinds)):
        raise invalid("Rules must not contain duplicates")


def impossible(where: str) -> Refusal:
    """Data that fits none of the shapes the operation knows."""
    return malformed(f"Invalid property /{where}: data matches no possible input. See `documentation_url`.")


def conditions(given: Json) -> Json:
    """Which refs a ruleset is for: full patterns or one of the two names."""
    if not given:
        return {}
    names = given.get("ref_name")
    if set(given) != {"ref_name"} or not isinstance(names, dict):
        raise impossible("conditions")
    kept = {}
    for key in ("exclude", "include"):
        patterns = names.get(key, [])
        if not isinstance(patterns, list) or not all(isinstance(p, str) for p in patterns):
            raise impossible("conditions")
        wrong = [p for p in patterns if p not in {"~ALL", "~DEFAULT_BRANCH"} and not p.startswith("refs/")]
        if wrong:
            raise invalid(f"Invalid target patterns: {', '.join(repr(p) for p in wrong)}")
        kept[key] = patterns
    return {"ref_name": kept}


def rule(index: int, given: Any) -> Json:
    """One rule of a type that exists, with parameters of the right types."""
    if not isinstance(given, dict) or given.get("type") not in RULES:
        raise impossible(f"rules/{index}")
    must, may = RULES[given["type"]]
    parameters = given.get("parameters") or {}
    for name, kind in (must | may).items():
        value = parameters.get(name)
        if value is None and name not in must:
            continue
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise impossible(f"rules/{index}")
    if set(parameters) - set(must) - set(may):
        raise impossible(f"rules/{index}")
    {"pull_request": reviews, "required_status_checks": checks}.get(given["type"], lambda *_: None)(index, parameters)
    if given["type"] == "pull_request":
        parameters = {"required_reviewers": [], "allowed_merge_methods": METHODS, **parameters}
    if given["type"] == "required_status_checks":
        parameters = {"do_not_enforce_on_create": False, **parameters}
    return {"type": given["type"], **({"parameters": parameters} if parameters else {})}


def reviews(index: int, parameters: Json) -> None:
    """A pull request rule leaves at least one way to merge."""
    methods = parameters.get("allowed_merge_methods", ["merge"])
    count = parameters["required_approving_review_count"]
    if not methods or not set(methods) <= set(METHODS) or not 0 <= count <= MOST_REVIEWS:
        raise impossible(f"rules/{index}")


def checks(index: int, parameters: Json) -> None:
    """Each required check has a name."""
    for check in parameters["required_status_checks"]:
        if not isinstance(check, dict) or not isinstance(check.get("context"), str):
            raise impossible(f"rules/{index}")


def actor(index: int, given: Any) -> Json:
    """Somebody who may go round the rules."""
    if not isinstance(given, dict) or given.get("actor_type") not in ACTORS:
        raise impossible(f"bypass_actors/{index}")
    mode, identity = given.get("bypass_mode") or "always", given.get("actor_id")
    if mode not in MODES or (identity is not None and (isinstance(identity, bool) or not isinstance(identity, int))):
        raise impossible(f"bypass_actors/{index}")
    if identity is None and given["actor_type"] not in {"OrganizationAdmin", "DeployKey"}:
        raise invalid(f"Invalid bypass actor: {given['actor_type']} needs an actor_id")
    return {"actor_id": identity, "actor_type": given["actor_type"], "bypass_mode": mode}
