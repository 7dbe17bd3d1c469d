"""`make up` and `make down` on a desk: the stack's own folder, a new life after each end, and a second folder beside it.

The tests of this module are the chapters of one desk's life and run in their order.
"""

from __future__ import annotations

import json
import re
import socket
import stat
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from idp.cli import recover
from idp.lifecycle import recovery
from idp.lifecycle.findings import HalfInstalled
from idp.lifecycle.locks import BusyError
from tests.engine.agreement import NOT_DECLARED
from tests.engine.conftest import ARGOCD_TOKEN, GITHUB_TOKEN
from tests.support.desk import Desk
from tests.support.engine import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.github import GitHubServer

pytestmark = pytest.mark.timeout(900)  # a whole life of a stack takes 40 s where nothing else runs

SERVICES = ("platform", "rental", "vehicles")
KEPT = ("argocdAdministratorPassword", "grafanaAdministratorPassword", "sealingCertificate", "certificateAuthority")
SECRETS = {"GITHUB_TOKEN": GITHUB_TOKEN, "ARGOCD_GITHUB_TOKEN": ARGOCD_TOKEN}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, github: GitHubServer) -> Iterator[Desk]:
    made = Desk(home=tmp_path_factory.mktemp("desk") / "one", github_url=github.url, secrets=SECRETS)
    yield made
    made.close()


def people_would_miss(github: GitHubServer) -> dict[str, Any]:
    """Branches' heads, settings, topics, access and rulesets of every repository, with GitHub's own numbers."""
    found: dict[str, Any] = {}
    for name in (*SERVICES, "idp-gitops"):
        record = github.service.state.find("acme", name)
        assert record is not None
        refs = subprocess.run(
            ["git", "-C", github.service.state.bare(record).folder, "for-each-ref", "--format=%(refname) %(objectname)"],
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        found[name] = (refs, record.settings, record.topics, record.teams, record.rulesets)
    return json.loads(json.dumps(found))


def numbers(rulesets: list[dict[str, Any]]) -> list[tuple[int, str, Any]]:
    """What a ruleset is and asks for; an `up` after an import writes the same once more."""
    return [(one["id"], one["name"], sorted(one["rules"], key=lambda rule: rule["type"])) for one in rulesets]


def test_the_first_up_needs_no_command_before_it(desk: Desk, github: GitHubServer) -> None:
    """Stack, backend, salt and passphrase are made in a folder that git ignores and nobody else may read."""
    committed = (desk.project / "Pulumi.dev.yaml").read_text()

    changes = desk.up()

    ignored = (PROJECT / ".gitignore").read_text().splitlines()
    made = [one for one in desk.state()["resources"] if one["type"] not in NOT_DECLARED[1:]]
    assert changes == {"created": len(made)}  # providers that the engine adds are not counted
    assert (desk.project / "Pulumi.dev.yaml").read_text() == committed
    assert stat.S_IMODE(desk.stacks.stat().st_mode) == 0o700
    assert stat.S_IMODE((desk.stacks / "passphrase").stat().st_mode) == 0o600
    assert f"/{desk.stacks.name}/" in ignored


def test_the_engine_reads_the_committed_config(desk: Desk) -> None:
    """The file made from it says the same, and has the salt that the committed one must not have."""
    made = yaml.safe_load((desk.stacks / "dev" / "Pulumi.dev.yaml").read_text())
    committed = yaml.safe_load((desk.project / "Pulumi.dev.yaml").read_text())

    assert made["config"]["idp:services"] == committed["config"]["idp:services"]
    assert "encryptionsalt" in made
    assert "encryptionsalt" not in committed


@pytest.mark.parametrize("page", ["001-architecture", "002-gitops-bootstrap", "004-sealed-secrets"])
def test_the_commands_of_the_documents_run(page: str, desk: Desk) -> None:
    """As they stand there, one after the other, beside a stack that is up."""
    blocks = re.findall(r"```bash\n(.*?)```", (PROJECT / "docs" / f"{page}.md").read_text(), re.DOTALL)
    environment = desk.environment | {"PATH": f"{desk.project / '.venv' / 'bin'}:{desk.environment['PATH']}"}

    done = subprocess.run(
        ["bash", "-eux", "-o", "pipefail", "-c", "\n".join(blocks)], cwd=desk.project, env=environment,
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip

    assert blocks
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_the_certificates_that_people_get_are_the_stacks_own(desk: Desk) -> None:
    """Sealing asks no cluster, and trusting neither: both are in the state, for everybody to see."""
    sealed = yaml.safe_load(desk.idp("seal", "database", "key=@Pulumi.yaml", "-n", "mobility-dev").stdout)
    trusted = desk.idp("trust", "--out", "ca.pem")

    assert sealed["spec"]["encryptedData"].keys() == {"key"}
    assert (desk.project / "ca.pem").read_text().strip() == desk.outputs()["certificateAuthority"].strip()
    assert "Trust it once" in trusted.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param(("database", "password=hunter2", "-n", "x"), "a value among the arguments", id="a value"),
        pytest.param(("database",), "say which: `seal NAME KEY... --namespace NAMESPACE`", id="no key"),
        pytest.param(("database", "a", "b", "-n", "x"), "standard input holds one value", id="two values at once"),
        pytest.param(("--from", "Pulumi.yaml"), "no Secret with a name and a namespace", id="no Secret"),
        pytest.param(("database", "a=@nowhere", "-n", "x"), "nowhere", id="no file"),
    ],
)
def test_what_cannot_be_sealed_is_told(arguments: tuple[str, ...], told: str, desk: Desk) -> None:
    """With what to write instead."""
    done = desk.idp("seal", *arguments, check=False)

    assert done.returncode == 1
    assert told in done.stderr
    assert done.stdout == ""


