"""Requests to the demo's services as people would send them, and the faults that they are told to have."""

from __future__ import annotations

import json
import random
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping

    from idp.demo.processes import Process

VEHICLES = 100
SECONDS = 10
"""The longest that a caller waits."""
CALLERS = 16
ROUTES = (
    ("platform", "GET", "/overview/{id}", 4),
    ("rental", "POST", "/start/{id}", 3),
    ("rental", "POST", "/end/{id}", 3),
    ("vehicles", "GET", "/vehicles/{id}", 2),
)
"""Service, method, path, and how often among the others."""
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""No proxy stands between this machine and itself."""


def ask(url: str, method: str = "GET", body: Any = None) -> tuple[int, Any]:
    """Status and JSON of an answer, whatever it is.

    Raises:
        OSError: there was none.
    """
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method, headers={"content-type": "application/json"})  # noqa: S310
    try:
        with DIRECT.open(request, timeout=SECONDS) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


@dataclass(frozen=True, kw_only=True)
class Faults:
    """What POST /config takes."""

    errors: float = 0.0
    """Share of requests that fail."""
    latency: float = 0.0
    """Each waits a random time below this, in milliseconds."""

    @property
    def on(self) -> bool:
        """Whether there are any."""
        return bool(self.errors or self.latency)


def set_faults(every: Iterable[Process], faults: Faults) -> None:
    """Tell those that have faults on demand; one that is gone is not told."""
    for process in every:
        if process.faults and process.alive:
            ask(f"{process.url}/config", "POST", {"errorRate": faults.errors, "latencyMax": faults.latency})


@contextmanager
def traffic(services: Mapping[str, Process], rate: float) -> Generator[None]:
    """Requests to whichever of the known routes there are, `rate` a second, until the end."""
    routes = [route for route in ROUTES if route[0] in services]
    over, under_way = threading.Event(), threading.Semaphore(CALLERS)

    def send(url: str, method: str) -> None:
        try:
            ask(url, method)
        except (OSError, HTTPException, ValueError):
            time.sleep(0.1)  # it is gone, or going; who watches sees that elsewhere
        finally:
            under_way.release()

    def begin() -> None:
        while routes and not over.wait(random.expovariate(rate)):
            service, method, path, _ = random.choices(routes, [route[3] for route in routes])[0]  # noqa: S311
            if under_way.acquire(blocking=False):  # else everybody waits already
                vehicle = random.randrange(VEHICLES)  # noqa: S311
                callers.submit(send, services[service].url + path.format(id=vehicle), method)

    callers = ThreadPoolExecutor(CALLERS, "caller")
    sender = threading.Thread(target=begin, daemon=True)
    sender.start()
    try:
        yield
    finally:
        over.set()
        sender.join()
        callers.shutdown(wait=False, cancel_futures=True)  # whoever waits is answered when the services end
