"""Templates: answers become files, the same on every machine, or an error that names the template's file."""

# ruff: noqa: E501  a program in one line
from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from idp import render, templates
from idp.templates import TemplateError

PROJECT = Path(__file__).resolve().parents[2]
INFO = "name: tiny\nkind: gitops\nversion: 1.2.3\ndescription: Tiny\nowner: platform\n"
SERVICE = """name: go
kind: service
version: 1.2.3
description: Small
owner: platform
toolchain:
  language: Go
  ecosystem: gomod
  tags: [go]
  setup: {uses: actions/setup-go@0123456789012345678901234567890123456789, version: v1}
  images: {}
  installs: []
  commands: {install: [go mod download], check: [go vet], test: [go test], start: ./service}
"""
ANSWERS: dict[str, Any] = {"project": "idp", "service": "rental", "environments": ["dev", "prod"]}


def template(root: Path, files: dict[str, str | bytes], info: str = INFO, folder: str = "tiny") -> templates.Template:
    """Write a template below `root` and load it."""
    for path, text in {"template.yaml": info, **{f"files/{path}": text for path, text in files.items()}}.items():
        target = root / folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text if isinstance(text, bytes) else text.encode())
    return templates.load(folder, root)


def test_workflows_keep_their_own_braces(tmp_path: Path) -> None:
    """Jinja's default braces would turn an expression of a workflow into nothing, without a word."""
    made = template(tmp_path, {"ci.yaml": "run: ${{ github.sha }} {{ x }} {% y %} [[ service ]]\n"})

    assert render.render(made, ANSWERS).files["ci.yaml"] == b"run: ${{ github.sha }} {{ x }} {% y %} rental\n"


def test_a_name_that_nobody_answered_is_an_error_with_its_file(tmp_path: Path) -> None:
    """An empty string in its place would be found by the team, weeks later."""
    made = template(tmp_path, {"src/main.ts": "[[ servce ]]"})

    with pytest.raises(TemplateError, match=r"template `tiny`: src/main.ts: 'servce' is undefined"):
        render.render(made, ANSWERS)


def test_a_path_with_an_environment_is_rendered_once_for_each(tmp_path: Path) -> None:
    """An overlay per environment, each knowing its own name."""
    made = template(tmp_path, {"deploy/[[ environment ]]/kustomization.yaml": "# [[ environment ]]\n"})

    found = {p: c for p, c in render.render(made, ANSWERS).files.items() if p != templates.MARKER}
    assert found == {"deploy/dev/kustomization.yaml": b"# dev\n", "deploy/prod/kustomization.yaml": b"# prod\n"}


def test_a_file_that_an_answer_rules_out_is_not_made(tmp_path: Path) -> None:
    """An empty file in its place would be applied, served or read all the same."""
    info = INFO + "when:\n  apps/*.yaml: add_ons\n"
    made = template(tmp_path, {"apps/loki.yaml": "[[ nobody_answers ]]", "apps/README.md": "none"}, info)

    assert set(render.render(made, ANSWERS | {"add_ons": False}).files) == {"apps/README.md", templates.MARKER}
    with pytest.raises(TemplateError, match="'nobody_answers' is undefined"):
        render.render(made, ANSWERS | {"add_ons": True})
    with pytest.raises(TemplateError, match=r"apps/loki.yaml: when `add_ons`: 'add_ons' is undefined"):
        render.render(made, ANSWERS)


def test_a_service_is_made_from_a_services_template_alone(tmp_path: Path) -> None:
    """The platform's own repository is not one that a team asks for."""
    template(tmp_path, {}, INFO.replace("gitops", "base"))
    template(tmp_path, {}, INFO.replace("tiny", "whole"), "whole")
    template(tmp_path, {}, SERVICE, "go")

    assert templates.names(tmp_path) == ("go",)
    assert not {"gitops", "service"} & set(templates.names())


def test_a_template_has_what_it_extends_and_its_own_instead(tmp_path: Path) -> None:
    """Two languages share what is no language's; a demo is a language's template with other routes."""
    port = "parameters: {port: {type: integer, description: x, default: 3000}}\n"
    template(tmp_path, {"a": "base", "b": "base"}, INFO.replace("gitops", "base") + port + "managed: [b]\n")
    template(tmp_path, {"b": "go", "c": "go"}, SERVICE + "extends: tiny\nmanaged: [c]\n", "go")
    demo = SERVICE.replace("name: go", "name: shop").replace("kind: service", "kind: demo").partition("toolchain")[0]
    made = template(
        tmp_path,
        {"c": "shop"},
        demo + "extends: go\nparameters: {size: {type: integer, description: x, default: 1}}\n",
        "shop",
    )

    assert made.sources == {"a": "base", "b": "go", "c": "shop"}
    assert made.answers({"port": 7001}) == {"port": 7001, "size": 1}
    assert [made.policy(path) for path in "abc"] == ["once", "managed", "managed"]
    assert made.info.toolchain == templates.load("go", tmp_path).info.toolchain
    assert (made.info.name, made.info.kind, made.info.version) == ("shop", "demo", "1.2.3")