def test_a_secret_given_once_is_kept_when_the_config_changes(desk: Desk) -> None:
    """The file is written anew from the committed one each time; what is encrypted in it stays."""
    desk.idp("pulumi", "config", "set", "--secret", "argocdGithubToken", ARGOCD_TOKEN)
    desk.edit("Rents vehicles", "Rents bicycles")

    desk.idp("recover")

    text = (desk.stacks / "dev" / "Pulumi.dev.yaml").read_text()
    assert "Rents bicycles" in text
    assert "secure" in text
    assert ARGOCD_TOKEN not in text
    desk.edit("Rents bicycles", "Rents vehicles")


def test_after_down_and_up_everything_is_as_it_was(desk: Desk, github: GitHubServer) -> None:
    """Only what ran is new: not one request changed anything on GitHub; passwords, sealing key and authority are the same."""
    before, kept = people_would_miss(github), {name: desk.outputs()[name] for name in KEPT}

    desk.idp("down", "--yes")

    assert not any("kubernetes:" in one["type"] or "KindCluster" in one["type"] for one in desk.state()["resources"])
    assert list((desk.home / "clusters").glob("acme*")) == []
    writes = len([one for one in github.requests if one.method != "GET"])
    assert desk.up()["created"] > 15
    assert people_would_miss(github) == before
    assert len([one for one in github.requests if one.method != "GET"]) == writes
    assert {name: desk.outputs()[name] for name in KEPT} == kept


def test_after_a_whole_destroy_up_takes_the_repositories_in_again(desk: Desk, github: GitHubServer) -> None:
    """The state is empty then, and GitHub would answer 422 to each."""
    before = people_would_miss(github)
    desk.run("destroy")
    assert desk.state().get("resources", []) == []

    done = desk.idp("up", "--yes")

    assert "Repository rental: this stack made it before; taken into the state" in done.stdout
    after = people_would_miss(github)
    assert {name: after[name][0] for name in after} == {name: before[name][0] for name in before}
    assert {name: numbers(after[name][4]) for name in after} == {name: numbers(before[name][4]) for name in before}
    assert github.count("DELETE") == 0
    assert desk.changes() == {}


