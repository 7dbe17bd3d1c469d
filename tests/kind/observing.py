"""A Prometheus and a collector on a tests' cluster, in the places and under the labels that the platform's add-ons have.

The charts that bring them cannot be had here, and neither can the operator: what it makes of a ServiceMonitor is made here.
"""

from __future__ import annotations

import json
import urllib.parse
from typing import TYPE_CHECKING, Any

from idp import naming, network
from tests.kind.platform import RESTRICTED
from tests.support import platform_node
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.kind.platform import Cluster

HOME = naming.OBSERVABILITY_NAMESPACE
COLLECTING = {
    "receivers": {"otlp": {"protocols": {"http": {"endpoint": "0.0.0.0:4318"}}}},
    "exporters": {"debug": {"verbosity": "detailed"}},
    "service": {"pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["debug"]}}},
}

USER = {
    "runAsNonRoot": True,
    "runAsUser": 10001,
    "fsGroup": 10001,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def missing() -> list[str]:
    """What there is no image of."""
    return [name for name in ("prometheus", "otelcol") if not platform_node.find(name)]


def start(cluster: Cluster) -> None:
    """Both, ready; Prometheus scrapes what the cluster's ServiceMonitors say at this moment."""
    monitors = cluster.get("servicemonitors", "--all-namespaces")["items"]
    scraping = {"global": {"scrape_interval": "2s"}, "scrape_configs": [job(cluster, each) for each in monitors]}
    prometheus, collector = network.OBSERVABILITY.prometheus, network.OBSERVABILITY.collector
    assert prometheus
    assert collector
    cluster.apply(
        *program("prometheus", platform_node.PROMETHEUS, prometheus.labels, scraping,
                 ("--config.file=/etc/program/config.json", "--storage.tsdb.path=/prometheus"), 9090),
        *program("otel-collector", platform_node.COLLECTOR, collector.labels, COLLECTING,
                 ("--config=/etc/program/config.json",), 4318),
        namespace=HOME,
    )  # fmt: skip
    for name in ("prometheus", "otel-collector"):
        cluster.kubectl("wait", "pod", name, "-n", HOME, "--for=condition=Ready", "--timeout=90s")


def job(cluster: Cluster, monitor: Mapping[str, Any]) -> dict[str, Any]:
    """What a ServiceMonitor comes to: the pods behind a port of the selected Services, with their names.

    Debian's Prometheus knows no Kubernetes, so the pods are those of this moment.
    """
    (endpoint,) = monitor["spec"]["endpoints"]
    home, chosen = monitor["metadata"]["namespace"], monitor["spec"]["selector"]["matchLabels"]
    selector = ",".join(f"{key}={value}" for key, value in chosen.items())
    targets = [
        {
            "targets": [f"{pod['addresses'][0]}:{port['port']}"],
            "labels": {"namespace": home, "service": service["metadata"]["name"], "pod": pod["targetRef"]["name"]},
        }
        for service in cluster.get("services", "-n", home, "-l", selector)["items"]
        for found in cluster.get(
            "endpointslices", "-n", home, "-l", f"kubernetes.io/service-name={service['metadata']['name']}"
        )["items"]
        for port in found["ports"]
        if port["name"] == endpoint["port"]
        for pod in found["endpoints"]
        if pod["conditions"]["ready"]
    ]
    name = f"{home}/{monitor['metadata']['name']}"
    return {"job_name": name, "metrics_path": endpoint["path"], "static_configs": targets}


def program(
    name: str, image: str, labels: Mapping[str, str], config: Any, arguments: tuple[str, ...], port: int
) -> Iterable[dict[str, Any]]:
    """A pod with its configuration, and a Service of the same name."""
    yield {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": f"{name}-config"},
        "data": {"config.json": json.dumps(config)},
    }
    container = {
        "name": name,
        "image": image,
        "args": list(arguments),
        "ports": [{"containerPort": port}],
        "readinessProbe": {"tcpSocket": {"port": port}, "periodSeconds": 1},
        "securityContext": RESTRICTED,
        "volumeMounts": [{"name": "config", "mountPath": "/etc/program"}, {"name": "data", "mountPath": "/prometheus"}],
    }
    yield {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": dict(labels)},
        "spec": {
            "automountServiceAccountToken": False,
            "securityContext": USER,
            "terminationGracePeriodSeconds": 0,
            "containers": [container],
            "volumes": [{"name": "config", "configMap": {"name": f"{name}-config"}}, {"name": "data", "emptyDir": {}}],
        },
    }
    yield {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": dict(labels), "ports": [{"port": port}]},
    }


def query(cluster: Cluster, expression: str) -> list[tuple[dict[str, str], float]]:
    """Labels and value of each series that an expression gives now."""
    asked = urllib.parse.urlencode({"query": expression})
    path = f"/api/v1/namespaces/{HOME}/pods/prometheus:9090/proxy/api/v1/query?{asked}"
    found = json.loads(cluster.kubectl("get", "--raw", path))["data"]["result"]
    return [(each["metric"], float(each["value"][1])) for each in found]


def soon(cluster: Cluster, expression: str, timeout: float = 60) -> list[tuple[dict[str, str], float]]:
    """The same, as soon as there is a series."""
    return until(lambda: query(cluster, expression), timeout, lambda: f"no series for {expression}{cluster.trouble()}")


def traces(cluster: Cluster) -> dict[str, set[str]]:
    """Trace id -> the services that have a span in it, as the collector has got them so far."""
    found: dict[str, set[str]] = {}
    service = ""
    for line in cluster.kubectl("logs", "otel-collector", "-n", HOME).splitlines():
        word, value = (part.strip() for part in line.partition(":")[::2])
        if word == "-> service.name":
            service = value.removeprefix("Str(").removesuffix(")")
        elif word == "Trace ID":
            found.setdefault(value, set()).add(service)
    return found
