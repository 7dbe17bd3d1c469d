"""What holds for every stack, whatever its config says."""

from __future__ import annotations

import json
import re
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any

import pytest

from idp import naming, recorder
from idp.plan import UNKNOWN, Plan, document, files, manifests
from tests.plan import schemas
from tests.plan.conftest import PROJECT
from tests.plan.examples import EXAMPLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from idp.plan import Node

COMMITTED = ("dev", "local", "prod")
PLANS: dict[str, Plan] = {}
"""Each stack's plan, recorded once: it is a value that no test changes."""
POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
PATCHES = ("Patch",)
"""Objects of which we own a few fields only; labels are not among them."""


@pytest.fixture(params=[*COMMITTED, *EXAMPLES])
def plan(request: pytest.FixtureRequest, plan_of: Callable[[str], Plan]) -> Plan:
    if request.param not in PLANS:
        PLANS[request.param] = recorded(request.param, plan_of)
    return PLANS[request.param]


def recorded(name: str, plan_of: Callable[[str], Plan]) -> Plan:
    """The plan of a committed stack, or of an example."""
    return recorder.record(PROJECT, name) if name in COMMITTED else plan_of(EXAMPLES[name])


def kubernetes(plan: Plan) -> list[Node]:
    return [node for node in plan.nodes if node.type.startswith("kubernetes:")]


def objects(plan: Plan) -> list[Node]:
    """Kubernetes objects that are ours whole."""
    return [n for n in kubernetes(plan) if n.type != manifests.RELEASE and not n.type.endswith(PATCHES)]


def test_every_kubernetes_and_github_resource_names_its_provider(plan: Plan) -> None:
    """A forgotten provider would send it to whatever cluster or account the machine happens to know."""
    packages = ("kubernetes:", "github:")
    bare = [node.name for node in plan.nodes if node.type.startswith(packages) and not node.provider]

    assert bare == []


def test_only_kubernetes_and_github_resources_have_providers_of_their_own(plan: Plan) -> None:
    """Each cluster and each organization has one provider: another costs seconds of every run."""
    kinds = [node.type for node in plan.nodes if node.type.startswith("pulumi:providers:")]

    assert sorted(kinds) == sorted(set(kinds))


def test_names_keep_kubernetes_limits(plan: Plan) -> None:
    """A name that is too long fails in the middle of an `up`."""
    names = [str(node.at("metadata", "name")) for node in objects(plan)]

    assert names
    assert [name for name in names if len(name) > 63 or not LABEL.fullmatch(name)] == []


def test_every_object_carries_the_standard_labels(plan: Plan) -> None:
    """`kubectl get -l` finds what the platform made, and nothing else."""
    keys = {"app.kubernetes.io/part-of", "app.kubernetes.io/component", "app.kubernetes.io/managed-by"}
    bare = [node.name for node in objects(plan) if not keys <= set(node.at("metadata", "labels") or {})]

    assert bare == []


def test_every_namespace_has_a_pod_security_level(plan: Plan) -> None:
    """Without a label a namespace takes privileged pods."""
    for namespace in plan.of("kubernetes:core/v1:Namespace"):
        levels = {
            namespace.at("metadata", "labels", f"pod-security.kubernetes.io/{m}") for m in ("enforce", "warn", "audit")
        }

        name = namespace.at("metadata", "name")
        assert levels <= {"baseline", "restricted"} or name == naming.AGENTS_NAMESPACE, namespace.name
        platform = name in naming.PLATFORM_NAMESPACES
        assert platform or levels == {"restricted"}, namespace.name


def filled(plan: Plan) -> set[str]:
    """The namespaces that teams fill, declared or discovered."""
    return {str(n.at("metadata", "name")) for n in plan.of("kubernetes:core/v1:Namespace")} - set(
        naming.PLATFORM_NAMESPACES
    )


def test_every_namespace_that_teams_fill_has_quota_and_limits(plan: Plan) -> None:
    """One team's mistake must not take the cluster from the others; nor may its pods push theirs aside."""
    for kind, name in (("ResourceQuota", "quota"), ("ResourceQuota", "critical"), ("LimitRange", "limits")):
        made = [n for n in plan.of(f"kubernetes:core/v1:{kind}") if n.at("metadata", "name") == name]
        assert sorted(n.at("metadata", "namespace") for n in made) == sorted(filled(plan)), name


def test_every_namespace_that_teams_fill_is_closed_but_for_what_is_written(plan: Plan) -> None:
    """One policy closes both directions for all pods; the account that pods have by default may not call the API."""
    closed = [
        node.at("metadata", "namespace")
        for node in plan.of(POLICY)
        if node.at("spec") == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    ]
    accounts = {
        node.at("metadata", "namespace"): node.at("automountServiceAccountToken")
        for node in plan.of("kubernetes:core/v1:ServiceAccountPatch")
        if node.at("metadata", "name") == "default"
    }

    assert sorted(closed) == sorted(filled(plan))
    assert accounts == dict.fromkeys(filled(plan), False)


