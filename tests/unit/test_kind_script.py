"""The `kind` that engine tests put on PATH says and does what the real one does."""

from __future__ import annotations

import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.support import apiserver
from tests.support.lab import KIND, Kind, missing, requires_apiserver
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

HEADER = "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n"
UNREADABLE = "ERROR: failed to create cluster: unable to decode config: yaml: unmarshal errors:\n  "
THREE_NODES = f"""{HEADER}
name: other
nodes:
- role: control-plane
  extraPortMappings: [{{containerPort: 30080, hostPort: 18088, listenAddress: 127.0.0.1}}]
- role: worker
  labels: {{role: platform}}
- role: worker
  labels: {{role: workloads}}
"""


@pytest.fixture
def kind(tmp_path: Path) -> Iterator[Kind]:
    script = Kind(tmp_path / "home")
    yield script
    apiserver.stop_below(script.home)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kind]:
    """A home with one cluster, `shop`, that tests only read."""
    script = Kind(tmp_path_factory.mktemp("cluster") / "home")
    created = script("create cluster --name shop --config -", THREE_NODES)
    assert created.returncode == 0, created.stderr
    yield script
    apiserver.stop_below(script.home)


@pytest.mark.parametrize(
    ("line", "error"),
    [
        pytest.param("bogus", 'unknown command "bogus" for "kind"', id="command"),
        pytest.param("get bogus", "Subcommand is required", id="subcommand"),
        pytest.param("get clusters --name x", "unknown flag: --name", id="flag of another"),
        pytest.param("delete cluster --name", "flag needs an argument: --name", id="no value"),
        pytest.param(
            "create cluster --wait 5",
            'invalid argument "5" for "--wait" flag: time: missing unit in duration "5"',
            id="duration",
        ),
        pytest.param(
            "create cluster --config /none",
            "failed to create cluster: error reading file: open /none: no such file or directory",
            id="file",
        ),
    ],
)
def test_a_wrong_command_line_is_refused(kind: Kind, line: str, error: str) -> None:
    """A lenient double would let a misspelt flag pass here and fail for the user."""
    done = kind(line)

    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"ERROR: {error}\n")


def test_it_has_no_state_but_its_home(kind: Kind) -> None:
    """Without one, tests would share clusters by accident."""
    done = kind("get clusters", IDP_KIND_HOME="")

    assert done.returncode == 1
    assert "IDP_KIND_HOME is not set" in done.stderr


def test_no_clusters_is_not_an_error(kind: Kind) -> None:
    """Programs parse stdout; the sentence for people is on stderr, and `-q` silences it."""
    for flags, said in (("", "No kind clusters found.\n"), ("-q ", "")):
        done = kind(f"{flags}get clusters")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", said)


def test_a_missing_cluster_has_no_kubeconfig(kind: Kind) -> None:
    """Kind has one exit code for everything, so programs that look at errors look at this text."""
    done = kind("get kubeconfig --name nope")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "ERROR: could not locate any control plane nodes for cluster named 'nope'. "
        "Use the --name option to select a different cluster\n"
    )


def test_deleting_what_is_not_there_succeeds_and_still_cleans_the_kubeconfig(kind: Kind) -> None:
    """A cluster removed by hand leaves its context; deleting again is how kind gets rid of it."""
    entry = [{"name": "kind-gone"}, {"name": "mine"}]
    content = {"contexts": entry, "clusters": entry, "users": entry, "current-context": "kind-gone"}
    kind.kubeconfig.write_text(yaml.safe_dump(content))

    done = kind("delete cluster --name gone")

    assert (done.returncode, done.stderr) == (0, 'Deleting cluster "gone" ...\n')
    left = [{"name": "mine"}]
    assert yaml.safe_load(kind.kubeconfig.read_text()) == {"contexts": left, "clusters": left, "users": left}


def test_a_locked_kubeconfig_is_an_error(kind: Kind) -> None:
    """A killed kubectl leaves its lock; kind then fails until somebody removes it, and so must programs notice."""
    lock = Path(f"{kind.kubeconfig}.lock")
    lock.touch()

    done = kind("delete cluster --name x")

    assert done.returncode == 1
    assert f"failed to lock config file: open {lock}: file exists" in done.stderr


def test_the_version_is_short_when_quiet(kind: Kind) -> None:
    """Preflight checks parse it."""
    assert kind("version").stdout.startswith("kind v0.")
    assert kind("-q version").stdout.count(" ") == 0


