"""The tests' own parts of a platform, before a platform is made of them: images, charts and GitHub, on one real cluster."""

from __future__ import annotations

import base64
import json
import ssl
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from idp import versions
from tests.kind.conftest import ARGOCD_TOKEN, GITHUB_TOKEN, TOKENS, run
from tests.kind.platform import RESTRICTED, Cluster, charts, until
from tests.support import lab, platform_node
from tests.support.in_network import GitHubInNetwork

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.kind.conftest import Docker

pytestmark = pytest.mark.timeout(300)
PLATFORM, WORKLOADS = {"role": "platform"}, {"role": "workloads"}
HOST = "rental.dev.idp.localhost"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, docker: Docker, platform_image: str) -> Cluster:
    """One control plane with mapped ports and a worker for each role, as the program makes it."""
    made = Cluster(kubeconfig=docker.kubeconfig, ports={"http": lab.free_port(), "https": lab.free_port()})
    inner = {"http": 30080, "https": 30443}
    mappings = [
        {"containerPort": inner[scheme], "hostPort": port, "listenAddress": "127.0.0.1"}
        for scheme, port in made.ports.items()
    ]
    workers = [{"role": "worker", "labels": labels} for labels in (PLATFORM, WORKLOADS)]
    config = {"kind": "Cluster", "apiVersion": "kind.x-k8s.io/v1alpha4"}
    config["nodes"] = [{"role": "control-plane", "extraPortMappings": mappings}, *workers]
    file = tmp_path_factory.mktemp("parts") / "kind.yaml"
    file.write_text(yaml.safe_dump(config))
    command = ("create", "cluster", "--name", docker.name("parts"), "--image", platform_image)
    run(docker.kind, *command, "--config", str(file), "--kubeconfig", str(made.kubeconfig))
    return made


@pytest.fixture(scope="module")
def chart_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return charts(tmp_path_factory.mktemp("charts") / "all")


def install(cluster: Cluster, folder: Path, name: str, chart: str, values: dict[str, Any]) -> None:
    """As the stand-in of the Kubernetes plugin installs a Release."""
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    command = ["helm", "--kubeconfig", str(cluster.kubeconfig), "upgrade", "--install", name, str(folder / chart)]
    options = ["--namespace", name, "--values", "-", "--wait", "--timeout", "150s"]
    done = subprocess.run([*command, *options], input=json.dumps(values), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + cluster.trouble()


@pytest.fixture(scope="module")
def authority(cluster: Cluster, chart_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """cert-manager with a CA of its own; the CA's certificate."""
    crds = {"crds": {"enabled": True}, "startupapicheck": {"enabled": True}, "nodeSelector": PLATFORM}
    install(cluster, chart_folder, "cert-manager", "cert-manager", crds)
    key, certificate = (tmp_path_factory.mktemp("authority") / name for name in ("key.pem", "crt.pem"))
    run(
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
        "-subj", "/CN=tests", "-keyout", str(key), "-out", str(certificate),
    )  # fmt: skip
    pair = {"tls.key": key.read_text(), "tls.crt": certificate.read_text()}
    issuer = {"apiVersion": "cert-manager.io/v1", "kind": "ClusterIssuer", "metadata": {"name": "ca"}}
    cluster.apply(
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "ca"}, "stringData": pair},
        issuer | {"spec": {"ca": {"secretName": "ca"}}},
        namespace="cert-manager",
    )
    return pair["tls.crt"]


@pytest.fixture(scope="module")
def ingress(cluster: Cluster, chart_folder: Path, authority: str) -> Cluster:
    """Traefik with a certificate of that CA, and a service behind a host."""
    values = {
        "deployment": {"replicas": 1},
        "nodeSelector": PLATFORM,
        "ingressClass": {"enabled": True, "isDefaultClass": True, "name": "traefik"},
        "api": {"dashboard": False},
        "ingressRoute": {"dashboard": {"enabled": False}},
        "providers": {
            "kubernetesCRD": {"namespaces": ["traefik"]},
            "kubernetesIngress": {
                "ingressClass": "traefik",
                "publishedService": {"enabled": False},
                "ingressEndpoint": {"ip": "127.0.0.1"},
            },
        },
        "ports": {
            "web": {
                "nodePort": 30080,
                "http": {"redirections": {"entryPoint": {"to": "websecure", "scheme": "https", "permanent": True}}},
            },
            "websecure": {"exposedPort": cluster.ports["https"], "nodePort": 30443, "http": {"tls": {"enabled": True}}},
        },
        "service": {"spec": {"type": "NodePort"}},
        "tlsOptions": {"default": {"minVersion": "VersionTLS12"}},
        "tlsStore": {"default": {"defaultCertificate": {"secretName": "platform"}}},
        "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
    }
    install(cluster, chart_folder, "traefik", "traefik", values)
    certificate = {"dnsNames": ["*.dev.idp.localhost"], "secretName": "platform"}
    issuer = {"issuerRef": {"kind": "ClusterIssuer", "name": "ca"}}
    metadata = {"metadata": {"name": "platform"}}
    cluster.apply(
        {"apiVersion": "cert-manager.io/v1", "kind": "Certificate", **metadata, "spec": certificate | issuer},
        namespace="traefik",
    )
    cluster.kubectl("wait", "certificate/platform", "-n", "traefik", "--for=condition=Ready", "--timeout=60s")
    return cluster


