"""The real Argo CD without Docker: its own binaries as plain processes, beside an API server that knows its kinds.

The tests' stand-in for a release runs no pod. What the chart would configure and start is configured and started here,
and the release's values count: `configs.cm` are Argo CD's settings, `configs.params` its processes' environment. The
processes also end when the release does, as its pods would: what still waits for Argo CD then waits for ever.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tests.plan import schemas
from tests.support.apiserver import free_port

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NAMESPACE = "argocd"
RELEASE = "configmap/helm-release.argocd"
"""What the stand-in leaves of a release: its inputs."""

SETTINGS = ("argocd-cm", "argocd-rbac-cm", "argocd-ssh-known-hosts-cm", "argocd-tls-certs-cm", "argocd-gpg-keys-cm")
"""ConfigMaps that Argo CD reads. Its Secret is not among them: the program makes that."""

SYNC_TIMEOUT = "controller.sync.timeout.seconds"
LONGEST_SYNC = 20
"""Seconds after which a sync is given up, where a real one has minutes."""
PARAMETERS = {
    "applicationsetcontroller.allowed.scm.providers": "ARGOCD_APPLICATIONSET_CONTROLLER_ALLOWED_SCM_PROVIDERS",
    SYNC_TIMEOUT: "ARGOCD_APPLICATION_CONTROLLER_SYNC_TIMEOUT",
    "applicationsetcontroller.enable.tokenref.strict.mode": "ARGOCD_APPLICATIONSET_CONTROLLER_TOKENREF_STRICT_MODE",
}
"""The variable by which the chart hands each of these `configs.params` to its process."""

REDIS, REPOSITORIES = "redis-server", "argocd-repo-server"
APPLICATIONS, SETS = "argocd-application-controller", "argocd-applicationset-controller"

HEALTH = (REPOSITORIES, APPLICATIONS, SETS)
"""Those that say whether they are well, each at a port of that name."""

PORTS = (*HEALTH, "redis", "repositories", "sets-probe", "sets-webhook")

ATTEMPTS = 3
"""A free port may be taken by somebody else before its process listens on it."""

RESYNC = 2
"""Seconds between two looks at a branch, where a real one waits for minutes or for a webhook."""


class ArgoCdError(Exception):
    """Argo CD cannot be configured or started."""


def published() -> Path:
    """Argo CD's settings as it publishes them."""
    return Path(os.environ.get("IDP_LAB") or Path.home() / ".cache" / "idp-lab") / "argocd" / "config"


def monitors() -> Path:
    """The kinds of Prometheus' operator, which services' overlays have objects of; on a platform an add-on brings them."""
    return schemas.data() / "crds" / "kube-prometheus-stack"


class _EndedError(ArgoCdError):
    """A process ended before all were up; with other ports it may work."""


