"""What `recover` decides of an object that is in a cluster and not in the state: by whose label it carries."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from components.dynamic.key_pair import KeyPairProvider
from components.dynamic.password import PasswordProvider
from idp import naming, recorder
from idp.lifecycle import keys, objects
from idp.lifecycle.findings import HalfInstalled, Import, Refusal
from idp.lifecycle.state import State

if TYPE_CHECKING:
    from idp.cluster_api import ClusterApi
    from idp.plan import Node, Plan

PROJECT = Path(__file__).resolve().parents[2]
OURS = naming.Owner(project="idp", stack="dev")


class Cluster:
    """A cluster with one object of each kind that is asked for, and some records of Helm's."""

    def __init__(self, labels: dict[str, str] | None, *records: str, data: dict[str, str] | None = None) -> None:
        self.labels, self.records, self.data = labels, records, data or {}

    def find(self, _version: str, _kind: str, name: str, _namespace: str | None = None) -> dict[str, Any] | None:
        """An object with the labels, and the data, that the test is about."""
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in self.data.items()}
        return None if self.labels is None else {"metadata": {"name": name, "labels": self.labels}, "data": encoded}

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
    """With its name and a way out; nothing is done to it, and only what says that it is ours is ever taken over."""
    home = plan.one("kubernetes:core/v1:Namespace", "argocd")

    (found,) = judged(home, Cluster(labels), known=known)

    assert isinstance(found, Refusal)
    assert found.subject == "Namespace argocd"
    assert said in found.message
    assert found.claimable == ("--take-over" in said)


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


@pytest.mark.parametrize("record", ["deployed", "pending-install"])
def test_a_release_of_another_folder_is_refused(record: str, plan: Plan) -> None:
    """It may be at its installation now."""
    release = plan.one("kubernetes:helm.sh/v3:Release", "argocd")

    (found,) = judged(release, Cluster(OURS.labels("gitops"), record), known=False)

    assert isinstance(found, Refusal)
    assert (found.subject, found.claimable) == ("Release argocd/argocd", True)


def test_somebody_elses_release_is_none_of_ours(plan: Plan) -> None:
    """It has the same name, in a namespace that this stack did not make."""
    release = plan.one("kubernetes:helm.sh/v3:Release", "argocd")

    assert judged(release, Cluster({}, "deployed")) == []
    assert judged(release, Cluster(OURS.labels("gitops"))) == []


def kept(plan: Plan, cluster: Cluster, *names: str, known: bool = True) -> dict[str, Any]:
    """What comes back of the keys and passwords of these names, where all others are in the state."""
    there = [{"urn": node.urn, "type": node.type} for node in plan.nodes if node.name not in names]
    state = State({"deployment": {"resources": there}})
    return {
        one.node.name: one for one in keys.examine(plan, state, cast("ClusterApi", cluster), OURS, lambda _node: known)
    }


def test_a_key_that_the_state_has_lost_comes_back_from_its_secret(plan: Plan) -> None:
    """A fresh one would be written over it, and what was sealed with it, or trusted it, would be lost."""
    made = KeyPairProvider().create({"common_name": "sealed-secrets idp.dev", "authority_for": ""})
    outputs: Any = made.outs
    secret = {"tls.key": outputs["private_key"], "tls.crt": outputs["certificate"]}

    found = kept(plan, Cluster(OURS.labels("sealed-secrets"), data=secret), "sealed-secrets-key")

    one = found["sealed-secrets-key"]
    assert (one.id, one.outputs, one.holder) == (made.id, outputs, "sealed-secrets/sealed-secrets-key")


@pytest.mark.parametrize(
    ("name", "key"), [("portal-database", "password"), ("observability-grafana", "admin-password")]
)
def test_a_password_that_the_state_has_lost_comes_back_from_its_secret(name: str, key: str, plan: Plan) -> None:
    """The database took it at its birth and takes no other."""
    found = kept(plan, Cluster(OURS.labels("x"), data={key: "a password of some length"}), name)

    outputs = found[name].outputs
    assert (outputs["value"], outputs["length"]) == ("a password of some length", 25)
    assert outputs.keys() == (PasswordProvider().create({"length": 25}).outs or {}).keys()


@pytest.mark.parametrize(
    ("labels", "known", "data"),
    [
        pytest.param(OURS.labels("x"), False, {"password": "theirs"}, id="made from another folder"),
        pytest.param({naming.STACK_LABEL: "idp.prod"}, True, {"password": "theirs"}, id="another stack's"),
        pytest.param(OURS.labels("x"), True, {"admin.password": "$2a$10$"}, id="a hash alone"),
        pytest.param(OURS.labels("x"), True, {"tls.key": "none", "tls.crt": "none"}, id="no key"),
        pytest.param(None, True, {}, id="not there"),
    ],
)
def test_nothing_else_is_taken_for_a_key(
    labels: dict[str, str] | None, known: bool, data: dict[str, str], plan: Plan
) -> None:
    """What is not ours, or holds nothing, is left to `up`."""
    names = ("portal-database", "gitops-administrator", "sealed-secrets-key", "tls-authority")

    assert kept(plan, Cluster(labels, data=data), *names, known=known) == {}
