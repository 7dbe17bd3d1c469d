"""The demo at work: it starts everything, looks twice a second, and ends everything."""

from __future__ import annotations

import re
import signal
import threading
import time
from collections import deque
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live

from idp.demo import figures, traffic, view
from idp.demo.keys import keys
from idp.demo.processes import running
from idp.demo.receiver import receiving
from idp.demo.traffic import Faults, set_faults

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence
    from pathlib import Path

    from idp.demo.checkouts import Checkout
    from idp.demo.processes import Process
    from idp.demo.receiver import Receiver

LOOK_SECONDS = 0.5
PLAIN_SECONDS = 5.0
"""Between two looks in plain text."""
LINES = 8
"""Of the log, on the screen."""
TRACES = 2
FONTS = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)
"""In a picture, from a server elsewhere."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a demo runs."""

    ports: Mapping[str, int]
    faults: Faults
    """What there is while there are faults."""
    every: float
    """Seconds without faults, then the same time with them, and so on; 0 waits for the key."""
    rate: float
    """Requests a second."""
    seconds: float | None = None
    """It ends by itself after this time."""


class Session:
    """A demo that runs: what it looks like now, and whether it has faults."""

    def __init__(
        self, plan: Plan, services: Mapping[str, Process], receiver: Receiver, log: deque[str], over: threading.Event
    ) -> None:
        """Begin without faults."""
        self._plan, self._services, self._receiver, self._log = plan, services, receiver, log
        self._over, self._began = over, time.monotonic()
        self._wanted = self._set = Faults()
        self._by_hand = False

    @property
    def seconds(self) -> float:
        """Since it was up."""
        return time.monotonic() - self._began

    @property
    def over(self) -> bool:
        """Whether its time is up, or somebody wants it to end."""
        return self._over.is_set() or (self._plan.seconds is not None and self.seconds >= self._plan.seconds)

    def pause(self) -> None:
        """Until the next look."""
        self._over.wait(LOOK_SECONDS)

    def toggle(self) -> None:
        """Faults on or off, by hand; the schedule ends."""
        self._by_hand = True
        self._wanted = Faults() if self._wanted.on else self._plan.faults

    def keep(self) -> None:
        """Set the faults that the schedule, or a hand, wants now."""
        if self._plan.every and not self._by_hand:
            self._wanted = self._plan.faults if due(self.seconds, self._plan.every) else Faults()
        if self._wanted != self._set:
            with suppress(OSError):  # one that is gone is shown as such
                set_faults(self._services.values(), self._wanted)
            self._set = self._wanted

    def picture(self, *, with_keys: bool) -> view.Picture:
        """Now."""
        now, spans = time.time(), self._receiver.spans()
        window = min(figures.WINDOW, max(1.0, self.seconds))
        return view.Picture(
            seconds=self.seconds,
            urls={name: process.url for name, process in self._services.items()},
            gone=frozenset(name for name, process in self._services.items() if not process.alive),
            faults=self._set,
            figures=figures.figures(spans, now, window),
            traces=figures.traces(spans, now, TRACES),
            log=list(self._log)[-LINES:],
            keys=with_keys,
        )


def due(seconds: float, every: float) -> bool:
    """Whether the schedule has faults at a time: every second stretch."""
    return int(seconds / every) % 2 == 1


@contextmanager
def session(every: Sequence[Checkout], plan: Plan) -> Generator[Session]:
    """Everything that a demo has, up; nothing of it is left afterwards."""
    log: deque[str] = deque(maxlen=1000)
    with (
        signals() as over,
        receiving() as receiver,
        running(every, plan.ports, receiver.url, lambda _service, line: log.append(line), over) as services,
        traffic.traffic(services, plan.rate),
    ):
        yield Session(plan, services, receiver, log, over)


@contextmanager
def signals() -> Generator[threading.Event]:
    """Ctrl-C, a request to end and a terminal that is closed set this, and interrupt nothing: the way out comes to its end."""
    over = threading.Event()

    def end(_number: int, _frame: object) -> None:
        over.set()

    before = {each: signal.signal(each, end) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield over
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def show(running: Session, console: Console) -> None:
    """On a terminal, until somebody ends it."""
    with keys() as pressed, Live(console=console, screen=True, auto_refresh=False) as live:
        while not running.over:
            running.keep()
            live.update(view.screen(running.picture(with_keys=pressed is not None)), refresh=True)
            match pressed(LOOK_SECONDS) if pressed else running.pause():
                case "c":
                    running.toggle()
                case "q":
                    return
                case _:
                    pass


def tell(running: Session, write: Callable[[str], None]) -> None:
    """As plain text, until somebody ends it: what happens as it happens, and the figures now and then."""
    said = 0.0
    while not running.over:
        running.keep()
        if running.seconds - said >= PLAIN_SECONDS:
            said = running.seconds
            for line in view.plain(running.picture(with_keys=False)):
                write(line)
        running.pause()


def draw(running: Session, file: Path) -> None:
    """At the end of its time, as a picture."""
    while not running.over:
        running.keep()
        running.pause()
    console = Console(record=True, width=view.WIDTH, file=StringIO(), force_terminal=True)
    console.print(view.screen(running.picture(with_keys=True)))
    file.write_text(FONTS.sub("", console.export_svg(title="make demo")))
