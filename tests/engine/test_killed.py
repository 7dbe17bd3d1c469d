"""Runs that are killed at any moment: `recover` and `up` complete them, with nothing doubled and nothing lost."""

from __future__ import annotations

import json
import random
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from idp import recorder
from tests.engine.agreement import differences
from tests.engine.conftest import ARGOCD_TOKEN, GITHUB_TOKEN, organization
from tests.support.desk import Desk
from tests.support.killing import killed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.github import GitHubServer

pytestmark = pytest.mark.timeout(900)  # a whole life of a stack takes 40 s where nothing else runs

WRITES = 150
"""How often the engine writes its state in an `up` of this stack, at the least: twice a resource."""
MOMENTS = sorted(random.Random(20).sample(range(2, WRITES), 10))  # noqa: S311  always the same ten
STACK = """config:
  idp:organization: acme
  idp:visibility: public
  idp:local: true
  idp:cluster: {mode: kind, name: acme-killed, workers: 1, httpPort: 8870, httpsPort: 8833}
  idp:deploys: [dev]
  idp:teams: {mobility: {github: mobility}}
  idp:services: {rental: {team: mobility, template: node, description: Rents vehicles}}
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitHubServer]:
    with organization(tmp_path / "github") as found:
        yield found


@pytest.fixture
def desk(tmp_path: Path, server: GitHubServer) -> Iterator[Desk]:
    secrets = {"GITHUB_TOKEN": GITHUB_TOKEN, "ARGOCD_GITHUB_TOKEN": ARGOCD_TOKEN}
    made = Desk(home=tmp_path / "desk", github_url=server.url, secrets=secrets)
    (made.project / "Pulumi.dev.yaml").write_text(STACK)
    (made.project / "services" / "vehicles.yaml").unlink()  # one service is enough to be killed
    made.idp("recover")  # makes the stack's folder, and finds nothing else to do
    yield made
    made.close()


def cut(desk: Desk, command: str, writes: int) -> bool:
    """Kill a run of the engine after so many writes of its state."""
    state = desk.stacks / "backend" / ".pulumi" / "stacks" / "idp" / "dev.json"
    return killed(desk.line(command, "--yes", "--skip-preview"), desk.engines, desk.project, state, writes)


def whole(desk: Desk, server: GitHubServer, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is not as one undisturbed `up` would have left it."""
    monkeypatch.setenv("GITHUB_BASE_URL", f"{server.url}/")
    plan = recorder.record(desk.project, "dev")
    state = desk.state()
    found = [line for line in differences(plan, state["resources"]) if "inputs.autoInit:" not in line]  # not imported
    found += [f"open: {one['resource']['urn']}" for one in state.get("pending_operations", [])]
    made = [
        one for one in server.requests if one.method == "POST" and one.path == "/orgs/acme/repos" and one.status == 201
    ]
    counts = {
        "repositories made": (len(made), 2),
        "commits on main": (commits(server, "main"), 2),
        "commits on env/dev": (commits(server, "env/dev"), 1),
        "rulesets": (len(record(server).rulesets), 2),
        "deletions": (server.count("DELETE"), 0),
        "clusters": (len([one for one in (desk.home / "clusters").iterdir() if one.is_dir()]), 1),
        "objects": (objects(desk), {node.at("metadata", "name") for node in plan.nodes if namespaced(node.type)}),
    }
    return found + [f"{what}: {have} instead of {want}" for what, (have, want) in counts.items() if have != want]


def record(server: GitHubServer) -> Any:
    found = server.service.state.find("acme", "rental")
    assert found is not None
    return found


def commits(server: GitHubServer, branch: str) -> int:
    folder = server.service.state.bare(record(server)).folder
    said = subprocess.run(
        ["git", "-C", folder, "rev-list", "--count", branch], check=True, capture_output=True, text=True
    )
    return int(said.stdout)


def namespaced(type_: str) -> bool:
    """Kinds whose objects are counted in the cluster."""
    return type_.endswith((":AppProject", ":Application", ":ApplicationSet", ":Namespace", "v1:Secret"))


def objects(desk: Desk) -> set[str]:
    """Names of the platform's objects of these kinds, as the API server has them."""
    file = desk.home / "kubeconfig"
    file.write_text(desk.outputs()["kubeconfig"])
    kinds = "appprojects,applications,applicationsets,namespaces,secrets"
    said = subprocess.run(
        ["kubectl", "--kubeconfig", file, "get", kinds, "-A", "-l", "idp/stack=idp.dev", "-o", "json"],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    return {item["metadata"]["name"] for item in json.loads(said)["items"]}


@pytest.mark.parametrize("writes", MOMENTS)
def test_an_up_killed_at_any_moment_is_completed(
    writes: int, desk: Desk, server: GitHubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A laptop's battery ends at any moment; what it leaves must not need an expert."""
    assert cut(desk, "up", writes), "the run ended before its moment came"

    desk.idp("recover")
    desk.run("up", "--skip-preview")

    assert whole(desk, server, monkeypatch) == []


def test_recover_can_be_run_twice(desk: Desk, server: GitHubServer) -> None:
    """It tells what it does the first time, and has nothing to do the second."""
    assert cut(desk, "up", 14)

    first, second = desk.idp("recover").stdout, desk.idp("recover").stdout

    assert "a killed run left its lock: removed" in first
    assert len(first.splitlines()) > 1
    assert second == ""


@pytest.mark.parametrize("writes", [7, 90])
def test_a_destroy_killed_at_any_moment_is_completed_or_undone(
    writes: int, desk: Desk, server: GitHubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether one goes on with `up` or with `destroy`: no repository is lost, and nothing is left in the way."""
    desk.idp("up", "--yes", "--skip-preview")
    assert cut(desk, "destroy", writes), "the run ended before its moment came"

    desk.idp("up", "--yes", "--skip-preview")

    assert whole(desk, server, monkeypatch) == []
    assert cut(desk, "destroy", writes)
    desk.idp("recover")
    desk.run("destroy")
    assert desk.state().get("resources", []) == []
    assert (commits(server, "main"), len(record(server).rulesets), server.count("DELETE")) == (2, 2, 0)
