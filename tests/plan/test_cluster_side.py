"""What runs in the cluster beside services: from where its charts come, how it is reached, in which order it starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from idp.errors import MistakesError
from idp.plan import Plan, files, manifests

if TYPE_CHECKING:
    from collections.abc import Callable

RELEASE = "kubernetes:helm.sh/v3:Release"
KIND = (
    "config:\n  idp:organization: acme\n  idp:cluster: {mode: kind, name: acme-dev, httpPort: 8880, httpsPort: 8843}\n"
)
THERE = "config:\n  idp:organization: acme\n  idp:cluster: {mode: existing, kubeconfig: x, context: y}\n"
CHARTS = {"argo-cd", "cert-manager", "sealed-secrets", "traefik"}


def sources(plan: Plan) -> dict[str, dict[str, Any]]:
    """The sources of the add-ons' Applications, as the GitOps folder has them."""
    found = files.files(plan)
    folder = "idp-gitops/clusters/dev/apps/"
    applications = [
        yaml.safe_load(text) for path, text in found.items() if path.startswith(folder) and path.endswith("yaml")
    ]
    return {one["metadata"]["name"]: one["spec"]["source"] for one in applications}


def test_every_chart_may_come_from_a_mirror(plan_of: Callable[[str], Plan]) -> None:
    """One line for all of them: the core's, and those that Argo CD installs and must be permitted to."""
    mirror = "https://charts.example.com"
    plan = plan_of(f'{KIND}  idp:charts: {{"*": {mirror}}}\n')

    assert {(one.chart, one.place) for one in manifests.releases(plan)} == {(chart, mirror) for chart in CHARTS}
    repositories = {source["repoURL"] for source in sources(plan).values() if "chart" in source}
    project = plan.one("kubernetes:argoproj.io/v1alpha1:AppProject", "gitops-platform")
    assert repositories == {mirror}
    assert mirror in project.at("spec", "sourceRepos")


def test_a_registry_is_named_as_helm_and_argo_cd_name_it(plan_of: Callable[[str], Plan]) -> None:
    """Helm takes the whole address; Argo CD an image, with the chart at its root."""
    plan = plan_of(f'{KIND}  idp:charts: {{"*": "oci://registry.example.com/charts"}}\n')

    release = plan.one(RELEASE, "traefik")
    assert release.at("chart") == "oci://registry.example.com/charts/traefik"
    assert release.at("repositoryOpts") is None
    loki = sources(plan)["loki"]
    assert (loki["repoURL"], loki["path"]) == ("oci://registry.example.com/charts/loki", ".")


def test_one_chart_may_come_from_a_folder(plan_of: Callable[[str], Plan]) -> None:
    """To try a change of it; the others stay where they are."""
    plan = plan_of(f"{KIND}  idp:charts: {{traefik: ./charts}}\n")

    assert plan.one(RELEASE, "traefik").at("chart") == "./charts/traefik"
    assert plan.one(RELEASE, "argocd").at("repositoryOpts", "repo") == "https://argoproj.github.io/argo-helm"


@pytest.mark.parametrize(
    ("more", "told"),
    [
        pytest.param('  idp:charts: {"*": ./charts}', "Argo CD installs loki, and cannot read a folder", id="a folder"),
        pytest.param("  idp:charts: {traefix: https://x}", "did you mean `traefik`?", id="an unknown chart"),
        pytest.param("  idp:ingress: {mode: loadBalancer}", "a Kind cluster is new", id="a load balancer on Kind"),
        pytest.param(
            "  idp:components: {certManager: existing}", "has no cert-manager; write `install`", id="existing"
        ),
        pytest.param("  idp:ingress: {mode: nodeport}", "`nodeport` is not one of", id="a mode"),
        pytest.param("  idp:components: {certManger: off}", "did you mean `certManager`?", id="a part's name"),
    ],
)
def test_what_does_not_fit_is_told(more: str, told: str, plan_of: Callable[[str], Plan]) -> None:
    """Before anything is registered, with what to write instead."""
    with pytest.raises(MistakesError) as raised:
        plan_of(f"{KIND}{more}\n")

    assert told in str(raised.value)


def test_on_kind_pods_and_browsers_use_the_mapped_ports(plan_of: Callable[[str], Plan]) -> None:
    """Traefik's Service listens to them too, the redirect names them, and the cluster's DNS knows the hosts."""
    plan = plan_of(KIND)
    ports = plan.one(RELEASE, "traefik").at("values", "ports")
    dns = plan.one("kubernetes:core/v1:ConfigMapPatch").at("data", "Corefile")

    assert (ports["web"]["exposedPort"], ports["web"]["nodePort"]) == (8880, 30080)
    assert (ports["websecure"]["exposedPort"], ports["websecure"]["nodePort"]) == (8843, 30443)
    assert r"rewrite name regex (.*\.)?idp\.localhost\. traefik.traefik.svc.cluster.local. answer auto" in dns
    assert plan.outputs["urls"]["argocd"] == "https://argocd.idp.localhost:8843"