def test_a_second_folder_takes_nothing_over_by_itself(
    desk: Desk, github: GitHubServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Another clone of the same project, with a state of its own, meets repositories and a cluster that it did not make."""
    before = people_would_miss(github)
    other = Desk(home=tmp_path_factory.mktemp("other") / "two", github_url=github.url, secrets=SECRETS)

    refused = other.idp("up", "--yes", check=False)

    assert refused.returncode == 1
    for name in SERVICES:
        assert f"acme/{name}: it is there already and names project idp" in refused.stderr
    assert other.state().get("resources", []) == []
    assert people_would_miss(github) == before

    other.idp("recover", "--take-over")
    taken = {one["urn"].rpartition("::")[2] for one in other.state()["resources"] if "github:index" in one["type"]}
    assert set(SERVICES) <= taken
    other.run("destroy")
    other.close()
    assert people_would_miss(github) == before
    assert github.count("DELETE") == 0


def test_a_foreign_repository_is_never_taken(desk: Desk, github: GitHubServer) -> None:
    """Not even with --take-over: nothing in it says that it is this platform's."""
    from github import Auth, Github  # noqa: PLC0415

    client = Github(base_url=f"{github.url}/api/v3", auth=Auth.Token(GITHUB_TOKEN))
    client.get_organization("acme").create_repo("billing", auto_init=True)
    entry = desk.project / "services" / "billing.yaml"
    entry.parent.mkdir(exist_ok=True)
    entry.write_text("team: mobility\ntemplate: node\ndescription: Bills\n")

    done = desk.idp("recover", "--take-over", check=False)

    entry.unlink()
    assert done.returncode == 1
    assert "acme/billing: it is there already, and this platform did not make it" in done.stderr


def test_environments_in_another_order_are_refused_once_for_all_services(desk: Desk, github: GitHubServer) -> None:
    """Their workflows would push where no push is taken, or promote past the new one; nothing is changed before it is told."""
    asked = "  idp:environments: [test, dev, prod]\n  idp:deploys: [dev]\n"
    desk.edit("  idp:deploys: [dev]\n", asked)
    seen = len(github.requests)

    done = desk.idp("recover", check=False)

    desk.edit(asked, "  idp:deploys: [dev]\n")
    assert done.returncode == 1
    assert done.stderr.count("write `[dev, prod, test]`") == 1
    assert "1 thing in the way; nothing was changed." in done.stderr
    assert [exchange for exchange in github.requests[seen:] if exchange.write] == []


def test_a_run_of_somebody_else_is_waited_for(desk: Desk) -> None:
    """A lock whose process lives is theirs; one of another machine may be."""
    folder = desk.stacks / "backend" / ".pulumi" / "locks" / "organization" / "idp" / "dev"
    folder.mkdir(parents=True, exist_ok=True)
    lock = folder / "0.json"
    lock.write_text(
        json.dumps({"pid": 1, "username": "ada", "hostname": "elsewhere", "timestamp": "2026-01-01T00:00:00Z"})
    )

    done = desk.idp("recover", check=False)

    assert lock.exists()
    lock.unlink()
    assert done.returncode == 1
    assert "pulumi (pid 1 of ada on elsewhere, since 2026-01-01T00:00:00) is at work on this stack" in done.stderr


RECORD = """apiVersion: v1
kind: Secret
metadata: {name: sh.helm.release.v1.traefik.v2, namespace: traefik, labels: {owner: helm, status: pending-install}}
"""
"""Of an installation that goes on."""


def test_an_installation_that_goes_on_is_left_alone(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock in a bucket is not to be seen from here: the engine meets it, before anything is deleted in the cluster."""
    for name, value in desk.engines.items():
        monkeypatch.setenv(name, value)
    stack = recover.opened(desk.project, "dev")
    state, before = stack.engine.state(), stack.engine.state(secrets=True).resources
    release = stack.plan.one("kubernetes:helm.sh/v3:Release", "traefik")
    begun = replace(release, urn=f"{release.urn}-begun")
    found = HalfInstalled(node=begun, name="traefik", namespace="traefik", records=("sh.helm.release.v1.traefik.v2",))
    kubeconfig = desk.home / "kubeconfig"
    kubeconfig.write_text(desk.outputs()["kubeconfig"])
    lock = desk.stacks / "backend" / ".pulumi" / "locks" / "organization" / "idp" / "dev" / "0.json"
    lock.write_text(
        json.dumps({"pid": 1, "username": "ada", "hostname": "elsewhere", "timestamp": "2026-01-01T00:00:00Z"})
    )

    def kubectl(*arguments: str) -> str:
        command = ["kubectl", "--kubeconfig", str(kubeconfig), "-n", "traefik", *arguments]
        return subprocess.run(command, input=RECORD, check=True, capture_output=True, text=True).stdout

    kubectl("apply", "-f", "-")
    with pytest.raises(BusyError, match="created by ada@elsewhere"):
        recovery.take_up(stack, state, [found], print)
    there = kubectl("get", "secrets", "-l", "status=pending-install", "-o", "name")
    lock.unlink()
    recovery.take_up(stack, state, [found], print)

    assert there
    assert kubectl("get", "secrets", "-l", "status=pending-install", "-o", "name") == ""
    assert stack.engine.state(secrets=True).resources == before


def test_a_run_killed_while_it_wrote_its_state_loses_nothing(desk: Desk) -> None:
    """The engine moves the old state away before it writes the new one: in between there is none."""
    before = desk.state()
    backend = desk.stacks / "backend" / ".pulumi"
    file = backend / "stacks" / "idp" / "dev.json"
    gone = {"pid": 2**22 + 1, "username": "ada", "hostname": socket.gethostname(), "timestamp": "2026-01-01T00:00:00Z"}
    lock = backend / "locks" / "organization" / "idp" / "dev" / "0.json"
    lock.write_text(json.dumps(gone))
    file.replace(f"{file}.bak")
    Path(f"{file}.bak.attrs").write_text("")

    desk.idp("recover")

    assert not lock.exists()
    assert desk.state()["resources"] == before["resources"]


def test_an_entry_that_is_gone_is_told(desk: Desk) -> None:
    """The repository stays, and nobody looks after it any more: that should not go unnoticed."""
    text = (desk.project / "Pulumi.dev.yaml").read_text()
    (desk.project / "Pulumi.dev.yaml").write_text(text[: text.index("    platform:")])

    done = desk.idp("recover")

    (desk.project / "Pulumi.dev.yaml").write_text(text)
    assert "warning: platform: its entry is gone. Its repository stays as it is" in done.stderr


def test_down_in_a_second_folder_says_which_cluster_it_leaves(
    desk: Desk, github: GitHubServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Another clone on the same machine made it; whoever knows that no other folder needs it says so, and it goes."""
    here = {"XDG_STATE_HOME": str(desk.home / "state"), "IDP_KIND_HOME": str(desk.home / "clusters")}
    other = Desk(home=tmp_path_factory.mktemp("third") / "three", github_url=github.url, secrets=SECRETS)

    left = other.idp("down", "--yes", check=False, **here)
    there = list((desk.home / "clusters").glob("acme*"))
    taken = other.idp("down", "--yes", "--take-over", **here)

    assert left.returncode == 1
    assert "Kind cluster acme-dev: it was made for stack dev of project idp, but not from this folder" in left.stderr
    assert there
    assert "Kind cluster acme-dev: another folder made it; removed" in taken.stdout
    assert not list((desk.home / "clusters").glob("acme*"))
