"""What one plan declares and another does not: the same two documents give the same difference, whoever made them.

Both are documents as `preview --format json` prints them, since the older one comes from a commit's own program. Nothing here
knows a live stack: what becomes of what runs, only the engine can say.
"""

from __future__ import annotations

import difflib
import json
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from idp.plan.environments import Reordering, reorderings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Document = dict[str, Any]
Resource = dict[str, Any]
Standing = Literal["absent", "active", "retired"]

APPLICATION = "kubernetes:argoproj.io/v1alpha1:Application"
SERVICE = "idp:index:Service"
COMPARED = ("inputs", "protect", "deletedWith")
"""What a resource is; the line that declares it, and what it waits for, may change without it."""
NOTHING: Document = {"resources": [], "outputs": {}}
"""Of a stack that was not there."""


@dataclass(frozen=True, kw_only=True)
class Field:
    """One value that differs."""

    path: str
    """Keys with dots between them."""
    gone: tuple[str, ...]
    """The old value, or those lines or members of it that are no more."""
    came: tuple[str, ...]
    """The same of the new one."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """One resource that is declared in one of the two only, or otherwise."""

    kind: Literal["added", "changed", "removed"]
    resource: Resource
    """As it is now, or as it was where it is no more."""
    fields: tuple[Field, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A service whose standing is another than before, or its team."""

    name: str
    team: str
    before: Standing
    after: Standing
    left: str = ""
    """The team that it was of, where that was another."""

    @property
    def gone(self) -> bool:
        """Whether the entry is gone, which forgets a repository that is still there; `state: retired` does not."""
        return self.after == "absent"

    @property
    def moved(self) -> bool:
        """Whether it is to run for another team while it runs: Argo CD would forget what runs in the old one's namespace."""
        return bool(self.left) and self.before == self.after == "active"

    @property
    def refused(self) -> bool:
        """Whether no pull request may do that."""
        return self.gone or self.moved


@dataclass(frozen=True, kw_only=True, order=True)
class Version:
    """A chart or a template that stayed and has another version."""

    kind: Literal["chart", "template"]
    name: str
    old: str
    new: str


@dataclass(frozen=True, kw_only=True)
class Difference:
    """All that differs between two documents."""

    entries: tuple[Entry, ...]
    parts: Mapping[str, tuple[Change, ...]]
    """By the component at the top that they hang on, such as `Service rental`."""
    addresses: tuple[Field, ...]
    """What the stack serves; the path is the name."""
    versions: tuple[Version, ...]
    """Charts and templates of another version."""
    reorderings: tuple[Reordering, ...]
    """Changes of the list of environments that no repository can follow."""

    @property
    def refused(self) -> tuple[Entry | Reordering, ...]:
        """What no pull request may do."""
        return (*self.reorderings, *(entry for entry in self.entries if entry.refused))

    def count(self, kind: str) -> int:
        """How many resources were added, changed or removed."""
        return sum(change.kind == kind for changes in self.parts.values() for change in changes)


def difference(before: Document, after: Document) -> Difference:
    """Compare two documents of one stack."""
    old, new = _made(before), _made(after)
    tops = _tops(before) | _tops(after)
    parts: dict[str, list[Change]] = defaultdict(list)
    for urn in sorted(old.keys() | new.keys()):
        if change := _change(old.get(urn), new.get(urn)):
            parts[tops[urn]].append(change)
    return Difference(
        entries=tuple(_entries(before, after)),
        parts={name: tuple(parts[name]) for name in sorted(parts)},
        versions=tuple(sorted(set(_versions(old, new)))),
        addresses=tuple(fields(before["outputs"].get("urls") or {}, after["outputs"].get("urls") or {})),
        reorderings=reorderings(before["resources"], after["resources"]),
    )


def _made(document: Document) -> dict[str, Resource]:
    """URN -> what a provider makes; components only hold others, and providers are how."""
    return {
        each["urn"]: each
        for each in document["resources"]
        if not each["type"].startswith(("idp:index:", "pulumi:providers:"))
    }


def _tops(document: Document) -> dict[str, str]:
    """URN -> the component at the top of each resource, by its kind and name."""
    known = {each["urn"]: each for each in document["resources"]}

    def top(resource: Resource) -> Resource:
        return top(known[resource["parent"]]) if resource["parent"] in known else resource

    return {urn: title(top(resource)) for urn, resource in known.items()}


def title(resource: Resource) -> str:
    """A resource as people call it: its kind and its name."""
    return f"{resource['type'].rpartition(':')[2]} {resource['name']}"


