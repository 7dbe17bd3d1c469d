"""What a real API server admits in a team's namespace of monitors, urgent pods and volumes; its own kinds of an add-on come late.

The stack's plan is applied as it is recorded, before there is any kind of Prometheus' operator, as on a platform.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from idp import templates
from idp.naming import ADMITTED
from tests.plan import schemas
from tests.support.planned import Cluster, Planned, cluster, planned
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

TEMPLATES = templates.names(kinds=("service",))
STACK = (
    "config:\n  idp:organization: acme\n  idp:visibility: public\n  idp:cluster: {mode: kind, name: acme-dev}\n"
    "  idp:teams: {mobility: {github: mobility}}\n  idp:services:\n"
) + "".join(f"    of-{name}: {{team: mobility, template: {name}, description: Rents}}\n" for name in TEMPLATES)
HOME = "mobility-dev"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Planned:
    return planned(tmp_path_factory.mktemp("admission") / "project", STACK)


@pytest.fixture(scope="module")
def there(stack: Planned, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster with the stack's borders in force, to which Prometheus' kinds came after them."""
    with cluster(tmp_path_factory.mktemp("cluster") / "server") as made:
        made.have([*stack.given(), {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "neighbour"}}])
        for file in sorted((schemas.data() / "crds" / "kube-prometheus-stack").glob("*.yaml")):
            made.apply(file.read_text())
        until(lambda: "namespaceSelector" in refusal(made, monitor(namespaceSelector={"any": True})))
        until(lambda: all("hard" in one["status"] for one in made.get("resourcequota", "-n", HOME)["items"]))
        yield made


def refusal(there: Cluster, given: dict[str, Any], home: str = HOME) -> str:
    """Why an administrator may not make it, as Argo CD is one; nothing where it may."""
    done = there.kubectl("create", "--dry-run=server", "-n", home, "-f", "-", stdin=yaml.safe_dump(given))
    return done.stderr if done.returncode else ""


def thing(version: str, kind: str, **spec: Any) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "tried"}, "spec": spec}


def monitor(*, endpoint: dict[str, Any] | None = None, pods: bool = False, **spec: Any) -> dict[str, Any]:
    """Of Services, or of pods; with one endpoint like a template's, but for what a row adds."""
    kind, key = ("PodMonitor", "podMetricsEndpoints") if pods else ("ServiceMonitor", "endpoints")
    mine = {
        "selector": {"matchLabels": {"app.kubernetes.io/name": "rental"}},
        key: [{"port": "http", "followRedirects": False} | (endpoint or {})],
    }
    return thing("monitoring.coreos.com/v1", kind, **mine | spec)


def pod(urgency: str) -> dict[str, Any]:
    resources = {"requests": {"cpu": "10m", "memory": "8Mi"}, "limits": {"cpu": "10m", "memory": "8Mi"}}
    secure = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    container = {"name": "a", "image": "a", "resources": resources, "securityContext": secure}
    context = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    named = {"priorityClassName": urgency} if urgency else {}
    return thing("v1", "Pod", containers=[container], securityContext=context, **named)


def volume(size: str) -> dict[str, Any]:
    asked = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
    return thing("v1", "PersistentVolumeClaim", **asked)


SECRET = {"name": "mine", "key": "a"}
FILE = "/var/run/secrets/kubernetes.io/serviceaccount/token"
ELSEWHERE = [{"targetLabel": "__address__", "replacement": "billing.payments-dev"}]
TOKENS = {"clientId": {"secret": SECRET}, "clientSecret": SECRET, "tokenUrl": "http://argocd-server.argocd"}
OWN, THEMSELVES, NOTHING_ELSES = "is for its own namespace", "asks its own pods themselves", "not what Prometheus has"

OBJECTS = {
    "a monitor": (monitor(), ""),
    "a monitor of pods": (monitor(pods=True), ""),
    "paths, parameters and labels of its own": (
        monitor(
            jobLabel="a", targetLabels=["b"], attachMetadata={"node": False}, sampleLimit=100,
            endpoint={"path": "/a", "params": {"b": ["c"]}, "metricRelabelings": [{"action": "labeldrop", "regex": "d"}]},
        ), "",
    ),
    "a password of its own": (monitor(endpoint={"basicAuth": {"username": SECRET, "password": SECRET}}), ""),
    "a token of its own": (monitor(endpoint={"authorization": {"credentials": SECRET}}), ""),
    "an authority of its own": (monitor(endpoint={"scheme": "https", "tlsConfig": {"ca": {"secret": SECRET}}}), ""),
    "every namespace": (monitor(namespaceSelector={"any": True}), OWN),
    "another namespace": (monitor(namespaceSelector={"matchNames": ["payments-dev"]}), OWN),
    "every namespace's pods": (monitor(pods=True, namespaceSelector={"any": True}), OWN),
    "another address": (monitor(endpoint={"relabelings": ELSEWHERE}), THEMSELVES),
    "another address, of pods": (monitor(pods=True, endpoint={"relabelings": ELSEWHERE}), THEMSELVES),
    "a proxy": (monitor(endpoint={"proxyUrl": "http://argocd-server.argocd"}), THEMSELVES),
    "a proxy, for pods": (monitor(pods=True, endpoint={"proxyUrl": "http://argocd-server.argocd"}), THEMSELVES),
    "whoever gives out tokens": (monitor(endpoint={"oauth2": TOKENS}), THEMSELVES),
    "addresses of pods that have ended": (monitor(pods=True, endpoint={"filterRunning": False}), THEMSELVES),
    "wherever a pod says": (monitor(endpoint={"followRedirects": True}), THEMSELVES),
    "wherever a pod says, by saying nothing": (monitor(endpoints=[{"port": "http"}]), THEMSELVES),
    "one endpoint of two": (
        monitor(endpoints=[{"port": "http", "followRedirects": False}, {"port": "b", "relabelings": ELSEWHERE}]), THEMSELVES,
    ),
    "Prometheus' own token": (monitor(endpoint={"bearerTokenFile": FILE}), NOTHING_ELSES),
    "an authority from a file": (monitor(endpoint={"tlsConfig": {"caFile": FILE}}), NOTHING_ELSES),
    "a certificate from a file": (monitor(endpoint={"tlsConfig": {"certFile": FILE}}), NOTHING_ELSES),
    "a key from a file": (monitor(endpoint={"tlsConfig": {"keyFile": FILE}}), NOTHING_ELSES),
    "a class that the platform has": (monitor(scrapeClass="mutual-tls"), NOTHING_ELSES),
    "a pod": (pod(""), ""),
    "a pod as urgent as the cluster's": (pod("system-cluster-critical"), "exceeded quota: critical"),
    "a pod as urgent as a node's": (pod("system-node-critical"), "exceeded quota: critical"),
    "a volume": (volume("20Gi"), ""),
    "more storage than its share": (volume("21Gi"), "exceeded quota: quota"),
}  # fmt: skip
"""What somebody tries to make -> the object, and what the API server says to it; nothing where it is right."""


