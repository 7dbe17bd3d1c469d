"""A real Kubernetes API without Docker: etcd, kube-apiserver and, when asked, kube-controller-manager.

There is no scheduler and no kubelet, so pods stay Pending; everything that only talks to the API behaves as on a real
cluster. No custom resource definition is there at first: what a chart brings is then really needed first.

All listen on loopback, each on a free port. The processes outlive the one that started them, and the folder alone says
where they are: whoever knows it can ask `running(folder)`, `load(folder)` or `stop(folder)`. A stopped server starts
again from its folder with the same address, certificate, token and objects, as a cluster does after a reboot.

Standard library only, so that the `kind` beside this file runs with any Python.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

PROCESSES = ("kube-controller-manager", "kube-apiserver", "etcd")
"""In the order in which they are stopped: each before what it talks to."""

ATTEMPTS = 3
"""A free port may be taken by somebody else before its server listens on it."""

NOT_HERE = (
    "ttl",
    "bootstrap-signer-controller",
    "token-cleaner-controller",
    "node-route-controller",
    "cloud-node-lifecycle-controller",
    "persistentvolume-binder-controller",
    "persistentvolume-attach-detach-controller",
)
"""Controllers without anything to do where no node and no volume is real."""

LAUNCH = 'log=$1 pid=$2; shift 2; "$@" >>"$log" 2>&1 </dev/null & echo $! >"$pid"'
"""The shell writes the pid, in a session of its own: killing the starter at any moment leaves no unknown process."""


class ApiServerError(Exception):
    """The server cannot be started or reached, or it refused a request."""


class _StartError(ApiServerError):
    """A process ended before the server was ready; with other ports it may work."""


@dataclass(frozen=True, kw_only=True)
class ApiServer:
    """A started API server, as its folder describes it."""

    folder: Path
    """Data, certificates, logs, pids and the admin kubeconfig."""
    port: int
    """On 127.0.0.1."""
    token: str
    """Bearer token of a member of `system:masters`."""

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def ca(self) -> str:
        """PEM of the certificate that the server made for itself; another one for every folder."""
        return (self.folder / "certs" / "apiserver.crt").read_text()

    def kubeconfig(self, context: str) -> str:
        """Everything a client needs, in one text without references to files."""
        authority = base64.b64encode(self.ca.encode()).decode()
        return "\n".join(
            [
                "apiVersion: v1",
                "clusters:",
                "- cluster:",
                f"    certificate-authority-data: {authority}",
                f"    server: {self.url}",
                f"  name: {context}",
                "contexts:",
                "- context:",
                f"    cluster: {context}",
                f"    user: {context}",
                f"  name: {context}",
                f"current-context: {context}",
                "kind: Config",
                "users:",
                f"- name: {context}",
                "  user:",
                f"    token: {self.token}",
                "",
            ]
        )

    def request(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Send one request, as administrator; a PATCH is a merge patch.

        Raises:
            ApiServerError: It cannot be reached, or it answers with an error.
        """
        status, text = self._send(method, path, body)
        if status >= http.client.BAD_REQUEST:
            raise ApiServerError(f"{method} {path}: {status}: {text}")
        return json.loads(text)

    def add_node(self, name: str, role: str, labels: dict[str, str], provider: str) -> None:
        """Make a Node known that is Ready, as its kubelet would have; nothing runs on it."""
        control = role == "control-plane"
        well_known = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}
        if control:
            well_known |= {
                "node-role.kubernetes.io/control-plane": "",
                "node.kubernetes.io/exclude-from-external-load-balancers": "",
            }
        taint = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}
        node = {
            "metadata": {"name": name, "labels": well_known | labels},
            "spec": {"providerID": f"{provider}/{name}", "taints": [taint] if control else []},
            "status": {
                "addresses": [{"type": "Hostname", "address": name}],
                "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
            },
        }
        self.request("POST", "/api/v1/nodes", node)

    def add_storage_class(self, name: str, *, default: bool) -> None:
        """Make a class of volumes known; the default one is whose volumes a claim gets that names none."""
        annotations = {"storageclass.kubernetes.io/is-default-class": str(default).lower()}
        made = {"metadata": {"name": name, "annotations": annotations}, "provisioner": "acme.example/disks"}
        self.request("POST", "/apis/storage.k8s.io/v1/storageclasses", made)

    def alive(self) -> bool:
        """Whether it answers that it is ready."""
        try:
            return self._send("GET", "/readyz")[0] == http.client.OK
        except ApiServerError:
            return False

    def stop(self) -> None:
        """Kill all its processes and wait for their end."""
        stop(self.folder)

    def _send(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, str]:
        patch = "application/merge-patch+json" if method == "PATCH" else "application/json"
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": patch}
        try:
            context = ssl.create_default_context(cadata=self.ca)
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # the self-made authority lacks extensions of RFC 5280
            connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=10, context=context)
            with contextlib.closing(connection):
                connection.request(method, path, json.dumps(body) if body is not None else None, headers)
                answer = connection.getresponse()
                return answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException) as error:
            raise ApiServerError(f"{method} {self.url}{path}: {error}") from error


