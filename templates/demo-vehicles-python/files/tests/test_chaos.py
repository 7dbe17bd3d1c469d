"""Faults on demand."""

import random
import time
from collections.abc import Iterator

import httpx
import pytest

from service.chaos import chaos

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Begin and end without faults."""
    before = dict(chaos)
    chaos.update(errorRate=0, latencyMax=0)
    yield
    chaos.update(before)


@pytest.fixture
def chances(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Stand in for chance, in this order; then 0.5 for ever."""
    given: list[float] = []
    monkeypatch.setattr(random, "random", lambda: given.pop(0) if given else 0.5)
    return given


async def test_it_is_told_in_parts_and_says_what_it_has(client: httpx.AsyncClient) -> None:
    """Either may be left out."""
    await client.post("/config", json={"errorRate": 0.25})
    changed = await client.post("/config", json={"latencyMax": 20})

    assert changed.json() == (await client.get("/config")).json() == {"errorRate": 0.25, "latencyMax": 20}


async def test_a_share_of_requests_fails_until_it_is_set_back(client: httpx.AsyncClient, chances: list[float]) -> None:
    """Each request draws its lot: first how long it waits, then whether it fails."""
    await client.post("/config", json={"errorRate": 0.3})
    chances += [0, 0.29, 0, 0.3]
    failed, passed = await client.get("/"), await client.get("/")
    await client.post("/config", json={"errorRate": 0})
    chances += [0, 0]

    assert (failed.status_code, failed.json()) == (500, {"error": "failed on purpose"})
    assert passed.status_code == 200
    assert (await client.get("/")).status_code == 200


async def test_a_request_waits_then_fails(client: httpx.AsyncClient, chances: list[float]) -> None:
    """Its share of the longest time."""
    await client.post("/config", json={"errorRate": 1, "latencyMax": 200})
    chances += [0.5]
    started = time.perf_counter()

    assert (await client.get("/")).status_code == 500
    assert 0.095 < time.perf_counter() - started < 1


async def test_what_the_platform_asks_and_config_never_fail(client: httpx.AsyncClient) -> None:
    """Chaos must not look like a dead process, and must be possible to end."""
    await client.post("/config", json={"errorRate": 1, "latencyMax": 10_000})

    for path in ("/healthz", "/readyz", "/metrics", "/config"):
        assert (await client.get(path)).status_code == 200


@pytest.mark.parametrize(
    ("body", "error"),
    [
        pytest.param('{"errorRate": "high"}', 'errorRate must be a number from 0 to 1, not "high"', id="a text"),
        pytest.param('{"errorRate": true}', "errorRate must be a number from 0 to 1, not true", id="a truth value"),
        pytest.param('{"errorRate": 30}', "errorRate must be a number from 0 to 1, not 30", id="a percentage"),
        pytest.param(
            '{"latencyMax": -1, "errorRate": null}',
            "latencyMax must be a number from 0 to 10000, not -1; errorRate must be a number from 0 to 1, not null",
            id="two mistakes",
        ),
        pytest.param('{"errorrate": 0.5}', "errorrate is not known", id="a typing error"),
        pytest.param("[0.5]", "body must be an object", id="a list"),
        pytest.param("{", "body is not JSON", id="no JSON"),
    ],
)
async def test_what_does_not_fit_is_refused_and_changes_nothing(
    body: str, error: str, client: httpx.AsyncClient
) -> None:
    """With every mistake."""
    response = await client.post("/config", content=body)

    assert (response.status_code, response.json()) == (400, {"error": error})
    assert (await client.get("/config")).json() == {"errorRate": 0, "latencyMax": 0}
