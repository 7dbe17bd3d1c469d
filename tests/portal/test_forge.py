"""The real backend beside a forge of the stack's own: the real Gitea, whose files it reads by its own token."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from components.dynamic.forge_organization import ForgeOrganizationProvider
from components.dynamic.forge_repository import ForgeRepositoryProvider
from components.dynamic.forge_token import ForgeTokenProvider
from components.forge import READS
from idp import naming
from idp.naming import GitHubAddress
from idp.portal.app_config import Access
from idp.portal.entities import entities
from idp.portal.pod import FORGE_TOKEN
from tests.conftest import PROJECT
from tests.portal.stacks import ingested, placed, refs, stack_of
from tests.support import gitea
from tests.support.forge import organization, repository
from tests.support.portal import Portal, Postgres

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.gitea import Gitea

pytestmark = [pytest.mark.timeout(300), gitea.requires_gitea]


@pytest.fixture
def forge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gitea]:
    """With one private repository, and the portal's account."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    made = gitea.start(tmp_path / "gitea")
    passwords = {"ada": "adas-own-password-0", naming.FORGE_PORTAL: "portals-own-password"}
    ForgeOrganizationProvider().create(
        organization(made, teams={"mobility": ["ada"]}, readers=[naming.FORGE_PORTAL], passwords=passwords)
    )
    ForgeRepositoryProvider().create(repository(made, private=True))
    yield made
    made.stop()


def test_a_guest_sees_docs_that_are_in_the_forge(forge: Gitea, tmp_path: Path, database: Postgres) -> None:
    """Every entity is taken, and a service's docs are made of what its repository holds; the portal's token alone reads it."""
    made = stack_of(PROJECT, "local")
    assert not isinstance(made.github, GitHubAddress)
    token = ForgeTokenProvider().create(
        {"access": forge.access(), "home": "dev-1", "login": naming.FORGE_PORTAL, "scopes": list(READS[naming.FORGE_PORTAL])}
    ).outs  # fmt: skip
    assert token

    def here(text: str) -> str:
        """An address of the cluster's as the tests have it."""
        return text.replace(made.github.base, forge.url).replace(
            "git.forge.svc.cluster.local", forge.url.removeprefix("http://")
        )

    access = Access(guest=True, sign_in=False, token=False)
    given = placed(tmp_path / "catalog", made, database, access, [*entities(made)], here)
    variables = {FORGE_TOKEN: token["value"]}
    with Portal(folder=tmp_path / "run", config=given, database=database, environment=variables) as portal:
        wanted = refs([*entities(made)])
        assert ingested(portal, wanted) == wanted
        guest = {"Authorization": f"Bearer {portal.guest()}"}
        portal.fetch("GET", "/api/techdocs/sync/default/component/rental", guest)

    log = (forge.home / "log").read_text()
    assert re.search(r"completed GET /api/v1/repos/acme/rental/archive/main\.tar\.gz for \S+, 200 OK", log)
