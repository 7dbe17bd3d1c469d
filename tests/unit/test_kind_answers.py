"""What the provider makes of the real `kind`'s own words, which tell a cluster that is gone from one that is asleep."""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from components.dynamic.kind_cluster import Folder, KindError, KindProvider
from idp.kubeconfig import ca_hash

if TYPE_CHECKING:
    from pathlib import Path

DEV = Folder(project="idp", stack="dev")


def props(**more: Any) -> dict[str, Any]:
    return {"project": "idp", "stack": "dev", "cluster_name": "one", "config": "kind: Cluster\n"} | more


def identity(authority: str) -> str:
    return f"one-{ca_hash(kubeconfig(authority))}"


def kubeconfig(authority: str) -> str:
    """As `kind get kubeconfig` prints one."""
    data = base64.b64encode(authority.encode()).decode()
    cluster = {"name": "kind-one", "cluster": {"certificate-authority-data": data, "server": "https://127.0.0.1:1"}}
    context = {"name": "kind-one", "context": {"cluster": "kind-one", "user": "kind-one"}}
    return yaml.safe_dump({"clusters": [cluster], "contexts": [context], "current-context": "kind-one"})


@dataclass(frozen=True)
class Told:
    """A `kind` that answers what it is told to, word for word what the real one says."""

    folder: Path

    def answers(self, command: str, text: str) -> None:
        """With success."""
        (self.folder / command).write_text(text)

    def refuses(self, command: str, text: str) -> None:
        """On standard error."""
        (self.folder / f"{command}.error").write_text(text)

    def clusters_after(self, command: str, text: str) -> None:
        """What `get clusters` answers once that command has run."""
        (self.folder / f"{command}.after").write_text(text)

    def calls(self, command: str) -> int:
        """How often that was asked for."""
        log = self.folder / "calls"
        return log.read_text().splitlines().count(command) if log.exists() else 0


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Told:
    """A machine with that `kind`, where the dev stack has finished the cluster `one`."""
    script = """#!/bin/sh
cd "$(dirname "$0")"
echo "$1 $2" >> calls
if [ -e "$1 $2.after" ]; then cp "$1 $2.after" "get clusters"; fi
if [ -e "$1 $2.error" ]; then cat "$1 $2.error" >&2; exit 1; fi
if [ -e "$1 $2" ]; then cat "$1 $2"; fi
"""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "kind").write_text(script)
    (tmp_path / "bin" / "kind").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    made = Told(tmp_path / "bin")
    made.answers("get clusters", "one\n")
    made.answers("get kubeconfig", kubeconfig("ours"))
    DEV.intend("one")
    DEV.kubeconfig("one").write_text(kubeconfig("ours"))
    return made


@pytest.fixture
def provider() -> KindProvider:
    return KindProvider()


STOPPED = [
    "Error response from daemon: Container ab87cee5ea08 is not running",
    "Error response from daemon: Container one-control-plane is paused, unpause the container before exec",
    "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
]
PART = [
    "cat: /etc/kubernetes/admin.conf: No such file or directory",
    "could not locate any control plane nodes for cluster named 'one'. Use the --name option to select a different",
]
PORT_TAKEN = """Creating cluster "one" ...
 • Preparing nodes 📦   ...
 ✗ Preparing nodes 📦
ERROR: failed to create cluster: command "docker run --name one-control-plane" failed with error: exit status 125

Command Output: docker: Error response from daemon: driver failed programming external connectivity on endpoint
one-control-plane: Error starting userland proxy: listen tcp4 127.0.0.1:8880: bind: address already in use.
"""


@pytest.mark.parametrize("reason", STOPPED)
def test_a_cluster_that_cannot_be_asked_is_not_gone(reason: str, told: Told, provider: KindProvider) -> None:
    """It is asleep, or Docker went away between two questions: neither replaced nor deleted, nor forgotten."""
    told.refuses("get kubeconfig", f"ERROR: failed to get cluster internal kubeconfig: exit status 1\n\n{reason}\n")

    for call in (
        lambda: provider.diff(identity("ours"), props(), props()),
        lambda: provider.create(props(config="another")),
        lambda: provider.delete(identity("ours"), props()),
    ):
        with pytest.raises(KindError, match=r"`one` is there but does not run; start it: docker start .*one\)"):
            call()
    assert told.calls("delete cluster") == 0
    assert DEV.kubeconfig("one").exists()


