"""What services of every template send to a receiver of OpenTelemetry: one trace across services, and who sent what."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.lab import free_port
from tests.support.otlp import Receiver
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.otlp import Received
    from tests.templates.service import Checkout, Service

SERVER, CLIENT, ERROR = 2, 3, 2
"""Kinds of span, and the status of one that failed, by their numbers in the protocol."""
SOON = {"OTEL_BSP_SCHEDULE_DELAY": "100", "OTEL_BLRP_SCHEDULE_DELAY": "100", "OTEL_METRIC_EXPORT_INTERVAL": "500"}
"""Milliseconds between two messages, which are seconds elsewhere."""
ON_THE_PLATFORM = {"OTEL_LOGS_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none"}
"""As deploy/base/deployment.yaml sets it: logs are read from stdout, and metrics from /metrics."""
PROBES = ("/healthz", "/readyz", "/metrics")


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A service that calls another of its kind, and what both send."""

    receiver: Receiver
    front: Service
    back: Service

    def trace(self, trace_id: str, spans: int) -> list[Received]:
        """The spans of a trace, once there are so many, each after its parent: clocks of two processes may differ."""
        until(lambda: len(self._of(trace_id)) >= spans, 60, lambda: self.receiver.traces)
        parents = {span.message.span_id: span.message.parent_span_id for span in self._of(trace_id)}

        def depth(span_id: bytes) -> int:
            return 1 + depth(parents[span_id]) if span_id in parents else 0

        return sorted(self._of(trace_id), key=lambda span: depth(span.message.span_id))

    def _of(self, trace_id: str) -> list[Received]:
        return [span for span in list(self.receiver.traces) if span.message.trace_id.hex() == trace_id]


@contextmanager
def pair(build: Callable[[str], Checkout], **env: str) -> Iterator[Pair]:
    with Receiver() as receiver:
        told = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "VERSION": "abc123", "LOG_LEVEL": "debug", **SOON, **env}
        with build("vehicles").started(**told) as back:
            others = {"VEHICLES_SERVICE_URL": back.url, "AWAY_SERVICE_URL": f"http://127.0.0.1:{free_port()}"}
            with build("rental-2").started(**told, **others) as front:
                yield Pair(receiver=receiver, front=front, back=back)


@pytest.fixture(scope="module")
def both(built: Callable[[str], Checkout]) -> Iterator[Pair]:
    """With everything sent that can be."""
    with pair(built) as made:
        yield made


def lines(service: Service) -> list[dict[str, Any]]:
    """Of requests in a trace, as those of probes are in none and may come later."""
    return [line for line in service.requests() if "trace_id" in line]


def traced(service: Service, path: str, **headers: str) -> dict[str, Any]:
    """Ask for a path; the line of the log that says so."""
    before = len(lines(service))
    service.ask(path, **headers)
    until(lambda: len(lines(service)) > before, about=service.log)
    return lines(service)[before]


def test_a_call_to_another_service_is_one_trace(both: Pair) -> None:
    """From the request through the call to the other's answer, parent to child, each under its own service's name."""
    line = traced(both.front, "/dependencies/vehicles")
    spans = both.trace(line["trace_id"], 3)
    asked, call, answered = (span.message for span in spans)

    assert [span.service for span in spans] == ["rental-2", "rental-2", "vehicles"]
    assert [span.message.kind for span in spans] == [SERVER, CLIENT, SERVER]
    assert (asked.name, answered.name) == ("GET /dependencies/:name", "GET /")
    assert [spans[index].attributes.get("http.route") for index in (0, 2)] == ["/dependencies/:name", "/"]
    assert asked.parent_span_id == b""
    assert (call.parent_span_id, answered.parent_span_id) == (asked.span_id, call.span_id)
    assert {span.resource["service.version"] for span in spans} == {"abc123"}


def test_the_lines_of_a_request_carry_its_trace(both: Pair) -> None:
    """In each of the services: from a line to the trace, and back."""
    line = traced(both.front, "/dependencies/vehicles")
    asked, _, answered = (span.message for span in both.trace(line["trace_id"], 3))
    until(lambda: any(found.get("trace_id") == line["trace_id"] for found in both.back.requests()))
    theirs = next(found for found in both.back.requests() if found.get("trace_id") == line["trace_id"])

    assert line["span_id"] == asked.span_id.hex()
    assert theirs["span_id"] == answered.span_id.hex()


