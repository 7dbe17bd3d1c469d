"""What people made outlives their forge: kept as bundles, put back into its successor, and never half."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from components.dynamic import kind_cluster
from components.dynamic.forge_bundle import BundleError, Bundles
from components.dynamic.forge_client import ForgeError
from components.dynamic.forge_organization import ForgeOrganizationProvider
from components.dynamic.forge_repository import ForgeRepositoryProvider
from idp.cli import keep
from idp.lifecycle import own_forge
from idp.lifecycle.state import FORGE_REPOSITORY, KIND, State
from tests.support.forge import clone, created, git, organization, push, repository

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.gitea import Gitea

BUNDLES = ("idp", "dev")


@pytest.fixture
def rental(forge: Gitea, tmp_path: Path) -> Path:
    """A repository as people leave it: commits on two branches and a tag; a clone of it."""
    ForgeOrganizationProvider().create(organization(forge))
    lose(forge)
    for file in Bundles.of(*BUNDLES).folder.glob("*"):
        file.unlink()
    created(forge)
    folder = clone(forge, tmp_path / "rental")
    assert push(folder).returncode == 0
    git(folder, "tag", "v1")
    git(folder, "push", "-q", "origin", "v1")
    git(folder, "checkout", "-q", "env/dev")
    assert push(folder, "env/dev").returncode == 0
    return folder


def lose(forge: Gitea, name: str = "rental") -> None:
    """As when the cluster goes."""
    forge.client().send("DELETE", f"repos/acme/{name}", unless=(404,))


def tips(forge: Gitea) -> dict[str, str]:
    """Branch or tag -> commit."""
    said = subprocess.run(
        ["git", "ls-remote", "--heads", "--tags", forge.git_url("acme/rental")], check=True, capture_output=True, text=True
    ).stdout  # fmt: skip
    return {line.split("\t")[1]: line.split("\t")[0] for line in said.splitlines()}


def kept(forge: Gitea) -> Path:
    return Bundles.of(*BUNDLES).keep(forge.access(), "acme/rental")


def test_commits_of_every_branch_are_peoples(forge: Gitea, rental: Path) -> None:
    """Each counts once, and those of the platform do not."""
    git(rental, "push", "-q", "origin", "HEAD:refs/heads/trial")

    assert own_forge.peoples(forge.client(), "acme") == {"rental": 2}


@pytest.mark.usefixtures("rental")
def test_a_bundle_brings_everything_back(forge: Gitea) -> None:
    """Every branch and tag with the very same commits; rules and the team's access are there as on any repository."""
    before = tips(forge)
    kept(forge)
    lose(forge)
    created(forge)

    assert tips(forge) == before
    assert forge.client().get("repos/acme/rental")["default_branch"] == "main"
    rules = {one["rule_name"] for one in forge.client().every("repos/acme/rental/branch_protections")}
    assert rules == {"main", "env/dev", "env/prod"}
    assert forge.client("ada", "adas-own-password-0").get("repos/acme/rental")["permissions"]["push"]


@pytest.mark.usefixtures("rental")
@pytest.mark.parametrize(
    ("environments", "new"),
    [(("dev", "prod", "staging"), "staging"), (("test", "dev", "prod"), "test")],
    ids=["after the last", "before the first"],
)
def test_an_environment_that_came_while_the_forge_was_away_has_its_overlay(
    forge: Gitea, tmp_path: Path, environments: tuple[str, ...], new: str
) -> None:
    """The bundle knows nothing of it, and so the others' branches come back as they were, but for that overlay."""
    before = tips(forge)
    kept(forge)
    lose(forge)

    created(forge, environments=environments)

    folder, after = clone(forge, tmp_path / "back"), tips(forge)
    overlay = f"deploy/overlays/{new}/kustomization.yaml"
    assert overlay in git(folder, "ls-tree", "-r", "--name-only", f"origin/env/{new}").splitlines()
    assert after["refs/heads/env/prod"] == before["refs/heads/env/prod"]
    assert git(folder, "diff", "--name-only", before["refs/heads/env/dev"], f"origin/env/{new}") == overlay


