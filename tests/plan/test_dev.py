"""What the dev stack's plan holds: the platform, as its README tells it."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING

import pytest
import yaml
from pulumi_github import RepositoryArgs

from components.repository_settings import LEFT_ALONE
from idp.naming import ENVIRONMENT, SERVICE
from idp.plan import Plan, files

if TYPE_CHECKING:
    from collections.abc import Callable

PROJECT = "kubernetes:argoproj.io/v1alpha1:AppProject"
APPLICATION = "kubernetes:argoproj.io/v1alpha1:Application"
KIND = "pulumi-python:dynamic/idp:KindCluster"
SECRET = "kubernetes:core/v1:Secret"
SERVICES = ("platform", "rental", "vehicles")


def test_it_holds_the_cluster_argo_cd_and_the_projects(dev: Plan) -> None:
    """The thin path from nothing to a place where services run."""
    release = dev.one("kubernetes:helm.sh/v3:Release", "argocd")

    assert dev.one(KIND).at("cluster_name") == "acme-dev"
    assert (release.at("chart"), release.at("namespace")) == ("argo-cd", "argocd")
    assert {str(node.at("metadata", "name")) for node in dev.of(PROJECT)} == {
        "bootstrap", "platform", "workloads", "team-mobility",
    }  # fmt: skip
    assert dev.one("kubernetes:argoproj.io/v1alpha1:ApplicationSet").at("metadata", "name") == "discovery"


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_a_repository_with_topic_a_scaffold_and_an_application(name: str, dev: Plan) -> None:
    """One entry, and all of it follows."""
    service = dev.one("idp:index:Service", name)
    kinds = {child.type.rpartition(":")[2] for child in dev.children(service)}

    assert kinds == {"Repository", "TeamRepository", "Scaffold", "RepositoryRuleset", "Application"}
    assert "idp-managed" in dev.one("github:index/repository:Repository", name).at("topics")


def test_every_setting_of_a_repository_is_declared_or_left_to_its_people(dev: Plan) -> None:
    """Where the provider is told nothing it sends a value of its own, but for what it reads first or uses at birth only."""
    read_first = {"allowForking", "defaultBranch", "etag", "private", "securityAndAnalysis", "vulnerabilityAlerts"}
    at_birth = {"fork", "sourceOwner", "sourceRepo", "gitignoreTemplate", "licenseTemplate"}
    how_it_is_run = {"archiveOnDestroy", "ignoreVulnerabilityAlertsDuringRead"}
    known = {
        re.sub(r"_(.)", lambda found: found[1].upper(), name) for name in inspect.signature(RepositoryArgs).parameters
    }
    declared = set(dev.one("github:index/repository:Repository", "rental").inputs)

    assert known == {*declared, *LEFT_ALONE, *read_first, *at_birth, *how_it_is_run}


@pytest.mark.parametrize("name", SERVICES)
def test_an_application_waits_for_its_files_and_its_project(name: str, dev: Plan) -> None:
    """The first sync finds a branch, and a project that permits it."""
    application = dev.one(APPLICATION, f"{name}-dev")

    assert application.needs(dev.one("pulumi-python:dynamic/idp:Scaffold", f"{name}-scaffold"))
    assert application.needs(dev.one(PROJECT, "team-mobility"))


@pytest.mark.parametrize("name", SERVICES)
def test_the_ruleset_comes_last(name: str, dev: Plan) -> None:
    """Before the files it would refuse the scaffold's own commit."""
    ruleset = dev.one("github:index/repositoryRuleset:RepositoryRuleset", f"{name}-default-branch")

    assert ruleset.needs(dev.one("pulumi-python:dynamic/idp:Scaffold", f"{name}-scaffold"))
    assert ruleset.at("conditions", "refName", "includes") == ["~DEFAULT_BRANCH"]


