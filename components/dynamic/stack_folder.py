"""A stack's own folder in the GitOps repository: what the root Application of that stack reads."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import github
import pulumi
from pulumi.dynamic import (
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)

from components.dynamic import commits, github_client
from idp import render, templates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from github.Repository import Repository

    from components.dynamic.scaffold import FromTemplate

PLACE = ("organization", "repository", "folder")
INPUTS = (*PLACE, "template", "version", "answers", "digest")
ATTEMPTS = 5
"""Another stack may commit its own folder between our reading the branch and our moving it."""
REFUSED = (409, 422)
"""What GitHub answers when a branch has moved on meanwhile."""
DIRECTORY = "tree"


class StackFolderError(Exception):
    """The folder cannot be written; the text says what to do instead."""


@dataclass(frozen=True)
class Order:
    """What is to be in which folder."""

    props: Mapping[str, Any]

    @property
    def full_name(self) -> str:
        """`organization/repository`."""
        return f"{self.props['organization']}/{self.props['repository']}"

    @property
    def folder(self) -> str:
        """From the repository's root, without a slash at its end."""
        return str(self.props["folder"])

    def files(self) -> dict[str, bytes]:
        """The folder's files under their whole paths.

        Raises:
            StackFolderError: the template no longer makes what the plan showed.
        """
        answers = commits.whole(dict(self.props["answers"]))
        files = render.below(render.render(templates.load(self.props["template"]), answers).files, self.folder)
        if (digest := render.digest_of(files)) != self.props["digest"]:
            raise StackFolderError(
                f"{self.full_name}: template `{self.props['template']}` now makes other files than the plan showed "
                f"(digest {digest[:12]}, planned {str(self.props['digest'])[:12]}); run the preview again"
            )
        return files


class StackFolderProvider(ResourceProvider):
    """Keeps one folder as this stack declares it, and touches no other.

    What people change in it by hand comes to light at a refresh and is put back by the next `up`.
    """

    client: github.Github

    def configure(self, req: ConfigureRequest) -> None:
        """Take the token from the stack's config; the instance at import holds nothing."""
        self.client = github_client.from_environment(req.config.get)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Commit the folder; one that is already as it should be costs no commit.

        Raises:
            StackFolderError: the repository is not there, or its branch never rests.
        """
        order = Order(props)
        self._put(order)
        return CreateResult(f"{order.full_name}/{order.folder}", {name: props[name] for name in INPUTS})

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Another place is another folder; other files are a commit."""
        moved = [name for name in PLACE if _olds[name] != _news[name]]
        return DiffResult(changes=bool(moved) or _olds["digest"] != _news["digest"], replaces=moved)

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Commit what differs."""
        self._put(Order(_news))
        return UpdateResult({name: _news[name] for name in INPUTS})

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """What is in the folder now, as the digest that the program would give it."""
        order = Order(props)
        try:
            repository = self.client.get_repo(order.full_name)
            head = repository.get_commit(repository.default_branch)
        except github.UnknownObjectException:
            return ReadResult("", {})
        live = live_files(repository, head.commit.tree.sha, order.folder)
        try:
            same = live == {path: blob_sha(data) for path, data in order.files().items()}
        except (StackFolderError, templates.TemplateError):
            same = False  # the program is another one by now, and wants something else anyway
        return ReadResult(id_, props if same else {**props, "digest": f"changed outside at {head.sha}"})

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Keep the folder: a later life of the stack finds it, and history is nobody's to delete."""

    def _put(self, order: Order) -> None:
        files = order.files()
        for attempt in range(ATTEMPTS):
            try:
                return self._commit(order, files)
            except github.UnknownObjectException as error:
                raise StackFolderError(
                    f"{order.full_name} is not there; the stack that says `idp:github: own` makes it: run its `up` first"
                ) from error
            except github.GithubException as error:
                if error.status not in REFUSED or attempt == ATTEMPTS - 1:
                    raise StackFolderError(
                        f"{order.full_name}: GitHub answers {error.status}: {error.message}"
                    ) from error
                time.sleep(attempt + 1)
        return None

    def _commit(self, order: Order, files: Mapping[str, bytes]) -> None:
        repository = self.client.get_repo(order.full_name)
        head = repository.get_commit(repository.default_branch)
        there = live_files(repository, head.commit.tree.sha, order.folder)
        changed = {path: data for path, data in files.items() if there.get(path) != blob_sha(data)}
        gone = there.keys() - files.keys()
        if not changed and not gone:
            return
        made = commits.commit(
            repository, changed, f"{order.folder} as its stack declares it", None,
            parent=head.sha, onto=head.commit.tree, gone=gone,
        )  # fmt: skip
        commits.known(repository, commits.GitRef, f"refs/heads/{repository.default_branch}").edit(made.sha)


def blob_sha(data: bytes) -> str:
    """What git calls these contents."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def live_files(repository: Repository, tree: str, folder: str) -> dict[str, str]:
    """Path -> git's name of the contents, of everything in a folder; nothing where there is no folder."""
    for name in folder.split("/"):
        below = {entry.path: entry for entry in repository.get_git_tree(tree).tree}
        if name not in below or below[name].type != DIRECTORY:
            return {}
        tree = below[name].sha
    found = repository.get_git_tree(tree, recursive=True).tree
    return {f"{folder}/{entry.path}": entry.sha for entry in found if entry.type != DIRECTORY}


class StackFolder(Resource, module="idp", name="StackFolder"):
    """The files that a template makes for one stack, in a repository that several stacks share."""

    def __init__(
        self, name: str, *, organization: str, repository: pulumi.Input[str], folder: str, source: FromTemplate,
        opts: pulumi.ResourceOptions,
    ) -> None:  # fmt: skip
        """Declare what is to be in which folder; the source's digest is of the folder's files alone."""
        props = {"organization": organization, "repository": repository, "folder": folder, **source.inputs()}
        super().__init__(StackFolderProvider(), name, props, opts)
