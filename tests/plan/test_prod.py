"""What is otherwise in production: nobody's laptop, several of each, certificates from an issuer, people who sign in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from idp import recorder
from idp.errors import MistakesError
from idp.plan import Plan, files, manifests
from tests.plan.conftest import PROJECT

if TYPE_CHECKING:
    from collections.abc import Callable

RELEASE = "kubernetes:helm.sh/v3:Release"
APPLICATION = "kubernetes:argoproj.io/v1alpha1:Application"
RULESET = "github:index/repositoryRuleset:RepositoryRuleset"
THERE = "config:\n  idp:organization: acme\n  idp:cluster: {mode: existing, kubeconfig: x, context: y}\n"


@pytest.fixture(scope="module")
def prod() -> Plan:
    """The committed stack."""
    return recorder.record(PROJECT, "prod")


def values(plan: Plan, chart: str) -> Any:
    return next(one.values for one in manifests.releases(plan) if one.chart == chart)


def test_it_makes_nothing_on_github_but_its_folder(prod: Plan) -> None:
    """The dev stack makes repositories."""
    assert not [node for node in prod.nodes if node.type.startswith(("github:", "pulumi:providers:github"))]
    assert prod.one("pulumi-python:dynamic/idp:StackFolder").at("folder") == "clusters/prod"
    assert {tuple(path.split("/")[:3]) for path in files.files(prod)} == {("idp-gitops", "clusters", "prod")}


def test_it_runs_its_own_environment_only(prod: Plan) -> None:
    """Dev's is another stack's."""
    names = {node.at("metadata", "name") for node in prod.of("kubernetes:core/v1:Namespace")}

    assert {"mobility-prod", "discovered-prod"} <= names
    assert not {name for name in names if str(name).endswith("-dev")}
    assert prod.one(APPLICATION, "vehicles-prod").at("spec", "source", "targetRevision") == "refs/heads/env/prod"


def test_what_can_be_several_is_and_one_at_a_time_goes(prod: Plan) -> None:
    """A node that is drained must not take the platform with it."""
    traefik, argocd = (values(prod, chart) for chart in ("traefik", "argo-cd"))

    assert traefik["deployment"]["replicas"] == argocd["server"]["replicas"] == 2
    assert traefik["podDisruptionBudget"] == {"enabled": True, "maxUnavailable": 1}
    assert argocd["server"]["pdb"] == argocd["repoServer"]["pdb"] == {"enabled": True, "maxUnavailable": 1}


def test_a_cert_manager_of_its_own_can_be_several_too(plan_of: Callable[[str], Plan]) -> None:
    """Where the cluster has none."""
    certificates = values(plan_of(THERE + "  idp:replicas: 2\n"), "cert-manager")

    assert certificates["replicaCount"] == certificates["webhook"]["replicaCount"] == 2
    assert certificates["podDisruptionBudget"] == {"enabled": True, "maxUnavailable": 1}


def test_there_is_no_administrator_and_people_sign_in_with_github(prod: Plan) -> None:
    """Members of the organization and nobody else; their teams are the groups that projects name."""
    settings = values(prod, "argo-cd")["configs"]["cm"]
    (connector,) = yaml.safe_load(settings["dex.config"])["connectors"]

    assert settings["admin.enabled"] is False
    assert "argocdAdministratorPassword" not in prod.outputs
    assert connector["config"] == {
        "clientID": "$dex.github.clientId",
        "clientSecret": "$dex.github.clientSecret",
        "orgs": [{"name": "acme"}],
        "teamNameField": "slug",
    }
    project = prod.one("kubernetes:argoproj.io/v1alpha1:AppProject", "team-mobility-project")
    assert [role["groups"] for role in project.at("spec", "roles")] == [["acme:mobility"]]


def test_the_oauth_app_is_in_argo_cds_own_secret_and_nowhere_else(prod: Plan) -> None:
    """Its settings point at it with a dollar sign."""
    holder = prod.one("kubernetes:core/v1:Secret", "gitops-argocd-secret")

    assert prod.is_secret(holder, "stringData")
    assert prod.one(RELEASE, "argocd").needs(holder)


def test_an_enterprise_server_is_named_to_dex(plan_of: Callable[[str], Plan], monkeypatch: pytest.MonkeyPatch) -> None:
    """Else people would be sent to github.com."""
    monkeypatch.setenv("GITHUB_BASE_URL", "https://github.acme.example/")
    (connector,) = yaml.safe_load(values(plan_of(THERE), "argo-cd")["configs"]["cm"]["dex.config"])["connectors"]

    assert connector["config"]["hostName"] == "github.acme.example"


def test_an_address_without_its_scheme_is_a_mistake(
    plan_of: Callable[[str], Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else an Enterprise server's token would go to github.com."""
    monkeypatch.setenv("GITHUB_BASE_URL", "github.acme.example")

    with pytest.raises(MistakesError, match=r"environment: GITHUB_BASE_URL: .* write https://github\.acme\.example"):
        plan_of(THERE)