@pytest.mark.parametrize(
    ("config", "error"),
    [
        pytest.param("kind: Cluster\napiVersion: v1\n", "unknown apiVersion: v1", id="apiVersion"),
        pytest.param("kind: Foo\napiVersion: kind.x-k8s.io/v1alpha4\n", "unknown kind Foo for apiVersion: ", id="kind"),
        pytest.param(
            f"{HEADER}nodes: [\n", "could not determine kind / apiVersion for config: yaml: line ", id="syntax"
        ),
        pytest.param(f"{HEADER}nodes: [{{role: foo}}]\n", '"foo" is not a valid node role', id="role"),
        pytest.param(f"{HEADER}nodes:\n- role: worker\n", "must have at least one control-plane node", id="no API"),
        pytest.param(f"{HEADER}networking: {{apiServerPort: 70000}}\n", "invalid port number: 70000", id="API port"),
        pytest.param(
            f"{HEADER}nodes:\n- extraPortMappings: [{{containerPort: 70000, hostPort: -2}}]\n",
            "invalid configuration for node 0: "
            "[invalid hostPort: invalid port number: -2, invalid containerPort: invalid port number: 70000]",
            id="ports",
        ),
        pytest.param(
            f"{HEADER}nodes: [{{extraPortMappings: [{{protocol: x}}]}}]", 'MappingProtocol: "X"', id="protocol"
        ),
        pytest.param(f"{HEADER}nodes: [{{extraMounts: [{{propagation: x}}]}}]", 'Propagation: "x"', id="propagation"),
    ],
)
def test_a_wrong_config_is_refused(kind: Kind, config: str, error: str) -> None:
    """What the program writes must be what the real kind takes."""
    done = kind("create cluster --config -", config)

    assert done.returncode == 1
    assert done.stderr.startswith("ERROR: failed to create cluster: ")
    assert error in done.stderr
    assert kind("get clusters").stdout == ""


@pytest.mark.parametrize(
    ("lines", "line", "field", "kind_of"),
    [
        pytest.param("nodez: []", 3, "nodez", "Cluster", id="cluster"),
        pytest.param("nodes:\n- rolle: worker", 4, "rolle", "Node", id="node"),
        pytest.param("nodes:\n- extraPortMappings:\n  - hostport: 1", 5, "hostport", "PortMappingAlias", id="port"),
        pytest.param("nodes:\n- extraMounts:\n  - hostpath: /a", 5, "hostpath", "MountAlias", id="mount"),
        pytest.param("networking:\n  apiserverport: 1", 4, "apiserverport", "Networking", id="networking"),
        pytest.param("kubeadmConfigPatchesJSON6902:\n- foo: b", 4, "foo", "PatchJSON6902", id="patch"),
    ],
)
def test_an_unknown_field_is_refused(kind: Kind, lines: str, line: int, field: str, kind_of: str) -> None:
    """Kind knows its fields at every level, and says the line of one it does not know."""
    done = kind("create cluster --config -", f"{HEADER}{lines}\n")

    error = f"line {line}: field {field} not found in type v1alpha4.{kind_of}"
    assert (done.returncode, done.stderr) == (1, f"{UNREADABLE}{error}\n")


@pytest.mark.parametrize(
    ("line", "error"),
    [
        pytest.param("kind: Cluster", 'mapping key "kind" already defined at line 1', id="twice"),
        pytest.param("nodes: foo", "cannot unmarshal !!str `foo` into []v1alpha4.Node", id="list"),
        pytest.param("networking: {disableDefaultCNI: 'on'}", "cannot unmarshal !!str `on` into bool", id="bool"),
        pytest.param("networking: {apiServerPort: a}", "cannot unmarshal !!str `a` into int32", id="number"),
        pytest.param("nodes: [{labels: {a: [1]}}]", "cannot unmarshal !!seq into string", id="label"),
    ],
)
def test_a_value_of_another_type_is_refused(kind: Kind, line: str, error: str) -> None:
    """A quoted port or boolean, which YAML makes text, is what a program gets wrong here."""
    done = kind("create cluster --config -", f"{HEADER}{line}\n")

    assert (done.returncode, done.stderr) == (1, f"{UNREADABLE}line 3: {error}\n")


def test_the_name_is_the_flags_then_the_environments_then_the_configs(kind: Kind) -> None:
    """A developer's KIND_CLUSTER_NAME must not redirect a program that forgot its flag unseen."""
    for line, environment, name in (
        ("--name Of_flag", {"KIND_CLUSTER_NAME": "Of_env"}, "Of_flag"),
        ("", {"KIND_CLUSTER_NAME": "Of_env"}, "Of_env"),
        ("", {}, "Of_config"),
    ):
        done = kind(f"create cluster {line} --config -", f"{HEADER}name: Of_config", **environment)
        assert f"'{name}' is not a valid cluster name, cluster names must match `^[a-z0-9.-]+$`" in done.stderr


