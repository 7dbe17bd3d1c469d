"""What a machine or a cluster lacks for `up` is said before it, all at once, with what mends it."""

# ruff: noqa: E501  the cases are a table, an expectation a line
from __future__ import annotations

from dataclasses import replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from components.dynamic import kind_cluster
from components.dynamic.kind_cluster import Folder, KindError, KindProvider
from idp import recorder
from idp.cli import app
from idp.lifecycle import machine as real
from idp.lifecycle.doctor import Finding, examine
from idp.lifecycle.machine import NOT_RUN, TIMED_OUT, Answer, Machine
from tests.support.machine import ENGINE, KUBECONFIG, Fake, FakeCluster, look

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from idp.settings import Settings

KUBERNETES, GITHUB = version("pulumi-kubernetes"), version("pulumi-github")
KIND_STACK = (
    "config:\n  idp:organization: acme\n  idp:cluster: {mode: kind, name: acme-dev, httpPort: 8880, httpsPort: 8843}\n"
)
EXISTING_STACK = (
    "config:\n  idp:organization: acme\n  idp:cluster: {mode: existing, kubeconfig: /there/config, context: prod}\n"
)
GUEST_STACK = EXISTING_STACK + "  idp:components: {argocd: existing}\n"
ASKED = 'ERROR: failed to list clusters: command "{} ps -a --filter label=io.x-k8s.kind.cluster" failed with error: {}\n\nCommand Output: {}'
"""What Kind 0.32 says when the runtime below it fails."""
NO_DOWNLOADS = {"PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true"}


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Intents of this test alone."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def settings(project: Path) -> Callable[[str], Settings]:
    """A stack's settings by the text of its file."""

    def load(text: str) -> Settings:
        (project / "Pulumi.dev.yaml").write_text(text)
        return recorder.load(project, "dev")

    return load


