"""What every template of a service renders, at the edges of its answers."""

from __future__ import annotations

import itertools
import json
import re
import tomllib
from typing import TYPE_CHECKING, Any

import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from idp import naming, templates
from idp.words import ONE_LINE
from tests.templates.service import AWKWARD, LONGEST, SHORTEST, rendered, toolchain

if TYPE_CHECKING:
    from collections.abc import Mapping

MANAGED = {
    ".github/CODEOWNERS", ".github/workflows/ci.yaml", ".github/workflows/promote.yaml", ".idp/service.yaml",
    "scripts/promote.sh", "scripts/release.sh", "scripts/scan.sh",
}  # fmt: skip
READERS = {
    ".json": lambda text: [json.loads(text)],
    ".toml": lambda text: [tomllib.loads(text.decode())],
} | dict.fromkeys((".yaml", ".yml"), lambda text: list(yaml.safe_load_all(text)))
"""How a file's documents are read, by the end of its name."""


def names(rule: naming.NameRule) -> st.SearchStrategy[str]:
    """Names within a rule, with those that YAML takes for something else."""
    edges = ["no", "on", "off", "yes", "null", "true", "e1", "a" * rule.longest, "a-0"]
    return st.sampled_from(edges) | st.from_regex(rule.pattern.replace("$", r"\Z"))


descriptions = st.from_regex(ONE_LINE, fullmatch=True).filter(lambda text: 0 < len(text) <= 200)
"""What an entry may say of a service."""


def documents(files: Mapping[str, bytes]) -> dict[str, list[Any]]:
    """Every file that says by its name how it is read."""
    found: dict[str, list[Any]] = {}
    for path, text in files.items():
        for end, read in READERS.items():
            if path.endswith(end):
                found[path] = read(text)
    return found


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    service=names(naming.SERVICE),
    team=names(naming.TEAM),
    environment=names(naming.ENVIRONMENT),
    description=descriptions,
)
@example(service="no", team="on", environment="null", description=AWKWARD)
@example(service=SHORTEST, team="t", environment="e", description="-")
@example(service=LONGEST, team="a" * 30, environment="a" * 20, description="x" * 200)
def test_every_answer_reaches_its_files_as_it_was_given(
    template: str, service: str, team: str, environment: str, description: str
) -> None:
    """A name that YAML reads as a boolean, or a quote in a description, must not change what a file says."""
    answers = {"team": team, "environments": [environment], "description": description, "calls": [service]}
    files = rendered(template, service, **answers).files
    read = documents(files)
    (component,), (overlay,) = read["catalog-info.yaml"], read[f"deploy/overlays/{environment}/kustomization.yaml"]
    (workflow,), (dashboard,) = read[".github/workflows/ci.yaml"], read["deploy/base/dashboard.json"]
    base = itertools.chain.from_iterable(found for path, found in read.items() if path.startswith("deploy/base/"))
    packages = [found for path, (found, *_) in read.items() if "/" not in path and "name" in found]

    assert (component["metadata"]["name"], component["metadata"]["description"]) == (service, description)
    assert component["spec"]["owner"] == f"group:default/{team}"
    assert component["spec"]["dependsOn"] == [f"component:default/{service}"]
    assert {manifest["metadata"]["name"] for manifest in base if "metadata" in manifest} == {service}
    assert overlay["images"][0]["name"] == f"ghcr.io/acme/{service}"
    assert workflow["jobs"]["release"]["env"]["ENVIRONMENT"] == environment
    assert (dashboard["title"], dashboard["description"]) == (service, description)
    assert read["mkdocs.yml"][0]["site_name"] == service
    assert files[".github/CODEOWNERS"].decode() == f"* @acme/{team}\n"
    assert all(package["name"] == service for package in packages)
    assert all(package.get("description", description) == description for package in packages)


def test_the_same_answers_give_the_same_bytes_and_leave_nothing_unanswered(template: str) -> None:
    """The digest of a rendering is compared on other machines; a left-over delimiter is a forgotten answer."""
    first, second = (
        rendered(template, replicas=3, calls=["vehicles"]),
        rendered(template, replicas=3, calls=["vehicles"]),
    )

    assert first == second
    left = re.compile(rb"\[\[ | \]\]|\[% | %\]|\[# ")
    assert not [path for path, text in first.files.items() if left.search(text)]


