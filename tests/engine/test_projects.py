"""What the real Argo CD lets a team's project do: the same commit is taken in the right place and refused in the wrong one.

The stack's plan is applied as it is recorded; nobody runs an `up`. Each row is an Application of its own, with its own folder.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from github import Auth, Github

from idp import recorder
from idp.plan import manifests
from tests.engine.conftest import ARGOCD_TOKEN, GITHUB_TOKEN, organization
from tests.support import apiserver, lab
from tests.support.argocd import RELEASE, ArgoCd, ArgoCdError, published

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.github import GitHubServer

pytestmark = [lab.requires_argocd, pytest.mark.timeout(900)]

STACK = """config:
  idp:organization: acme
  idp:visibility: public
  idp:cluster: {mode: kind, name: acme-dev}
  idp:teams:
    mobility: {github: mobility}
    payments: {github: payments}
  idp:services:
    rental: {team: mobility, template: node, description: Rents}
    billing: {team: payments, template: node, description: Bills}
"""
KINDS = {
    "Certificate": "cert-manager.io/v1",
    "Order": "acme.cert-manager.io/v1",
    "IngressRoute": "traefik.io/v1alpha1",
    "HTTPRoute": "gateway.networking.k8s.io/v1",
    "CiliumNetworkPolicy": "cilium.io/v2",
    "Kustomization": "kustomize.toolkit.fluxcd.io/v1",
    "Prometheus": "monitoring.coreos.com/v1",
    "Gadget": "example.com/v1",
}
"""Kinds that a cluster may have: what leads around a border, and one that leads nowhere."""


def thing(version: str, kind: str, namespace: str = "", **more: Any) -> dict[str, Any]:
    """An object that the API server would take."""
    place = {"namespace": namespace} if namespace else {}
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "tried", **place}, **more}


def ingress(host: str) -> dict[str, Any]:
    backend = {"service": {"name": "rental", "port": {"name": "http"}}}
    rule = {"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
    return thing("networking.k8s.io/v1", "Ingress", spec={"rules": [rule]})


def monitor(**more: Any) -> dict[str, Any]:
    spec = {"selector": {"matchLabels": {"a": "b"}}, "endpoints": [{"port": "http", "followRedirects": False}]}
    return thing(KINDS["Prometheus"], "ServiceMonitor", spec=spec | more)


SETTINGS = thing("v1", "ConfigMap", data={"a": "b"})
ROLE_REF = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "admin"}
RBAC = "rbac.authorization.k8s.io/v1"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A commit, and where it is to run."""

    made: dict[str, Any]
    said: str = ""
    """What Argo CD says to it; nothing where it is taken."""
    project: str = "team-mobility"
    repository: str = "rental"
    namespace: str = "mobility-dev"


def refused(version: str, kind: str, **more: Any) -> Row:
    """A kind that no project of a team takes."""
    group = version.rpartition("/")[0]
    return Row(
        made=thing(version, kind, **more), said=f"resource {group}:{kind} is not permitted in project team-mobility"
    )


