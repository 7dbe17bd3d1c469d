"""A repository in the forge: its files as one commit, a branch for each environment, who writes, and what is refused."""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi
import yaml
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, ResourceProvider, UpdateResult

from components.dynamic.forge_bundle import Bundles
from components.dynamic.forge_client import ForgeClient, ForgeError, SilentForgeError, segment, tree
from components.dynamic.forge_organization import BRIEF, OWN_TEAMS
from components.dynamic.scaffold import (
    Order,
    ScaffoldError,
    added,
    addition,
    message,
    overlays,
    without_overlay,
)
from components.options import plus
from idp import naming, templates

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from components.dynamic.forge_client import Access
    from components.dynamic.scaffold import FromTemplate

MAIN = "main"
NOTICES = 30
"""Seconds in which the forge comes to know what was pushed to it; it takes a tenth of one."""
PLACE = ("home", "organization", "repository")
WHOSE = ("project", "stack")
LOOKS = ("description", "private", "topics", "archived")
"""What anybody may change by hand, and what a refresh reads."""
KEPT = ("access", *LOOKS, "team", "later")
SOURCE = ("template", "version", "answers", "digest")
NOTHING: dict[str, Any] = {"template": "", "version": "", "answers": {}, "digest": ""}
"""Where somebody else fills it; not None, which the engine's wire leaves out."""
BIRTH = ("template", "version", "digest")
"""What the files were made from; a newer template touches none of them."""
AUTHOR = {"name": "idp", "email": "idp@users.noreply.github.com"}
"""As in the commits on GitHub."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a repository in the forge is to be."""

    organization: str
    repository: str
    project: str
    """Whose stack makes it, and may have kept its bundle,"""
    stack: str
    """together with the project."""
    description: str
    private: bool
    topics: tuple[str, ...] = ()
    team: str = ""
    """The team that writes to it; nobody's where it is empty."""
    later: tuple[str, ...] = ()
    """The environments after the first, which change by promotion only."""
    archived: bool = False
    source: FromTemplate | None
    """Nothing where somebody else fills it."""

    def inputs(self) -> dict[str, Any]:
        """As inputs of a resource."""
        source = self.source.inputs() if self.source else NOTHING
        return {
            "organization": self.organization, "repository": self.repository, "project": self.project,
            "stack": self.stack, "description": self.description, "private": self.private,
            "topics": sorted(self.topics), "team": self.team, "later": list(self.later), "archived": self.archived,
            **source,
        }  # fmt: skip


class ForgeRepositoryProvider(ResourceProvider):
    """Makes a repository and brings it to what is declared; a run that was killed in between is taken up where it ended."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Make it, with what was kept of its predecessor; or take over what an earlier run made.

        Raises:
            ScaffoldError: somebody else's work is there.
            BundleError: what was kept cannot be put back.
            ForgeError: the forge refuses something.
        """
        order, client = Order(props), ForgeClient(props["access"]).ready()
        there = client.get(f"repos/{order.full_name}") or _make(client, props)
        if there["empty"] and client.get(f"repos/{order.full_name}/git/refs"):
            there = _made_anew(client, props)
        if there["empty"] and Bundles.of(props["project"], props["stack"]).restore(props["access"], order.full_name):
            there = _filled(client, order)
        elif not there["empty"] and props["template"]:
            _ours(client, order)
        if there["archived"] and props["archived"]:
            return CreateResult(order.full_name, _outputs(props))  # retired, and left as it is
        settle(client, props, there)
        return CreateResult(order.full_name, _outputs(props))

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """In another place it is another one; a new environment wants a branch; a newer template changes nothing."""
        moved = [name for name in PLACE if _olds[name] != _news[name]]
        changed = any(_olds[name] != _news[name] for name in KEPT)
        grown = bool(_news["template"] and _olds["template"] and added(_olds, _news))
        return DiffResult(changes=bool(moved) or changed or grown, replaces=moved)

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Retire it, bring it back, or change what differs; its files stay as they are."""
        order, client = Order(_news), ForgeClient(_news["access"]).ready()
        there = client.get(f"repos/{order.full_name}")
        if there is None:
            raise ScaffoldError(f"{order.full_name} is not there; `pulumi refresh` sees it, and `up` makes it again")
        if _news["archived"]:  # nothing else: an archived repository refuses it
            client.send("PATCH", f"repos/{order.full_name}", {"archived": True})
        else:
            settle(client, _news, there)
        born = {name: _olds[name] for name in BIRTH if _olds["template"]}
        return UpdateResult(_outputs(_news) | born)

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Whether it is still there, and how it looks."""
        try:
            there = ForgeClient(props["access"]).ready(BRIEF).get(f"repos/{id_}")
        except SilentForgeError:
            return ReadResult(id_, props)
        if there is None:
            return ReadResult("", {})
        found = {name: there[name] for name in LOOKS} | {"topics": sorted(there["topics"] or [])}
        return ReadResult(id_, props | found)

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Keep it: it is people's work, and goes with the cluster only; `down` and `up` keep a bundle of it before that."""


