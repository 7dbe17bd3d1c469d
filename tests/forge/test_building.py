"""A service's image from the forge to a commit on its first environment's branch; Docker and Kind are asked and not run here."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from components.dynamic.forge_client import ForgeError
from components.dynamic.forge_organization import ForgeOrganizationProvider
from components.dynamic.forge_repository import ForgeRepositoryProvider, Wanted
from idp import answers, recorder
from idp.cli import welcome
from idp.lifecycle import building, own_forge
from tests.plan.conftest import PROJECT
from tests.support.forge import PASSWORDS, clone, git, organization, push

if TYPE_CHECKING:
    from collections.abc import Sequence

    from idp.model import Service
    from idp.settings import Settings
    from tests.support.gitea import Gitea

OVERLAY = "deploy/overlays/dev/kustomization.yaml"


@pytest.fixture(scope="module")
def settings() -> Settings:
    return recorder.load(PROJECT, "local")


@pytest.fixture(scope="module")
def rental(settings: Settings) -> Service:
    return next(each for each in settings.catalog.services if each.name == "rental")


@pytest.fixture(scope="module", autouse=True)
def _born(forge: Gitea, settings: Settings, rental: Service) -> None:
    """As `up` makes it."""
    ForgeOrganizationProvider().create(organization(forge))
    wanted = Wanted(
        organization="acme", repository="rental", project="idp", stack="dev", description="Rents", private=False,
        team="mobility", later=("prod",),
        source=answers.service(settings, rental),
    )  # fmt: skip
    ForgeRepositoryProvider().create({"access": forge.access(), "home": "dev-1", **wanted.inputs()})


def images(folder: Path) -> list[dict[str, Any]]:
    """What the first environment's branch runs."""
    git(folder, "fetch", "-q")
    return yaml.safe_load(git(folder, "show", f"origin/env/dev:{OVERLAY}"))["images"]


def test_what_is_built_is_the_newest_commit_and_its_tag_says_so(
    forge: Gitea, settings: Settings, rental: Service, tmp_path: Path
) -> None:
    """By name, without a registry that anybody could be asked for."""
    folder = clone(forge, tmp_path / "rental")
    made = building.fetch(forge.client(), settings, rental)

    assert made.commit == git(folder, "rev-parse", "main")
    assert made.reference == f"localhost/acme/rental:{made.commit[:12]}"
    assert made.files == {path: (folder / path).read_bytes() for path in git(folder, "ls-files").splitlines()}


def test_docker_gets_the_files_and_the_nodes_get_the_image(forge: Gitea, settings: Settings, rental: Service) -> None:
    """Scripts can be run, which the forge does not say of them."""
    made = building.fetch(forge.client(), settings, rental)
    asked: list[Sequence[str]] = []

    def run(command: Sequence[str]) -> None:
        asked.append(command)
        if command[0] == "docker":
            folder = Path(command[-1])
            assert (folder / "Dockerfile").exists()
            assert all(file.stat().st_mode & 0o100 for file in folder.glob("scripts/*.sh"))

    building.make(made, run, ["--build-arg=NODE_IMAGE=mine"])
    building.load([made.reference], "acme-local", ["acme-local-worker2"], run)
    assert [command[:3] for command in asked] == [["docker", "build", "--tag"], ["kind", "load", "docker-image"]]
    assert asked[0][3:-1] == [
        made.reference, "--build-arg", f"VERSION={made.commit}", "--build-arg=NODE_IMAGE=mine",
    ]  # fmt: skip
    assert asked[1][3:] == [made.reference, "--name", "acme-local", "--nodes", "acme-local-worker2"]


def test_a_release_is_a_commit_and_a_second_one_is_none(
    forge: Gitea, settings: Settings, rental: Service, tmp_path: Path
) -> None:
    """The first environment's branch gets `deploy/` of what was built, with the image in it, and still nothing else."""
    folder = clone(forge, tmp_path / "rental")
    made = building.fetch(forge.client(), settings, rental)
    assert images(folder)[0]["newName"] != made.image

    first = building.deploy(forge.client(), settings, made)
    assert first.new
    assert (first.application, first.commit) == ("rental-dev", git(folder, "ls-remote", "origin", "env/dev").split()[0])
    assert images(folder) == [{"name": made.image, "newName": made.image, "newTag": made.tag}]
    assert git(folder, "ls-tree", "--name-only", "origin/env/dev") == "deploy"
    assert building.deploy(forge.client(), settings, made) == dataclasses.replace(first, new=False)


