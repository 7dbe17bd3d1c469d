"""The other services that this one calls. Each call has a time limit, and carries the caller's trace."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
from opentelemetry.instrumentation.utils import suppress_http_instrumentation

from service.config import Config

TIMEOUT_SECONDS = 5.0
PROBE_SECONDS = 1.0
SERVER_ERROR = 500


class DependencyError(Exception):
    """A dependency could not be reached or failed; unless a route handles it, the caller is answered 502."""

    def __init__(self, name: str) -> None:
        """Say which."""
        super().__init__(f"{name} did not answer")


@dataclass(frozen=True)
class Dependency:
    """One other service."""

    name: str
    required: bool
    http: httpx.AsyncClient

    async def call(self, method: str, path: str, *, json: object = None) -> httpx.Response:
        """Send a request and return the answer, whatever it says below 500.

        Raises:
            DependencyError: there was none in time, or it was the dependency's own failure.
        """
        try:
            response = await self.http.request(method, path, json=json)
        except httpx.TransportError as error:
            raise DependencyError(self.name) from error
        if response.status_code >= SERVER_ERROR:
            raise DependencyError(self.name)
        return response

    async def up(self) -> bool:
        """Whether it says that it is alive. Not traced: it is a probe's question, not a caller's."""
        try:
            with suppress_http_instrumentation():
                async with asyncio.timeout(PROBE_SECONDS):
                    return (await self.http.get("/healthz")).is_success
        except (httpx.TransportError, TimeoutError):
            return False


Dependencies = Mapping[str, Dependency]
"""By name."""


@asynccontextmanager
async def connect(config: Config) -> AsyncIterator[Dependencies]:
    """Make the clients; they share one pool of connections, and no proxy stands in between."""
    if not config.dependencies:
        yield {}
        return
    async with httpx.AsyncHTTPTransport() as transport:
        yield {
            name: Dependency(
                name,
                name in config.required_dependencies,
                httpx.AsyncClient(base_url=url, timeout=TIMEOUT_SECONDS, transport=transport),
            )
            for name, url in config.dependencies.items()
        }