@pytest.mark.usefixtures("rental")
def test_what_was_not_kept_comes_as_its_template_makes_it(forge: Gitea) -> None:
    """One commit, of the platform's."""
    lose(forge)
    created(forge)

    assert own_forge.peoples(forge.client(), "acme") == {}


@pytest.mark.usefixtures("rental")
def test_a_retired_services_bundle_comes_back_archived(forge: Gitea) -> None:
    """Its history with it."""
    before = tips(forge)
    kept(forge)
    lose(forge)
    created(forge, archived=True)

    assert forge.client().get("repos/acme/rental")["archived"]
    assert tips(forge) == before


@pytest.mark.usefixtures("rental")
def test_a_later_bundle_takes_the_place_of_an_earlier_one(forge: Gitea, tmp_path: Path) -> None:
    """Whole, and readable by its owner alone."""
    first = kept(forge).read_bytes()
    assert push(clone(forge, tmp_path / "again")).returncode == 0
    file = kept(forge)

    assert file.read_bytes() != first
    assert [one.name for one in file.parent.iterdir()] == ["rental.bundle"]
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


@pytest.mark.usefixtures("rental")
def test_one_that_cannot_be_kept_leaves_the_earlier_one(forge: Gitea) -> None:
    """And says what git said; the password is nowhere in it."""
    first = kept(forge).read_bytes()
    wrong = forge.access(password="planted-wrong-password")
    with pytest.raises(BundleError) as error:
        Bundles.of(*BUNDLES).keep(wrong, "acme/nothing-of-that-name")

    assert "Authentication failed" in str(error.value)
    assert "planted-wrong-password" not in str(error.value)
    assert Bundles.of(*BUNDLES).file("rental").read_bytes() == first


@pytest.mark.usefixtures("rental")
def test_a_bundle_that_is_damaged_stops_the_making(forge: Gitea) -> None:
    """Nothing is made in its place, so that mending or removing the file is still a choice; then it goes on."""
    file = kept(forge)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    lose(forge)
    with pytest.raises(BundleError):
        ForgeRepositoryProvider().create(repository(forge))
    assert forge.client().get("repos/acme/rental")["empty"]

    file.write_bytes(whole)
    created(forge)
    assert own_forge.peoples(forge.client(), "acme") == {"rental": 2}