def test_without_an_oauth_app_dex_does_not_run(dev: Plan) -> None:
    """A laptop has its administrator."""
    assert values(dev, "argo-cd")["dex"] == {"enabled": False}
    assert "dex.config" not in values(dev, "argo-cd")["configs"]["cm"]


def test_certificates_come_from_the_issuer_that_it_names(prod: Plan) -> None:
    """No authority of its own is made, nor a certificate of one given to people to trust."""
    certificate = prod.one("kubernetes:cert-manager.io/v1:Certificate")

    assert certificate.at("spec", "issuerRef") == {
        "name": "letsencrypt", "kind": "ClusterIssuer", "group": "cert-manager.io",
    }  # fmt: skip
    assert certificate.at("spec", "dnsNames") == ["*.platform.acme.example", "*.prod.platform.acme.example"]
    assert not [node for node in prod.nodes if node.name in {"tls-authority", "tls-key", "tls-issuer"}]
    assert "certificateAuthority" not in prod.outputs


def test_an_issuer_that_is_there_needs_the_cert_manager_that_is_there(prod: Plan) -> None:
    """The committed stack installs none: on a new one its issuer could not be."""
    names = {node.at("metadata", "name") for node in prod.of("kubernetes:core/v1:Namespace")}

    assert "cert-manager" not in {one.chart for one in manifests.releases(prod)} | names
    assert not [said for said in prod.messages if "no certificate" in said]


def test_an_issuer_of_a_cert_manager_that_is_yet_to_come_is_told(plan_of: Callable[[str], Plan]) -> None:
    """Nobody waits for a certificate that nobody can make."""
    plan = plan_of(THERE + "  idp:issuer: {mode: existing, name: letsencrypt}\n")

    (said,) = [said for said in plan.messages if "no certificate" in said]
    assert said.startswith(
        "no certificate until there is ClusterIssuer `letsencrypt`: make it once this stack's cert-man"
    )
    assert "write `certManager: existing` in idp:components" in said


def test_a_later_environment_takes_marked_merges_and_nothing_else(dev: Plan) -> None:
    """The owning stack makes the rules; the first environment's branch has none, as a workflow pushes to it."""
    rules = dev.one(RULESET, "vehicles-promote-prod")

    assert rules.at("conditions", "refName") == {"includes": ["refs/heads/env/prod"], "excludes": []}
    assert rules.at("rules", "pullRequest", "allowedMergeMethods") == ["merge"]
    (check,) = rules.at("rules", "requiredStatusChecks", "requiredChecks")
    assert check == {"context": "promote/prod", "integrationId": 15368}
    assert not [
        node for node in dev.of(RULESET) if "refs/heads/env/dev" in node.at("conditions", "refName", "includes")
    ]
    assert dev.one("github:index/repository:Repository", "vehicles").at("deleteBranchOnMerge") is False


def test_an_adopted_repository_gets_no_file_and_runs_from_its_default_branch(plan_of: Callable[[str], Plan]) -> None:
    """No scaffold is even declared, and its settings stay its own."""
    plan = plan_of(
        THERE.replace("idp:cluster", "idp:visibility: public\n  idp:cluster")
        + "  idp:teams: {mobility: {github: m}}\n"
        + "  idp:services: {old: {team: mobility, adopted: true, description: Was, topics: [mine]}}\n"
    )

    assert [node.name for node in plan.of("pulumi-python:dynamic/idp:Scaffold")] == ["idp-gitops-scaffold"]
    source = plan.one(APPLICATION, "old-dev").at("spec", "source")
    assert (source["targetRevision"], source["path"]) == ("HEAD", "deploy/overlays/dev")
    assert plan.one("github:index/repository:Repository", "old").at("topics") == [
        "idp-managed",
        "team-mobility",
        "mine",
    ]
    assert [node.name for node in plan.of(RULESET) if node.name.startswith("old")] == ["old-default-branch"]