def start(
    folder: Path,
    *,
    controllers: bool = False,
    port: int = 0,
    services: str = "10.96.0.0/16",
    timeout: float = 60,
) -> ApiServer:
    """Start a server whose data is in `folder`, and return when it is ready.

    Args:
        folder: Empty or absent, or what an earlier server left there: then that server goes on.
        controllers: Also start kube-controller-manager, which is not waited for: namespaces are emptied and service
            accounts made only with it.
        port: The API's port; 0 takes a free one.
        services: The range of cluster addresses, as CIDR.
        timeout: Seconds until /readyz must answer.

    Raises:
        ApiServerError: A binary is missing, a process ended, or the server is not ready in time; nothing runs then.
    """
    folder = folder.resolve()
    needed = ("etcd", "kube-apiserver", "openssl", *(PROCESSES[:1] if controllers else ()))
    absent = [name for name in needed if not find(name)]
    if absent:
        raise ApiServerError(f"not on PATH: {', '.join(absent)}")
    if running(folder):
        raise ApiServerError(f"already running in {folder}: {', '.join(running(folder))}")

    for attempt in range(1, ATTEMPTS + 1):
        server = _described(folder, port)
        try:
            _start_servers(server, services, timeout)
            if controllers:
                _start_controllers(server)
        except _StartError:
            stop(folder)
            if port or attempt == ATTEMPTS:
                raise
            (folder / "server.json").unlink()
        except BaseException:
            stop(folder)
            raise
        else:
            return server
    raise AssertionError("unreachable: the last attempt returns or raises")


def load(folder: Path) -> ApiServer:
    """Return the server that somebody started in `folder`, whether it still runs or not.

    Raises:
        FileNotFoundError: None was.
    """
    folder = folder.resolve()
    said = json.loads((folder / "server.json").read_text())
    return ApiServer(folder=folder, port=said["port"], token=said["token"])


def running(folder: Path) -> dict[str, int]:
    """Return the pids of the folder's live processes, by name.

    A pid counts only while its command line names the folder: the system may have given the number to another process.
    """
    folder = folder.resolve()
    alive: dict[str, int] = {}
    for name in PROCESSES:
        with contextlib.suppress(FileNotFoundError, ValueError):
            pid = int((folder / f"{name}.pid").read_text())
            if f"={folder}/" in _command_line(pid):
                alive[name] = pid
    return alive


def stop(folder: Path, timeout: float = 10) -> None:
    """Kill the folder's processes and wait until they are gone; the data stays.

    Raises:
        ApiServerError: One outlives the kill.
    """
    pids = running(folder)
    for pid in pids.values():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + timeout
    while left := {name: pid for name, pid in pids.items() if _exists(pid)}:
        if time.monotonic() > deadline:
            raise ApiServerError(f"still running after a kill: {left}")
        time.sleep(0.02)


def stop_below(folder: Path) -> None:
    """Stop every server in a sub-folder: what a test calls at its end, whatever it made."""
    for child in folder.iterdir() if folder.exists() else []:
        if child.is_dir():
            stop(child)


def find(name: str) -> str | None:
    """Return the path of a binary: from PATH, else from the folder that KUBEBUILDER_ASSETS names."""
    return shutil.which(name) or shutil.which(name, path=os.environ.get("KUBEBUILDER_ASSETS") or os.devnull)


