"""The platform without any account, on a real cluster and by a newcomer's commands: from nothing to a push that is live.

The tests of this module are the chapters of one stack's life and run in their order.
"""

from __future__ import annotations

import base64
import json
import re
import time
from typing import TYPE_CHECKING

import pytest

from components.argocd_values import FORGE_POLLS
from idp import naming
from tests.kind.laptop import Laptop
from tests.support import images, leaks
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.kind.conftest import Stack

pytestmark = pytest.mark.timeout(900)  # the first and the last chapter make all of it
SERVICES = ("platform", "rental", "vehicles")
HOME = "mobility-dev"
WHOLE = 360
"""Seconds from nothing to the card, where all images are here."""
LIVE = 2 * int(FORGE_POLLS["timeout.reconciliation"].rstrip("s")) + 10
"""Seconds in which a commit is live, as it comes: Argo CD passes over every second look."""
OVERLAY = base64.b64encode(b"configMapGenerator: [{name: tip, literals: [of=today]}]\n").decode()
INTRUDER = """apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: everything-for-rental}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{kind: ServiceAccount, name: rental, namespace: mobility-dev}]
"""


@pytest.fixture(scope="module")
def laptop(local: Stack) -> Laptop:
    return Laptop(local)


@pytest.fixture(scope="module")
def said(laptop: Laptop) -> str:
    """What `make local` says from nothing."""
    images.node(), images.python()  # which a registry would have
    return laptop.local()


def test_from_nothing_to_a_card(said: str) -> None:
    """One command; how long each phase took; where everything is, how it is doing, and who gets in how."""
    for phase in ("doctor", "platform", "images", "services"):
        assert re.search(rf"^== {phase}: \d+ s$", said, re.MULTILINE), said
    whole = re.search(r"^local: doctor \d+ s, platform .* in all (\d+) s$", said, re.MULTILINE)
    assert whole, said
    assert int(whole[1]) < WHOLE, whole[0]
    for service in SERVICES:
        assert re.search(
            rf"^{service}-dev: https://{service}\.dev\.idp\.localhost:\d+  Synced, Healthy$", said, re.MULTILINE
        )
    assert re.search(r"^Argo CD: https://\S+  admin / \S+$", said, re.MULTILINE)
    assert re.search(r"^the forge: https://git\.idp\.localhost:\d+  ada / \S+ or grace / ", said, re.MULTILINE)
    assert re.search(r"^next: python -m idp trust --stack local", said, re.MULTILINE)
    print(whole[0])  # noqa: T201


@pytest.mark.usefixtures("said")
def test_each_answers_at_its_address_with_the_stacks_certificate(laptop: Laptop) -> None:
    """As a browser sees it that trusts `idp trust`; it runs what its repository holds."""
    for service in SERVICES:
        head = laptop.client("ada").get(f"repos/acme/{service}/branches/main")["commit"]["id"]
        assert until(lambda name=service: laptop.version(name), 60, laptop.cluster.trouble) == head


def test_a_call_crosses_the_three(laptop: Laptop) -> None:
    """Platform asks rental and vehicles, and rental vehicles."""
    answer = until(lambda: laptop.ask("platform", "/overview/1"), 60, laptop.cluster.trouble)

    assert answer["vehicle"]["id"] == answer["history"]["vehicle"]["id"] == "1"


def test_people_find_the_forge_at_its_address(laptop: Laptop) -> None:
    """With pages, and the repositories on them."""
    page = laptop.cluster.request(f"{laptop.outputs['urls']['forge']}/acme/rental", authority=laptop.authority)

    assert page.status == 200
    assert "Rents vehicles" in page.text


def test_a_member_pushes_and_it_is_live(laptop: Laptop, tmp_path: Path) -> None:
    """The branch of the first environment is free for its team; Argo CD finds the commit without a hand."""
    folder = laptop.clone(tmp_path / "rental", "rental", "env/dev")
    live(laptop, annotated(folder, "pushed"), laptop.push(folder))


def annotated(folder: Path, value: str) -> Callable[[Laptop], bool]:
    """Have the Deployment say something, and what looks whether it does."""
    overlay = folder / "deploy" / "overlays" / "dev" / "kustomization.yaml"
    kept = re.sub(r"(?m)^commonAnnotations: .*\n", "", overlay.read_text())
    overlay.write_text(f"{kept}commonAnnotations: {{idp.test/pushed: '{value}'}}\n")

    def there(laptop: Laptop) -> bool:
        found = laptop.stack.kubectl("get", "deployment", "rental", "-n", HOME)
        return found["metadata"].get("annotations", {}).get("idp.test/pushed") == value

    return there


def live(laptop: Laptop, there: Callable[[Laptop], bool], commit: str, seconds: float = LIVE) -> None:
    """Wait for it with no hand; the limit is the one that is promised, where nothing else is said."""
    began = time.monotonic()
    until(lambda: there(laptop), seconds, lambda: f"{commit} is not live{laptop.cluster.trouble()}")
    print(f"live after {time.monotonic() - began:.0f} s")  # noqa: T201


