"""The application without a server: requests go straight to it."""

import io
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from service.app import create_app
from service.config import Config
from service.context import Context
from service.log import configure

Line = dict[str, Any]
Log = Callable[..., list[Line]]


@pytest.fixture
def anyio_backend() -> str:
    """What the server runs on."""
    return "asyncio"


@pytest.fixture
def context() -> Context:
    """A service that calls nobody."""
    return Context(Config(version="test"))


@pytest.fixture
def app(context: Context) -> FastAPI:
    """The application as it is served."""
    return create_app(context)


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who calls it."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client:
        yield client


@pytest.fixture
def log() -> Iterator[Log]:
    """What was logged, line by line."""
    stream, handlers = io.StringIO(), logging.getLogger().handlers
    configure("debug", "test", stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logging.getLogger().handlers = handlers
    logging.captureWarnings(capture=False)
