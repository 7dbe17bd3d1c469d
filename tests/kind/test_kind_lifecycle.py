"""A stack's cluster on the real Kind: made, lost, brought back, replaced, taken away; and what stands in the way.

The tests of this module are the chapters of one life and run in their order.
"""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from components.dynamic import kind_cluster
from tests.kind.conftest import KIND_CLUSTER, USERS_KUBECONFIG, run
from tests.support import lab

if TYPE_CHECKING:
    from tests.kind.conftest import Docker, Foreign, Stack

pytestmark = pytest.mark.timeout(900)  # a chapter takes 40 s where nothing else runs
CLUSTER = f"{KIND_CLUSTER}::cluster-kind"
APPLICATIONS = {"platform-dev", "rental-dev", "root", "vehicles-dev"}


def test_up_makes_a_node_for_each_role(life: Stack) -> None:
    """The platform's pods and the workloads' ask for these labels."""
    life.engine.run("up", "--skip-preview")

    run(
        "kubectl",
        "--kubeconfig",
        str(life.kubeconfig),
        "wait",
        "node",
        "--all",
        "--for=condition=Ready",
        "--timeout=60s",
    )
    nodes = {node["metadata"]["name"]: node["metadata"]["labels"] for node in life.kubectl("get", "nodes")["items"]}
    name = life.cluster["name"]
    assert {node: labels.get("role") for node, labels in nodes.items()} == {
        f"{name}-control-plane": None, f"{name}-worker": "platform", f"{name}-worker2": "workloads",
    }  # fmt: skip


def test_nothing_of_it_listens_beyond_this_machine(life: Stack, docker: Docker) -> None:
    """Neither the API nor what runs there is anybody's on the same network."""
    nodes = docker.containers(life.cluster["name"])
    published = nodes.pop(f"{life.cluster['name']}-control-plane")["NetworkSettings"]["Ports"]

    ports = {inner: [one["HostPort"] for one in outer] for inner, outer in published.items()}
    assert ports.pop("6443/tcp")
    assert ports == {"30080/tcp": [str(life.cluster["httpPort"])], "30443/tcp": [str(life.cluster["httpsPort"])]}
    assert {one["HostIp"] for outer in published.values() for one in outer} == {"127.0.0.1"}
    assert [node["NetworkSettings"]["Ports"] for node in nodes.values()] == [{}, {}]


def test_its_kubeconfig_is_private_and_the_users_own_untouched(life: Stack) -> None:
    """It is the cluster's administrator."""
    assert life.kubeconfig.read_text() == life.engine.outputs()["kubeconfig"]
    assert stat.S_IMODE(life.kubeconfig.stat().st_mode) == 0o600
    assert stat.S_IMODE(life.folder.stat().st_mode) == 0o700
    assert life.users_kubeconfig.read_text() == USERS_KUBECONFIG


def test_a_second_up_performs_no_operation(life: Stack, foreign: Foreign) -> None:
    """That somebody makes another cluster meanwhile changes nothing."""
    assert life.engine.changes("up", "--skip-preview") == {}


def test_with_docker_down_a_preview_says_so_and_plans_nothing(life: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster that cannot be asked is not a cluster that is gone."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere")

    said = life.fails("preview")

    assert "Docker does not answer; start it and run this again" in said
    assert "replace" not in said


def test_a_stopped_cluster_is_not_taken_for_gone(life: Stack, docker: Docker) -> None:
    """It comes back with `docker start`, and with all that is in it."""
    nodes = [*docker.containers(life.cluster["name"])]
    run("docker", "kill", *nodes)

    said = life.fails("preview")

    run("docker", "start", *nodes)
    assert f"the Kind cluster `{life.cluster['name']}` is there but does not run; start it: docker start" in said
    assert "replace" not in said


