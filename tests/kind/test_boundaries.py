"""What the borders of teams' namespaces are worth on a real cluster: each connection tried, each refusal asked for.

A small stack's plan is applied as it is recorded, and pods stand where its services and the platform would. Each connection is
tried twice, before there is any policy and after: one that is refused for another reason would prove nothing.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from idp import recorder
from idp.plan import manifests
from tests.kind.conftest import run
from tests.support import lab

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.kind.conftest import Docker

pytestmark = pytest.mark.timeout(900)  # the cluster and its pods take 90 s where nothing else runs

PROJECT = Path(__file__).resolve().parents[2]
STACK = """config:
  idp:organization: acme
  idp:visibility: public
  idp:environments: [dev, staging]
  idp:cluster: {mode: kind, name: acme-dev}
  idp:teams:
    mobility: {github: movers, quota: {cpu: 4, memory: 8Gi, pods: 50}}
    payments: {github: payments}
  idp:services:
    rental: {team: mobility, template: node, description: Rents, calls: [vehicles, billing, "https://example.com:8443"]}
    vehicles: {team: mobility, template: node, description: Knows the fleet}
    idle: {team: mobility, template: node, description: Calls nobody}
    former: {team: mobility, template: node, description: Was, calls: [vehicles], state: retired}
    billing: {team: payments, template: node, description: Bills}
    ledger: {team: payments, template: node, description: Sums up}
"""
NODES = """kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
nodes: [{role: control-plane}, {role: worker}]
"""
"""Pods run on the worker, so that the API server is on another node: what a node lets its own pods reach, no policy changes."""

NAME = "app.kubernetes.io/name"
HTTP, OTHER, GRPC, OTLP, OUTER = 8080, 9090, 4317, 4318, 8443
PUBLIC, METADATA = "1.1.1.1", "169.254.169.254"
"""Addresses of the cluster's first node, for this cluster alone: the internet, and what a cloud's machines ask for their keys."""
COLLECTOR = {NAME: "opentelemetry-collector", "component": "standalone-collector"}


@dataclass(frozen=True, kw_only=True)
class Pod:
    """A pod that answers on every port that the rows ask for, and calls whom they say."""

    namespace: str
    name: str
    labels: dict[str, str]
    node: dict[str, Any] = field(default_factory=dict)
    """Where it runs, if not on the worker."""

    @property
    def manifest(self) -> dict[str, Any]:
        """As restricted as a service's own."""
        serve = "echo ok > /www/index.html; "
        serve += "".join(f"httpd -p {port} -h /www; " for port in (OTHER, GRPC, OTLP, OUTER))
        secure = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
        container = {
            "name": "service",
            "image": lab.POD_IMAGE,
            "imagePullPolicy": "Never",
            "command": ["sh", "-c", f"{serve}exec httpd -f -p {HTTP} -h /www"],
            "volumeMounts": [{"name": "www", "mountPath": "/www"}],
            "ports": [{"name": "http", "containerPort": HTTP}],
            "readinessProbe": {"httpGet": {"port": "http", "path": "/"}, "periodSeconds": 1},
            "securityContext": secure,
        }
        spec = {
            "terminationGracePeriodSeconds": 0,
            "enableServiceLinks": False,
            "securityContext": {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [container],
            "volumes": [{"name": "www", "emptyDir": {}}],
        }
        metadata = {"name": self.name, "namespace": self.namespace, "labels": self.labels}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec | self.node}


def service(namespace: str, name: str) -> Pod:
    return Pod(namespace=namespace, name=name, labels={NAME: name})


OUTSIDE = Pod(
    namespace="kube-system", name="outside", labels={},
    node={"hostNetwork": True, "nodeSelector": {"node-role.kubernetes.io/control-plane": ""},
          "tolerations": [{"operator": "Exists"}]},
)  # fmt: skip
"""Whatever is behind the addresses of the first node."""