@pytest.fixture(scope="module")
def backend(ingress: Cluster) -> Cluster:
    """What a service runs before its first build, by the digest that its overlay pins, behind a host."""
    labels = {"app": "rental"}
    container = {
        "name": "whoami",
        "image": str(versions.PLACEHOLDER),
        "env": [{"name": "WHOAMI_PORT_NUMBER", "value": "7001"}],
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": 7001}, "periodSeconds": 1},
        "securityContext": RESTRICTED | {"readOnlyRootFilesystem": True},
    }
    pod = {"containers": [container], "nodeSelector": WORKLOADS, "securityContext": {"runAsNonRoot": True}}
    template = {"metadata": {"labels": labels}, "spec": pod}
    port = {"port": 80, "targetPort": 7001}
    path = {"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "rental", "port": {"number": 80}}}}
    metadata = {"metadata": {"name": "rental"}}
    deployment = {"selector": {"matchLabels": labels}, "template": template}
    ingress.apply(
        {"apiVersion": "apps/v1", "kind": "Deployment", **metadata, "spec": deployment},
        {"apiVersion": "v1", "kind": "Service", **metadata, "spec": {"selector": labels, "ports": [port]}},
        {
            "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", **metadata,
            "spec": {"rules": [{"host": HOST, "http": {"paths": [path]}}]},
        },
    )  # fmt: skip
    ingress.roll_out("default", "deployment/rental")
    return ingress


@pytest.mark.parametrize(
    ("chart", "values"),
    [
        pytest.param("traefik", {"replicas": 2}, id="traefik, an unknown key"),
        pytest.param("argo-cd", {"configs": {"params": {"server.insecrue": True}}}, id="argo-cd, an unknown parameter"),
        pytest.param("argo-cd", {"dex": {"enabled": True}}, id="argo-cd, a part that is not here"),
    ],
)
def test_a_value_that_is_not_obeyed_is_refused(chart_folder: Path, chart: str, values: dict[str, Any]) -> None:
    """Else a test would be green for a platform that lacks what its values ask for."""
    whole = {"dex": {"enabled": False}, "notifications": {"enabled": False}} if chart == "argo-cd" else {}

    def render(given: dict[str, Any]) -> int:
        command = ["helm", "template", str(chart_folder / chart), "--values", "-"]
        return subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, check=False).returncode

    assert render(whole) == 0
    assert render(whole | values) != 0


def test_a_service_answers_by_its_host_under_the_platforms_certificate(backend: Cluster, authority: str) -> None:
    """From this machine, through the mapped port, over a chain that a browser checks."""
    url = f"https://{HOST}:{backend.ports['https']}/any/path?x=1"

    answer = until(
        lambda: ((said := backend.request(url, authority=authority)).status == 200 and said) or None, 20, str
    )

    assert answer.text.splitlines()[1] == "GET /any/path?x=1 HTTP/1.1"
    assert f"Host: {HOST}:{backend.ports['https']}" in answer.text


def test_http_is_sent_to_the_https_port_that_people_see(backend: Cluster) -> None:
    """The port that is mapped on this machine, and not the one in the cluster."""
    answer = backend.request(f"http://{HOST}/a")

    assert answer.status == 301
    assert answer.headers["Location"] == f"https://{HOST}:{backend.ports['https']}/a"


def test_old_tls_is_refused(backend: Cluster, authority: str) -> None:
    """So is who trusts somebody else."""
    url = f"https://{HOST}:{backend.ports['https']}/"

    assert backend.request(url, authority=authority, tls=ssl.TLSVersion.TLSv1_2).status == 200
    with pytest.raises(ssl.SSLError, match=r"(?i)protocol.version"):
        backend.request(url, authority=authority, tls=ssl.TLSVersion.TLSv1_1)
    with pytest.raises(ssl.SSLCertVerificationError):
        backend.request(url)


def test_a_pod_reaches_another_by_its_service(backend: Cluster) -> None:
    """The client has what the look from inside needs."""
    done = backend.inside("default", "curl", "--silent", "--show-error", "http://rental.default/inside", who="somebody")

    assert "GET /inside" in done.stdout, done.stderr


