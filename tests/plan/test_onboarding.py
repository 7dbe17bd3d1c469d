"""`onboard` and `retire` at the terminal: what they say of every stack that reads an entry, and what comes next."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from idp.cli import app
from tests.conftest import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

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
    assert "services/billing.yaml:4: calls.0: in stack prod: no service `rental`" in done.stderr
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