def settle(client: ForgeClient, props: Mapping[str, Any], there: Mapping[str, Any]) -> None:
    """Bring a repository that is there to what is declared; rules last, and its end, where it has one, after them.

    Args:
        client: the forge.
        props: what is declared.
        there: the repository as the forge tells of it.
    """
    order = Order(props)
    place = f"repos/{order.full_name}"
    if there["archived"]:
        client.send("PATCH", place, {"archived": False})
    client.send("PATCH", place, looks(props))
    client.send("PUT", f"{place}/topics", {"topics": list(props["topics"])})
    _team(client, place, str(props["team"]))
    if props["template"]:
        files = order.files()
        if there["empty"]:
            client.send("POST", f"{place}/contents", first_commit(files, message(order)))
        _branches(client, order, files)
    _protect(client, place, order.environments[:1], list(props["later"]))
    if props["archived"]:
        client.send("PATCH", place, {"archived": True})


def looks(props: Mapping[str, Any]) -> dict[str, Any]:
    """What a repository shows and offers, as a change of it."""
    return {
        "description": props["description"],
        "private": props["private"],
        "has_wiki": False,
        "has_projects": False,
        "has_packages": False,
        "has_actions": False,
        "default_delete_branch_after_merge": not props["later"],  # a promotion merges a branch that must stay
    }


def first_commit(files: Mapping[str, bytes], text: str) -> dict[str, Any]:
    """A whole first commit, as one request; git in the forge gives every file the mode of a plain one."""
    made = [{"operation": "create", "path": path, "content": content(data)} for path, data in sorted(files.items())]
    return {"branch": MAIN, **signed(text), "files": made}


def without_the_rest(there: Mapping[str, str], branch: str, text: str) -> dict[str, Any]:
    """A branch that holds `deploy/` only: the default one's files, and all others taken away in one commit.

    Args:
        there: what the default branch holds now, which may be people's by now: path -> git's name of the contents.
        branch: the new one.
        text: the commit's message.
    """
    gone = [
        {"operation": "delete", "path": path, "sha": sha}
        for path, sha in sorted(there.items())
        if not path.startswith("deploy/")
    ]
    return {"branch": MAIN, "new_branch": branch, **signed(text), "files": gone}


def grown(files: Mapping[str, bytes], new: Sequence[str], branch: str) -> dict[str, Any]:
    """The overlays of environments that came later, added to what a branch holds."""
    more = sorted(overlays(files, new).items())
    made = [{"operation": "upload", "path": path, "content": content(data)} for path, data in more]
    return {"branch": branch, **signed(addition(new)), "files": made}


def rule(branch: str, statuses: Iterable[str]) -> dict[str, Any]:
    """Nobody rewrites or deletes the branch; where statuses are asked for, nobody pushes to it, and a merge needs them all.

    To the default branch a push is enough: the forge is on somebody's laptop, and reviews are for GitHub.
    """
    asked = list(statuses)
    return {
        "rule_name": branch,
        "enable_push": not asked,
        "enable_force_push": False,
        "enable_status_check": bool(asked),
        "status_check_contexts": asked,
        "block_admin_merge_override": bool(asked),
    }


def _branches(client: ForgeClient, order: Order, files: Mapping[str, bytes]) -> None:
    """A branch for each environment, all with one commit in common, so that a pull request leads from one to the next.

    What is there decides, and not what the state knew: a bundle brings branches back, and a retired service grows none. The
    overlays of environments that came later are added on the first one's branch, as on GitHub.
    """
    place = f"repos/{order.full_name}"
    there = {str(one["name"]) for one in client.every(f"{place}/branches")}
    missing = [each for each in order.environments if naming.branch(each) not in there]
    if not missing:
        return
    first = naming.branch(order.environments[0])
    known = [naming.branch(each) for each in order.environments if each not in missing]
    if not known:
        commit = without_the_rest(tree(client, place, MAIN), first, message(order))
        client.send("POST", f"{place}/contents", commit)
    elif first not in known:
        client.send("POST", f"{place}/branches", {"new_branch_name": first, "old_ref_name": known[0]})
    if new := without_overlay(missing, tree(client, place, first)):
        client.send("POST", f"{place}/contents", grown(files, new, first))
    for branch in map(naming.branch, missing):
        if branch != first:
            client.send("POST", f"{place}/branches", {"new_branch_name": branch, "old_ref_name": first})


