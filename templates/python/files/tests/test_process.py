"""The service as a process: start and stop."""

import time

import httpx

from service.config import SERVICE
from tests.process import asked, other, started


def test_sigterm_lets_a_request_under_way_finish() -> None:
    """Every release stops processes that are busy."""
    with (
        other(delay=0.8) as slow,
        started(SHUTDOWN_DELAY_MS="100", SLOW_SERVICE_URL=slow.url) as service,
        asked(service.listening(), "/readyz") as answer,
    ):
        slow.called.wait()
        service.process.terminate()
        code, log = service.ended()
        head = answer.recv(1000).decode()

    assert code == 0
    assert head.startswith("HTTP/1.1 200 ")
    assert "\r\nconnection: close\r\n" in head
    assert [line["msg"] for line in log] == ["stopping", "stopped"]
    assert log[0]["signal"] == "SIGTERM"


def test_a_request_that_has_only_begun_is_answered() -> None:
    """A slow network brings it in pieces."""
    with (
        started(SHUTDOWN_DELAY_MS="0") as service,
        asked(service.listening(), "/healthz", end="") as answer,
    ):
        time.sleep(0.1)
        service.process.terminate()
        time.sleep(0.5)
        answer.sendall(b"\r\n")
        code, _ = service.ended()
        head = answer.recv(1000).decode()

    assert code == 0
    assert head.startswith("HTTP/1.1 200 ")


def test_a_request_that_does_not_finish_does_not_keep_it() -> None:
    """Otherwise Kubernetes would end it the hard way, and its last lines would be lost."""
    limits = {"SHUTDOWN_DELAY_MS": "0", "SHUTDOWN_TIMEOUT_MS": "100"}
    with (
        other(delay=3) as slow,
        started(SLOW_SERVICE_URL=slow.url, **limits) as service,
        asked(service.listening(), "/readyz") as answer,
    ):
        slow.called.wait()
        service.process.terminate()
        code, log = service.ended()
        head = answer.recv(1000).decode()

    assert code == 1
    assert head == ""
    assert (log[-1]["level"], log[-1]["msg"]) == ("fatal", "requests took too long to finish")


def test_a_bad_environment_stops_the_start_and_is_named() -> None:
    """Before anything else happens, on one line."""
    with started(PORT="eighty", LOG_LEVEL="loud") as service:
        code, log = service.ended()

    assert code == 1
    assert [line["level"] for line in log] == ["fatal"]
    assert log[0]["err"]["message"].startswith('PORT must be a whole number, not "eighty"; LOG_LEVEL ')


def test_a_port_in_use_stops_the_start() -> None:
    """Waiting without a port would pass no probe and say nothing."""
    with other() as taken, started(PORT=str(taken.server_port)) as service:
        code, log = service.ended()

    assert code == 1
    assert [(line["level"], line["msg"]) for line in log] == [("fatal", "cannot listen")]


def test_telemetry_is_sent_where_the_environment_says_and_probes_make_no_spans() -> None:
    """What is left is sent before the process ends."""
    with (
        other() as vehicles,
        other() as receiver,
        started(
            VERSION="abc",
            SHUTDOWN_DELAY_MS="0",
            VEHICLES_SERVICE_URL=vehicles.url,
            OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url,
        ) as service,
    ):
        url = service.listening()
        for path in ("/healthz", "/readyz", "/metrics", "/nothing/here"):
            httpx.get(url + path)
        service.process.terminate()
        code, log = service.ended()

    about, spans = receiver.spans()
    assert code == 0
    assert receiver.posted.keys() == {"/v1/traces", "/v1/metrics", "/v1/logs"}
    assert (about["service.name"], about["service.version"]) == (SERVICE, "abc")
    assert [span.trace_id.hex() for span in spans.values()] == [log[0]["trace_id"]]
    assert "traceparent" not in vehicles.headers[-1]
