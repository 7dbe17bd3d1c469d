"""A service that would leave its team while it runs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from idp.lifecycle import moves
from idp.lifecycle.state import State
from idp.plan.difference import APPLICATION

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
