"""How each object of a cluster is judged."""

from __future__ import annotations

from typing import Any

import pytest

from idp import status
from idp.cli import status as command


def node(name: str, ready: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "status": {"conditions": [{"type": "Ready", "status": ready}]}}


@pytest.mark.parametrize(
    ("found", "healthy", "says"),
    [
        pytest.param([node("a", "True"), node("b", "True")], True, "2 of 2 ready", id="all"),
        pytest.param([node("a", "True"), node("b", "Unknown")], False, "1 of 2 ready, not b", id="one is not"),
        pytest.param([], False, "0 of 0 ready", id="none"),
    ],
)
def test_a_cluster_is_as_well_as_its_nodes(found: list[dict[str, Any]], healthy: bool, says: str) -> None:
    """A node that is not ready is named."""
    (row,) = status.nodes(found)

    assert (row.healthy, row.says) == (healthy, says)


def workload(kind: str, generation: int = 1, **status_: int) -> dict[str, Any]:
    meta = {"name": "server", "namespace": "argocd", "generation": generation}
    return {"kind": kind, "metadata": meta, "spec": {"replicas": 2}, "status": {"observedGeneration": 1, **status_}}


@pytest.mark.parametrize(
    ("found", "healthy", "says"),
    [
        pytest.param(workload("Deployment", replicas=2, readyReplicas=2), True, "2 of 2 ready", id="well"),
        pytest.param(workload("Deployment", replicas=2), False, "0 of 2 ready", id="none is ready"),
        pytest.param(workload("Deployment"), False, "0 of 2 ready", id="no pod yet"),
        pytest.param(workload("StatefulSet", replicas=2, readyReplicas=1), False, "1 of 2 ready", id="one lacks"),
        pytest.param(
            workload("DaemonSet", desiredNumberScheduled=3, numberReady=3), True, "3 of 3 ready", id="daemons"
        ),
        pytest.param(workload("DaemonSet"), True, "0 of 0 ready", id="daemons that nothing wants"),
        pytest.param(
            workload("Deployment", 2, replicas=2, readyReplicas=2), False, "not looked at yet", id="an older version"
        ),
    ],
)
def test_a_part_is_well_when_all_its_pods_are(found: dict[str, Any], healthy: bool, says: str) -> None:
    """Of the version that was asked for last."""
    row = status.workload(found)

    assert (row.name, row.healthy, row.says) == ("argocd/server", healthy, says)
    assert row.more == f"kubectl describe {found['kind'].lower()} server -n argocd"


def application(component: str, sync: str, health: str, *conditions: tuple[str, str]) -> dict[str, Any]:
    return {
        "metadata": {"name": "rental-dev", "labels": {"app.kubernetes.io/component": component}},
        "status": {
            "sync": {"status": sync}, "health": {"status": health},
            "conditions": [{"type": kind, "message": text} for kind, text in conditions],
        },
    }  # fmt: skip


@pytest.mark.parametrize(
    ("found", "part", "healthy", "says"),
    [
        pytest.param(application("service", "Synced", "Healthy"), "services", True, "Synced, Healthy", id="well"),
        pytest.param(application("gitops", "Synced", "Healthy"), "platform", True, "Synced, Healthy", id="the root"),
        pytest.param(
            application("discovered-service", "OutOfSync", "Missing", ("SyncError", "no such kind")), "services", False,
            "OutOfSync, Missing: no such kind", id="with a reason",
        ),
        pytest.param(
            application("service", "Synced", "Progressing", ("OrphanedResourceWarning", "x")), "services", False,
            "Synced, Progressing", id="on its way",
        ),
        pytest.param(
            {"metadata": {"name": "rental-dev"}}, "platform", False, "Unknown, Unknown", id="nobody looked at it yet"
        ),
    ],
)  # fmt: skip
def test_an_application_is_well_when_it_is_in_step_and_healthy(
    found: dict[str, Any], part: str, healthy: bool, says: str
) -> None:
    """With Argo CD's own first complaint."""
    row = status.application(found, {"rental-dev": "https://rental.dev.idp.localhost:8843"})

    assert (row.part, row.healthy, row.says, row.url) == (part, healthy, says, "https://rental.dev.idp.localhost:8843")


@pytest.mark.parametrize(
    ("commits", "healthy", "says"),
    [
        ({"rental-dev": "a" * 40}, True, "Synced, Healthy"),
        ({"rental-dev": "b" * 40}, False, "not yet at bbbbbbbbbbbb"),
        ({"vehicles-dev": "b" * 40}, True, "Synced, Healthy"),
    ],
    ids=["at it", "at another", "nobody waits for it"],
)
def test_an_application_that_is_awaited_is_well_at_its_commit_only(
    commits: dict[str, str], healthy: bool, says: str
) -> None:
    """Argo CD may call an earlier one in step for half a minute more."""
    found = application("service", "Synced", "Healthy")
    found["status"]["sync"]["revision"] = "a" * 40
    row = status.application(found, {}, commits)

    assert (row.part, row.healthy, row.says) == ("services", healthy, says)


def test_what_is_declared_and_not_there_is_told() -> None:
    """The table of what is there would look well."""
    found = [status.application(application("service", "Synced", "Healthy"), {})]

    (row,) = status.missing(["rental-dev", "vehicles-dev"], found, "make up STACK=prod")
    assert (row.name, row.healthy) == ("vehicles-dev", False)
    assert row.trouble == "vehicles-dev: declared, and not in the cluster\n  → make up STACK=prod"


def test_what_says_more_asks_this_cluster() -> None:
    """And not the one that the user's own kubeconfig leads to."""
    asks = "kubectl --kubeconfig /state/idp.kubeconfig"
    rows = [
        *status.nodes([node("a", "False")], asks),
        status.workload(workload("Deployment"), asks),
        status.application(application("service", "OutOfSync", "Missing"), {}, kubectl=asks),
    ]

    assert [row.more for row in rows] == [
        f"{asks} describe node a",
        f"{asks} describe deployment server -n argocd",
        f"{asks} describe application rental-dev -n argocd",
    ]


def test_what_argo_cd_says_is_shown_as_it_says_it(capsys: pytest.CaptureFixture[str]) -> None:
    """Brackets in its messages are no markup."""
    says = "Unknown: [/_cmp/deploy] [red]failed"

    command.show("dev", [status.Row(part="services", name="rental-dev", healthy=False, says=says, more="kubectl")])

    shown = capsys.readouterr().out
    assert shown.count(says) == 2
    assert shown.endswith("dev: 1 thing not well\n")
