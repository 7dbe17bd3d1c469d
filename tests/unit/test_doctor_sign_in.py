"""Whether people can sign in with GitHub is told before `up`, as far as GitHub tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from idp import recorder
from idp.lifecycle.checks.sign_in import sign_in
from idp.lifecycle.machine import Machine
from tests.support.github import GitHubServer
from tests.support.lab import free_port, requires_git
from tests.support.machine import told

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = requires_git

APP = {"oauthClientId": "Iv1.app", "oauthClientSecret": "planted-secret"}
STACK = """config:
  idp:organization: acme
  idp:domain: platform.acme.example
  idp:cluster: {mode: existing, kubeconfig: x, context: y}
"""
GUEST = STACK + "  idp:components: {argocd: existing}\n"
LAPTOP = STACK + "  idp:local: true\n"
CALLBACK = "https://platform.acme.example/"
APPS = "{url}/organizations/acme/settings/applications"
MAKE = f"make one at {APPS}/new with callback {CALLBACK}, then "
GIVE = "python -m idp pulumi --stack dev config set --secret {} (or export {}=...)"
ID, SECRET = GIVE.format("oauthClientId", "OAUTH_CLIENT_ID"), GIVE.format("oauthClientSecret", "OAUTH_CLIENT_SECRET")
UNTOLD = f"· oauthClientId: whether its callback is {CALLBACK} cannot be told from here → look at {APPS}"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHubServer]:
    """The app's secret is known; what the tests' GitHub does not know it refuses, as GitHub does."""
    tokens = {APP["oauthClientSecret"]: {"metadata"}}
    with GitHubServer(tmp_path / "github", organization="acme", tokens=tokens) as made:
        monkeypatch.setenv("GITHUB_BASE_URL", f"{made.url}/")
        yield made


def look(project: Path, stack: str, app: dict[str, str]) -> list[str]:
    """What is found, as it is printed; never with the secret in it."""
    (project / "Pulumi.dev.yaml").write_text(stack)
    lines = told(list(sign_in(recorder.load(project, "dev"), Machine(token=app.get))))
    assert not [value for value in app.values() for line in lines if value in line]
    return lines


@pytest.mark.parametrize(
    ("stack", "app", "finds"),
    [
        pytest.param(STACK, APP, [UNTOLD], id="an app that GitHub knows"),
        pytest.param(
            STACK,
            APP | {"oauthClientSecret": "mistyped"},
            [f"✗ oauthClientId: GitHub knows no OAuth app with this id and this secret → compare both at {APPS}"],
            id="another secret",
        ),
        pytest.param(
            STACK,
            {},
            [f"! oauthClientId: no OAuth app, so that nobody can sign in to Argo CD → {MAKE}{ID} and {SECRET}"],
            id="none",
        ),
        pytest.param(
            STACK,
            {"oauthClientId": "Iv1.app"},
            [f"✗ oauthClientSecret: an OAuth app has an id and a secret, and one of them is missing → {MAKE}{SECRET}"],
            id="half of one",
        ),
        pytest.param(
            STACK,
            APP | {"oauthClientSecret": "two words"},
            [
                (
                    "✗ oauthClientSecret: it has a space, a line break or a foreign character in it → "
                    f"copy it again from {APPS}"
                )
            ],
            id="a broken secret",
        ),
        pytest.param(LAPTOP, {}, [], id="a laptop has an administrator"),
        pytest.param(GUEST, {}, [], id="a guest of somebody's Argo CD"),
    ],
)
def test_sign_in_is_looked_at_where_this_stack_serves_it(
    stack: str, app: dict[str, str], finds: list[str], project: Path, server: GitHubServer
) -> None:
    """Exactly this and nothing else; GitHub is only read."""
    found = look(project, stack, app)

    assert found == [line.replace("{url}", server.url) for line in finds]
    assert {exchange.method for exchange in server.requests} <= {"GET"}


def test_a_silent_github_is_told(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for tokens."""
    monkeypatch.setenv("GITHUB_BASE_URL", f"http://127.0.0.1:{free_port()}/")

    (found,) = look(project, STACK, APP)

    assert found.startswith("✗ github: ")
