"""What Argo CD makes of the program's objects: the real one syncs, retries, takes away, and lets go at `destroy`.

The tests are the chapters of two stacks' lives, the dev stack and one on an existing cluster, and run in their order.
Nothing is ever asked of Argo CD: it sees what `up` declares and what git holds.
"""

from __future__ import annotations

import copy
import json
import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from github import Auth, Github

from tests.engine.conftest import ARGOCD_TOKEN, GITHUB_TOKEN, organization
from tests.support import apiserver, lab
from tests.support.argocd import ArgoCd
from tests.support.engine import Engine
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.github import GitHubServer

pytestmark = [lab.requires_argocd, pytest.mark.timeout(900)]

SERVICES = ("platform", "rental", "vehicles")
BRANCH = "env/dev"
TRACKING = "argocd.argoproj.io/tracking-id"
SECRETS = {"GITHUB_TOKEN": GITHUB_TOKEN, "ARGOCD_GITHUB_TOKEN": ARGOCD_TOKEN}

EXISTING = """config:
  idp:organization: acme
  idp:visibility: private
  idp:githubPlan: paid
  idp:github: own
  idp:cluster: {{mode: existing, kubeconfig: {kubeconfig}, context: there}}
  idp:deploys: [dev]
  idp:teams:
    mobility: {{github: mobility}}
  idp:services:
    rental: {{team: mobility, template: node, description: Rents vehicles}}
"""

KEPT = ("CustomResourceDefinition ", "APIService ")
"""The chart keeps its kinds, on purpose: with them every Application of anybody would go."""

EACH = ("/default", "/kube-root-ca.crt")
"""What the control plane itself puts into every namespace that is there, a moment after its start."""

FOUND = {
    "deploy/overlays/dev/kustomization.yaml": "resources: [settings.yaml]\n",
    "deploy/overlays/dev/settings.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: survey}\n",
}
"""A repository that nobody declared: an overlay, and the topic that its maker gives it."""


@dataclass(frozen=True, kw_only=True)
class Life:
    """A stack after its first `up`, and the Argo CD that runs in its cluster."""

    engine: Engine
    github: GitHubServer
    argocd: ArgoCd

    def application(self, name: str) -> dict[str, Any]:
        """An Application, with what Argo CD says of it."""
        return self.argocd.get("application", f"{name}-dev", "-n", "argocd")

    def applications(self) -> set[str]:
        """Those of services that are there; the root and its children are the platform's."""
        marks = "app.kubernetes.io/component in (service, discovered-service)"
        return {item["metadata"]["name"] for item in self.argocd.get("applications", "-A", "-l", marks)["items"]}

    def synced(self, name: str) -> bool:
        """Whether what runs is what the tip of the branch says."""
        sync = self.application(name).get("status", {}).get("sync", {})
        return (sync.get("status"), sync.get("revision")) == ("Synced", refs(self.github, name)[f"refs/heads/{BRANCH}"])

    def trouble(self) -> str:
        """What Argo CD complains of, for a failed test to show."""
        said = {
            item["metadata"]["name"]: item.get("status", {}) for item in self.argocd.get("applications", "-A")["items"]
        }
        states = {name: [said[name].get(key) for key in ("sync", "operationState", "conditions")] for name in said}
        return f"{json.dumps(states, indent=1)}\n{self.argocd.complaints()}"


def refs(github: GitHubServer, name: str) -> dict[str, str]:
    """Every branch and tag, and the commit that it points at."""
    record = github.service.state.find("acme", name)
    assert record is not None
    return github.service.state.bare(record).refs()


def repository(github: GitHubServer, name: str) -> dict[str, Any]:
    """Everything that a team would miss: commits, settings, topics, access, rulesets."""
    record = github.service.state.find("acme", name)
    assert record is not None
    kept = {"settings": record.settings, "topics": record.topics, "teams": record.teams, "rulesets": record.rulesets}
    return copy.deepcopy(kept | {"refs": refs(github, name)})


def writes(github: GitHubServer) -> list[tuple[str, str]]:
    """What the API was asked to change since the log was emptied."""
    return [(exchange.method, exchange.path) for exchange in github.requests if exchange.api and exchange.write]


def commit(life: Life, name: str, folder: Path, key: str) -> str:
    """Let the service have a ConfigMap with this key, by one commit on the branch that is tracked; returns the commit's id."""
    git = ["git", "-C", str(folder), "-c", "user.name=ada", "-c", "user.email=ada@example.com"]
    base = folder / "deploy" / "base"
    if not folder.exists():
        url = life.github.git_url(name, GITHUB_TOKEN)
        subprocess.run(["git", "clone", "--quiet", "--branch", BRANCH, url, str(folder)], check=True)
        listed = (base / "kustomization.yaml").read_text()
        assert "resources:\n" in listed
        (base / "kustomization.yaml").write_text(listed.replace("resources:\n", "resources:\n  - settings.yaml\n"))
    (base / "settings.yaml").write_text(
        f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}-settings}}\ndata: {{{key!r}: text}}\n"
    )
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "--quiet", "--message", key], check=True)
    subprocess.run([*git, "push", "--quiet"], check=True)
    return refs(life.github, name)[f"refs/heads/{BRANCH}"]


