"""The service as a process, and another server that it talks to."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


class Other(ThreadingHTTPServer):
    """Whatever the service talks to: slow to answer, and a receiver of telemetry."""

    def __init__(self, delay: float = 0.0) -> None:
        """Listen on a free port."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.delay = delay
        self.called = threading.Event()
        """Somebody asks."""
        self.headers: list[dict[str, str]] = []
        self.posted: dict[str, list[bytes]] = {}
        """Path -> bodies."""
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def spans(self) -> tuple[dict[str, str], dict[str, Span]]:
        """The traces that were sent here: what they say of the service, and the spans by name."""
        requests = [ExportTraceServiceRequest.FromString(body) for body in self.posted.get("/v1/traces", [])]
        resources = [resource for request in requests for resource in request.resource_spans]
        about = {text.key: text.value.string_value for part in resources for text in part.resource.attributes}
        return about, {span.name: span for part in resources for scope in part.scope_spans for span in scope.spans}

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Other

    def do_GET(self) -> None:
        self.server.headers.append(dict(self.headers))
        self.server.called.set()
        time.sleep(self.server.delay)
        self._answer()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.posted.setdefault(self.path, []).append(body)
        self._answer()

    def _answer(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class Process:
    """The service, started."""

    def __init__(self, **env: str) -> None:
        """Start it on a free port."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "service"],
            env={**kept, "HOST": "127.0.0.1", "PORT": "0", **env},
            stdout=subprocess.PIPE,
            text=True,
        )

    def listening(self) -> str:
        """Wait for its port, and say where it is."""
        assert self.process.stdout
        line = json.loads(self.process.stdout.readline())
        assert line["msg"] == "listening", line
        return f"http://127.0.0.1:{line['port']}"

    def ended(self) -> tuple[int, list[dict[str, Any]]]:
        """Wait for its end: the exit code, and what is left of its log."""
        output, _ = self.process.communicate(timeout=20)
        return self.process.returncode, [json.loads(line) for line in output.splitlines()]


@contextmanager
def started(**env: str) -> Iterator[Process]:
    """Run the service, and leave nothing behind."""
    service = Process(**env)
    try:
        yield service
    finally:
        service.process.kill()
        service.process.communicate()


def asked(url: str, path: str, end: str = "\r\n") -> socket.socket:
    """Send a request, and leave its answer where it is."""
    connection = socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])))
    connection.sendall(f"GET {path} HTTP/1.1\r\nhost: service\r\n{end}".encode())
    return connection


@contextmanager
def other(delay: float = 0.0) -> Iterator[Other]:
    """Run another server."""
    server = Other(delay)
    yield server
    server.shutdown()
    server.server_close()
