"""What every template deploys: as kustomize builds it, as a real API server takes it, and as a stack changes it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from idp import templates
from tests.plan import schemas
from tests.support.planned import Cluster, Planned, cluster, planned
from tests.support.waiting import until
from tests.templates.service import answers, rendered, succeed, tool, write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(300)

MONITORS = {"PrometheusRule", "ServiceMonitor"}
ENVIRONMENTS = ("dev", "prod")
LANGUAGES = templates.names(kinds=("service",))
ROWS = [(template, number) for template in LANGUAGES for number in (1, 3)]
"""Each template with one replica and with three: a service of its own each, all of one template in one team."""


def service_of(template: str, replicas: int) -> str:
    return f"{template}-{replicas}"


def team_of(template: str) -> str:
    return f"team-{template}"[:30]


def stack(more: str = "") -> str:
    """A stack's file; a service with three replicas calls the one of its template with one."""
    teams = "".join(f"    {team_of(template)}: {{github: {team_of(template)}}}\n" for template in LANGUAGES)
    services = "".join(
        f"    {service_of(template, replicas)}:\n"
        f"      {{team: {team_of(template)}, template: {template}, description: Rents, parameters: {{replicas: {replicas}}},\n"
        f"       calls: [{service_of(template, 1) if replicas == 3 else ''}]}}\n"
        for template, replicas in ROWS
    )
    return (
        "config:\n  idp:organization: acme\n  idp:visibility: public\n  idp:cluster: {mode: kind, name: acme-dev}\n"
        f"{more}  idp:teams:\n{teams}  idp:services:\n{services}"
    )


def kustomize(folder: Path) -> str:
    program = tool("kustomize", "kubectl")
    return succeed(program, "build" if program.endswith("kustomize") else "kustomize", ".", cwd=folder)


def by_kind(text: str) -> dict[str, dict[str, Any]]:
    documents = list(yaml.safe_load_all(text))
    kinds = {document["kind"]: document for document in documents}
    assert len(kinds) == len(documents)
    return kinds


# --- as kustomize builds it ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=[1, 3], ids=["one replica", "three replicas"])
def manifests(
    template: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Any]]:
    """What kustomize makes of the second environment's overlay, by kind."""
    folder = write(rendered(template, "rental-2", replicas=request.param, port=8080), tmp_path_factory.mktemp(template))
    return by_kind(kustomize(folder / "deploy/overlays/prod"))


def test_the_deployment_makes_just_the_teams_own_objects(manifests: dict[str, dict[str, Any]]) -> None:
    """Policies and quotas are the platform's: an object of these kinds would be refused or fought over."""
    many = "replicas" not in manifests["Deployment"]["spec"]

    assert set(manifests) == {"ConfigMap", "Deployment", "Ingress", "Service", "ServiceAccount"} | MONITORS | (
        {"HorizontalPodAutoscaler", "PodDisruptionBudget"} if many else set()
    )
    assert manifests["Deployment"]["spec"].get("replicas") == (None if many else 1)
    assert ("topologySpreadConstraints" in manifests["Deployment"]["spec"]["template"]["spec"]) == many
    assert not any("namespace" in manifest["metadata"] for manifest in manifests.values())


