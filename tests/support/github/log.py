"""Every request and its answer, for tests to count and for the contract check to judge."""

from __future__ import annotations

import json
import re
import threading
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from .answers import number

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """One request and what became of it."""

    method: str
    path: str
    """Without `/api/v3` and without the query."""
    query: dict[str, str]
    api: bool
    """False for git over HTTP."""
    status: int | None
    """None when the connection was dropped before the work."""
    request_text: str
    response_text: str
    token: str | None
    """The token's name, never its secret."""
    fault: str | None
    started: float
    seconds: float
    response_headers: dict[str, str] = field(default_factory=dict)

    @property
    def request_body(self) -> Any:
        """What was asked, as JSON; None where it is none."""
        return parsed(self.request_text)

    @property
    def response_body(self) -> Any:
        """What was answered, as JSON; None where it is none."""
        return parsed(self.response_text)

    @property
    def write(self) -> bool:
        """Whether it asked for a change."""
        return self.method not in {"GET", "HEAD"}


def parsed(text: str) -> Any:
    """A text as JSON, if it is."""
    try:
        return json.loads(text, parse_float=number) if text else None
    except ValueError:
        return None


class Log:
    """The exchanges in the order in which they ended; also as JSON lines when there is a file."""

    def __init__(self, secrets: Iterable[str], file: Path | None = None) -> None:
        """Empty; `secrets` are what it must never show."""
        self.entries: list[Exchange] = []
        self._secrets = [secret for secret in secrets if secret]
        self._file = file
        self._lock = threading.Lock()

    def text(self, body: bytes) -> str:
        """A body with its secrets blotted out."""
        text = body.decode("utf-8", "replace")
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

    def add(self, exchange: Exchange) -> None:
        """Keep one."""
        with self._lock:
            self.entries.append(exchange)
            if self._file:
                with self._file.open("a") as lines:
                    lines.write(json.dumps(asdict(exchange)) + "\n")

    def find(
        self, method: str | None = None, path_pattern: str | None = None, status: int | None = None
    ) -> list[Exchange]:
        """The exchanges with this method, whole path (a regular expression) and status."""
        found = list(self.entries)
        if method:
            found = [e for e in found if e.method == method.upper()]
        if path_pattern:
            found = [e for e in found if re.fullmatch(path_pattern, e.path)]
        return [e for e in found if status is None or e.status == status]