PODS = {
    "rental": service("mobility-dev", "rental"),
    "vehicles": service("mobility-dev", "vehicles"),
    "idle": service("mobility-dev", "idle"),
    "former": service("mobility-dev", "former"),
    "billing": service("payments-dev", "billing"),
    "ledger": service("payments-dev", "ledger"),
    "billing in staging": service("payments-staging", "billing"),
    "found": service("discovered-dev", "found"),
    "also found": service("discovered-dev", "found-too"),
    "traefik": service("traefik", "traefik"),
    "beside traefik": service("traefik", "beside"),
    "prometheus": service("observability", "prometheus"),
    "collector": Pod(namespace="observability", name="collector", labels=COLLECTOR),
    "agent": Pod(namespace="observability", name="agent", labels=COLLECTOR | {"component": "agent-collector"}),
    "traefik of a neighbour": service("neighbour", "traefik"),
    "outside": OUTSIDE,
}
OPEN, REFUSED = True, False
API = "10.96.0.1:443"
DNS = "kubernetes.default.svc.cluster.local"

CONNECTIONS = {
    "a service calls another of its team": ("rental", ("vehicles", HTTP), OPEN),
    "by its name": ("rental", "vehicles.mobility-dev:80", OPEN),
    "a service calls another team's": ("rental", ("billing", HTTP), OPEN),
    "another team's by its name": ("rental", "billing.payments-dev:80", OPEN),
    "on another port": ("rental", ("vehicles", OTHER), REFUSED),
    "another environment's": ("rental", ("billing in staging", HTTP), REFUSED),
    "the called calls back": ("vehicles", ("rental", HTTP), REFUSED),
    "another team's called calls back": ("billing", ("rental", HTTP), REFUSED),
    "inside a team without an entry that says so": ("idle", ("vehicles", HTTP), REFUSED),
    "inside a team, to one that nobody calls": ("rental", ("idle", HTTP), REFUSED),
    "a retired service's leftover": ("former", ("vehicles", HTTP), REFUSED),
    "another team's service that does not call": ("ledger", ("rental", HTTP), REFUSED),
    "another team's service to one that others call": ("ledger", ("vehicles", HTTP), REFUSED),
    "the ingress controller comes in": ("traefik", ("rental", HTTP), OPEN),
    "the ingress controller on another port": ("traefik", ("rental", OTHER), REFUSED),
    "another pod beside the ingress controller": ("beside traefik", ("rental", HTTP), REFUSED),
    "a pod that is labelled like it elsewhere": ("traefik of a neighbour", ("rental", HTTP), REFUSED),
    "out through the ingress controller": ("rental", ("traefik", HTTP), REFUSED),
    "Prometheus reads metrics": ("prometheus", ("idle", HTTP), OPEN),
    "Prometheus on another port": ("prometheus", ("idle", OTHER), REFUSED),
    "another pod beside Prometheus": ("collector", ("idle", HTTP), REFUSED),
    "telemetry to the collector": ("idle", ("collector", OTLP), OPEN),
    "telemetry by gRPC": ("idle", ("collector", GRPC), OPEN),
    "the collector on another port": ("idle", ("collector", HTTP), REFUSED),
    "a collector that is no gateway": ("idle", ("agent", OTLP), REFUSED),
    "Prometheus itself": ("idle", ("prometheus", HTTP), REFUSED),
    "names are found": ("idle", DNS, OPEN),
    "names are found in a discovered repository's namespace": ("found", DNS, OPEN),
    "the API server": ("rental", API, REFUSED),
    "the cloud's metadata": ("rental", f"{METADATA}:{OUTER}", REFUSED),
    "a public address on the port of a called URL": ("rental", f"{PUBLIC}:{OUTER}", OPEN),
    "a public address on another port": ("rental", f"{PUBLIC}:{OTHER}", REFUSED),
    "a private address on the port of a called URL": ("rental", ("outside", OUTER), REFUSED),
    "another pod on the port of a called URL": ("rental", ("idle", OUTER), REFUSED),
    "a public address without an entry that says so": ("vehicles", f"{PUBLIC}:{OUTER}", REFUSED),
    "the ingress controller to a discovered repository": ("traefik", ("found", HTTP), OPEN),
    "Prometheus to a discovered repository": ("prometheus", ("found", HTTP), OPEN),
    "a discovered repository's telemetry": ("found", ("collector", OTLP), OPEN),
    "a discovered repository to a team's service": ("found", ("vehicles", HTTP), REFUSED),
    "a team's service to a discovered repository": ("rental", ("found", HTTP), REFUSED),
    "one discovered repository to another": ("found", ("also found", HTTP), REFUSED),
    "a discovered repository to the internet": ("found", f"{PUBLIC}:{OUTER}", REFUSED),
    "a discovered repository to the API server": ("found", API, REFUSED),
}
"""What it shows -> who calls, whom, and whether that gets through."""


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """The cluster with the stack's objects and the pods in it, and what came of every connection."""

    kubeconfig: Path
    before: dict[str, bool]
    """Without any policy."""
    after: dict[str, bool]

    def kubectl(self, *arguments: str, given: Any = None) -> subprocess.CompletedProcess[str]:
        """As administrator, unless `--as` says otherwise."""
        return kubectl(self.kubeconfig, *arguments, given=given)

    def refusal(self, *arguments: str, given: Any = None) -> str:
        """Why the API server refuses; nothing where it does what is asked."""
        done = self.kubectl(*arguments, given=given)
        return done.stderr if done.returncode else ""


