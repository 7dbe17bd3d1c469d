"""A Kind cluster's life, by plain calls of the provider's methods and a `kind` with a real API server behind it."""

from __future__ import annotations

import os
import stat
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from components.cluster import KindClusterArgs, kind_config
from components.dynamic.kind_cluster import Folder, KindError, KindProvider, clusters, live
from tests.support import apiserver
from tests.support.lab import requires_apiserver

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).resolve().parents[2]
DEV = Folder(project="idp", stack="dev")


def args(**more: Any) -> KindClusterArgs:
    given = {"project": "idp", "stack": "dev", "cluster_name": "one", "workers": 2, "http_port": 8880}
    return KindClusterArgs(**given | {"https_port": 8843, "image": "kindest/node:v1"} | more)


def props(**more: Any) -> dict[str, Any]:
    wanted = args(**more)
    return {
        "project": wanted.project, "stack": wanted.stack, "cluster_name": wanted.cluster_name,
        "config": yaml.safe_dump(kind_config(wanted)),
    }  # fmt: skip


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A machine with `kind`, and nothing made on it yet."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "kind").symlink_to(PROJECT / "tests" / "support" / "kind")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("IDP_KIND_HOME", str(tmp_path / "clusters"))
    monkeypatch.setenv("IDP_KIND_PYTHON", str(PROJECT / ".venv" / "bin" / "python"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "users.kubeconfig"))
    (tmp_path / "clusters").mkdir()
    yield tmp_path
    apiserver.stop_below(tmp_path / "clusters")


@pytest.fixture
def provider() -> KindProvider:
    return KindProvider()


@requires_apiserver
def test_a_cluster_is_known_by_name_and_authority(home: Path, provider: KindProvider) -> None:
    """Its kubeconfig is apart from the user's own, and for nobody else to read."""
    made = provider.create(props())

    private = home / "state" / "idp" / "idp" / "dev" / "one.kubeconfig"
    assert made.outs
    assert made.id == made.outs["identifier"] == f"one-{live('one')}"
    assert made.outs["kubeconfig"] == private.read_text()
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert not (home / "users.kubeconfig").exists()
    assert provider.diff(made.id, made.outs, props()).changes is False
    assert provider.diff("one-of-before", made.outs, props()).replaces == ["cluster_name"]
    provider.delete(made.id, made.outs)
    assert clusters() == []
    assert list(private.parent.iterdir()) == []


@requires_apiserver
def test_a_cluster_of_that_name_that_is_somebodys_survives(home: Path, provider: KindProvider) -> None:
    """Another stack's, too: only an intent of this project and stack makes a cluster ours."""
    theirs = provider.create(props(stack="other"))

    with pytest.raises(
        KindError, match=r"`one` is there already and this stack did not make it.*kind delete cluster --name one"
    ):
        provider.create(props())

    assert f"one-{live('one')}" == theirs.id
    assert not DEV.intent("one").exists()


@requires_apiserver
def test_what_this_stack_made_before_makes_room(home: Path, provider: KindProvider) -> None:
    """A renamed cluster wants the same ports: the old one goes first, whatever its name."""
    old = provider.create(props(cluster_name="before"))

    new = provider.create(props())
    provider.delete(old.id, old.outs or {})

    assert clusters() == ["one"]
    assert f"one-{live('one')}" == new.id


@requires_apiserver
def test_a_successor_of_the_same_name_is_not_deleted_with_its_predecessor(home: Path, provider: KindProvider) -> None:
    """The engine makes the new one first and deletes the old one last."""
    old = provider.create(props())
    new = provider.create(props())

    provider.delete(old.id, old.outs or {})

    assert old.id != new.id
    assert f"one-{live('one')}" == new.id


@requires_apiserver
def test_a_killed_create_is_taken_up(home: Path, provider: KindProvider) -> None:
    """The intent is there, the cluster half: the next run removes it as its own and makes a whole one."""
    DEV.intend("one")
    (home / "config.yaml").write_text(props()["config"])
    killed = subprocess.Popen(["kind", "create", "cluster", "--name", "one", "--config", str(home / "config.yaml")])
    while not clusters():
        time.sleep(0.05)
    killed.kill()
    killed.wait()

    made = provider.create(props())

    assert clusters() == ["one"]
    assert f"one-{live('one')}" == made.id