def free_port() -> int:
    """Return a loopback port on which nobody listens at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _described(folder: Path, port: int) -> ApiServer:
    """Return the folder's server, made up now if it has none yet."""
    with contextlib.suppress(FileNotFoundError):
        return load(folder)

    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    server = ApiServer(folder=folder, port=port or free_port(), token=secrets.token_hex(16))
    (folder / "tokens.csv").write_text(f"{server.token},admin,admin,system:masters\n")
    (folder / "server.json").write_text(json.dumps({"port": server.port, "token": server.token}))
    return server


def _start_servers(server: ApiServer, services: str, timeout: float) -> None:
    folder = server.folder
    clients, peers = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    _launch(
        folder,
        "etcd",
        f"--data-dir={folder}/etcd",
        f"--listen-client-urls={clients}",
        f"--advertise-client-urls={clients}",
        f"--listen-peer-urls={peers}",
        f"--initial-advertise-peer-urls={peers}",
        f"--initial-cluster=default={peers}",
        "--unsafe-no-fsync",
    )
    if not (folder / "sa.key").exists():
        subprocess.run(["openssl", "genrsa", "-out", f"{folder}/sa.key", "2048"], check=True, capture_output=True)
    _launch(
        folder,
        "kube-apiserver",
        f"--etcd-servers={clients}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--secure-port={server.port}",
        f"--cert-dir={folder}/certs",
        f"--service-account-key-file={folder}/sa.key",
        f"--service-account-signing-key-file={folder}/sa.key",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-cluster-ip-range={services}",
        f"--token-auth-file={folder}/tokens.csv",
        "--authorization-mode=RBAC",
        "--endpoint-reconciler-type=none",
    )
    _wait(server, timeout)
    _private(folder / "admin.kubeconfig", server.kubeconfig("admin"))


def _start_controllers(server: ApiServer) -> None:
    folder = server.folder
    _launch(
        folder,
        "kube-controller-manager",
        f"--kubeconfig={folder}/admin.kubeconfig",
        "--leader-elect=false",
        "--secure-port=0",
        f"--service-account-private-key-file={folder}/sa.key",
        "--node-monitor-grace-period=24h",  # no kubelet reports, and the nodes stay Ready nevertheless
        "--controllers=" + ",".join(["*", *(f"-{name}" for name in NOT_HERE)]),
    )


def _launch(folder: Path, name: str, *arguments: str) -> None:
    binary = find(name)
    if binary is None:
        raise ApiServerError(f"not on PATH: {name}")
    command: Sequence[str] = ["sh", "-c", LAUNCH, "sh", f"{folder}/{name}.log", f"{folder}/{name}.pid", binary]
    subprocess.run([*command, *arguments], check=True, cwd=folder, start_new_session=True)


def _wait(server: ApiServer, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while not server.alive():
        ended = [name for name in PROCESSES[1:] if name not in running(server.folder)]
        if ended:
            raise _StartError(f"{ended[0]} ended:\n{_tail(server.folder / f'{ended[0]}.log')}")
        if time.monotonic() > deadline:
            raise ApiServerError(f"not ready in {timeout:.0f} s:\n{_tail(server.folder / 'kube-apiserver.log')}")
        time.sleep(0.05)


def _private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)


def _tail(path: Path, lines: int = 8) -> str:
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])


def _command_line(pid: int) -> str:
    """Return how a process was called; nothing when it ended.

    While a process becomes another program, and while it dies, its command line is empty for a moment.
    """
    if not Path("/proc/self").exists():
        return _ps(pid, "command=")
    deadline = time.monotonic() + 1
    while _exists(pid) and time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            if said := Path(f"/proc/{pid}/cmdline").read_bytes():
                return said.replace(b"\0", b" ").decode(errors="replace")
        time.sleep(0.002)
    return ""


def _exists(pid: int) -> bool:
    """Whether a process may still hold its ports and files: not a zombie, whose parent merely did not look yet."""
    if not Path("/proc/self").exists():
        return _ps(pid, "stat=")[:1] not in {"", "Z"}
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    return False


def _ps(pid: int, column: str) -> str:
    command = ["ps", "-p", str(pid), "-o", column]
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout.strip()