def kubectl(kubeconfig: Path, *arguments: str, given: Any = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["kubectl", "--kubeconfig", str(kubeconfig), *arguments],
        input=None if given is None else yaml.safe_dump_all(given if isinstance(given, list) else [given]),
        capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip


def done(kubeconfig: Path, *arguments: str, given: Any = None) -> str:
    answer = kubectl(kubeconfig, *arguments, given=given)
    assert answer.returncode == 0, f"kubectl {' '.join(arguments)}: {answer.stderr}"
    return answer.stdout


def declared(folder: Path) -> list[dict[str, Any]]:
    """The stack's objects as they are recorded; without secrets, and without kinds that charts bring."""
    (folder / "services").mkdir()
    shutil.copy(PROJECT / "Pulumi.yaml", folder)
    (folder / "Pulumi.dev.yaml").write_text(STACK)
    files = manifests.manifests(recorder.record(folder, "dev"))
    found = [yaml.safe_load(text) for name, text in files.items() if not name.endswith(".values.yaml")]
    brought = ("argoproj.io", "cert-manager.io")
    return [
        one for one in found if one["kind"] != "Secret" and not one["apiVersion"].partition("/")[0].endswith(brought)
    ]


def tried(kubeconfig: Path, addresses: dict[str, str]) -> dict[str, bool]:
    """Every connection, all at once: those of one pod by one command in it."""
    calls: dict[str, dict[str, str]] = {}
    for what, (caller, target, _) in CONNECTIONS.items():
        address = target if isinstance(target, str) else f"{addresses[target[0]]}:{target[1]}"
        calls.setdefault(caller, {})[what] = address

    def of_one(caller: str) -> dict[str, bool]:
        rows = calls[caller]
        script = "".join(f"({_attempt(address)} && echo {row}) & " for row, address in enumerate(rows.values()))
        pod = PODS[caller]
        said = done(kubeconfig, "-n", pod.namespace, "exec", pod.name, "--", "sh", "-c", f"{script} wait")
        return {what: str(row) in said.split() for row, what in enumerate(rows)}

    with ThreadPoolExecutor(4) as pool:
        return {what: came for found in pool.map(of_one, calls) for what, came in found.items()}


def _attempt(address: str) -> str:
    """A command that succeeds where somebody answers, were it with a refusal in HTTP."""
    if ":" not in address:
        return f"timeout 4 nslookup {address} >/dev/null 2>&1"
    return f"timeout 4 wget -q -O- http://{address}/ 2>&1 | grep -qE '^ok$|server returned error'"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, docker: Docker) -> Iterator[Cluster]:
    """One control plane, one worker; everything applied, every connection tried."""
    folder = tmp_path_factory.mktemp("boundaries")
    name, kubeconfig = docker.name("borders"), folder / "kubeconfig"
    (folder / "kind.yaml").write_text(NODES)
    create = [docker.kind, "create", "cluster", "--name", name, "--image", lab.NODE_IMAGE, "--wait", "90s", "--quiet"]
    made = subprocess.run(
        [*create, "--kubeconfig", str(kubeconfig), "--config", str(folder / "kind.yaml")],
        capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr

    first, worker = f"{name}-control-plane", f"{name}-worker"
    inside = docker.containers(name)[first]["NetworkSettings"]["Networks"]["kind"]["IPAddress"]
    for address in (PUBLIC, METADATA):
        run("docker", "exec", first, "ip", "address", "add", f"{address}/32", "dev", "eth0")
        run("docker", "exec", worker, "ip", "route", "add", address, "via", inside)

    objects = declared(folder)
    policies = [each for each in objects if each["kind"] == "NetworkPolicy"]
    others = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": n}}
        for n in ("traefik", "observability", "neighbour")
    ]
    apply = ("apply", "--server-side", "--force-conflicts", "-f", "-")
    done(kubeconfig, *apply, given=[*others, *(each for each in objects if each not in policies)])
    done(kubeconfig, *apply, given=[_behind(PODS[name]) for name in ("vehicles", "billing")])
    _pods(kubeconfig)

    found = json.loads(done(kubeconfig, "get", "pods", "-A", "-o", "json"))["items"]
    places = {(one["metadata"]["namespace"], one["metadata"]["name"]): one["status"]["podIP"] for one in found}
    addresses = {name: places[pod.namespace, pod.name] for name, pod in PODS.items()}
    before = tried(kubeconfig, addresses)
    done(kubeconfig, *apply, given=policies)
    after = tried(kubeconfig, addresses)
    deadline = time.monotonic() + 20  # a network plugin takes some seconds to learn of all policies
    while not _expected(after) and time.monotonic() < deadline:
        after = tried(kubeconfig, addresses)
    yield Cluster(kubeconfig=kubeconfig, before=before, after=after)
    docker.delete(name)