def test_a_trace_that_a_caller_began_goes_on(both: Pair) -> None:
    """By the header of the W3C: the platform's ingress, or a service in another language."""
    trace_id, span_id = "5b8aa5a2d2c872e8321cf37308d69df2", "5fb397be34d26b51"
    line = traced(both.front, "/hello/you", traceparent=f"00-{trace_id}-{span_id}-01")
    (span,) = both.trace(trace_id, 1)

    assert line["trace_id"] == trace_id
    assert (span.message.name, span.message.parent_span_id.hex()) == ("GET /hello/:name", span_id)


def test_a_call_that_fails_is_a_failed_span(both: Pair) -> None:
    """It is what people look for."""
    line = traced(both.front, "/dependencies/away")
    spans = {span.message.kind: span.message for span in both.trace(line["trace_id"], 2)}

    assert line["status"] == 502
    assert {kind: span.status.code for kind, span in spans.items()} == {SERVER: ERROR, CLIENT: ERROR}


def test_a_path_that_no_route_takes_is_no_name_of_a_span(both: Pair) -> None:
    """Whoever tries a thousand paths would make a thousand names."""
    line = traced(both.front, "/wp-login.php")
    (span,) = both.trace(line["trace_id"], 1)

    assert "wp-login" not in span.message.name
    assert "http.route" not in span.attributes


def test_probes_and_scrapes_make_no_span(both: Pair) -> None:
    """They come every few seconds; nor does what readiness asks of the others."""
    for path in PROBES:
        both.front.ask(path)
    line = traced(both.front, "/hello/last")
    both.trace(line["trace_id"], 1)
    told = [f"{span.message.name} {span.attributes}" for span in both.receiver.traces]

    assert not [text for text in told if any(path in text for path in PROBES)]


def test_log_records_and_metrics_arrive_as_well(both: Pair) -> None:
    """Where nobody reads stdout or asks /metrics: another platform, a developer's own collector."""
    line = traced(both.front, "/hello/records")
    until(lambda: any(record.message.trace_id.hex() == line["trace_id"] for record in both.receiver.logs))
    record = next(record for record in both.receiver.logs if record.message.trace_id.hex() == line["trace_id"])
    until(lambda: any(metric.message.name == "http.server.request.duration" for metric in both.receiver.metrics), 20)

    assert (record.service, record.message.body.string_value) == ("rental-2", "request")
    assert record.message.span_id.hex() == line["span_id"]
    assert {metric.service for metric in both.receiver.metrics} == {"rental-2", "vehicles"}
    assert both.receiver.mistakes == []


def test_on_the_platform_only_traces_are_sent(built: Callable[[str], Checkout]) -> None:
    """The rest would be there twice. What is still unsent at the end is sent then, before the process is gone."""
    with pair(built, **ON_THE_PLATFORM, OTEL_BSP_SCHEDULE_DELAY="60000") as made:
        line = traced(made.front, "/dependencies/vehicles")
        before = len(made.receiver.traces)
        codes = [service.stop() for service in (made.front, made.back)]
        spans = made.trace(line["trace_id"], 3)

    assert (before, codes, len(spans)) == (0, [0, 0], 3)
    assert (made.receiver.logs, made.receiver.metrics, made.receiver.mistakes) == ([], [], [])


def test_traces_can_be_switched_off(built: Callable[[str], Checkout]) -> None:
    """By the variable that switches them off everywhere; a line still has its trace, as others may have sent it."""
    off = {f"OTEL_{signal}_EXPORTER": "none" for signal in ("TRACES", "METRICS", "LOGS")}
    with pair(built, **off) as made:
        line = traced(made.front, "/dependencies/vehicles")
        for service in (made.front, made.back):
            service.stop()

    assert len(line["trace_id"]) == 32
    assert (made.receiver.traces, made.receiver.logs, made.receiver.metrics) == ([], [], [])


def test_a_receiver_that_is_away_keeps_nobody(built: Callable[[str], Checkout]) -> None:
    """Neither requests nor the end: a collector's failure is not the service's."""
    away = f"http://127.0.0.1:{free_port()}"
    with built("rental-2").started(OTEL_EXPORTER_OTLP_ENDPOINT=away, **SOON) as service:
        status = service.ask("/").status
        began = time.monotonic()
        code = service.stop()
        seconds = time.monotonic() - began

    assert (status, code) == (200, 0)
    assert seconds < 20  # five to send what is left, and a busy machine's own


def test_a_name_that_somebody_sets_is_taken(built: Callable[[str], Checkout]) -> None:
    """And what else OpenTelemetry's variables say of a process, such as its environment."""
    named = {"OTEL_SERVICE_NAME": "other", "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=prod"}
    with pair(built, **named) as made:
        line = traced(made.front, "/hello/you")
        (span,) = made.trace(line["trace_id"], 1)

    assert (span.service, span.resource["deployment.environment.name"]) == ("other", "prod")