ROWS = {
    "what a service is made of": Row(made=SETTINGS),
    "a kind of an operator that leads nowhere": Row(made=thing(KINDS["Gadget"], "Gadget")),
    "its own host": Row(made=ingress("rental.dev.idp.localhost")),
    "a policy": refused("networking.k8s.io/v1", "NetworkPolicy", spec={"podSelector": {}}),
    "another plugin's policy": refused(KINDS["CiliumNetworkPolicy"], "CiliumNetworkPolicy"),
    "a quota": refused("v1", "ResourceQuota", spec={"hard": {"pods": "1"}}),
    "limits": refused("v1", "LimitRange", spec={"limits": []}),
    "a role": refused(RBAC, "Role", rules=[]),
    "a binding": refused(RBAC, "RoleBinding", roleRef=ROLE_REF, subjects=[]),
    "an application": refused("argoproj.io/v1alpha1", "Application", spec={"project": "platform"}),
    "a certificate": refused(KINDS["Certificate"], "Certificate"),
    "an order of a certificate": refused(KINDS["Order"], "Order"),
    "a route past the ingress": refused(KINDS["IngressRoute"], "IngressRoute"),
    "a route of the gateway": refused(KINDS["HTTPRoute"], "HTTPRoute"),
    "what another operator applies": refused(KINDS["Kustomization"], "Kustomization"),
    "what runs a monitoring of its own": refused(KINDS["Prometheus"], "Prometheus"),
    "a monitor of its own pods": Row(made=monitor()),
    "a monitor of everybody's": Row(
        made=monitor(namespaceSelector={"any": True}), said="is for its own namespace, and has no namespaceSelector"
    ),
    "a cluster-wide kind": refused("v1", "Namespace"),
    "a cluster-wide role": refused(RBAC, "ClusterRole", rules=[]),
    "another team's host": Row(made=ingress("billing.dev.idp.localhost"), said="the hosts of this namespace are: rental.dev"),
    "another team's namespace": Row(
        made=SETTINGS, namespace="payments-dev", said="do not match any of the allowed destinations in project 'team-mobility'"
    ),
    "another team's namespace in the object": Row(
        made=SETTINGS | {"metadata": {"name": "tried", "namespace": "payments-dev"}},
        said="namespace payments-dev is not permitted in project 'team-mobility'",
    ),
    "the platform's namespace": Row(
        made=SETTINGS, namespace="argocd", said="do not match any of the allowed destinations in project 'team-mobility'"
    ),
    "another team's repository": Row(
        made=SETTINGS, repository="billing", said="is not permitted in project 'team-mobility'"
    ),
    "a discovered repository in its place": Row(
        made=SETTINGS, project="workloads", repository="survey", namespace="discovered-dev"
    ),
    "a discovered repository in a team's namespace": Row(
        made=SETTINGS, project="workloads", repository="survey",
        said="do not match any of the allowed destinations in project 'workloads'",
    ),
    "a discovered repository's policy": Row(
        made=thing("networking.k8s.io/v1", "NetworkPolicy", spec={"podSelector": {}}),
        project="workloads", repository="survey", namespace="discovered-dev",
        said="resource networking.k8s.io:NetworkPolicy is not permitted in project workloads",
    ),
    "anything in the project of nobody": Row(made=SETTINGS, project="default", said="is not permitted in project 'default'"),
}  # fmt: skip
"""What it shows -> the commit, and what becomes of it."""


def name(what: str) -> str:
    """Of its Application, and of its folder."""
    return what.replace(" ", "-").replace("'", "")


def crd(kind: str, version: str) -> dict[str, Any]:
    """A kind with nothing in it that anybody checks."""
    group, _, number = version.partition("/")
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    names = {"kind": kind, "plural": f"{kind.lower()}s"}
    spec = {
        "group": group, "scope": "Namespaced", "names": names,
        "versions": [{"name": number, "served": True, "storage": True, "schema": schema}],
    }  # fmt: skip
    annotations = {"api-approved.kubernetes.io": "unapproved, made by a test"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{names['plural']}.{group}", "annotations": annotations}, "spec": spec,
    }  # fmt: skip


def push(github: GitHubServer, repository: str, folder: Path) -> None:
    """A repository with the folders of all rows that run from it."""
    organization = Github(base_url=github.api_url, auth=Auth.Token(GITHUB_TOKEN)).get_organization("acme")
    organization.create_repo(repository, auto_init=True, private=True)
    subprocess.run(["git", "clone", "--quiet", github.git_url(repository, GITHUB_TOKEN), str(folder)], check=True)
    for what, row in ROWS.items():
        if row.repository == repository:
            (folder / name(what)).mkdir()
            (folder / name(what) / "object.yaml").write_text(yaml.safe_dump(row.made))
    git = ["git", "-C", str(folder), "-c", "user.name=ada", "-c", "user.email=ada@example.com"]
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "--quiet", "--message", "Everything"], check=True)
    subprocess.run([*git, "push", "--quiet"], check=True)