def _change(old: Resource | None, new: Resource | None) -> Change | None:
    if old is None or new is None:
        return Change(kind="removed" if new is None else "added", resource=cast("Resource", new or old))
    found = tuple(field for key in COMPARED for field in fields(old[key], new[key], "" if key == "inputs" else key))
    return Change(kind="changed", resource=new, fields=found) if found else None


def fields(old: Any, new: Any, path: str = "") -> Iterator[Field]:
    """The places at which two values differ, as deep as both are objects or lists of one length."""
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _keys(cast("dict[str, Any]", old), cast("dict[str, Any]", new), path)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _listed(cast("list[Any]", old), cast("list[Any]", new), path)
    elif isinstance(old, str) and isinstance(new, str) and "\n" in old + new:
        yield _text(old, new, path)
    else:
        yield Field(path=path, gone=shown(old), came=shown(new))


def _keys(old: dict[str, Any], new: dict[str, Any], path: str) -> Iterator[Field]:
    for key in sorted(old | new):
        place = f"{path}.{key}" if path else key
        if key in old and key in new:
            yield from fields(old[key], new[key], place)
        else:
            yield Field(
                path=place, gone=shown(old[key]) if key in old else (), came=shown(new[key]) if key in new else ()
            )


def _listed(old: Sequence[Any], new: Sequence[Any], path: str) -> Iterator[Field]:
    """Lists of objects of one length are compared one by one; of others it is said which members went and came."""
    if len(old) == len(new) and all(isinstance(each, dict) for each in (*old, *new)):
        for index, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from fields(one, other, f"{path}[{index}]")
        return
    gone = tuple(line for each in old if each not in new for line in shown(each))
    came = tuple(line for each in new if each not in old for line in shown(each))
    if gone or came:
        yield Field(path=path, gone=gone, came=came)
    else:
        yield Field(path=f"{path} (order)", gone=shown(old), came=shown(new))


def _text(old: str, new: str, path: str) -> Field:
    """Two texts of several lines, as the lines that went and came."""
    lines = [*difflib.ndiff(old.splitlines(), new.splitlines())]
    gone, came = (tuple(line[2:].strip() for line in lines if line.startswith(mark)) for mark in ("- ", "+ "))
    return Field(path=path, gone=gone, came=came)


def shown(value: Any) -> tuple[str, ...]:
    """A value as lines: an object as its parts, each with its path."""
    if inner := _inner(value):
        return tuple(line for key, part in inner for line in _parts(part, key))
    return tuple(value.splitlines()) if isinstance(value, str) and "\n" in value else (_plain(value),)


def _parts(value: Any, path: str) -> Iterator[str]:
    if inner := _inner(value):
        for key, part in inner:
            yield from _parts(part, f"{path}{key}" if key.startswith("[") else f"{path}.{key}")
    else:
        yield f"{path}: {_plain(value)}"


def _inner(value: Any) -> list[tuple[str, Any]]:
    """Keys and values of an object, or places and members of a list of objects; nothing of all else."""
    if isinstance(value, dict):
        return sorted(cast("dict[str, Any]", value).items())
    members = cast("list[Any]", value) if isinstance(value, list) else []
    return [(f"[{n}]", each) for n, each in enumerate(members)] if any(isinstance(m, dict) for m in members) else []


def _plain(value: Any) -> str:
    """On one line, as JSON has it but for texts, which stand for themselves."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _versions(old: Mapping[str, Resource], new: Mapping[str, Resource]) -> Iterator[Version]:
    for urn in old.keys() & new.keys():
        one, other = old[urn]["inputs"], new[urn]["inputs"]
        for kind in ("chart", "template"):
            same = kind in one and one[kind] == other.get(kind) and one.get("version") != other.get("version")
            if same:
                yield Version(kind=kind, name=str(one[kind]), old=str(one["version"]), new=str(other["version"]))


def _entries(before: Document, after: Document) -> Iterator[Entry]:
    old, new = standings(before), standings(after)
    was, teams = _teams(before), _teams(before) | _teams(after)
    for name in sorted(old.keys() | new.keys()):
        left = was[name] if was.get(name, teams[name]) != teams[name] else ""
        entry = Entry(
            name=name, team=teams[name], before=old.get(name, "absent"), after=new.get(name, "absent"), left=left
        )
        if entry.before != entry.after or entry.moved:
            yield entry


def _teams(document: Document) -> dict[str, str]:
    return {each["name"]: str(each["inputs"]["team"]) for each in document["resources"] if each["type"] == SERVICE}


def standings(document: Document) -> dict[str, Standing]:
    """Each service with an entry: it runs somewhere, or is retired."""
    running = {each["parent"] for each in document["resources"] if each["type"] == APPLICATION}
    return {
        each["name"]: "active" if each["urn"] in running else "retired"
        for each in document["resources"]
        if each["type"] == SERVICE
    }
