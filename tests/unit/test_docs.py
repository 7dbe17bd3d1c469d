"""What the documents say is so."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer
import yaml
from typer.testing import CliRunner

from idp import naming, recorder
from idp.cli import app
from idp.model import ExistingSpec, KindSpec, PlatformConfig, Quota, ServiceEntry, TeamEntry
from idp.plan import diagram
from idp.settings import SECRETS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from idp.plan import Plan

PROJECT = Path(__file__).resolve().parents[2]
DECLARED = yaml.safe_load((PROJECT / "Pulumi.yaml").read_text())["config"]
README, ARCHITECTURE, COMMANDS, CONFIGURATION, TEMPLATES, EXISTING = (
    (PROJECT / page).read_text()
    for page in (
        "README.md", "docs/001-architecture.md", "docs/commands.md", "docs/configuration.md", "docs/006-adding-a-template.md",
        "docs/009-existing-cluster.md",
    )
)  # fmt: skip
PAGES = ("README.md", "CONTRIBUTING.md", *(f"docs/{page.name}" for page in sorted((PROJECT / "docs").glob("*.md"))))


def commands(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """Every command by its whole name."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{before}{name} ")
        else:
            yield before + name, command


ALL = dict(commands(typer.main.get_command(app)))


def test_the_readme_shows_the_real_preview() -> None:
    """It is the first thing that a newcomer compares."""
    said = subprocess.run([sys.executable, "-m", "idp", "preview"], cwd=PROJECT, capture_output=True, check=True)
    shown = re.search(r"\$ make preview\n(.*?)```", README, re.DOTALL)

    assert shown is not None
    assert shown[1] == said.stdout.decode()


def test_the_readmes_first_lines_make_what_it_says_of_them(plan_of: Callable[[str], Plan]) -> None:
    """Whoever begins with them and gets half of it looks for a mistake of his own."""
    shown = re.search(r"```yaml\n(.*?)```", README, re.DOTALL)
    assert shown is not None

    plan = plan_of(shown[1])

    parts = {node.type.rpartition(":")[2] for node in plan.children(None)}
    made = [node.type.rpartition(":")[2] for node in plan.nodes if node.name.startswith("rental")]
    environments = plan.one("pulumi-python:dynamic/idp:Scaffold", "rental-scaffold").at("answers", "environments")
    assert parts >= {
        "KindCluster", "Ingress", "Tls", "SealedSecrets", "GitOps", "Portal", "Observability", "Team", "Service"
    }  # fmt: skip
    assert [ns for ns in plan.of("kubernetes:core/v1:Namespace") if ns.name.startswith("team-")] == [
        plan.one("kubernetes:core/v1:Namespace", "team-mobility-dev")
    ]
    assert sorted(made) == [
        "Application", "Repository", "RepositoryRuleset", "RepositoryRuleset", "Scaffold", "Service", "TeamRepository"
    ]  # fmt: skip
    assert environments == ["dev", "prod"]


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

    shown = re.search(r"\$ python -m idp validate\n(.*?)```", README, re.DOTALL)
    assert shown is not None
    assert done.returncode == 1
    assert set(shown[1].splitlines()) <= set(done.stderr.splitlines())


def test_the_architecture_shows_the_real_diagram() -> None:
    """A picture that lacks a part is worse than none."""
    shown = re.search(r"```mermaid\n(.*?)```", ARCHITECTURE, re.DOTALL)

    assert shown is not None
    assert shown[1] == diagram.diagram(recorder.record(PROJECT, "dev"))


@pytest.mark.parametrize("namespace", naming.PLATFORM_NAMESPACES)
def test_every_namespace_of_the_platform_is_in_the_table_of_parts(namespace: str) -> None:
    """Whoever meets one in a cluster finds what it is for."""
    assert any(f"`{namespace}`" in row for row in ARCHITECTURE.splitlines() if row.startswith("| "))


def test_the_table_of_commands_has_every_command_and_no_other() -> None:
    """README calls them all commands."""
    rows = re.findall(r"^\| (`.*?) \|", COMMANDS, re.MULTILINE)

    assert sorted(name for row in rows for name in re.findall(r"`([^`]+)`", row)) == sorted(ALL)


