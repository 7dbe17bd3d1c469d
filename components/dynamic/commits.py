"""Commits through GitHub's Git Data API: many files in one, without a clone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

import github
from github.GitCommit import GitCommit
from github.GitRef import GitRef
from github.InputGitAuthor import InputGitAuthor
from github.InputGitTreeElement import InputGitTreeElement

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from github.Commit import Commit
    from github.GitTree import GitTree
    from github.Repository import Repository

Git = TypeVar("Git", GitCommit, GitRef)
AUTHOR = ("idp", "idp@users.noreply.github.com")


def since(head: Commit) -> str:
    """The time that all commits of a scaffold carry: the head's, so that a second run makes the same commit, not another."""
    return f"{head.commit.committer.date:%Y-%m-%dT%H:%M:%SZ}"


def commit(
    repository: Repository,
    files: Mapping[str, bytes],
    text: str,
    when: str | None,
    *,
    parent: str | None = None,
    onto: GitTree | None = None,
    gone: Iterable[str] = (),
) -> GitCommit:
    """One commit with these files and no others.

    Args:
        repository: where.
        files: path -> content, UTF-8.
        text: the message.
        when: the time it carries; now where none is given.
        parent: sha of the commit before it; nothing for a branch with a history of its own.
        onto: a tree whose other files stay.
        gone: paths of that tree which do not stay.
    """
    elements = [
        InputGitTreeElement(path, "100755" if data.startswith(b"#!") else "100644", "blob", content=data.decode())
        for path, data in sorted(files.items())
    ]
    elements += [InputGitTreeElement(path, "100644", "blob", sha=None) for path in sorted(gone)]
    tree = repository.create_git_tree(elements, onto) if onto else repository.create_git_tree(elements)
    author = InputGitAuthor(*AUTHOR, when) if when else InputGitAuthor(*AUTHOR)
    parents = [known(repository, GitCommit, f"commits/{parent}", sha=parent)] if parent else []
    return repository.create_git_commit(text, tree, parents, author, author)


def known(repository: Repository, kind: type[Git], path: str, **attributes: str) -> Git:
    """An object of the Git Data API without the request that would ask for what is known."""
    return kind(repository.requester, {}, {"url": f"{repository.url}/git/{path}", **attributes}, completed=True)


def reference(repository: Repository, branch: str, sha: str) -> None:
    """Make a branch; one that is there already is somebody's and stays as it is."""
    try:
        repository.create_git_ref(f"refs/heads/{branch}", sha)
    except github.GithubException as error:
        if error.status != 422 or "already exists" not in str(error.data):  # noqa: PLR2004  Unprocessable
            raise


def whole(value: Any) -> Any:
    """A value with its whole numbers whole again: the engine's wire knows floats only."""
    if isinstance(value, dict):
        return {key: whole(each) for key, each in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [whole(each) for each in cast("list[Any]", value)]
    return int(value) if isinstance(value, float) and value.is_integer() else value