class ArgoCd:
    """Repository server, application controller, ApplicationSet controller: `with ArgoCd(folder, kubeconfig) as argocd`."""

    def __init__(self, folder: Path, kubeconfig: str) -> None:
        """Not started yet; the folder is its own and absent, the kubeconfig an administrator's, as text."""
        self.folder = folder
        for made in (folder, *(folder / name for name in ("home", "tls", "ssh"))):
            made.mkdir()
        self._kubeconfig = folder / "kubeconfig"
        self._kubeconfig.touch(mode=0o600)
        self._kubeconfig.write_text(kubeconfig)
        self._temporary = Path(tempfile.mkdtemp(prefix="argocd-"))
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._waiting: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Configure it, start it, and return when all of it is up."""
        try:
            self._start(self._configure())
        except BaseException:
            self.stop()
            raise
        threading.Thread(target=self._end_with_release, daemon=True, name="argocd-release").start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self.stop()

    def stop(self) -> None:
        """Kill every process with its children and wait for their end; what it has in the cluster stays."""
        if self._waiting:
            self._waiting.kill()
        self._kill()
        shutil.rmtree(self._temporary, ignore_errors=True)

    @property
    def running(self) -> bool:
        """Whether every process is alive."""
        return all(process.poll() is None for process in self._processes.values())

    def kubectl(self, *arguments: str) -> str:
        """What kubectl prints, as administrator.

        Raises:
            ArgoCdError: The API server refuses.
        """
        command = ["kubectl", "--kubeconfig", str(self._kubeconfig), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode:
            raise ArgoCdError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def get(self, *arguments: str) -> Any:
        """What `kubectl get` finds, as the API server has it."""
        return json.loads(self.kubectl("get", *arguments, "--output", "json"))

    def complaints(self, lines: int = 6) -> str:
        """The last warnings and errors of each process, for a failed test to show."""
        said: list[str] = []
        for log in sorted(self.folder.glob("*.log")):
            loud = [line for line in log.read_text(errors="replace").splitlines() if '"level":"info"' not in line]
            said += [f"{log.stem}: {line}" for line in loud[-lines:]]
        return "\n".join(said)

    def _configure(self) -> dict[str, str]:
        """Put into the cluster what the chart and a first start would; return the environment that the values ask for."""
        configs = json.loads(self.get(RELEASE, "-n", NAMESPACE)["data"]["inputs.json"])["values"]["configs"]
        files = [f"--filename={published() / name}.yaml" for name in SETTINGS]
        self.kubectl("apply", "--server-side", "-n", NAMESPACE, *files)
        self.kubectl("apply", "--server-side", f"--filename={monitors()}")
        self._merge("configmap", "argocd-cm", {"data": texts(configs["cm"])})
        self.kubectl("create", "secret", "generic", "argocd-redis", "-n", NAMESPACE, "--from-literal=auth=")
        self._merge("secret", "argocd-secret", {"stringData": {"server.secretkey": secrets.token_urlsafe(32)}})

        parameters = texts(configs["params"])
        if SYNC_TIMEOUT in parameters:
            parameters[SYNC_TIMEOUT] = str(min(LONGEST_SYNC, int(parameters[SYNC_TIMEOUT])))
        return {variable: parameters[name] for name, variable in PARAMETERS.items() if name in parameters}

    def _merge(self, kind: str, name: str, change: dict[str, Any]) -> None:
        self.kubectl("patch", kind, name, "-n", NAMESPACE, "--type=merge", f"--patch={json.dumps(change)}")

    def _start(self, parameters: dict[str, str]) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            ports = {name: free_port() for name in PORTS}
            for name, arguments in commands(ports).items():
                self._launch(name, arguments, self._environment() | parameters)
            try:
                self._wait(ports)
            except _EndedError:
                self._kill()
                if attempt == ATTEMPTS:
                    raise
            else:
                return

    def once(self, name: str, *arguments: str) -> str:
        """What one of its programs prints that does one thing and ends, such as `argocd-dex gendexcfg`.

        Raises:
            ArgoCdError: It fails.
        """
        done = subprocess.run(
            ["argocd", *arguments], env=self._environment() | {"ARGOCD_BINARY_NAME": name}, cwd=self._temporary,
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        if done.returncode:
            raise ArgoCdError(f"{name} {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def _environment(self) -> dict[str, str]:
        """Nothing of the user's own: no kubeconfig, no git settings, no folder or socket of another Argo CD."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder / "home"),
            "TMPDIR": str(self._temporary),
            "KUBECONFIG": str(self._kubeconfig),
            "GIT_CONFIG_NOSYSTEM": "1",
            "ARGOCD_FAKE_IN_CLUSTER": "true",
            "ARGOCD_GPG_ENABLED": "false",
            "ARGOCD_TLS_DATA_PATH": str(self.folder / "tls"),
            "ARGOCD_SSH_DATA_PATH": str(self.folder / "ssh"),
            "ARGOCD_ASK_PASS_SOCK": str(self._temporary / "ask-pass"),  # the path of a socket must be short
            "ARGOCD_RECONCILIATION_TIMEOUT": f"{RESYNC}s",
            "ARGOCD_RECONCILIATION_JITTER": "0s",
        }

    def _launch(self, name: str, arguments: Sequence[str], environment: dict[str, str]) -> None:
        program = name if name == REDIS else "argocd"
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [program, *arguments],
                env=environment | {"ARGOCD_BINARY_NAME": name},
                cwd=self._temporary,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a group of its own, with the git and kustomize that it calls
            )

    def _wait(self, ports: Mapping[str, int], timeout: float = 60) -> None:
        """Return when each answers that it is well.

        Raises:
            _EndedError: One ended; with other ports it may work.
            ArgoCdError: They are not up in time.
        """
        deadline = time.monotonic() + timeout
        while not all(healthy(ports[name]) for name in HEALTH):
            if ended := [name for name, process in self._processes.items() if process.poll() is not None]:
                raise _EndedError(f"{', '.join(ended)} ended:\n{self.complaints()}")
            if time.monotonic() > deadline:
                raise ArgoCdError(f"not up in {timeout:.0f} s:\n{self.complaints()}")
            time.sleep(0.05)

    def _end_with_release(self) -> None:
        """Kill all as soon as the release is gone, as the cluster does with its pods."""
        command = ["wait", RELEASE, "--for=delete", "-n", NAMESPACE, "--timeout=1h"]
        self._waiting = waiting = subprocess.Popen(
            ["kubectl", "--kubeconfig", str(self._kubeconfig), *command],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        if waiting.wait() == 0:
            self._kill()

    def _kill(self) -> None:
        for process in self._processes.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        for process in self._processes.values():
            process.wait()


def commands(ports: Mapping[str, int]) -> dict[str, list[str]]:
    """How each process is called, by the name by which Argo CD's one binary knows what to be."""
    redis, repositories = f"127.0.0.1:{ports['redis']}", f"127.0.0.1:{ports['repositories']}"
    return {
        REDIS: ["--port", str(ports["redis"]), "--bind", "127.0.0.1", "--save", ""],
        REPOSITORIES: [
            "--address", "127.0.0.1", "--port", str(ports["repositories"]), "--disable-tls", "--client-ca-path", "",
            "--metrics-address", "127.0.0.1", "--metrics-port", str(ports[REPOSITORIES]), "--redis", redis,
        ],
        APPLICATIONS: [
            "--namespace", NAMESPACE, "--metrics-port", str(ports[APPLICATIONS]), "--redis", redis,
            "--repo-server", repositories, "--repo-server-plaintext",
        ],
        SETS: [
            "--namespace", NAMESPACE, "--metrics-addr", f"127.0.0.1:{ports[SETS]}",
            "--probe-addr", f"127.0.0.1:{ports['sets-probe']}", "--webhook-addr", f"127.0.0.1:{ports['sets-webhook']}",
            "--argocd-repo-server", repositories, "--repo-server-plaintext",
        ],
    }  # fmt: skip


def healthy(port: int) -> bool:
    """Whether a process of Argo CD says that it is."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        with contextlib.closing(connection):
            connection.request("GET", "/metrics")
            return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False


def texts(values: Mapping[str, Any]) -> dict[str, str]:
    """Values as a ConfigMap holds them; the chart quotes them too."""
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in values.items()}
