"""Users, the organization, its teams, and what teams may do with repositories."""

from __future__ import annotations

from . import shapes
from .answers import Answer, Json, invalid, not_found, optional
from .routing import Call, page, route


@route("GET", "/user")
def get_user(call: Call) -> Answer:
    """Who the token belongs to."""
    return Answer(body=shapes.private_user(call, call.actor.login))


@route("GET", "/users/{login}")
def get_any_user(call: Call) -> Answer:
    """A user, or the organization, by login."""
    login = call.parameters["login"]
    if call.state.owns(login):
        return Answer(body={**shapes.whole_user(call, call.state.login), **shapes.owner(call)})
    if login not in call.state.people():
        raise not_found()
    return Answer(body=shapes.whole_user(call, login))


def ours(call: Call) -> None:
    """Another organization does not exist here."""
    if not call.state.owns(call.parameters["org"]):
        raise not_found()


@route("GET", "/orgs/{org}")
def get_organization(call: Call) -> Answer:
    """The organization."""
    ours(call)
    return Answer(body=shapes.whole_organization(call))


@route("GET", "/orgs/{org}/teams", needs="members")
def list_teams(call: Call) -> Answer:
    """Every team."""
    ours(call)
    slugs, headers = page(call, sorted(call.state.teams))
    return Answer(body=[shapes.team(call, slug) for slug in slugs], headers=headers)


def team(call: Call) -> tuple[str, Json]:
    """The team in the path, named by slug or by the numbers of organization and team."""
    if "team_id" in call.parameters:
        organization = int(call.parameters.get("org_id", call.state.organization_id))
        found = call.state.team(int(call.parameters["team_id"]))
        found = found if organization == call.state.organization_id else None
    else:
        ours(call)
        found = call.state.team(call.parameters["team_slug"])
    if found is None:
        raise not_found()
    return found


BY_SLUG = "/orgs/{org}/teams/{team_slug}"
BY_ID = "/organizations/{org_id#}/team/{team_id#}"
BY_OLD_ID = "/teams/{team_id#}"
FORMS = (BY_SLUG, BY_ID, BY_OLD_ID)


def get_team(call: Call) -> Answer:
    """One team."""
    return Answer(body=shapes.whole_team(call, team(call)[0]))


def list_members(call: Call) -> Answer:
    """A team's members."""
    members, headers = page(call, team(call)[1]["members"])
    return Answer(body=[shapes.user(call, login) for login in members], headers=headers)


def list_team_repositories(call: Call) -> Answer:
    """What a team holds."""
    slug, _ = team(call)
    held = [r for r in call.state.repositories.values() if slug in r.teams]
    records, headers = page(call, held)
    shown = [{**shapes.repository(call, r), **granted(r.teams[slug])} for r in records]
    return Answer(body=shown, headers=headers)


def granted(permission: str) -> Json:
    """A role, in the two ways in which a repository shows it."""
    return {"permissions": shapes.permissions(permission), "role_name": shapes.ROLES[permission]}


def check_team_repository(call: Call) -> Answer:
    """Whether a team holds a repository; the repository itself only for the media type that asks for it."""
    permission = call.repository.teams.get(team(call)[0])
    if permission is None:
        raise not_found()
    if call.accepts("repository"):
        return Answer(body=shapes.team_repository(call, call.repository, permission))
    return Answer(status=204)


def add_team_repository(call: Call) -> Answer:
    """Give a team a role; without one in the body, the team's own default."""
    slug, record = team(call)
    permission = optional(call.body, "permission", str, record.get("permission", "pull"))
    permission = {"read": "pull", "write": "push"}.get(permission, permission)
    if permission not in shapes.ROLES:
        raise invalid({"resource": "Repository", "field": "permission", "code": "invalid"})
    call.repository.teams[slug] = permission
    call.save()
    return Answer(status=204)


def remove_team_repository(call: Call) -> Answer:
    """Take a repository from a team; a second time does no harm."""
    call.repository.teams.pop(team(call)[0], None)
    call.save()
    return Answer(status=204)


for form in FORMS:
    route("GET", form, needs="members")(get_team)
    route("GET", f"{form}/members", needs="members")(list_members)
    route("GET", f"{form}/repos", needs="members")(list_team_repositories)
    route("GET", f"{form}/repos/{{owner}}/{{repo}}")(check_team_repository)
    route("PUT", f"{form}/repos/{{owner}}/{{repo}}", needs="administration")(add_team_repository)
    route("DELETE", f"{form}/repos/{{owner}}/{{repo}}", needs="administration")(remove_team_repository)


@route("GET", "/repos/{owner}/{repo}/teams")
def list_repository_teams(call: Call) -> Answer:
    """The teams of a repository, each with its role."""
    slugs, headers = page(call, sorted(call.repository.teams))
    roles = call.repository.teams
    body = [
        {**shapes.team(call, slug), "permission": roles[slug], "permissions": shapes.permissions(roles[slug])}
        for slug in slugs
    ]
    return Answer(body=body, headers=headers)
