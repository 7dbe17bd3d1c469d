"""Stack files: values as the engine reads them, lines for the errors, defaults below what is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from idp import goyaml, stackfile
from idp.errors import MistakesError

if TYPE_CHECKING:
    from pathlib import Path

PROJECT = """
name: idp
config:
  pulumi:disable-default-providers: {value: [kubernetes, github]}
  domain: {type: string, default: idp.localhost}
  cluster: {type: object, default: {mode: kind, workers: 2}}
  token: {type: string, default: ""}
"""


def config(tmp_path: Path, text: str) -> stackfile.StackConfig:
    (tmp_path / "Pulumi.yaml").write_text(PROJECT)
    (tmp_path / "Pulumi.dev.yaml").write_text(text)
    return stackfile.read_config(tmp_path, "dev")


def document(tmp_path: Path, text: str) -> goyaml.Document:
    (tmp_path / "file.yaml").write_text(text)
    return goyaml.read(tmp_path, "file.yaml")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("true", True, id="truth"),
        pytest.param("yes", "yes", id="yes is text"),
        pytest.param("on", "on", id="on is text"),
        pytest.param("~", None, id="nothing"),
        pytest.param("0777", 511, id="octal of old"),
        pytest.param("0o17", 15, id="octal of today"),
        pytest.param("08", 8, id="no octal"),
        pytest.param("1_000", 1000, id="underscores"),
        pytest.param("0x1F", 31, id="hexadecimal"),
        pytest.param("1e3", 1000, id="a whole float"),
        pytest.param("1.10", 1.1, id="a version that is none"),
        pytest.param("12:30:00", "12:30:00", id="no base sixty"),
        pytest.param("2024-01-02", "2024-01-02 00:00:00 +0000 UTC", id="a date is a time"),
        pytest.param("2024-13-02", "2024-13-02", id="no such month"),
        pytest.param("18446744073709551616", 18446744073709551616.0, id="beyond 64 bits"),
    ],
)
def test_a_plain_word_means_what_it_means_to_the_engine(text: str, value: Any) -> None:
    """The whole table is held against the real engine elsewhere; these are the ones that surprise."""
    found = goyaml.scalar(text)

    assert found == value
    assert type(found) is type(value)


def test_quotes_make_text(tmp_path: Path) -> None:
    """Whatever is in them."""
    assert document(tmp_path, "a: '12'\nb: \"true\"\nc: |\n  ~\n").value == {"a": "12", "b": "true", "c": "~\n"}


def test_every_key_and_item_has_its_line(tmp_path: Path) -> None:
    """A missing one has its parent's, so that an error always points somewhere."""
    found = document(tmp_path, "a:\n  b:\n    - x\n    - y: 1\n  c: {d: 2}\n")

    assert found.line(("a", "b", 1, "y")) == 4
    assert found.line(("a", "c", "d")) == 5
    assert found.line(("a", "b", 0, "missing", "deeper")) == 3
    assert found.line(("z",)) == 0


def test_anchors_and_merges_are_resolved(tmp_path: Path) -> None:
    """As go-yaml does: a mapping's own keys win."""
    found = document(tmp_path, "base: &b {x: 1, y: 2}\nmade: {<<: *b, y: 3}\n")

    assert found.value["made"] == {"x": 1, "y": 3}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("a: 1\na: 2\n", "file.yaml:2: a: given twice; first on line 1", id="a key twice"),
        pytest.param("a: {b: 1, b: 2}\n", "file.yaml:1: a.b: given twice", id="a key twice inside"),
        pytest.param("a: [\n", "file.yaml:2: not YAML", id="cut off"),
        pytest.param("a: &x [*x]\n", "file.yaml:1: a.0: contains itself", id="a loop"),
        pytest.param("a: .inf\n", "file.yaml:1: a: `.inf` is no number", id="no JSON"),
        pytest.param("a: !!binary aGk=\n", "file.yaml:1: a: a config holds text", id="binary"),
        pytest.param("[a]: 1\n", "file.yaml:1: a key is one word", id="a list as key"),
    ],
)
def test_what_the_engine_refuses_is_a_mistake_with_its_line(text: str, says: str, tmp_path: Path) -> None:
    """Instead of the engine's own words, which name no file."""
    with pytest.raises(MistakesError) as caught:
        document(tmp_path, text)

    assert str(caught.value).startswith(says)


def test_defaults_stand_below_what_is_given(tmp_path: Path) -> None:
    """An object in the stack's file replaces the default whole: nothing is merged."""
    found = config(tmp_path, "config:\n  idp:cluster: {mode: existing}\n").values

    assert found["idp:domain"] == "idp.localhost"
    assert found["idp:cluster"] == '{"mode":"existing"}'
    assert found["pulumi:disable-default-providers"] == '["kubernetes","github"]'


def test_a_key_without_a_namespace_is_the_projects(tmp_path: Path) -> None:
    """As the engine completes it."""
    assert config(tmp_path, "config:\n  domain: example.org\n").values["idp:domain"] == "example.org"


def test_a_key_with_its_namespace_and_without_is_a_mistake(tmp_path: Path) -> None:
    """Which of the two the engine takes is left to chance."""
    with pytest.raises(MistakesError, match=r"Pulumi.dev.yaml:3: config.domain: given with its namespace and without"):
        config(tmp_path, "config:\n  idp:domain: a.example\n  domain: b.example\n")


def test_what_is_encrypted_is_a_secret_with_a_placeholder(tmp_path: Path) -> None:
    """Also where it is part of an object."""
    found = config(tmp_path, "config:\n  idp:token: {secure: v1:abc}\n  idp:cluster: {a: {secure: v1:def}}\n")

    assert found.secrets == {"idp:token", "idp:cluster"}
    assert "v1:" not in str(found.values)
    assert found.values["idp:token"] == stackfile.ENCRYPTED


@pytest.mark.parametrize("text", ["", "# nothing\n", "config:\n", "encryptionsalt: x\n"])
def test_a_stack_may_say_nothing(text: str, tmp_path: Path) -> None:
    """Its config is the defaults."""
    assert config(tmp_path, text).values["idp:domain"] == "idp.localhost"


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    """Some editors write one; the engine skips it."""
    assert config(tmp_path, "\ufeffconfig:\n  idp:domain: example.org\n").values["idp:domain"] == "example.org"


@pytest.mark.parametrize("text", ["- a\n", "config: [a]\n", "config: word\n"])
def test_a_config_that_is_no_mapping_is_a_mistake(text: str, tmp_path: Path) -> None:
    """Not a traceback."""
    with pytest.raises(MistakesError, match="must be keys and values"):
        config(tmp_path, text)
