"""A GitHub for each test, and what most tests put there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.github import GitHubServer
from tests.unit.github_server.clients import (
    TEAMS,
    client,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from github.Organization import Organization
    from github.Repository import Repository


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitHubServer]:
    with GitHubServer(tmp_path / "data", teams=TEAMS) as running:
        yield running


@pytest.fixture
def organization(server: GitHubServer) -> Organization:
    return client(server).get_organization("acme")


@pytest.fixture
def rental(organization: Organization) -> Repository:
    return organization.create_repo("rental", auto_init=True, private=True)
