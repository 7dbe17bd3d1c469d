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


THERE = "config:\n  idp:organization: acme\n  idp:cluster: {mode: existing, kubeconfig: x, context: y}\n"
CERT_MANAGER = {"CustomResourceDefinition/issuers.cert-manager.io": {}}
ISSUER = "  idp:components: {certManager: existing}\n  idp:issuer: {mode: existing, name: letsencrypt%s}\n"


@pytest.mark.parametrize(
    ("more", "objects", "told"),
    [
        pytest.param("", {}, "", id="an empty cluster"),
        pytest.param("", {"Namespace/traefik": OURS.labels("ingress")}, "", id="our own ingress controller"),
        pytest.param("", {"Namespace/traefik": {}}, "`traefik` belongs to somebody else; write `existing", id="theirs"),
        pytest.param(
            "", {"Namespace/cert-manager": THEIRS.labels("tls")}, "`cert-manager` belongs to stack idp.other; write `existing`",
            id="another stack's cert-manager",
        ),
        pytest.param("", {"Namespace/sealed-secrets": {}}, "`sealed-secrets` belongs to somebody else", id="sealed secrets"),
        pytest.param("", {"Namespace/observability": {}}, "`observability` belongs to somebody else", id="observability"),
        pytest.param("  idp:components: {certManager: existing}\n", CERT_MANAGER, "", id="a cert-manager that is there"),
        pytest.param("  idp:components: {certManager: existing}\n", {}, "the cluster has no cert-manager", id="that is not"),
        pytest.param(ISSUER % "", {}, "the cluster has no cert-manager", id="no issuer without a cert-manager"),
        pytest.param(ISSUER % "", CERT_MANAGER | {"ClusterIssuer/letsencrypt": {}}, "", id="an issuer that is there"),
        pytest.param(
            ISSUER % "", CERT_MANAGER | {"ClusterIssuer/staging": {}},
            "the cluster has no ClusterIssuer `letsencrypt`; make one that can issue wildcards, name one that is there",
            id="one that is not",
        ),
        pytest.param(ISSUER % ", kind: Issuer", CERT_MANAGER, "", id="one in a namespace that this stack makes"),
        pytest.param(ISSUER % ", group: awspca.cert-manager.io", CERT_MANAGER, "", id="one from outside"),
        pytest.param(
            "  idp:ingress: {mode: existing, class: nginx, controller: {namespace: edge, labels: {app: nginx}}}\n", {},
            "the cluster has no IngressClass `nginx`", id="an ingress class that is not there",
        ),
    ],
)  # fmt: skip
def test_what_is_there_and_what_is_said_to_be_must_agree(
    more: str, objects: dict[str, dict[str, str]], told: str, project: Path
) -> None:
    """An install beside somebody else's would take over their kinds; a part that is missing fails late."""
    (project / "Pulumi.dev.yaml").write_text(THERE + more)
    catalog = recorder.load(project, "dev").catalog

    found = [message for _, message in existing.conflicts(catalog, OURS, cast("ClusterApi", Cluster(**objects)))]

    assert [told in message for message in found] == ([True] if told else [])
