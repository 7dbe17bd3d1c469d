"""GitHub: it answers, each token is one, may do what it is for and little else, and the teams are there."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

import github as pygithub
import requests

from idp.lifecycle.checks import Finding
from idp.naming import GITOPS_REPOSITORY
from idp.settings import OPTIONAL, SECRETS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from idp.lifecycle.machine import Machine
    from idp.settings import Settings

SECONDS = 10
"""For one answer; doctor does not wait out what `up` waits out."""
NEEDED = {"repo": "repositories and rulesets", "workflow": "their workflows", "read:org": "teams"}
"""The scopes that a classic `githubToken` needs, from GitHub's `Scopes for OAuth apps`, and what for.

`repo` also gives teams access to repositories; `admin:org` and `delete_repo` are for what the platform never does.
"""
PERMISSIONS = {
    "githubToken": "administration, contents and workflows (write), members (read)",
    "argocdGithubToken": "contents and metadata (read)",
    "portalGithubToken": "contents and pull requests (write) of idp:repository, contents and metadata (read) elsewhere",
    "registryToken": "`read:packages`",
}
"""What each token is to be given, in the words of GitHub's page for tokens of its kind."""
CLASSIC = frozenset({"registryToken"})
"""Those that only a classic token does: GitHub's registry takes no other."""
BROKEN = "it has a space, a line break or a foreign character in it"
STOLEN = {
    "argocdGithubToken": "a stolen Argo CD may do with it more than read repositories",
    "portalGithubToken": "whoever gets into the portal may do with it more than propose entries",
    "registryToken": "whoever runs a pod may do with it more than pull images",
}
"""What it means when a token does for two."""
INCLUDED = {
    "admin:org": {"write:org", "read:org"}, "write:org": {"read:org"}, "write:packages": {"read:packages"},
}  # fmt: skip
"""A token's list leaves out the scopes that another one includes."""


