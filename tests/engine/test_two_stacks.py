"""dev, which makes the repositories, and prod, which refers to them, as committed: two clusters and one GitHub.

One word of prod's is another here: a bare API server has no cert-manager, so that the stack installs it. Of volumes it has
the class alone, without which doctor would send its user away.

The tests of this module are chapters of one life: what is released to dev is promoted to prod, and runs there.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from github import GithubException

from idp import naming
from tests.engine.conftest import (
    ARGOCD_TOKEN,
    FOLDER_TOKEN,
    GITHUB_TOKEN,
    OAUTH_ID,
    OAUTH_SECRET,
    TEAM_TOKEN,
    WORKFLOW_TOKEN,
)  # fmt: skip
from tests.support import apiserver, lab, leaks
from tests.support.argocd import ArgoCd
from tests.support.desk import Desk
from tests.support.promotion import Clone
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.github import GitHubServer

pytestmark = [lab.requires_argocd, pytest.mark.timeout(900)]

SERVICE = "vehicles"
"""The one that has a file of its own, which both stacks read."""
DIGEST, OTHER = ("sha256:" + pair * 32 for pair in ("ab", "cd"))
PROD = {
    "GITHUB_TOKEN": FOLDER_TOKEN, "ARGOCD_GITHUB_TOKEN": ARGOCD_TOKEN, "OAUTH_CLIENT_ID": OAUTH_ID,
    "OAUTH_CLIENT_SECRET": OAUTH_SECRET, "PULUMI_CONFIG_PASSPHRASE": "shared by those who run prod",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Life:
    """Both stacks after their first `up`."""

    dev: Desk
    prod: Desk
    github: GitHubServer
    folders: list[dict[str, str]]
    """The GitOps repository's files, after dev's `up` and after prod's."""
    said: str
    """What prod's `up` printed."""
    shown: set[str]
    """Credentials that showed among the arguments of a process meanwhile."""


class ProdDesk(Desk):
    """A clone on a desk whose stack keeps its state where its committed file says."""

    @property
    def engines(self) -> dict[str, str]:
        """As the platform's own command calls `pulumi`."""
        return self.environment | {"PULUMI_BACKEND_URL": self.backend}

    @property
    def environment(self) -> dict[str, str]:
        """With the passphrase that is shared as the state is."""
        return super().environment | self.secrets

    @property
    def backend(self) -> str:
        """The address in the committed file."""
        found = re.search(r"idp:backend: (\S+)", (self.project / self.stack_file.name).read_text())
        assert found
        return found[1]


def files(github: GitHubServer) -> dict[str, str]:
    """What the GitOps repository holds."""
    return dict(github.files(naming.GITOPS_REPOSITORY))


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory, github: GitHubServer) -> Iterator[Life]:
    home = tmp_path_factory.mktemp("two")
    dev = Desk(
        home=home / "dev", github_url=github.url,
        secrets={"GITHUB_TOKEN": GITHUB_TOKEN, "ARGOCD_GITHUB_TOKEN": ARGOCD_TOKEN},
    )  # fmt: skip
    server = apiserver.start(home / "cluster", controllers=True)
    server.add_storage_class("fast", default=True)
    (home / "kubeconfig").write_text(server.kubeconfig("acme-prod"))
    (home / "state").mkdir()
    prod = ProdDesk(home=home / "prod", github_url=github.url, stack="prod", secrets=PROD)
    prod.edit("kubeconfig: ~/.kube/config", f"kubeconfig: {home / 'kubeconfig'}")
    prod.edit("certManager: existing", "certManager: install")
    prod.edit("s3://acme-idp-state?region=eu-central-1", f"file://{home / 'state'}")
    dev.up()
    before = files(github)
    with leaks.arguments(PROD.values()) as shown:
        said = prod.idp("up", "--yes", "--stack", "prod").stdout
    yield Life(dev=dev, prod=prod, github=github, folders=[before, files(github)], said=said, shown=shown)
    dev.close()
    server.stop()


