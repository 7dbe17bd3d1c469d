"""A real forge for each module, and providers as the engine calls them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support import gitea
from tests.support.lab import requires_git

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.gitea import Gitea


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here needs the real Gitea, and git."""
    for item in items:
        if "forge" in item.path.parts:
            item.add_marker(gitea.requires_gitea)
            item.add_marker(requires_git)


@pytest.fixture(scope="module", autouse=True)
def _state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Bundles are looked for in a folder of the tests' own."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="module")
def forge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gitea]:
    """One, with an administrator and nothing else."""
    made = gitea.start(tmp_path_factory.mktemp("forge"))
    yield made
    made.stop()
