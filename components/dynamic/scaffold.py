"""The first commit of a service's repository: a template's files, put there once, in one commit."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

import github
import pulumi
import yaml
from github.GitCommit import GitCommit
from github.GitRef import GitRef
from github.InputGitAuthor import InputGitAuthor
from github.InputGitTreeElement import InputGitTreeElement
from pulumi.dynamic import (
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)

from components.dynamic import github_client
from idp import naming, render

if TYPE_CHECKING:
    from collections.abc import Mapping

    from github.Commit import Commit
    from github.GitTree import GitTree
    from github.Repository import Repository

Git = TypeVar("Git", GitCommit, GitRef)
INPUTS = ("organization", "repository", "template", "version", "answers", "digest")
AUTHOR = ("idp", "idp@users.noreply.github.com")
BORN = 30
"""Seconds that a repository made a moment ago may answer as if it were not there, or empty."""


class ScaffoldError(Exception):
    """The files cannot be put there; the text says what to do instead."""


@dataclass(frozen=True)
class Order:
    """What is to be written where, with the types that the state has lost on its way."""

    props: Mapping[str, Any]

    @property
    def full_name(self) -> str:
        """`organization/repository`."""
        return f"{self.props['organization']}/{self.props['repository']}"

    @property
    def answers(self) -> dict[str, Any]:
        """The answers, with whole numbers whole again: the engine's wire knows floats only."""
        return {key: _whole(value) for key, value in self.props["answers"].items()}

    @property
    def environments(self) -> list[str]:
        """Those that get a branch."""
        return list(self.props["answers"]["environments"])

    def files(self) -> Mapping[str, bytes]:
        """The rendered files.

        Raises:
            ScaffoldError: the template no longer makes what the plan showed.
        """
        rendering = render.render(render.load(self.props["template"]), self.answers)
        if rendering.digest != self.props["digest"]:
            raise ScaffoldError(
                f"{self.full_name}: template `{self.props['template']}` now makes other files than the plan showed "
                f"(digest {rendering.digest[:12]}, planned {self.props['digest'][:12]}); run the preview again"
            )
        return rendering.files


class ScaffoldProvider(ResourceProvider):
    """Writes a template's files where nobody has written yet, and never again.

    It costs eight requests: the repository, its head, a tree, a commit and a reference for the default branch, and again
    a tree, a commit and a reference for the first environment's branch; each further branch is one more reference.
    """

    client: github.Github

    def configure(self, req: ConfigureRequest) -> None:
        """Take the token from the stack's config; the instance at import holds nothing."""
        self.client = github_client.from_environment(req.config.get)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Commit the files, or find that an earlier run did; then the environments' branches.

        Raises:
            ScaffoldError: the repository holds somebody's work, or is archived.
        """
        order = Order(props)
        files = order.files()
        repository, head = self._born(order)
        result = CreateResult(order.full_name, {name: props[name] for name in INPUTS})
        if repository.archived:  # a retired service, in a new life of the stack: nothing is written to it
            self._ours(repository, order, "is archived and was not scaffolded for this service; bring it back first")
            return result
        if first_commit_of_github(head):
            made = commit(repository, files, message(order), since(head), parent=head.sha)
            known(repository, GitRef, f"refs/heads/{repository.default_branch}").edit(made.sha)
        else:
            self._ours(
                repository,
                order,
                "holds commits that this platform did not make, and it writes over nobody's work; give the service another "
                "name, or move that repository away",
            )
        branches(repository, order, files, since(head))
        return result

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Another repository is another scaffold; a new environment wants a branch; a newer template changes nothing."""
        moved = [name for name in ("organization", "repository") if _olds[name] != _news[name]]
        return DiffResult(changes=bool(moved or added(_olds, _news)), replaces=moved)

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Give each new environment its branch, starting from the first environment's; no other file is touched."""
        order = Order(_news)
        repository = self.client.get_repo(order.full_name)
        first = repository.get_commit(naming.branch(order.environments[0]))
        files = order.files()
        for environment in added(_olds, _news):
            overlay = below(files, naming.overlay(environment))
            text = f"Add environment {environment}"
            made = commit(repository, overlay, text, since(first), parent=first.sha, onto=first.commit.tree)
            reference(repository, naming.branch(environment), made.sha)
        born = {name: _olds[name] for name in ("template", "version", "digest")}
        return UpdateResult({**{name: _news[name] for name in INPUTS}, **born})

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Whether the repository is still there; what is in it is the team's."""
        try:
            self.client.get_repo(id_)
        except github.UnknownObjectException:
            return ReadResult("", {})
        return ReadResult(id_, props)

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Keep the files: they are the team's now."""

    def _born(self, order: Order) -> tuple[Repository, Commit]:
        """The repository and its head, as soon as GitHub has both."""
        deadline = time.monotonic() + BORN
        while True:
            try:
                repository = self.client.get_repo(order.full_name)
                head = repository.get_commit(repository.default_branch)
            except github.GithubException as error:
                young = error.status in {404, 409} and time.monotonic() < deadline
                if not young:
                    raise ScaffoldError(f"{order.full_name}: GitHub answers {error.status}: {error.message}") from error
                time.sleep(1)
            else:
                break
        return repository, head

    def _ours(self, repository: Repository, order: Order, otherwise: str) -> None:
        """Make sure that it was this program that wrote what is there.

        Raises:
            ScaffoldError: it was not; the text ends as given.
        """
        wanted = {"project": order.answers["project"], "service": order.answers["service"]}
        found = marker(repository)
        if {key: found.get(key) for key in wanted} != wanted:
            raise ScaffoldError(f"{order.full_name} {otherwise}")


