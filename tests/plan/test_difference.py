"""What a reviewer reads of a pull request: ten kinds of change, each as the comment shows it.

A snapshot that no longer fits is written anew by `IDP_SNAPSHOTS=write make test`, and is then read by a person.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from idp.plan.difference import NOTHING, difference, fields
from idp.plan.markdown import LONGEST, code, fence
from tests.support.lab import requires_git

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).resolve().parents[2]
SNAPSHOTS = Path(__file__).with_name("snapshots")
PROGRAM = ("Pulumi.yaml", "Pulumi.dev.yaml", "__main__.py", "idp", "components", "templates", "services")
DEV, VEHICLES = "Pulumi.dev.yaml", "services/vehicles.yaml"
NO_RESOURCES = ("idp:index:", "pulumi:providers:")


@dataclass(frozen=True, kw_only=True)
class Case:
    """A pull request, as replacements in files; an empty old text is a file's end, an empty new file is its removal."""

    edits: tuple[tuple[str, str, str], ...]
    refused: bool = False


QUOTA = "quota: {cpu: 4, memory: 8Gi, pods: 50}"
CASES = {
    "add": Case(edits=(("services/billing.yaml", "", "team: mobility\ntemplate: node\ndescription: Bills\ncalls: [rental]\n"),)),
    "retire": Case(
        edits=(
            (DEV, "      calls: [rental, vehicles]\n", "      calls: [rental, vehicles]\n      state: retired\n"),
        )
    ),
    "rename": Case(edits=((DEV, "    platform:\n", "    caller:\n"),), refused=True),
    "quota": Case(edits=((DEV, QUOTA, "quota: {cpu: 6, memory: 12Gi, pods: 50}"),)),
    "template-version": Case(edits=(("templates/node/template.yaml", "version: 2.", "version: 3."),)),
    "chart-version": Case(edits=(("idp/versions.py", 'name="traefik", version="41.3.0"', 'name="traefik", version="41.4.0"'),)),
    "new-team": Case(edits=((DEV, "  idp:services:\n", "    payments: {github: pay}\n  idp:services:\n"),)),
    "domain": Case(edits=((DEV, "  idp:local: true\n", "  idp:local: true\n  idp:domain: laptop.localhost\n"),)),
    "secret": Case(edits=((DEV, "  idp:visibility: public\n", "  idp:visibility: private\n  idp:githubPlan: paid\n"),)),
    "invalid": Case(
        edits=((VEHICLES, "template: demo", "templte: demo"), (DEV, "calls: [vehicles]}", "calls: [vehicle]}")),
        refused=True,
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program as a repository of one commit, apart from whatever this one's is."""
    folder = tmp_path_factory.mktemp("base")
    for name in PROGRAM:
        whole = PROJECT / name
        copy = shutil.copytree if whole.is_dir() else shutil.copy
        copy(whole, folder / name)
    for step in (
        ("init", "--quiet", "--initial-branch=main"),
        ("add", "."),
        ("commit", "--quiet", "--message", "Base"),
    ):
        git(folder, *step)
    return folder


def git(folder: Path, *command: str) -> str:
    nobody = ("-c", "user.name=ada", "-c", "user.email=ada@example.com")
    return subprocess.run(
        ["git", *nobody, "-C", str(folder), *command], check=True, capture_output=True, text=True
    ).stdout


@pytest.fixture
def request_of(repository: Path, tmp_path: Path) -> Iterator[Any]:
    """A work tree of the repository in which a case's edits are made."""
    folder = tmp_path / "request"
    git(repository, "worktree", "add", "--quiet", "--detach", str(folder))

    def edited(case: Case) -> Path:
        for name, old, new in case.edits:
            file = folder / name
            text = file.read_text() if file.exists() else ""
            assert old in text
            file.write_text(text.replace(old, new, 1) if old else text + new)
        return folder

    yield edited
    git(repository, "worktree", "remove", "--force", str(folder))


def preview(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [sys.executable, "-m", "idp", "preview", *options]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def planned(folder: Path) -> dict[str, dict[str, Any]]:
    """URN -> resource, by the plan's own JSON."""
    found = json.loads(preview(folder, "--format", "json").stdout)["resources"]
    return {each["urn"]: each for each in found if not each["type"].startswith(NO_RESOURCES)}


@requires_git
@pytest.mark.parametrize("name", CASES)
def test_the_comment_says_what_the_request_does(name: str, repository: Path, request_of: Any) -> None:
    """In words and numbers that agree with the two plans."""
    case = CASES[name]
    folder = request_of(case)
    snapshot = SNAPSHOTS / f"{name}.md"

    done = preview(folder, "--base", "HEAD", "--format", "markdown")

    assert done.returncode == (1 if case.refused else 0), done.stderr
    if os.environ.get("IDP_SNAPSHOTS") == "write":
        snapshot.write_text(done.stdout)
    assert done.stdout == snapshot.read_text()
    assert git(folder, "status", "--porcelain").split() == [
        word for each in sorted({edit[0] for edit in case.edits}) for word in (marked(repository, each), each)
    ]
    if name != "invalid":
        before, after = planned(repository), planned(folder)
        both = before.keys() & after.keys()
        counts = {
            "added": len(after.keys() - both),
            "changed": sum(any(before[urn][key] != after[urn][key] for key in COMPARED) for urn in both),
            "removed": len(before.keys() - both),
        }
        said = {
            word: int(number) for number, word in re.findall(r"(\d+) resources? (\w+)", done.stdout.splitlines()[0])
        }
        assert said == {word: number for word, number in counts.items() if number}


COMPARED = ("inputs", "protect", "deletedWith")


def marked(repository: Path, file: str) -> str:
    """How git marks a file that was edited."""
    return "M" if (repository / file).exists() else "??"


@requires_git
def test_the_terminal_shows_the_same(request_of: Any) -> None:
    """For whoever wrote the entry, before the pull request."""
    done = preview(request_of(CASES["rename"]), "--base", "HEAD")

    assert done.returncode == 1
    assert "service caller of team mobility is new" in done.stdout
    assert "services.platform: is no longer in the config" in done.stderr
    assert done.stdout.splitlines()[-1].startswith("refused, 1 entry gone; ")


@requires_git
def test_a_service_that_would_move_while_it_runs_is_refused(request_of: Any) -> None:
    """What it has in the old team's namespace would run on there; it is told how to move."""
    teams = (DEV, "  idp:services:\n", "    payments: {github: pay}\n  idp:services:\n")
    done = preview(request_of(Case(edits=(teams, (VEHICLES, "team: mobility", "team: payments")))), "--base", "HEAD")

    assert done.returncode == 1
    assert "services.vehicles: is to leave team `mobility` while it runs" in done.stderr
    assert done.stdout.splitlines()[-1].startswith("refused, 1 entry moved; ")


@requires_git
@pytest.mark.parametrize("form", ["tree", "markdown"])
def test_environments_in_another_order_are_refused_once(form: str, request_of: Any) -> None:
    """Every repository that is there would release or promote past them; a new one goes after the last."""
    edit = (DEV, "  idp:deploys: [dev]\n", "  idp:environments: [dev, staging, prod]\n  idp:deploys: [dev]\n")
    done = preview(request_of(Case(edits=(edit,))), "--base", "HEAD", "--format", form)

    assert done.returncode == 1
    assert done.stderr.count("write `[dev, prod, staging]`") == 1
    assert done.stdout.count("idp:environments: repositories that are there cannot follow `[dev, staging, prod]`") == 1
    assert "refused, environments in another order; " in done.stdout


@requires_git
def test_an_environment_after_the_last_is_not_refused(request_of: Any) -> None:
    """It is how a list grows."""
    edit = (DEV, "  idp:deploys: [dev]\n", "  idp:environments: [dev, prod, staging]\n  idp:deploys: [dev]\n")
    done = preview(request_of(Case(edits=(edit,))), "--base", "HEAD")

    assert (done.returncode, "refused" in done.stdout) == (0, False)


@requires_git
def test_a_request_that_changes_nothing_says_so(request_of: Any) -> None:
    """A comment in a program's file, say."""
    folder = request_of(Case(edits=((DEV, "config:\n", "# A comment.\nconfig:\n"),)))

    done = preview(folder, "--base", "HEAD", "--format", "markdown")

    assert done.returncode == 0
    assert done.stdout.startswith("### `dev`: nothing is declared otherwise\n")


@requires_git
def test_a_stack_that_is_new_has_everything_added(request_of: Any, tmp_path: Path) -> None:
    """Its file was not there at the base."""
    folder = request_of(Case(edits=()))
    (folder / "Pulumi.lab.yaml").write_text((folder / DEV).read_text())

    done = preview(folder, "--base", "HEAD", "--stack", "lab", "--format", "markdown")

    added = len(json.loads(preview(folder, "--stack", "lab", "--format", "json").stdout)["resources"])
    assert done.returncode == 0
    assert 0 < int(re.findall(r"(\d+) resources added$", done.stdout.splitlines()[0])[0]) < added
    assert not (tmp_path / "idp-base").exists()


@requires_git
def test_a_request_that_mends_a_broken_base_is_shown_alone(request_of: Any) -> None:
    """Else nobody could ever merge it."""
    folder = request_of(Case(edits=((DEV, "calls: [vehicles]}", "calls: [vehicle]}"),)))
    git(folder, "commit", "--quiet", "--all", "--message", "Broken")
    (folder / DEV).write_text((folder / DEV).read_text().replace("[vehicle]}", "[vehicles]}"))

    done = preview(folder, "--base", "HEAD", "--format", "markdown")

    assert done.returncode == 0
    assert "Compared with nothing, as the config of `HEAD` is wrong." in done.stdout
    assert "no service `vehicle`; did you mean `vehicles`?" in done.stderr


@requires_git
@pytest.mark.parametrize(
    ("options", "code_", "says"),
    [
        pytest.param(["--base", "elsewhere"], 1, "there is no commit `elsewhere` here", id="no such commit"),
        pytest.param(["--base=--help"], 1, "there is no commit `--help` here", id="an option as a commit"),
        pytest.param(["--base", "HEAD", "--format", "json"], 2, "--base compares as tree or markdown", id="a format"),
    ],
)
def test_what_cannot_be_compared_is_told(options: list[str], code_: int, says: str, request_of: Any) -> None:
    """Without a traceback."""
    done = preview(request_of(Case(edits=())), *options)

    assert done.returncode == code_
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_without_git_there_is_nothing_to_compare_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line, and not a traceback."""
    shutil.copy(PROJECT / "Pulumi.yaml", tmp_path)
    shutil.copy(PROJECT / DEV, tmp_path)
    shutil.copytree(PROJECT / "services", tmp_path / "services")
    monkeypatch.setenv("PATH", str(tmp_path))
    command = [sys.executable, "-m", "idp", "preview", "--base", "HEAD", "--project", str(tmp_path)]

    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)

    assert (done.returncode, "`git` is not on PATH" in done.stderr) == (1, True)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param({"a": 1}, {"a": 1}, [], id="equal"),
        pytest.param({"a": {"b": 1}}, {"a": {"b": 2}}, [("a.b", ("1",), ("2",))], id="deep"),
        pytest.param({"a": 1}, {}, [("a", ("1",), ())], id="a key that went"),
        pytest.param({}, {"a": {"b": {"c": True}}}, [("a", (), ("b.c: true",))], id="an object that came"),
        pytest.param({"a": [1, 2]}, {"a": [2, 3]}, [("a", ("1",), ("3",))], id="members of a list"),
        pytest.param({"a": [1, 2]}, {"a": [2, 1]}, [("a (order)", ("[1, 2]",), ("[2, 1]",))], id="order of a list"),
        pytest.param({"a": [{"b": 1}]}, {"a": [{"b": 2}]}, [("a[0].b", ("1",), ("2",))], id="objects in a list"),
        pytest.param({"a": "x\ny\n"}, {"a": "x\nz\n"}, [("a", ("y",), ("z",))], id="lines of a text"),
        pytest.param({"a": None}, {"a": ""}, [("a", ("null",), ("",))], id="nothing and an empty text"),
    ],
)
def test_values_are_compared_as_deep_as_they_go(old: Any, new: Any, said: list[Any]) -> None:
    """A reviewer sees the leaf that differs, and not the object around it."""
    assert [(each.path, each.gone, each.came) for each in fields(old, new)] == said


def test_nothing_of_a_config_is_markup() -> None:
    """Neither ends it the block of code in which it stands."""
    lines = ["```", "`````", "@ada <b>"]

    assert fence(lines).splitlines()[0] == "``````"
    assert fence(lines).splitlines()[-1] == "``````"
    assert code("a`b\nc") == "`ab c`"


def test_a_comment_fits_into_github(dev: Any) -> None:
    """It takes 65,536 characters; what is left out is said."""
    from idp.plan import document, markdown  # noqa: PLC0415

    service = {**document.document(dev), "outputs": {}}
    many = [
        each | {"urn": f"{each['urn']}{number}", "parent": None}
        for number in range(400)
        for each in service["resources"]
        if each["type"].endswith(":Application")
    ]
    text = markdown.compared(dev, {**service, "resources": many}, [], "HEAD")

    assert len(text) < LONGEST + 500
    assert "shows all" in text


def test_the_difference_to_nothing_is_everything(dev: Any) -> None:
    """And the way back."""
    from idp.plan import document  # noqa: PLC0415

    whole = document.document(dev)

    assert difference(NOTHING, whole).count("added") == difference(whole, NOTHING).count("removed") > 0
    assert {entry.name for entry in difference(whole, NOTHING).refused} == {"platform", "rental", "vehicles"}
