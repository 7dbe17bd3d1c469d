"""Entries are added and marked, and every other line stays as it was."""

# ruff: noqa: E501  files as people write them

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from idp import entries, goyaml
from idp.entries import LayoutError

if TYPE_CHECKING:
    from idp.entries import Edit

PROJECT = Path(__file__).resolve().parents[2]
ENTRY = {"team": "mobility", "template": "node", "description": "Bills", "calls": ["rental"]}
FILES = {
    "blocks with comments": (
        "# Ours.\nconfig:\n  idp:organization: acme   # the company\n\n  idp:services:\n    # the first\n    rental: {team: mobility}\n"
        "  idp:local: true # last\n"
    ),
    "nothing yet": "config:\n  idp:organization: acme\n",
    "an empty mapping": "config:\n  idp:services: {}\n",
    "a key without a value": "config:\n  idp:services:\n  idp:local: true\n",
    "flow": "config:\n  idp:services: {rental: {team: mobility, calls: [a,  b]}}\n",
    "lists at the key": "config:\n  idp:environments:\n  - dev\n  - prod\n  idp:services:\n    rental:\n      calls:\n      - a\n",
    "lists that stand in": "config:\n  idp:environments:\n    - dev\n    - prod\n  idp:services:\n    rental:\n      calls:\n        - a\n",
    "without the namespace": "config:\n  services:\n    rental: {team: mobility}\n",
    "no end of line": "config:\n  idp:services:\n    rental: {team: mobility}",
    "lines of Windows": "config:\r\n  idp:services:\r\n    rental: {team: mobility}\r\n",
    "quotes and long lines": f"config:\n  idp:services:\n    rental: {{description: 'It''s {'long ' * 60}', team: \"mobility\"}}\n",
    "a document's start": "# Ours.\n---\n# And yours.\nconfig:\n  idp:services:\n    rental: {team: mobility}\n",
    "a document's start on Windows": "--- # ours\r\nconfig:\r\n  idp:services:\r\n    rental: {team: mobility}\r\n",
    "four columns": "config:\n    idp:list:\n        - a\n        - b: 1\n          c: 2\n    idp:services:\n        # the first\n        rental:\n            team: mobility\n            parameters:\n                a: 1\n    idp:local: true\n",
    "four columns, lists at the key": "config:\n    idp:list:\n    - a\n    - b\n    idp:services:\n        rental:\n            team: mobility\n",
    "wrapped": "config:\n  idp:organization:\n    acme\n  idp:text: a plain text\n    over three\n    lines # and no more\n  idp:quoted: 'in\n    quotes'\n  idp:list:\n    - an item\n      on two\n    - b\n  idp:services:\n    rental: {team: mobility,\n      template: node}\n    other:\n      description: a b\n        c\n",
    "words of go-yaml": "config:\n  idp:a: 0777\n  idp:b: yes\n  idp:c: 12:30:00\n  idp:d: 1_000\n  idp:services:\n    rental: {team: no}\n",
    "secrets and salt": "encryptionsalt: v1:abc=\nconfig:\n  idp:token:\n    secure: v1:xyz\n  idp:services:\n    rental: {team: mobility}\n",
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(PROJECT / "Pulumi.yaml", tmp_path)
    (tmp_path / "services").mkdir()
    return tmp_path


def lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").splitlines()


def kept(edit: Edit) -> bool:
    """Whether every old line is still there, in its order."""
    after = iter(lines(edit.after))
    return all(line in after for line in lines(edit.before))


@pytest.mark.parametrize("name", [name for name in FILES if name not in {"an empty mapping", "flow"}])
def test_an_entry_more_is_lines_more(name: str, folder: Path) -> None:
    """Comments, order, quotes, blanks and words stay, byte by byte."""
    (folder / "Pulumi.dev.yaml").write_bytes(FILES[name].encode())

    edit = entries.added(folder, "dev", "billing", ENTRY, shared=False)
    edit.write(folder)

    assert kept(edit)
    assert ("\r\n" in edit.after) == ("\r\n" in edit.before)
    config = goyaml.read(folder, "Pulumi.dev.yaml").value["config"]
    assert (config.get("idp:services") or config["services"])["billing"] == ENTRY


@pytest.mark.parametrize("name", ["an empty mapping", "flow"])
def test_an_entry_in_a_mapping_on_one_line_changes_that_line_alone(name: str, folder: Path) -> None:
    """Nobody's style is changed for it."""
    (folder / "Pulumi.dev.yaml").write_text(FILES[name])

    edit = entries.added(folder, "dev", "billing", ENTRY, shared=False)
    edit.write(folder)

    assert lines(edit.after)[0] == "config:"
    assert goyaml.read(folder, "Pulumi.dev.yaml").value["config"]["idp:services"]["billing"] == ENTRY


def test_a_shared_entry_is_a_file_of_its_own(folder: Path) -> None:
    """Which every stack reads."""
    edit = entries.added(folder, "dev", "billing", ENTRY, shared=True)

    assert (edit.file, edit.before) == ("services/billing.yaml", "")
    assert edit.after == "team: mobility\ntemplate: node\ndescription: Bills\ncalls: [rental]\n"


words = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=60)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(description=words, parameter=st.one_of(words, st.integers(-(2**40), 2**40), st.booleans()))
def test_any_text_reads_back_as_it_was_typed(description: str, parameter: Any, folder: Path) -> None:
    """As the engine reads it: `no`, `0777`, `12:30:00`, quotes, hashes, colons."""
    (folder / "Pulumi.dev.yaml").write_text(FILES["blocks with comments"])
    entry = {**ENTRY, "description": description, "parameters": {"p": parameter}}

    edit = entries.added(folder, "dev", "billing", entry, shared=False)

    assert kept(edit)
    edit.write(folder)
    assert goyaml.read(folder, "Pulumi.dev.yaml").value["config"]["idp:services"]["billing"] == entry