def _expected(seen: dict[str, bool]) -> bool:
    return all(seen[what] is wanted for what, (_, _, wanted) in CONNECTIONS.items())


def _behind(pod: Pod) -> dict[str, Any]:
    """A Service like the template's."""
    spec = {"selector": pod.labels, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": pod.name, "namespace": pod.namespace},
        "spec": spec,
    }


def _pods(kubeconfig: Path) -> None:
    """All of them, Ready; a namespace takes a moment to have the account that pods run as."""
    pods = [pod.manifest for pod in PODS.values()]
    deadline = time.monotonic() + 30
    while (answer := kubectl(kubeconfig, "apply", "-f", "-", given=pods)).returncode:
        assert time.monotonic() < deadline, answer.stderr
        time.sleep(0.5)
    for namespace in sorted({pod.namespace for pod in PODS.values()}):
        done(kubeconfig, "-n", namespace, "wait", "pod", "--all", "--for=condition=Ready", "--timeout=90s")


@pytest.mark.parametrize("what", CONNECTIONS)
def test_a_connection_is(what: str, cluster: Cluster) -> None:
    """Open where an entry or the platform says so, and nowhere else; without policies every one would be."""
    assert cluster.before[what] is OPEN
    assert cluster.after[what] is CONNECTIONS[what][2]