def test_a_template_that_extends_itself_says_by_which_way(tmp_path: Path) -> None:
    """An endless loop would say nothing."""
    template(tmp_path, {}, INFO.replace("tiny", "other"), "other")
    (tmp_path / "other/template.yaml").write_text(INFO.replace("tiny", "other") + "extends: tiny\n")

    with pytest.raises(TemplateError, match="it extends itself, by tiny -> other -> tiny"):
        template(tmp_path, {}, INFO + "extends: other\n")


def test_two_sources_with_one_path_are_an_error(tmp_path: Path) -> None:
    """One of them would be lost."""
    made = template(tmp_path, {"rental.md": "a", "[[ service ]].md": "b"})

    with pytest.raises(TemplateError, match=r"two sources make rental.md"):
        render.render(made, ANSWERS)


@pytest.mark.parametrize(
    ("files", "info", "says"),
    [
        pytest.param({"logo.png": b"\x89PNG\xff"}, INFO, "no text: files/logo.png", id="not text"),
        pytest.param({}, INFO.replace("tiny", "other"), "template.yaml calls it `other`", id="another name"),
        pytest.param({}, INFO + "parametrs: {}\n", "parametrs", id="unknown key"),
        pytest.param({}, "name: [", "template `tiny`", id="not YAML"),
        pytest.param({}, INFO.replace("1.2.3", "1.2"), "version", id="no version"),
        pytest.param({}, INFO.replace("gitops", "service"), "toolchain: missing", id="a service's without a toolchain"),
        pytest.param({}, INFO + "extends: nobody\n", "template `nobody`: .*No such file", id="extends nothing"),
    ],
)
def test_a_template_that_cannot_be_used_says_why(
    files: dict[str, str | bytes], info: str, says: str, tmp_path: Path
) -> None:
    """Whoever adds a template sees it at the first run."""
    with pytest.raises(TemplateError, match=says):
        template(tmp_path, files, info)


def test_answers_are_the_defaults_and_what_differs() -> None:
    """An entry says what differs, nothing else."""
    node = templates.load("node")

    assert node.answers({"port": 7001}) == node.answers({}) | {"port": 7001}


def test_the_digest_follows_every_byte_and_every_path(tmp_path: Path) -> None:
    """Equal files, equal digest; a file moved or cut in two is another."""
    digests = [
        render.digest_of(files)
        for files in ({"a": b"xy"}, {"a": b"xy"}, {"a": b"xz"}, {"b": b"xy"}, {"a": b"x", "b": b"y"})
    ]

    assert digests[0] == digests[1]
    assert len(set(digests)) == 4
    assert render.render(template(tmp_path, {"a": "xy"}), ANSWERS).digest == digests[0]


def test_the_digest_is_the_same_in_every_process() -> None:
    """The plan states it, and the provider, in a process of its own, must come to the same."""
    program = "from idp import recorder; from pathlib import Path; print(recorder.record(Path(), 'dev').one('pulumi-python:dynamic/idp:Scaffold', 'rental-scaffold').at('digest'))"
    found = {
        subprocess.run(
            [sys.executable, "-c", program], cwd=PROJECT, env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2", "3")
    }

    assert len(found) == 1


def test_the_marker_says_who_made_it_from_what(tmp_path: Path) -> None:
    """The platform knows the repository by it, and discovery leaves it alone."""
    rendering = render.render(template(tmp_path, {"a": "x"}), ANSWERS)
    marker = yaml.safe_load(rendering.files[templates.MARKER])

    assert marker == {
        "project": "idp", "service": "rental", "template": {"name": "tiny", "version": "1.2.3"}, "answers": ANSWERS,
        "digest": rendering.digest,
    }  # fmt: skip


def test_files_are_the_teams_unless_the_template_keeps_them(tmp_path: Path) -> None:
    """The marker is always the platform's."""
    made = template(tmp_path, {}, INFO + "managed: ['.github/workflows/*']\n")

    assert made.policy(".github/workflows/ci.yaml") == "managed"
    assert made.policy("src/index.ts") == "once"
    assert made.policy(templates.MARKER) == "managed"


@pytest.mark.parametrize(
    ("parameter", "value", "problem"),
    [
        pytest.param(
            {"type": "integer", "default": 1}, True, "must be an integer, not true", id="a truth is no number"
        ),
        pytest.param({"type": "boolean", "default": True}, 1, "must be a boolean, not 1", id="a number is no truth"),
        pytest.param(
            {"type": "string", "default": "a", "enum": ["a", "b"]}, "c", "`c` is not one of a, b", id="choice"
        ),
        pytest.param({"type": "string", "default": "a", "pattern": "^[a-z]$"}, "AB", "`AB` does not fit", id="pattern"),
        pytest.param(
            {"type": "integer", "default": 5, "minimum": 1, "maximum": 9}, 10, "must be 1 to 9, not 10", id="range"
        ),
        pytest.param(
            {"type": "integer", "default": 5, "minimum": 1, "maximum": 9}, 0, "must be 1 to 9, not 0", id="below"
        ),
        pytest.param({"type": "integer", "default": 5, "minimum": 1, "maximum": 9}, 9, None, id="within"),
    ],
)
def test_a_parameter_takes_what_it_says(parameter: dict[str, Any], value: Any, problem: str | None) -> None:
    """In the words of the entry's author."""
    found = templates.Parameter.model_validate({"description": "x", **parameter}).problem(value)

    assert (found or "").startswith(problem or "")
    assert (found is None) == (problem is None)