@pytest.mark.parametrize("reason", PART)
def test_part_of_a_cluster_is_none(reason: str, told: Told, provider: KindProvider) -> None:
    """A killed `kind delete` leaves it, and a killed `docker rm`."""
    told.refuses("get kubeconfig", f"ERROR: failed to get cluster internal kubeconfig: exit status 1\n\n{reason}\n")

    assert provider.diff(identity("ours"), props(), props()).replaces == ["cluster_name"]


def test_an_error_of_dockers_is_not_its_silence(told: Told, provider: KindProvider) -> None:
    """A taken port, a missing image: the answer is told as it is, without the progress before it."""
    told.answers("get clusters", "")
    told.refuses("create cluster", PORT_TAKEN)

    with pytest.raises(KindError) as told_so:
        provider.create(props())

    assert str(told_so.value).startswith("`kind create cluster` failed: failed to create cluster: command")
    assert "127.0.0.1:8880: bind: address already in use" in str(told_so.value)
    assert "Docker does not answer" not in str(told_so.value)
    assert list(DEV.path.iterdir()) == []


def test_a_failed_create_does_not_delete_what_somebody_made_meanwhile(told: Told, provider: KindProvider) -> None:
    """Two runs for one name: `kind` lets one through, and the other leaves that one alone."""
    told.answers("get clusters", "")
    told.clusters_after("create cluster", "one\n")
    told.refuses("create cluster", 'ERROR: node(s) already exist for a cluster with the name "one"')

    with pytest.raises(KindError, match="already exist"):
        provider.create(props())

    assert told.calls("delete cluster") == 0
    assert list(DEV.path.iterdir()) == []


def test_a_cluster_that_somebody_made_in_its_place_survives(told: Told, provider: KindProvider) -> None:
    """Ours was deleted by hand, and another made by that name: our intent of then does not make it ours."""
    told.answers("get kubeconfig", kubeconfig("theirs"))

    for call in (
        lambda: provider.diff(identity("ours"), props(), props()),
        lambda: provider.create(props()),
    ):
        with pytest.raises(KindError, match="`one` is there already and this stack did not make it"):
            call()
    provider.delete(identity("ours"), props())
    assert told.calls("delete cluster") == 0
    assert list(DEV.path.iterdir()) == []


def test_a_name_that_is_somebodys_costs_the_stack_nothing(told: Told, provider: KindProvider) -> None:
    """The new name is looked at before the old cluster makes room."""
    told.answers("get clusters", "one\ntheirs\n")

    for call in (
        lambda: provider.diff(identity("ours"), props(), props(cluster_name="theirs")),
        lambda: provider.create(props(cluster_name="theirs")),
    ):
        with pytest.raises(KindError, match="`theirs` is there already"):
            call()
    assert told.calls("delete cluster") == 0
    assert DEV.intended() == ["one"]


def test_what_a_killed_create_began_goes_with_its_predecessor(told: Told, provider: KindProvider) -> None:
    """`destroy` after a killed replacement: the state knows the old one only; the new one may not even have started."""
    DEV.intend("one")
    told.refuses("get kubeconfig", STOPPED[0])

    assert provider.diff(identity("ours"), props(), props()).replaces == ["cluster_name"]
    provider.delete(identity("ours"), props())

    assert told.calls("delete cluster") == 1
    assert list(DEV.path.iterdir()) == []


def test_the_files_of_a_cluster_deleted_by_hand_go_with_the_stack(told: Told, provider: KindProvider) -> None:
    """Its kubeconfig holds an administrator's key."""
    told.answers("get clusters", "")

    provider.delete(identity("ours"), props())

    assert list(DEV.path.iterdir()) == []


def test_only_what_is_ours_makes_room(told: Told, provider: KindProvider) -> None:
    """Renamed after somebody made another in place of ours: ours is gone already, theirs stays."""
    told.answers("get kubeconfig", kubeconfig("theirs"))
    told.refuses("create cluster", PORT_TAKEN)

    with pytest.raises(KindError, match="already in use"):
        provider.create(props(cluster_name="two"))

    assert told.calls("delete cluster") == 0


def test_a_deletion_that_failed_is_taken_up(told: Told, provider: KindProvider) -> None:
    """From the moment that it begins, the cluster counts as part of one."""
    told.refuses("delete cluster", "ERROR: failed to delete nodes")
    with pytest.raises(KindError, match="failed to delete nodes"):
        provider.delete(identity("ours"), props())
    told.refuses("get kubeconfig", STOPPED[0])

    (told.folder / "delete cluster.error").unlink()
    provider.delete(identity("ours"), props())

    assert told.calls("delete cluster") == 2
    assert list(DEV.path.iterdir()) == []
