"""The whole platform by one `up`, on a real cluster with real pods: addresses, certificates, secrets, GitOps; and again.

The tests of this module are the chapters of one platform's life and run in their order.
"""

from __future__ import annotations

import base64
import json
import ssl
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from cryptography import x509

from idp import naming
from tests.kind.conftest import GITHUB_TOKEN, run
from tests.support.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.kind.platform import Platform

pytestmark = pytest.mark.timeout(900)  # the first and two later chapters are an `up` of everything
HOST = "rental.dev.idp.localhost"
NAMESPACES = (naming.TRAEFIK_NAMESPACE, naming.CERT_MANAGER_NAMESPACE, naming.SEALED_SECRETS_NAMESPACE, "argocd")
PASSWORD = "correct horse battery staple"


def idp(platform: Platform, *arguments: str, given: str | None = None) -> str:
    """What a command of ours prints, run as a person runs it beside the stack."""
    engine = platform.stack.engine
    done = subprocess.run(
        [sys.executable, "-m", "idp", *arguments],
        cwd=engine.project, env=engine.environment, input=given, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, f"idp {' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def sealed(platform: Platform, name: str = "database") -> dict[str, Any]:
    """A secret sealed for team mobility, by the command."""
    return yaml.safe_load(idp(platform, "seal", name, "password", "--namespace", "mobility-dev", given=PASSWORD))


def url(platform: Platform, host: str = HOST, path: str = "/") -> str:
    """An address of the platform, as the stack exports it."""
    return f"https://{host}:{platform.cluster.ports['https']}{path}"


def answers(platform: Platform, authority: str, host: str = HOST) -> str:
    """What a host answers, as soon as it answers with 200."""
    cluster = platform.cluster

    def look() -> str | None:
        answer = cluster.request(url(platform, host), authority=authority)
        return answer.text if answer.status == 200 else None

    return until(look, 60, cluster.trouble)


def opened(platform: Platform, name: str) -> str:
    """The value in a Secret that the controller made."""
    cluster = platform.cluster
    found = until(
        lambda: cluster.get("secret", "-n", "mobility-dev", "--field-selector", f"metadata.name={name}")["items"],
        60, cluster.trouble,
    )  # fmt: skip
    return base64.b64decode(found[0]["data"]["password"]).decode()


@pytest.fixture(scope="module")
def before(platform: Platform) -> dict[str, Any]:
    """What the first chapters leave for those in which the cluster is another: the trusted certificate, and a file."""
    return {"authority": idp(platform, "trust"), "sealed": sealed(platform)}


def test_every_part_of_the_core_runs(platform: Platform) -> None:
    """With the values that the program gives, in namespaces that hold pods to a standard."""
    for namespace in NAMESPACES:
        platform.cluster.roll_out(namespace)


def test_the_platforms_pods_are_on_the_platforms_nodes(platform: Platform) -> None:
    """Teams' pods have the others to themselves."""
    nodes = {node["metadata"]["name"]: node["metadata"]["labels"] for node in platform.cluster.get("nodes")["items"]}
    pods = platform.cluster.get("pods", "--all-namespaces")["items"]

    assert {
        nodes[pod["spec"]["nodeName"]].get("role") for pod in pods if pod["metadata"]["namespace"] in NAMESPACES
    } == {"platform"}


def test_the_wildcard_is_issued_by_our_authority(platform: Platform, before: dict[str, Any]) -> None:
    """The real cert-manager signs with the key from the state."""
    cluster = platform.cluster
    cluster.kubectl(
        "wait", "certificate/default-certificate", "-n", "traefik", "--for=condition=Ready", "--timeout=60s"
    )

    made = x509.load_pem_x509_certificate(cluster.secret("traefik", "default-certificate", "tls.crt"))
    authority = x509.load_pem_x509_certificate(before["authority"].encode())
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    made.verify_directly_issued_by(authority)
    assert names.get_values_for_type(x509.DNSName) == ["*.idp.localhost", "*.dev.idp.localhost"]


def test_a_service_is_synced_and_answers_at_its_address(platform: Platform, before: dict[str, Any]) -> None:
    """From GitHub by Argo CD to a pod, and from a browser through the mapped port to it, with no warning on the way."""
    platform.cluster.synced("rental-dev")

    assert f"Host: {HOST}:{platform.cluster.ports['https']}" in answers(platform, before["authority"])
    assert platform.stack.engine.outputs()["urls"]["rental-dev"] == url(platform, path="")


def test_argo_cds_own_page_is_at_its_address(platform: Platform, before: dict[str, Any]) -> None:
    """Behind the same certificate."""
    assert platform.stack.engine.outputs()["urls"]["argocd"] == url(platform, "argocd.idp.localhost", "")
    assert answers(platform, before["authority"], "argocd.idp.localhost")


def test_http_is_sent_to_the_https_port_that_people_see(platform: Platform) -> None:
    """The one that is mapped on this machine, not the one in the cluster."""
    answer = platform.cluster.request(f"http://{HOST}/a")

    assert (answer.status, answer.headers["Location"]) == (301, url(platform, path="/a"))


def test_old_tls_and_strangers_are_refused(platform: Platform, before: dict[str, Any]) -> None:
    """TLS 1.2 is the oldest; and who does not trust our authority does not trust the page."""
    cluster, authority = platform.cluster, before["authority"]

    assert cluster.request(url(platform), authority=authority, tls=ssl.TLSVersion.TLSv1_2).status == 200
    with pytest.raises(ssl.SSLError, match=r"(?i)protocol.version"):
        cluster.request(url(platform), authority=authority, tls=ssl.TLSVersion.TLSv1_1)
    with pytest.raises(ssl.SSLCertVerificationError):
        cluster.request(url(platform))


def test_a_pod_reaches_the_same_address(platform: Platform, before: dict[str, Any]) -> None:
    """The cluster's DNS answers the platform's hosts with the ingress controller, which listens to the outer port too.

    curl asks no DNS for a name under `.localhost`; so it is told what the cluster's DNS said.
    """
    cluster, port = platform.cluster, platform.cluster.ports["https"]

    def look() -> str | None:
        said = cluster.inside("default", "nslookup", "-type=a", f"{HOST}.").stdout
        found = [line.split()[-1] for line in said.splitlines() if line.startswith("Address")]
        return found[-1] if len(found) > 1 else None

    address = until(look, 90, cluster.trouble)  # CoreDNS reads its configuration again within half a minute
    service = cluster.get("service", "traefik", "-n", "traefik")["spec"]["clusterIP"]
    resolve = f"{HOST}:{port}:{address}"
    done = cluster.inside("default", "curl", "-sSk", "--resolve", resolve, url(platform, path="/from-a-pod"))

    assert address == service
    assert "GET /from-a-pod" in done.stdout, done.stderr


def test_a_sealed_secret_opens_under_its_own_name_only(platform: Platform, before: dict[str, Any]) -> None:
    """Sealed without asking the cluster; the controller opens it with the key that was there before it."""
    cluster, made = platform.cluster, before["sealed"]
    copied = json.loads(json.dumps(made).replace("database", "stolen"))

    cluster.apply(made, copied, namespace="mobility-dev")

    assert PASSWORD not in json.dumps(made)
    assert opened(platform, "database") == PASSWORD
    status = until(
        lambda: cluster.get("sealedsecret", "stolen", "-n", "mobility-dev").get("status"), 60, cluster.trouble
    )
    assert [(one["type"], one["status"]) for one in status["conditions"]] == [("Synced", "False")]
    assert "stolen" not in str(cluster.get("secrets", "-n", "mobility-dev")["items"])


def test_the_controller_makes_no_key_of_its_own(platform: Platform) -> None:
    """One that only this cluster had would be lost with it."""
    label = "sealedsecrets.bitnami.com/sealed-secrets-key"
    keys = platform.cluster.get("secrets", "-n", "sealed-secrets", "-l", label)["items"]

    assert [key["metadata"]["name"] for key in keys] == ["sealed-secrets-key"]


def test_argo_cd_has_nothing_against_what_we_declare(platform: Platform) -> None:
    """No project, application or generator has a condition of an error."""
    cluster = platform.cluster
    cluster.synced("root")
    found = cluster.get("appprojects,applicationsets,applications", "-n", "argocd")["items"]
    children = {one["metadata"]["name"] for one in found if one["kind"] == "Application"}
    told = {
        one["metadata"]["name"]: condition["message"]
        for one in found
        for condition in one.get("status", {}).get("conditions", [])
        if "Error" in condition["type"] and condition.get("status", "True") == "True"
        if "error fetching chart" not in condition["message"]  # no test reaches a chart repository
    }

    assert told == {}
    assert {"root", "kube-prometheus-stack", "otel-collector", "otel-agent", "loki", "tempo"} <= children


def test_a_repository_is_discovered_by_its_topic(platform: Platform, tmp_path: Path) -> None:
    """With an overlay for the environment and no entry; without an overlay, or scaffolded by us, it is left alone."""
    cluster = platform.cluster
    overlay = {"deploy/overlays/dev/kustomization.yaml": "configMapGenerator: [{name: found, literals: [by=topic]}]\n"}
    repository(platform, tmp_path, "legacy", overlay)
    repository(platform, tmp_path, "bare", {"README.md": "nothing to run\n"})
    repository(platform, tmp_path, "ours", overlay | {".idp/service.yaml": "service: ours\n"})

    refresh = "argocd.argoproj.io/application-set-refresh=true"
    cluster.kubectl("annotate", "applicationset", "discovery", "-n", "argocd", "--overwrite", refresh)
    until(
        lambda: "legacy.dev" in cluster.kubectl("get", "applications", "-n", "argocd", "-o", "name"),
        60,
        cluster.trouble,
    )

    cluster.synced("legacy.dev")
    names = cluster.kubectl("get", "applications", "-n", "argocd", "-o", "name")
    assert "found-" in cluster.kubectl("get", "configmaps", "-n", "discovered-dev", "-o", "name")
    assert [name for name in ("bare.dev", "ours.dev") if name in names] == []


def repository(platform: Platform, folder: Path, name: str, files: dict[str, str]) -> None:
    """A repository that somebody made by hand, with the platform's topic."""
    github = platform.github
    header = f"Authorization: Bearer {GITHUB_TOKEN}"
    made = json.dumps({"name": name, "visibility": "public", "auto_init": True})
    run("curl", "-sf", "-H", header, "-d", made, f"{github.api_url}/orgs/acme/repos")
    topics = f"{github.api_url}/repos/acme/{name}/topics"
    run("curl", "-sf", "-X", "PUT", "-H", header, "-d", '{"names": ["idp-managed"]}', topics)
    copy = github.clone(name, folder / name, GITHUB_TOKEN)
    for path, text in files.items():
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        (copy / path).write_text(text)
    git = ("git", "-C", str(copy), "-c", "user.name=ada", "-c", "user.email=ada@example.com")
    run(*git, "add", "--all", "--force")
    run(*git, "commit", "--quiet", "--message=By hand")
    run(*git, "push", "--quiet")


def test_a_second_up_performs_no_operation(platform: Platform) -> None:
    """Nothing that runs in the cluster writes into what is ours."""
    assert platform.stack.engine.changes("up", "--skip-preview") == {}


def test_on_the_next_cluster_the_old_trust_and_the_old_secrets_hold(platform: Platform, before: dict[str, Any]) -> None:
    """Deleted by hand, and brought back by `up` alone."""
    platform.stack.docker.delete(platform.stack.cluster["name"])

    platform.stack.engine.run("up", "--skip-preview")

    platform.cluster.apply(before["sealed"], namespace="mobility-dev")
    assert idp(platform, "trust") == before["authority"]
    assert opened(platform, "database") == PASSWORD
    assert answers(platform, before["authority"])


def test_after_down_and_up_they_hold_too(platform: Platform, before: dict[str, Any]) -> None:
    """`make down` keeps the keys, and everything on GitHub."""
    idp(platform, "down", "--yes", "--skip-preview")
    assert platform.stack.docker.containers(platform.stack.cluster["name"]) == {}

    platform.stack.engine.run("up", "--skip-preview")

    platform.cluster.apply(before["sealed"], namespace="mobility-dev")
    assert idp(platform, "trust") == before["authority"]
    assert opened(platform, "database") == PASSWORD
    assert answers(platform, before["authority"])
