"""What the tests of templates share: each template, and services built from them once a worker.

What every repository has to be is asked of every template. What a service has to do is asked of those that a team starts from,
one for each language; the demo's services, which extend those, do something else (tests/demo).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from idp import templates
from tests.templates.service import checkout, toolchain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.templates.service import Checkout, Service


@pytest.fixture(scope="session", params=templates.names())
def template(request: pytest.FixtureRequest) -> str:
    """Every template that a service may be made from."""
    return request.param


@pytest.fixture(scope="session", params=templates.names(kinds=("service",)))
def language(request: pytest.FixtureRequest) -> str:
    """Every template that a team starts from."""
    return request.param


@pytest.fixture(scope="session")
def built(language: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Checkout]:
    """A service of some name, ready to start; not to be changed, as it is built once for every test of the worker."""
    made: dict[str, Checkout] = {}

    def build(service: str = "rental-2") -> Checkout:
        if service not in made:
            made[service] = checkout(language, tmp_path_factory.mktemp(language) / service, service)
            made[service].succeed(toolchain(language).commands.build)
        return made[service]

    return build


@pytest.fixture(scope="module")
def service(built: Callable[[], Checkout]) -> Iterator[Service]:
    """One that runs for all tests of a module that only ask it."""
    with built().started(LOG_LEVEL="debug", VERSION="abc123") as running:
        yield running
