"""The service's own routes."""

import httpx
import pytest

from service.config import SERVICE
from service.context import Context
from service.dependencies import Dependency
from tests.process import other, started


async def test_the_root_says_which_service_in_which_version_answers(client: httpx.AsyncClient) -> None:
    """One look tells what runs here."""
    assert (await client.get("/?from=test")).json() == {"service": SERVICE, "version": "test"}


async def test_a_parameter_is_decoded(client: httpx.AsyncClient) -> None:
    """Names are not all ASCII."""
    assert (await client.get("/hello/Zo%C3%AB")).json() == {"message": "Hello, Zoë!"}


@pytest.mark.parametrize(
    ("answered", "status", "body"),
    [
        pytest.param(200, 200, {"dependency": "vehicles", "status": 200}, id="answered"),
        pytest.param(404, 200, {"dependency": "vehicles", "status": 404}, id="answered all the same"),
        pytest.param(500, 502, {"error": "vehicles did not answer"}, id="failed"),
        pytest.param(None, 502, {"error": "vehicles did not answer"}, id="gone"),
    ],
)
async def test_a_dependency_is_called(
    answered: int | None, status: int, body: object, context: Context, client: httpx.AsyncClient
) -> None:
    """Its failure is not this service's own."""

    def answer(request: httpx.Request) -> httpx.Response:
        if not answered:
            raise httpx.ConnectError("gone")
        return httpx.Response(answered if request.url == "http://vehicles/" else 418)

    http = httpx.AsyncClient(base_url="http://vehicles", transport=httpx.MockTransport(answer))
    context.dependencies = {"vehicles": Dependency("vehicles", required=False, http=http)}
    response = await client.get("/dependencies/vehicles")

    assert (response.status_code, response.json()) == (status, body)


async def test_an_unknown_dependency_is_not_found(client: httpx.AsyncClient) -> None:
    """Only what the environment names can be called."""
    response = await client.get("/dependencies/nobody")

    assert (response.status_code, response.json()) == (404, {"error": "not found"})


def test_a_request_and_the_call_that_it_makes_are_one_trace() -> None:
    """That of the caller, and the log names it as well."""
    trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    with (
        other() as vehicles,
        other() as receiver,
        started(
            SHUTDOWN_DELAY_MS="0", VEHICLES_SERVICE_URL=vehicles.url, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url
        ) as service,
    ):
        url = service.listening()
        httpx.get(f"{url}/dependencies/vehicles", headers={"traceparent": f"00-{trace}-{parent}-01"})
        service.process.terminate()
        _, log = service.ended()

    _, spans = receiver.spans()
    incoming, outgoing = spans["GET /dependencies/:name"], spans["GET"]
    route = {attribute.key: attribute.value.string_value for attribute in incoming.attributes}["http.route"]
    assert len(spans) == 2
    assert route == "/dependencies/:name"
    assert (incoming.trace_id.hex(), incoming.parent_span_id.hex()) == (trace, parent)
    assert (outgoing.trace_id, outgoing.parent_span_id) == (incoming.trace_id, incoming.span_id)
    assert vehicles.headers[-1]["traceparent"] == f"00-{trace}-{outgoing.span_id.hex()}-01"
    assert (log[0]["trace_id"], log[0]["span_id"]) == (trace, incoming.span_id.hex())