INSTALL = f"curl -fsSL https://get.pulumi.com | sh -s -- --version {ENGINE}"
KIND_INSTALL = "https://kind.sigs.k8s.io/docs/user/quick-start/#installation"
DEAD = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"
DENIED = "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock"
SOMEBODYS = "✗ kind: a Kind cluster `acme-dev` is there already and this stack did not make it → choose another `name` in idp:cluster, or remove it yourself: kind delete cluster --name acme-dev"
TAKEN = "✗ ports: port 8880 of 127.0.0.1 is taken → sudo ss -ltnp 'sport = :8880' says by whom; end that, or choose another `httpPort` in idp:cluster"
OURS: dict[str, Any] = {"owns": {"acme-dev": True}}
ON_KIND: dict[str, tuple[Fake, list[str]]] = {
    "nothing lacks": (Fake(), []),
    # the engine
    "no pulumi": (Fake(lacks=("pulumi",)), [f'✗ pulumi: `pulumi` is not on PATH → {INSTALL} && export PATH="$HOME/.pulumi/bin:$PATH"']),
    "an older minor version": (Fake(says={"pulumi version": "v3.200.1\n"}), [f"✗ pulumi: `pulumi` is v3.200.1, older than the SDK's {ENGINE} → {INSTALL}"]),
    "an older major version": (Fake(says={"pulumi version": "v2.999.0\n"}), [f"✗ pulumi: `pulumi` is v2.999.0, older than the SDK's {ENGINE} → {INSTALL}"]),
    "a newer version": (Fake(says={"pulumi version": "v4.0.0\n"}), []),
    "another patch": (Fake(says={"pulumi version": f"{ENGINE.rpartition('.')[0]}.999-dev.0\n"}), []),
    "a pulumi that fails": (Fake(says={"pulumi version": Answer(1, error="no space left\n")}), [f"✗ pulumi: `pulumi version` fails: no space left → {INSTALL}"]),
    "a pulumi that is another program": (Fake(says={"pulumi version": "hello"}), [f"✗ pulumi: `pulumi version` fails: hello → {INSTALL}"]),
    # its plugins
    "plugins are downloaded": (Fake(lacks=("pulumi-resource-kubernetes",)), []),
    "plugins on PATH": (Fake(environment=NO_DOWNLOADS), []),
    "no plugin, no download": (
        Fake(lacks=("pulumi-resource-kubernetes", "pulumi-resource-github"), environment=NO_DOWNLOADS, says={"pulumi plugin ls --json": f'[{{"name": "github", "kind": "resource", "version": "{GITHUB}"}}, {{"name": "kubernetes", "kind": "resource", "version": "4.0.0"}}]'}),
        [f"✗ plugins: no plugin `kubernetes` {KUBERNETES}, and PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION forbids to download it → pulumi plugin install resource kubernetes {KUBERNETES}"],
    ),
    "no plugin, and no list of them": (
        Fake(lacks=("pulumi-resource-github",), environment=NO_DOWNLOADS, says={"pulumi plugin ls --json": Answer(1)}),
        [f"✗ plugins: no plugin `github` {GITHUB}, and PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION forbids to download it → pulumi plugin install resource github {GITHUB}"],
    ),
    # kind and what is below it
    "no kind": (Fake(lacks=("kind",)), [f"✗ kind: `kind` is not on PATH → install it: {KIND_INSTALL}"]),
    "kind cannot be run": (Fake(says={"kind get clusters": Answer(NOT_RUN, error="Exec format error")}), [f"✗ kind: `kind get clusters` fails: Exec format error → `kind get clusters -v 1` says more; {KIND_INSTALL}"]),
    "no docker": (Fake(says={"kind get clusters": Answer(1, error=ASKED.format("docker", 'exec: "docker": executable file not found in $PATH', ""))}), ["✗ kind: `kind` finds no `docker` on PATH → install it: https://docs.docker.com/engine/install/"]),
    "no podman": (Fake(says={"kind get clusters": Answer(1, error=ASKED.format("podman", 'exec: "podman": executable file not found in $PATH', ""))}), ["✗ kind: `kind` finds no `podman` on PATH → install it, or unset KIND_EXPERIMENTAL_PROVIDER"]),
    "docker is stopped": (Fake(says={"kind get clusters": Answer(1, error=ASKED.format("docker", "exit status 1", DEAD))}), [f"✗ kind: Docker does not answer: {DEAD} → sudo systemctl start docker"]),
    "docker is stopped on a Mac": (Fake(system="Darwin", says={"kind get clusters": Answer(1, error=ASKED.format("docker", "exit status 1", DEAD))}), [f"✗ kind: Docker does not answer: {DEAD} → start Docker Desktop"]),
    "docker hangs": (Fake(says={"kind get clusters": Answer(TIMED_OUT, error="no answer in 20 seconds")}), ["✗ kind: Docker does not answer: no answer in 20 seconds → sudo systemctl start docker"]),
    "docker is not for us": (Fake(says={"kind get clusters": Answer(1, error=ASKED.format("docker", "exit status 1", DENIED))}), [f"✗ kind: you may not use `docker`: {DENIED} → sudo usermod -aG docker $USER, then log in anew"]),
    "podman fails": (Fake(says={"kind get clusters": Answer(1, error=ASKED.format("podman", "exit status 125", "Error: no"))}), ["✗ kind: `kind get clusters` fails: Error: no → `podman info` says more"]),
    "a stopped Docker hides no taken port": (Fake(taken=(8880,), says={"kind get clusters": Answer(1, error=ASKED.format("docker", "exit status 1", DEAD))}), [f"✗ kind: Docker does not answer: {DEAD} → sudo systemctl start docker", TAKEN]),
    # the cluster's name
    "others' clusters": (Fake(says={"kind get clusters": "kind\nother\n"}), []),
    "somebody's cluster of that name": (Fake(says={"kind get clusters": "acme-dev\n"}), [SOMEBODYS]),
    "our cluster": (Fake(says={"kind get clusters": "acme-dev\n", "docker port acme-dev-control-plane": ""}, **OURS), []),
    "our cluster is stopped": (
        Fake(says={"kind get clusters": "acme-dev\n"}, owns={"acme-dev": "cannot say"}),
        ["✗ kind: the Kind cluster `acme-dev` is there but does not run → docker start $(kind get nodes --name acme-dev), or remove it: kind delete cluster --name acme-dev"],
    ),
    # the ports
    "ports taken": (Fake(taken=(8880, 8843)), [TAKEN, TAKEN.replace("8880", "8843").replace("httpPort", "httpsPort")]),
    "a port taken on a Mac": (Fake(taken=(8880,), system="Darwin"), [TAKEN.replace("sudo ss -ltnp 'sport = :8880'", "lsof -nP -iTCP:8880 -sTCP:LISTEN")]),
    "ports that our cluster holds": (
        Fake(taken=(8880, 8843), says={"kind get clusters": "acme-dev\n", "docker port acme-dev-control-plane": "6443/tcp -> 127.0.0.1:35001\n30080/tcp -> 127.0.0.1:8880\n30443/tcp -> 127.0.0.1:8843\n"}, **OURS),
        [],
    ),
    "a new port that our cluster does not hold": (
        Fake(taken=(8880, 8843), says={"kind get clusters": "acme-dev\n", "docker port acme-dev-control-plane": "30080/tcp -> 127.0.0.1:9999\n30443/tcp -> 127.0.0.1:8843\n"}, **OURS),
        [TAKEN],
    ),
    "ports of a cluster of which the runtime knows nothing": (Fake(taken=(8880,), says={"kind get clusters": "acme-dev\n", "docker port acme-dev-control-plane": Answer(1)}, **OURS), []),
    "ports of a cluster without any runtime": (Fake(taken=(8880,), lacks=("docker", "nerdctl", "podman"), says={"kind get clusters": "acme-dev\n"}, **OURS), []),
    "the runtime that kind is told to use": (
        Fake(taken=(8880,), environment={"KIND_EXPERIMENTAL_PROVIDER": "podman"}, says={"kind get clusters": "acme-dev\n", "podman port acme-dev-control-plane": "30080/tcp -> 127.0.0.1:8880"}, **OURS),
        [],
    ),
    # kernel and memory
    "low limits": (
        Fake(files={"/proc/sys/fs/inotify/max_user_watches": "8192", "/proc/sys/fs/inotify/max_user_instances": "128"}),
        ["! inotify: pods may fail with `too many open files`: fs.inotify.max_user_watches is 8192 (524288 is enough), fs.inotify.max_user_instances is 128 (512 is enough) → sudo sysctl fs.inotify.max_user_watches=524288 fs.inotify.max_user_instances=512; the same lines in /etc/sysctl.d/99-kind.conf keep it"],
    ),
    "one low limit": (
        Fake(files={"/proc/sys/fs/inotify/max_user_instances": "511"}),
        ["! inotify: pods may fail with `too many open files`: fs.inotify.max_user_instances is 511 (512 is enough) → sudo sysctl fs.inotify.max_user_instances=512; the same lines in /etc/sysctl.d/99-kind.conf keep it"],
    ),
    "little memory": (
        Fake(files={"/proc/meminfo": "MemAvailable: 2097152 kB"}),
        ["! memory: 2.0 GiB of memory are left; a cluster with all of the platform in it may want 4 GiB → `ps aux --sort=-rss | head` says what takes it; fewer `workers` in idp:cluster take less"],
    ),
    "memory that our cluster has already": (Fake(files={"/proc/meminfo": "MemAvailable: 1 kB"}, says={"kind get clusters": "acme-dev", "docker port acme-dev-control-plane": ""}, **OURS), []),
    "cgroup v1": (
        Fake(files={"/sys/fs/cgroup/cgroup.controllers": ""}),
        ["! cgroups: this machine has cgroup v1, which a coming release of Kind will not run on → boot it with systemd.unified_cgroup_hierarchy=1 on the kernel's command line"],
    ),
    "no kernel files on a Mac": (Fake(system="Darwin", files=dict.fromkeys(["/proc/sys/fs/inotify/max_user_watches", "/proc/meminfo", "/sys/fs/cgroup/cgroup.controllers"], "")), []),
    "kernel files that cannot be read": (Fake(files={"/proc/sys/fs/inotify/max_user_watches": "", "/proc/meminfo": "x"}), []),
}  # fmt: skip
THERE = "kubectl --kubeconfig /there/config --context prod"
CREATE_ALL = (
    ("create", "namespaces", ""),
    ("create", "secrets", ""),
    ("create", "appprojects", "argoproj.io"),
    ("create", "applications", "argoproj.io"),
    ("create", "applicationsets", "argoproj.io"),
    ("create", "networkpolicies", "networking.k8s.io"),
    ("create", "roles", "rbac.authorization.k8s.io"),
    ("create", "rolebindings", "rbac.authorization.k8s.io"),
    ("create", "validatingadmissionpolicies", "admissionregistration.k8s.io"),
    ("create", "validatingadmissionpolicybindings", "admissionregistration.k8s.io"),
)
NOT_ALL = tuple(each for each in CREATE_ALL if each[1] not in {"namespaces", "applications", "applicationsets"})
ADMIN = "`ada` is no cluster-admin there{}; only one can install Argo CD, whose role allows everything → an administrator: kubectl create clusterrolebinding idp --clusterrole=cluster-admin --user=ada"
NO_CLASS = f"the cluster has no default StorageClass, from which {{}} would have their volumes → {THERE} annotate storageclass NAME storageclass.kubernetes.io/is-default-class=true; {THERE} get storageclass lists them"
ON_EXISTING: dict[str, tuple[str, Fake, list[str]]] = {
    "nothing lacks": (EXISTING_STACK, Fake(), []),
    "no kind and no ports are needed": (EXISTING_STACK, Fake(lacks=("kind", "docker"), taken=(8880,), files={"/sys/fs/cgroup/cgroup.controllers": "", "/proc/sys/fs/inotify/max_user_instances": "1"}), []),
    "no file": (EXISTING_STACK, Fake(files={"/there/config": ""}), ["✗ kubeconfig: /there/config cannot be read: No such file or directory → get one from who runs the cluster, or correct `kubeconfig` in idp:cluster; ls -l /there/config"]),
    "no such context": (EXISTING_STACK, Fake(files={"/there/config": KUBECONFIG.replace("prod", "test")}), ["✗ kubeconfig: /there/config: no cluster with a certificate authority in context `prod`: 'prod' → kubectl --kubeconfig /there/config config get-contexts names those that `context` in idp:cluster may be"]),
    "nobody answers": (EXISTING_STACK, Fake(cluster=FakeCluster(silent="the cluster does not answer: refused")), [f"✗ cluster: context `prod`: the cluster does not answer: refused → {THERE} get --raw /version says more"]),
    "no cluster-admin": (EXISTING_STACK, Fake(cluster=FakeCluster(allowed=(("create", "namespaces", ""),))), [f"✗ cluster: {ADMIN.format('')}"]),
    "no rights at all": (EXISTING_STACK, Fake(cluster=FakeCluster(allowed=())), [f"✗ cluster: {ADMIN.format(', nor make namespaces')}"]),
    "an old cluster": (EXISTING_STACK, Fake(cluster=FakeCluster(runs="v1.29.14")), ["✗ cluster: it runs Kubernetes v1.29.14, which has no ValidatingAdmissionPolicy → upgrade it to 1.30 or newer"]),
    "a cluster just young enough": (EXISTING_STACK, Fake(cluster=FakeCluster(runs="v1.30.0-eks-1")), []),
    "no volumes": (EXISTING_STACK, Fake(cluster=FakeCluster(volumes=False)), [f"✗ volumes: {NO_CLASS.format('observability')}. Or `observability: off` in idp:components"]),
    "no volumes for two": (EXISTING_STACK + "  idp:local: true\n", Fake(cluster=FakeCluster(volumes=False)), [f"✗ volumes: {NO_CLASS.format('observability and portal.database')}. Or `observability: off` in idp:components and an external database in idp:portal"]),
    "no volumes are wanted": (EXISTING_STACK + "  idp:components: {observability: off}\n", Fake(cluster=FakeCluster(volumes=False)), []),
    "a guest needs less": (GUEST_STACK, Fake(cluster=FakeCluster(allowed=CREATE_ALL)), []),
    "a guest needs something": (
        GUEST_STACK, Fake(cluster=FakeCluster(allowed=NOT_ALL)),
        [f"✗ cluster: `ada` may not make namespaces, applications.argoproj.io, applicationsets.argoproj.io there → ask who runs the cluster; `{THERE} auth can-i create namespaces -A` says `yes` when it is mended"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("fake", "expected"), ON_KIND.values(), ids=ON_KIND.keys())
def test_what_a_machine_lacks_for_a_kind_cluster(
    fake: Fake, expected: list[str], settings: Callable[[str], Settings]
) -> None:
    """Exactly this and nothing else, so that each case also shows that the other checks are content."""
    assert look(settings(KIND_STACK), fake.machine()) == expected


@pytest.mark.parametrize(("stack", "fake", "expected"), ON_EXISTING.values(), ids=ON_EXISTING.keys())
def test_what_an_existing_cluster_lacks(
    stack: str, fake: Fake, expected: list[str], settings: Callable[[str], Settings]
) -> None:
    """What belongs to Kind plays no part there."""
    assert look(settings(stack), fake.machine()) == expected


def test_a_renamed_cluster_may_have_the_ports_of_the_one_before(settings: Callable[[str], Settings]) -> None:
    """The old one goes before the new one comes."""
    Folder(project="idp", stack="dev").intend("before")
    held = "30080/tcp -> 127.0.0.1:8880"
    said = {"kind get clusters": "before\n", "docker port before-control-plane": held}

    assert look(settings(KIND_STACK), Fake(taken=(8880,), says=said, owns={"before": True}).machine()) == []


def test_a_stack_that_refers_to_repositories_needs_no_plugin_for_github(settings: Callable[[str], Settings]) -> None:
    """It makes none."""
    fake = Fake(lacks=("pulumi-resource-github",), environment=NO_DOWNLOADS)

    assert look(settings(f"{KIND_STACK}  idp:github: reference\n"), fake.machine()) == []


def test_a_stack_with_a_forge_is_told_what_comes_after_up(settings: Callable[[str], Settings]) -> None:
    """Its commands build images and keep what people made; another stack has no use for either."""
    local = settings(f"{KIND_STACK}  idp:github: local\n  idp:local: true\n")
    lacking = Fake(lacks=("git", "docker"))

    assert look(local, lacking.machine()) == [
        "! docker: `docker` is not on PATH; `build` makes services' images with it → install it: https://docs.docker.com/engine/install/",
        "! git: `git` is not on PATH; what people make in the forge is kept and put back with it → install it: https://git-scm.com/downloads",
    ]
    assert look(local, Fake().machine()) == []


def test_somebodys_cluster_is_told_in_the_providers_words(
    settings: Callable[[str], Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever reads both must see that it is one thing."""
    monkeypatch.setattr(kind_cluster, "clusters", lambda: ["acme-dev"])
    with pytest.raises(KindError) as refused:
        KindProvider().create({"project": "idp", "stack": "dev", "cluster_name": "acme-dev", "config": ""})

    said = look(settings(KIND_STACK), Fake(says={"kind get clusters": "acme-dev"}).machine())
    assert [line.removeprefix("✗ kind: ").replace(" → ", "; ") for line in said] == [str(refused.value)]


def test_everything_is_told_at_once(settings: Callable[[str], Settings]) -> None:
    """Nobody mends one thing, runs it again and finds the next."""
    fake = Fake(lacks=("pulumi", "kind"), taken=(8880,), files={"/sys/fs/cgroup/cgroup.controllers": ""})

    found = [finding.check for finding in examine(settings(KIND_STACK), fake.machine())]
    assert found == ["pulumi", "kind", "ports", "cgroups", "githubToken", "argocdGithubToken", "oauthClientId"]


# The command.


def doctor(project: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch, *findings: Finding) -> tuple[int, str]:
    """Run the command; with findings, those instead of the checks'."""
    monkeypatch.setattr(real, "Machine", lambda **_asked: machine)
    if findings:
        monkeypatch.setattr("idp.lifecycle.doctor.CHECKS", (lambda _settings, _machine: findings,))
    done = CliRunner().invoke(app, ["doctor", "--project", str(project)])
    return done.exit_code, done.output


def test_the_command_prints_each_finding_with_its_remedy(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And ends with 1, which stops `make up`."""
    machine = Fake(lacks=("kind",), files={"/sys/fs/cgroup/cgroup.controllers": ""}).machine()
    code, said = doctor(project, replace(machine, token=lambda _key: "two words"), monkeypatch)

    assert code == 1
    lines = said.splitlines()
    assert lines[:4] == [
        "✗ kind: `kind` is not on PATH",
        f"  → install it: {KIND_INSTALL}",
        "! cgroups: this machine has cgroup v1, which a coming release of Kind will not run on",
        "  → boot it with systemd.unified_cgroup_hierarchy=1 on the kernel's command line",
    ]
    assert lines[-1] == "dev: not ready for up, 7 problems, 1 warning"


def test_a_warning_stops_nothing(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said, and `up` goes on; what looks like markup is printed as it is."""
    warning = Finding(check="memory", message="[bold]little", remedy="more", fatal=False)

    said = doctor(project, Fake().machine(), monkeypatch, warning)
    assert said == (0, "! memory: [bold]little\n  → more\ndev: ready for up, 1 warning\n")


def test_a_machine_that_lacks_nothing_is_ready(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line."""
    monkeypatch.setattr("idp.lifecycle.doctor.CHECKS", ())

    assert doctor(project, Fake().machine(), monkeypatch) == (0, "dev: ready for up\n")


def test_a_mistake_in_the_config_comes_before_any_check(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the stack needs is not known then."""
    (project / "Pulumi.dev.yaml").write_text("config: {}\n")

    code, said = doctor(project, Fake().machine(), monkeypatch)
    assert code == 1
    assert "organization: no organization" in said
    assert "ready for up" not in said
