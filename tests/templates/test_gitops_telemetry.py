"""The collectors' configurations, run by the real collector: what goes in by OTLP or from a log file comes out, and where."""

from __future__ import annotations

import copy
import json
import os
import queue
import re
import subprocess
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.support.apiserver import free_port
from tests.templates.gitops_repository import repository
from tests.templates.service import tool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECONDS = 30
"""The longest that a test waits for a process or for what it sends."""

TRACE, SPAN = "5b8aa5a2d2c872e8321cf37308d69df2", "5fb397be34d26b51"
POD = "mobility-dev_rental-7d9c5b6f4-abcde_0a7f3f5e-9f5a-4c7b-8a6e-1f2d3c4b5a69"
NOW = time.time_ns()

Sent = tuple[str, dict[str, Any]]
"""The path that an exporter called, and what it sent."""


def config(name: str) -> dict[str, Any]:
    """A collector's whole configuration, as the chart puts it into its ConfigMap."""
    return copy.deepcopy(repository().values[name]["alternateConfig"])


def beside_a_cluster(settings: dict[str, Any]) -> dict[str, Any]:
    """The one place for what a test changes: parts that need a cluster, or that the collector at hand was built without."""
    absent = {"k8s_attributes", "file_storage"}
    for part in ("processors", "extensions"):
        settings[part] = {name: value for name, value in settings[part].items() if name not in absent}
    service = settings["service"]
    service["extensions"] = [name for name in service["extensions"] if name not in absent]
    for pipeline in service["pipelines"].values():
        pipeline["processors"] = [name for name in pipeline["processors"] if name not in absent]
    for receiver in settings["receivers"].values():
        receiver.pop("storage", None)
    return settings


def on_loopback(settings: dict[str, Any], sink: str, logs: Path | None = None) -> dict[str, Any]:
    """The one place for addresses, and for the sink's plain JSON; a place of the node's logs where there are some."""
    for name, exporter in settings["exporters"].items():
        path = exporter["endpoint"].partition("//")[2].partition("/")[2]
        exporter |= {"endpoint": f"{sink}/{name}/{path}".rstrip("/"), "encoding": "json", "compression": "none"}
    for protocol in settings["receivers"].get("otlp", {"protocols": {}})["protocols"].values():
        protocol["endpoint"] = f"127.0.0.1:{free_port()}"
    settings["extensions"]["health_check"]["endpoint"] = f"127.0.0.1:{free_port()}"
    (reader,) = settings["service"]["telemetry"]["metrics"]["readers"]
    reader["pull"]["exporter"]["prometheus"] |= {"host": "127.0.0.1", "port": free_port()}
    if "span_metrics" in settings.get("connectors", {}):
        settings["connectors"]["span_metrics"]["metrics_flush_interval"] = "1s"
    if logs:
        reader_of_files = settings["receivers"]["file_log"]
        for key in ("include", "exclude"):
            reader_of_files[key] = [f"{logs}{pattern}" for pattern in reader_of_files[key]]
    return settings


@pytest.fixture
def sink() -> Iterator[tuple[str, queue.Queue[Sent]]]:
    """Something that takes OTLP over HTTP in JSON and keeps it; what is below /refused it refuses."""
    kept: queue.Queue[Sent] = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            refused = self.path.startswith("/refused")
            if not refused:
                kept.put((self.path, body))
            answer = b"{}"
            self.send_response(HTTPStatus.BAD_REQUEST if refused else HTTPStatus.OK)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Not a word."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", kept
    server.shutdown()
    server.server_close()


@contextmanager
def collector(settings: dict[str, Any], folder: Path) -> Iterator[None]:
    """The real collector with these settings, from when it is well until the end."""
    program, file, log = tool("otelcol"), folder / "relay.yaml", folder / "collector.log"
    file.write_text(yaml.safe_dump(settings))
    with log.open("wb") as output:
        process = subprocess.Popen([program, f"--config={file}"], stdout=output, stderr=output, cwd=folder)
    try:
        deadline = time.monotonic() + SECONDS
        while not answers(f"http://{settings['extensions']['health_check']['endpoint']}/"):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(SECONDS)