@pytest.mark.parametrize(
    ("line", "start"),
    [
        pytest.param("create cluster", "ERROR: failed to create cluster: failed to get docker info: ", id="create"),
        pytest.param("get clusters", "ERROR: failed to list clusters: ", id="clusters"),
        pytest.param("get kubeconfig", "ERROR: failed to list nodes: ", id="kubeconfig"),
        pytest.param("get nodes", "ERROR: failed to list nodes: ", id="nodes"),
        pytest.param(
            "delete cluster",
            'Deleting cluster "kind" ...\n'
            'ERROR: failed to delete cluster "kind": error listing nodes: failed to list nodes: ',
            id="delete",
        ),
    ],
)
def test_docker_can_be_stopped(kind: Kind, line: str, start: str) -> None:
    """The failure that users meet first; also, `get clusters` that fails is not `get clusters` that says none."""
    for fault in (line, line.partition(" ")[0]):
        done = kind(line, IDP_KIND_FAIL=f"version, {fault}")
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith(f'{start}command "docker ')
        assert done.stderr.endswith(
            " failed with error: exit status 1\n\nCommand Output: "
            "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?\n"
        )


def test_every_call_is_logged(kind: Kind) -> None:
    """Tests count them: a preview that asks Kind for anything, or an update that creates twice, is seen."""
    kind("get clusters")
    kind("bogus --x=1", IDP_KIND_FAIL="get")

    assert (kind.home / "log").read_text() == "get clusters\nbogus --x=1\n"


def test_what_failed_leaves_nothing_and_what_is_retained_holds_its_name_and_ports(kind: Kind) -> None:
    """As with containers: what a failed create keeps stands in the way of the next until it is deleted."""
    clashing = f"{HEADER}nodes:\n" + 2 * "- extraPortMappings: [{containerPort: 80, hostPort: 18089}]\n"
    allocated = "Bind for 0.0.0.0:18089 failed: port is already allocated"

    failed = kind("create cluster --name a --config -", clashing)
    assert failed.returncode == 1
    assert allocated in failed.stderr
    assert kind("get clusters").stdout == ""

    assert kind("create cluster --name a --retain --config -", clashing).returncode == 1
    assert kind("get clusters").stdout == "a\n"
    assert kind("get nodes --name a").stdout == "a-control-plane\na-control-plane2\n"
    assert kind("create cluster --name a").stderr == (
        'ERROR: failed to create cluster: node(s) already exist for a cluster with the name "a"\n'
    )
    other = f"{HEADER}nodes:\n- extraPortMappings: [{{containerPort: 1, hostPort: 18089, listenAddress: 127.0.0.1}}]\n"
    assert "Bind for 127.0.0.1:18089 failed" in kind("create cluster --name b --config -", other).stderr

    deleted = kind("delete cluster --name a")
    assert deleted.stderr.endswith('Deleted nodes: ["a-control-plane" "a-control-plane2"]\n')
    assert kind("get clusters").stdout == ""


def test_missing_binaries_are_named(kind: Kind, tmp_path: Path) -> None:
    """Not a traceback: whoever runs the tests without them reads what to install."""
    for name, target in (("python3", sys.executable), ("env", "/usr/bin/env"), ("kind", KIND)):
        (tmp_path / name).symlink_to(target)

    done = kind("create cluster", PATH=str(tmp_path), KUBEBUILDER_ASSETS="")

    assert done.stderr.endswith("ERROR: failed to create cluster: not on PATH: etcd, kube-apiserver, openssl\n")
    assert kind("get clusters").stdout == ""


@requires_apiserver
def test_nodes_are_named_and_labelled_as_in_the_config(cluster: Kind) -> None:
    """The program steers workloads by these labels, and people read these names."""
    api = apiserver.load(cluster.home / "shop")
    nodes = {node["metadata"]["name"]: node for node in api.request("GET", "/api/v1/nodes")["items"]}

    assert cluster("get clusters").stdout == "shop\n"
    assert cluster("get nodes --name shop").stdout == "shop-control-plane\nshop-worker\nshop-worker2\n"
    assert sorted(nodes) == ["shop-control-plane", "shop-worker", "shop-worker2"]
    assert [nodes[name]["metadata"]["labels"].get("role") for name in sorted(nodes)] == [None, "platform", "workloads"]
    assert all(node["metadata"]["labels"]["kubernetes.io/hostname"] == name for name, node in nodes.items())
    assert "node-role.kubernetes.io/control-plane" in nodes["shop-control-plane"]["metadata"]["labels"]


