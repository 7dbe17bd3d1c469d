"""This repository's own workflows: what they may do, and that their steps work."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from idp.settings import SECRETS
from tests.templates.service import succeed, tool

PROJECT = Path(__file__).resolve().parents[2]
FOLDER = PROJECT / ".github" / "workflows"
GUIDE = PROJECT / "docs" / "009-existing-cluster.md"
WORKFLOWS = {file.name: yaml.load(file.read_text(), yaml.BaseLoader) for file in sorted(FOLDER.glob("*.yaml"))}  # noqa: S506  texts only
PROGRAM = (
    "Makefile", "Pulumi.yaml", "Pulumi.dev.yaml", "Pulumi.prod.yaml", "__main__.py", "idp", "components", "templates",
    "services", "requirements.txt", "requirements-dev.txt", ".github", ".gitignore",
)  # fmt: skip


def steps(workflow: Any) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["actionlint"], id="actionlint"),
        pytest.param(["zizmor", "--offline", "--no-progress"], id="zizmor"),
    ],
)
def test_linters_find_nothing(command: list[str]) -> None:
    """Expressions, inputs, untrusted text and too much power; one exception has its reason beside it."""
    files = [str(file) for file in sorted(FOLDER.glob("*.yaml"))]

    succeed(tool(command[0]), *command[1:], *files, cwd=PROJECT)


def test_shellcheck_finds_nothing() -> None:
    """In the scripts that workflows run."""
    succeed(tool("shellcheck"), *map(str, (PROJECT / ".github" / "scripts").glob("*.sh")), cwd=PROJECT)


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_has_no_more_power_than_it_needs(name: str) -> None:
    """An action that moves its tag must not change what runs; what a title says must not either."""
    workflow, text = WORKFLOWS[name], (FOLDER / name).read_text()

    assert workflow["permissions"] in ({}, {"contents": "read"})
    assert all(re.search(r"@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line) for line in text.splitlines() if "uses:" in line)
    assert all(s["with"]["persist-credentials"] == "false" for s in steps(workflow) if "checkout@" in s.get("uses", ""))
    assert not any("${{" in step.get("run", "") for step in steps(workflow))
    assert all("timeout-minutes" in job for job in workflow["jobs"].values())
    assert "concurrency" in workflow
    assert "pull_request_target" not in text


def test_what_runs_a_requests_code_has_no_secret_unless_somebody_lets_it() -> None:
    """A fork's author may write any program."""
    assert "secrets." not in (FOLDER / "preview.yaml").read_text()
    (job,) = WORKFLOWS["pulumi.yaml"]["jobs"].values()
    switched_on, ours = job["if"].split(" && ")
    assert job["environment"] == "prod-preview"
    assert switched_on == "vars.PROD_PREVIEW == 'true'"  # the environment is without protection until somebody makes it
    assert ours == "github.event.pull_request.head.repo.full_name == github.repository"
    assert WORKFLOWS["pulumi.yaml"]["concurrency"]["cancel-in-progress"] == "false"


def test_the_preview_of_prod_is_given_every_secret_of_a_stack() -> None:
    """One that it lacks would make a stack that has it look as if it were to lose it."""
    given = steps(WORKFLOWS["pulumi.yaml"])[-1]["env"]

    assert {name: given.get(name) for name in SECRETS.values()} == {
        name: f"${{{{ secrets.IDP_{name} }}}}" for name in SECRETS.values()
    }


def test_whoever_sets_up_the_preview_of_prod_is_told_all_of_it() -> None:
    """A secret that nobody is told of is not given, and an environment that nobody made protects nothing."""
    (section,) = re.findall(r"## Setting up the workflows\n(.*)", GUIDE.read_text(), re.DOTALL)
    text = (FOLDER / "pulumi.yaml").read_text()

    asked = {*re.findall(r"(?:secrets|vars)\.(\w+)", text), "prod-preview"}
    assert asked - set(re.findall(r"`([\w-]+)`", section)) == set()


def test_what_may_write_runs_none_of_a_requests_code() -> None:
    """It checks out no ref of the request, and takes no cache."""
    (job,) = WORKFLOWS["comment.yaml"]["jobs"].values()
    checkout, script = job["steps"]

    assert set(checkout["with"]) == {"persist-credentials"}
    assert script["run"] == "python3 .github/scripts/comment.py"
    assert job["permissions"] == {"actions": "read", "contents": "read", "pull-requests": "write"}


