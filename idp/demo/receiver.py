"""A receiver of OTLP over HTTP, for spans alone; it listens on this machine and keeps the latest."""

from __future__ import annotations

import gzip
import threading
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1 import trace_pb2

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from opentelemetry.proto.common.v1.common_pb2 import KeyValue

KEPT = 20_000
"""Spans; at a hundred a second, those of some minutes."""
STATUS = ("http.response.status_code", "http.status_code")
"""The attribute that has an answer's status, today and before."""
NANOSECONDS = 1e9


@dataclass(frozen=True, kw_only=True)
class Span:
    """One piece of work in a trace."""

    trace: str
    id: str
    parent: str
    """Empty for the first of a trace."""
    service: str
    name: str
    kind: str
    """`server` for a request that came in, `client` for one that went out, `internal` for what is neither."""
    start: float
    """As `time.time()` says it."""
    seconds: float
    status: int | None
    """Of the HTTP answer, where there was one."""
    failed: bool

    @property
    def end(self) -> float:
        """As `time.time()` says it."""
        return self.start + self.seconds


def decoded(body: bytes) -> Iterator[Span]:
    """The spans of one export."""
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        service = str(_attributes(resource.resource.attributes).get("service.name", "unknown"))
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield _span(span, service)


def _span(span: trace_pb2.Span, service: str) -> Span:
    attributes = _attributes(span.attributes)
    status = next((int(attributes[name]) for name in STATUS if name in attributes), None)
    return Span(
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        service=service,
        name=span.name,
        kind=trace_pb2.Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
        start=span.start_time_unix_nano / NANOSECONDS,
        seconds=(span.end_time_unix_nano - span.start_time_unix_nano) / NANOSECONDS,
        status=status,
        failed=span.status.code == trace_pb2.Status.STATUS_CODE_ERROR,
    )


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for pair in pairs:
        kind = pair.value.WhichOneof("value")
        found[pair.key] = getattr(pair.value, kind) if kind else None
    return found


class Receiver(ThreadingHTTPServer):
    """Takes what exporters send to `/v1/traces`, and answers as a collector does."""

    daemon_threads = True

    def __init__(self) -> None:
        """Listen on a free port."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self._spans: deque[Span] = deque(maxlen=KEPT)
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """What OTEL_EXPORTER_OTLP_ENDPOINT is to be."""
        return f"http://127.0.0.1:{self.server_port}"

    def spans(self) -> list[Span]:
        """Those that are kept, in order of their arrival."""
        with self._lock:
            return list(self._spans)

    def take(self, spans: Iterable[Span]) -> None:
        """Keep some more."""
        with self._lock:
            self._spans.extend(spans)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Receiver  # type: ignore[reportIncompatibleVariableOverride]

    def do_POST(self) -> None:
        body = self._body()
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        if self.path == "/v1/traces":
            self.server.take(decoded(body))
        self.send_response(200)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", "0")
        self.end_headers()

    def _body(self) -> bytes:
        """Of a length that was told, or in chunks, as Node.js sends it."""
        if self.headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("content-length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  http.server's name
        """Say nothing: the terminal is the view's."""


@contextmanager
def receiving() -> Generator[Receiver]:
    """One that listens."""
    receiver = Receiver()
    thread = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.shutdown()
        receiver.server_close()