def _team(client: ForgeClient, place: str, name: str) -> None:
    """The team that owns it writes to it, and no other one: whoever had it before is out."""
    listed: list[dict[str, Any]] = client.get(f"{place}/teams") or []
    there = {str(one["name"]).lower() for one in listed}
    for former in sorted(there - {name.lower()} - OWN_TEAMS):
        client.send("DELETE", f"{place}/teams/{segment(former)}")
    if name and name.lower() not in there:
        client.send("PUT", f"{place}/teams/{segment(name)}")


def _protect(client: ForgeClient, place: str, first: list[str], later: list[str]) -> None:
    wanted = {name: rule(name, ()) for name in (MAIN, *map(naming.branch, first))}
    wanted |= {naming.branch(each): rule(naming.branch(each), [naming.promotion(each)]) for each in later}
    there = {str(one["rule_name"]) for one in client.every(f"{place}/branch_protections")}
    for branch, rules in wanted.items():
        if branch in there:
            client.send("PATCH", f"{place}/branch_protections/{segment(branch)}", rules)
        else:
            client.send("POST", f"{place}/branch_protections", rules)


def _make(client: ForgeClient, props: Mapping[str, Any]) -> dict[str, Any]:
    options = {"name": props["repository"], "private": props["private"], "default_branch": MAIN, "auto_init": False}
    made = client.send("POST", f"orgs/{props['organization']}/repos", options)
    return dict(made)


def _made_anew(client: ForgeClient, props: Mapping[str, Any]) -> dict[str, Any]:
    """One whose birth was cut off: git has commits in it, and the forge calls it empty, lists no branch and answers 422 or 500.

    Gitea takes the commit and notes it afterwards, which a client that is gone by then puts an end to. Nothing of people's is in
    it: each later push would have told the forge.
    """
    client.send("DELETE", f"repos/{props['organization']}/{props['repository']}")
    return _make(client, props)


def _filled(client: ForgeClient, order: Order) -> dict[str, Any]:
    """A repository to which git has just pushed, once the forge knows that: until then it lists no branch, and answers 500.

    Raises:
        ForgeError: it does not come to know it.
    """
    deadline = time.monotonic() + NOTICES
    while (there := client.get(f"repos/{order.full_name}"))["empty"]:
        if time.monotonic() > deadline:
            raise ForgeError(
                f"{order.full_name}: the forge took what was kept of it, and still calls it empty; run `up` again"
            )
        time.sleep(0.2)
    return dict(there)


def _ours(client: ForgeClient, order: Order) -> None:
    """Make sure that it was this program that wrote what is there.

    Raises:
        ScaffoldError: it was not.
    """
    wanted = {"project": order.answers["project"], "service": order.answers["service"]}
    contents = client.get(f"repos/{order.full_name}/contents/{templates.MARKER}") or {"content": ""}
    found: Any = yaml.safe_load(base64.b64decode(contents["content"] or ""))
    if not isinstance(found, dict) or {key: found.get(key) for key in wanted} != wanted:  # type: ignore[reportUnknownMemberType]
        raise ScaffoldError(
            f"{order.full_name} holds commits that this platform did not make, and it writes over nobody's work; give the "
            "service another name, or move that repository away"
        )


def _outputs(props: Mapping[str, Any]) -> dict[str, Any]:
    return {name: props[name] for name in (*PLACE, *WHOSE, *KEPT, *SOURCE)}


def signed(text: str) -> dict[str, Any]:
    """A commit's message, and whose it is."""
    return {"message": text, "author": AUTHOR, "committer": AUTHOR}


def content(data: bytes) -> str:
    """A file as the forge takes it."""
    return base64.b64encode(data).decode()


class ForgeRepository(Resource, module="idp", name="ForgeRepository"):
    """A repository with its files, branches and rules."""

    def __init__(self, name: str, *, access: Access, wanted: Wanted, opts: pulumi.ResourceOptions) -> None:
        """Declare one in the organization, which is there."""
        props = {**access.inputs(), **wanted.inputs()}
        super().__init__(ForgeRepositoryProvider(), name, props, plus(opts, additional_secret_outputs=["access"]))