def test_a_broken_commit_harms_nothing_and_its_fix_needs_no_hand(laptop: Laptop, tmp_path: Path) -> None:
    """Argo CD says what is wrong; what ran before goes on."""
    folder = laptop.clone(tmp_path / "rental", "rental", "env/dev")
    overlay = folder / "deploy" / "overlays" / "dev" / "kustomization.yaml"
    whole = overlay.read_text()
    overlay.write_text(whole + "components: [../nowhere]\n")
    laptop.push(folder)

    def told() -> str | None:
        found = laptop.cluster.get("application", "rental-dev", "-n", "argocd")["status"].get("conditions", [])
        return next((one["message"] for one in found if one["type"] == "ComparisonError"), None)

    assert "nowhere" in until(told, LIVE + 60, laptop.cluster.trouble)
    assert laptop.ask("rental")

    overlay.write_text(whole)
    live(laptop, annotated(folder, "mended"), laptop.push(folder), LIVE + 60)  # Argo CD is slower after an error
    laptop.cluster.synced("rental-dev")


def test_a_push_takes_no_more_of_the_cluster_than_a_teams_part(laptop: Laptop, tmp_path: Path) -> None:
    """What is not a team's is refused by Argo CD, as on GitHub; and said."""
    folder = laptop.clone(tmp_path / "rental", "rental", "env/dev")
    overlay = folder / "deploy" / "overlays" / "dev"
    (overlay / "intruder.yaml").write_text(INTRUDER)
    kustomization = overlay / "kustomization.yaml"
    whole = kustomization.read_text()
    kustomization.write_text(re.sub(r"(?m)^resources:\n", "resources:\n  - intruder.yaml\n", whole))
    assert "intruder" in kustomization.read_text()
    laptop.push(folder)

    def refused() -> str | None:
        found = laptop.cluster.get("application", "rental-dev", "-n", "argocd")["status"]
        said = json.dumps([found.get("operationState", {}), found.get("conditions", [])])
        return said if "not permitted in project" in said else None

    assert "ClusterRoleBinding" in until(refused, LIVE + 60, laptop.cluster.trouble)
    assert "everything-for-rental" not in laptop.stack.names("clusterrolebindings")

    kustomization.write_text(whole)
    (overlay / "intruder.yaml").unlink()
    laptop.cluster.synced("rental-dev", laptop.push(folder))


def test_a_member_pushes_to_no_other_repository(laptop: Laptop, tmp_path: Path) -> None:
    """The GitOps repository can be read, and is the platform's."""
    folder = laptop.clone(tmp_path / "gitops", "idp-gitops")
    (folder / "mine").write_text("mine")
    laptop.git(folder, "add", ".")
    laptop.git(folder, "commit", "-q", "-m", "Mine")

    assert laptop.git(folder, "push", "-q", "origin", "HEAD:main", check=False).returncode != 0


def test_nothing_but_what_needs_it_reaches_the_forge(laptop: Laptop) -> None:
    """A team's pod does not, not even by its address in the cluster."""
    asked = ("curl", "--silent", "--max-time", "5", "http://git.forge.svc.cluster.local/api/healthz")

    assert laptop.cluster.inside(HOME, *asked).returncode != 0
    assert laptop.cluster.inside("default", *asked).returncode != 0


def test_the_inner_loop(laptop: Laptop, tmp_path: Path) -> None:
    """Clone, edit, push, `idp build`, and it is seen: the version that answers is the commit."""
    folder = laptop.clone(tmp_path / "vehicles", "vehicles")
    index = folder / "docs" / "index.md"
    index.write_text(index.read_text() + "\nMore.\n")
    commit = laptop.push(folder)

    assert "is committed to env/dev" in laptop.build("vehicles")
    until(lambda: laptop.version("vehicles") == commit, LIVE + 60, laptop.cluster.trouble)


def look_again(laptop: Laptop) -> None:
    """Have the repositories listed now."""
    refresh = "argocd.argoproj.io/application-set-refresh=true"
    laptop.cluster.kubectl("annotate", "applicationset", "discovery", "-n", "argocd", "--overwrite", refresh)


def test_discovery_looks_into_the_forge(laptop: Laptop) -> None:
    """The generator is given the token that it needs; what has an entry is left out, and what has none comes to run."""

    def settled() -> bool:
        found = (
            laptop.cluster.get("applicationset", "discovery", "-n", "argocd").get("status", {}).get("conditions", [])
        )
        states = {each["type"]: each["status"] for each in found}
        return states.get("ResourcesUpToDate") == "True" and states.get("ErrorOccurred") != "True"

    look_again(laptop)  # at first it may have met a repository that had no branch yet
    until(settled, 90, lambda: laptop.cluster.kubectl("describe", "applicationset", "discovery", "-n", "argocd"))
    names = laptop.stack.names("applications", "-n", "argocd")
    assert names == {"root", *(f"{service}-dev" for service in SERVICES)}

    administrator = laptop.client(naming.FORGE_ADMINISTRATOR)
    administrator.send("POST", "orgs/acme/repos", {"name": "tips", "default_branch": "main"})
    overlay = {"operation": "create", "path": "deploy/overlays/dev/kustomization.yaml", "content": OVERLAY}
    administrator.send("POST", "repos/acme/tips/contents", {"branch": "main", "message": "Tips", "files": [overlay]})
    look_again(laptop)
    until(lambda: "tips.dev" in laptop.stack.names("applications", "-n", "argocd"), 60, laptop.cluster.trouble)
    laptop.cluster.synced("tips.dev")


