"""A new-born service passes every check that there is: linters that know it not, and its own commands."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from idp import templates
from tests.templates.service import (
    AWKWARD,
    LONGEST,
    SHORTEST,
    Checkout,
    checkout,
    rendered,
    succeed,
    tool,
    toolchain,
    write,
)

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(300)  # a busy machine takes its time for a compiler

NEWBORNS = {
    "least": (SHORTEST, {"environments": ["dev"], "description": "Rents bikes."}),
    "most": (
        LONGEST,
        {
            "environments": ["dev", "staging", "prod"],
            "description": AWKWARD,
            "replicas": 3,
            "calls": ["a1", LONGEST[1:]],
        },
    ),
}
"""A service with as little as there may be, and one with as much."""
ECOSYSTEMS = {name: toolchain(name).ecosystem for name in templates.names()}
YAMLLINT = (
    "{extends: default, rules: {line-length: disable, document-start: disable, truthy: {check-keys: false}, "
    "braces: {max-spaces-inside: 0}, comments: {min-spaces-from-content: 1}, indentation: {indent-sequences: whatever}}}"
)
WORKFLOWS = [".github/workflows/*.yaml"]
LINTERS = {
    "yamllint": (["--strict", "--config-data", YAMLLINT, "."], []),
    "hadolint": (["Dockerfile"], []),
    "actionlint": ([], WORKFLOWS),
    "zizmor": (["--offline", "--no-progress"], WORKFLOWS),
    "shellcheck": ([], ["scripts/*.sh"]),
    "check-jsonschema": (["--builtin-schema", "vendor.dependabot", ".github/dependabot.yml"], []),
}
"""Program -> its arguments, and the files that it is given besides."""
LOOSE = {
    "npm": (
        "src/loose.ts",
        "export const first = (list: string[]): string => list[0];\nexport const any = (x) => x;\n",
        {"TS2322", "TS7006"},
    ),
    "pip": (
        "service/loose.py",
        "def first(names: dict[str, str]) -> str:\n    return names.get('a')\n\n\ndef anything(x):\n    return x\n",
        {"[return-value]", "[no-untyped-def]"},
    ),
}  # fmt: skip
"""Ecosystem -> a file with two mistakes that loose settings let through, and what its compiler calls them."""


def with_ecosystem(*ecosystems: str) -> list[str]:
    """The templates of some ecosystems."""
    return [name for name, ecosystem in ECOSYSTEMS.items() if ecosystem in ecosystems]


@pytest.fixture(scope="module", params=NEWBORNS)
def newborn(template: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """With its packages."""
    name, others = NEWBORNS[request.param]
    return checkout(template, tmp_path_factory.mktemp(template) / name, name, **others)


@pytest.mark.parametrize("linter", LINTERS)
@pytest.mark.parametrize("size", NEWBORNS)
def test_linters_find_nothing(template: str, size: str, linter: str, tmp_path: Path) -> None:
    """They know mistakes that nobody here thought of."""
    name, others = NEWBORNS[size]
    folder = write(rendered(template, name, **others), tmp_path)
    arguments, patterns = LINTERS[linter]
    files = sorted(str(file) for pattern in patterns for file in folder.glob(pattern))

    assert len(files) >= len(patterns)
    succeed(tool(linter), *arguments, *files, cwd=folder)


def test_its_own_checks_pass(newborn: Checkout) -> None:
    """The first pull request of a team must not begin with mending what it was given."""
    newborn.succeed(toolchain(newborn.template).commands.check)


def test_its_own_tests_pass(template: str, tmp_path: Path) -> None:
    """They show the team how to test, so there must be some; and none of them may need the port that the service has."""
    service = checkout(template, tmp_path, "rental-2", port=65535)

    assert passes(service.succeed(toolchain(template).commands.test)) > 10


def test_code_that_no_test_runs_is_refused(template: str, tmp_path: Path) -> None:
    """With one file of tests left, each of its tests passes, and still the command fails."""
    service = checkout(template, tmp_path)
    tests = sorted(
        (file for path in rendered(template).files if is_test(file := service.folder / path)),
        key=lambda file: file.stat().st_size,
    )
    for file in tests[1:]:
        file.unlink()

    *_, done = [service.run(command) for command in toolchain(template).commands.test]

    assert len(tests) > 1
    assert passes(done.stdout) > 0
    assert done.returncode != 0
    assert re.search(r"(?i)coverage.*(threshold|not reached|less than|below|under)", done.stdout), done.stdout


def is_test(file: Path) -> bool:
    """By the names that runners of tests look for."""
    return bool(re.search(r"^test_|[._]test\.\w+$", file.name))


def passes(output: str) -> int:
    """As the last summary says it: `12 passed`, or `pass 12`."""
    *_, (before, after) = re.findall(r"\b(\d+) pass(?:ed)?\b|\bpass(?:ed)? (\d+)\b", output) or [("", "0")]
    return int(before or after)


@pytest.mark.parametrize("name", with_ecosystem(*LOOSE))
def test_types_are_strict(name: str, tmp_path: Path) -> None:
    """A value that may miss and an untyped parameter are the two mistakes that loose settings let through."""
    service = checkout(name, tmp_path)
    path, text, mistakes = LOOSE[ECOSYSTEMS[name]]
    (service.folder / path).write_text(text)

    done = [service.run(command) for command in toolchain(name).commands.check]

    assert done[-1].returncode != 0
    assert {mistake for mistake in mistakes if mistake in done[-1].stdout} == mistakes, done[-1].stdout


# --- packages, in the words of each ecosystem ------------------------------------------------------------------------


@pytest.mark.parametrize("name", with_ecosystem("npm"))
def test_npms_dependencies_are_exact_and_the_lock_names_no_registry(name: str) -> None:
    """A range would build something else tomorrow; a host in the lock would not be reachable from everywhere."""
    files = rendered(name).files
    package, lock = (json.loads(files[name]) for name in ("package.json", "package-lock.json"))
    asked = {**package["dependencies"], **package["devDependencies"]}
    locked = {path.removeprefix("node_modules/"): entry for path, entry in lock["packages"].items() if path}

    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in asked.values())
    assert {name: locked[name]["version"] for name in asked} == asked
    assert all(entry["integrity"].startswith("sha512-") and "resolved" not in entry for entry in locked.values())


@pytest.mark.parametrize("name", with_ecosystem("npm"))
def test_npms_lock_has_the_native_parts_for_every_developers_machine(name: str) -> None:
    """An optional package that the lock lacks is skipped without a word, and a check fails on that machine alone."""
    locked = json.loads(rendered(name).files["package-lock.json"])["packages"]
    offered = {optional for entry in locked.values() for optional in entry.get("optionalDependencies", {})}

    assert offered
    assert [optional for optional in sorted(offered) if f"node_modules/{optional}" not in locked] == []


@pytest.mark.parametrize("name", with_ecosystem("npm"))
def test_npms_packages_for_development_are_not_in_the_image(name: str) -> None:
    """What only builds and tests is in the image for an attacker alone."""
    assert "npm prune --omit=dev" in rendered(name).files["Dockerfile"].decode()


@pytest.mark.parametrize("name", with_ecosystem("pip"))
def test_pips_dependencies_are_exact_have_hashes_and_name_no_registry(name: str) -> None:
    """As with npm; what is only for development is in a list of its own, and not in the image."""
    files = rendered(name).files
    lists = {path: text.decode() for path, text in files.items() if re.fullmatch(r"requirements.*\.(in|txt)", path)}
    asked = re.findall(
        r"^([\w.-]+)(?:\[[\w,]+\])?(\S*)",
        "\n".join(lists[path] for path in lists if path.endswith(".in")),
        re.MULTILINE,
    )
    pinned = {
        path: re.findall(r"^[\w.-]+(?:\[[\w,]+\])?==\S+.*\\$\n +--hash=sha256:", text, re.MULTILINE)
        for path, text in lists.items()
    }
    locks = [path for path in lists if path.endswith(".txt")]

    assert len(locks) == 2
    assert all(version.startswith("==") for name, version in asked if not name.startswith("-"))
    assert all(len(pinned[path]) == len(re.findall(r"^\w", lists[path], re.MULTILINE)) > 0 for path in locks)
    assert not [path for path, text in lists.items() if re.search(r"://|--index-url|--find-links", text)]
    assert "--require-hashes -r requirements.txt" in files["Dockerfile"].decode()
    assert "requirements-dev" not in files["Dockerfile"].decode()
