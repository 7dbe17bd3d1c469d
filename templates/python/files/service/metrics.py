"""What Prometheus reads: requests by route, dependencies, and the runtime's own (`process_*`, `python_*`).

The names are the same in every service, so that one dashboard and one alert fit all. The label that tells the services
apart is added where they are scraped.
"""

import re

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each one, of when it began


def route_label(path: str) -> str:
    """A route's template as all services write it: `/hello/{name}` is `/hello/:name`."""
    return re.sub(r"\{(\w+)(?::\w+)?\}", r":\1", path)


class Metrics:
    """The metrics of one service, in a registry of their own."""

    def __init__(self) -> None:
        """Begin at zero."""
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        labels = ("method", "route", "status")
        self._requests = Counter("http_requests_total", "Answered HTTP requests.", labels, registry=self._registry)
        self._duration = Histogram(
            "http_request_duration_seconds",
            "Time from a request's head to the end of its answer.",
            labels,
            registry=self._registry,
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
        )
        self._up = Gauge(
            "dependency_up",
            "Whether a dependency answered when readiness was last asked.",
            ("dependency",),
            registry=self._registry,
        )

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request. `route` is the template, never the path: each value is a series of its own."""
        self._requests.labels(method, route, str(status)).inc()
        self._duration.labels(method, route, str(status)).observe(seconds)

    def dependency(self, name: str, *, up: bool) -> None:
        """Note whether a dependency answers."""
        self._up.labels(name).set(up)

    def page(self) -> bytes:
        """The page at /metrics."""
        return generate_latest(self._registry)
