"""The real engine, a real API server behind `kind`, and a GitHub that keeps real git repositories."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from github import Auth, Github

from idp import naming
from tests.support import lab
from tests.support.engine import Engine
from tests.support.github import GitHubServer, contract
from tests.support.promotion import TEAM_MAY, WORKFLOW_MAY

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

GITHUB_TOKEN = "ghp_planted_owner_token"
ARGOCD_TOKEN = "ghp_planted_reader_token"
FOLDER_TOKEN = "ghp_planted_folder_token"
"""Of a stack that makes no repositories: it commits its folder of the GitOps repository."""
OAUTH_ID, OAUTH_SECRET = "Iv1.planted_oauth_app", "planted_oauth_secret"
WORKFLOW_TOKEN, TEAM_TOKEN = "ghs_planted_workflow_token", "ghp_planted_member_token"
REGISTRY_TOKEN = "ghp_planted_puller_token"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here needs the engine; CI counts by this mark what was skipped."""
    for item in items:
        if "engine" in item.path.parts:
            item.add_marker(pytest.mark.engine)
            item.add_marker(lab.requires_engine)


@contextmanager
def organization(folder: Path) -> Generator[GitHubServer]:
    """A GitHub that knows both tokens, the program's and the one that only reads; at its end nothing may have been deleted."""
    writer = ["administration", "contents", "workflows", "metadata", "members"]
    tokens = {
        GITHUB_TOKEN: writer,
        ARGOCD_TOKEN: ["contents:read", "metadata"],
        FOLDER_TOKEN: ["contents", "metadata"],
        OAUTH_SECRET: ["metadata"],
        WORKFLOW_TOKEN: [*WORKFLOW_MAY],
        TEAM_TOKEN: [*TEAM_MAY],
    }
    with GitHubServer(folder, organization="acme", teams={"mobility": ["ada", "grace"]}, tokens=tokens) as server:
        yield server
        assert server.count("DELETE") == 0


def of_another_stack(github: GitHubServer) -> None:
    """The GitOps repository, as the stack that makes repositories has made it before."""
    client = Github(base_url=f"{github.url}/api/v3", auth=Auth.Token(GITHUB_TOKEN))
    client.get_organization("acme").create_repo(naming.GITOPS_REPOSITORY, auto_init=True)


@pytest.fixture(scope="module")
def github(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitHubServer]:
    with organization(tmp_path_factory.mktemp("github")) as server:
        yield server


@pytest.fixture(scope="session")
def openapi() -> Path:
    """GitHub's own description of its API."""
    if (found := contract.description()) is None:
        pytest.skip("GitHub's OpenAPI description is not here; IDP_GITHUB_OPENAPI names it (npm: @octokit/openapi)")
    return found


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory, github: GitHubServer) -> Iterator[Engine]:
    secrets = {"GITHUB_TOKEN": GITHUB_TOKEN, "ARGOCD_GITHUB_TOKEN": ARGOCD_TOKEN}
    made = Engine(home=tmp_path_factory.mktemp("engine") / "dev", github_url=github.url, secrets=secrets)
    yield made
    made.close()
