"""What the documents say is so."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from idp.model import ExistingSpec, KindSpec, PlatformConfig, Quota, ServiceEntry, TeamEntry
from idp.settings import SECRETS

PROJECT = Path(__file__).resolve().parents[2]
DECLARED = yaml.safe_load((PROJECT / "Pulumi.yaml").read_text())["config"]
CONFIGURATION = (PROJECT / "docs" / "configuration.md").read_text()


def test_the_readme_shows_the_real_preview() -> None:
    """It is the first thing that a newcomer compares."""
    said = subprocess.run([sys.executable, "-m", "idp", "preview"], cwd=PROJECT, capture_output=True, check=True)
    shown = re.search(r"\$ make preview\n(.*?)```", (PROJECT / "README.md").read_text(), re.DOTALL)

    assert shown is not None
    assert shown[1] == said.stdout.decode()


def test_the_readmes_mistakes_are_told_in_these_words(project: Path) -> None:
    """An example of an error that has long been worded otherwise teaches nobody."""
    shutil.copytree(PROJECT / "services", project / "services", dirs_exist_ok=True)
    stack = (PROJECT / "Pulumi.dev.yaml").read_text()
    (project / "Pulumi.dev.yaml").write_text(stack.replace("calls: [vehicles]}", "cals: [vehicles]}"))
    (project / "services" / "billing.yaml").write_text(
        "template: node\nteam: finance\ndescription: Bills for rentals\n"
    )
    command = [sys.executable, "-m", "idp", "validate", "--project", str(project)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)

    shown = re.search(r"\$ python -m idp validate\n(.*?)```", (PROJECT / "README.md").read_text(), re.DOTALL)
    assert shown is not None
    assert done.returncode == 1
    assert set(shown[1].splitlines()) <= set(done.stderr.splitlines())


def test_every_key_of_the_schema_is_declared_with_its_default() -> None:
    """Pulumi.yaml's defaults are what the engine applies, the model's what an omitted inner key gets: they must agree."""
    fields = {field.alias or name: field for name, field in PlatformConfig.model_fields.items()}

    assert set(DECLARED) - {"pulumi:disable-default-providers"} == set(fields) | set(SECRETS)
    for key, field in fields.items():
        declared = DECLARED[key]["default"]
        if key not in {"organization", "cluster"}:
            default = field.get_default(call_default_factory=True)
            plain = default.model_dump(exclude_none=True) if hasattr(default, "model_dump") else default
            assert declared == (list(plain) if isinstance(plain, tuple) else plain), key


def test_every_default_is_a_right_config() -> None:
    """A stack that says nothing but its organization works."""
    defaults = {key: value["default"] for key, value in DECLARED.items() if "default" in value and key not in SECRETS}

    PlatformConfig.model_validate_json(__import__("json").dumps(defaults | {"organization": "acme"}))


@pytest.mark.parametrize("key", [*(key for key in DECLARED if ":" not in key)])
def test_every_key_is_documented(key: str) -> None:
    """With its meaning, in one place."""
    assert f"`idp:{key}`" in CONFIGURATION


@pytest.mark.parametrize("model", [ServiceEntry, TeamEntry, Quota, KindSpec, ExistingSpec])
def test_every_inner_key_is_documented(model: type[PlatformConfig]) -> None:
    """Also the keys of an entry."""
    missing = [
        f.alias or n for n, f in model.model_fields.items() if not re.search(rf"\b{f.alias or n}\b", CONFIGURATION)
    ]

    assert missing == []


def test_no_secret_has_a_type_that_the_engine_refuses() -> None:
    """`secret: true` with a default is refused by the engine; a plain string with an empty default is not."""
    assert all(DECLARED[key]["type"] == "string" and DECLARED[key]["default"] == "" for key in SECRETS)
    assert "secure:" not in (PROJECT / "Pulumi.dev.yaml").read_text()
    assert "encryptionsalt" not in (PROJECT / "Pulumi.dev.yaml").read_text()
