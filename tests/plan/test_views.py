"""The plan's views, as a user of the command line gets them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from idp import baseline, templates
from idp.cli import app

PROJECT = Path(__file__).resolve().parents[2]


def idp(
    *arguments: str, folder: Path = PROJECT, seed: str = "0", check: bool = True
) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(PROJECT), "COLUMNS": "80"}
    command = [sys.executable, "-m", "idp", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=check)


def test_two_runs_and_a_run_in_another_folder_give_the_same_bytes(tmp_path: Path) -> None:
    """Order of sets, hash seeds and paths of the machine leave no trace."""
    shutil.copytree(
        PROJECT, tmp_path / "copy", ignore=shutil.ignore_patterns(".venv", ".git", "node_modules", ".*cache")
    )

    here = idp("preview", "--format", "json", seed="1").stdout
    again = idp("preview", "--format", "json", seed="2").stdout
    environment = {**os.environ, "PYTHONPATH": ""}
    command = [sys.executable, "-m", "idp", "preview", "--format", "json"]
    there = subprocess.run(command, cwd=tmp_path / "copy", env=environment, capture_output=True, check=True).stdout

    assert here == again == there
    assert len(json.loads(here)["resources"]) > 40
    assert str(PROJECT).encode() not in here


def test_the_tree_shows_every_resource_once() -> None:
    """And ends with a sum."""
    said = idp("preview").stdout.decode()
    resources = json.loads(idp("preview", "--format", "json").stdout)["resources"]

    lines = [line for line in said.splitlines() if "── " in line]
    assert len(lines) == len(resources)
    assert said.splitlines()[-1].startswith("92 resources (14 GitHub, 67 Kubernetes, 11 of our own) in 14 components")


def test_manifests_are_objects_that_a_cluster_would_take(tmp_path: Path) -> None:
    """One file each, in an order that works, charts as their values."""
    idp("preview", "--format", "manifests", "--out", str(tmp_path))

    found = sorted(file.name for file in tmp_path.iterdir())
    objects = [yaml.safe_load((tmp_path / name).read_text()) for name in found if not name.endswith(".values.yaml")]
    assert all({"apiVersion", "kind", "metadata"} <= set(document) for document in objects)
    assert next(name for name in found if "namespace-team-mobility-dev" in name) < next(
        name for name in found if "appproject-team-mobility-project" in name
    )
    charts = {name.partition("-")[2].removesuffix(".values.yaml") for name in found if name.endswith(".values.yaml")}
    assert charts == {
        "release-argocd", "release-backstage", "release-cert-manager", "release-sealed-secrets", "release-traefik",
    }  # fmt: skip


def test_files_are_the_repositories_files(tmp_path: Path) -> None:
    """What a team will clone, to read before it exists."""
    idp("preview", "--format", "files", "--out", str(tmp_path))
    idp("render", "rental", "--out", str(tmp_path / "alone"))

    made = {p.relative_to(tmp_path / "rental"): p.read_bytes() for p in (tmp_path / "rental").rglob("*") if p.is_file()}
    alone = {p.relative_to(tmp_path / "alone"): p.read_bytes() for p in (tmp_path / "alone").rglob("*") if p.is_file()}
    assert made == alone
    assert Path(templates.MARKER) in made


def types(*words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--project", str(PROJECT)])


@pytest.fixture
def nothing_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every commit is one without this stack."""
    monkeypatch.setattr(baseline, "document", lambda *_: None)


@pytest.mark.usefixtures("nothing_before")
@pytest.mark.parametrize("more", [(), ("--base=HEAD",)], ids=["tree", "difference"])
def test_the_default_view_goes_to_a_file_as_well(more: tuple[str, ...], tmp_path: Path) -> None:
    """`--out` was passed over in silence there."""
    printed = types("preview", *more)
    written = types("preview", *more, "--out", str(tmp_path / "plan.txt"))

    assert (written.exit_code, written.stdout) == (0, "")
    assert (tmp_path / "plan.txt").read_text() == printed.stdout
    assert len(printed.stdout) > 200


@pytest.mark.usefixtures("nothing_before")
@pytest.mark.parametrize(
    "words",
    [
        pytest.param(("preview",), id="tree"),
        pytest.param(("preview", "--format=json"), id="json"),
        pytest.param(("preview", "--base=HEAD"), id="difference"),
        pytest.param(("preview", "--base=HEAD", "--format=markdown"), id="comment"),
        pytest.param(("preview", "--format=files"), id="files"),
        pytest.param(("render", "rental"), id="render"),
    ],
)
def test_a_place_that_cannot_be_written_is_told(words: tuple[str, ...], tmp_path: Path) -> None:
    """Its name and why, in a line."""
    file = tmp_path / "file"
    file.write_text("mine")
    done = types(*words, "--out", str(file / "x"))

    assert (done.exit_code, done.stdout, type(done.exception)) == (1, "", SystemExit)
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"{file}/x")
    assert line.endswith(": Not a directory")


def test_without_a_folder_files_are_printed() -> None:
    """For a look, or for a pager."""
    said = idp("render", "rental").stdout.decode()

    assert "--- # package.json\n" in said


def test_an_unknown_service_is_told_with_the_nearest(tmp_path: Path) -> None:
    """Nothing is written."""
    done = idp("render", "rentl", "--out", str(tmp_path / "out"), check=False)

    assert done.returncode == 1
    assert b"no service `rentl` in stack dev; did you mean `rental`?" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("word", ["preview", "validate", "render", "schema"])
def test_help_is_quick_and_complete(word: str) -> None:
    """Every command explains itself."""
    assert b"Usage: python -m idp" in idp(word, "--help").stdout


def test_validate_says_how_much_it_looked_at() -> None:
    """`no mistakes` in nothing would be no good news."""
    assert idp("validate").stdout == b"dev: 3 services, 1 team, no mistakes\n"
