"""People, teams and repositories as GitHub's answers show them, with every field its description requires."""

from __future__ import annotations

import base64
import zlib
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from .answers import Json
    from .routing import Call
    from .state import Repository, Token

USER_LINKS = {
    "followers_url": "/followers", "following_url": "/following{/other_user}", "gists_url": "/gists{/gist_id}",
    "starred_url": "/starred{/owner}{/repo}", "subscriptions_url": "/subscriptions", "organizations_url": "/orgs",
    "repos_url": "/repos", "events_url": "/events{/privacy}", "received_events_url": "/received_events",
}  # fmt: skip

ORGANIZATION_LINKS = {
    "repos_url": "/repos", "events_url": "/events", "hooks_url": "/hooks", "issues_url": "/issues",
    "members_url": "/members{/member}", "public_members_url": "/public_members{/member}",
}  # fmt: skip

REPOSITORY_LINKS = {
    "archive_url": "/{archive_format}{/ref}", "assignees_url": "/assignees{/user}", "blobs_url": "/git/blobs{/sha}",
    "branches_url": "/branches{/branch}", "collaborators_url": "/collaborators{/collaborator}",
    "comments_url": "/comments{/number}", "commits_url": "/commits{/sha}", "compare_url": "/compare/{base}...{head}",
    "contents_url": "/contents/{+path}", "contributors_url": "/contributors", "deployments_url": "/deployments",
    "downloads_url": "/downloads", "events_url": "/events", "forks_url": "/forks",
    "git_commits_url": "/git/commits{/sha}", "git_refs_url": "/git/refs{/sha}", "git_tags_url": "/git/tags{/sha}",
    "hooks_url": "/hooks", "issue_comment_url": "/issues/comments{/number}",
    "issue_events_url": "/issues/events{/number}", "issues_url": "/issues{/number}", "keys_url": "/keys{/key_id}",
    "labels_url": "/labels{/name}", "languages_url": "/languages", "merges_url": "/merges",
    "milestones_url": "/milestones{/number}", "notifications_url": "/notifications{?since,all,participating}",
    "pulls_url": "/pulls{/number}", "releases_url": "/releases{/id}", "stargazers_url": "/stargazers",
    "statuses_url": "/statuses/{sha}", "subscribers_url": "/subscribers", "subscription_url": "/subscription",
    "tags_url": "/tags", "teams_url": "/teams", "trees_url": "/git/trees{/sha}",
}  # fmt: skip

COUNTS = ("forks", "forks_count", "stargazers_count", "watchers", "watchers_count", "open_issues", "open_issues_count")

# From least to most, as a team's permission grows.
ROLES = {"pull": "read", "triage": "triage", "push": "write", "maintain": "maintain", "admin": "admin"}


def node_id(prefix: str, number: int | str) -> str:
    """An opaque id; GitHub's look much the same."""
    return f"{prefix}_{base64.urlsafe_b64encode(str(number).encode()).decode().rstrip('=')}"


def user(call: Call, login: str) -> Json:
    """A simple user."""
    number = call.state.user_id(login)
    api = f"{call.api}/users/{login}"
    return {
        "login": login, "id": number, "node_id": node_id("U", number), "gravatar_id": "",
        "avatar_url": f"{call.base}/avatars/u/{number}", "url": api, "html_url": f"{call.base}/{login}",
        **{name: api + suffix for name, suffix in USER_LINKS.items()},
        "type": "User", "user_view_type": "public", "site_admin": False,
    }  # fmt: skip


def whole_user(call: Call, login: str) -> Json:
    """A user with the profile fields."""
    nothing = dict.fromkeys(("company", "location", "email", "hireable", "bio", "twitter_username"))
    zeros = dict.fromkeys(("public_repos", "public_gists", "followers", "following"), 0)
    times = {"created_at": call.state.created_at, "updated_at": call.state.created_at}
    return {**user(call, login), "name": login, "blog": "", **nothing, **zeros, **times}


def private_user(call: Call, login: str) -> Json:
    """The signed-in user."""
    zeros = ("private_gists", "total_private_repos", "owned_private_repos", "disk_usage", "collaborators")
    return {**whole_user(call, login), **dict.fromkeys(zeros, 0), "two_factor_authentication": True}


def organization(call: Call) -> Json:
    """The organization in its short form."""
    number, login = call.state.organization_id, call.state.login
    api = f"{call.api}/orgs/{login}"
    return {
        "login": login, "id": number, "node_id": node_id("O", number), "url": api,
        **{name: api + suffix for name, suffix in ORGANIZATION_LINKS.items()},
        "avatar_url": f"{call.base}/avatars/u/{number}", "description": None,
    }  # fmt: skip


