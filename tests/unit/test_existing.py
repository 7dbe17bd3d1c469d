"""What an existing cluster has already that is somebody else's, told before anything is registered."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from idp import existing, naming, recorder

if TYPE_CHECKING:
    from idp.cluster_api import ClusterApi

PROJECT = Path(__file__).resolve().parents[2]
OURS, THEIRS = naming.Owner(project="idp", stack="dev"), naming.Owner(project="idp", stack="other")


class Cluster:
    """A cluster with some objects in no namespace, by kind and name."""

    def __init__(self, **objects: dict[str, str]) -> None:
        self.objects = objects

    def find(self, _version: str, kind: str, name: str) -> dict[str, Any] | None:
        """An object with its labels."""
        labels = self.objects.get(f"{kind}/{name}")
        return None if labels is None else {"metadata": {"name": name, "labels": labels}}


@pytest.mark.parametrize("kind", ["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"])
@pytest.mark.parametrize(
    ("labels", "whose"),
    [
        pytest.param(OURS.labels("admission"), None, id="this stack's"),
        pytest.param(THEIRS.labels("admission"), "stack idp.other", id="another stack's"),
        pytest.param({}, "somebody else", id="somebody's"),
    ],
)
def test_rules_of_admission_under_our_name_are_ours(labels: dict[str, str], whose: str | None, kind: str) -> None:
    """They are cluster-wide: an `up` would rewrite what another stack's teams are held to."""
    cluster = cast("ClusterApi", Cluster(**{f"{kind}/idp-dev-services": labels}))
    catalog = recorder.load(PROJECT, "dev").catalog

    found = [message for _, message in existing.conflicts(catalog, OURS, cluster)]

    said = f"{kind} `idp-dev-services` is in the cluster already and belongs to {whose}; rename the stack"
    assert found == ([said] if whose else [])


@pytest.mark.parametrize("stack", ["dev", "a" * 100, "Under_Score.1"])
def test_a_name_in_no_namespace_is_one_that_kubernetes_takes(stack: str) -> None:
    """Stacks are named more freely than objects."""
    name = naming.Owner(project="idp", stack=stack).in_cluster("ingresses")

    assert len(name) <= 63
    assert naming.NameRule(kind="an object", longest=63).mistake(name) is None