@dataclass(frozen=True, kw_only=True)
class Runner:
    """A clone with a pull request, and act to run its workflows on this machine."""

    folder: Path
    home: Path

    def git(self, *command: str) -> str:
        """Run git in the clone."""
        nobody = ("-c", "user.name=ada", "-c", "user.email=ada@example.com")
        done = subprocess.run(["git", *nobody, *command], cwd=self.folder, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def run(self, job: str, base: str) -> subprocess.CompletedProcess[str]:
        """Run one job of `preview`, as for a pull request."""
        event = self.home / "event.json"
        event.write_text(json.dumps({"pull_request": {"number": 7, "base": {"sha": base}}}))
        stub = self.home / "stub"
        stub.mkdir(exist_ok=True)
        (stub / "action.yml").write_text(
            "name: stub\nruns:\n  using: composite\n  steps:\n"
            "    - run: mkdir -p '" + str(self.home / "kept") + "' && cp -r plan/. '" + str(self.home / "kept") + "'\n"
            "      shell: bash\n"
        )
        upload = next(s["uses"] for s in steps(WORKFLOWS["preview.yaml"]) if "upload-artifact" in s.get("uses", ""))
        command = [
            tool("act"), "pull_request", "-W", ".github/workflows/preview.yaml", "-j", job, "-e", str(event),
            "-P", "ubuntu-latest=-self-hosted", "--use-gitignore=false", "--local-repository", f"{upload}={stub}",
            "--artifact-server-addr", "127.0.0.1", "--cache-server-addr", "127.0.0.1",
        ]  # fmt: skip
        outer = {key: value for key, value in os.environ.items() if not key.startswith(("GITHUB_", "PYTHONPATH"))}
        environment = outer | {
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.home),
            "XDG_CACHE_HOME": str(self.home),
        }
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False, timeout=240
        )


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    """The program with its workflows, as a repository of one commit."""
    tool("git"), tool("act"), tool("make")
    made = Runner(folder=tmp_path / "clone", home=tmp_path / "home")
    made.folder.mkdir()
    (made.home / "act").mkdir(parents=True)
    (made.home / "act" / "actrc").write_text("")
    for name in PROGRAM:
        whole = PROJECT / name
        copy = shutil.copytree if whole.is_dir() else shutil.copy
        copy(whole, made.folder / name)
    made.git("init", "--quiet", "--initial-branch=main")
    made.git("add", ".")
    made.git("commit", "--quiet", "--message", "Base")
    (made.folder / ".venv").symlink_to(Path(sys.prefix))
    for name in ("requirements.txt", "requirements-dev.txt"):
        os.utime(made.folder / name, (0, 0))  # what is installed is what they say
    return made


def test_the_steps_of_preview_leave_the_comment_of_every_stack(runner: Runner) -> None:
    """Run by act, from the event to the artifact."""
    base = runner.git("rev-parse", "HEAD")
    (runner.folder / "services" / "billing.yaml").write_text("team: mobility\ntemplate: node\ndescription: Bills\n")
    runner.git("add", ".")
    runner.git("commit", "--quiet", "--message", "Add billing")

    done = runner.run("plan", base)

    kept = runner.home / "kept"
    assert done.returncode == 0, done.stdout + done.stderr
    assert (kept / "number").read_text() == "7\n"
    comment = (kept / "comment.md").read_text()
    assert re.findall(r"^### `(\w+)`: \d+ resources? added", comment, re.MULTILINE) == ["dev", "prod"]
    assert "- service `billing` of team `mobility` is new" in comment


def test_a_request_that_removes_an_entry_fails_and_says_why(runner: Runner) -> None:
    """The comment is there all the same."""
    base = runner.git("rev-parse", "HEAD")
    dev = runner.folder / "Pulumi.dev.yaml"
    dev.write_text(re.sub(r"    platform:\n(      .*\n)+", "", dev.read_text()))
    runner.git("commit", "--quiet", "--all", "--message", "Remove platform")

    done = runner.run("plan", base)

    assert done.returncode != 0
    assert "refused, 1 entry gone" in (runner.home / "kept" / "comment.md").read_text()


def test_the_comment_says_why_a_stack_has_no_plan(runner: Runner) -> None:
    """Whoever reads it has no log before them."""
    template = runner.folder / "templates" / "service" / "template.yaml"
    template.write_text(re.sub(r"(?m)^version: .*", "version: one", template.read_text()))

    done = subprocess.run(
        ["bash", ".github/scripts/plan.sh", "HEAD", "plan"], cwd=runner.folder, capture_output=True, check=False
    )

    said = (runner.folder / "plan" / "comment.md").read_text()
    assert done.returncode == 1
    assert re.findall(r"^### `(\w+)`: not a right config$", said, re.MULTILINE) == ["dev", "prod"]
    assert said.count("template `service`: template.yaml: version:") == 2