def test_the_stack_that_a_command_takes_by_itself_is_told() -> None:
    """`status` after `make local` asks another stack than `welcome` does."""
    stacks = {name: {p.name: p.default for p in command.params}.get("stack") for name, command in ALL.items()}
    told = re.search(r"`dev` where nothing is said, but `local` for ([^.]*?), which", COMMANDS)

    assert told is not None
    assert set(re.findall(r"`(\w+)`", told[1])) == {name for name, stack in stacks.items() if stack == "local"}
    assert set(stacks.values()) == {"dev", "local", None}


@pytest.mark.parametrize("page", ["README.md", "docs/005-adding-a-service.md"])
def test_the_service_of_a_document_can_be_added(page: str, tmp_path: Path) -> None:
    """To the committed stacks, all of which read services/."""
    for file in (PROJECT / "Pulumi.yaml", *PROJECT.glob("Pulumi.*.yaml")):
        shutil.copy(file, tmp_path)
    shutil.copytree(PROJECT / "services", tmp_path / "services")
    (shown,) = re.findall(r"python (-m idp onboard billing .*)", (PROJECT / page).read_text())

    command = [sys.executable, *shlex.split(shown), "--project", str(tmp_path)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_what_a_new_template_is_told_next_needs_nothing_else(tmp_path: Path) -> None:
    """The tests' own packages and Python are not there by `make preview` alone."""
    new = ["templates", "new", "shop", "--owner", "x", "--description", "x", "--extends", "node"]
    shutil.copytree(PROJECT / "templates", tmp_path / "templates", ignore=shutil.ignore_patterns("node_modules"))
    said = CliRunner().invoke(app, [*new, "--project", str(tmp_path)])

    (line,) = re.findall(r"^next: (.*)$", said.output, re.MULTILINE)
    first, *others = line.split(" && ")
    assert first == "make .venv/bin/.dev"
    assert first in TEMPLATES
    assert others == ["tests/support/prepare-templates", ".venv/bin/python -m pytest tests/templates"]
    assert " && ".join(others).replace(".venv/bin/", "") in TEMPLATES


@pytest.mark.parametrize("keys", re.findall(r"```yaml\n(.*?)```", EXISTING, re.DOTALL))
def test_what_the_guide_puts_into_prods_file_is_right(keys: str, project: Path) -> None:
    """In place of what the committed file says there."""
    stack = yaml.safe_load((PROJECT / "Pulumi.prod.yaml").read_text())
    stack["config"] |= yaml.safe_load(keys)
    shutil.copytree(PROJECT / "services", project / "services", dirs_exist_ok=True)
    (project / "Pulumi.prod.yaml").write_text(yaml.safe_dump(stack))

    assert recorder.record(project, "prod").of("kubernetes:argoproj.io/v1alpha1:Application")


@pytest.mark.parametrize(
    "page",
    [
        "README.md", "docs/001-architecture.md", "docs/002-gitops-bootstrap.md", "docs/004-sealed-secrets.md",
        "docs/005-adding-a-service.md", "docs/006-adding-a-template.md", "docs/009-existing-cluster.md", "docs/commands.md",
        "docs/lifecycle.md",
    ],
)  # fmt: skip
def test_a_page_says_which_python_before_its_first_command_needs_it(page: str) -> None:
    """Another one lacks the packages, and most machines have no `python` at all."""
    text = (PROJECT / page).read_text()
    first = re.search(r"^(?:\$ |    )?(?:printf .*\| )?python -m idp|`python -m idp COMMAND", text, re.MULTILINE)

    assert first is not None
    assert ".venv/bin/activate" in text[: first.start()]


@pytest.mark.parametrize("page", PAGES)
def test_a_link_leads_somewhere(page: str) -> None:
    """To a file that is there, and to one of its headings."""
    text = re.sub(r"```.*?```", "", (PROJECT / page).read_text(), flags=re.DOTALL)
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]

    for file, _, heading in (link.partition("#") for link in links):
        target = (PROJECT / page).parent / file if file else PROJECT / page
        assert target.exists(), file
        if heading:
            titles = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
            assert heading in {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}, heading


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