def test_elsewhere_a_load_balancer_has_the_usual_ports(plan_of: Callable[[str], Plan]) -> None:
    """Its DNS is its owner's, and nothing of the cluster's own is touched."""
    annotations = "{mode: loadBalancer, annotations: {example.com/tier: internal}}"
    plan = plan_of(f"{THERE}  idp:ingress: {annotations}\n")
    values = plan.one(RELEASE, "traefik").at("values")

    assert values["service"] == {"spec": {"type": "LoadBalancer"}, "annotations": {"example.com/tier": "internal"}}
    assert [port["exposedPort"] for port in values["ports"].values()] == [80, 443]
    assert plan.of("kubernetes:core/v1:ConfigMapPatch") == ()
    assert plan.outputs["urls"]["argocd"] == "https://argocd.idp.localhost"


def test_with_an_ingress_controller_that_is_there_its_class_is_named(plan_of: Callable[[str], Plan]) -> None:
    """Neither Traefik nor a certificate is made then: both are its owner's."""
    existing = "{mode: existing, class: nginx, controller: {namespace: edge, labels: {app: nginx}}}"
    plan = plan_of(f"{THERE}  idp:ingress: {existing}\n")

    assert plan.of("idp:index:Ingress") == plan.of("idp:index:Tls") == ()
    assert plan.one(RELEASE, "argocd").at("values", "server", "ingress", "ingressClassName") == "nginx"
    assert "certificateAuthority" not in plan.outputs


def test_with_a_cert_manager_that_is_there_the_issuer_stays_in_our_namespace(plan_of: Callable[[str], Plan]) -> None:
    """An issuer for the whole cluster would want its key where we have nothing to do."""
    plan = plan_of(f"{THERE}  idp:components: {{certManager: existing}}\n")
    issuer = plan.one("kubernetes:cert-manager.io/v1:Issuer")

    assert "cert-manager" not in {one.chart for one in manifests.releases(plan)}
    assert (
        issuer.at("metadata", "namespace")
        == plan.one("kubernetes:core/v1:Secret", "platform-authority").at("metadata", "namespace")
        == "traefik"
    )


def test_the_sealing_key_is_there_before_the_controller(dev: Plan) -> None:
    """A key that arrives later is ignored until the controller restarts."""
    key = dev.one("kubernetes:core/v1:Secret", "sealed-secrets-key")

    assert dev.one(RELEASE, "sealed-secrets").needs(key)
    assert key.at("metadata", "labels", "sealedsecrets.bitnami.com/sealed-secrets-key") == "active"


def test_keys_outlive_the_cluster_and_their_copies_do_not(dev: Plan) -> None:
    """What is sealed today opens on tomorrow's cluster."""
    pairs = dev.of("pulumi-python:dynamic/idp:KeyPair")
    copies = [dev.one("kubernetes:core/v1:Secret", name) for name in ("sealed-secrets-key", "tls-key")]

    assert {pair.name: pair.at("authority_for") for pair in pairs} == {
        "sealed-secrets-key": "", "tls-authority": "idp.localhost",
    }  # fmt: skip
    assert {pair.deleted_with for pair in pairs} == {None}
    assert all(copy.deleted_with for copy in copies)


def test_the_root_application_comes_after_all_that_its_children_need(dev: Plan) -> None:
    """Projects, credentials, the folder that it reads, and the namespaces of the add-ons."""
    root = dev.one("kubernetes:argoproj.io/v1alpha1:Application", "root")
    project = "kubernetes:argoproj.io/v1alpha1:AppProject"

    assert all(root.needs(dev.one(project, f"gitops-{name}")) for name in ("bootstrap", "platform"))
    assert root.needs(dev.one("pulumi-python:dynamic/idp:StackFolder"))
    assert root.needs(dev.one("kubernetes:core/v1:Secret", "gitops-repo-creds"))
    assert root.needs(dev.one("kubernetes:core/v1:Namespace", "observability"))


def test_with_more_replicas_a_node_may_be_emptied(plan_of: Callable[[str], Plan]) -> None:
    """One pod of each goes at a time; a single one has no budget, which would only stand in the way."""
    one, two = plan_of(KIND), plan_of(f"{KIND}  idp:replicas: 2\n")

    def budgets(plan: Plan) -> list[str]:
        return [
            f"{release.chart}: {path}" for release in manifests.releases(plan) for path in _budgets(release.values, "")
        ]

    assert budgets(one) == []
    assert sorted(budgets(two)) == [
        "argo-cd: repoServer.pdb", "argo-cd: server.pdb", "cert-manager: cainjector.podDisruptionBudget",
        "cert-manager: podDisruptionBudget", "cert-manager: webhook.podDisruptionBudget", "traefik: podDisruptionBudget",
    ]  # fmt: skip


def _budgets(values: Any, path: str) -> list[str]:
    if not isinstance(values, dict):
        return []
    found = [f"{path}{key}" for key in values if key in {"pdb", "podDisruptionBudget"} and values[key]["enabled"]]
    return found + [each for key, value in values.items() for each in _budgets(value, f"{path}{key}.")]


@pytest.mark.parametrize("chart", sorted(CHARTS))
def test_every_pod_of_the_core_asks_for_something(chart: str, dev: Plan) -> None:
    """Else it is the first to go when a node is full."""
    values = next(release.values for release in manifests.releases(dev) if release.chart == chart)
    asked = _requests(values, "")

    assert asked
    assert "resources" in asked or chart == "argo-cd"


def _requests(values: Any, path: str) -> list[str]:
    if not isinstance(values, dict):
        return []
    found = [f"{path}{key}" for key in values if key == "resources" and {"requests", "limits"} <= values[key].keys()]
    return found + [each for key, value in values.items() for each in _requests(value, f"{path}{key}.")]