def test_every_changed_input_makes_another_cluster(life: Stack, docker: Docker) -> None:
    """Kind changes nothing in place; the preview says so, and the old one holds neither ports nor room afterwards."""
    old, volumes, (before,) = life.cluster["name"], docker.volumes(life.cluster["name"]), life.ids()
    life.edit(name=docker.name("two"), workers=1, httpPort=lab.free_port())

    planned = life.planned()
    life.engine.run("up", "--skip-preview")

    assert planned[CLUSTER] == "replace"
    assert not [urn for urn in planned if urn.startswith("github:")]
    assert docker.containers(old) == {}
    assert volumes
    assert not volumes & set(run("docker", "volume", "ls", "-q").split())
    assert sorted(file.name for file in life.folder.iterdir()) == [
        f"{life.cluster['name']}.intent.json", f"{life.cluster['name']}.kubeconfig",
    ]  # fmt: skip
    assert len(docker.containers(life.cluster["name"])) == 2
    assert life.ids() != [before]


def test_a_cluster_deleted_by_hand_is_brought_back_by_up_alone(life: Stack, docker: Docker) -> None:
    """And what was in it, too."""
    (before,) = life.ids()
    docker.delete(life.cluster["name"])

    planned = life.planned()
    life.engine.run("up", "--skip-preview")

    (after,) = life.ids()
    assert planned[CLUSTER] == "replace"
    assert after != before
    assert life.names("applications", "-n", "argocd") == APPLICATIONS
    assert {"argocd", "mobility-dev"} <= life.names("namespaces")


def test_a_name_that_is_somebodys_costs_the_stack_nothing(life: Stack, docker: Docker, foreign: Foreign) -> None:
    """The preview tells the mistake, before the stack's own cluster has made room for the new one."""
    own, theirs = life.cluster["name"], foreign.made()
    life.edit(name=foreign.name)

    said = life.fails("preview")

    life.edit(name=own)
    assert f"a Kind cluster `{foreign.name}` is there already and this stack did not make it" in said
    assert docker.authority(foreign.name) == theirs


def test_with_docker_down_a_destroy_forgets_nothing(life: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cluster would stay, and nobody would know whose it is."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere")
    before = life.ids()

    said = life.fails("destroy", "--skip-preview")

    assert "Docker does not answer; start it and run this again" in said
    assert life.ids() == before
    assert life.kubeconfig.exists()


def test_destroy_leaves_nothing_but_kinds_own_network(life: Stack, docker: Docker) -> None:
    """Kind keeps one network for all clusters, which others use."""
    name = life.cluster["name"]
    volumes = docker.volumes(name)

    life.engine.run("destroy", "--skip-preview")

    assert docker.containers(name) == {}
    assert volumes
    assert not volumes & set(run("docker", "volume", "ls", "-q").split())
    assert "kind" in run("docker", "network", "ls", "--format", "{{.Name}}").split()
    assert list(life.folder.iterdir()) == []
    assert life.users_kubeconfig.read_text() == USERS_KUBECONFIG


def test_with_docker_down_the_first_up_says_so(fresh: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commonest first failure."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere")

    said = fresh.fails("up", "--skip-preview")

    assert "Docker does not answer; start it and run this again" in said
    assert not fresh.folder.exists()


def test_a_foreign_cluster_of_that_name_survives_up_and_destroy(fresh: Stack, docker: Docker, foreign: Foreign) -> None:
    """The error says what to do; nothing is done to what is somebody else's."""
    theirs = foreign.made()
    fresh.edit(name=foreign.name)

    said = fresh.fails("up", "--skip-preview")
    fresh.engine.run("destroy", "--skip-preview")

    assert (
        f"a Kind cluster `{foreign.name}` is there already and this stack did not make it; choose another `name` in "
        f"idp:cluster, or remove it yourself: kind delete cluster --name {foreign.name}"
    ) in said
    assert docker.authority(foreign.name) == theirs


def test_part_of_a_cluster_is_none(docker: Docker, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a killed `kind` leaves: first nodes without a cluster in them, or, at the other end, workers alone."""
    monkeypatch.setenv("PATH", str(lab.REAL_KIND.parent), prepend=":")
    name = docker.name("part")
    label = ("--label", f"io.x-k8s.kind.cluster={name}", "--label")
    node = ("docker", "run", "--detach", "--entrypoint", "sleep", *label)

    found = []
    for role in ("worker", "control-plane"):
        run(*node, f"io.x-k8s.kind.role={role}", "--name", f"{name}-{role}", lab.NODE_IMAGE, "600")
        found.append(kind_cluster.live(name))

    docker.delete(name)
    assert found == [None, None]
    assert docker.containers(name) == {}