def test_the_pod_is_allowed_where_pod_security_is_restricted(manifests: dict[str, dict[str, Any]]) -> None:
    """Every team's namespace enforces `restricted`: a pod that misses one of these never starts."""
    pod = manifests["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]

    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 10001,
        "runAsGroup": 10001,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not {"volumes", "hostNetwork", "hostPID", "hostIPC", "initContainers"} & set(pod)


def test_the_first_pod_runs_the_stand_in_by_digest_on_the_services_port(
    template: str, manifests: dict[str, dict[str, Any]]
) -> None:
    """The first sync comes before the first build, and must be healthy all the same."""
    (container,) = manifests["Deployment"]["spec"]["template"]["spec"]["containers"]
    given = answers(template)

    assert container["image"] == f"{given['placeholder_image']}@{given['placeholder_digest']}"
    assert {variable["name"]: variable["value"] for variable in container["env"]} == {
        "PORT": "8080",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=prod",
        "WHOAMI_PORT_NUMBER": "8080",
    }
    assert container["ports"] == [{"name": "http", "containerPort": 8080}]
    assert {name: container[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")} == {
        "startup": {"path": "/healthz", "port": "http"},
        "liveness": {"path": "/healthz", "port": "http"},
        "readiness": {"path": "/readyz", "port": "http"},
    }


def test_every_selector_finds_the_pod_and_holds_nothing_that_may_change(manifests: dict[str, dict[str, Any]]) -> None:
    """A Deployment's selector is immutable, and a Service whose selector misses has no endpoints and says nothing."""
    template = manifests["Deployment"]["spec"]["template"]
    selector = {"app.kubernetes.io/name": "rental-2"}
    budget, monitor = manifests.get("PodDisruptionBudget"), manifests["ServiceMonitor"]["spec"]

    assert manifests["Deployment"]["spec"]["selector"]["matchLabels"] == selector
    assert manifests["Service"]["spec"]["selector"] == selector
    assert budget is None or budget["spec"]["selector"]["matchLabels"] == selector
    assert selector.items() <= template["metadata"]["labels"].items()
    assert manifests["Service"]["spec"]["ports"] == [{"name": "http", "port": 80, "targetPort": "http"}]
    assert monitor["selector"]["matchLabels"].items() <= manifests["Service"]["metadata"]["labels"].items()
    assert [endpoint["port"] for endpoint in monitor["endpoints"]] == ["http"]


def test_the_pod_pulls_with_the_namespaces_secret_and_has_no_token(manifests: dict[str, dict[str, Any]]) -> None:
    """The image is private; the API server is none of the service's business."""
    account, pod = manifests["ServiceAccount"], manifests["Deployment"]["spec"]["template"]["spec"]

    assert account["imagePullSecrets"] == [{"name": "registry"}]
    assert pod["serviceAccountName"] == account["metadata"]["name"]
    assert (account["automountServiceAccountToken"], pod["automountServiceAccountToken"]) == (False, False)


def test_a_quota_can_count_the_pod(manifests: dict[str, dict[str, Any]]) -> None:
    """A namespace with a quota refuses pods without requests and limits."""
    (container,) = manifests["Deployment"]["spec"]["template"]["spec"]["containers"]

    assert {kind: set(amounts) for kind, amounts in container["resources"].items()} == {
        "requests": {"cpu", "memory"},
        "limits": {"cpu", "memory"},
    }


def test_the_pod_has_time_to_stop(template: str, manifests: dict[str, dict[str, Any]]) -> None:
    """A short grace period cuts requests off: it is longer than both waits, as the code and the README have them."""
    files = rendered(template, "rental-2").files
    named = r"SHUTDOWN_?(DELAY|TIMEOUT)_?MS\b[^\n\d]*\b(\d[\d_]*)"
    waits: dict[str, set[int]] = {}
    for path, text in files.items():
        if path == "README.md" or re.search(r"(^|/)config\.\w+$", path):
            for which, number in re.findall(named, text.decode().replace("`", ""), re.IGNORECASE):
                waits.setdefault(which.upper(), set()).add(int(number.replace("_", "")))

    assert {which: len(numbers) for which, numbers in waits.items()} == {"DELAY": 1, "TIMEOUT": 1}, waits
    seconds = sum(number for numbers in waits.values() for number in numbers) / 1000
    assert seconds < manifests["Deployment"]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]


# --- as a stack changes it -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Planned:
    """A stack with a service of every row."""
    return planned(tmp_path_factory.mktemp("stack") / "project", stack())


def overlay_with_patches(stack: Planned, service: str, environment: str, folder: Path) -> str:
    """As Argo CD builds it: the overlay of the repository, with the patches of the Application."""
    write(stack.rendering(service), folder)
    there = folder / "deploy/overlays" / environment / "kustomization.yaml"
    whole = yaml.safe_load(there.read_text())
    whole["patches"] = [*whole.get("patches", []), *stack.patches(service, environment)]
    there.write_text(yaml.safe_dump(whole))
    return kustomize(there.parent)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_stack_adds_host_placement_and_addresses(
    language: str, environment: str, platform: Planned, tmp_path: Path
) -> None:
    """None of them is in the repository, which several stacks may run from."""
    service, other, team = service_of(language, 3), service_of(language, 1), team_of(language)
    made = by_kind(overlay_with_patches(platform, service, environment, tmp_path))
    pod = made["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    host = f"{service}.{environment}.idp.localhost"
    variable = f"{other.upper().replace('-', '_')}_SERVICE_URL"
    told = {one["name"]: one["value"] for one in container["env"]}

    assert made["Ingress"]["spec"]["ingressClassName"] == "traefik"
    assert made["Ingress"]["spec"]["tls"] == [{"hosts": [host]}]
    assert [rule["host"] for rule in made["Ingress"]["spec"]["rules"]] == [host]
    assert pod["nodeSelector"] == {"role": "workloads"}
    assert told[variable] == f"http://{other}.{team}-{environment}.svc.cluster.local"
    assert told["OTEL_EXPORTER_OTLP_ENDPOINT"].startswith("http://otel-collector.observability.svc")
    assert told.items() >= {"PORT": "3000", "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}.items()
    assert told["OTEL_RESOURCE_ATTRIBUTES"] == f"deployment.environment.name={environment}"
    assert set(made) >= MONITORS


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Planned:
    """The same without observability."""
    off = "  idp:components: {observability: 'off', portal: 'off'}\n"
    return planned(tmp_path_factory.mktemp("bare") / "project", stack(off))


def test_without_observability_no_monitor_is_left(language: str, bare: Planned, tmp_path: Path) -> None:
    """Its kinds are unknown in such a cluster, and one object that cannot be applied stops all the others."""
    for replicas in (1, 3):
        text = overlay_with_patches(bare, service_of(language, replicas), "dev", tmp_path / str(replicas))

        assert "monitoring.coreos.com" not in text
        assert "OTEL_EXPORTER_OTLP_ENDPOINT" not in text
        assert {"Deployment", "Ingress", "Service"} <= set(by_kind(text))


# --- as a real API server takes it -----------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Running:
    """A cluster in which every row was applied."""

    cluster: Cluster
    said: dict[tuple[str, str], str]
    """Service and environment -> what kubectl warned of."""

    def of(self, kind: str, service: str, environment: str) -> list[dict[str, Any]]:
        """The objects of a service."""
        namespace = f"{team_of(service.rpartition('-')[0])}-{environment}"
        return self.cluster.get(kind, "-n", namespace, "-l", f"app.kubernetes.io/name={service}")["items"]


@pytest.fixture(scope="module")
def running(platform: Planned, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """With the namespaces of the stack's teams as its plan declares them, and Prometheus' kinds."""
    kinds = sorted((schemas.data() / "crds" / "kube-prometheus-stack").glob("*.yaml"))
    home = tmp_path_factory.mktemp("cluster")
    with cluster(home / "server", kinds) as made:
        made.have(platform.given())
        said: dict[tuple[str, str], str] = {}
        for row in ROWS:
            for environment in ENVIRONMENTS:
                service = service_of(*row)
                text = overlay_with_patches(platform, service, environment, home / f"{service}-{environment}")
                said[service, environment] = made.apply(text, "-n", f"{team_of(row[0])}-{environment}")
        yield Running(cluster=made, said=said)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("replicas", [1, 3])
def test_the_api_server_takes_every_object_without_a_word(
    language: str, replicas: int, environment: str, running: Running
) -> None:
    """By server-side apply, with every field known; a pod that the namespace refuses is warned of here already."""
    service = service_of(language, replicas)

    assert running.said[service, environment] == ""
    assert running.of("deployment", service, environment)
    assert running.of("servicemonitors.monitoring.coreos.com", service, environment)
    (rules,) = running.of("prometheusrules.monitoring.coreos.com", service, environment)
    assert len(rules["spec"]["groups"]) == 2


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("replicas", [1, 3])
def test_its_pods_are_admitted(language: str, replicas: int, environment: str, running: Running) -> None:
    """Pod security, quota and limits are in force: the controller that makes the pods is refused none of them."""
    service = service_of(language, replicas)

    def pods() -> list[dict[str, Any]]:
        return running.of("pods", service, environment)

    def complaints() -> list[Any]:
        sets = running.of("replicasets", service, environment)
        return [condition for one in sets for condition in one["status"].get("conditions", [])]

    until(lambda: len(pods()) >= replicas or complaints(), 60)

    assert complaints() == []
    assert len(pods()) == replicas
    assert {pod["status"]["phase"] for pod in pods()} == {"Pending"}


def test_the_borders_of_the_team_are_in_force(language: str, running: Running) -> None:
    """Else the tests above would show nothing."""
    place = f"{team_of(language)}-dev"
    labels = running.cluster.get("namespace", place)["metadata"]["labels"]
    until(lambda: used(running, place) == "4", 60, lambda: used(running, place))
    pod = {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "careless", "namespace": place},
        "spec": {"containers": [{"name": "a", "image": "a"}]},
    }  # fmt: skip
    refused = running.cluster.kubectl("apply", "--filename=-", stdin=yaml.safe_dump(pod))

    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert running.cluster.get("limitrange", "-n", place)["items"]
    assert 'violates PodSecurity "restricted' in refused.stderr


def used(running: Running, place: str) -> str:
    return running.cluster.get("resourcequota", "quota", "-n", place)["status"]["used"]["pods"]


def test_several_pods_scale_and_leave_one_at_a_time(language: str, running: Running) -> None:
    """As the cluster's own controllers see it; a single pod has neither, as it could not leave at all."""
    service, alone = service_of(language, 3), service_of(language, 1)

    def budget() -> dict[str, Any]:
        return running.of("poddisruptionbudget", service, "prod")[0]["status"]

    until(lambda: budget().get("expectedPods") == 3, 60, budget)
    (scaler,) = running.of("horizontalpodautoscaler", service, "prod")

    assert (scaler["spec"]["minReplicas"], scaler["spec"]["maxReplicas"]) == (3, 9)
    assert scaler["spec"]["scaleTargetRef"]["name"] == service
    assert running.of("horizontalpodautoscaler", alone, "prod") == []
    assert running.of("poddisruptionbudget", alone, "prod") == []


def test_a_service_that_is_down_holds_no_node(language: str, running: Running) -> None:
    """Its pods may be moved at once, though none of them is ready: else no node of theirs could be drained until it is mended."""
    service, place = service_of(language, 3), f"{team_of(language)}-prod"
    pod = running.of("pods", service, "prod")[0]["metadata"]["name"]
    down = {"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}]}}
    patch = ("--subresource=status", "--type=merge", "--patch", json.dumps(down))
    patched = running.cluster.kubectl("patch", "pod", pod, "-n", place, *patch)
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": place}}

    evicted = running.cluster.kubectl(
        "create", "--raw", f"/api/v1/namespaces/{place}/pods/{pod}/eviction", "--filename=-", stdin=json.dumps(eviction)
    )

    assert patched.returncode == 0, patched.stderr
    assert evicted.returncode == 0, evicted.stderr
