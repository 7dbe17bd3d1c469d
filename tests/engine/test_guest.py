"""Two stacks on one cluster: the first brings Argo CD, the second is its guest and touches nothing of it."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from idp import recorder
from tests.engine.agreement import differences
from tests.engine.conftest import ARGOCD_TOKEN, FOLDER_TOKEN, REGISTRY_TOKEN, of_another_stack
from tests.support import apiserver, lab
from tests.support.argocd import ArgoCd
from tests.support.desk import Desk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.apiserver import ApiServer
    from tests.support.github import GitHubServer

CONFIG = """config:
  idp:organization: acme
  idp:github: reference
  idp:cluster: {{mode: existing, kubeconfig: {kubeconfig}, context: there}}
  idp:environments: [staging, prod]
  idp:deploys: [ENVIRONMENT]
  idp:teams: {{mobility: {{github: mobility}}}}
"""
CONFIGS = {
    "first": CONFIG.replace("ENVIRONMENT", "staging"),
    "second": CONFIG.replace("ENVIRONMENT", "prod")
    + "  idp:components: {{argocd: existing, certManager: existing, sealedSecrets: existing, observability: existing}}\n"
    + "  idp:ingress: {{mode: existing, class: traefik, controller: {{namespace: traefik, "
    + "labels: {{app.kubernetes.io/name: traefik}}}}}}\n",
}
SECRETS = {"GITHUB_TOKEN": FOLDER_TOKEN, "ARGOCD_GITHUB_TOKEN": ARGOCD_TOKEN, "REGISTRY_TOKEN": REGISTRY_TOKEN}
CLASS = """apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: traefik}
spec: {controller: traefik.io/ingress-controller}
"""
"""As Traefik's chart makes it."""
NOISE = ("resourceVersion", "managedFields", "uid", "creationTimestamp", "generation")
KINDS = "namespaces,secrets,configmaps,resourcequotas,limitranges,appprojects,applications,applicationsets"


pytestmark = [lab.requires_argocd, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    server = apiserver.start(tmp_path_factory.mktemp("guest") / "cluster", controllers=True)
    (server.folder / "kubeconfig").write_text(server.kubeconfig("there"))
    yield server
    server.stop()


def stack(home: Path, name: str, cluster: ApiServer, github: GitHubServer) -> Desk:
    made = Desk(home=home, github_url=github.url, stack=name, secrets=SECRETS)
    use(made, CONFIGS[name].format(kubeconfig=cluster.folder / "kubeconfig"))
    return made


def use(desk: Desk, config: str) -> None:
    """Have this config in the committed file, and so in the engine's."""
    (desk.project / desk.stack_file.name).write_text(config)
    desk.idp("recover", "--stack", desk.stack, check=False)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, cluster: ApiServer, github: GitHubServer) -> Desk:
    made = stack(tmp_path_factory.mktemp("first") / "desk", "first", cluster, github)
    of_another_stack(github)
    made.run("up")
    subprocess.run(
        ["kubectl", "--kubeconfig", cluster.folder / "kubeconfig", "apply", "-f", "-"],
        input=CLASS,
        text=True,
        check=True,
    )
    return made


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory, cluster: ApiServer, github: GitHubServer, first: Desk) -> Desk:
    return stack(tmp_path_factory.mktemp("second") / "desk", "second", cluster, github)


@pytest.fixture(scope="module")
def argocd(first: Desk, cluster: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ArgoCd]:
    """The first stack's, at work: a project waits for its leave."""
    with ArgoCd(tmp_path_factory.mktemp("argocd") / "argocd", cluster.kubeconfig("there")) as started:
        yield started