def test_a_second_up_changes_nothing(laptop: Laptop) -> None:
    """Nor does a refresh before it."""
    assert laptop.desk.changes("up", "--skip-preview") == {}


def test_no_secret_is_anywhere_but_in_its_one_secret(laptop: Laptop, said: str) -> None:
    """Neither in the cluster's objects nor in the state in clear; the card alone shows people theirs."""
    password = laptop.cluster.secret("forge", "administrator", "password").decode()
    token = laptop.cluster.secret("argocd", "repo-creds", "password").decode()
    state = json.dumps(laptop.desk.state()["resources"])

    assert leaks.in_cluster(laptop.stack.kubeconfig, password) == {"forge/administrator password"}
    assert leaks.in_cluster(laptop.stack.kubeconfig, token) == {"argocd/repo-creds password", "argocd/scm-creds token"}
    assert password not in state
    assert token not in state
    assert token not in said
    assert [each for each in laptop.outputs["forgePasswords"].values() if each in state] == []


def test_a_service_retires_and_comes_back(laptop: Laptop) -> None:
    """Archived in the forge and gone from the cluster; then the same repository again, and it runs what it ran."""
    number = laptop.client("ada").get("repos/acme/platform")["id"]
    running = laptop.version("platform")
    active, retired = (
        "      description: Asks the other two on a timer",
        "      state: retired\n      description: Asks nobody",
    )
    laptop.desk.edit(active, retired)
    laptop.up()
    assert laptop.client("ada").get("repos/acme/platform")["archived"]
    until(
        lambda: "platform-dev" not in laptop.stack.names("applications", "-n", "argocd"),
        60,
        laptop.cluster.trouble,
    )
    until(lambda: "platform" not in laptop.stack.names("deployments", "-n", HOME), 60, laptop.cluster.trouble)

    laptop.desk.edit(retired, active)
    laptop.up()
    found = laptop.client("ada").get("repos/acme/platform")
    assert (found["archived"], found["id"]) == (False, number)
    laptop.cluster.synced("platform-dev")
    until(lambda: laptop.version("platform") == running, 60, laptop.cluster.trouble)


def test_a_cluster_that_was_lost_comes_back_with_what_was_kept(laptop: Laptop) -> None:
    """`keep`, then the cluster goes; the next `make local` says what comes back from where, and everything runs again."""
    kept = laptop.desk.idp("keep", "--stack", "local").stdout
    assert re.search(r"^keep: vehicles: 1 commit of people's kept in ", kept, re.MULTILINE), kept
    built, passwords = laptop.version("vehicles"), laptop.outputs["forgePasswords"]
    laptop.stack.docker.delete(laptop.stack.cluster["name"])

    watched = [password for login, password in passwords.items() if login != naming.FORGE_ADMINISTRATOR]
    with leaks.arguments(
        watched
    ) as shown:  # the administrator's is one in its pod: Gitea's command takes it no other way
        said = laptop.local()
    assert shown == set()
    assert re.search(r"^up: vehicles: comes back from the bundle of ", said, re.MULTILINE), said
    assert re.search(
        r"^up: platform: comes back as its template makes it; what people pushed to it since is lost",
        said,
        re.MULTILINE,
    )
    after = Laptop(laptop.stack)
    assert after.outputs["forgePasswords"] == passwords
    assert after.client("ada").get("repos/acme/vehicles/branches/main")["commit"]["id"] == built
    assert until(lambda: after.version("vehicles"), 60, after.cluster.trouble) == built


def test_the_end_of_it_loses_nothing(laptop: Laptop) -> None:
    """`make local-down` without a terminal: what people made is kept, nothing runs, and passwords are there for the next time."""
    said = laptop.desk.idp("down", "--stack", "local", "--yes").stdout

    assert re.search(r"^down: vehicles in the forge has 1 commit of people's$", said, re.MULTILINE), said
    assert re.search(r"^down: vehicles: 1 commit of people's kept in \S+/vehicles\.bundle$", said, re.MULTILINE), said
    assert "down: repositories went with the cluster; keys and passwords are kept for the next `up`" in said
    assert laptop.stack.docker.containers(laptop.stack.cluster["name"]) == {}
    left = {one["type"].rpartition(":")[2] for one in laptop.desk.state()["resources"]}
    assert "Password" in left
    assert not left & {"ForgeRepository", "ForgeOrganization", "ForgeToken", "KindCluster"}
