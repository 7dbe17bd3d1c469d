"""The portal's workflow proposes an image: each stack's file changes by one line, and there is one request for it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from idp import recorder
from tests.templates.service import tool

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
    for file in PROJECT.glob("Pulumi*.yaml"):
        shutil.copy(file, tmp_path)
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


HEAD = "# with an example: {image: " + OLD + "}\nconfig:\n  idp:organization: acme\n"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param((PROJECT / "Pulumi.local.yaml").read_text(), id="the committed one with a forge"),
        pytest.param(f"{HEAD}  idp:github: 'local'  # no account\n", id="one with a forge"),
        pytest.param(
            f"{HEAD}  idp:portal: {{image: {OLD}}}\n  idp:github: local\n", id="one with a forge and an image"
        ),
        pytest.param(f"{HEAD}  idp:components: {{portal: off}}\n", id="one without a portal"),
        pytest.param(
            f"{HEAD}  idp:components:\n    argocd: install\n    portal: 'off'\n", id="one without a portal, in lines"
        ),
        pytest.param("encryptionsalt: v1:abc\n", id="one without a config"),
    ],
)
def test_a_stack_that_pulls_no_image_of_ours_is_left_alone(text: str, tmp_path: Path) -> None:
    """It has no token for the registry, or nothing to run."""
    file = tmp_path / "Pulumi.local.yaml"
    file.write_text(text)

    assert write(tmp_path).returncode == 0
    assert file.read_text() == text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("  idp:portal: {}\n", "  idp:portal: {image: @}\n"),
        (
            "  idp:portal: {database: {mode: own}}  # ours\n",
            "  idp:portal: {image: @, database: {mode: own}}  # ours\n",
        ),
        ("  idp:portal: { database: {mode: own} }\n", "  idp:portal: {image: @, database: {mode: own} }\n"),
        (
            "  idp:portal: {\n    database: {mode: own}\n  }\n",
            "  idp:portal: {image: @,\n    database: {mode: own}\n  }\n",
        ),
        (
            "  idp:portal:  # ours\n\n    # its own\n    database:\n      mode: own\n",
            "  idp:portal:  # ours\n\n    # its own\n    image: @\n    database:\n      mode: own\n",
        ),
        ("", "  idp:portal: {image: @}\n"),
    ],
)
@pytest.mark.parametrize("rest", ["  idp:local: true\nencryptionsalt: v1:abc\n", "  idp:local: true", ""])
def test_what_a_stack_says_of_its_portal_stays(before: str, after: str, rest: str, tmp_path: Path) -> None:
    """The image is put before it."""
    file = tmp_path / "Pulumi.dev.yaml"
    file.write_text(HEAD + "  idp:repository: acme/idp\n" + before + rest)

    assert write(tmp_path).returncode == 0
    shown = file.read_text().removesuffix("\n")
    assert shown == (HEAD + "  idp:repository: acme/idp\n" + after.replace("@", NEW) + rest).removesuffix("\n")
    assert yaml.safe_load(shown)["config"]["idp:portal"]["image"] == NEW


def test_a_config_that_is_further_in_gets_its_line_there(tmp_path: Path) -> None:
    """And before all else where it names no repository."""
    file = tmp_path / "Pulumi.dev.yaml"
    file.write_text("config:\n    idp:organization: acme\nencryptionsalt: v1:abc\n")

    assert write(tmp_path).returncode == 0
    assert yaml.safe_load(file.read_text())["config"] == {"idp:organization": "acme", "idp:portal": {"image": NEW}}


@pytest.mark.parametrize(
    "portal",
    [
        f"  idp:portal: {{image: {OLD}, database: {{mode: own}}}}  # ours\n",
        f"  idp:portal:\n    # not image: {NEW[:-1]}2\n    image: '{OLD}'\n    database: {{mode: own}}\n",
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
        "0": "config:\n  idp:domain: a\n",
        "c": "config:\n  idp:domain: a\n  'idp:portal': {}\n",
        "d": "config:\n  idp:portal: &portal\n    database: {mode: own}\n",
    }
    for name, text in files.items():
        (tmp_path / f"Pulumi.{name}.yaml").write_text(text)

    done = write(tmp_path)

    assert done.returncode == 1
    assert "Pulumi.a.yaml: idp:portal has no `image` by digest" in done.stderr
    assert "Pulumi.c.yaml: idp:portal is written in a way that is not known here; write `image: " in done.stderr
    assert "Pulumi.d.yaml: idp:portal has no `image` by digest; write `image: " in done.stderr
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


def test_both_processors_are_scanned_before_either_is_pushed(tmp_path: Path) -> None:
    """The workflow's own steps, with a `docker` that remembers what it was asked for; the digest is that of both together."""
    together = '{"manifests": []}'
    asked = tmp_path / "asked"
    script = f"""#!/bin/sh
echo "$@" >> {asked}
[ "$3" != inspect ] || {{ [ -z "$LOST" ] && printf %s '{together}'; }}
"""
    (tmp_path / "docker").write_text(script)
    (tmp_path / "docker").chmod(0o755)
    workflow = yaml.safe_load((PROJECT / ".github" / "workflows" / "portal.yaml").read_text())
    steps = {step["name"]: step["run"] for step in workflow["jobs"]["release"]["steps"] if "name" in step}
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "IMAGE": "ghcr.io/Acme/idp-portal",
        "GITHUB_SHA": "a" * 40,
        "GITHUB_TOKEN": "t",
        "GITHUB_ACTOR": "ada",
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "SCANNER": "scanner",
    }
    for name in ("Build", "Scan", "Push"):
        subprocess.run(["bash", "-e", "-c", steps[name]], cwd=PROJECT, env=environment, check=True)

    name = f"ghcr.io/acme/idp-portal:{'a' * 40}"
    lines = asked.read_text().splitlines()
    assert [line.split()[0] for line in lines] == [
        "build",
        "build",
        "run",
        "run",
        "login",
        "push",
        "push",
        "buildx",
        "buildx",
    ]
    assert [line.split()[2] for line in lines[:2]] == ["linux/amd64", "linux/arm64"]
    assert [line.split()[-1] for line in lines[5:7]] == [f"{name}-amd64", f"{name}-arm64"]
    assert lines[7].endswith(f"imagetools create --tag {name} {name}-amd64 {name}-arm64")
    digest = hashlib.sha256(together.encode()).hexdigest()
    assert (tmp_path / "output").read_text() == f"reference=ghcr.io/acme/idp-portal@sha256:{digest}\n"
    lost = subprocess.run(
        ["bash", "-e", "-c", steps["Push"]], cwd=PROJECT, env=environment | {"LOST": "1"}, check=False
    )
    assert lost.returncode, "an image that is not there has no digest"


def test_no_package_of_the_backends_is_for_one_processor() -> None:
    """The image for the other one has what npm installed here."""
    packages = json.loads((PROJECT / "portal" / "package-lock.json").read_text())["packages"]

    assert [name for name, one in packages.items() if "cpu" in one and not one.get("dev")] == []
