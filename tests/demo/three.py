"""The demo's services in tests: those of the dev stack, and their twins in the other language, with the packages of a cache.

Run as a program it fills the cache: `python -m tests.demo.three`. Tests install nothing themselves.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest

from idp import recorder
from idp.demo.checkouts import Checkout, checkouts, prepare
from idp.demo.processes import Process, running
from idp.demo.receiver import Receiver, receiving
from idp.demo.traffic import DIRECT, ask
from idp.ports import any_free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).resolve().parents[2]
TWINS = {"vehicles": "demo-vehicles"}
"""Service of the dev stack -> the template that answers alike, in another language."""


def cache() -> Path:
    """Where the checkouts lie: `IDP_DEMO_CACHE`, or a folder of the user's."""
    return Path(os.environ.get("IDP_DEMO_CACHE") or Path.home() / ".cache/idp-tests/demo")


def three() -> dict[str, Checkout]:
    """The dev stack's."""
    return {each.name: each for each in checkouts(recorder.load(PROJECT, "dev"), cache())}


def twin(name: str) -> Checkout:
    """The same service from the template in the other language."""
    settings = recorder.load(PROJECT, "dev")
    (service,) = (each for each in settings.catalog.services if each.name == name)
    other = service.model_copy(update={"template": TWINS[name]})
    alone = replace(settings, catalog=replace(settings.catalog, services=(other,)))
    (checkout,) = checkouts(alone, cache() / "twins")
    return checkout


def ready(*every: Checkout) -> tuple[Checkout, ...]:
    """As they are now; where they are not, the test is skipped."""
    for checkout in every:
        if not checkout.current:
            pytest.skip(f"{checkout.name} is not as it should be in {checkout.folder}; run tests/support/prepare-demo")
    return every


@dataclass(frozen=True, kw_only=True)
class Demo:
    """Services that run, and what they sent."""

    services: dict[str, Process]
    receiver: Receiver
    lines: list[tuple[str, str]]

    def ask(self, service: str, path: str, method: str = "GET", body: Any = None) -> tuple[int, Any]:
        """Status and JSON."""
        return ask(self.services[service].url + path, method, body)

    def page(self, service: str, path: str) -> str:
        """The text at a path that answers 200."""
        with DIRECT.open(self.services[service].url + path, timeout=10) as response:
            return response.read().decode()


@contextmanager
def demo(*every: Checkout) -> Iterator[Demo]:
    """Them running, on ports that are free."""
    lines: list[tuple[str, str]] = []
    ports = {checkout.name: any_free_port() for checkout in every}
    with (
        receiving() as receiver,
        running(every, ports, receiver.url, lambda *line: lines.append(line), Event()) as services,
    ):
        yield Demo(services=services, receiver=receiver, lines=lines)


if __name__ == "__main__":
    prepare([*three().values(), *(twin(name) for name in TWINS)], lambda text: sys.stdout.write(f"{text}\n"))