def test_the_marker_says_what_made_the_repository(template: str) -> None:
    """Discovery leaves such a repository alone, and a newer template is compared with it."""
    made = rendered(template, "rental-2", port=8080)
    marker = yaml.safe_load(made.files[templates.MARKER])

    assert (marker["project"], marker["service"], marker["digest"]) == ("idp", "rental-2", made.digest)
    assert marker["template"] == {"name": template, "version": templates.load(template).info.version}
    assert marker["answers"]["port"] == 8080


def test_an_overlay_knows_nothing_of_the_other_environments(template: str) -> None:
    """Overlays are promoted one by one, and a stack may run only some of them."""
    alone = rendered(template, environments=["dev"]).files
    both = rendered(template, environments=["dev", "prod"]).files
    overlays = {path for path in both if path.startswith("deploy/overlays/")}

    assert overlays == {"deploy/overlays/dev/kustomization.yaml", "deploy/overlays/prod/kustomization.yaml"}
    assert {path: both[path] for path in alone if path.startswith("deploy/")} == {
        path: text for path, text in alone.items() if path.startswith("deploy/")
    }


def test_workflows_their_scripts_and_the_owners_stay_the_platforms(template: str) -> None:
    """They change together, by pull request from the platform; all else is the team's from the first commit on."""
    found = templates.load(template)
    many, one = rendered(template).files, rendered(template, environments=["dev"]).files

    assert {path for path in many if found.policy(path) == "managed"} == MANAGED
    assert set(many) - set(one) - {"deploy/overlays/prod/kustomization.yaml"} == {
        ".github/workflows/promote.yaml", "scripts/promote.sh"
    }  # fmt: skip


def test_a_repository_has_all_that_a_team_needs(template: str) -> None:
    """From the container to the page that says where things are; each is for somebody else to find."""
    files = set(rendered(template).files)

    assert files >= {
        ".dockerignore", ".env.example", ".github/dependabot.yml", ".gitignore", "Dockerfile", "README.md", "docs/code.md",
        "docs/index.md", "docs/operations.md", "mkdocs.yml",
    }  # fmt: skip
    site = yaml.safe_load(rendered(template).files["mkdocs.yml"])
    pages = {f"docs/{page}" for entry in site["nav"] for page in entry.values()}
    assert pages == {path for path in files if path.startswith("docs/")}


def test_a_dashboard_is_found_by_its_team(language: str) -> None:
    """Among those of hundreds of services."""
    dashboard = json.loads(rendered(language, team="payments").files["deploy/base/dashboard.json"])

    assert "team-payments" in dashboard["tags"]


def test_the_readme_names_the_commands_of_the_toolchain(template: str) -> None:
    """A person and the workflow do the same."""
    text = rendered(template).files["README.md"].decode().splitlines()
    commands = toolchain(template).commands

    assert set(commands.install + commands.check + commands.test + commands.build) <= set(text)
    assert any(line.startswith(f"{commands.start} ") for line in text)


def test_the_image_runs_as_nobody_from_pinned_bases(template: str) -> None:
    """Kubernetes refuses a user it cannot tell from root; a base without a digest is another one tomorrow."""
    lines = rendered(template, port=8080).files["Dockerfile"].decode().splitlines()
    images = toolchain(template).images
    bases = [line.split()[1] for line in lines if line.startswith("FROM ")]

    assert {f"ARG {name}={image}" for name, image in images.items()} <= set(lines)
    assert len(bases) > 1
    assert set(bases) == {f"${{{name}}}" for name in images}
    assert [line for line in lines if line.startswith("USER ")] == ["USER 10001:10001"]
    assert "EXPOSE 8080" in lines
    assert 'LABEL org.opencontainers.image.source="https://github.com/acme/rental"' in lines
    assert json.loads(next(line for line in lines if line.startswith("CMD ")).removeprefix("CMD "))
    assert not any(line.startswith("# syntax=") for line in lines)
