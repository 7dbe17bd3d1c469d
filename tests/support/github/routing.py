"""Which handler answers which path, and what it may know about the request."""

from __future__ import annotations

import re
import urllib.parse
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from .answers import Json, Refusal, not_found
from .state import Token, now

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .answers import Answer
    from .bare import Bare
    from .state import Repository, State

    Handler = Callable[["Call"], Answer]

READING = {"GET", "HEAD"}


@dataclass(kw_only=True)
class Call:
    """One request to the API, with the repository it names already found."""

    state: State
    plan: str
    base: str
    """Where the client reached the server, without a path."""
    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: Json
    token: Token | None
    parameters: dict[str, str] = field(default_factory=dict)
    found: Repository | None = None

    @property
    def api(self) -> str:
        """The address that API links start with."""
        return f"{self.base}/api/v3"

    @property
    def repository(self) -> Repository:
        """The repository in the path."""
        if self.found is None:
            raise not_found()
        return self.found

    @property
    def bare(self) -> Bare:
        """The repository's git side."""
        return self.state.bare(self.repository)

    @property
    def actor(self) -> Token:
        """Whoever signed the request; `check` has let nobody else write."""
        if self.token is None:
            raise unauthenticated()
        return self.token

    def accepts(self, media: str) -> bool:
        """Whether the client asked for a media type such as `raw`, in any of its spellings."""
        return re.search(rf"vnd\.github(\.v3)?\.{media}\b", self.headers.get("Accept", "")) is not None

    def save(self, *, touched: bool = True) -> None:
        """Keep the repository's record."""
        self.state.save(self.repository, touched=touched)

    def pushed(self) -> None:
        """Keep the record of a repository that has just got commits."""
        self.repository.pushed_at = now()
        self.save()


@dataclass(frozen=True)
class Route:
    """One operation. In a pattern `{name}` is one segment, `{name*}` any number of them."""

    method: str
    pattern: str
    handler: Handler
    needs: str
    on_archived: bool

    kinds: ClassVar[dict[str, str]] = {"": "[^/]+", "*": ".+", "#": "[0-9]+"}

    @property
    def expression(self) -> re.Pattern[str]:
        """The pattern as a regular expression; `{name#}` is a number."""
        parts = re.split(r"\{(\w+)([*#]?)\}", self.pattern)
        text = re.escape(parts[0])
        for name, kind, literal in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
            text += f"(?P<{name}>{self.kinds[kind]})" + re.escape(literal)
        return re.compile(text)


ROUTES: list[tuple[re.Pattern[str], Route]] = []


def route(
    method: str, pattern: str, *, needs: str = "metadata", on_archived: bool = False
) -> Callable[[Handler], Handler]:
    """Register a handler, the permission it needs, and whether an archived repository lets it through."""

    def register(handler: Handler) -> Handler:
        entry = Route(method, pattern, handler, needs, on_archived)
        ROUTES.append((entry.expression, entry))
        ROUTES.sort(key=lambda known: -len(re.sub(r"\{.*?\}", "", known[1].pattern)))
        return handler

    return register


def match(method: str, path: str) -> tuple[Route, dict[str, str]]:
    """The operation for a path, the most literal pattern first; any other method is a 404 too, as on GitHub."""
    for expression, entry in ROUTES:
        found = expression.fullmatch(path) if entry.method == method else None
        if found:
            return entry, found.groupdict()
    raise not_found()


def dispatch(call: Call) -> Answer:
    """Find, check, answer."""
    call.path = by_name(call)
    entry, call.parameters = match("GET" if call.method == "HEAD" else call.method, call.path)
    write = call.method not in READING
    if write and call.token is None:
        raise unauthenticated()
    if "repo" in call.parameters:
        call.found = visible(call)
        if write and call.found.settings["archived"] and not entry.on_archived:
            raise Refusal(403, "Repository was archived so is read-only.")
    check(call, entry.needs, write=write)
    return entry.handler(call)


def by_name(call: Call) -> str:
    """The path under a repository's name, where it was asked for by its number (redirects do that)."""
    found = re.fullmatch(r"/repositories/(\d+)(/.*)?", call.path)
    repository = call.state.repositories.get(int(found[1])) if found else None
    return f"/repos/{call.state.login}/{repository.name}{found[2] or ''}" if found and repository else call.path


def unauthenticated() -> Refusal:
    """The refusal of a request that nobody signed."""
    return Refusal(401, "Requires authentication")


def visible(call: Call) -> Repository:
    """The repository in the path, if the caller may know of it; a former name redirects."""
    owner, name = call.parameters["owner"], call.parameters["repo"]
    found = call.state.find(owner, name)
    if found is None:
        moved = call.state.moved(owner, name)
        if moved and (call.token or not moved.settings["private"]):
            rest = call.path.split("/", 4)[4:]
            location = "/".join([f"{call.api}/repositories/{moved.id}", *rest])
            status, word = (301, "Moved Permanently") if call.method in READING else (307, "Temporary Redirect")
            raise Refusal(status, word, headers={"Location": location})
        raise not_found()
    if found.settings["private"] and call.token is None:
        raise not_found()
    return found


def check(call: Call, permission: str, *, write: bool) -> None:
    """Refuse what the token was not granted; anybody may read what is public, but for teams and administration."""
    private = call.found is not None and call.found.settings["private"]
    if not write and not private and permission not in {"administration", "members"}:
        return
    if not call.actor.may(permission, write=write):
        raise forbidden(call.actor, permission, write=write)


def forbidden(token: Token, permission: str, *, write: bool) -> Refusal:
    """A missing permission, as each kind of token gets to hear of it."""
    accepted = f"{permission}={'write' if write else 'read'}"
    if token.kind == "classic":
        if permission == "workflows":
            return not_found()
        return Refusal(403, "Must have admin rights to Repository." if write else "Resource protected by organization.")
    whose = "integration" if token.kind == "installation" else "personal access token"
    return Refusal(403, f"Resource not accessible by {whose}", headers={"X-Accepted-GitHub-Permissions": accepted})


def page(call: Call, items: list[Any]) -> tuple[list[Any], dict[str, str]]:
    """One page of a list, and the Link header to the others."""
    size = max(1, min(100, number(call.query.get("per_page"), 30)))
    current = max(1, number(call.query.get("page"), 1))
    last = max(1, -(-len(items) // size))
    targets = {"prev": current - 1, "first": 1} if current > 1 else {}
    targets |= {"next": current + 1, "last": last} if current < last else {}
    links = []
    for relation, target in targets.items():
        query = urllib.parse.urlencode({**call.query, "page": target})
        links.append(f'<{call.api}{call.path}?{query}>; rel="{relation}"')
    headers = {"Link": ", ".join(links)} if links else {}
    return items[(current - 1) * size : current * size], headers


def number(text: str | None, default: int) -> int:
    """A number from the query, or the default where it is none."""
    return int(text) if text and text.isdigit() else default
