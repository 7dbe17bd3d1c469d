"""Waits for what comes by itself: a fixed pause is too short on a busy machine and too long on an idle one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Seen = TypeVar("Seen")


def until(
    look: Callable[[], Seen | None], seconds: float = 60, about: Callable[[], object] = lambda: "", pause: float = 0.5
) -> Seen:
    """What there is to be seen, once that is true; `about` says what there is instead when its time is over.

    Raises:
        AssertionError: It was not to be seen in so many seconds.
    """
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < deadline, f"not so in {seconds:.0f} s: {about()}"
        time.sleep(pause)
    return seen