def test_pods_stay_ready_behind_their_policies(cluster: Cluster) -> None:
    """Kubelet asks them from their own node, which no policy forbids."""
    for namespace in ("mobility-dev", "payments-dev", "discovered-dev"):
        assert not cluster.refusal("-n", namespace, "wait", "pod", "--all", "--for=condition=Ready", "--timeout=10s")


def test_a_pod_that_names_no_account_has_no_token(cluster: Cluster) -> None:
    """The default account would give it one."""
    look = ("exec", "rental", "--", "ls", "/var/run/secrets/kubernetes.io/serviceaccount")

    assert "No such file" in cluster.refusal("-n", "mobility-dev", *look)
    assert cluster.kubectl("-n", "neighbour", "exec", "traefik", *look[2:]).returncode == 0


def ingress(namespace: str, *hosts: str, annotations: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    """For these hosts, each leading to a Service."""
    backend = {"service": {"name": "rental", "port": {"name": "http"}}}
    http = {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}
    rules = [{"host": host, "http": http} if host else {"http": http} for host in hosts]
    metadata = {"name": "tried", "namespace": namespace, "annotations": annotations or {}}
    given = ({"rules": rules} if rules else {}) | spec
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata, "spec": given}


def reached(namespace: str, **spec: Any) -> dict[str, Any]:
    """A Service."""
    ports = {"ports": [{"port": 80}], "selector": {NAME: "rental"}}
    metadata = {"name": "tried", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": ports | spec}


def pod(**spec: Any) -> dict[str, Any]:
    """One that would be let in, but for what a row adds."""
    made = Pod(namespace="mobility-dev", name="tried", labels={}).manifest
    container = made["spec"]["containers"][0]
    return made | {"spec": made["spec"] | {"containers": [container | spec.pop("container", {})]} | spec}


def volume(size: str) -> dict[str, Any]:
    """A claim of one."""
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
    metadata = {"name": "tried", "namespace": "mobility-dev"}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}


OWN = "rental.dev.idp.localhost"
BACKEND = {"service": {"name": "rental", "port": {"name": "http"}}}
HOSTS = "the hosts of this namespace are: " + ",".join(
    f"{name}.dev.idp.localhost" for name in ("former", "idle", "rental", "vehicles")
)
FREE = "the hosts of this namespace are the names below dev.idp.localhost that no declared service has"
CONTROLLERS = "annotations for the ingress controller, for certificates and for DNS are the platform's to give"
NO_CERTIFICATE = "names no certificate"
BY_SERVICES = "leads to Services, by paths without a backtick"
RESTRICTED = 'violates PodSecurity "restricted:latest"'


