"""The demo's services as processes of this machine, reached from this machine alone; all of them end with their group."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from idp import naming
from idp.demo.errors import DemoError
from idp.demo.log import one_line
from idp.ports import any_free_port, port_is_free

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping

    from idp.demo.checkouts import Checkout

HOST = "127.0.0.1"
START_SECONDS, STOP_SECONDS = 60, 3
FOREIGN = re.compile(r"OTEL_\w+|\w+_SERVICE_URL|REQUIRED_DEPENDENCIES|PORT|HOST|LOG_LEVEL|VERSION|SHUTDOWN_\w+")
"""Variables of a person's own that services would read."""


class Process:
    """One service, started; each line of its output is handed on."""

    def __init__(
        self, checkout: Checkout, port: int, env: Mapping[str, str], on_line: Callable[[str, str], None]
    ) -> None:
        """Start it, in a process group of its own: Ctrl-C goes to the demo, which ends it in its turn."""
        self.name, self.port, self.faults = checkout.name, port, checkout.faults
        self.listening = threading.Event()
        self._on_line = on_line
        self._last: list[str] = []
        kept = {name: value for name, value in os.environ.items() if not FOREIGN.fullmatch(name)}
        self._process = subprocess.Popen(
            shlex.split(checkout.toolchain.commands.start), cwd=checkout.folder, env={**kept, **env}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://{HOST}:{self.port}"

    @property
    def pid(self) -> int:
        """Of the process, and of its group."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101  it was asked for
        for line in self._process.stdout:
            self._last = [*self._last[-4:], line]
            if re.search(r'"msg": ?"listening"', line):
                self.listening.set()
            self._on_line(self.name, line.rstrip())

    def wait(self, deadline: float, over: threading.Event) -> None:
        """Until it listens.

        Raises:
            DemoError: it ended, or took too long; with its last words.
            KeyboardInterrupt: nobody waits for it any more.
        """
        while not self.listening.wait(0.05):
            if over.is_set():
                raise KeyboardInterrupt
            if not self.alive or time.monotonic() > deadline:
                self._reader.join(1)
                said = "".join(f"{one_line(line.rstrip()).plain}\n" for line in self._last)
                raise DemoError(
                    f"{said}{self.name}: {'does not listen' if self.alive else 'ended'} on port {self.port}"
                )

    def signal(self, number: signal.Signals) -> None:
        """To all of its group, if there still is one."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def end(self, deadline: float) -> None:
        """Wait until it is gone; what is left at the end is killed."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(max(0.0, deadline - time.monotonic()))
        self.signal(signal.SIGKILL)
        self._process.wait()
        self._reader.join(1)


@contextmanager
def running(
    every: Iterable[Checkout],
    ports: Mapping[str, int],
    endpoint: str,
    on_line: Callable[[str, str], None],
    over: threading.Event,
) -> Generator[dict[str, Process]]:
    """The services, each listening and told where the others are; none is left afterwards.

    A signal must not interrupt a start, as what was started would be lost; it sets `over`.

    Raises:
        DemoError: one of them does not start.
    """
    started: dict[str, Process] = {}
    try:
        for checkout in every:
            env = variables(checkout, ports, endpoint)
            started[checkout.name] = Process(checkout, ports[checkout.name], env, on_line)
        deadline = time.monotonic() + START_SECONDS
        for process in started.values():
            process.wait(deadline, over)
        yield started
    finally:
        for process in started.values():
            process.signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for process in started.values():
            process.end(deadline)


def variables(checkout: Checkout, ports: Mapping[str, int], endpoint: str) -> dict[str, str]:
    """What the platform tells a service in a cluster, for this machine: traces are sent, metrics scraped, logs read."""
    called = {naming.address_variable(name): f"http://{HOST}:{ports[name]}" for name in checkout.calls if name in ports}
    return called | {
        "HOST": HOST,
        "PORT": str(ports[checkout.name]),
        "SHUTDOWN_DELAY_MS": "0",
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_BSP_SCHEDULE_DELAY": "300",  # people wait for it
    }


def chosen_ports(every: Iterable[Checkout], first: int | None = None) -> dict[str, int]:
    """A port for each service: its own, or those from `first` on; where one is taken, any that is free."""
    ports: dict[str, int] = {}
    for offset, checkout in enumerate(sorted(every, key=lambda each: each.port)):
        wanted = checkout.port if first is None else first + offset
        taken = wanted in ports.values() or not port_is_free(wanted)
        ports[checkout.name] = any_free_port() if taken else wanted
    return ports
