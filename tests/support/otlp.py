"""A receiver of OpenTelemetry's protocol over HTTP, in protobuf: keeps the spans, metrics and log records that services send."""

from __future__ import annotations

import gzip
import threading
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

if TYPE_CHECKING:
    from io import BufferedIOBase

    from google.protobuf.message import Message

SIGNALS: dict[str, tuple[type[Message], str, str, str]] = {
    "/v1/traces": (ExportTraceServiceRequest, "resource_spans", "scope_spans", "spans"),
    "/v1/metrics": (ExportMetricsServiceRequest, "resource_metrics", "scope_metrics", "metrics"),
    "/v1/logs": (ExportLogsServiceRequest, "resource_logs", "scope_logs", "log_records"),
}
"""Path -> its message, and the lists in lists that lead to a single one."""


@dataclass(frozen=True, kw_only=True)
class Received:
    """A span, a metric or a log record, and who sent it."""

    resource: dict[str, Any]
    scope: str
    message: Any
    """As protobuf has it."""

    @property
    def attributes(self) -> dict[str, Any]:
        """Of itself."""
        return attributes(self.message.attributes)

    @property
    def service(self) -> str:
        """The name of who sent it."""
        return self.resource["service.name"]


@dataclass(kw_only=True)
class Receiver:
    """`with Receiver() as receiver`: on loopback, at a port of its own."""

    traces: list[Received] = field(default_factory=list[Received])
    metrics: list[Received] = field(default_factory=list[Received])
    logs: list[Received] = field(default_factory=list[Received])
    mistakes: list[str] = field(default_factory=list[str])
    """What somebody sent that this cannot be sent."""

    def __enter__(self) -> Self:
        """Listen."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                known = receiver.take(self.path, dict(self.headers), body(dict(self.headers), self.rfile))
                self.send_response(HTTPStatus.OK if known else HTTPStatus.NOT_FOUND)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Not a word."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """What OTEL_EXPORTER_OTLP_ENDPOINT is set to."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def take(self, path: str, headers: dict[str, str], sent: bytes) -> bool:
        """Keep what was sent; whether it was anything that has a place here."""
        given = {name.lower(): value for name, value in headers.items()}
        if path not in SIGNALS or given.get("content-type") != "application/x-protobuf":
            self.mistakes.append(f"{path} {given.get('content-type')}")
            return False
        kind, resources, scopes, each = SIGNALS[path]
        message: Any = kind.FromString(gzip.decompress(sent) if given.get("content-encoding") == "gzip" else sent)
        kept = {"/v1/traces": self.traces, "/v1/metrics": self.metrics, "/v1/logs": self.logs}[path]
        for resource in getattr(message, resources):
            who = attributes(resource.resource.attributes)
            for scope in getattr(resource, scopes):
                kept += [Received(resource=who, scope=scope.scope.name, message=one) for one in getattr(scope, each)]
        return True


def body(headers: dict[str, str], stream: BufferedIOBase) -> bytes:
    """What was sent, by its length or in chunks: Node's exporters do not say how long it will be."""
    given = {name.lower(): value for name, value in headers.items()}
    if given.get("transfer-encoding", "").lower() != "chunked":
        return stream.read(int(given.get("content-length", "0")))
    sent = b""
    while size := int(stream.readline().partition(b";")[0], 16):
        sent += stream.read(size)
        stream.readline()
    while stream.readline().strip():
        """Trailers say nothing here."""
    return sent


def attributes(pairs: Any) -> dict[str, Any]:
    """Key -> value, as plain data."""
    return {pair.key: next(iter(MessageToDict(pair.value).values()), None) for pair in pairs}
