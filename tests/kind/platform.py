"""A cluster with the platform's pods in it, as tests look at it: by kubectl, from a browser's side, and from inside."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import shutil
import socket
import ssl
import subprocess
import urllib.parse
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tests.plan import schemas
from tests.support import lab, platform_node
from tests.support.argocd import monitors
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.kind.conftest import Stack
    from tests.support.in_network import GitHubInNetwork

OURS = Path(platform_node.__file__).with_name("charts")
"""Charts of the tests' own, for those that cannot be had."""
RESTRICTED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def charts(folder: Path) -> Path:
    """A folder with every chart of the platform, for IDP_LAB_CHARTS: two as published, two of the tests' own."""
    for own in OURS.iterdir():
        shutil.copytree(own, folder / own.name)
        if (kinds := schemas.data() / "crds" / own.name).is_dir():
            shutil.copytree(kinds, folder / own.name / "crds")
    for kind in monitors().iterdir():  # an add-on's, which no registry here has
        shutil.copy(kind, folder / "argo-cd" / "crds")
    for published in (lab.LAB / "charts").iterdir():
        (folder / published.name).symlink_to(published)
    return folder


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a web server said."""

    status: int
    headers: Mapping[str, str]
    text: str


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A real cluster with mapped ports."""

    kubeconfig: Path
    ports: Mapping[str, int]
    """On this machine, by the scheme that answers there."""

    def kubectl(self, *arguments: str, given: str | None = None, timeout: float = 180) -> str:
        """What kubectl prints."""
        command = ["kubectl", "--kubeconfig", str(self.kubeconfig), *arguments]
        done = subprocess.run(command, input=given, capture_output=True, text=True, check=False, timeout=timeout)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}{self.trouble()}"
        return done.stdout

    def get(self, *arguments: str) -> Any:
        """What `kubectl get` finds."""
        return json.loads(self.kubectl("get", *arguments, "--output", "json"))

    def apply(self, *objects: Mapping[str, Any], namespace: str = "default") -> None:
        """Objects as a person would apply them."""
        self.kubectl("apply", "--namespace", namespace, "--filename", "-", given=yaml.safe_dump_all(objects))

    def roll_out(self, namespace: str, *workloads: str) -> None:
        """Wait until these are up, as `deployment/traefik` names one; all of the namespace where none is named."""
        kinds = "deployments,statefulsets,daemonsets"
        everything = self.kubectl("get", kinds, "--namespace", namespace, "--output", "name").split()
        for workload in workloads or everything:
            self.kubectl("rollout", "status", workload, "--namespace", namespace, "--timeout=150s")

    def secret(self, namespace: str, name: str, key: str) -> bytes:
        """A value of a Secret."""
        return base64.b64decode(self.get("secret", name, "--namespace", namespace)["data"][key])

    def request(
        self,
        url: str,
        *,
        authority: str | None = None,
        tls: ssl.TLSVersion | None = None,
        body: Any = None,
        **headers: str,
    ) -> Answer:
        """GET a URL, or POST what it is given as JSON, as a browser on this machine would whose DNS knows the platform's names.

        Redirects are not followed. The port of the URL does not count: what answers is the cluster's mapped port of that scheme.
        `authority` is the PEM that is trusted, and nothing else is; `tls` is the newest version that the client speaks.
        """
        asked = urllib.parse.urlsplit(url)
        host = str(asked.hostname)
        plain = socket.create_connection(("127.0.0.1", self.ports[asked.scheme]), timeout=10)
        connection = http.client.HTTPConnection(host, asked.port, timeout=10)
        connection.sock = (
            plain if asked.scheme == "http" else _context(authority, tls).wrap_socket(plain, server_hostname=host)
        )
        try:
            path = f"{asked.path or '/'}{f'?{asked.query}' if asked.query else ''}"
            if body is None:
                connection.request("GET", path, headers=headers)
            else:
                connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json", **headers})
            answer = connection.getresponse()
            return Answer(status=answer.status, headers=dict(answer.getheaders()), text=answer.read().decode())
        finally:
            connection.close()

    def inside(self, namespace: str, *command: str, **labels: str) -> subprocess.CompletedProcess[str]:
        """Run a command in a pod of the namespace that has these labels; the pod is made the first time.

        It has a shell, `curl` and `nslookup`, and asks for no more than a restricted namespace gives.
        """
        name = f"client-{hashlib.sha256(json.dumps(labels, sort_keys=True).encode()).hexdigest()[:8]}"
        container = {
            "name": "client", "image": platform_node.CLIENT, "securityContext": RESTRICTED,
            "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"cpu": "100m", "memory": "32Mi"}},
        }  # fmt: skip
        spec = {
            "containers": [container], "terminationGracePeriodSeconds": 0, "automountServiceAccountToken": False,
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        }  # fmt: skip
        metadata = {"name": name, "labels": {label.replace("__", "/"): value for label, value in labels.items()}}
        self.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}, namespace=namespace)
        self.kubectl("wait", "pod", name, "--namespace", namespace, "--for=condition=Ready", "--timeout=60s")
        execute = [
            "kubectl",
            "--kubeconfig",
            str(self.kubeconfig),
            "exec",
            name,
            "--namespace",
            namespace,
            "--",
            *command,
        ]
        return subprocess.run(execute, capture_output=True, text=True, check=False, timeout=60)

    def synced(self, application: str, revision: str | None = None, timeout: float = 120) -> dict[str, Any]:
        """The status of one of Argo CD's Applications, once it is synced (to this commit) and healthy."""
        refresh = "argocd.argoproj.io/refresh=normal"
        self.kubectl("annotate", "application", application, "--namespace", "argocd", "--overwrite", refresh)

        def status() -> dict[str, Any] | None:
            found = self.get("application", application, "--namespace", "argocd").get("status", {})
            sync, health = found.get("sync", {}), found.get("health", {})
            well = sync.get("status") == "Synced" and health.get("status") == "Healthy"
            return found if well and revision in {None, sync.get("revision")} else None

        return until(
            status, timeout, lambda: self.kubectl("describe", "application", application, "--namespace", "argocd")
        )

    def trouble(self) -> str:
        """Pods that are not well, and what was last said of them, for a failed test to show."""
        told = []
        for command in (
            ["get", "pods", "--all-namespaces", "--field-selector=status.phase!=Running,status.phase!=Succeeded"],
            ["get", "events", "--all-namespaces", "--field-selector=type=Warning", "--sort-by=.lastTimestamp"],
        ):
            line = ["kubectl", "--kubeconfig", str(self.kubeconfig), *command]
            told += subprocess.run(line, capture_output=True, text=True, check=False, timeout=30).stdout.splitlines()[
                -12:
            ]
        return "\n" + "\n".join(told)


@dataclass(frozen=True, kw_only=True)
class Platform:
    """A stack of this project that is up on a real cluster, pods and all."""

    stack: Stack
    github: GitHubInNetwork

    @property
    def cluster(self) -> Cluster:
        """What runs there."""
        cluster = self.stack.cluster
        return Cluster(
            kubeconfig=self.stack.kubeconfig, ports={"http": cluster["httpPort"], "https": cluster["httpsPort"]}
        )


def _context(authority: str | None, newest: ssl.TLSVersion | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if authority:
        context.load_verify_locations(cadata=authority)
    if newest:
        context.set_ciphers("DEFAULT:@SECLEVEL=0")  # without it this machine's OpenSSL itself refuses what is old
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # so does Python, in words
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = newest
    return context
