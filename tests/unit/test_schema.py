"""The JSON Schema that editors and forms get: it takes what `validate` takes, and refuses what a single value gets wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import TypeAdapter
from typer.testing import CliRunner

from idp import catalog
from idp.cli import app
from idp.words import Call

PROJECT = Path(__file__).resolve().parents[2]


def dev() -> dict[str, Any]:
    """The dev stack's config without the keys' namespace."""
    config = yaml.safe_load((PROJECT / "Pulumi.dev.yaml").read_text())["config"]
    return {key.removeprefix("idp:"): value for key, value in config.items()}


def refused(document: dict[str, Any]) -> list[str]:
    validator = jsonschema.Draft202012Validator(catalog.schema())
    return [error.json_path for error in validator.iter_errors(document)]


def test_the_command_prints_a_valid_schema() -> None:
    """A schema with a mistake in it lets everything through."""
    printed = json.loads(CliRunner().invoke(app, ["schema"]).stdout)

    jsonschema.Draft202012Validator.check_schema(printed)
    assert printed == json.loads(json.dumps(catalog.schema()))


@pytest.mark.parametrize(
    "call",
    [
        "vehicles",
        "https://API.example.com",
        "http://a-b.example:8080/v1",
        "https://8.8.8.8",
        "https://[2606:4700::1]:8443",
    ],
)
def test_what_validate_takes_of_calls_an_editor_takes(call: str) -> None:
    """Else it marks what is right."""
    document = dev()
    document["services"]["rental"]["calls"] = [call]

    assert refused(document) == []
    assert TypeAdapter(Call).validate_python(call) == call


def test_the_dev_stack_is_within_it() -> None:
    """What is right for the program is right for the editor."""
    assert refused(dev()) == []


@pytest.mark.parametrize(
    ("change", "where"),
    [
        pytest.param({"templte": "node"}, "$.services.rental", id="unknown key"),
        pytest.param({"template": "nod"}, "$.services.rental.template", id="unknown template"),
        pytest.param({"parameters": {"port": "http"}}, "$.services.rental.parameters.port", id="parameter's type"),
        pytest.param({"parameters": {"port": 80}}, "$.services.rental.parameters.port", id="parameter's range"),
        pytest.param({"parameters": {"prt": 80}}, "$.services.rental.parameters", id="unknown parameter"),
        pytest.param({"team": "Mobility"}, "$.services.rental.team", id="name rule"),
        pytest.param({"description": "  "}, "$.services.rental.description", id="blank description"),
        pytest.param({"calls": ["https://localhost"]}, "$.services.rental.calls[0]", id="no public name"),
        pytest.param({"calls": ["https://127.1"]}, "$.services.rental.calls[0]", id="a short number"),
        pytest.param({"calls": ["Rental"]}, "$.services.rental.calls[0]", id="neither a service nor an address"),
        pytest.param({"state": "gone"}, "$.services.rental.state", id="state"),
    ],
)
def test_an_editor_marks_what_validate_refuses(change: dict[str, Any], where: str) -> None:
    """The template's own parameters included."""
    document = dev()
    document["services"]["rental"] |= change

    assert where in refused(document)