def application(what: str, github: GitHubServer) -> dict[str, Any]:
    """Syncs by itself, once."""
    row = ROWS[what]
    source = {"repoURL": f"{github.url}/acme/{row.repository}.git", "path": name(what), "targetRevision": "HEAD"}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": name(what), "namespace": "argocd"},
        "spec": {
            "project": row.project,
            "source": source,
            "destination": {"server": "https://kubernetes.default.svc", "namespace": row.namespace},
            "syncPolicy": {"automated": {}, "retry": {"limit": 0}},
        },
    }


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What Argo CD says of an Application once it has tried it."""

    status: dict[str, Any]

    @property
    def synced(self) -> bool:
        """Whether what is in the cluster is what the commit says."""
        return self.status.get("sync", {}).get("status") == "Synced"

    @property
    def words(self) -> str:
        """Every message, without the objects."""
        results = self.status.get("operationState", {}).get("syncResult", {}).get("resources", [])
        told = [*self.status.get("conditions", []), *results, self.status.get("operationState", {})]
        return "\n".join(each.get("message", "") for each in told)

    @property
    def settled(self) -> bool:
        """Whether it has been tried; a warning, such as that two rows make one object, comes before that."""
        done = self.status.get("operationState", {}).get("phase") in {"Succeeded", "Failed", "Error"}
        refused = any(each["type"].endswith("Error") for each in self.status.get("conditions", []))
        return (done and "sync" in self.status) or refused


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Outcome]]:
    """Every row, all at once."""
    home = tmp_path_factory.mktemp("projects")
    server = apiserver.start(home / "cluster", controllers=True)
    try:
        with organization(home / "github") as github:
            for repository in sorted({row.repository for row in ROWS.values()}):
                push(github, repository, home / repository)
            argocd = ArgoCd(home / "argocd", server.kubeconfig("there"))
            apply(argocd, home, github)
            with argocd:
                write(argocd, home, [application(what, github) for what in ROWS])
                yield tried(argocd)
    finally:
        server.stop()


def tried(argocd: ArgoCd, seconds: float = 120) -> dict[str, Outcome]:
    """What became of every row, or of those that Argo CD came to in time."""
    deadline = time.monotonic() + seconds
    found: dict[str, Outcome] = {}
    while len(found) < len(ROWS) and time.monotonic() < deadline:
        time.sleep(0.5)
        items = argocd.get("applications", "-n", "argocd")["items"]
        seen = {item["metadata"]["name"]: Outcome(status=item.get("status", {})) for item in items}
        found = {what: seen[name(what)] for what in ROWS if seen[name(what)].settled}
    return found


def write(argocd: ArgoCd, home: Path, objects: list[dict[str, Any]]) -> None:
    file = home / "objects.yaml"
    file.write_text(yaml.safe_dump_all(objects))
    deadline = time.monotonic() + 30  # a new kind is served a moment after its definition
    while True:
        try:
            argocd.kubectl("apply", "--server-side", "--force-conflicts", "--filename", str(file))
        except ArgoCdError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)
        else:
            return


def apply(argocd: ArgoCd, home: Path, github: GitHubServer) -> None:
    """What the plan declares, and what the chart and the secrets that it hides would bring."""
    folder = home / "project"
    (folder / "services").mkdir(parents=True)
    shutil.copy(recorder.PROGRAM / "Pulumi.yaml", folder)
    (folder / "Pulumi.dev.yaml").write_text(STACK)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("GITHUB_BASE_URL", f"{github.url}/")
        plan = recorder.record(folder, "dev")
    files = manifests.manifests(plan)
    declared = [yaml.safe_load(text) for file, text in files.items() if not file.endswith(".values.yaml")]
    theirs = sorted((published().parent / "crds").glob("*-crd.yaml"))
    files_of_kinds = [f"--filename={file}" for file in (*theirs, _crds(home))]
    argocd.kubectl("apply", "--server-side", *files_of_kinds)
    values = {"inputs.json": json.dumps({"values": plan.one(manifests.RELEASE, "argocd").at("values")})}
    pull = {"type": "git", "url": f"{github.url}/acme", "username": "x", "password": ARGOCD_TOKEN}
    mine = {"app.kubernetes.io/part-of": "argocd"}
    made = [
        secret("argocd-secret", mine, {}),
        secret("repo-creds", {"argocd.argoproj.io/secret-type": "repo-creds"}, pull),
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": RELEASE.partition("/")[2], "namespace": "argocd"},
         "data": values},
    ]  # fmt: skip
    hidden = {"Secret", "Application", "ApplicationSet", "ClusterIssuer", "Certificate"}
    write(argocd, home, [*(each for each in declared if each["kind"] not in hidden), *made])


def secret(of: str, labels: dict[str, str], data: dict[str, str]) -> dict[str, Any]:
    metadata = {"name": of, "namespace": "argocd", "labels": labels}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data}


def _crds(home: Path) -> str:
    file = home / "crds.yaml"
    file.write_text(yaml.safe_dump_all(crd(kind, version) for kind, version in KINDS.items()))
    return str(file)


@pytest.mark.parametrize("what", ROWS)
def test_a_commit_is_taken_or_refused(what: str, outcomes: dict[str, Outcome]) -> None:
    """In Argo CD's own words; what is taken is in sync."""
    row, seen = ROWS[what], outcomes[what]

    assert row.said in seen.words
    assert seen.synced is (row.said == ""), seen.words
