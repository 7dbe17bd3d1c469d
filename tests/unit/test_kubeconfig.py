"""A cluster's identity: equal for one cluster, another for its successor under the same name."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest
import yaml

from idp import kubeconfig

if TYPE_CHECKING:
    from pathlib import Path


def text(*authorities: str, current: str = "c0") -> str:
    """A kubeconfig with a cluster for each authority."""
    clusters = [
        {"name": f"k{n}", "cluster": {"certificate-authority-data": base64.b64encode(ca.encode()).decode()}}
        for n, ca in enumerate(authorities)
    ]
    contexts = [{"name": f"c{n}", "context": {"cluster": f"k{n}", "user": "u"}} for n in range(len(authorities))]
    return yaml.safe_dump({"clusters": clusters, "contexts": contexts, "current-context": current})


def test_the_hash_is_the_authoritys() -> None:
    """Other contexts, users and addresses play no part."""
    assert kubeconfig.ca_hash(text("one")) == kubeconfig.ca_hash(text("two", "one"), "c1")
    assert kubeconfig.ca_hash(text("one")) != kubeconfig.ca_hash(text("two"))


def test_the_current_context_is_taken_when_none_is_named() -> None:
    """As kubectl does."""
    assert kubeconfig.ca_hash(text("one", "two", current="c1")) == kubeconfig.ca_hash(text("two"))


def test_an_authority_may_be_a_file(tmp_path: Path) -> None:
    """As minikube and others write it."""
    (tmp_path / "ca.crt").write_text("one")
    document = yaml.safe_load(text("two"))
    document["clusters"][0]["cluster"] = {"certificate-authority": str(tmp_path / "ca.crt")}

    assert kubeconfig.ca_hash(yaml.safe_dump(document)) == kubeconfig.ca_hash(text("one"))


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param("", id="empty"),
        pytest.param("{", id="not YAML"),
        pytest.param("clusters: []\ncontexts: []\ncurrent-context: x\n", id="no such context"),
        pytest.param(text("one").replace("certificate-authority-data", "insecure-skip-tls-verify"), id="no authority"),
        pytest.param(text("one").replace("certificate-authority-data", "certificate-authority"), id="no such file"),
    ],
)
def test_a_kubeconfig_that_leads_nowhere_is_an_error(broken: str) -> None:
    """One kind of error, which says so."""
    with pytest.raises(kubeconfig.KubeconfigError, match="no cluster with a certificate authority"):
        kubeconfig.ca_hash(broken)
