"""A stack's folder in the repository that all stacks share: it is as declared, and every other file is left alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from components.dynamic import github_client
from components.dynamic.stack_folder import StackFolderError, StackFolderProvider
from idp import recorder, render, templates
from idp.naming import GitHubAddress
from tests.support.github import GitHubServer
from tests.support.lab import requires_git

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = requires_git

PROJECT = Path(__file__).resolve().parents[2]
NAME = "idp-gitops"


@pytest.fixture(scope="module")
def declared() -> dict[str, Any]:
    """The dev stack's folder, as the program declares it."""
    return dict(recorder.record(PROJECT, "dev").one("pulumi-python:dynamic/idp:StackFolder").inputs)


@pytest.fixture
def github(tmp_path: Path) -> Iterator[GitHubServer]:
    with GitHubServer(tmp_path / "github", organization="acme") as server:
        client = github_client.connect(server.token, GitHubAddress.of(server.url))
        client.get_organization("acme").create_repo(NAME, auto_init=True, visibility="public")
        yield server


@pytest.fixture
def provider(github: GitHubServer) -> StackFolderProvider:
    made = StackFolderProvider()
    made.client = github_client.connect(github.token, GitHubAddress.of(github.url))
    return made


def repository(provider: StackFolderProvider) -> Any:
    return provider.client.get_repo(f"acme/{NAME}")


def moved(github: GitHubServer) -> int:
    """How often the branch was moved."""
    return github.count("PATCH", rf"/repos/acme/{NAME}/git/refs/heads/main", status=200)


def expected(declared: dict[str, Any]) -> dict[str, bytes]:
    files = render.render(templates.load(declared["template"]), declared["answers"]).files
    return render.below(files, declared["folder"])


def test_the_folder_holds_what_was_declared_and_the_rest_stays(
    provider: StackFolderProvider, github: GitHubServer, declared: dict[str, Any]
) -> None:
    """Another stack's folder, and what people wrote beside it, are not this stack's."""
    repository(provider).create_file("clusters/prod/apps/theirs.yaml", "x", "a: 1\n")
    before = github.files(NAME)

    provider.create(declared)

    after = github.files(NAME)
    assert {path: data for path, data in after.items() if path not in before} == {
        path: data.decode() for path, data in expected(declared).items()
    }
    assert before.items() <= after.items()


def test_a_second_time_costs_no_commit(
    provider: StackFolderProvider, github: GitHubServer, declared: dict[str, Any]
) -> None:
    """A killed run, and a new life of the stack, find it as it should be."""
    provider.create(declared)
    commits = moved(github)

    provider.create(declared)
    provider.update("id", declared, declared)

    assert moved(github) == commits == 1


def test_a_file_that_is_no_more_declared_goes(
    provider: StackFolderProvider, github: GitHubServer, declared: dict[str, Any]
) -> None:
    """Argo CD would go on running what it says."""
    provider.create(declared)
    repository(provider).create_file("clusters/dev/apps/old.yaml", "x", "a: 1\n")

    provider.update("id", {**declared, "digest": "before"}, declared)

    assert "clusters/dev/apps/old.yaml" not in github.files(NAME)


def test_a_refresh_sees_what_was_changed_by_hand(provider: StackFolderProvider, declared: dict[str, Any]) -> None:
    """So that `up --refresh` puts it back."""
    provider.create(declared)
    same = provider.read("id", declared)
    path = next(iter(expected(declared)))
    file = repository(provider).get_contents(path)
    repository(provider).update_file(path, "x", "by hand\n", file.sha)
    changed = provider.read("id", declared)

    assert provider.diff("id", same.outs or {}, declared).changes is False
    assert provider.diff("id", changed.outs or {}, declared).changes is True
    assert provider.diff("id", changed.outs or {}, declared).replaces == []


def test_a_repository_that_is_gone_is_told_to_the_engine(
    provider: StackFolderProvider, declared: dict[str, Any]
) -> None:
    """An empty id is the engine's word for it."""
    assert provider.read("id", {**declared, "repository": "elsewhere"}).id == ""


def test_without_the_repository_the_owning_stack_is_named(
    provider: StackFolderProvider, declared: dict[str, Any]
) -> None:
    """A stack that refers to GitHub cannot make it."""
    with pytest.raises(StackFolderError, match="the stack that says `idp:github: own` makes it: run its `up` first"):
        provider.create({**declared, "repository": "elsewhere"})


def test_two_stacks_that_commit_at_once_both_get_there(
    provider: StackFolderProvider, github: GitHubServer, declared: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The branch moves on between reading and writing; nobody's commit is written over."""
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    raced: list[bool] = []
    live = StackFolderProvider._commit  # noqa: SLF001

    def interrupted(self: StackFolderProvider, order: Any, files: Any) -> None:
        from components.dynamic import commits  # noqa: PLC0415

        known = commits.known

        def before_the_move(*arguments: Any, **more: Any) -> Any:
            if not raced and "refs/heads" in arguments[2]:
                raced.append(True)
                repository(provider).create_file("clusters/prod/apps/theirs.yaml", "x", "a: 1\n")
            return known(*arguments, **more)

        with monkeypatch.context() as patched:
            patched.setattr(commits, "known", before_the_move)
            live(self, order, files)

    monkeypatch.setattr(StackFolderProvider, "_commit", interrupted)

    provider.create(declared)

    assert raced
    assert {"clusters/prod/apps/theirs.yaml", *expected(declared)} <= github.files(NAME).keys()


def test_a_template_that_changed_since_the_plan_is_refused(
    provider: StackFolderProvider, declared: dict[str, Any]
) -> None:
    """What is committed is what the preview showed."""
    with pytest.raises(StackFolderError, match="run the preview again"):
        provider.create({**declared, "digest": "0" * 64})


def test_a_refresh_outlives_the_answers_of_an_earlier_program(
    provider: StackFolderProvider, declared: dict[str, Any]
) -> None:
    """Today's template may ask for what the state's answers do not have yet; the next `up` has them all."""
    provider.create(declared)
    answers = {key: value for key, value in declared["answers"].items() if key != "argocd_namespace"}

    found = provider.read("acme/idp-gitops/clusters/dev", {**declared, "answers": answers})

    assert found.outs["digest"].startswith("changed outside at ")