def test_no_policy_opens_more_than_pods_and_ports(plan: Plan) -> None:
    """No whole namespace, no direction without a port, no address that is not public; a rule without peers opens to all."""
    for node in plan.of(POLICY):
        assert node.at("spec", "policyTypes") == ["Ingress", "Egress"]
        for word, rules in (("from", node.at("spec", "ingress")), ("to", node.at("spec", "egress"))):
            for rule in rules or []:
                assert set(rule) == {word, "ports"}, node.name
                assert all(rule.values()), node.name
                assert [problem for one in rule[word] for problem in too_wide(one)] == [], node.name


NOT_PUBLIC = (
    "0.0.0.1", "10.0.0.1", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1",
    "192.0.2.1", "192.168.0.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1",
    "255.255.255.255", "::1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1",
    "2001::1", "2001:db8::1", "2002:a00:1::1",
)  # fmt: skip


def too_wide(peer: dict[str, Any]) -> Iterator[str]:
    """What one side of a rule opens that it should not."""
    if block := peer.get("ipBlock"):
        taken = [ip_network(each) for each in block.get("except", [])]
        for address in map(ip_address, NOT_PUBLIC):
            if address in ip_network(block["cidr"]) and not any(address in each for each in taken):
                yield f"{block['cidr']} has {address} in it"
        return
    for selector in ("namespaceSelector", "podSelector"):
        if not peer.get(selector, {}).get("matchLabels"):
            yield f"{peer} selects all by its {selector}"


def test_every_pull_secret_is_one_that_a_template_names(plan: Plan) -> None:
    """Under another name nobody would find it."""
    found = [
        node for node in plan.of("kubernetes:core/v1:Secret") if node.at("type") == "kubernetes.io/dockerconfigjson"
    ]

    assert {node.at("metadata", "name") for node in found} <= {naming.PULL_SECRET}
    assert len(found) == len({node.at("metadata", "namespace") for node in found})


def test_names_of_objects_in_no_namespace_hold_the_stacks(plan: Plan) -> None:
    """Another stack on the same cluster has its own."""
    wide = [node for node in objects(plan) if "admissionregistration" in node.type]

    assert wide
    assert all(str(node.at("metadata", "name")).startswith(f"idp-{plan.stack}-") for node in wide)


def test_nobody_is_given_more_than_reading(plan: Plan) -> None:
    """No stars, no rights of everybody who is signed in; of the whole cluster the portal alone sees the outside of things."""
    rbac = "kubernetes:rbac.authorization.k8s.io/v1:{}".format
    whole = plan.of(rbac("ClusterRole"))
    assert {node.name for node in [*whole, *plan.of(rbac("ClusterRoleBinding"))]} <= {"portal-looks"}
    for role in [*whole, *plan.of(rbac("Role"))]:
        kinds = {kind for rule in role.at("rules") for kind in rule["resources"]}
        assert {verb for rule in role.at("rules") for verb in rule["verbs"]} <= {"get", "list", "watch"}
        assert not kinds & {"*", "secrets"}
        assert role not in whole or not kinds & {"configmaps", "pods/log", "events"}


def test_no_application_names_a_project_that_is_not_there(plan: Plan) -> None:
    """Argo CD would show it and never sync it; `default` would permit everything."""
    projects = {n.at("metadata", "name") for n in plan.of("kubernetes:argoproj.io/v1alpha1:AppProject")}
    applications = [n.at("spec", "project") for n in plan.of("kubernetes:argoproj.io/v1alpha1:Application")]
    generated = [
        n.at("spec", "template", "spec", "project") for n in plan.of("kubernetes:argoproj.io/v1alpha1:ApplicationSet")
    ]

    assert {*applications, *generated} <= projects


def test_no_project_permits_everything(plan: Plan) -> None:
    """A star alone, as source or destination, is no border."""
    for project in plan.of("kubernetes:argoproj.io/v1alpha1:AppProject"):
        assert "*" not in project.at("spec", "sourceRepos")
        assert all("*" not in d["namespace"] for d in project.at("spec", "destinations"))
        kinds = {each["kind"] for each in project.at("spec", "clusterResourceWhitelist")}
        assert not kinds & {"*", "Namespace"}
        assert not kinds or str(project.at("metadata", "name")).endswith("platform")


def test_applications_stay_within_their_projects(plan: Plan) -> None:
    """Source and namespace of each are ones that its project permits."""
    projects = {n.at("metadata", "name"): n for n in plan.of("kubernetes:argoproj.io/v1alpha1:AppProject")}
    for application in plan.of("kubernetes:argoproj.io/v1alpha1:Application"):
        project = projects[application.at("spec", "project")]

        assert application.at("spec", "source", "repoURL") in project.at("spec", "sourceRepos")
        assert application.at("spec", "destination") in project.at("spec", "destinations")