class SilentError(Exception):
    """GitHub does not answer, or not as GitHub does; the text says how."""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """GitHub's answer to one question."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: Any
    """Its JSON, as plain values: an object, but a list where one was asked for and is given."""

    @property
    def message(self) -> str:
        """Why it refuses, and which permission it would take."""
        said = cast("dict[str, Any]", self.body).get("message", "")
        accepted = self.headers.get("x-accepted-github-permissions")
        return f"{said} (it takes {accepted})" if accepted else str(said)

    @property
    def scopes(self) -> set[str] | None:
        """Those of a classic token; no other kind of token tells what it may do."""
        listed = self.headers.get("x-oauth-scopes")
        return None if listed is None else {scope for scope in re.split(r"[,\s]+", listed) if scope}


@dataclass(frozen=True, kw_only=True)
class Holder:
    """A token, and whom it is shown to."""

    key: str
    """Its config key."""
    token: str = field(repr=False)
    settings: Settings

    @property
    def organization(self) -> str:
        """Whose repositories it is for."""
        return self.settings.config.organization

    @property
    def page(self) -> str:
        """Where GitHub lets its owner see and change it."""
        return f"{self.settings.github.base}/settings/tokens"

    @property
    def permissions(self) -> str:
        """What it is to be given, in this stack."""
        folder = self.key == "githubToken" and not self.settings.owns_github
        return f"contents (write) of {GITOPS_REPOSITORY}" if folder else PERMISSIONS[self.key]

    @property
    def another(self) -> str:
        """How to make such a token, and where to put it."""
        new = (
            f"{self.page}/new"
            if self.key in CLASSIC
            else f"{self.settings.github.base}/settings/personal-access-tokens/new"
        )
        return (
            f"make one with {self.permissions} at {new}, then "
            f"python -m idp pulumi --stack {self.settings.stack} config set --secret {self.key}, "
            f"or export {SECRETS[self.key]}=..."
        )

    @cached_property
    def _client(self) -> pygithub.Github:
        return client(self.settings, pygithub.Auth.Token(self.token))

    def ask(self, path: str) -> Reply:
        """Read one path of the REST API.

        Raises:
            SilentError: nobody answers there, or somebody who is not well.
        """
        return ask(self._client, path)

    def untold(self) -> Finding:
        """That GitHub does not say all that a token of this kind may do."""
        message = f"what else it may do cannot be told from here; it is for {self.permissions} and nothing else"
        page = f"{self.settings.github.base}/settings/personal-access-tokens"
        return Finding(check=self.key, message=message, remedy=f"look at {page}", fatal=False, note=True)

    def finding(self, message: str, remedy: str, *, fatal: bool = True) -> Finding:
        """A finding about this token."""
        return Finding(check=self.key, message=message, remedy=remedy, fatal=fatal)

    def refusal(self, reply: Reply) -> Finding | None:
        """Why GitHub answers this token with anything but what was asked for."""
        if reply.status == HTTPStatus.OK:
            return None
        if reply.status == HTTPStatus.UNAUTHORIZED:
            return self.finding("GitHub does not know it: mistyped, expired or revoked", self.another)
        if sign_on := re.search(r"url=(\S+)", reply.headers.get("x-github-sso", "")):
            return self.finding(f"{self.organization} asks for single sign-on", f"authorize it: {sign_on[1]}")
        if "rate limit" in reply.message.lower():
            return self.finding("its requests of this hour are used up", "wait, or give a token of another account")
        if reply.status == HTTPStatus.NOT_FOUND:
            return self.finding(
                f"there is no organization `{self.organization}` that it may see",
                "correct idp:organization, or give the token of one of its members",
            )
        return self.finding(f"GitHub refuses it: {reply.message}", self.another)


def broken(secret: str) -> bool:
    """Whether a secret was cut or copied with something else."""
    return not re.fullmatch(r"[!-~]+", secret)


def client(settings: Settings, auth: pygithub.Auth.Auth) -> pygithub.Github:
    """One connection for all questions of somebody, and no second try."""
    return pygithub.Github(
        base_url=settings.github.api, auth=auth, retry=None, timeout=SECONDS, seconds_between_requests=None
    )


def ask(somebody: pygithub.Github, path: str) -> Reply:
    """Read one path of the REST API.

    Raises:
        SilentError: nobody answers there, or somebody who is not well.
    """
    try:
        status, headers, body = somebody.requester.requestJson("GET", path)
    except requests.exceptions.SSLError:
        raise SilentError("its certificate is not one that this machine trusts") from None
    except requests.Timeout:
        raise SilentError(f"no answer in {SECONDS} seconds") from None
    except (requests.RequestException, RuntimeError):  # the latter for a redirect to elsewhere
        raise SilentError("no connection, or no GitHub there") from None
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise SilentError(f"it answers {status}")
    return Reply(status=status, headers=cast("dict[str, str]", headers), body=_json(body))


def silence(settings: Settings, error: SilentError) -> Finding:
    """A GitHub that does not answer."""
    api = settings.github.api
    remedy = f"curl -sSI {api} says more; GITHUB_BASE_URL names another GitHub, HTTPS_PROXY a way to it"
    return Finding(check="github", message=f"{api}: {error}", remedy=remedy, fatal=True)


def _json(body: str) -> Any:
    """An answer's body as plain values.

    Raises:
        SilentError: it is none of GitHub's.
    """
    try:
        return json.loads(body)
    except ValueError:
        raise SilentError("it answers, but not as GitHub does") from None


def github(settings: Settings, machine: Machine) -> Iterator[Finding]:
    """Each token that the stack needs is there and does what it is for; a GitHub that is silent is one finding."""
    holders: list[Holder] = []
    if settings.forge:
        return
    for key in ("githubToken", "argocdGithubToken", "portalGithubToken", "registryToken"):
        holder = Holder(key=key, token=machine.token(key) or "", settings=settings)
        if not holder.token and key in OPTIONAL:
            continue
        if not holder.token:
            yield holder.finding("no token", holder.another)
        elif broken(holder.token):
            yield holder.finding(BROKEN, holder.another)
        else:
            holders.append(holder)
    for holder in holders:
        if any(other.token == holder.token for other in holders[: holders.index(holder)]):
            yield holder.finding(
                f"it is the same as another, so that {STOLEN[holder.key]}", holder.another, fatal=False
            )
    try:
        for holder in holders:
            yield from LOOKS[holder.key](holder)
    except SilentError as error:
        yield silence(settings, error)


def _owner(holder: Holder) -> Iterator[Finding]:
    """The token that makes repositories; a stack that makes none writes its folder of one with it."""
    if not holder.settings.owns_github:
        yield from _folder(holder)
        return
    reply = holder.ask(f"/orgs/{holder.organization}")
    if refused := holder.refusal(reply):
        yield refused
        return
    scopes = reply.scopes
    if scopes is None:
        yield from _teams(holder)
        yield holder.untold()
        return
    included = scopes.union(*(INCLUDED.get(scope, set[str]()) for scope in scopes))
    if lacking := {scope: use for scope, use in NEEDED.items() if scope not in included}:
        message = "lacks " + ", ".join(f"`{scope}` ({use})" for scope, use in lacking.items())
        yield holder.finding(message, f"tick them at {holder.page}")
    yield from _excess(holder, scopes - NEEDED.keys())
    if "read:org" in included:
        yield from _teams(holder)


def _folder(holder: Holder) -> Iterator[Finding]:
    """The token of a stack that makes no repositories: it commits to the GitOps repository."""
    name = f"{holder.organization}/{GITOPS_REPOSITORY}"
    reply = holder.ask(f"/repos/{name}")
    if reply.status == HTTPStatus.NOT_FOUND:
        message = f"there is no repository `{name}` that it may see"
        yield holder.finding(message, f"`up` of the stack that says `github: own` makes it; else {holder.another}")
        return
    if refused := holder.refusal(reply):
        yield refused
        return
    if not reply.body.get("permissions", {}).get("push"):
        yield holder.finding(f"may not write to {name}, where this stack has its folder", holder.another)
    if reply.scopes is None:
        yield holder.untold()
    else:
        yield from _excess(holder, reply.scopes - {"repo", "public_repo"})


def _reader(holder: Holder) -> Iterator[Finding]:
    """The token with which Argo CD lists and pulls repositories."""
    reply = holder.ask(f"/orgs/{holder.organization}/repos?type=private&per_page=1")
    if refused := holder.refusal(reply):
        yield refused
        return
    for repository in reply.body[:1]:
        contents = holder.ask(f"/repos/{repository['full_name']}/contents/")
        if contents.status == HTTPStatus.FORBIDDEN and (refused := holder.refusal(contents)):
            yield refused
    if (scopes := reply.scopes) is None:
        yield holder.untold()
        return
    visibility = holder.settings.config.visibility
    if visibility != "public" and "repo" not in scopes:
        message = f"lacks `repo`, without which it sees no {visibility} repository"
        yield holder.finding(message, f"tick it at {holder.page}")
    yield from _excess(holder, scopes - {"repo"})


def _proposer(holder: Holder) -> Iterator[Finding]:
    """The token with which the portal opens pull requests; the default branch has to be out of its reach."""
    if not (name := holder.settings.config.repository):
        return
    reply = holder.ask(f"/repos/{name}")
    if reply.status == HTTPStatus.NOT_FOUND:
        yield holder.finding(
            f"there is no repository `{name}` that it may see", f"correct idp:repository; else {holder.another}"
        )
        return
    if refused := holder.refusal(reply):
        yield refused
        return
    if not reply.body.get("permissions", {}).get("push"):
        yield holder.finding(f"may not write to {name}, where forms open pull requests", holder.another)
    default = reply.body["default_branch"]
    branch = holder.ask(f"/repos/{name}/branches/{default}")
    if branch.status == HTTPStatus.OK and not branch.body.get("protected"):
        page = f"{holder.settings.github.page(*name.split('/'))}/settings/rules"
        yield holder.finding(
            f"{default} of {name} is not protected: whoever has this token changes the platform without a review",
            f"ask for a pull request with a review at {page}", fatal=False,
        )  # fmt: skip
    if reply.scopes is None:
        yield holder.untold()
    else:
        yield from _excess(holder, reply.scopes - {"repo", "public_repo"})


def _puller(holder: Holder) -> Iterator[Finding]:
    """The token with which pods' images are pulled."""
    reply = holder.ask(f"/orgs/{holder.organization}")
    if refused := holder.refusal(reply):
        yield refused
        return
    scopes = reply.scopes
    if scopes is None:
        yield holder.finding("it is no classic token, and the registry takes no other", holder.another)
        return
    if "read:packages" not in scopes.union(*(INCLUDED.get(scope, set[str]()) for scope in scopes)):
        yield holder.finding("lacks `read:packages` (images)", f"tick it at {holder.page}")
    yield from _excess(holder, scopes)


