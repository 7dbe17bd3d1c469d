"""The portal's workflow proposes an image: each stack's file changes by one line, and there is one request for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from idp import recorder
from tests.templates.node_service import tool

PROJECT = Path(__file__).resolve().parents[2]
SCRIPTS = PROJECT / ".github" / "scripts"
OLD, NEW = (f"ghcr.io/acme/idp-portal@sha256:{digit * 64}" for digit in "01")


def write(folder: Path, image: str = NEW) -> subprocess.CompletedProcess[str]:
    """Run the script that changes files."""
    command = [sys.executable, str(SCRIPTS / "portal_image.py"), image]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_a_stack_that_has_none_gets_the_image(stack: str, tmp_path: Path) -> None:
    """As one line; its plan has the image then."""
    for name in ("Pulumi.yaml", "Pulumi.dev.yaml", "Pulumi.prod.yaml"):
        shutil.copy(PROJECT / name, tmp_path)
    shutil.copytree(PROJECT / "services", tmp_path / "services")
    before = (tmp_path / f"Pulumi.{stack}.yaml").read_text().splitlines()

    assert write(tmp_path).returncode == 0

    after = (tmp_path / f"Pulumi.{stack}.yaml").read_text().splitlines()
    assert [line for line in after if line not in before] == [f"  idp:portal: {{image: {NEW}}}"]
    image = (
        recorder.record(tmp_path, stack)
        .one("kubernetes:helm.sh/v3:Release", "backstage")
        .at("values", "backstage", "image")
    )
    assert (image["repository"], image["digest"]) == ("acme/idp-portal", NEW.partition("@")[2])


@pytest.mark.parametrize(
    "portal",
    [
        f"  idp:portal: {{image: {OLD}, database: {{mode: own}}}}  # ours\n",
        f"  idp:portal:\n    # proposed\n    image: '{OLD}'\n    database: {{mode: external, host: db.example}}\n",
    ],
)
def test_a_newer_image_takes_the_olders_place(portal: str, tmp_path: Path) -> None:
    """And no other byte."""
    file = tmp_path / "Pulumi.dev.yaml"
    text = f"# with an example: {OLD}\nconfig:\n  idp:organization: acme\n{portal}  idp:local: true\n"
    file.write_text(text)

    assert write(tmp_path).returncode == 0
    assert file.read_text() == text.replace(portal, portal.replace(OLD, NEW))


def test_what_cannot_be_changed_is_told_and_nothing_is(tmp_path: Path) -> None:
    """An image by tag is somebody's choice."""
    files = {name: f"config:\n  idp:portal: {{image: 'own:{name}'}}\n" for name in "ab"} | {
        "0": "config:\n  idp:domain: a\n"
    }
    for name, text in files.items():
        (tmp_path / f"Pulumi.{name}.yaml").write_text(text)

    done = write(tmp_path)

    assert done.returncode == 1
    assert "Pulumi.a.yaml: idp:portal has no `image` by digest" in done.stderr
    assert {name: (tmp_path / f"Pulumi.{name}.yaml").read_text() for name in files} == files
    assert write(tmp_path, "ghcr.io/acme/idp-portal:latest").returncode == 1


def test_there_is_one_request_however_often_it_is_proposed(tmp_path: Path) -> None:
    """With git and a remote as they are; `gh` is a script that remembers what it was asked for."""
    tool("git")
    remote, clone, bin_ = tmp_path / "remote.git", tmp_path / "clone", tmp_path / "bin"
    asked = tmp_path / "asked"
    bin_.mkdir()
    (bin_ / "gh").write_text(
        f'#!/bin/sh\necho "$@" >> {asked}\n[ "$2" = list ] && grep -q "pr create" {asked} && echo 1\nexit 0\n'
    )
    (bin_ / "gh").chmod(0o755)
    git = ("git", "-c", "user.name=ada", "-c", "user.email=ada@example.com")
    subprocess.run(["git", "init", "--quiet", "--bare", str(remote)], check=True)
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", str(clone)], check=True)
    shutil.copytree(SCRIPTS, clone / ".github" / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "Pulumi.dev.yaml", clone)
    for command in (["add", "."], ["commit", "--quiet", "--message=Base"], ["remote", "add", "origin", str(remote)]):
        subprocess.run([*git, *command], cwd=clone, check=True)
    environment = {
        "PATH": f"{bin_}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "GITHUB_TOKEN": "t",
        "GITHUB_SHA": "a" * 40,
    }

    for image in (OLD, NEW):
        subprocess.run(["bash", ".github/scripts/propose-portal.sh", image], cwd=clone, env=environment, check=True)
        subprocess.run(["git", "switch", "--quiet", "main"], cwd=clone, check=True)
        subprocess.run(["git", "branch", "--quiet", "-D", "portal-image"], cwd=clone, check=True)

    shown = subprocess.run(
        ["git", "-C", str(remote), "show", "portal-image:Pulumi.dev.yaml"], capture_output=True, text=True, check=True
    )
    assert yaml.safe_load(shown.stdout)["config"]["idp:portal"] == {"image": NEW}
    assert asked.read_text().count("pr create") == 1
