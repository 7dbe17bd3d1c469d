"""Faults on demand: what a network and a busy GitHub do to a client, once and at the right moment."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .answers import RATE_LIMITS, Answer, Refusal

if TYPE_CHECKING:
    import re

SECONDARY = (
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again. "
    "If you reach out to GitHub Support for help, please include the request ID."
)
UNICORN = b"<!DOCTYPE html>\n<html><head><title>Unicorn! &middot; GitHub</title></head><body></body></html>\n"

KINDS = {"500", "502", "503", "secondary", "primary", "not-found", "drop-before", "drop-after", "slow"}


@dataclass
class Fault:
    """One fault that waits for its request."""

    method: str | None
    path: re.Pattern[str]
    kind: str
    times: int
    after: int
    seconds: float
    """How long to be slow, or what `Retry-After` or the reset says."""
    seen: int = 0
    struck: int = 0

    def due(self, method: str, path: str) -> bool:
        """Whether this request is one of those meant; counts it."""
        if self.method not in {None, method} or not self.path.fullmatch(path):
            return False
        self.seen += 1
        return self.seen > self.after and self.struck < self.times

    def answer(self) -> Answer | None:
        """What is said instead of working; nothing for faults of the wire."""
        if self.kind == "500":
            return Answer(status=500, body={"message": "Server Error"})
        if self.kind in {"502", "503"}:
            return Answer(status=int(self.kind), raw=UNICORN, content_type="text/html; charset=utf-8")
        if self.kind == "secondary":
            headers = {"Retry-After": str(round(self.seconds))}
            return Refusal(403, SECONDARY, headers=headers, documentation=RATE_LIMITS).answer()
        if self.kind == "primary":
            headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(round(time.time() + self.seconds))}
            message = "API rate limit exceeded for user ID 1."
            return Refusal(403, message, headers=headers, documentation=RATE_LIMITS).answer()
        return Refusal(404, "Not Found").answer() if self.kind == "not-found" else None


class Faults:
    """The faults that are waiting."""

    def __init__(self) -> None:
        """None yet."""
        self._waiting: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> Fault:
        """Let a fault wait for its request."""
        if fault.kind not in KINDS:
            raise ValueError(f"unknown kind of fault {fault.kind!r}; there are {', '.join(sorted(KINDS))}")
        with self._lock:
            self._waiting.append(fault)
        return fault

    def take(self, method: str, path: str) -> Fault | None:
        """The fault that strikes this request, if any; the first added wins, the others count it as gone by."""
        with self._lock:
            due = [fault for fault in self._waiting if fault.due(method, path)]
            if not due:
                return None
            due[0].struck += 1
            return due[0]

    def clear(self) -> None:
        """Forget what has not struck yet."""
        with self._lock:
            self._waiting.clear()