def _excess(holder: Holder, scopes: set[str]) -> Iterator[Finding]:
    """What a token may change without need; `repo` is not counted, as nothing narrower reads private repositories."""
    if writing := sorted(scope for scope in scopes if not scope.startswith("read:")):
        message = f"may do more than it is for: {', '.join(f'`{scope}`' for scope in writing)}"
        yield holder.finding(message, f"take them off at {holder.page}", fatal=False)


def _teams(holder: Holder) -> Iterator[Finding]:
    """The teams that get access to repositories."""
    catalog = holder.settings.catalog
    busy = {service.team for service in catalog.services}
    for team in catalog.teams:
        reply = holder.ask(f"/orgs/{holder.organization}/teams/{team.github}")
        if reply.status == HTTPStatus.NOT_FOUND:
            yield Finding(
                check="teams",
                message=f"{holder.organization} has no team `{team.github}` that githubToken may see",
                remedy=f"gh api orgs/{holder.organization}/teams -f name={team.github}, "
                f"or correct `github` of idp:teams.{team.name}",
                fatal=team.name in busy,
            )
        elif refused := holder.refusal(reply):
            yield refused
            return


LOOKS = {
    "githubToken": _owner, "argocdGithubToken": _reader, "portalGithubToken": _proposer, "registryToken": _puller,
}  # fmt: skip
"""What is asked about each token."""
