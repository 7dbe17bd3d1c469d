"""What every service answers, logs and measures, whatever its routes."""

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import Message

from service.config import SERVICE
from service.context import Context
from tests.conftest import Log


async def counted(client: httpx.AsyncClient) -> list[str]:
    page = (await client.get("/metrics")).text
    return [line for line in page.splitlines() if line.startswith("http_requests_total{")]


async def test_head_is_answered_as_get(client: httpx.AsyncClient) -> None:
    """Monitors ask so."""
    assert (await client.head("/healthz")).status_code == 200


@pytest.mark.parametrize("path", ["/nothing/here", "/healthz/", "//"])
async def test_an_unknown_path_is_not_found(path: str, client: httpx.AsyncClient) -> None:
    """In JSON, as everything else."""
    response = await client.get(f"http://service{path}")

    assert (response.status_code, response.json()) == (404, {"error": "not found"})


async def test_another_method_is_refused_with_all_that_are_allowed(app: FastAPI, client: httpx.AsyncClient) -> None:
    """Also those of other functions on the same path."""
    app.add_api_route("/thing", lambda: None, methods=["GET"])
    app.add_api_route("/thing", lambda: None, methods=["PUT"])
    response = await client.delete("/thing")

    assert (response.status_code, response.json()) == (405, {"error": "method not allowed"})
    assert response.headers["allow"] == "GET, PUT"


async def test_what_does_not_fit_is_named(app: FastAPI, client: httpx.AsyncClient) -> None:
    """A caller can mend its request."""

    async def double(number: int) -> int:
        return 2 * number

    app.add_api_route("/double", double)
    response = await client.get("/double", params={"number": "two"})

    assert response.status_code == 422
    assert response.json()["error"].startswith("query.number: ")


async def test_a_failure_tells_the_caller_nothing_and_the_log_everything(
    app: FastAPI, client: httpx.AsyncClient, log: Log
) -> None:
    """What went wrong is the team's business."""

    async def fail() -> None:
        raise ValueError("on purpose")

    app.add_api_route("/fail", fail, methods=["POST"])
    response = await client.post("/fail")
    failed, request = log()

    assert (response.status_code, response.json()) == (500, {"error": "internal error"})
    assert (failed["level"], failed["err"]["message"]) == ("error", "on purpose")
    assert (request["route"], request["status"]) == ("/fail", 500)
    assert await counted(client) == ['http_requests_total{method="POST",route="/fail",status="500"} 1.0']


async def test_requests_are_measured_by_template_and_probes_are_not(app: FastAPI, client: httpx.AsyncClient) -> None:
    """A path in a label is a series for each caller's typing error."""

    async def order(number: int) -> int:
        return number

    app.add_api_route("/orders/{number:int}", order)
    for path in ("/orders/1", "/orders/2", "/healthz", "/readyz", "/nothing/here"):
        await client.get(path)

    assert await counted(client) == [
        'http_requests_total{method="GET",route="/orders/:number",status="200"} 2.0',
        'http_requests_total{method="GET",route="unmatched",status="404"} 1.0',
    ]


async def test_each_request_is_one_line(client: httpx.AsyncClient, log: Log) -> None:
    """Probes are logged at debug: they are many, and say nothing."""
    for path in ("/nothing", "/healthz"):
        await client.get(path)
    request, probe = log()

    assert request.items() >= {"level": "info", "msg": "request", "method": "GET", "status": 404}.items()
    assert request["service"] == SERVICE
    assert 0 < request["duration"] < 5
    assert (probe["level"], probe["route"]) == ("debug", "/healthz")


async def test_a_caller_that_left_is_a_499(app: FastAPI, client: httpx.AsyncClient, log: Log) -> None:
    """It has seen no answer, so none is counted."""

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(_message: Message) -> None:
        pass

    scope = {"type": "http", "method": "GET", "path": "/nothing", "headers": [], "query_string": b""}
    await app(scope, receive, send)

    assert log()[0]["status"] == 499
    assert await counted(client) == ['http_requests_total{method="GET",route="unmatched",status="499"} 1.0']


async def test_while_it_drains_it_is_alive_not_ready_and_still_answers(
    context: Context, client: httpx.AsyncClient
) -> None:
    """Requests still come here until everybody knows that it stops."""
    context.draining = True
    alive, ready = await client.get("/healthz"), await client.get("/readyz")

    assert (alive.status_code, alive.headers["connection"]) == (200, "close")
    assert (ready.status_code, ready.json()) == (503, {"status": "stopping"})
