"""A service that would leave its team while it runs, and environments in an order that repositories do not know."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from idp.lifecycle import moves
from idp.lifecycle.state import FORGE_REPOSITORY, State
from idp.plan.difference import APPLICATION
from idp.plan.environments import SCAFFOLDED

URN = "urn:pulumi:dev::idp::idp:index:Service$kubernetes:argoproj.io/v1alpha1:Application::rental-dev"


def inputs(namespace: str) -> dict[str, Any]:
    return {"metadata": {"name": "rental-dev"}, "spec": {"destination": {"namespace": namespace}}}


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        pytest.param("mobility-dev", "mobility-dev", [], id="stays"),
        pytest.param("mobility-dev", None, [], id="retires"),
        pytest.param(None, "payments-dev", [], id="comes back under another team"),
        pytest.param("mobility-dev", "payments-dev", ["Application rental-dev"], id="moves"),
    ],
)
def test_a_service_leaves_its_team_by_retirement_only(before: str | None, after: str | None, told: list[str]) -> None:
    """Argo CD would never prune what runs in the namespace that the new team's project does not permit."""
    resources = [{"urn": URN, "type": APPLICATION, "inputs": inputs(before)}] if before else []
    nodes = [SimpleNamespace(urn=URN, inputs=inputs(after))] if after else []
    plan: Any = SimpleNamespace(of=lambda _kind: nodes)

    found = [*moves.moves(plan, State({"deployment": {"resources": resources}}))]

    assert [one.subject for one in found] == told
    assert all("would move from namespace mobility-dev to payments-dev" in one.message for one in found)


def scaffolded(kind: str, *environments: str, organization: str = "acme", count: int = 3) -> list[dict[str, Any]]:
    """Services' repositories; made from no template where there are no environments."""
    answers = {"environments": [*environments]} if environments else {}
    return [
        {"urn": f"urn:{kind}::{n}", "type": kind, "inputs": {"organization": organization, "answers": answers}}
        for n in range(count)
    ]


def refusals(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> list[str]:
    """What `up` says of a state and what is declared."""
    plan: Any = SimpleNamespace(project="idp", stack="dev", nodes=[node(**each) for each in after], outputs={})
    return [
        f"{one.subject}: {one.message}" for one in moves.reordered(plan, State({"deployment": {"resources": before}}))
    ]


def node(**one: Any) -> Any:
    rest = {"name": "", "parent": None, "provider": None, "dependencies": (), "protect": False}
    return SimpleNamespace(**rest, deleted_with=None, source="", **one)


@pytest.mark.parametrize("kind", SCAFFOLDED)
@pytest.mark.parametrize(
    ("now", "write"),
    [
        pytest.param(("dev", "prod"), "", id="stays"),
        pytest.param(("dev", "prod", "staging", "qa"), "", id="appended"),
        pytest.param(("dev",), "", id="the last is taken away"),
        pytest.param(("test", "dev", "prod"), "`[dev, prod, test]`", id="before the first"),
        pytest.param(("dev", "staging", "prod"), "`[dev, prod, staging]`", id="in between"),
        pytest.param(("prod", "dev"), "`[dev, prod]`", id="turned round"),
        pytest.param(("prod",), "`[dev, prod]`", id="the first is taken away"),
        pytest.param(("dev", "live"), "`[dev, prod, live]`", id="renamed"),
    ],
)
def test_environments_grow_and_shrink_at_their_end_only(kind: str, now: tuple[str, ...], write: str) -> None:
    """The workflows that repositories have would release where no push is taken, or pass a gate by; it is told once for all."""
    said = refusals(scaffolded(kind, "dev", "prod"), scaffolded(kind, *now))

    assert len(said) == bool(write)
    for line in said:
        assert line.startswith("idp:environments: repositories that are there cannot follow")
        assert line.endswith(f"write {write}")


@pytest.mark.parametrize(
    "before",
    [
        pytest.param([], id="no service yet"),
        pytest.param(scaffolded(FORGE_REPOSITORY), id="adopted ones"),
        pytest.param(scaffolded(FORGE_REPOSITORY, "dev", "prod", organization="another"), id="of another organization"),
    ],
)
def test_where_no_repository_knows_an_order_any_is_right(before: list[dict[str, Any]]) -> None:
    """Those that are made next are made with the new one."""
    assert refusals(before, scaffolded(FORGE_REPOSITORY, "test", "dev", "prod")) == []
