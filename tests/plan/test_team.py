"""A team's place: what its namespaces let in and out, what its members may, what admission asks of its objects."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from components import policies
from components.gitops import boundaries
from components.registry import docker_config
from idp import naming, network, recorder
from idp import policy as policy_rules
from idp.model import PlatformConfig, Service
from idp.plan import SECRET, files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from idp.plan import Node, Plan

POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
NAMESPACE, QUOTA = "kubernetes:core/v1:Namespace", "kubernetes:core/v1:ResourceQuota"
TEAM_PROJECT = "kubernetes:argoproj.io/v1alpha1:AppProject"
ADMISSION = "kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicy"

STACK = """config:
  idp:organization: acme
  idp:domain: example.org
  idp:environments: [dev, prod]
  idp:cluster: {mode: kind, name: acme-dev}
  idp:teams:
    mobility: {github: movers}
    payments: {github: payments}
  idp:services:
    rental: {team: mobility, template: node, description: Rents, calls: [vehicles, billing, "https://a.example", "http://b.example:8080/v1"]}
    vehicles: {team: mobility, template: node, description: Knows the fleet}
    idle: {team: mobility, template: node, description: Calls nobody}
    former: {team: mobility, template: node, description: Was, calls: [vehicles, "https://c.example:9000"], state: retired}
    billing: {team: payments, template: node, description: Bills}
"""


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    folder = tmp_path_factory.mktemp("team")
    return planned(folder, STACK)


def planned(folder: Path, text: str) -> Plan:
    (folder / "services").mkdir(exist_ok=True)
    (folder / "Pulumi.yaml").write_text((recorder.PROGRAM / "Pulumi.yaml").read_text())
    (folder / "Pulumi.dev.yaml").write_text(text)
    return recorder.record(folder, "dev")


def policy(plan: Plan, namespace: str, name: str) -> dict[str, Any]:
    """What it says."""
    (found,) = [each for each in in_namespace(plan, POLICY, namespace) if each.at("metadata", "name") == name]
    return found.at("spec")


def in_namespace(plan: Plan, type_: str, namespace: str) -> list[Node]:
    return [each for each in plan.of(type_) if each.at("metadata", "namespace") == namespace]


def peer(namespace: str, service: str) -> dict[str, Any]:
    return {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "podSelector": {"matchLabels": {"app.kubernetes.io/name": service}},
    }


def test_a_call_is_opened_on_both_sides(plan: Plan) -> None:
    """Egress of the one without ingress of the other is a connection that times out."""
    caller, called = policy(plan, "mobility-dev", "service-rental"), policy(plan, "payments-dev", "service-billing")
    port = [{"port": "http", "protocol": "TCP"}]

    assert caller["podSelector"] == {"matchLabels": {"app.kubernetes.io/name": "rental"}}
    assert {"to": [peer("mobility-dev", "vehicles"), peer("payments-dev", "billing")], "ports": port} in caller[
        "egress"
    ]
    assert called["ingress"] == [{"from": [peer("mobility-dev", "rental")], "ports": port}]
    assert "egress" not in called


def test_a_service_without_calls_opens_nothing_of_its_own(plan: Plan) -> None:
    """What all pods share is enough for it."""
    names = {each.at("metadata", "name") for each in in_namespace(plan, POLICY, "mobility-dev")}

    assert names == {"default-deny", "with-platform", "service-rental", "service-vehicles"}


def test_a_retired_service_opens_nothing(plan: Plan) -> None:
    """Neither for itself nor in those that it called; its host stays its team's, as its name does."""
    called = policy(plan, "mobility-dev", "service-vehicles")

    assert called["ingress"][0]["from"] == [peer("mobility-dev", "rental")]
    assert "former.dev.example.org" in plan.one(NAMESPACE, "mobility-dev").at("metadata", "annotations", naming.HOSTS)
    assert "former" in plan.one(NAMESPACE, "discovered-dev").at("metadata", "annotations", naming.TAKEN).split(",")


