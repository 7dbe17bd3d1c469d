"""The log: one JSON object a line."""

import io
import logging
import warnings
from datetime import datetime

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from service.config import SERVICE
from service.log import configure
from tests.conftest import Log

logger = logging.getLogger("service.test")


def test_a_line_says_when_who_and_what(log: Log) -> None:
    """All services' lines are searched with the same words."""
    logger.warning("rented %s", "one", extra={"vehicle": 7})

    (line,) = log()
    assert datetime.fromisoformat(line.pop("time"))
    assert line == {"level": "warn", "service": SERVICE, "version": "test", "msg": "rented one", "vehicle": 7}


def test_an_error_is_on_the_same_line(log: Log) -> None:
    """A stack over many lines would be many entries."""
    try:
        int("on purpose")
    except ValueError:
        logger.exception("failed")

    (line,) = log()
    assert (line["level"], line["err"]["type"]) == ("error", "ValueError")
    assert "on purpose" in line["err"]["message"]
    assert "test_log.py" in line["err"]["stack"]


def test_a_line_names_the_trace_that_it_belongs_to(log: Log) -> None:
    """From a line to its trace is one click."""
    with TracerProvider(shutdown_on_exit=False).get_tracer("test").start_as_current_span("test") as span:
        logger.info("inside")

    (line,) = log()
    assert line["trace_id"] == trace.format_trace_id(span.get_span_context().trace_id)
    assert line["span_id"] == trace.format_span_id(span.get_span_context().span_id)


def test_libraries_are_heard_when_they_warn(log: Log) -> None:
    """What they tell of every request would drown what the service says."""
    logging.getLogger("uvicorn.error").info("started")
    logging.getLogger("uvicorn.error").error("broken")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("old", stacklevel=1)

    assert [line["level"] for line in log()] == ["error", "warn"]


@pytest.mark.usefixtures("log")
def test_silent_is_silent() -> None:
    """Also for the libraries."""
    stream = io.StringIO()
    configure("silent", "test", stream)
    logger.critical("nobody hears this")
    logging.getLogger("uvicorn.error").critical("nor this")

    assert stream.getvalue() == ""
