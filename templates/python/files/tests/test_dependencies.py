"""Readiness, and calls to other services."""

import asyncio

import httpx
import pytest

from service.config import Config
from service.context import Context
from service.dependencies import Dependency, connect


def dependency(name: str, status: int, *, required: bool = False) -> Dependency:
    transport = httpx.MockTransport(lambda _request: httpx.Response(status))
    return Dependency(name, required, httpx.AsyncClient(base_url=f"http://{name}", transport=transport))


@pytest.mark.parametrize(
    ("status", "required", "answer", "word"),
    [
        pytest.param(200, True, 200, "ok", id="all answer"),
        pytest.param(503, False, 200, "degraded", id="one can be done without"),
        pytest.param(503, True, 503, "unavailable", id="one is required"),
    ],
)
async def test_readiness_says_which_dependencies_answer(
    status: int, *, required: bool, answer: int, word: str, context: Context, client: httpx.AsyncClient
) -> None:
    """Only one that is required takes the service out."""
    context.dependencies = {
        "prices": dependency("prices", 200),
        "vehicles": dependency("vehicles", status, required=required),
    }
    response = await client.get("/readyz")
    page = (await client.get("/metrics")).text

    state = "ok" if word == "ok" else "unreachable"
    assert response.status_code == answer
    assert response.json() == {"status": word, "dependencies": {"prices": "ok", "vehicles": state}}
    assert f'dependency_up{{dependency="vehicles"}} {float(state == "ok")}' in page


async def test_a_dependency_that_is_slow_or_gone_is_unreachable() -> None:
    """A probe that waits for it would itself be too late."""
    async with connect(Config(dependencies={"nobody": "http://127.0.0.1:9"})) as dependencies:
        assert not await dependencies["nobody"].up()

    async def slow(_request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(5)
        raise AssertionError

    client = httpx.AsyncClient(base_url="http://slow", transport=httpx.MockTransport(slow))
    assert not await Dependency("slow", required=False, http=client).up()


async def test_no_dependencies_cost_nothing() -> None:
    """Not even a pool of connections."""
    async with connect(Config()) as dependencies:
        assert dependencies == {}