def test_calls_stay_within_their_environment(plan: Plan) -> None:
    """What is tried in dev must not reach what people use."""
    for node in plan.of(POLICY):
        _, _, environment = node.at("metadata", "namespace").rpartition("-")
        texts = {
            rule["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
            for side, word in (("ingress", "from"), ("egress", "to"))
            for each in node.at("spec", side) or []
            for rule in each[word]
            if "namespaceSelector" in rule
        }

        assert {name for name in texts if not name.endswith(f"-{environment}")} <= {
            "kube-system", "observability", "traefik",
        }  # fmt: skip


def test_an_address_of_the_outside_opens_its_port_and_says_so(plan: Plan) -> None:
    """Policies know no host names: the reader must know how wide that is."""
    (rule,) = [each for each in policy(plan, "mobility-dev", "service-rental")["egress"] if "ipBlock" in each["to"][0]]
    said = [message for message in plan.messages if "every public address" in message]

    assert [each["port"] for each in rule["ports"]] == [443, 8080]
    assert [each["ipBlock"]["cidr"] for each in rule["to"]] == ["0.0.0.0/0", "2000::/3"]
    assert [message.partition(" to every")[0] for message in said] == [
        "services.rental.calls: https://a.example opens port 443",
        "services.rental.calls: http://b.example:8080/v1 opens port 8080",
    ]


@pytest.mark.parametrize(
    ("url", "says"),
    [
        pytest.param("https://10.1.2.3", "is no public address", id="a private address"),
        pytest.param("http://169.254.169.254", "is no public address", id="a cloud's metadata"),
        pytest.param("https://[fd00::1]", "is no public address", id="a private address of IPv6"),
        pytest.param("https://a.example:0", "is no address to call", id="no port"),
        pytest.param("https://a.example:70000", "is no address to call", id="a port that is none"),
        pytest.param("https://[::", "is no address to call", id="half an address"),
    ],
)
def test_an_address_that_no_policy_would_open_is_a_mistake(url: str, says: str) -> None:
    """It would be accepted and never work."""
    with pytest.raises(ValueError, match=says):
        Service.model_validate({"name": "a1", "team": "t1", "template": "node", "description": "x", "calls": (url,)})


def test_the_selected_label_and_port_are_the_templates(plan: Plan) -> None:
    """A policy that selects nothing is no error anywhere; it just never opens."""
    found = files.files(plan)
    deployment = yaml.safe_load(found["rental/deploy/base/deployment.yaml"])
    pods = deployment["spec"]["template"]
    selected = policy(plan, "mobility-dev", "service-rental")["podSelector"]["matchLabels"]

    assert selected.items() <= pods["metadata"]["labels"].items()
    assert policies.PORT in [port["name"] for port in pods["spec"]["containers"][0]["ports"]]


KIND = "{mode: kind, name: acme-dev}"
THERE = "{mode: existing, kubeconfig: x, context: y}"
INGRESS = "  idp:ingress: {mode: existing, class: nginx, controller: {namespace: edge, labels: {app: nginx}}}\n"
EXISTING = "  idp:components: {observability: existing}\n"
PROMETHEUS = "  idp:telemetry: {prometheus: {namespace: monitoring, labels: {app: prometheus}}}\n"
OURS = ({"traefik", "observability"}, {"kube-system", "observability"})


@pytest.mark.parametrize(
    ("more", "entrance", "exits"),
    [
        pytest.param("", *OURS, id="what the platform installs"),
        pytest.param(INGRESS, {"edge", "observability"}, OURS[1], id="an ingress controller that is there"),
        pytest.param(
            EXISTING + PROMETHEUS, {"traefik", "monitoring"}, {"kube-system"}, id="a Prometheus that is there"
        ),
        pytest.param(EXISTING, {"traefik"}, {"kube-system"}, id="one that nobody names"),
        pytest.param("  idp:components: {observability: 'off'}\n", {"traefik"}, {"kube-system"}, id="no observability"),
    ],
)
def test_the_platforms_side_is_whoever_has_that_part(
    more: str, entrance: set[str], exits: set[str], plan_of: Callable[[str], Plan]
) -> None:
    """Teams' and discovered namespaces alike."""
    found = plan_of(STACK.replace(KIND, THERE) + more)

    def namespaces(rules: list[dict[str, Any]], word: str) -> set[str]:
        named = [each["namespaceSelector"]["matchLabels"] for rule in rules for each in rule[word]]
        return {each["kubernetes.io/metadata.name"] for each in named}

    for home in ("mobility-dev", "payments-prod", "discovered-dev"):
        shared = policy(found, home, "with-platform")
        assert namespaces(shared["ingress"], "from") == entrance
        assert namespaces(shared["egress"], "to") == exits


def test_the_collector_is_the_gateway() -> None:
    """The agents on the nodes carry the same name, and take nothing from pods."""
    peers = network.peers(
        PlatformConfig.model_validate({"organization": "a", "cluster": {"mode": "kind", "name": "a1"}})
    )

    assert peers.collector is not None
    assert peers.collector.labels["component"] == "standalone-collector"


def test_a_namespace_says_which_hosts_are_its_own(plan: Plan) -> None:
    """Admission reads it from there."""

    def notes(name: str) -> Any:
        return plan.one(NAMESPACE, name).at("metadata", "annotations")

    assert notes("mobility-prod") == {
        naming.HOSTS: "former.prod.example.org,idle.prod.example.org,rental.prod.example.org,vehicles.prod.example.org"
    }
    assert notes("payments-dev") == {naming.HOSTS: "billing.dev.example.org"}
    assert notes("discovered-dev") == {
        naming.DOMAIN: "dev.example.org", naming.TAKEN: "billing,former,idle,rental,vehicles",
    }  # fmt: skip


def test_admission_is_bound_to_this_stacks_namespaces_alone(plan: Plan) -> None:
    """Two stacks share a cluster, each with rules under names of its own; the platform's namespaces are left alone."""
    for admitted in naming.ADMITTED:
        bound = plan.one(f"{ADMISSION}Binding", f"idp-dev-{admitted}")
        selector = bound.at("spec", "matchResources", "namespaceSelector")

        assert bound.at("spec", "policyName") == plan.one(ADMISSION, f"idp-dev-{admitted}").at("metadata", "name")
        assert selector["matchLabels"] == {naming.STACK_LABEL: "idp.dev"}
        assert selector["matchExpressions"] == [{"key": naming.ENVIRONMENT_LABEL, "operator": "Exists"}]
    filled = {
        node.at("metadata", "name")
        for node in plan.of(NAMESPACE)
        if naming.ENVIRONMENT_LABEL in node.at("metadata", "labels")
    }
    assert not filled & set(naming.PLATFORM_NAMESPACES)
    assert {"mobility-dev", "discovered-prod"} <= filled


def test_a_share_is_of_all_that_can_run_out(plan: Plan, plan_of: Callable[[str], Plan]) -> None:
    """Volumes too; a team says how much, and how many is the same for all."""

    def share(of: Plan) -> dict[str, str]:
        (found,) = [node for node in in_namespace(of, QUOTA, "mobility-dev") if node.at("metadata", "name") == "quota"]
        return found.at("spec", "hard")

    given = plan_of(STACK.replace("{github: movers}", "{github: movers, quota: {storage: 100Gi}}"))

    assert share(plan) == {
        "requests.cpu": "4", "requests.memory": "8Gi", "limits.cpu": "4", "limits.memory": "8Gi", "pods": "50",
        "requests.storage": "20Gi", "persistentvolumeclaims": "20", "services.nodeports": "0", "services.loadbalancers": "0",
    }  # fmt: skip
    assert share(given) == share(plan) | {"requests.storage": "100Gi"}


def test_no_pod_of_a_team_is_as_urgent_as_the_clusters_own(plan: Plan) -> None:
    """For one of these classes the platform's pods would have to go; one that names no class is not counted."""
    for home in ("mobility-dev", "payments-prod", "discovered-dev"):
        (critical,) = [node for node in in_namespace(plan, QUOTA, home) if node.at("metadata", "name") == "critical"]
        (scope,) = critical.at("spec", "scopeSelector", "matchExpressions")

        assert critical.at("spec", "hard") == {"pods": "0"}
        assert (scope["scopeName"], scope["operator"]) == ("PriorityClass", "In")
        assert set(scope["values"]) == {"system-cluster-critical", "system-node-critical"}


@pytest.mark.parametrize("name", ["quota", "critical"])
def test_a_plan_without_one_of_the_quotas_breaks_a_rule(name: str, plan: Plan) -> None:
    """The other one alone bounds nothing of what this one does."""
    left = tuple(node for node in plan.nodes if node.name != f"team-mobility-dev-{name}")

    found = [each for each in policy_rules.findings(replace(plan, nodes=left)) if each.rule.severity == "error"]

    assert [(each.rule.id, each.node.name) for each in found] == [("quota", "team-mobility-dev")]


def test_monitors_are_a_teams_and_what_prometheus_operator_runs_is_not() -> None:
    """Each of its other kinds runs pods with rights of their own, or has those of the platform ask elsewhere."""
    refused = {each["kind"] for each in boundaries() if each["group"] == "monitoring.coreos.com"}

    assert not refused & {"*", "PodMonitor", "PrometheusRule", "ServiceMonitor"}
    assert refused == {
        "Alertmanager", "AlertmanagerConfig", "Probe", "Prometheus", "PrometheusAgent", "ScrapeConfig", "ThanosRuler",
    }  # fmt: skip


def test_nothing_runs_before_its_borders_are_there(plan: Plan) -> None:
    """A pod that starts first talks with everybody for a while."""
    team = plan.one("idp:index:Team", "team-mobility")
    project = plan.one(TEAM_PROJECT, "team-mobility")
    discovery = plan.one("kubernetes:argoproj.io/v1alpha1:ApplicationSet", "discovery")
    borders = [node for node in plan.of(POLICY) if node.at("metadata", "namespace").startswith("discovered-")]

    assert [node.name for node in plan.children(team) if node != project and not project.needs(node)] == []
    assert borders
    assert all(discovery.needs(node) for node in [*borders, *plan.of(f"{ADMISSION}Binding")])
    assert all(project.needs(node) for node in plan.of(f"{ADMISSION}Binding"))


def test_members_look_and_nothing_else(plan: Plan) -> None:
    """What changes comes from git; what is secret is the service's."""
    for namespace in ("mobility-dev", "mobility-prod"):
        (role,) = in_namespace(plan, "kubernetes:rbac.authorization.k8s.io/v1:Role", namespace)
        (binding,) = in_namespace(plan, "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding", namespace)
        readable = {
            (group, kind) for rule in role.at("rules") for group in rule["apiGroups"] for kind in rule["resources"]
        }

        assert {verb for rule in role.at("rules") for verb in rule["verbs"]} == {"get", "list", "watch"}
        assert {("", "pods"), ("", "pods/log"), ("", "events"), ("apps", "deployments")} <= readable
        assert not [kind for _, kind in readable if "secrets" in kind or "*" in kind or "exec" in kind]
        assert [(one["kind"], one["name"]) for one in binding.at("subjects")] == [("Group", "acme:movers")]
        assert binding.at("roleRef", "name") == role.at("metadata", "name")
    assert plan.of("kubernetes:rbac.authorization.k8s.io/v1:ClusterRole") == ()


@pytest.mark.parametrize(
    ("more", "name"), [("", "team-mobility"), ("  idp:components: {argocd: existing}\n", "dev-team-mobility")]
)
def test_members_sync_their_teams_applications(more: str, name: str, plan_of: Callable[[str], Plan]) -> None:
    """Argo CD refuses a policy that names another project than its own."""
    cluster = "{mode: existing, kubeconfig: x, context: y}"
    found = plan_of(STACK.replace("{mode: kind, name: acme-dev}", cluster) + more)
    (role,) = found.one(TEAM_PROJECT, name).at("spec", "roles")

    assert role["groups"] == ["acme:movers"]
    assert role["policies"] == [
        f"p, proj:{name}:developer, applications, {action}, {name}/*, allow" for action in ("get", "sync")
    ]


def test_projects_of_teams_and_of_discovery_refuse_the_same_kinds(plan: Plan) -> None:
    """What bounds one bounds the other."""
    refused = [
        plan.one(TEAM_PROJECT, name).at("spec", "namespaceResourceBlacklist") for name in ("team-mobility", "workloads")
    ]

    assert refused == [boundaries(), boundaries()]
    assert len(boundaries()) == len({(each["group"], each["kind"]) for each in boundaries()})


def test_a_private_stack_has_a_pull_secret_in_each_teams_namespace(plan: Plan) -> None:
    """Where the templates' ServiceAccounts look for it; not for discovered repositories, which anybody may make."""
    found = [node for node in plan.of("kubernetes:core/v1:Secret") if node.at("metadata", "name") == naming.PULL_SECRET]

    assert {node.at("metadata", "namespace") for node in found} == {
        "mobility-dev", "mobility-prod", "payments-dev", "payments-prod",
    }  # fmt: skip
    assert {node.at("type") for node in found} == {"kubernetes.io/dockerconfigjson"}
    assert all(node.at("stringData") is SECRET for node in found)


def test_a_public_stack_needs_none(dev: Plan) -> None:
    """Its images are for everybody."""
    assert naming.PULL_SECRET not in {node.at("metadata", "name") for node in dev.of("kubernetes:core/v1:Secret")}


def test_the_pull_secret_is_a_login_at_the_stacks_registry() -> None:
    """As kubelet reads it."""
    auths = json.loads(docker_config("ghcr.io", "ghp_planted"))["auths"]

    assert base64.b64decode(auths["ghcr.io"]["auth"]).decode() == "x-access-token:ghp_planted"


def test_without_a_token_a_private_stack_says_what_is_lacking(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pods would wait for their images for ever."""
    settings = loaded(project, STACK)
    missing = settings.__class__(**{**settings.__dict__, "secrets": {}})

    assert not [said for said in settings.warnings() if "no pull secret" in said]
    (said,) = [said for said in missing.warnings() if "no pull secret" in said]
    assert "`python -m idp pulumi --stack dev config set --secret registryToken` asks for it" in said


def loaded(folder: Path, text: str) -> Any:
    (folder / "Pulumi.dev.yaml").write_text(text)
    return recorder.load(folder, "dev")
