"""What `recover` decides of an object that is in a cluster and not in the state: by whose label it carries."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from idp import naming, recorder
from idp.lifecycle import objects
from idp.lifecycle.findings import HalfInstalled, Import, Refusal

if TYPE_CHECKING:
    from idp.cluster_api import ClusterApi
    from idp.plan import Node, Plan

PROJECT = Path(__file__).resolve().parents[2]
OURS = naming.Owner(project="idp", stack="dev")


class Cluster:
    """A cluster with one object of each kind that is asked for, and some records of Helm's."""

    def __init__(self, labels: dict[str, str] | None, *records: str) -> None:
        self.labels, self.records = labels, records

    def find(self, _version: str, _kind: str, name: str, _namespace: str | None = None) -> dict[str, Any] | None:
        """An object with the labels that the test is about."""
        return None if self.labels is None else {"metadata": {"name": name, "labels": self.labels}}

    def every(self, _version: str, _kind: str, *, namespace: str, labels: str) -> list[dict[str, Any]]:
        """Helm's records of its release."""
        assert (namespace, labels) == ("argocd", "owner=helm,name=argocd")
        return [{"metadata": {"name": f"record-{one}", "labels": {"status": one}}} for one in self.records]


@pytest.fixture(scope="module")
def plan() -> Plan:
    return recorder.record(PROJECT, "dev")


def judged(node: Node, cluster: Cluster, *, known: bool = True) -> list[Any]:
    return list(objects.examine([node], cast("ClusterApi", cluster), OURS, lambda _node: known))


def test_what_carries_our_label_is_taken(plan: Plan) -> None:
    """A killed run made it, or a killed `destroy` has let go of it in the state."""
    quota = plan.one("kubernetes:core/v1:ResourceQuota", "team-mobility-dev-quota")

    (found,) = judged(quota, Cluster(OURS.labels("team")))

    assert isinstance(found, Import)
    assert found.id == "mobility-dev/quota"


@pytest.mark.parametrize(
    ("labels", "known", "said"),
    [
        pytest.param(OURS.labels("team"), False, "say --take-over", id="made from another folder"),
        pytest.param({naming.STACK_LABEL: "idp.prod"}, True, "belongs to stack idp.prod", id="another stack's"),
        pytest.param({}, True, "carries no stack's label", id="nobody's"),
    ],
)
def test_what_is_not_provably_ours_is_refused(labels: dict[str, str], known: bool, said: str, plan: Plan) -> None:
    """With its name and a way out; nothing is done to it."""
    home = plan.one("kubernetes:core/v1:Namespace", "argocd")

    (found,) = judged(home, Cluster(labels), known=known)

    assert isinstance(found, Refusal)
    assert found.subject == "Namespace argocd"
    assert said in found.message


def test_what_is_not_there_is_left_to_up(plan: Plan) -> None:
    """An operation that was cut off before it reached the cluster."""
    assert judged(plan.one("kubernetes:core/v1:Namespace", "argocd"), Cluster(None)) == []


def test_fields_of_somebody_elses_object_are_never_imported(plan: Plan) -> None:
    """A patch may be sent twice."""
    assert judged(plan.one("kubernetes:argoproj.io/v1alpha1:AppProjectPatch"), Cluster({})) == []


@pytest.mark.parametrize(
    ("records", "kind"),
    [
        pytest.param(("deployed",), Import, id="installed"),
        pytest.param(("superseded", "deployed"), Import, id="upgraded"),
        pytest.param(("pending-install",), HalfInstalled, id="cut off"),
    ],
)
def test_a_release_is_what_helms_records_say(records: tuple[str, ...], kind: type, plan: Plan) -> None:
    """Helm refuses a name that is in use, also by an installation that never ended."""
    (found,) = judged(plan.one("kubernetes:helm.sh/v3:Release", "argocd"), Cluster(OURS.labels("gitops"), *records))

    assert isinstance(found, kind)
    if isinstance(found, HalfInstalled):
        assert found.records == ("record-pending-install",)


def test_somebody_elses_release_is_none_of_ours(plan: Plan) -> None:
    """It has the same name, in a namespace that this stack did not make."""
    release = plan.one("kubernetes:helm.sh/v3:Release", "argocd")

    assert judged(release, Cluster({}, "deployed")) == []
    assert judged(release, Cluster(OURS.labels("gitops"))) == []
