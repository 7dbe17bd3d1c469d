"""OpenTelemetry: spans of what comes in and goes out, and their export where the environment asks for it.

`start` runs before the application is imported, because an instrumentation only sees what is made after it. Everything
else is set by OpenTelemetry's own variables, OTEL_*; without an endpoint nothing leaves the process.
"""

import logging
import os
import threading
from collections.abc import Mapping
from typing import Any, Protocol

from opentelemetry import metrics, trace
from opentelemetry.sdk.resources import SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import Span, TracerProvider
from opentelemetry.semconv.attributes.http_attributes import HTTP_ROUTE

from service.config import SERVICE
from service.metrics import route_label

FLUSH_SECONDS = 5.0

PROBES = r"^https?://[^/]+/(healthz|readyz|metrics)$"


class Provider(Protocol):
    """What traces, metrics and logs have in common: the rest is sent when it is shut down."""

    def shutdown(self) -> object:
        """Send and stop."""


_providers: list[Provider] = []


def start(version: str) -> None:
    """Make trace ids, pass them on, and export what the environment says."""
    os.environ.setdefault("OTEL_SERVICE_NAME", SERVICE)
    os.environ.setdefault("OTEL_SEMCONV_STABILITY_OPT_IN", "http")  # the names that are there to stay
    resource = Resource.create({SERVICE_VERSION: version})

    _trace(resource)
    if exported("metrics"):
        _measure(resource)
    if exported("logs"):
        _log(resource)
    _instrument()


def stop() -> None:
    """Send what is left. A receiver that is gone must not keep the process: it has five seconds, and no say."""
    flush = threading.Thread(target=lambda: [provider.shutdown() for provider in _providers], daemon=True)
    flush.start()
    flush.join(FLUSH_SECONDS)


def exported(signal: str) -> bool:
    """Whether the environment wants traces, metrics or logs to be sent somewhere."""
    variables = ("OTEL_EXPORTER_OTLP_ENDPOINT", f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT")
    wanted = os.environ.get(f"OTEL_{signal.upper()}_EXPORTER") or "otlp"
    return wanted != "none" and any(os.environ.get(variable) for variable in variables)


# The exporters are imported where they are used: they cost as much time and memory as the rest of the service.


def _trace(resource: Resource) -> None:
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    if exported("traces"):
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    _providers.append(provider)


def _measure(resource: Resource) -> None:
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

    readers = [PeriodicExportingMetricReader(OTLPMetricExporter())]
    provider = MeterProvider(resource=resource, metric_readers=readers, shutdown_on_exit=False)
    metrics.set_meter_provider(provider)
    _providers.append(provider)


def _log(resource: Resource) -> None:
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.instrumentation.logging.handler import LoggingHandler
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

    provider = LoggerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
    logging.getLogger().addHandler(LoggingHandler(logger_provider=provider))
    _providers.append(provider)


def _instrument() -> None:
    """Patch the libraries; one that is added to requirements.in gets its line here."""
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
    from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor

    FastAPIInstrumentor().instrument(
        excluded_urls=PROBES, exclude_spans=["receive", "send"], server_request_hook=_rename
    )
    HTTPXClientInstrumentor().instrument()


def _rename(span: trace.Span, _scope: Mapping[str, Any]) -> None:
    """Name the route as the metrics and logs do."""
    if isinstance(span, Span) and span.attributes and (route := span.attributes.get(HTTP_ROUTE)):
        span.set_attribute(HTTP_ROUTE, route_label(str(route)))
        span.update_name(route_label(span.name))