def belongings(life: Life, name: str) -> set[str]:
    """The kinds of all that is a service's in its namespace, by name or by Argo CD's mark; events only tell of the past."""
    listed = life.argocd.kubectl("api-resources", "--namespaced", "--verbs=list", "--output=name").split()
    kinds = ",".join(kind for kind in listed if not kind.startswith("events"))
    items = life.argocd.get(kinds, "-n", "mobility-dev")["items"]
    mine = re.compile(rf"{name}(-.*)?")
    return {
        item["kind"]
        for item in items
        if mine.fullmatch(item["metadata"]["name"])
        or item["metadata"].get("annotations", {}).get(TRACKING, "").startswith(f"{name}-dev:")
    }


def entry(life: Life, name: str) -> str:
    """The lines of a service in the stack file."""
    found = re.search(rf"^    {name}:\n(?:      .*\n)+", life.engine.stack_file.read_text(), re.MULTILINE)
    assert found
    return found[0]


@pytest.fixture(scope="module")
def life(engine: Engine, github: GitHubServer) -> Iterator[Life]:
    engine.run("up")
    with ArgoCd(engine.home / "argocd", engine.outputs()["kubeconfig"]) as argocd:
        yield Life(engine=engine, github=github, argocd=argocd)


def test_every_service_is_synced_from_its_own_branch(life: Life) -> None:
    """Entry, repository, branch, project, namespace, quota and pod security fit together, as far as a pod that waits."""
    for name in SERVICES:
        until(lambda name=name: life.synced(name), 120, life.trouble)
        until(lambda name=name: "Pod" in belongings(life, name), 120, life.trouble)

    deployment = life.argocd.get("deployment", "rental", "-n", "mobility-dev")
    assert {"Deployment", "ReplicaSet", "Pod", "Service", "EndpointSlice", "ServiceAccount"} <= belongings(
        life, "rental"
    )
    assert deployment["metadata"]["annotations"][TRACKING] == "rental-dev:apps/Deployment:mobility-dev/rental"
    assert deployment["spec"]["template"]["spec"]["nodeSelector"] == {"role": "workloads"}


def test_a_broken_commit_is_retried_until_its_fix_comes(life: Life, tmp_path: Path) -> None:
    """Nobody presses a button: what failed is tried again, and takes the fix."""

    def operation() -> dict[str, Any]:
        return life.application("rental").get("status", {}).get("operationState", {})

    def retried(commit: str) -> bool:
        found = operation()
        return found.get("retryCount", 0) > 0 and found["operation"]["sync"]["revision"] == commit

    broken = commit(life, "rental", tmp_path / "rental", "not a key")
    until(lambda: retried(broken), 120, life.trouble)
    failed = operation()

    fixed = commit(life, "rental", tmp_path / "rental", "a-key")
    until(lambda: life.synced("rental") and operation().get("phase") == "Succeeded", 120, life.trouble)

    assert (failed["operation"]["sync"]["revision"], failed["phase"]) == (broken, "Running")
    assert "a valid config key must consist of" in json.dumps(failed)
    assert operation()["syncResult"]["revision"] == fixed
    assert life.argocd.get("configmap", "rental-settings", "-n", "mobility-dev")["data"] == {"a-key": "text"}


def test_a_retired_service_stops_and_its_repository_is_only_archived(life: Life) -> None:
    """One update on GitHub, and nothing of the service is left in the cluster when `up` is done."""
    before = repository(life.github, "platform")
    life.github.forget_requests()
    life.engine.edit(entry(life, "platform"), entry(life, "platform") + "      state: retired\n")

    life.engine.run("up")

    before["settings"]["archived"] = True
    assert life.applications() == {"rental-dev", "vehicles-dev"}
    assert belongings(life, "platform") == set()
    assert repository(life.github, "platform") == before
    assert writes(life.github) == [("PATCH", "/repos/acme/platform")]


def test_a_service_that_comes_back_runs_what_it_ran(life: Life) -> None:
    """The same update reversed; history goes on where it stopped."""
    before = repository(life.github, "platform")
    life.github.forget_requests()
    life.engine.edit("      state: retired\n", "")

    life.engine.run("up")

    before["settings"]["archived"] = False
    until(lambda: life.synced("platform"), 120, life.trouble)
    assert {"Deployment", "Service", "ServiceAccount"} <= belongings(life, "platform")
    assert repository(life.github, "platform") == before
    assert writes(life.github) == [("PATCH", "/repos/acme/platform")]


