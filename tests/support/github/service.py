"""From a request to its answer: who asks, may they ask again, does a fault strike, which handler knows."""

from __future__ import annotations

import base64
import binascii
import json
import secrets
import time
import urllib.parse
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import contents, gitdata, graphql, organizations, pulls, repositories, rulesets, smart_http
from .answers import Answer, Json, Refusal, not_found, number
from .log import Exchange
from .routing import READING, Call, dispatch
from .shapes import etag

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .faults import Fault, Faults
    from .limits import Limiter
    from .log import Log
    from .state import State, Token

HANDLERS = (contents, gitdata, organizations, pulls, repositories, rulesets)
"""Imported for the routes that they register."""

API = "/api/v3"
VERSIONS = {"2022-11-28", "2026-03-10"}
SCOPES = {
    "administration": "repo", "contents": "repo", "members": "read:org", "packages": "read:packages",
    "workflows": "workflow",
}  # fmt: skip


class Dropped(Exception):  # noqa: N818 - asked for, not an error
    """The connection is to be closed without an answer."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What came in over the wire."""

    method: str
    target: str
    headers: Mapping[str, str]
    data: bytes
    base: str


@dataclass(kw_only=True)
class Service:
    """The server without its sockets."""

    state: State
    tokens: dict[str, Token]
    plan: str
    limiter: Limiter
    log: Log
    faults: Faults

    def answer(self, request: Request) -> Answer:
        """Answer a request, or raise `Dropped`; either way it is logged."""
        started = time.time()
        split = urllib.parse.urlsplit(request.target)
        path = urllib.parse.unquote(split.path)
        api = path == API or path.startswith(API + "/")
        path = path.removeprefix(API) if api else path
        query = dict(urllib.parse.parse_qsl(split.query, keep_blank_values=True))
        fault = self.faults.take(request.method, path)
        legible = api or path == graphql.PATH
        answer: Answer | None = None
        try:
            answer = self._faulty(request, fault, path, query, api=api)
        finally:
            token = self._token(request)
            body = self.log.text(encoded(answer)) if answer and legible else ""
            self.log.add(Exchange(
                method=request.method, path=path, query=query, api=api, status=answer.status if answer else None,
                request_text=self.log.text(request.data) if legible else "", response_text=body,
                token=token.name if token else None, fault=fault.kind if fault else None, started=started,
                seconds=time.time() - started, response_headers=headers(answer) if answer else {},
            ))  # fmt: skip
        if fault and fault.kind == "drop-after":
            raise Dropped
        return answer

    def _faulty(self, request: Request, fault: Fault | None, path: str, query: dict[str, str], *, api: bool) -> Answer:
        """The answer, unless a fault comes before it."""
        if fault and fault.kind == "drop-before":
            raise Dropped
        if fault and fault.kind == "slow":
            time.sleep(fault.seconds)
        instead = fault.answer() if fault else None
        if not api and path != graphql.PATH:
            return instead or self._git(request, path, query)
        return self._api(request, path, query, instead)

    def _git(self, request: Request, path: str, query: dict[str, str]) -> Answer:
        """Git over HTTP; nothing else lives outside the API."""
        found = smart_http.PATH.fullmatch(path)
        if not found:
            return not_found().answer()
        token = self._token(request)
        if token is None and request.headers.get("Authorization"):
            message = "Invalid username or token. Password authentication is not supported for Git operations."
            return smart_http.refused(401, message, WWW_Authenticate='Basic realm="GitHub"')
        return smart_http.serve(self._call(request, path, query, {}), found, request.data)

    def _api(self, request: Request, path: str, query: dict[str, str], instead: Answer | None) -> Answer:
        """An answer of the API, with the headers that all of them carry."""
        token = self._token(request)
        who = token.name if token else None
        try:
            answer = instead or self._handled(request, path, query)
        except Refusal as refusal:
            answer = refusal.answer()
        body = encoded(answer)
        headers = {**self._headers(token), **answer.headers}
        if request.method in READING and answer.status == 200:
            headers |= {"ETag": etag(body), "Cache-Control": "private, max-age=60, s-maxage=60"}
            if request.headers.get("If-None-Match") == headers["ETag"]:
                self.limiter.give_back(who)
                return Answer(status=304, headers={**headers, **self.limiter.window(who).headers()}, raw=b"")
        return Answer(status=answer.status, raw=body, headers=headers, content_type=answer.content_type)

    def _headers(self, token: Token | None) -> dict[str, str]:
        window = self.limiter.window(token.name if token else None)
        request_id = ":".join(secrets.token_hex(n).upper() for n in (2, 3, 3, 3, 4))
        headers = {
            **window.headers(), "X-GitHub-Request-Id": request_id, "Vary": "Accept, Authorization",
            "X-GitHub-Media-Type": "github.v3; format=json", "X-GitHub-Api-Version-Selected": "2022-11-28",
        }  # fmt: skip
        if token and token.kind == "classic":
            scopes = {SCOPES[p] for p in token.permissions if p in SCOPES}
            headers |= {"X-OAuth-Scopes": ", ".join(sorted(scopes)), "X-Accepted-OAuth-Scopes": "repo"}
        return headers

    def _handled(self, request: Request, path: str, query: dict[str, str]) -> Answer:
        """The handler's answer, after the checks that every request passes."""
        if not request.headers.get("User-Agent"):
            raise Refusal(
                403, "Request forbidden by administrative rules. Please make sure your request has a User-Agent header"
            )
        token = self._token(request)
        if token is None and request.headers.get("Authorization"):
            raise Refusal(401, "Bad credentials")
        version = request.headers.get("X-GitHub-Api-Version")
        if version and version not in VERSIONS:
            raise Refusal(
                400, f"{version} is not a supported version. Supported versions: {', '.join(sorted(VERSIONS))}"
            )
        asks = request.target == graphql.PATH
        if path != "/rate_limit":
            self.limiter.take(token.name if token else None, write=request.method not in READING and not asks)
        call = self._call(request, path, query, parsed(request))
        if path == "/rate_limit":
            return rate_limit(self.limiter, call)
        with self.state.lock:
            return graphql.answer(call) if asks else dispatch(call)

    def _call(self, request: Request, path: str, query: dict[str, str], body: Json) -> Call:
        return Call(
            state=self.state, plan=self.plan, base=request.base, method=request.method, path=path, query=query,
            headers=request.headers, body=body, token=self._token(request),
        )  # fmt: skip

    def _token(self, request: Request) -> Token | None:
        """The token of a request: a bearer, or either half of basic credentials."""
        kind, _, value = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() in {"bearer", "token"}:
            return self.tokens.get(value.strip())
        if kind.lower() == "basic":
            try:
                user, _, password = base64.b64decode(value).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                return None
            return self.tokens.get(password) or self.tokens.get(user)
        return None


def encoded(answer: Answer) -> bytes:
    """The bytes of an answer's body."""
    if answer.raw is not None:
        return answer.raw
    return b"" if answer.body is None else json.dumps(answer.body).encode()


def headers(answer: Answer) -> dict[str, str]:
    """The headers that the log keeps, with the body's kind."""
    return {**answer.headers, "Content-Type": answer.content_type}


def parsed(request: Request) -> Json:
    """The body as a JSON object; none at all is an empty one."""
    if not request.data or request.method in READING:
        return {}
    try:
        body = json.loads(request.data, parse_float=number)
    except ValueError:
        raise Refusal(400, "Problems parsing JSON") from None
    if not isinstance(body, dict):
        raise Refusal(400, "Body should be a JSON object")
    return body


def rate_limit(limiter: Limiter, call: Call) -> Answer:
    """What is left; asking costs nothing."""
    shown = limiter.window(call.token.name if call.token else None).shown()
    other = {**shown, "limit": 30, "used": 0, "remaining": 30}
    return Answer(body={"resources": {"core": shown, "search": other, "graphql": shown}, "rate": shown})