def marker(repository: Repository) -> dict[str, Any]:
    """What a repository says of the platform that scaffolded it; nothing where none did."""
    try:
        contents = repository.get_contents(render.MARKER)
        found: Any = yaml.safe_load(contents.decoded_content) if not isinstance(contents, list) else None
    except (github.UnknownObjectException, yaml.YAMLError):
        found = None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def first_commit_of_github(head: Commit) -> bool:
    """Whether a branch holds nothing but what GitHub puts into a new repository."""
    return not head.parents and {file.filename for file in head.files} <= {"README.md"}


def since(head: Commit) -> str:
    """The time that all commits of a scaffold carry: the head's, so that a second run makes the same commit, not another."""
    return f"{head.commit.committer.date:%Y-%m-%dT%H:%M:%SZ}"


def message(order: Order) -> str:
    """The commit's message."""
    return f"Scaffold from template {order.props['template']} {order.props['version']}"


def commit(
    repository: Repository,
    files: Mapping[str, bytes],
    text: str,
    when: str,
    *,
    parent: str | None = None,
    onto: GitTree | None = None,
) -> GitCommit:
    """One commit with these files and no others.

    Args:
        repository: where.
        files: path -> content, UTF-8.
        text: the message.
        when: the time it carries.
        parent: sha of the commit before it; nothing for a branch with a history of its own.
        onto: a tree whose other files stay.
    """
    elements = [
        InputGitTreeElement(path, "100755" if data.startswith(b"#!") else "100644", "blob", content=data.decode())
        for path, data in sorted(files.items())
    ]
    tree = repository.create_git_tree(elements, onto) if onto else repository.create_git_tree(elements)
    author = InputGitAuthor(*AUTHOR, when)
    parents = [known(repository, GitCommit, f"commits/{parent}", sha=parent)] if parent else []
    return repository.create_git_commit(text, tree, parents, author, author)


def known(repository: Repository, kind: type[Git], path: str, **attributes: str) -> Git:
    """An object of the Git Data API without the request that would ask for what is known."""
    return kind(repository.requester, {}, {"url": f"{repository.url}/git/{path}", **attributes}, completed=True)


def below(files: Mapping[str, bytes], folder: str) -> dict[str, bytes]:
    """The files in a folder, under their whole paths."""
    return {path: data for path, data in files.items() if path.startswith(f"{folder}/")}


def branches(repository: Repository, order: Order, files: Mapping[str, bytes], when: str) -> None:
    """A branch per environment, all starting from one commit, so that a pull request can lead from one to the next."""
    made = commit(repository, below(files, "deploy"), message(order), when)
    for environment in order.environments:
        reference(repository, naming.branch(environment), made.sha)


def reference(repository: Repository, branch: str, sha: str) -> None:
    """Make a branch; one that is there already is somebody's and stays as it is."""
    try:
        repository.create_git_ref(f"refs/heads/{branch}", sha)
    except github.GithubException as error:
        if error.status != 422 or "already exists" not in str(error.data):  # noqa: PLR2004  Unprocessable
            raise


def added(olds: Mapping[str, Any], news: Mapping[str, Any]) -> list[str]:
    """Environments that have no branch yet."""
    return [name for name in news["answers"]["environments"] if name not in olds["answers"]["environments"]]


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


class Scaffold(Resource, module="idp", name="Scaffold"):
    """A template's files in a repository."""

    def __init__(
        self, name: str, *, organization: str, repository: pulumi.Input[str], template: str, version: str,
        answers: Mapping[str, Any], digest: str, opts: pulumi.ResourceOptions,
    ) -> None:  # fmt: skip
        """Declare what is to be written where.

        Args:
            name: of the resource.
            organization: that owns the repository.
            repository: its name.
            template: what is rendered.
            version: of the template, for the commit's message.
            answers: what the template asks for.
            digest: of the files that both make.
            opts: the caller's.
        """
        props = {
            "organization": organization, "repository": repository, "template": template, "version": version,
            "answers": dict(answers), "digest": digest,
        }  # fmt: skip
        super().__init__(ScaffoldProvider(), name, props, opts)
