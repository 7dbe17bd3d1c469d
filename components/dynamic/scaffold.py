"""The first commit of a service's repository: a template's files, put there once, in one commit."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import github
import pulumi
import yaml
from github.GitRef import GitRef
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
from idp import naming, render, templates

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

    from github.Commit import Commit
    from github.Repository import Repository

INPUTS = ("organization", "repository", "template", "version", "answers", "digest")
BORN = 30
"""Seconds that a repository made a moment ago may answer as if it were not there, or empty."""


@dataclass(frozen=True, kw_only=True)
class FromTemplate:
    """What files are made from."""

    template: str
    version: str
    answers: Mapping[str, Any]
    digest: str
    """Of the files that template and answers make; the provider renders again and must come to the same."""

    def inputs(self) -> dict[str, Any]:
        """As a resource's inputs."""
        return {
            "template": self.template, "version": self.version, "answers": dict(self.answers), "digest": self.digest,
        }  # fmt: skip


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
        return commits.whole(dict(self.props["answers"]))

    @property
    def environments(self) -> list[str]:
        """Those that get a branch; none in a repository that is no service's."""
        return environments(self.props)

    def files(self) -> Mapping[str, bytes]:
        """The rendered files.

        Raises:
            ScaffoldError: the template no longer makes what the plan showed.
        """
        rendering = render.render(templates.load(self.props["template"]), self.answers)
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
        outs = {name: props[name] for name in INPUTS}
        if repository.archived:  # a retired service, in a new life of the stack: nothing is written to it
            self._ours(repository, order, "is archived and was not scaffolded for this service; bring it back first")
            answers = {**props["answers"], "environments": branched(repository, order)}  # `diff` sees what it lacks
            return CreateResult(order.full_name, {**outs, "answers": answers})
        there: list[str] = []
        if first_commit_of_github(head):
            made = commits.commit(repository, files, message(order), commits.since(head), parent=head.sha)
            commits.known(repository, GitRef, f"refs/heads/{repository.default_branch}").edit(made.sha)
        else:
            self._ours(
                repository,
                order,
                "holds commits that this platform did not make, and it writes over nobody's work; give the service another "
                "name, or move that repository away",
            )
            there = branched(repository, order)
        branches(repository, order, files, there, commits.since(head))
        return CreateResult(order.full_name, outs)

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Another repository is another scaffold; a new environment wants a branch; a newer template changes nothing."""
        moved = [name for name in ("organization", "repository") if _olds[name] != _news[name]]
        return DiffResult(changes=bool(moved or added(_olds, _news)), replaces=moved)

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Give each new environment its overlay and its branch; no other file is touched."""
        order = Order(_news)
        repository = self.client.get_repo(order.full_name)
        if repository.archived:  # a retired service's takes nothing; this is due until it comes back
            return UpdateResult({name: _olds[name] for name in INPUTS})
        branches(repository, order, order.files(), branched(repository, order))
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
        contents = repository.get_contents(templates.MARKER)
        found: Any = yaml.safe_load(contents.decoded_content) if not isinstance(contents, list) else None
    except (github.UnknownObjectException, yaml.YAMLError):
        found = None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def first_commit_of_github(head: Commit) -> bool:
    """Whether a branch holds nothing but what GitHub puts into a new repository."""
    return not head.parents and {file.filename for file in head.files} <= {"README.md"}


def message(order: Order) -> str:
    """The commit's message."""
    return f"Scaffold from template {order.props['template']} {order.props['version']}"


def branches(
    repository: Repository, order: Order, files: Mapping[str, bytes], there: Sequence[str], when: str | None = None
) -> None:
    """A branch for each environment, all with one commit in common, so that a pull request can lead from one to the next.

    Args:
        repository: where.
        order: which environments there are to be.
        files: what the template makes.
        there: those that have a branch.
        when: the time that the first commit of all carries.
    """
    missing = [each for each in order.environments if each not in there]
    if not missing:
        return
    if there:
        start = _start(repository, order, files, missing)
    else:
        start = commits.commit(repository, render.below(files, "deploy"), message(order), when).sha
    for environment in missing:
        commits.reference(repository, naming.branch(environment), start)


def _start(repository: Repository, order: Order, files: Mapping[str, bytes], missing: Sequence[str]) -> str:
    """The commit from which environments start that came later.

    Their overlays are added on the first environment's branch, which takes pushes: were they on theirs alone, both would have
    added them, and git could not merge the first promotion.
    """
    first = order.environments[0]
    known = next(each for each in order.environments if each not in missing)
    head = repository.get_commit(naming.branch(known))
    held = {each.path for each in repository.get_git_tree(head.sha, recursive=True).tree}
    new = without_overlay(missing, held)
    if not new:
        return head.sha
    made = commits.commit(
        repository, overlays(files, new), addition(new), commits.since(head), parent=head.sha, onto=head.commit.tree
    )
    if known == first:
        commits.known(repository, GitRef, f"refs/heads/{naming.branch(first)}").edit(made.sha)
    return made.sha


def branched(repository: Repository, order: Order) -> list[str]:
    """The environments that have a branch."""
    if not order.environments:
        return []
    there = {one.ref for one in repository.get_git_matching_refs(f"heads/{naming.branch('')}")}
    return [each for each in order.environments if f"refs/heads/{naming.branch(each)}" in there]


def without_overlay(names: Iterable[str], held: Container[str]) -> list[str]:
    """The environments whose overlay is not among the paths that a branch holds."""
    return [each for each in names if f"{naming.overlay(each)}/kustomization.yaml" not in held]


def overlays(files: Mapping[str, bytes], names: Iterable[str]) -> dict[str, bytes]:
    """The files of these environments alone."""
    return {path: data for each in names for path, data in render.below(files, naming.overlay(each)).items()}


def addition(names: Iterable[str]) -> str:
    """The message of the commit that adds environments."""
    return f"Add {' and '.join(f'environment {each}' for each in names)}"


def environments(props: Mapping[str, Any]) -> list[str]:
    """The environments that a scaffold knows of."""
    return list(props["answers"].get("environments", ()))


def added(olds: Mapping[str, Any], news: Mapping[str, Any]) -> list[str]:
    """Environments that have no branch yet."""
    return [name for name in environments(news) if name not in environments(olds)]


class Scaffold(Resource, module="idp", name="Scaffold"):
    """A template's files in a repository."""

    def __init__(
        self, name: str, *, organization: str, repository: pulumi.Input[str], source: FromTemplate,
        opts: pulumi.ResourceOptions,
    ) -> None:  # fmt: skip
        """Declare what is to be written where.

        Args:
            name: of the resource.
            organization: that owns the repository.
            repository: its name.
            source: what the files are made from.
            opts: the caller's.
        """
        props = {"organization": organization, "repository": repository, **source.inputs()}
        super().__init__(ScaffoldProvider(), name, props, opts)
