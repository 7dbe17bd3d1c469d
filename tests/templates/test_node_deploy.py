"""What the node template deploys, as kustomize builds it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.templates.node_service import answers, rendered, succeed, tool, write

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(params=[1, 3], ids=["one replica", "three replicas"])
def manifests(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, dict[str, Any]]:
    """What kustomize makes of the second environment's overlay, by kind."""
    folder = write(rendered("rental-2", replicas=request.param, port=8080), tmp_path)
    return by_kind(kustomize(folder / "deploy/overlays/prod"))


def kustomize(overlay: Path) -> str:
    program = tool("kustomize", "kubectl")
    return succeed(program, "build" if program.endswith("kustomize") else "kustomize", ".", cwd=overlay)


def by_kind(text: str) -> dict[str, dict[str, Any]]:
    documents = list(yaml.safe_load_all(text))
    kinds = {document["kind"]: document for document in documents}
    assert len(kinds) == len(documents)
    return kinds


def test_the_deployment_makes_just_the_teams_own_objects(manifests: dict[str, dict[str, Any]]) -> None:
    """Hosts, policies and monitoring are the platform's: an object of these kinds would be refused or fought over."""
    many = manifests["Deployment"]["spec"]["replicas"] > 1

    assert set(manifests) == {"Deployment", "Ingress", "Service", "ServiceAccount"} | (
        {"PodDisruptionBudget"} if many else set()
    )
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


def test_the_first_pod_runs_the_stand_in_by_digest_on_the_services_port(manifests: dict[str, dict[str, Any]]) -> None:
    """The first sync comes before the first build, and must be healthy all the same."""
    (container,) = manifests["Deployment"]["spec"]["template"]["spec"]["containers"]

    assert container["image"] == f"{answers()['placeholder_image']}@{answers()['placeholder_digest']}"
    assert {variable["name"]: variable["value"] for variable in container["env"]} == {
        "PORT": "8080",
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
    budget = manifests.get("PodDisruptionBudget")

    assert manifests["Deployment"]["spec"]["selector"]["matchLabels"] == selector
    assert manifests["Service"]["spec"]["selector"] == selector
    assert budget is None or budget["spec"]["selector"]["matchLabels"] == selector
    assert selector.items() <= template["metadata"]["labels"].items()
    assert manifests["Service"]["spec"]["ports"] == [{"name": "http", "port": 80, "targetPort": "http"}]


def test_the_pod_pulls_with_the_namespaces_secret_and_has_no_token(manifests: dict[str, dict[str, Any]]) -> None:
    """The image is private; the API server is none of the service's business."""
    account, pod = manifests["ServiceAccount"], manifests["Deployment"]["spec"]["template"]["spec"]

    assert account["imagePullSecrets"] == [{"name": "registry"}]
    assert pod["serviceAccountName"] == account["metadata"]["name"]
    assert (account["automountServiceAccountToken"], pod["automountServiceAccountToken"]) == (False, False)


def test_a_quota_can_count_the_pod_and_it_has_time_to_stop(
    manifests: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    """A namespace with a quota refuses pods without requests and limits; a short grace period cuts requests off."""
    pod = manifests["Deployment"]["spec"]["template"]["spec"]
    config = (tmp_path / "src/config.ts").read_text()
    waits = [int(value.replace("_", "")) for value in re.findall(r'"SHUTDOWN_\w+_MS", ([\d_]+),', config)]

    assert {kind: set(amounts) for kind, amounts in pod["containers"][0]["resources"].items()} == {
        "requests": {"cpu", "memory"},
        "limits": {"cpu", "memory"},
    }
    assert len(waits) == 2
    assert sum(waits) / 1000 < pod["terminationGracePeriodSeconds"]