def test_custom_resources_fit_the_pinned_charts_crds(plan: Plan) -> None:
    """The API server drops an unknown field without a word."""
    customs = [n for n in objects(plan) if "argoproj.io" in n.type or "cert-manager.io" in n.type]
    found = {n.name: schemas.problems(dict(n.inputs)) for n in customs}

    assert customs
    assert {name: problems for name, problems in found.items() if problems} == {}


def test_chart_values_are_ones_that_the_chart_knows(plan: Plan) -> None:
    """Helm ignores a misspelt value, and the release runs with the default."""
    for release in manifests.releases(plan):
        assert schemas.unknown_values(release.values, release.chart) == []
        assert schemas.refused_values(release.values, release.chart) == []


def test_what_is_in_a_cluster_of_ours_goes_with_it(plan: Plan) -> None:
    """`destroy` is one deletion then, and no finalizer can hold it up."""
    kind = plan.of("pulumi-python:dynamic/idp:KindCluster")
    fates = {node.deleted_with for node in kubernetes(plan)}

    assert fates == {kind[0].urn if kind else None}


def test_nothing_on_github_is_ever_deleted(plan: Plan) -> None:
    """A repository is people's work."""
    there = [node for node in plan.nodes if node.type.startswith("github:")]

    assert [node.name for node in there if not node.retain_on_delete] == []


def test_nothing_that_outlives_the_cluster_goes_with_it(plan: Plan) -> None:
    """Repositories on GitHub, their files and generated passwords; what is in a forge goes with the forge."""
    kept = [n for n in plan.nodes if n.type.startswith(("github:", "pulumi-python:")) and ":Forge" not in n.type]

    assert [node.name for node in kept if node.deleted_with] == []


def test_what_is_in_a_forge_of_ours_goes_with_it(plan: Plan) -> None:
    """Nobody asks a forge that is gone to let go of what is in it; and all of it knows which forge it is in."""
    inside = [n for n in plan.nodes if n.type.startswith("pulumi-python:dynamic/idp:Forge")]

    assert {n.deleted_with for n in inside} <= {n.urn for n in plan.of("pulumi-python:dynamic/idp:KindCluster")}
    assert {n.at("home") for n in inside} <= {UNKNOWN}


def test_a_stack_with_a_forge_has_nothing_on_github(plan: Plan) -> None:
    """Nor a token for it."""
    if not plan.of("idp:index:Forge"):
        return
    assert [node.name for node in plan.nodes if "github" in node.type] == []
    assert not re.search(r"https://(api\.)?github\.com", document.text(plan))


def test_every_resource_says_where_it_was_declared(plan: Plan) -> None:
    """The reader of a plan is a click away from the line that made it so."""
    assert [
        node.name for node in plan.nodes if not re.fullmatch(r"(idp|components)/\w+\.py:\d+", node.source or "")
    ] == []


def test_no_placeholder_of_a_secret_is_ordinary_text(plan: Plan) -> None:
    """Where the recorder's stand-in for a token shows as text, a real token would."""
    tokens = [n for n in plan.of("kubernetes:core/v1:Secret") if n.name in {"gitops-repo-creds", "gitops-scm-creds"}]

    assert tokens
    assert all(plan.is_secret(node, "stringData") or node.at("stringData") == UNKNOWN for node in tokens)
    assert "Calling __str__" not in document.text(plan)


def test_two_recordings_are_equal_byte_by_byte(
    plan: Plan, plan_of: Callable[[str], Plan], request: pytest.FixtureRequest
) -> None:
    """A difference between two plans is a difference between two configs."""
    again = recorded(request.node.callspec.params["plan"], plan_of)

    assert document.text(again) == document.text(plan)
    assert manifests.manifests(again) == manifests.manifests(plan)
    assert files.files(again) == files.files(plan)


def test_the_json_is_json(plan: Plan) -> None:
    """With the documented keys and no other."""
    found = json.loads(document.text(plan))

    assert set(found) == {"project", "stack", "resources", "outputs"}
    assert all(
        set(resource)
        == {"urn", "type", "name", "parent", "provider", "inputs", "dependencies", "protect", "deletedWith", "source"}
        for resource in found["resources"]
    )


def test_needs_come_before_the_needy(plan: Plan) -> None:
    """Manifests are numbered in this order, and a cluster takes them in it."""
    order = {node.urn: number for number, node in enumerate(plan.nodes)}

    assert all(order[need] < order[node.urn] for node in plan.nodes for need in node.dependencies)
    assert all(order[node.parent] < order[node.urn] for node in plan.nodes if node.parent)


def test_the_checks_above_find_planted_typos(dev: Plan) -> None:
    """A check that lets everything through would pass all the same."""
    application = json.loads(json.dumps(dev.of("kubernetes:argoproj.io/v1alpha1:Application")[0].inputs))
    application["spec"]["source"]["repoUrl"] = application["spec"]["source"].pop("repoURL")
    values = {"server": {"replica": 2}, "configs": {"cm": {"anything": "goes"}}}

    assert any("repoUrl" in problem for problem in schemas.problems(application))
    assert schemas.unknown_values(values, "argo-cd") == ["server.replica"]
