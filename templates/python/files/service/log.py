"""One JSON object a line on stdout: time, level, service, version, msg, the trace, and what the call adds.

In a module: `log = logging.getLogger(__name__)`, then `log.info("rented", extra={"vehicle": vehicle.id})`.
"""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, TextIO

from opentelemetry import trace

from service.config import SERVICE, LogLevel

LEVELS: dict[LogLevel, int] = {
    "trace": 5,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
    "fatal": logging.CRITICAL,
    "silent": logging.CRITICAL + 1,
}

NAMES = {number: name for name, number in LEVELS.items()}

STANDARD = {*vars(logging.makeLogRecord({})), "message", "asctime", "color_message"}
"""What every record has; the rest came from `extra`."""


class JsonFormatter(logging.Formatter):
    """Writes a record as one line of JSON."""

    def __init__(self, version: str) -> None:
        """Say of which build the lines are."""
        super().__init__()
        self._about = {"service": SERVICE, "version": version}

    def format(self, record: logging.LogRecord) -> str:
        """Make the line."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {
            "time": time.replace("+00:00", "Z"),
            "level": NAMES.get(record.levelno, record.levelname.lower()),
            **self._about,
            "msg": record.getMessage(),
        }
        if (span := trace.get_current_span().get_span_context()).is_valid:
            line |= {"trace_id": trace.format_trace_id(span.trace_id), "span_id": trace.format_span_id(span.span_id)}
        line |= {key: value for key, value in vars(record).items() if key not in STANDARD}
        if record.exc_info and record.exc_info[1]:
            line["err"] = _told(*record.exc_info)
        return json.dumps(line, default=str)


def _told(kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None) -> dict[str, str]:
    return {
        "type": kind.__name__ if kind else "",
        "message": str(error),
        "stack": "".join(traceback.format_exception(kind, error, where)),
    }


def configure(level: LogLevel, version: str, stream: TextIO = sys.stdout) -> None:
    """Write every record to the stream: the service's from `level` on, the libraries' only from `warn` on."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter(version))
    handler.setLevel(LEVELS[level])
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("service").setLevel(LEVELS[level])
    logging.addLevelName(LEVELS["trace"], "TRACE")
    logging.captureWarnings(capture=True)
