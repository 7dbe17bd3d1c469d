"""The command `templates`: a new one begins whole, and who is behind is told from the repositories."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from components.dynamic import github_client
from idp import recorder, templates
from idp.cli import app
from idp.lifecycle import versions
from idp.naming import GitHubAddress
from idp.templates import Commands, Setup, TemplateError, TemplateInfo, Toolchain
from tests.support.github import GitHubServer
from tests.support.lab import requires_git

if TYPE_CHECKING:
    from pydantic import BaseModel

PROJECT = Path(__file__).resolve().parents[2]
GUIDE = (PROJECT / "docs/006-adding-a-template.md").read_text()
NEW = ["templates", "new", "shop", "--owner", "payments", "--description", "Sells: things"]


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A project with templates of its own, to add to."""
    shutil.copytree(PROJECT / "templates", tmp_path / "templates", ignore=shutil.ignore_patterns("node_modules"))
    return tmp_path


def test_one_that_extends_begins_with_a_description_alone(own: Path) -> None:
    """Copies of shared files would each have to be mended."""
    done = CliRunner().invoke(app, [*NEW, "--extends", "node", "--project", str(own)])

    assert done.exit_code == 0, done.output
    made, node = (templates.load(name, own / "templates") for name in ("shop", "node"))
    assert [file.name for file in (own / "templates/shop").rglob("*")] == ["template.yaml"]
    assert (made.info.owner, made.info.description, made.info.extends) == ("payments", "Sells: things", "node")
    assert made.sources == node.sources


def test_one_like_another_begins_with_a_copy_of_its_own_files(own: Path) -> None:
    """The start of another language: what is no language's stays shared."""
    done = CliRunner().invoke(app, [*NEW, "--like", "node", "--project", str(own)])

    assert done.exit_code == 0, done.output
    made = templates.load("shop", own / "templates")
    files = own / "templates/shop/files"
    copied = {file.relative_to(files).as_posix() for file in files.rglob("*") if file.is_file()}
    assert made.info.extends == "service"
    assert "package.json" in copied
    assert "deploy/base/deployment.yaml" in made.sources.keys() - copied


@pytest.mark.parametrize(
    ("name", "extends", "like", "says"),
    [
        pytest.param("Shop", "node", None, "a name is a letter", id="name"),
        pytest.param("node", "node", None, "there is one already", id="taken"),
        pytest.param("shop", None, None, "one of the two", id="from nothing"),
        pytest.param("shop", "node", "node", "one of the two", id="from two"),
        pytest.param("shop", "nobody", None, "template `nobody`", id="from one that is not there"),
        pytest.param("shop", "service", None, "`service` makes no service; begin with one of demo, ", id="from a base"),
        pytest.param("shop", None, "gitops", "`gitops` makes no service", id="like the platform's own"),
    ],
)
def test_what_cannot_begin_says_why(name: str, extends: str | None, like: str | None, says: str) -> None:
    """And nothing is written."""
    with pytest.raises(TemplateError, match=says):
        templates.begun(name, "payments", "x", extends=extends, like=like)


def test_a_file_that_is_no_text_is_named(own: Path) -> None:
    """Some arrive by themselves, and not one template could be read."""
    (own / "templates/node/files/.DS_Store").write_bytes(b"\x00\xff")

    with pytest.raises(TemplateError, match=r"template `node`: no text: files/\.DS_Store; a template makes texts only"):
        templates.load("node", own / "templates")


@requires_git
def test_who_is_behind_is_told_from_the_repositories(tmp_path: Path) -> None:
    """A newer template changes no repository; somebody has to see which ones it passed by."""
    settings = recorder.load(PROJECT, "dev")
    now = templates.load("demo-vehicles-python").info.version
    with GitHubServer(tmp_path / "github", organization="acme", teams={"mobility": ["ada"]}) as server:
        client = github_client.connect(server.token, GitHubAddress.of(server.url))
        for name, version in (("rental", "0.9.0"), ("vehicles", now)):
            repository = client.get_organization("acme").create_repo(name, auto_init=True, visibility="public")
            marker = f"project: idp\nservice: {name}\ntemplate: {{name: node, version: {version}}}\n"
            repository.create_file(templates.MARKER, "Begin", marker)
        found = {each.service: each for each in versions.standings(settings, client)}

    assert {name: (each.made_from, each.behind) for name, each in found.items()} == {
        "platform": (None, True), "rental": ("0.9.0", True), "vehicles": (now, False),
    }  # fmt: skip


@pytest.mark.parametrize("model", [TemplateInfo, Toolchain, Setup, Commands])
def test_the_guide_names_every_key(model: type[BaseModel]) -> None:
    """Whoever adds a template reads it, and not the model."""
    assert [key for key in model.model_fields if not re.search(rf"`{key}`", GUIDE)] == []