@pytest.mark.parametrize("name", [name for name, text in FILES.items() if "rental" in text])
def test_a_retirement_comes_and_goes_again(name: str, folder: Path) -> None:
    """And leaves the file as it was before."""
    (folder / "Pulumi.dev.yaml").write_bytes(FILES[name].encode())

    entries.with_state(folder, "dev", "rental", retired=True).write(folder)
    config = goyaml.read(folder, "Pulumi.dev.yaml").value["config"]
    assert (config.get("idp:services") or config["services"])["rental"]["state"] == "retired"
    entries.with_state(folder, "dev", "rental", retired=False).write(folder)

    after, before = ((folder / "Pulumi.dev.yaml").read_bytes().decode(), FILES[name])
    assert re.sub(r"\s+", " ", after).strip() == re.sub(r"\s+", " ", before).strip()


def test_a_retirement_in_a_file_of_its_own(folder: Path) -> None:
    """A line more."""
    text = "# Ours.\nteam: mobility   # since 2024\ntemplate: node\n"
    (folder / "Pulumi.dev.yaml").write_text("config: {}\n")
    (folder / "services" / "rental.yaml").write_text(text)

    edit = entries.with_state(folder, "dev", "rental", retired=True)

    assert (edit.file, edit.after) == ("services/rental.yaml", f"{text}state: retired\n")


FLOW = "rental: {team: mobility, # ours\n  template: node}\n"


@pytest.mark.parametrize(
    ("file", "text", "advice"),
    [
        pytest.param(
            "Pulumi.dev.yaml", f"config:\n  idp:services:\n    {FLOW.replace('  t', '      t')}",
            "edit it by hand, or keep the entry in a file of its own, in services/", id="a comment would go",
        ),
        pytest.param(
            "services/rental.yaml", "{team: mobility,\n  template: node}\n", "edit it by hand", id="its own"
        ),
    ],
)  # fmt: skip
def test_a_layout_that_cannot_be_kept_is_left_alone(file: str, text: str, advice: str, folder: Path) -> None:
    """And said, with what to do instead: an entry that has a file of its own needs no other."""
    (folder / "Pulumi.dev.yaml").write_text("config: {}\n")
    (folder / file).write_text(text)

    with pytest.raises(LayoutError) as raised:
        entries.with_state(folder, "dev", "rental", retired=True)
    said = f"{file}: it is laid out in a way that cannot be changed without changing more; {advice}"
    assert str(raised.value) == said
    assert (folder / file).read_text() == text


def test_a_link_goes_on_to_point_at_the_file(folder: Path) -> None:
    """As where several stacks' folders share one; its mode stays too."""
    real = folder / "shared" / "dev.yaml"
    real.parent.mkdir()
    real.write_text(FILES["blocks with comments"])
    real.chmod(0o640)
    (folder / "Pulumi.dev.yaml").symlink_to(Path("shared") / "dev.yaml")

    edit = entries.added(folder, "dev", "billing", ENTRY, shared=False)
    assert edit.obstacle(folder) is None
    edit.write(folder)

    assert (folder / "Pulumi.dev.yaml").readlink() == Path("shared") / "dev.yaml"
    assert real.read_text() == edit.after
    assert real.stat().st_mode & 0o777 == 0o640
    assert [file.name for file in real.parent.iterdir()] == ["dev.yaml"]


@pytest.mark.parametrize(
    ("closed", "shared", "says"),
    [
        pytest.param("Pulumi.dev.yaml", False, "Pulumi.dev.yaml: no permission to write to it", id="file"),
        pytest.param("", False, "Pulumi.dev.yaml: no permission to write to the folder {}", id="folder"),
        pytest.param("services", True, "services/billing.yaml: no permission to write to the folder {}", id="services"),
    ],
)  # fmt: skip
def test_what_is_closed_to_writing_is_told(closed: str, shared: bool, says: str, folder: Path) -> None:
    """Before anybody is asked; a file beside it that takes its place would pass by the mode."""
    (folder / "Pulumi.dev.yaml").write_text(FILES["blocks with comments"])
    mode = (folder / closed).stat().st_mode
    (folder / closed).chmod(mode & ~0o222)

    edit = entries.added(folder, "dev", "billing", ENTRY, shared=shared)

    assert edit.obstacle(folder) == says.format(folder / closed)
    (folder / closed).chmod(mode)
    assert edit.obstacle(folder) is None


def test_an_entry_is_found_where_it_stands(folder: Path) -> None:
    """In the stack's file, in its own, or nowhere."""
    (folder / "Pulumi.dev.yaml").write_text(FILES["blocks with comments"])
    (folder / "services" / "vehicles.yaml").write_text("team: mobility\n")

    found = [entries.place(folder, "dev", name) for name in ("rental", "vehicles", "billing")]
    assert found == ["Pulumi.dev.yaml", "services/vehicles.yaml", None]