def test_a_sealed_secret_is_opened(cluster: Cluster, chart_folder: Path) -> None:
    """The controller runs; what it opens is its own matter."""
    install(
        cluster, chart_folder, "sealed-secrets", "sealed-secrets", {"fullnameOverride": "sealed-secrets-controller"}
    )

    service = "http://sealed-secrets-controller.sealed-secrets:8080"
    assert (
        "BEGIN CERTIFICATE"
        in cluster.inside("default", "curl", "--silent", "--show-error", f"{service}/v1/cert.pem").stdout
    )


@pytest.fixture(scope="module")
def argocd(tmp_path_factory: pytest.TempPathFactory, cluster: Cluster, chart_folder: Path) -> Iterator[GitHubInNetwork]:
    """Argo CD, with the credentials for a GitHub that is there for it and for this machine."""
    folder = tmp_path_factory.mktemp("github")
    with GitHubInNetwork(folder=folder / "server", teams={"mobility": ["ada"]}, tokens=TOKENS) as github:
        part_of = {"app.kubernetes.io/part-of": "argocd"}
        named = lambda name, labels: {"metadata": {"name": name, "labels": labels}}  # noqa: E731
        pull = {"type": "git", "url": f"{github.url}/acme", "username": "x", "password": ARGOCD_TOKEN}
        cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "argocd"}})
        cluster.apply(
            {"apiVersion": "v1", "kind": "Secret", **named("argocd-secret", part_of)},
            {
                "apiVersion": "v1", "kind": "Secret", "stringData": pull,
                **named("creds", {"argocd.argoproj.io/secret-type": "repo-creds"}),
            },
            namespace="argocd",
        )  # fmt: skip
        values = {
            "fullnameOverride": "argocd",
            "global": {"domain": "argocd.dev.idp.localhost", "nodeSelector": PLATFORM},
            "configs": {
                "secret": {"createSecret": False},
                "params": {"server.insecure": True, "applicationsetcontroller.allowed.scm.providers": github.api_url},
            },
            "server": {"ingress": {"enabled": True, "ingressClassName": "traefik"}},
            "dex": {"enabled": False},
            "notifications": {"enabled": False},
        }
        install(cluster, chart_folder, "argocd", "argo-cd", values)
        yield github


def test_argocd_syncs_from_github(cluster: Cluster, argocd: GitHubInNetwork, tmp_path: Path) -> None:
    """A private repository, by the address that this machine uses, with the token that may only read."""
    asked = json.dumps({"name": "gitops", "private": True, "auto_init": True})
    run("curl", "-sf", "-H", f"Authorization: Bearer {GITHUB_TOKEN}", "-d", asked, f"{argocd.api_url}/orgs/acme/repos")
    copy = argocd.clone("gitops", tmp_path / "gitops", GITHUB_TOKEN)
    (copy / "kustomization.yaml").write_text("configMapGenerator: [{name: made, literals: [by=argocd]}]\n")
    git = ("git", "-C", str(copy), "-c", "user.name=ada", "-c", "user.email=ada@example.com")
    run(*git, "add", ".")
    run(*git, "commit", "--quiet", "--message=One")
    run(*git, "push", "--quiet")
    source = {"repoURL": f"{argocd.url}/acme/gitops", "path": ".", "targetRevision": "main"}
    spec = {"project": "default", "source": source, "syncPolicy": {"automated": {}}}
    destination = {"destination": {"server": "https://kubernetes.default.svc", "namespace": "default"}}
    kind = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "made"}}
    cluster.apply(kind | {"spec": spec | destination}, namespace="argocd")

    status = cluster.synced("made", revision=run(*git, "rev-parse", "HEAD").strip())

    assert [one["kind"] for one in status["resources"]] == ["ConfigMap"]
    assert base64.b64decode(cluster.get("secret", "argocd-secret", "-n", "argocd")["data"]["server.secretkey"])


def test_argocd_is_a_page_behind_its_host(
    cluster: Cluster, backend: Cluster, argocd: GitHubInNetwork, authority: str
) -> None:
    """Behind the same certificate; its server asks for no TLS of its own."""
    url = f"https://argocd.dev.idp.localhost:{cluster.ports['https']}/healthz"

    answer = until(
        lambda: ((said := cluster.request(url, authority=authority)).status == 200 and said) or None, 20, str
    )

    assert answer.text.strip() == "ok"


def test_every_pod_is_ready(cluster: Cluster, backend: Cluster, argocd: GitHubInNetwork) -> None:
    """And none was ever without its image."""
    pods = cluster.get("pods", "--all-namespaces")["items"]

    waiting = [
        pod["metadata"]["name"]
        for pod in pods
        if pod["status"]["phase"] != "Succeeded" and not all(one["ready"] for one in pod["status"]["containerStatuses"])
    ]
    assert waiting == []
    assert platform_node.WHOAMI.partition(":")[0] in str([pod["spec"]["containers"][0]["image"] for pod in pods])
