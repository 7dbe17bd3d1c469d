"""Single keys of a terminal, without Enter; Ctrl-C stays what it is."""

from __future__ import annotations

import select
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Generator


@contextmanager
def keys() -> Generator[Callable[[float], str | None] | None]:
    """A function that waits so many seconds for a key; nothing where there is no terminal to press one at."""
    if not sys.stdin.isatty():
        yield None
        return
    import termios  # noqa: PLC0415  not on every system
    import tty  # noqa: PLC0415

    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setcbreak(sys.stdin)
        yield _pressed
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _pressed(seconds: float) -> str | None:
    ready, _, _ = select.select([sys.stdin], [], [], seconds)
    return sys.stdin.read(1) if ready else None
