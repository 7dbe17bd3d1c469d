"""The portal's own tests need Node, its packages and PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support import portal

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def _parts() -> None:
    if absent := portal.missing():
        pytest.skip(f"not here, for the portal: {', '.join(absent)}")


@pytest.fixture(scope="session")
def database(_parts: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[portal.Postgres]:
    """A server that several portals use one after the other."""
    with portal.Postgres(folder=tmp_path_factory.mktemp("postgres") / "server") as made:
        yield made