@pytest.mark.parametrize("what", OBJECTS)
def test_an_object_is_let_in_or_refused(what: str, there: Cluster) -> None:
    """In the words of the rule that it breaks."""
    given, said = OBJECTS[what]

    refused = refusal(there, given)

    assert said in refused
    assert bool(said) is bool(refused), refused


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_templates_own_monitors_are_let_in(name: str, stack: Planned, there: Cluster) -> None:
    """Else no service that it makes would ever be in sync."""
    files = stack.rendering(f"of-{name}").files
    found = [
        yaml.safe_load(text) for path, text in files.items() if path.startswith("deploy/base/") and b"Monitor" in text
    ]
    monitors = [each for each in found if str(each["kind"]).endswith("Monitor")]

    assert monitors
    assert [refusal(there, each) for each in monitors] == [""] * len(monitors)


def test_what_was_let_in_stays_within_the_rules(there: Cluster) -> None:
    """An update is looked at as a new object is."""
    there.apply(yaml.safe_dump(monitor() | {"metadata": {"name": "changed", "namespace": HOME}}))
    change = '{"spec": {"namespaceSelector": {"any": true}}}'

    done = there.kubectl("patch", "servicemonitor", "changed", "-n", HOME, "--type=merge", "-p", change)

    assert OWN in done.stderr


def test_discovered_namespaces_have_the_same_rules_and_others_none(there: Cluster) -> None:
    """The platform's own monitors look into every namespace."""
    given = monitor(pods=True, namespaceSelector={"any": True})

    assert OWN in refusal(there, given, "discovered-dev")
    assert refusal(there, given, "neighbour") == ""


def test_the_rules_fit_the_kinds_that_they_are_for(stack: Planned, there: Cluster) -> None:
    """The API server reads each rule against its kinds' schemas, once those are there, and warns of what they do not have."""
    kind = "validatingadmissionpolicy"
    rules = [one for one in stack.given() if one["kind"].lower() == kind]
    names = [f"idp-dev-{admitted}" for admitted in ADMITTED]
    there.kubectl("delete", kind, *names)
    there.have(rules)

    def read(name: str) -> bool:
        return "observedGeneration" in there.get(kind, name).get("status", {})

    until(lambda: all(read(name) for name in names))
    warned = {name: there.get(kind, name)["status"].get("typeChecking") for name in names}
    assert {name: warnings for name, warnings in warned.items() if warnings} == {}


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The borders of a stack on a cluster whose ingress controller was there before."""
    kind, ingress = (
        "{mode: kind, name: acme-dev}",
        "{mode: existing, class: kong, controller: {namespace: kong, labels: {a: b}}}",
    )
    text = STACK.replace(kind, "{mode: existing, kubeconfig: x, context: y}\n  idp:ingress: " + ingress)
    with cluster(tmp_path_factory.mktemp("elsewhere") / "server") as made:
        made.have(planned(tmp_path_factory.mktemp("elsewhere") / "project", text).given())
        until(lambda: "some name further hosts" in refusal(made, noted("konghq.com/host-aliases")))
        yield made


def noted(annotation: str) -> dict[str, Any]:
    """An Ingress of the namespace's own host, with an annotation."""
    host = f"of-{TEMPLATES[0]}.dev.idp.localhost"
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    rule = {"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
    made = thing("networking.k8s.io/v1", "Ingress", rules=[rule])
    made["metadata"]["annotations"] = {annotation: "argocd.idp.localhost"}
    return made


@pytest.mark.parametrize(
    ("annotation", "admitted"),
    [
        ("konghq.com/host-aliases", False), ("acme.example/owner", False), ("kubernetes.io/ingress.class", False),
        ("note", True), ("link.argocd.argoproj.io/external-link", True),
    ],
)  # fmt: skip
def test_a_controller_that_was_there_before_may_read_any_prefix(
    annotation: str, admitted: bool, elsewhere: Cluster
) -> None:
    """So that only those are admitted which no controller reads."""
    said = refusal(elsewhere, noted(annotation))

    assert admitted is not ("some name further hosts" in said), said
    assert admitted is (said == ""), said