def whole_organization(call: Call) -> Json:
    """The organization with its counts and, to a member, its plan."""
    repositories = list(call.state.repositories.values())
    private = sum(r.settings["private"] for r in repositories)
    shown: Json = {
        **organization(call), "name": call.state.login, "is_verified": False, "has_organization_projects": True,
        "has_repository_projects": True, "public_repos": len(repositories) - private, "public_gists": 0,
        "followers": 0, "following": 0, "html_url": f"{call.base}/{call.state.login}", "type": "Organization",
        "created_at": call.state.created_at, "updated_at": call.state.created_at, "archived_at": None,
    }  # fmt: skip
    if call.token:
        seats = {"filled_seats": len(call.state.people()), "seats": 100}
        plan = {"name": call.plan, "space": 976562499, "private_repos": 999999, **seats}
        shown |= {"total_private_repos": private, "owned_private_repos": private, "plan": plan}
    return shown


def owner(call: Call) -> Json:
    """The organization where a repository shows its owner."""
    return {**user(call, call.state.login), "id": call.state.organization_id, "type": "Organization"}


def team(call: Call, slug: str) -> Json:
    """A team in a list."""
    record = call.state.teams[slug]
    number = record["id"]
    api = f"{call.api}/organizations/{call.state.organization_id}/team/{number}"
    return {
        "id": number, "node_id": node_id("T", number), "name": record.get("name", slug), "slug": slug,
        "description": record.get("description"), "privacy": "closed", "notification_setting": "notifications_enabled",
        "permission": record.get("permission", "pull"), "url": api, "parent": None, "type": "organization",
        "organization_id": call.state.organization_id, "members_url": api + "/members{/member}",
        "html_url": f"{call.base}/orgs/{call.state.login}/teams/{slug}", "repositories_url": api + "/repos",
    }  # fmt: skip


def whole_team(call: Call, slug: str) -> Json:
    """A team by itself."""
    record = call.state.teams[slug]
    count = sum(slug in r.teams for r in call.state.repositories.values())
    times = {"created_at": record["created_at"], "updated_at": record["created_at"]}
    counts = {"members_count": len(record["members"]), "repos_count": count}
    return {**team(call, slug), **counts, **times, "organization": whole_organization(call)}


def role(token: Token | None) -> str:
    """What the caller may do with a repository, in the words of a team's permission."""
    if token is None:
        return "pull"
    if token.may("administration", write=True):
        return "admin"
    return "push" if token.may("contents", write=True) else "pull"


def permissions(granted: str) -> dict[str, bool]:
    """A role as the five flags that a repository shows."""
    ranks = list(ROLES)
    return {name: ranks.index(name) <= ranks.index(granted) for name in reversed(ranks)}


def repository(call: Call, record: Repository) -> Json:
    """A repository in a list."""
    full_name = f"{call.state.login}/{record.name}"
    api, web, host = f"{call.api}/repos/{full_name}", f"{call.base}/{full_name}", urlsplit(call.base).hostname
    return {
        "id": record.id, "node_id": node_id("R", record.id), "name": record.name, "full_name": full_name,
        "owner": owner(call), "html_url": web, "fork": False, "url": api,
        **{name: api + suffix for name, suffix in REPOSITORY_LINKS.items()},
        "created_at": record.created_at, "updated_at": record.updated_at, "pushed_at": record.pushed_at,
        "git_url": f"git://{host}/{full_name}.git", "ssh_url": f"git@{host}:{full_name}.git",
        "clone_url": f"{web}.git", "svn_url": web, "size": 0, "language": None, "has_pages": False,
        "mirror_url": None, "disabled": False, "license": None, **dict.fromkeys(COUNTS, 0),
        **{key: value for key, value in record.settings.items() if not key.startswith(("allow_", "squash_", "merge_"))},
        "default_branch": record.default_branch, "topics": record.topics, "permissions": permissions(role(call.token)),
    }  # fmt: skip


def whole_repository(call: Call, record: Repository) -> Json:
    """A repository by itself."""
    return {
        **repository(call, record), **record.settings, "temp_clone_token": "", "custom_properties": {},
        "organization": owner(call), "network_count": 0, "subscribers_count": 0,
    }  # fmt: skip


def team_repository(call: Call, record: Repository, granted: str) -> Json:
    """A repository as a team holds it."""
    shown = {**whole_repository(call, record), "master_branch": record.default_branch}
    return {**shown, "permissions": permissions(granted), "role_name": ROLES[granted]}


def etag(body: bytes) -> str:
    """A weak validator of an answer's body."""
    return f'W/"{zlib.crc32(body):08x}{len(body):08x}"'


def limits(limit: int, used: int, reset: int) -> Json:
    """One resource's share of the rate limit."""
    return {"limit": limit, "used": used, "remaining": max(0, limit - used), "reset": reset}