def everything(cluster: ApiServer) -> dict[str, Any]:
    """All objects of these kinds, without what the API server counts by itself."""
    said = subprocess.run(
        ["kubectl", "--kubeconfig", cluster.folder / "kubeconfig", "get", KINDS, "-A", "-o", "json"],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    found = {}
    for item in json.loads(said)["items"]:
        metadata = {key: value for key, value in item["metadata"].items() if key not in NOISE}
        found[f"{item['kind']} {metadata.get('namespace', '')}/{metadata['name']}"] = item | {
            "metadata": metadata,
            "status": None,
        }
    return found


def test_a_second_install_is_refused_before_anything_is_registered(
    first: Desk, second: Desk, cluster: ApiServer
) -> None:
    """Two Argo CDs in one namespace would fight for every object."""
    before, text = everything(cluster), (second.project / "Pulumi.second.yaml").read_text()
    use(second, text.replace("argocd: existing", "argocd: install"))

    done = second.run("up", check=False)

    use(second, text)
    assert done.returncode != 0
    assert (
        "components.argocd: the cluster's namespace `argocd` belongs to stack idp.first; write `existing`"
        in done.stdout + done.stderr
    )
    assert second.state().get("resources", []) == []
    assert everything(cluster) == before


def test_an_environment_of_another_stack_is_refused(first: Desk, second: Desk, cluster: ApiServer) -> None:
    """Both would own the same namespaces."""
    before, text = everything(cluster), (second.project / "Pulumi.second.yaml").read_text()
    use(second, text.replace("deploys: [prod]", "deploys: [staging]"))

    done = second.run("up", check=False)

    use(second, text)
    assert (
        "its namespace `mobility-staging` is in the cluster already and belongs to stack idp.first"
        in done.stdout + done.stderr
    )
    assert everything(cluster) == before


def test_a_guest_makes_only_what_is_its_own(first: Desk, second: Desk, cluster: ApiServer) -> None:
    """Its projects and credentials carry the stack's name, and nothing that was there is another than before."""
    before = everything(cluster)

    second.run("up")

    after = everything(cluster)
    ours = {name for name, item in after.items() if item["metadata"].get("labels", {}).get("idp/stack") == "idp.second"}
    assert {name: after[name] for name in before} == before
    assert {
        "AppProject argocd/second-team-mobility",
        "Secret argocd/second-repo-creds",
        "Namespace /mobility-prod",
    } <= ours
    assert {name for name in ours if name.startswith("AppProject")} == {
        f"AppProject argocd/second-{name}" for name in ("bootstrap", "platform", "team-mobility", "workloads")
    }
    assert not [name for name in after.keys() - before.keys() - ours if "kube-root-ca" not in name]
    assert second.changes() == {}


def test_the_recorder_agrees_for_a_guest(second: Desk, github: GitHubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan of a guest has no release and no project of others."""
    monkeypatch.setenv("GITHUB_BASE_URL", f"{github.url}/")
    plan = recorder.record(second.project, "second")

    assert "\n".join(differences(plan, second.resources())) == ""
    assert plan.of("kubernetes:helm.sh/v3:Release") == ()


def test_a_guests_destroy_leaves_the_first_whole(first: Desk, second: Desk, cluster: ApiServer, argocd: ArgoCd) -> None:
    """Not one object of the first stack, of `default` or of kube-system differs, and none of the guest's is left."""
    before = everything(cluster)
    second.run("destroy")
    after = everything(cluster)

    left = [name for name, item in after.items() if item["metadata"].get("labels", {}).get("idp/stack") == "idp.second"]
    theirs = {name for name in before if "second" not in name and "-prod" not in name}
    assert left == []
    assert {name: after[name] for name in theirs} == {name: before[name] for name in theirs}
    assert first.changes() == {}


def test_a_fresh_clones_down_takes_what_it_is_told_to(
    second: Desk, cluster: ApiServer, argocd: ArgoCd, github: GitHubServer, tmp_path: Path
) -> None:
    """Not by itself, as the first clone may look after it; and with --take-over all of it, and nothing of anybody else's."""
    second.run("up")
    clone = stack(tmp_path / "clone", "second", cluster, github)
    before = everything(cluster)
    refused = clone.idp("down", "--stack", "second", "--yes", check=False)
    between = everything(cluster)
    taken = clone.idp("down", "--stack", "second", "--yes", "--take-over")
    after = everything(cluster)

    left = [name for name, item in after.items() if item["metadata"].get("labels", {}).get("idp/stack") == "idp.second"]
    theirs = {name for name in before if "second" not in name and "-prod" not in name}
    assert refused.returncode == 1
    assert "left standing; `down --take-over` takes them too" in refused.stderr
    assert between.keys() == before.keys()
    assert "Namespace mobility-prod: a killed run made it; taken into the state" in taken.stdout
    assert left == []
    assert {name: after[name] for name in theirs} == {name: before[name] for name in theirs}