@requires_apiserver
def test_the_kubeconfig_is_whole_private_and_the_same_on_stdout(cluster: Kind) -> None:
    """It is passed on as text, so nothing in it may point to a file, and nobody else may read it."""
    merged = yaml.safe_load(cluster.kubeconfig.read_text())
    printed = yaml.safe_load(cluster("get kubeconfig --name shop").stdout)

    assert merged == printed
    assert merged["current-context"] == merged["contexts"][0]["name"] == "kind-shop"
    assert set(merged["clusters"][0]["cluster"]) == {"certificate-authority-data", "server"}
    assert merged["clusters"][0]["cluster"]["server"].startswith("https://127.0.0.1:")
    assert stat.S_IMODE(cluster.kubeconfig.stat().st_mode) == 0o600


@requires_apiserver
def test_a_cluster_is_created_once(cluster: Kind) -> None:
    """The text that programs match, and the cluster that must survive the mistake."""
    again = cluster("create cluster --name shop --config -", THREE_NODES)
    other = cluster("create cluster --config -", THREE_NODES)

    assert again.returncode == other.returncode == 1
    assert again.stderr == (
        'ERROR: failed to create cluster: node(s) already exist for a cluster with the name "shop"\n'
    )
    assert "Bind for 127.0.0.1:18088 failed: port is already allocated" in other.stderr
    assert apiserver.load(cluster.home / "shop").alive()


@requires_apiserver
@pytest.mark.skipif(bool(missing("kube-controller-manager")), reason="not on PATH: kube-controller-manager")
def test_controllers_run_where_they_are_found(cluster: Kind) -> None:
    """Without them a deleted namespace stays for ever, and no service account is made."""
    api = apiserver.load(cluster.home / "shop")
    api.request("POST", "/api/v1/namespaces", {"metadata": {"name": "team"}})
    account = "/api/v1/namespaces/team/serviceaccounts?fieldSelector=metadata.name%3Ddefault"

    until(lambda: bool(api.request("GET", account)["items"]))


@requires_apiserver
def test_a_new_cluster_of_the_same_name_is_another_one(kind: Kind) -> None:
    """What tells a re-created cluster from the old one is its certificate authority."""
    kind.kubeconfig.write_text("contexts: [{name: mine}]\ncurrent-context: mine\n")
    authorities = set[str]()
    for _ in range(2):
        created = kind("create cluster")
        assert created.returncode == 0, created.stderr
        authorities.add(apiserver.load(kind.home / "kind").ca)
        pids = apiserver.running(kind.home / "kind")
        assert kind("delete cluster").stderr.endswith('Deleted nodes: ["kind-control-plane"]\n')
        assert not [pid for pid in pids.values() if _is_alive(pid)]

    assert len(authorities) == 2
    left = yaml.safe_load(kind.kubeconfig.read_text())
    assert left == {"apiVersion": "v1", "kind": "Config", "contexts": [{"name": "mine"}]}


@requires_apiserver
def test_a_killed_create_leaves_what_delete_cleans(kind: Kind) -> None:
    """An update may be killed at any moment; the next one must see the half-made cluster, and can remove it."""
    creating = subprocess.Popen(["kind", "create", "cluster"], env=kind.environment(), stderr=subprocess.DEVNULL)
    folder = kind.home / "kind"
    until(lambda: "kube-apiserver" in apiserver.running(folder))
    creating.send_signal(signal.SIGKILL)
    creating.wait()
    pids = apiserver.running(folder)

    assert kind("get clusters").stdout == "kind\n"
    assert "failed to get cluster internal kubeconfig" in kind("get kubeconfig").stderr
    assert not kind.kubeconfig.exists()
    assert kind("delete cluster").returncode == 0
    assert kind("get clusters").stdout == ""
    assert not [pid for pid in pids.values() if _is_alive(pid)]


@requires_apiserver
def test_a_stopped_cluster_comes_back_as_it_was(kind: Kind) -> None:
    """A machine restarts: what the program knew of its cluster is still true, and in between it is unreachable."""
    assert kind("create cluster").returncode == 0
    before = apiserver.load(kind.home / "kind")
    authority = before.ca
    before.stop()
    assert not before.alive()
    assert kind("get clusters").stdout == "kind\n"

    after = apiserver.start(kind.home / "kind")

    assert after == before
    assert after.ca == authority
    assert after.request("GET", "/api/v1/nodes/kind-control-plane")["metadata"]["name"] == "kind-control-plane"


def _is_alive(pid: int) -> bool:
    state = subprocess.run(["ps", "-p", str(pid), "-o", "stat="], check=False, capture_output=True, text=True).stdout
    return state[:1] not in {"", "Z"}
