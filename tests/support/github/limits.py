"""GitHub's two rate limits: requests per hour, and writes per minute."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass

from .answers import RATE_LIMITS, Json, Refusal
from .faults import SECONDARY

ANONYMOUS = 60
MINUTE = 60.0


@dataclass
class Window:
    """What one caller has used of the present window."""

    limit: int
    reset: float
    used: int = 0

    def headers(self) -> dict[str, str]:
        """The headers that every answer carries."""
        return {
            "X-RateLimit-Limit": str(self.limit), "X-RateLimit-Remaining": str(max(0, self.limit - self.used)),
            "X-RateLimit-Reset": str(round(self.reset)), "X-RateLimit-Used": str(self.used),
            "X-RateLimit-Resource": "core",
        }  # fmt: skip

    def shown(self) -> Json:
        """The window as `GET /rate_limit` shows it."""
        remaining = max(0, self.limit - self.used)
        return {"limit": self.limit, "used": self.used, "remaining": remaining, "reset": round(self.reset)}


class Limiter:
    """Counts requests of each caller; everybody without a token is one caller."""

    def __init__(self, limit: int, seconds: float, writes_per_minute: int | None) -> None:
        """Each caller gets `limit` requests every `seconds`, and perhaps only so many writes a minute."""
        self.limit = limit
        self.seconds = seconds
        self.writes_per_minute = writes_per_minute
        self._windows: dict[str | None, Window] = {}
        self._writes: dict[str | None, deque[float]] = {}
        self._lock = threading.Lock()

    def window(self, who: str | None) -> Window:
        """A caller's present window."""
        with self._lock:
            window = self._windows.get(who)
            if window is None or window.reset <= time.time():
                limit = self.limit if who else min(ANONYMOUS, self.limit)
                window = self._windows[who] = Window(limit, time.time() + self.seconds)
            return window

    def take(self, who: str | None, *, write: bool) -> None:
        """Count a request, or refuse it."""
        window = self.window(who)
        with self._lock:
            if window.used >= window.limit:
                whom = "user ID 1" if who else "127.0.0.1"
                raise Refusal(403, f"API rate limit exceeded for {whom}.", documentation=RATE_LIMITS)
            window.used += 1
            if write and self.writes_per_minute is not None:
                self._count_write(who)

    def _count_write(self, who: str | None) -> None:
        recent = self._writes.setdefault(who, deque())
        while recent and recent[0] <= time.time() - MINUTE:
            recent.popleft()
        if self.writes_per_minute is not None and len(recent) >= self.writes_per_minute:
            wait = max(1, round(recent[0] + MINUTE - time.time()))
            raise Refusal(403, SECONDARY, headers={"Retry-After": str(wait)}, documentation=RATE_LIMITS)
        recent.append(time.time())

    def give_back(self, who: str | None) -> None:
        """A conditional request that found nothing new is free for a caller with a token."""
        if who:
            self.window(who).used -= 1

    def spend(self, who: str | None, remaining: int, reset_in: float) -> None:
        """Leave a caller only so many requests until a reset so far away."""
        window = self.window(who)
        window.used = window.limit - remaining
        window.reset = time.time() + reset_in