@pytest.fixture(scope="module")
def in_prod(life: Life, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ArgoCd]:
    """The Argo CD of prod's cluster."""
    with ArgoCd(
        tmp_path_factory.mktemp("prod") / "argocd", (life.prod.home.parent / "kubeconfig").read_text()
    ) as argocd:
        yield argocd


@pytest.fixture(scope="module")
def clone(life: Life, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """The service's repository as its workflows have it."""
    made = Clone(
        server=life.github, name=SERVICE, folder=tmp_path_factory.mktemp("team") / SERVICE, environments=("dev", "prod"),
        image=f"containers.{life.github.url.removeprefix('http://')}/acme/{SERVICE}", owner=GITHUB_TOKEN,
        workflow=WORKFLOW_TOKEN, team=TEAM_TOKEN,
    )  # fmt: skip
    made.fetch()
    return made


def test_each_stack_commits_its_own_folder(life: Life) -> None:
    """What one stack runs, no other stack's `up` can change."""
    before, after = life.folders
    folders = {path.split("/")[1] for path in after if path.startswith("clusters/")}

    assert folders == {"dev", "prod"}
    assert {path: text for path, text in after.items() if not path.startswith("clusters/prod/")} == before


def test_only_the_owning_stack_writes_to_a_services_repository(life: Life) -> None:
    """The other one refers to it; its token could not write there."""
    writers = {one.token for one in life.github.requests if one.write and f"/acme/{SERVICE}" in one.path}

    assert writers == {"token-1"}


def test_one_service_has_a_host_on_each_stack(life: Life, in_prod: ArgoCd, tmp_path: Path) -> None:
    """One repository, an overlay each, and nothing of a stack in it: host and class come with the stack's Application."""
    with ArgoCd(tmp_path / "argocd", life.dev.outputs()["kubeconfig"]) as in_dev:
        for argocd, stack, domain in ((in_dev, "dev", "idp.localhost"), (in_prod, "prod", "platform.acme.example")):
            wanted = [f"{SERVICE}.{stack}.{domain}"]
            namespace = f"mobility-{stack}"
            until(
                lambda argocd=argocd, namespace=namespace, wanted=wanted: (
                    hosts(argocd.get("ingresses", "-n", namespace)) == wanted
                ),
                about=argocd.complaints,
            )


def hosts(found: Any) -> list[str]:
    """The hosts of the service's Ingresses."""
    return [item["spec"]["rules"][0]["host"] for item in found["items"] if item["metadata"]["name"] == SERVICE]


def test_a_second_up_of_either_changes_nothing(life: Life) -> None:
    """Neither sees the other's work as a change."""
    assert life.dev.changes() == {}
    assert life.prod.changes() == {}


def test_the_state_of_prod_is_where_its_committed_file_says(life: Life) -> None:
    """Nobody can run prod on a state of his own by mistake, and no other folder is asked for its passphrase."""
    shared = life.prod.home.parent / "state"

    assert list(shared.rglob("prod.json"))
    assert not list((life.prod.stacks / "backend").rglob("*.json"))


def test_its_cluster_is_asked_as_whoever_asks(life: Life) -> None:
    """The state is shared, and hands nobody the credentials of whoever brought it up last."""
    file = life.prod.home.parent / "kubeconfig"
    mine = file.read_text()

    found = json.loads(life.prod.idp("status", "--stack", "prod", "--format", "json", check=False).stdout)
    file.write_text(re.sub(r"token: \S+", "token: nobodys", mine))
    refused = life.prod.idp("status", "--stack", "prod", check=False)
    file.write_text(mine)

    assert "kubeconfig" not in life.prod.outputs()
    assert "vehicles-prod" in {row["name"] for row in found}
    assert "401" in refused.stderr


def test_a_commit_without_its_status_is_not_taken(clone: Clone) -> None:
    """The ruleset that dev's `up` made asks for it."""
    clone.release(DIGEST)

    with pytest.raises(GithubException, match="promote/prod"):
        clone.merge("env/prod", "env/dev")
    assert DIGEST not in clone.overlay("prod")


def test_a_promotion_by_pull_request_moves_the_digest(clone: Clone, in_prod: ArgoCd) -> None:
    """The workflow marks, somebody merges, and prod's Argo CD runs the very image; what is released next stays in dev."""
    done = clone.promote("prod")
    assert done.returncode == 0, done.stderr
    clone.merge("env/prod", "env/dev")
    clone.release(OTHER)

    def image() -> str:
        deployment = in_prod.get("deployment", SERVICE, "-n", "mobility-prod")
        return deployment["spec"]["template"]["spec"]["containers"][0]["image"]

    until(lambda: image() == f"{clone.image}@{DIGEST}", about=lambda: (image(), in_prod.complaints()))
    assert OTHER in clone.overlay("dev")
    assert OTHER not in clone.overlay("prod")


def test_argo_cd_makes_dex_of_the_settings_and_the_secret(in_prod: ArgoCd, tmp_path: Path) -> None:
    """Its own program resolves what the settings point to with a dollar sign, and adds the address to come back to."""
    in_prod.once("argocd-dex", "gendexcfg", "--namespace", "argocd", "--out", str(tmp_path / "dex.yaml"))

    (connector,) = yaml.safe_load((tmp_path / "dex.yaml").read_text())["connectors"]
    assert (connector["type"], connector["config"]["orgs"]) == ("github", [{"name": "acme"}])
    assert (connector["config"]["clientID"], connector["config"]["clientSecret"]) == (OAUTH_ID, OAUTH_SECRET)
    assert connector["config"]["redirectURI"] == "https://argocd.platform.acme.example/api/dex/callback"


CREDENTIALS = {
    "githubToken": (FOLDER_TOKEN, set[str]()),
    "argocdGithubToken": (ARGOCD_TOKEN, {"argocd/repo-creds password", "argocd/scm-creds token"}),
    "oauthClientId": (OAUTH_ID, {"argocd/argocd-secret dex.github.clientId"}),
    "oauthClientSecret": (OAUTH_SECRET, {"argocd/argocd-secret dex.github.clientSecret"}),
}
"""By config key: its value, and the only places of the cluster that hold it."""


@pytest.mark.parametrize("key", CREDENTIALS)
def test_a_credential_is_in_its_one_secret_and_nowhere_else(key: str, life: Life) -> None:
    """Not in a ConfigMap, a release's values or another namespace; nor in state, plan, log, arguments or repositories."""
    secret, where = CREDENTIALS[key]

    assert leaks.in_cluster(life.prod.home.parent / "kubeconfig", secret) == where
    plan = life.prod.idp("preview", "--stack", "prod", "--format", "json").stdout
    repositories = [*files(life.github).values(), *life.github.files(SERVICE).values()]
    state = [file.read_text() for file in (life.prod.home.parent / "state").rglob("*") if file.is_file()]
    written = [file.read_text() for file in life.prod.stacks.rglob("*") if file.is_file()]
    assert not [text for text in (life.said, plan, *repositories, *state, *written) if secret in text]
    assert secret not in life.shown


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("githubToken", "githubToken: no token"),
        ("argocdGithubToken", "argocdGithubToken: no token"),
        ("oauthClientId", "oauthClientId: an OAuth app has an id and a secret"),
        ("oauthClientSecret", "oauthClientSecret: an OAuth app has an id and a secret"),
    ],
)
def test_a_credential_that_is_missing_is_named_before_anything_is_changed(key: str, says: str, life: Life) -> None:
    """By its key, with the two ways of giving it."""
    variable = {"githubToken": "GITHUB_TOKEN", "argocdGithubToken": "ARGOCD_GITHUB_TOKEN"}.get(key)
    variable = variable or {"oauthClientId": "OAUTH_CLIENT_ID", "oauthClientSecret": "OAUTH_CLIENT_SECRET"}[key]

    done = life.prod.run("preview", check=False, **{variable: ""})

    assert done.returncode != 0
    assert says in done.stdout + done.stderr
    assert f"config set --secret {key}" in done.stdout + done.stderr
