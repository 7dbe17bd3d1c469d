"""How a command ends on what nobody can foresee: in one line that says where, and not in a traceback."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests
import typer

from idp.cli import common
from tests.support.lab import free_port

if TYPE_CHECKING:
    from collections.abc import Callable


def unreachable(_folder: Path) -> None:
    requests.get(f"http://127.0.0.1:{free_port()}/", timeout=5)


def no_folder(folder: Path) -> None:
    (folder / "nowhere" / "plan.json").write_text("{}")


def below_a_file(folder: Path) -> None:
    (folder / "file").write_text("")
    common.write({"README.md": b""}, folder / "file")


@pytest.mark.parametrize(
    ("action", "says"),
    [
        pytest.param(unreachable, "127.0.0.1:{}: no connection; GITHUB_BASE_URL names another GitHub", id="no network"),
        pytest.param(no_folder, "nowhere/plan.json: No such file or directory", id="no folder"),
        pytest.param(below_a_file, "file: File exists", id="a file where a folder is to be"),
    ],
)
def test_it_ends_in_one_line(
    action: Callable[[Path], None], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With exit code 1."""
    with pytest.raises(typer.Exit) as ended, common.failures_end_it():
        action(tmp_path)

    said = capsys.readouterr().err
    assert ended.value.exit_code == 1
    assert all(part in said for part in says.split("{}"))
    assert "Traceback" not in said
