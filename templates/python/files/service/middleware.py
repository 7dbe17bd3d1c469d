"""Around every request: HEAD as GET, one log line, the metrics, and a failure that tells the caller nothing."""

import logging
import time
from typing import NamedTuple

import anyio
from fastapi.responses import JSONResponse
from fastapi.routing import iter_route_contexts
from opentelemetry import trace
from starlette.datastructures import MutableHeaders
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import operations
from service.context import Context
from service.metrics import route_label

CALLER_LEFT = 499

log = logging.getLogger(__name__)


class Requests:
    """Logs and measures requests. Plain ASGI, so that an answer passes as it is sent and the trace stays the same."""

    def __init__(self, app: ASGIApp, context: Context) -> None:
        """Stand around `app`."""
        self._app = app
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        started = time.perf_counter()
        about = {"method": scope["method"], "route": find(scope).route}
        status: int | None = None
        done = False

        def finish(status: int) -> None:
            nonlocal done
            if not done:
                done = True
                self._finish(scope, about, status, time.perf_counter() - started)

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if self._context.draining:
                    MutableHeaders(scope=message)["connection"] = "close"
            last = message["type"] == "http.response.body" and not message.get("more_body", False)
            left = last and await _left(receive)
            await send(message)
            if last:
                finish(CALLER_LEFT if left else status or CALLER_LEFT)

        try:
            await self._app(as_get(scope), receive, answer)
        except Exception as error:
            log.exception("request failed", extra=about)
            trace.get_current_span().record_exception(error)
            if status is None:
                await JSONResponse({"error": "internal error"}, 500)(scope, receive, answer)
            finish(500)
        finally:
            finish(CALLER_LEFT)

    def _finish(self, scope: Scope, about: dict[str, str], status: int, seconds: float) -> None:
        line = {**about, "status": status, "duration": round(seconds, 6)}
        if scope["path"] in operations.PATHS:
            log.debug("request", extra=line)
        else:
            log.info("request", extra=line)
            self._context.metrics.observe(about["method"], about["route"], status, seconds)


def as_get(scope: Scope) -> Scope:
    """HEAD is answered as GET; the server leaves out the body."""
    return {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope


class Found(NamedTuple):
    """The route that answers a request."""

    route: str
    """Its template, or `unmatched`."""
    allowed: set[str]
    """The methods that the path does know, where it does not know this one."""


def find(scope: Scope) -> Found:
    """Look through the application's routes, as it will itself."""
    allowed: set[str] = set()
    for route in iter_route_contexts(scope["app"].routes):
        match, _ = route.matches(as_get(scope))
        if match is Match.FULL:
            return Found(route_label(route.path or ""), allowed)
        if match is Match.PARTIAL:
            allowed |= route.methods or set()
    return Found("unmatched", allowed)


async def _left(receive: Receive) -> bool:
    """Whether the caller went away: ask what there is to receive, and wait for nothing."""
    with anyio.CancelScope() as scope:
        scope.cancel()
        message = await receive()
        return bool(message["type"] == "http.disconnect")
    return False