def test_credentials_come_before_what_uses_them(dev: Plan) -> None:
    """Without them the first listing of a private organization would be empty."""
    discovery = dev.one("kubernetes:argoproj.io/v1alpha1:ApplicationSet")

    assert all(discovery.needs(dev.one(SECRET, f"gitops-{name}")) for name in ("repo-creds", "scm-creds"))
    assert discovery.needs(dev.one("kubernetes:helm.sh/v3:Release", "argocd"))


def test_argo_cds_own_secret_is_there_before_argo_cd(dev: Plan) -> None:
    """Argo CD makes a password of its own where it finds none."""
    release = dev.one("kubernetes:helm.sh/v3:Release", "argocd")

    assert release.needs(dev.one(SECRET, "gitops-argocd-secret"))
    assert release.at("values", "configs", "secret", "createSecret") is False


def test_discovery_leaves_declared_services_alone(plan_of: Callable[[str], Plan], dev: Plan) -> None:
    """An ApplicationSet adopts an Application of the same name and rewrites it; retired names stay taken too."""
    text = (
        "config:\n  idp:organization: acme\n  idp:cluster: {mode: kind, name: a1}\n  idp:teams: {mobility: {github: m}}\n"
        "  idp:deploys: [prod]\n"
        "  idp:services:\n    old: {team: mobility, template: node, description: x, state: retired}\n"
    )
    for plan, names in ((dev, list(SERVICES)), (plan_of(text), ["old"])):
        generators = plan.one("kubernetes:argoproj.io/v1alpha1:ApplicationSet").at("spec", "generators")
        assert [g["selector"]["matchExpressions"][0]["values"] for g in generators] == [names]


def test_an_application_that_was_found_has_a_name_that_no_entry_makes(dev: Plan) -> None:
    """Its repository may get an entry later: two of one name, and nothing would give way."""
    longest = {"{{ .repository }}": "a" * SERVICE.longest, "{{ .values.environment }}": "b" * ENVIRONMENT.longest}
    name = str(dev.one("kubernetes:argoproj.io/v1alpha1:ApplicationSet").at("spec", "template", "metadata", "name"))
    for variable, value in longest.items():
        name = name.replace(variable, value)

    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*", name)
    assert len(name) <= 63
    assert re.fullmatch(r"[a-z0-9-]+", name) is None


def test_discovery_never_deletes(dev: Plan) -> None:
    """A token that loses sight of a repository gets a shorter list with status 200."""
    policy = dev.one("kubernetes:argoproj.io/v1alpha1:ApplicationSet").at("spec", "syncPolicy")

    assert policy == {"applicationsSync": "create-update", "preserveResourcesOnDeletion": True}


def test_discovery_asks_for_paths_in_a_filter_of_their_own(dev: Plan) -> None:
    """Together with the topic they would cost a request for every repository of the organization."""
    generators = dev.one("kubernetes:argoproj.io/v1alpha1:ApplicationSet").at("spec", "generators")
    cheap, dear = generators[0]["scmProvider"]["filters"]

    assert set(cheap) == {"labelMatch", "repositoryMatch"}
    assert set(dear) == {"pathsExist", "pathsDoNotExist"}
    assert dear["pathsDoNotExist"] == [".idp/service.yaml"]


def test_kind_listens_on_this_machine_only(dev: Plan) -> None:
    """Kind's default is every interface of the laptop."""
    config = yaml.safe_load(dev.one(KIND).at("config"))
    mappings = config["nodes"][0]["extraPortMappings"]

    assert [(m["hostPort"], m["listenAddress"]) for m in mappings] == [(8880, "127.0.0.1"), (8843, "127.0.0.1")]
    assert config["networking"]["apiServerAddress"] == "127.0.0.1"
    assert [node.get("labels", {}).get("role") for node in config["nodes"]] == [None, "platform", "workloads"]
    assert all("@sha256:" in node["image"] for node in config["nodes"])