def answers(url: str) -> str | None:
    """What is at an address, if it answers with success."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310  loopback
            return response.read().decode()
    except (OSError, urllib.error.URLError):
        return None


def send(settings: dict[str, Any], signal: str, body: dict[str, Any]) -> None:
    """One message as a program's SDK sends it."""
    address = settings["receivers"]["otlp"]["protocols"]["http"]["endpoint"]
    request = urllib.request.Request(
        f"http://{address}/v1/{signal}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=SECONDS) as response:  # noqa: S310  loopback
        assert response.status == HTTPStatus.OK


def arriving(kept: queue.Queue[Sent]) -> Iterator[Sent]:
    """What comes in, one after the other; whoever waits for something stops when it was there."""
    deadline = time.monotonic() + SECONDS
    while (left := deadline - time.monotonic()) > 0:
        with suppress(queue.Empty):
            yield kept.get(timeout=left)
    pytest.fail(f"it did not come in {SECONDS} s")


def attributes(holder: dict[str, Any]) -> dict[str, Any]:
    return {each["key"]: next(iter(each["value"].values())) for each in holder["attributes"]}


def resource(**more: str) -> dict[str, Any]:
    said = {"service.name": "rental", "k8s.namespace.name": "mobility-dev"} | more
    return {"attributes": [{"key": key, "value": {"stringValue": value}} for key, value in said.items()]}


def trace(method: str = "GET", **more: str) -> dict[str, Any]:
    """One request that a service answered in 40 ms."""
    attribute = {"key": "http.request.method", "value": {"stringValue": method}}
    span = {
        "traceId": TRACE, "spanId": SPAN, "name": "GET /bikes", "kind": 2, "attributes": [attribute],
        "startTimeUnixNano": str(NOW - 40_000_000), "endTimeUnixNano": str(NOW),
    }  # fmt: skip
    return {"resourceSpans": [{"resource": resource(**more), "scopeSpans": [{"spans": [span]}]}]}


@pytest.mark.parametrize("name", ["otel-collector", "otel-agent"])
def test_the_collector_accepts_its_configuration(name: str, tmp_path: Path) -> None:
    """With what needs a cluster, as that is only connected to at the start; without what this build lacks."""
    settings = config(name)
    if name == "otel-agent":
        settings = beside_a_cluster(settings)
    (tmp_path / "relay.yaml").write_text(yaml.safe_dump(settings))
    command = [tool("otelcol"), "validate", f"--config={tmp_path / 'relay.yaml'}"]
    environment = os.environ | {"MY_POD_IP": "127.0.0.1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=SECONDS)

    assert done.returncode == 0, done.stderr


def test_traces_metrics_and_logs_go_each_to_their_own_place(
    sink: tuple[str, queue.Queue[Sent]], tmp_path: Path
) -> None:
    """What a program sends to one address is found in three."""
    url, kept = sink
    settings = on_loopback(beside_a_cluster(config("otel-collector")), url)
    point = {"asInt": "3", "timeUnixNano": str(NOW)}
    metric = {"name": "bikes.rented", "gauge": {"dataPoints": [point]}}
    record = {"timeUnixNano": str(NOW), "body": {"stringValue": "rented"}, "traceId": TRACE}
    with collector(settings, tmp_path):
        send(settings, "traces", trace())
        send(
            settings,
            "metrics",
            {"resourceMetrics": [{"resource": resource(), "scopeMetrics": [{"metrics": [metric]}]}]},
        )
        send(settings, "logs", {"resourceLogs": [{"resource": resource(), "scopeLogs": [{"logRecords": [record]}]}]})
        found: dict[str, str] = {}
        for path, body in arriving(kept):
            found |= {word: path for word in ("GET /bikes", "bikes.rented", '"rented"') if word in json.dumps(body)}
            if len(found) == 3:
                break

    assert found == {
        "GET /bikes": "/otlp_http/traces/v1/traces",
        "bikes.rented": "/otlp_http/metrics/api/v1/otlp/v1/metrics",
        '"rented"': "/otlp_http/logs/otlp/v1/logs",
    }


def test_requests_are_counted_by_pod_with_an_example_for_each_latency(
    sink: tuple[str, queue.Queue[Sent]], tmp_path: Path
) -> None:
    """One series of two pods, or two of one pod's two processes, and Prometheus would take one for the other."""
    url, kept = sink
    settings = on_loopback(beside_a_cluster(config("otel-collector")), url)
    points: dict[tuple[str, str], list[dict[str, Any]]] = {}
    pods = {"rental-1": "2", "rental-2": "1"}

    def complete() -> bool:
        last = {pod: points[pod, "traces.span.metrics.calls"][-1] for pod, name in points if name.endswith("calls")}
        return {pod: point["asInt"] for pod, point in last.items()} == pods

    with collector(settings, tmp_path):
        for pod, process in (("rental-1", "1"), ("rental-1", "7"), ("rental-2", "1")):
            send(settings, "traces", trace(**{"k8s.pod.name": pod, "process.pid": process}))
        for _, body in arriving(kept):
            for each in body.get("resourceMetrics", []):
                pod = attributes(each["resource"])["k8s.pod.name"]
                for metric in (metric for scope in each["scopeMetrics"] for metric in scope["metrics"]):
                    kind = metric.get("sum") or metric["histogram"]
                    assert kind["aggregationTemporality"] == 2
                    assert len(kind["dataPoints"]) == 1
                    points.setdefault((pod, metric["name"]), []).extend(kind["dataPoints"])
            if complete():
                break
    calls, latencies = (points["rental-1", f"traces.span.metrics.{name}"] for name in ("calls", "duration"))
    examples = {example["traceId"] for point in latencies for example in point.get("exemplars", [])}

    assert attributes(calls[-1]).items() >= {
        "service.name": "rental", "k8s.namespace.name": "mobility-dev", "span.kind": "SPAN_KIND_SERVER",
        "http.request.method": "GET",
    }.items()  # fmt: skip
    assert latencies[-1]["explicitBounds"][:3] == [5, 10, 25]
    assert examples == {TRACE}


def line(text: str) -> str:
    """As the container runtime writes what a program printed."""
    return f"2026-11-24T04:00:00.000000000Z stdout F {text}\n"


def test_what_pods_print_is_sent_on_with_its_pod_level_and_trace(
    sink: tuple[str, queue.Queue[Sent]], tmp_path: Path
) -> None:
    """The line itself stays as it was; lines of the collectors themselves would never end."""
    url, kept = sink
    settings = on_loopback(beside_a_cluster(config("otel-agent")), url, logs=tmp_path)
    said = json.dumps({"level": "error", "msg": "no bike", "trace_id": TRACE, "span_id": SPAN})
    files = {
        f"{POD}/rental/0.log": line("started") + line(said) + line("{not json}") + line('{"n": 1}'),
        "observability-agents_otel-agent-x7k2p_1b2c/opentelemetry-collector/0.log": line("the agent's"),
        "observability_otel-collector-6c9f-x7k2p_3d4e/opentelemetry-collector/0.log": line("the gateway's"),
    }
    for path, text in files.items():
        file = tmp_path / "var/log/pods" / path
        file.parent.mkdir(parents=True)
        file.write_text(text)

    found: dict[str, dict[str, Any]] = {}
    with collector(settings, tmp_path):
        for _, body in arriving(kept):
            for each in body["resourceLogs"]:
                records = [record for scope in each["scopeLogs"] for record in scope["logRecords"]]
                found |= {
                    record["body"]["stringValue"]: {**record, "of": attributes(each["resource"])} for record in records
                }
            if len(found) == 4:
                break
    namespace, pod, uid = POD.split("_")

    assert set(found) == {"started", said, "{not json}", '{"n": 1}'}
    assert found["started"]["of"].items() >= {
        "k8s.namespace.name": namespace, "k8s.pod.name": pod, "k8s.pod.uid": uid, "k8s.container.name": "rental",
    }.items()  # fmt: skip
    assert (found[said]["traceId"], found[said]["spanId"]) == (TRACE, SPAN)
    assert found[said]["severityText"] == "error"
    assert not any("parsed" in attributes(record) for record in found.values())


def test_the_alert_for_lost_telemetry_asks_for_metrics_that_there_are(
    sink: tuple[str, queue.Queue[Sent]], tmp_path: Path
) -> None:
    """Their names changed from one version to the next, more than once."""
    url, _ = sink
    settings = on_loopback(beside_a_cluster(config("otel-collector")), f"{url}/refused")
    port = settings["service"]["telemetry"]["metrics"]["readers"][0]["pull"]["exporter"]["prometheus"]["port"]
    rules = repository().manifests("rules")[0]["spec"]["groups"]
    (alert,) = (rule for group in rules for rule in group["rules"] if rule.get("alert") == "TelemetryLost")
    asked = re.findall(r'__name__=~"([^"]+)"', alert["expr"])[0]
    with collector(settings, tmp_path):
        send(settings, "traces", trace())
        deadline = time.monotonic() + SECONDS
        while not re.search(rf"^{asked}{{", page := answers(f"http://127.0.0.1:{port}/metrics") or "", re.MULTILINE):
            assert time.monotonic() < deadline, page
            time.sleep(0.1)