def test_a_push_is_what_the_next_release_is_made_of(
    forge: Gitea, settings: Settings, rental: Service, tmp_path: Path
) -> None:
    """A changed overlay with its comments, and files that came or went below `deploy/`."""
    folder = clone(forge, tmp_path / "rental")
    (folder / "deploy" / "base" / "new.yaml").write_text("# new\n")
    git(folder, "rm", "-q", "deploy/base/dashboard.json")
    assert push(folder).returncode == 0
    made = building.fetch(forge.client(), settings, rental)
    building.deploy(forge.client(), settings, made)

    git(folder, "fetch", "-q")
    files = git(folder, "ls-tree", "-r", "--name-only", "origin/env/dev").splitlines()
    assert "deploy/base/new.yaml" in files
    assert "deploy/base/dashboard.json" not in files
    assert images(folder)[0]["newTag"] == made.tag == git(folder, "rev-parse", "main")[:12]
    assert git(folder, "log", "-1", "--format=%s", "origin/env/dev") == f"Release {made.tag}"


def test_what_people_made_executable_stays_so(
    forge: Gitea, settings: Settings, rental: Service, tmp_path: Path
) -> None:
    """A program that is no script tells it by its mode alone."""
    folder = clone(forge, tmp_path / "rental")
    (folder / "program").write_bytes(b"\x7fELF")
    (folder / "program").chmod(0o755)
    assert push(folder).returncode == 0

    assert building.fetch(forge.client(), settings, rental).executable == {"program"}


def test_a_kustomization_keeps_its_comments(forge: Gitea, settings: Settings, rental: Service) -> None:
    """Only the image's own entry changes."""
    made = building.fetch(forge.client(), settings, rental)
    before, after = made.files[OVERLAY].decode(), made.deployed()[OVERLAY].decode()

    gone = [line for line in before.splitlines() if line not in after.splitlines()]
    assert [line.split()[0] for line in gone] == ["newName:", "digest:"]
    assert [line for line in before.splitlines() if "#" in line] == [line for line in after.splitlines() if "#" in line]


def test_what_cannot_be_built_says_why(forge: Gitea, settings: Settings, rental: Service) -> None:
    """No branch yet, no such image in the overlay, a command that is not there."""
    made = building.fetch(forge.client(), settings, rental)
    forge.client().send("POST", "orgs/acme/repos", {"name": "vehicles"})
    vehicles = next(each for each in settings.catalog.services if each.name == "vehicles")

    with pytest.raises(ForgeError, match="its repository has no branch `main` yet; push one"):
        building.fetch(forge.client(), settings, vehicles)
    with pytest.raises(KeyError):
        building.pinned("images: [{name: other, newTag: a}]\n", made.image, made.tag)
    with pytest.raises(building.BuildError, match="`no-such-command` cannot be run"):
        building.on_this_machine(["no-such-command"])
    with pytest.raises(building.BuildError, match="`false` failed"):
        building.on_this_machine(["false"])


def test_ada_reads_what_she_builds(forge: Gitea, settings: Settings, rental: Service) -> None:
    """A member's own password does for it: nothing of the administrator's is needed but for the commit of others."""
    made = building.fetch(forge.client("ada", PASSWORDS["ada"]), settings, rental)

    assert made.service == "rental"


def test_what_people_made_is_counted_before_it_is_lost(forge: Gitea) -> None:
    """The platform's own commits are made again by the next `up`."""
    assert own_forge.peoples(forge.client(), "acme") == {"rental": 2}


def test_the_card_says_where_and_how() -> None:
    """Services first; then each part with who gets in by which password."""
    urls = {"argocd": "https://a", "forge": "https://g", "rental-dev": "https://r"}
    outputs = {"urls": urls, "argocdAdministratorPassword": "one", "forgePasswords": {"ada": "two"}}

    assert list(welcome.places(outputs, {"rental-dev": "Synced, Healthy"})) == [
        ("rental-dev", "https://r  Synced, Healthy"),
        ("Argo CD", "https://a  admin / one"),
        ("the forge", "https://g  ada / two"),
    ]
    assert any("idp build --stack local" in line for line in welcome.steps("local", "https://g"))