def test_workloads_and_platform_are_placed_on_their_nodes(dev: Plan) -> None:
    """The labels that the nodes carry are the ones that the pods ask for."""
    values = dev.one("kubernetes:helm.sh/v3:Release", "argocd").at("values")
    patch = yaml.safe_load(dev.one(APPLICATION, "rental-dev").at("spec", "source", "kustomize", "patches", 1, "patch"))

    assert values["global"]["nodeSelector"] == {"role": "platform"}
    assert patch["spec"]["template"]["spec"]["nodeSelector"] == {"role": "workloads"}


def test_the_plans_files_are_what_the_scaffold_will_commit(dev: Plan) -> None:
    """Each repository's, with the marker by which the platform knows it again."""
    found = files.files(dev)

    assert {path.partition("/")[0] for path in found} == {*SERVICES, "idp-gitops"}
    assert yaml.safe_load(found["rental/.idp/service.yaml"])["digest"] == dev.one(
        "pulumi-python:dynamic/idp:Scaffold", "rental-scaffold"
    ).at("digest")


def test_a_retired_service_keeps_its_repository_and_runs_nowhere(plan_of: Callable[[str], Plan]) -> None:
    """Archived by an update; all on GitHub stays declared, so that nothing is deleted."""
    plan = plan_of(
        "config:\n  idp:organization: acme\n  idp:visibility: public\n  idp:cluster: {mode: kind, name: a1}\n"
        "  idp:teams: {mobility: {github: m}}\n"
        "  idp:services:\n    old: {team: mobility, template: node, description: x, state: retired}\n"
    )
    kinds = sorted(child.type.rpartition(":")[2] for child in plan.children(plan.one("idp:index:Service")))

    assert plan.one("github:index/repository:Repository", "old").at("archived") is True
    assert kinds == ["Repository", "RepositoryRuleset", "RepositoryRuleset", "Scaffold", "TeamRepository"]


def test_a_referring_stack_makes_nothing_on_github(plan_of: Callable[[str], Plan]) -> None:
    """Exactly one stack makes the repositories; the others run what is in them."""
    plan = plan_of(
        "config:\n  idp:organization: acme\n  idp:github: reference\n"
        "  idp:cluster: {mode: existing, kubeconfig: x, context: y}\n"
        "  idp:teams: {mobility: {github: m}}\n"
        "  idp:services:\n    rental: {team: mobility, template: node, description: x}\n"
    )

    assert [node.type for node in plan.nodes if node.type.startswith(("github:", "pulumi:providers:github"))] == []
    assert plan.of("pulumi-python:dynamic/idp:Scaffold") == ()
    assert plan.one(APPLICATION, "rental-dev").at("spec", "source", "repoURL") == "https://github.com/acme/rental.git"


def test_without_rulesets_the_plan_says_so(plan_of: Callable[[str], Plan]) -> None:
    """Private repositories have them on a paid plan only; a silent gap would look like protection."""
    plan = plan_of(
        "config:\n  idp:organization: acme\n  idp:cluster: {mode: kind, name: a1}\n  idp:teams: {mobility: {github: m}}\n"
        "  idp:services:\n    rental: {team: mobility, template: node, description: x}\n"
    )

    assert plan.of("github:index/repositoryRuleset:RepositoryRuleset") == ()
    assert any("no rulesets" in message for message in plan.messages)


def test_the_administrator_is_for_laptops(plan_of: Callable[[str], Plan], dev: Plan) -> None:
    """Elsewhere the account is off, and no password is made."""
    elsewhere = plan_of("config:\n  idp:organization: acme\n  idp:cluster: {mode: kind, name: a1}\n")
    release = "kubernetes:helm.sh/v3:Release"

    assert dev.one(release, "argocd").at("values", "configs", "cm", "admin.enabled") is True
    assert elsewhere.one(release, "argocd").at("values", "configs", "cm", "admin.enabled") is False
    assert "gitops-administrator" not in {node.name for node in elsewhere.of("pulumi-python:dynamic/idp:Password")}