@pytest.mark.parametrize("change", [{"workers": 3}, {"http_port": 9000}, {"image": "kindest/node:v2"}])
def test_every_change_of_the_config_is_another_cluster(
    change: dict[str, Any], provider: KindProvider, home: Path
) -> None:
    """Kind changes nothing in place; the preview says `replace` before anybody says yes."""
    found = provider.diff("one-x", props(), props(**change))

    assert (found.changes, found.replaces) == (True, ["config"])
    assert not found.delete_before_replace


def test_another_name_is_another_cluster(home: Path, provider: KindProvider) -> None:
    """Its name is in Kind's own config, too."""
    assert provider.diff("one-x", props(), props(cluster_name="two")).replaces == ["cluster_name", "config"]


def test_a_cluster_that_is_gone_asks_for_another(home: Path, provider: KindProvider) -> None:
    """Deleted outside, `up` alone brings it back: as a replacement, so that what was in it is made again."""
    found = provider.diff("one-abc", props(), props())

    assert (found.changes, found.replaces) == (True, ["cluster_name"])
    assert not found.delete_before_replace


def test_a_refresh_never_says_that_it_is_gone(home: Path, provider: KindProvider) -> None:
    """The engine would drop it, and with it what tells its dependants' order of deletion."""
    state = props()

    assert provider.read("one-abc", state).id == "one-abc"


def test_deleting_what_is_gone_is_quiet(home: Path, provider: KindProvider) -> None:
    """`destroy` after a `kind delete` by hand just ends."""
    provider.delete("one-abc", props())

    assert clusters() == []


def test_without_kind_the_error_says_where_it_comes_from(
    tmp_path: Path, provider: KindProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commonest first failure."""
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(KindError, match=r"`kind` cannot be run .*https://kind.sigs.k8s.io"):
        provider.create(props())


def test_with_docker_stopped_the_error_says_so(
    home: Path, provider: KindProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not `gone`: a replacement would be planned for a cluster that is only asleep."""
    monkeypatch.setenv("IDP_KIND_FAIL", "get,create,delete")

    for call in (
        lambda: provider.create(props()),
        lambda: provider.diff("one-x", props(), props()),
        lambda: provider.diff("one-x", props(), props(workers=3)),
        lambda: provider.delete("one-x", props()),
    ):
        with pytest.raises(KindError, match="Docker does not answer; start it and run this again"):
            call()


@requires_apiserver
def test_what_a_kill_left_of_the_files_is_no_hindrance(home: Path, provider: KindProvider) -> None:
    """An empty intent, half a kubeconfig that others may read, the lock on it."""
    DEV.intend("one")
    DEV.intent("one").write_text("")
    private = DEV.kubeconfig("one")
    private.write_text("clusters: [{na")
    private.chmod(0o644)
    Path(f"{private}.lock").touch(0)

    made = provider.create(props())

    assert f"one-{live('one')}" == made.id
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert sorted(file.name for file in DEV.path.iterdir()) == ["one.intent.json", "one.kubeconfig"]


@pytest.mark.parametrize(
    ("workers", "roles"),
    [(1, [None]), (2, ["platform", "workloads"]), (4, ["platform", "workloads", "workloads", "workloads"])],
)
def test_nodes_are_labelled_by_their_role(workers: int, roles: list[str | None]) -> None:
    """A single worker takes everything, so that it carries no role."""
    config = kind_config(args(workers=workers))

    control_plane, *others = config["nodes"]
    assert [node.get("labels", {}).get("role") for node in others] == roles
    assert {m["listenAddress"] for m in control_plane["extraPortMappings"]} == {"127.0.0.1"}
    assert {node["image"] for node in config["nodes"]} == {"kindest/node:v1"}