def path(**more: Any) -> dict[str, Any]:
    return {"host": OWN, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": BACKEND} | more]}}


OBJECTS = {
    "its own host": (ingress("mobility-dev", OWN), ""),
    "two hosts of its own, with tls": (
        ingress("mobility-dev", OWN, "idle.dev.idp.localhost", tls=[{"hosts": [OWN]}]), ""
    ),
    "its own host at a named entry point": (
        ingress(
            "mobility-dev", OWN, annotations={"traefik.ingress.kubernetes.io/router.entrypoints": "websecure"}
        ), "",
    ),
    "another team's host": (ingress("mobility-dev", "billing.dev.idp.localhost"), HOSTS),
    "another team's host beside its own": (ingress("mobility-dev", OWN, "billing.dev.idp.localhost"), HOSTS),
    "its own host of another environment": (ingress("mobility-dev", "rental.staging.idp.localhost"), HOSTS),
    "a retired service's host": (ingress("mobility-dev", "former.dev.idp.localhost"), ""),
    "the platform's host": (ingress("mobility-dev", "argocd.idp.localhost"), HOSTS),
    "every host": (ingress("mobility-dev", ""), HOSTS),
    "a wildcard": (ingress("mobility-dev", "*.dev.idp.localhost"), HOSTS),
    "what no other Ingress takes": (ingress("mobility-dev", defaultBackend=BACKEND), "has no defaultBackend"),
    "another team's host under tls": (
        ingress("mobility-dev", OWN, tls=[{"hosts": ["billing.dev.idp.localhost"]}]), HOSTS
    ),
    "a certificate of its own": (
        ingress("mobility-dev", OWN, tls=[{"hosts": [OWN], "secretName": "mine"}]), NO_CERTIFICATE
    ),
    "an alias": (
        ingress("mobility-dev", OWN, annotations={"nginx.ingress.kubernetes.io/server-alias": "argocd.idp.localhost"}),
        CONTROLLERS,
    ),
    "notes of a team's own": (
        ingress("mobility-dev", OWN, annotations={"acme.example/owner": "us", "note": "ours"}), ""
    ),
    "a matcher with another host in it": (
        ingress("mobility-dev", OWN, annotations={"traefik.ingress.kubernetes.io/router.pathmatcher": "Host(`x`) || Path"}),
        CONTROLLERS,
    ),
    "a certificate in another's name": (
        ingress("mobility-dev", OWN, annotations={"cert-manager.io/common-name": "argocd.idp.localhost"}), CONTROLLERS
    ),
    "a path that ends a matcher": (
        ingress("mobility-dev", rules=[path(path="/`) || Host(`argocd.idp.localhost")]), BY_SERVICES
    ),
    "something that is no Service": (
        ingress(
            "mobility-dev",
            rules=[path(backend={"resource": {"apiGroup": "traefik.io", "kind": "TraefikService", "name": "api"}})],
        ),
        BY_SERVICES,
    ),
    "discovered: a name that is free": (ingress("discovered-dev", "found.dev.idp.localhost"), ""),
    "discovered: a declared service's name": (ingress("discovered-dev", OWN), FREE),
    "discovered: a retired service's name": (ingress("discovered-dev", "former.dev.idp.localhost"), FREE),
    "discovered: another environment": (ingress("discovered-dev", "found.staging.idp.localhost"), FREE),
    "discovered: the platform's host": (ingress("discovered-dev", "argocd.idp.localhost"), FREE),
    "discovered: a name below a name": (ingress("discovered-dev", "a.found.dev.idp.localhost"), FREE),
    "discovered: a wildcard": (ingress("discovered-dev", "*.dev.idp.localhost"), FREE),
    "discovered: every host": (ingress("discovered-dev", ""), FREE),
    "discovered: under tls": (ingress("discovered-dev", "found.dev.idp.localhost", tls=[{"hosts": [OWN]}]), FREE),
    "somebody else's namespace is theirs": (ingress("neighbour", "billing.dev.idp.localhost"), ""),
    "a Service inside the cluster": (reached("mobility-dev"), ""),
    "a Service without an address": (reached("mobility-dev", clusterIP="None"), ""),
    "a name of the outside": (reached("mobility-dev", type="ExternalName", externalName="example.com"), "of type ClusterIP"),
    "a port of the nodes": (reached("mobility-dev", type="NodePort"), "of type ClusterIP"),
    "a load balancer": (reached("mobility-dev", type="LoadBalancer"), "of type ClusterIP"),
    "addresses of others": (reached("mobility-dev", externalIPs=["10.0.0.1"]), "has no externalIPs"),
    "discovered: a port of the nodes": (reached("discovered-dev", type="NodePort"), "of type ClusterIP"),
    "a pod like a service's": (pod(), ""),
    "a privileged pod": (pod(container={"securityContext": {"privileged": True}}), RESTRICTED),
    "a pod that may be root": (pod(securityContext={}), RESTRICTED),
    "a pod with the node's files": (pod(volumes=[{"name": "www", "hostPath": {"path": "/"}}]), RESTRICTED),
    "a pod on the node's network": (pod(hostNetwork=True), RESTRICTED),
    "more than the team's share": (
        pod(container={"resources": {"requests": {"cpu": "5"}, "limits": {"cpu": "5"}}}), "exceeded quota: quota"
    ),
    "a pod as urgent as the cluster's own": (pod(priorityClassName="system-node-critical"), "exceeded quota: critical"),
    "a volume": (volume("20Gi"), ""),
    "more storage than the team's share": (volume("21Gi"), "exceeded quota: quota"),
}  # fmt: skip
"""What somebody tries to make -> the object, and what the API server says to it; nothing where it is right."""


@pytest.mark.parametrize("what", OBJECTS)
def test_an_object_is_let_in_or_refused(what: str, cluster: Cluster) -> None:
    """Even to an administrator, as Argo CD is one."""
    given, said = OBJECTS[what]

    refused = cluster.refusal("create", "--dry-run=server", "-f", "-", given=given)

    assert said in refused
    assert bool(said) is bool(refused), refused


MAY, MAY_NOT = "", 'User "ada" cannot '
REQUESTS = {
    "look at its pods": ("mobility-dev", "get pods", MAY),
    "read their logs": ("mobility-dev", "logs rental", MAY),
    "see what happened": ("mobility-dev", "get events,deployments,services,ingresses,networkpolicies,quota", MAY),
    "look at its other environment": ("mobility-staging", "get pods", MAY),
    "read Secrets": ("mobility-dev", "get secrets", MAY_NOT),
    "run something in a pod": ("mobility-dev", "exec rental -- true", MAY_NOT),
    "reach a pod from its desk": ("mobility-dev", "port-forward rental 18080:8080", MAY_NOT),
    "delete a pod": ("mobility-dev", "delete pod rental", MAY_NOT),
    "make a pod": ("mobility-dev", f"run tried --image={lab.POD_IMAGE}", MAY_NOT),
    "open a policy": ("mobility-dev", "delete networkpolicy default-deny", MAY_NOT),
    "give itself a role": (
        "mobility-dev", "create rolebinding tried --clusterrole=admin --group=acme:movers", MAY_NOT
    ),
    "ask for a token": ("mobility-dev", "create token default", MAY_NOT),
    "raise its share": ("mobility-dev", "delete quota quota", MAY_NOT),
    "allow itself a host": ("mobility-dev", "annotate namespace mobility-dev --overwrite idp/hosts=x", MAY_NOT),
    "look at another team's pods": ("payments-dev", "get pods", MAY_NOT),
    "look at discovered repositories' pods": ("discovered-dev", "get pods", MAY_NOT),
    "look at the platform's pods": ("kube-system", "get pods", MAY_NOT),
    "look at all namespaces": ("mobility-dev", "get namespaces", MAY_NOT),
}  # fmt: skip
"""What a member of a team tries -> where, what it types, and what the API server says to it."""


@pytest.mark.parametrize("what", REQUESTS)
def test_a_member_of_a_team_may_or_may_not(what: str, cluster: Cluster) -> None:
    """By the group that sign-in gives; looking is free, changes come from git."""
    namespace, line, said = REQUESTS[what]

    refused = cluster.refusal("-n", namespace, "--as=ada", "--as-group=acme:movers", *line.split())

    assert said in refused
    assert bool(said) is bool(refused), refused


def test_what_is_no_longer_allowed_can_still_be_deleted(cluster: Cluster) -> None:
    """A service retires: first its host goes, then its Ingress, which Argo CD deletes with its finalizer in the foreground."""
    cluster.kubectl("apply", "-f", "-", given=ingress("mobility-staging", "idle.staging.idp.localhost"))
    note = ("annotate", "namespace", "mobility-staging", "--overwrite")
    cluster.kubectl(*note, "idp/hosts=rental.staging.idp.localhost")

    here = ("-n", "mobility-staging")
    changed = cluster.refusal(*here, "annotate", "ingress", "tried", "a=b")
    gone = cluster.refusal(*here, "delete", "ingress", "tried", "--cascade=foreground", "--timeout=20s")

    assert "the hosts of this namespace are: rental.staging.idp.localhost" in changed
    assert gone == ""