def test_without_git_it_is_said(forge: Gitea, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Before anything is taken away."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BundleError, match="`git` cannot be run"):
        kept(forge)


@pytest.mark.usefixtures("rental")
def test_peoples_own_settings_of_git_change_nothing(
    forge: Gitea, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither another address for this one, nor a helper that knows another password."""
    (tmp_path / ".gitconfig").write_text(f'[url "http://127.0.0.1:9/"]\n\tinsteadOf = {forge.url}/\n')
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "another"))
    monkeypatch.setenv("GIT_SSL_CAINFO", str(tmp_path / "another.pem"))

    assert kept(forge).stat().st_size > 0


URN = "urn:pulumi:dev::idp::{}::{}"
CLUSTER = {"project": "idp", "stack": "dev", "cluster_name": "acme", "config": "one"}


def state_of(*repositories: str, organization: str = "acme") -> State:
    """A stack that is up, with its forge."""
    made = {
        KIND: [{"id": "acme-a", "inputs": CLUSTER, "outputs": CLUSTER}],
        own_forge.ORGANIZATION: [{"id": organization, "inputs": {"organization": organization}}],
        FORGE_REPOSITORY: [{"id": f"acme/{name}", "inputs": {"repository": name}} for name in repositories],
    }
    return State({"deployment": {"resources": [
        {"urn": URN.format(kind, number), "type": kind, **one} for kind, each in made.items() for number, one in enumerate(each)
    ]}})  # fmt: skip


def plan_of(*repositories: str, organization: str | None = "acme", config: str | None = "one") -> Any:
    """What the program declares."""
    cluster = CLUSTER | {"config": config}
    declared = {
        KIND: [SimpleNamespace(urn=URN.format(KIND, 0), inputs=cluster)] if config else [],
        own_forge.ORGANIZATION: [SimpleNamespace(inputs={"organization": organization})] if organization else [],
        FORGE_REPOSITORY: [SimpleNamespace(inputs={"repository": name}) for name in repositories],
    }
    return SimpleNamespace(of=lambda kind: declared[kind])


@dataclass
class Fake:
    """A stack whose forge is the tests'."""

    outputs: dict[str, Any]
    state: State = field(default_factory=lambda: state_of("rental"))
    plan: Any = field(default_factory=lambda: plan_of("rental"))
    settings: Any = field(
        default_factory=lambda: SimpleNamespace(
            project="idp", stack="dev", forge=True, config=SimpleNamespace(organization="acme")
        )
    )

    @property
    def engine(self) -> Any:
        """What the engine says of it."""
        return SimpleNamespace(state=lambda: self.state, quietly=lambda *_arguments: json.dumps(self.outputs))


@pytest.fixture
def stack(forge: Gitea, monkeypatch: pytest.MonkeyPatch) -> Fake:
    """On a cluster that is there."""
    cluster_is(monkeypatch, "a")
    access = forge.access()
    passwords = {access["user"]: access["password"]}
    return Fake({"urls": {"forge": forge.url}, "forgePasswords": passwords, "certificateAuthority": ""})


def cluster_is(monkeypatch: pytest.MonkeyPatch, live: str | None) -> None:
    """As Kind tells of the cluster of that name."""
    monkeypatch.setattr(kind_cluster, "live", lambda _name: live)
    monkeypatch.setattr(kind_cluster, "clusters", list)


@pytest.mark.usefixtures("rental")
@pytest.mark.parametrize(
    ("decided", "options", "there"),
    [(None, [], True), (True, ["--yes"], True), (False, [], False), (None, ["--yes"], True)],
    ids=["nothing said", "keep", "no-keep", "yes"],
)
def test_down_keeps_unless_it_is_told_not_to(
    stack: Any, capsys: pytest.CaptureFixture[str], decided: bool | None, options: list[str], there: bool
) -> None:
    """Without a terminal nobody can be asked, and nothing is lost."""
    keep.before_down(stack, stack.state, decided, options)

    assert Bundles.of(*BUNDLES).file("rental").exists() == there
    said = capsys.readouterr().out
    assert ("rental in the forge has 2 commits of people's" in said) == there
    assert ("kept in" in said) == there
    assert ("not kept" in said) != there


def test_a_silent_forge_on_a_cluster_that_is_there_is_no_empty_one(
    stack: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a restart of the machine: nothing is taken away, unless somebody gives their work up."""
    monkeypatch.setattr(keep, "PATIENCE", 0)
    stack.outputs["urls"] = {"forge": "http://127.0.0.1:9"}

    with pytest.raises(ForgeError, match=r"(?s)http://127\.0\.0\.1:9.*Its cluster is there.*down --no-keep"):
        keep.before_down(stack, stack.state, None, ["--yes"])  # type: ignore[arg-type]
    keep.before_down(stack, stack.state, decided=False, options=["--yes"])  # type: ignore[arg-type]


def test_a_forge_that_refuses_the_password_is_no_empty_one(stack: Fake) -> None:
    """Somebody has changed the administrator's."""
    stack.outputs["forgePasswords"] = dict.fromkeys(stack.outputs["forgePasswords"], "another-password-00")

    with pytest.raises(ForgeError, match="refuses the password of `idp-administrator`"):
        keep.before_down(stack, stack.state, None, ["--yes"])  # type: ignore[arg-type]


@pytest.mark.parametrize("live", [None, "b"], ids=["gone", "another of that name"])
def test_nothing_is_kept_of_a_cluster_that_was_deleted_outside(
    stack: Fake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], live: str | None
) -> None:
    """There is nobody to ask."""
    cluster_is(monkeypatch, live)
    stack.outputs["urls"] = {"forge": "http://127.0.0.1:9"}

    keep.before_down(stack, stack.state, None, ["--yes"])  # type: ignore[arg-type]

    assert capsys.readouterr().out == ""


@pytest.mark.usefixtures("rental")
@pytest.mark.parametrize(
    ("plan", "keeps"),
    [
        pytest.param(plan_of("rental"), False, id="as it is"),
        pytest.param(plan_of("rental", config="another"), True, id="another cluster"),
        pytest.param(plan_of("rental", organization="mine"), True, id="another organization"),
        pytest.param(plan_of(organization=None), True, id="repositories on GitHub from now on"),
    ],
)
def test_up_keeps_before_the_forge_goes(
    stack: Fake, capsys: pytest.CaptureFixture[str], plan: Any, keeps: bool
) -> None:
    """And says so; where it stays, it says and does nothing."""
    stack.plan = plan

    keep.before_up(stack)  # type: ignore[arg-type]

    said = capsys.readouterr().out
    assert ("up: rental: 2 commits of people's kept in " in said) == keeps
    assert ("up: rental: comes back from the bundle of " in said) == (keeps and bool(plan.of(FORGE_REPOSITORY)))
    assert said or not keeps


@pytest.mark.parametrize(
    ("declared", "live", "ends"),
    [("one", "a", False), ("another", "a", True), ("one", "b", True), ("one", None, True), (None, "a", True)],
    ids=["as it is", "another config", "another cluster of that name", "deleted outside", "declared no more"],
)
def test_a_forge_ends_when_its_cluster_does(
    monkeypatch: pytest.MonkeyPatch, declared: str | None, live: str | None, ends: bool
) -> None:
    """As the provider itself will decide it."""
    cluster_is(monkeypatch, live)

    assert own_forge.ends(plan_of(config=declared), state_of()) == ends


def test_what_is_gone_is_told_by_repository(forge: Gitea, rental: Path, stack: Fake) -> None:
    """From its bundle, or lost, or kept for nobody; what was never made is none of these."""
    assert rental.is_dir()
    file = kept(forge)
    os.utime(file, (0, 0))
    tips_file = file.with_name("tips.bundle")
    tips_file.write_bytes(file.read_bytes())

    assert [
        *own_forge.returns(plan_of("rental", "vehicles", "new"), state_of("rental", "vehicles"), stack.settings)
    ] == [
        "rental: comes back from the bundle of 1970-01-01 00:00",
        "vehicles: comes back as its template makes it; what people pushed to it since is lost",
        f"tips: has no entry, so nobody makes it again; its history is in {tips_file}",
    ]


def test_an_entry_that_was_removed_is_told_in_a_forge_too() -> None:
    """Its repository is there, and nobody looks after it."""
    nodes = [SimpleNamespace(type=FORGE_REPOSITORY, inputs={"repository": "rental"})]

    assert state_of("rental", "vehicles").forgotten(nodes) == ["vehicles"]  # type: ignore[arg-type]


@pytest.mark.usefixtures("rental")
def test_history_without_the_platforms_mark_comes_back_too(forge: Gitea, tmp_path: Path) -> None:
    """It is this stack's own bundle, whatever people removed from it."""
    folder = clone(forge, tmp_path / "unmarked")
    git(folder, "rm", "-q", "-r", ".idp")
    assert push(folder).returncode == 0
    before = tips(forge)
    kept(forge)
    lose(forge)

    created(forge)

    assert tips(forge) == before