def test_an_entry_that_is_removed_leaves_its_repository_alone(life: Life) -> None:
    """What ran goes, with the project's leave to read that repository; nothing at all is asked of GitHub."""
    before = repository(life.github, "platform")
    life.github.forget_requests()
    life.engine.edit(entry(life, "platform"), "")

    life.engine.run("up")

    assert life.applications() == {"rental-dev", "vehicles-dev"}
    assert belongings(life, "platform") == set()
    assert repository(life.github, "platform") == before
    assert writes(life.github) == []


@dataclass(frozen=True, kw_only=True)
class Guest(Life):
    """A stack on a cluster that others use too."""

    before: dict[str, str]
    """What was in the cluster before the first `up`."""


def inventory(argocd: ArgoCd) -> dict[str, str]:
    """Every object of the cluster with its uid, but for those that tell of moments."""
    listed = argocd.kubectl("api-resources", "--verbs=list", "--output=name").split()
    lasting = ",".join(kind for kind in listed if not kind.startswith(("events", "leases")))
    items = argocd.get(lasting, "-A")["items"]
    named = [(item["kind"], item["metadata"]) for item in items]
    return {f"{kind} {meta.get('namespace', '')}/{meta['name']}": meta["uid"] for kind, meta in named if "uid" in meta}


def make_found(server: GitHubServer) -> None:
    """A repository that is there with its topic before the platform looks."""
    organization = Github(base_url=server.api_url, auth=Auth.Token(GITHUB_TOKEN)).get_organization("acme")
    made = organization.create_repo("survey", auto_init=True, private=True)
    made.replace_topics(["idp-managed"])
    for path, text in FOUND.items():
        made.create_file(path, "Say what is asked", text)


@pytest.fixture(scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guest]:
    home = tmp_path_factory.mktemp("guest")
    server = apiserver.start(home / "cluster", controllers=True)
    kubeconfig = home / "kubeconfig"
    kubeconfig.write_text(server.kubeconfig("there"))
    server.request("POST", "/api/v1/namespaces", {"metadata": {"name": "neighbour"}})
    server.request("POST", "/api/v1/namespaces/neighbour/configmaps", {"metadata": {"name": "theirs"}})
    argocd = ArgoCd(home / "argocd", kubeconfig.read_text())
    before = inventory(argocd)
    with organization(home / "github") as github:
        make_found(github)
        engine = Engine(home=home / "engine", github_url=github.url, secrets=SECRETS)
        text = EXISTING.format(kubeconfig=kubeconfig)
        (engine.project / "Pulumi.dev.yaml").write_text(text)
        salt = next(line for line in engine.stack_file.read_text().splitlines() if line.startswith("encryptionsalt"))
        engine.use(f"{text}{salt}\n")
        engine.run("up")
        with argocd:
            yield Guest(engine=engine, github=github, argocd=argocd, before=before)
    server.stop()


def test_a_private_repository_is_read_with_the_token_that_the_program_gave(guest: Guest) -> None:
    """Argo CD knows no other; the one that may write stays with the program."""
    until(lambda: guest.synced("rental"), 120, guest.trouble)

    readers = {exchange.token for exchange in guest.github.find("POST", "/acme/rental.git/git-upload-pack", 200)}
    assert readers == {"token-2"}


def test_a_repository_with_the_topic_runs_without_an_entry(guest: Guest) -> None:
    """Found through the API by the address, the token and the restrictions that the program gave."""
    until(lambda: "survey.dev" in guest.applications(), 120, guest.trouble)
    found = ("application", "survey.dev", "-n", "argocd")
    until(lambda: guest.argocd.get(*found)["status"]["sync"]["status"] == "Synced", 120, guest.trouble)

    assert guest.argocd.get("configmap", "survey", "-n", "discovered-dev")
    assert guest.applications() == {"rental-dev", "vehicles-dev", "survey.dev"}


def test_destroy_leaves_nothing_of_ours_in_a_cluster_of_others(guest: Guest) -> None:
    """Each goes while what it needs to go is still there: Applications before projects, and Argo CD itself after both.

    The add-ons' Applications go too, though their sync never succeeds here, as no chart repository can be reached.
    """
    repositories = {name: repository(guest.github, name) for name in ("rental", "survey")}
    guest.github.forget_requests()

    guest.engine.run("destroy")

    after = inventory(guest.argocd)
    ours = {
        name for name in after.keys() - guest.before.keys() if not name.startswith(KEPT) and not name.endswith(EACH)
    }
    assert guest.engine.resources() == []
    assert {name for name in ours if " kube-system/" not in name} == set()
    assert {name: after.get(name) for name in guest.before} == guest.before
    assert {name: repository(guest.github, name) for name in repositories} == repositories
    assert writes(guest.github) == []
    until(lambda: not guest.argocd.running, 120, guest.trouble)
