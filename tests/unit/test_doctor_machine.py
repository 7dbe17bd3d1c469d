"""What a real machine, a real `kind` and a real cluster answer to doctor."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from idp import recorder
from idp.lifecycle import machine as real
from idp.lifecycle.machine import NOT_RUN, TIMED_OUT, Answer, LiveCluster, Machine
from tests.support import apiserver
from tests.support.lab import KIND, Kind, free_port, requires_apiserver
from tests.support.machine import Fake, look

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from idp.settings import Settings

DEAD = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"
"""What `docker` says, and `kind` passes on."""
GUEST = (
    "✗ cluster: `system:serviceaccount:default:guest` is no cluster-admin there, nor make namespaces; only one can install "
    "Argo CD, whose role allows everything → an administrator: kubectl create clusterrolebinding idp "
    "--clusterrole=cluster-admin --user=system:serviceaccount:default:guest"
)
NOBODY = (
    "✗ cluster: context `prod`: it refuses the kubeconfig's credentials: 401 Unauthorized → "
    "kubectl --kubeconfig /there/config --context prod get --raw /version says more"
)


@pytest.fixture
def dev(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A stack on this machine."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return recorder.load(project, "dev")


@pytest.fixture
def existing(project: Path) -> Settings:
    """A stack on a cluster that is there already."""
    cluster = "  idp:cluster: {mode: existing, kubeconfig: /there/config, context: prod}\n"
    (project / "Pulumi.dev.yaml").write_text(f"config:\n  idp:organization: acme\n{cluster}")
    return recorder.load(project, "dev")


def test_a_command_that_hangs_is_ended_with_all_that_it_started() -> None:
    """A `docker` below a killed `kind` would hold the pipe, and doctor, for as long as it hangs."""
    started = time.monotonic()
    answer = real.run(["sh", "-c", "sleep 31.4159 & sleep 31.4159"], seconds=0.3)

    assert answer == Answer(TIMED_OUT, error="no answer in 0.3 seconds")
    assert time.monotonic() - started < 10
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert "sleep 31.4159" not in listed


def test_a_command_answers_with_code_and_texts() -> None:
    """Whether it can be run or not."""
    assert real.run(["sh", "-c", "echo out; echo said >&2; exit 3"]) == Answer(3, "out\n", "said\n")
    assert real.run(["no-such-command-here"]) == Answer(NOT_RUN, error="No such file or directory")


def test_a_port_is_free_until_somebody_listens() -> None:
    """Also on all addresses, which is Docker's default for everybody else's containers."""
    assert real.port_is_free(free_port())
    for address in ("127.0.0.1", "0.0.0.0"):  # noqa: S104  on purpose
        with socket.socket() as other:
            other.bind((address, 0))
            port = other.getsockname()[1]
            assert not real.port_is_free(port)  # bound already
            other.listen()
            assert not real.port_is_free(port)


def test_a_port_that_can_be_bound_is_not_free_where_somebody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some systems let one address be bound where all are, and Docker may forward a port without a socket."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        monkeypatch.setattr(socket.socket, "bind", lambda *_: None)

        assert not real.port_is_free(other.getsockname()[1])


def test_a_port_is_free_again_after_a_connection() -> None:
    """The system keeps what is left of a connection for a minute; a cluster that was just deleted leaves many."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            server.accept()[0].close()

    assert real.port_is_free(port)


def test_tokens_come_from_the_environment_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty is none."""
    monkeypatch.setenv("GITHUB_TOKEN", "planted")
    monkeypatch.setenv("ARGOCD_GITHUB_TOKEN", "")

    assert Machine().token("githubToken") == "planted"
    assert Machine().token("argocdGithubToken") is None


@pytest.fixture
def kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' `kind` first on PATH."""
    for name, value in Kind(home=tmp_path / "clusters").environment().items():
        monkeypatch.setenv(name, value)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "kind").symlink_to(KIND)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")


def with_kind() -> Machine:
    """A fake machine with a real `kind`."""
    return Fake().machine(run=lambda words: real.run(words) if words[0] == "kind" else Fake().run(words))


def test_kind_itself_says_that_docker_is_stopped(kind: None, dev: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is on PATH, it is `kind` that must reach its Docker."""
    monkeypatch.setenv("IDP_KIND_FAIL", "get")

    assert look(dev, with_kind()) == [f"✗ kind: Docker does not answer: {DEAD} → sudo systemctl start docker"]


def test_a_kind_without_docker_is_enough(kind: None, dev: Settings) -> None:
    """It lists its clusters, and that is what `up` asks of it."""
    assert look(dev, with_kind()) == []


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[apiserver.ApiServer]:
    server = apiserver.start(tmp_path_factory.mktemp("api"))
    server.add_storage_class("fast", default=True)
    yield server
    server.stop()


@requires_apiserver
def test_a_real_cluster_is_asked_for_its_default_storage_class(api: apiserver.ApiServer, existing: Settings) -> None:
    """One that is no default gives nobody a volume who names none."""
    machine = Fake(files={"/there/config": api.kubeconfig("prod")}).machine(cluster=LiveCluster)
    api.request("DELETE", "/apis/storage.k8s.io/v1/storageclasses/fast")
    api.add_storage_class("slow", default=False)

    without = look(existing, machine)
    api.add_storage_class("fast", default=True)

    assert len(without) == 1
    assert without[0].startswith("✗ volumes: the cluster has no default StorageClass, from which observability ")
    assert look(existing, machine) == []


@requires_apiserver
@pytest.mark.parametrize(
    ("user", "expected"),
    [
        pytest.param("admin", [], id="an administrator"),
        pytest.param("guest", [GUEST], id="an account without rights"),
        pytest.param("nobody", [NOBODY], id="no account"),
    ],
)  # fmt: skip
def test_a_real_cluster_is_asked_what_its_user_may_do(
    user: str, expected: list[str], api: apiserver.ApiServer, existing: Settings
) -> None:
    """The questions are Kubernetes' own, and make nothing."""
    text = api.kubeconfig("prod").replace(api.token, token_of(api, user))
    machine = Fake(files={"/there/config": text}).machine(cluster=LiveCluster)

    assert look(existing, machine) == expected


def token_of(api: apiserver.ApiServer, user: str) -> str:
    if user != "guest":
        return {"admin": api.token, "nobody": "planted"}[user]
    api.request("POST", "/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": "guest"}})
    asked = api.request("POST", "/api/v1/namespaces/default/serviceaccounts/guest/token", {"spec": {}})
    return asked["status"]["token"]


@requires_apiserver
def test_a_cluster_that_went_away_is_told(api: apiserver.ApiServer, existing: Settings) -> None:
    """Within the time of one answer, without a second try."""
    text = api.kubeconfig("prod").replace(str(api.port), str(free_port()))
    found = look(existing, Fake(files={"/there/config": text}).machine(cluster=LiveCluster))

    assert len(found) == 1
    assert found[0].startswith("✗ cluster: context `prod`: it does not answer: ")
