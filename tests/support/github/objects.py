"""Git's objects, read and written in Python: a tree of thirty files costs no thirty processes."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import tempfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SHA = re.compile(r"[0-9a-f]{40}")
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
KINDS = {"040000": "tree", "160000": "commit"}


@dataclass(frozen=True, order=True)
class Entry:
    """One line of a tree."""

    path: str
    mode: str
    sha: str

    @property
    def kind(self) -> str:
        """What the mode says the entry is."""
        return KINDS.get(self.mode, "blob")


@dataclass(frozen=True)
class Person:
    """An author or committer, with git's time: seconds and zone."""

    name: str
    email: str
    seconds: int
    zone: str = "+0000"

    def __str__(self) -> str:
        """As a commit object spells it."""
        return f"{self.name} <{self.email}> {self.seconds} {self.zone}"


@dataclass(frozen=True)
class Commit:
    """A commit object, taken apart."""

    tree: str
    parents: list[str]
    author: Person
    committer: Person
    message: str

    def data(self) -> bytes:
        """The object's bytes, without the header."""
        lines = [f"tree {self.tree}", *(f"parent {parent}" for parent in self.parents)]
        lines += [f"author {self.author}", f"committer {self.committer}", "", self.message]
        return "\n".join(lines).encode()


class Objects:
    """The object database of one bare repository."""

    def __init__(self, folder: Path) -> None:
        """The objects below a bare repository's folder."""
        self.folder = folder

    def kind(self, sha: str) -> str | None:
        """The object's type, or nothing where there is no such object."""
        found = self.find(sha)
        return found[0] if found else None

    def find(self, sha: str) -> tuple[str, bytes] | None:
        """Type and bytes of an object, loose or packed."""
        if not SHA.fullmatch(sha):
            return None
        if sha == EMPTY_TREE:
            return "tree", b""
        try:
            whole = zlib.decompress((self.folder / "objects" / sha[:2] / sha[2:]).read_bytes())
        except FileNotFoundError:
            return self._packed(sha)
        header, _, data = whole.partition(b"\0")
        return header.split()[0].decode(), data

    def _packed(self, sha: str) -> tuple[str, bytes] | None:
        if not any((self.folder / "objects" / "pack").glob("*.idx")):
            return None
        command = ["git", "--git-dir", str(self.folder), "cat-file", "--batch"]
        output = subprocess.run(command, input=f"{sha}\n".encode(), capture_output=True, check=True).stdout
        header, _, data = output.partition(b"\n")
        words = header.decode().split()
        return None if words[-1] == "missing" else (words[1], data[: int(words[2])])

    def write(self, kind: str, data: bytes) -> str:
        """Store an object as git does; the same bytes always give the same id."""
        whole = f"{kind} {len(data)}".encode() + b"\0" + data
        sha = hashlib.sha1(whole, usedforsecurity=False).hexdigest()
        path = self.folder / "objects" / sha[:2] / sha[2:]
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=path.parent, prefix="tmp_obj_")
            with os.fdopen(handle, "wb") as file:
                file.write(zlib.compress(whole, 1))
            os.chmod(temporary, 0o444)  # noqa: PTH101 - the name comes from mkstemp
            os.replace(temporary, path)  # noqa: PTH105 - the same
        return sha

    def tree(self, sha: str) -> list[Entry]:
        """The direct entries of a tree."""
        found = self.find(sha)
        data = found[1] if found else b""
        entries = []
        while data:
            header, _, rest = data.partition(b"\0")
            mode, _, path = header.decode("utf-8", "surrogateescape").partition(" ")
            entries.append(Entry(path, mode.zfill(6), rest[:20].hex()))
            data = rest[20:]
        return entries

    def write_tree(self, entries: list[Entry]) -> str:
        """Store a tree; git sorts folders as if their names ended with a slash."""
        ordered = sorted(entries, key=lambda e: (e.path + "/" if e.kind == "tree" else e.path).encode())
        parts = [f"{e.mode.lstrip('0')} {e.path}".encode() + b"\0" + bytes.fromhex(e.sha) for e in ordered]
        return self.write("tree", b"".join(parts))

    def walk(self, sha: str, prefix: str = "") -> Iterator[Entry]:
        """Every entry below a tree, folders included, in git's order."""
        for entry in self.tree(sha):
            path = prefix + entry.path
            yield Entry(path, entry.mode, entry.sha)
            if entry.kind == "tree":
                yield from self.walk(entry.sha, path + "/")

    def files(self, sha: str) -> dict[str, Entry]:
        """Every file below a tree by its path."""
        return {entry.path: entry for entry in self.walk(sha) if entry.kind != "tree"}

    def at(self, tree: str, path: str) -> Entry | None:
        """The entry at a path; the empty path is the tree itself."""
        entry = Entry("", "040000", tree)
        for name in filter(None, path.split("/")):
            below = {e.path: e for e in self.tree(entry.sha)} if entry.kind == "tree" else {}
            if name not in below:
                return None
            entry = below[name]
        return Entry(path.strip("/"), entry.mode, entry.sha)

    def changed(self, base: str | None, changes: dict[str, tuple[str, str] | None]) -> str:
        """The tree that `changes` (path to mode and id, or None to delete) make of `base`."""
        entries = {e.path: e for e in self.tree(base)} if base else {}
        below: dict[str, dict[str, tuple[str, str] | None]] = {}
        for path, change in changes.items():
            name, _, rest = path.partition("/")
            if rest:
                below.setdefault(name, {})[rest] = change
            elif change is None:
                entries.pop(name, None)
            else:
                entries[name] = Entry(name, *change)
        for name, inner in below.items():
            old = entries.get(name)
            sha = self.changed(old.sha if old and old.kind == "tree" else None, inner)
            if sha == EMPTY_TREE:
                entries.pop(name, None)
            else:
                entries[name] = Entry(name, "040000", sha)
        return self.write_tree(list(entries.values()))

    def commit(self, sha: str) -> Commit | None:
        """A commit, or nothing where the id names something else."""
        found = self.find(sha)
        if not found or found[0] != "commit":
            return None
        header, _, message = found[1].decode("utf-8", "replace").partition("\n\n")
        lines = [line.partition(" ") for line in header.split("\n") if not line.startswith(" ")]
        values = {key: value for key, _, value in lines if key != "parent"}
        parents = [value for key, _, value in lines if key == "parent"]
        return Commit(values["tree"], parents, person(values["author"]), person(values["committer"]), message)


def person(text: str) -> Person:
    """The inverse of `str(Person)`."""
    match = re.fullmatch(r"(.*) <(.*)> (\d+) ([+-]\d{4})", text)
    if not match:
        return Person(text, "", 0)
    return Person(match[1], match[2], int(match[3]), match[4])
