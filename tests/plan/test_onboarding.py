"""`onboard` and `retire` at the terminal: what they say of every stack that reads an entry, and what comes next."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner, Result

from idp.cli import app
from tests.conftest import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

BILLING = ("billing", "--team=mobility", "--template=node", "--description=Bills", "--yes")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The committed config of all stacks."""
    for file in PROJECT.glob("Pulumi*.yaml"):
        shutil.copy(file, tmp_path)
    shutil.copytree(PROJECT / "services", tmp_path / "services")
    return tmp_path


def types(folder: Path, *command: str) -> Result:
    return CliRunner().invoke(app, [*command, "--project", str(folder)])


def test_a_mistake_in_some_stacks_says_in_which(folder: Path) -> None:
    """An entry for all calls a service that one of them lacks."""
    done = types(folder, "onboard", *BILLING, "--shared", "--call=rental")

    assert done.exit_code == 1
    assert "--call rental: in stack prod: no service `rental`" in done.stderr
    assert "services/billing.yaml" not in done.stderr
    assert not (folder / "services" / "billing.yaml").exists()


def test_callers_in_every_stack_are_told_at_once(folder: Path) -> None:
    """Each with its own file and line."""
    done = types(folder, "retire", "vehicles", "--yes")

    assert done.exit_code == 1
    told = [line for line in done.stderr.splitlines() if "service `vehicles` is retired" in line]
    assert {line.split(":")[0] for line in told} == {"Pulumi.dev.yaml", "Pulumi.local.yaml"}
    assert len(told) == 4


@pytest.mark.parametrize(
    ("stack", "makes"), [("dev", "make up STACK=dev"), ("local", "make local")], ids=["on GitHub", "in a forge"]
)
def test_what_comes_next_is_said(folder: Path, stack: str, makes: str) -> None:
    """In a forge `up` alone would make no image."""
    added = types(folder, "onboard", *BILLING, "--stack", stack)
    gone = types(folder, "retire", "billing", "--yes", "--stack", stack)

    for done in (added, gone):
        assert done.exit_code == 0, done.output
        assert f"next: commit it, and open a pull request; or `{makes}`" in done.stdout


def test_every_option_that_is_wrong_is_told_at_once(folder: Path) -> None:
    """Not one a run."""
    wrong = ("--team=mobilty", "--template=nod", "--description=", "--param=foo", "--call=vehicle", "--yes")
    done = types(folder, "onboard", "Bill_ing", *wrong)

    assert done.exit_code == 1
    assert [line.split(": ")[0] for line in done.stderr.splitlines()] == [
        "name", "team", "template", "description", "--param foo", "--call vehicle",
    ]  # fmt: skip
    assert "no `mobilty`; did you mean `mobility`?" in done.stderr


def test_parameters_are_held_to_a_template_that_is_there(folder: Path) -> None:
    """Beside whatever else is wrong."""
    done = types(
        folder, "onboard", "billing", "--team=x", "--template=node", "--description=x", "--param=foo=1", "--yes"
    )

    assert done.exit_code == 1
    assert "team: no `x`" in done.stderr
    assert "--param foo=1: write `key=value`, with a key that the template has" in done.stderr


@pytest.mark.parametrize("yes", [(), ("--yes",)], ids=["no terminal", "--yes"])
def test_every_option_that_is_missing_is_told_at_once(yes: tuple[str, ...], folder: Path) -> None:
    """Where nobody can be asked."""
    done = types(folder, "onboard", *yes)

    assert done.exit_code == 2
    assert [line.split(": ")[0] for line in done.stderr.splitlines()] == [
        "say NAME", "say --team", "say --template", "say --description",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("--call=vehicle", "--call vehicle: no service `vehicle`; did you mean `vehicles`?"),
        ("--call=billing", "--call billing: a service does not call itself through the network"),
        ("--call=ftp://x", "--call ftp://x: "),
        ("--system=A b", "--system: "),
    ],
)
@pytest.mark.parametrize("shared", [(), ("--shared",)], ids=["the stack's", "shared"])
def test_a_mistake_in_a_new_entry_is_told_by_its_option(
    option: str, says: str, shared: tuple[str, ...], folder: Path
) -> None:
    """The line in which it would stand is in no file."""
    before = (folder / "Pulumi.dev.yaml").read_text()
    done = types(folder, "onboard", *BILLING, option, *shared)

    assert done.exit_code == 1
    assert done.stderr.startswith(says)
    assert ".yaml" not in done.stderr
    assert (folder / "Pulumi.dev.yaml").read_text() == before


@pytest.mark.parametrize(
    "command", [("onboard", *BILLING), ("retire", "platform", "--yes")], ids=lambda words: words[0]
)
def test_a_file_that_is_closed_to_writing_stays_as_it_is(command: tuple[str, ...], folder: Path) -> None:
    """And one line says so."""
    file = folder / "Pulumi.dev.yaml"
    before = file.read_text()
    file.chmod(0o444)
    done = types(folder, *command)

    assert (done.exit_code, done.stderr) == (1, "Pulumi.dev.yaml: no permission to write to it\n")
    assert (file.read_text(), file.stat().st_mode & 0o777) == (before, 0o444)
