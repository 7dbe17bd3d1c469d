"""One bare repository on disk: refs, history and merges, by the `git` binary where it must be right."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

from .objects import SHA, Objects

if TYPE_CHECKING:
    from pathlib import Path

# What a ref's name must not hold, after `git check-ref-format`.
BAD_REF = re.compile(r"\.\.|@\{|[\x00-\x20\x7f~^:?*\[\\]|//|/\.|\.lock(/|$)|\.$|/$|^/")

CONFIG = {
    "safe.directory": "*",
    "gc.auto": "0",
    "receive.autogc": "false",
    "receive.unpackLimit": "1000000",
    "receive.denyDeleteCurrent": "refuse",
    "http.receivepack": "true",
    "uploadpack.allowAnySHA1InWant": "true",
    "uploadpack.allowFilter": "true",
    "core.logAllRefUpdates": "false",
}


def environment() -> dict[str, str]:
    """An environment in which no user's own git settings count."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    settings = {"GIT_CONFIG_COUNT": str(len(CONFIG))}
    for number, (key, value) in enumerate(CONFIG.items()):
        settings |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return {**kept, **settings, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "HOME": "/nonexistent"}


class RefConflict(Exception):  # noqa: N818 - a race that was lost, or a name inside another ref's name
    """The ref could not be moved as asked."""


class Bare:
    """A bare repository."""

    def __init__(self, folder: Path) -> None:
        """The one in this folder, which is there already."""
        self.folder = folder
        self.objects = Objects(folder)

    @classmethod
    def create(cls, folder: Path, branch: str) -> Bare:
        """A new, empty one whose HEAD names `branch`."""
        command = ["git", "init", "--quiet", "--bare", "--template=", f"--initial-branch={branch}", str(folder)]
        subprocess.run(command, check=True, capture_output=True, env=environment())
        (folder / "description").write_text("")
        return cls(folder)

    def git(self, *arguments: str, data: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
        """One git command in this repository; the caller judges the exit code."""
        command = ["git", "--git-dir", str(self.folder), *arguments]
        return subprocess.run(command, input=data, capture_output=True, check=False, env=environment())

    def ref(self, name: str) -> str | None:
        """What a ref points at."""
        try:
            text = (self.folder / name).read_text().strip()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return self._packed_refs().get(name)
        return text if SHA.fullmatch(text) else None

    def refs(self, prefix: str = "refs/") -> dict[str, str]:
        """Every ref whose name starts with `prefix`, sorted by name."""
        found = self._packed_refs()
        for path in (self.folder / "refs").rglob("*"):
            if path.is_file() and path.suffix != ".lock":
                found[path.relative_to(self.folder).as_posix()] = path.read_text().strip()
        return {name: found[name] for name in sorted(found) if name.startswith(prefix)}

    def _packed_refs(self) -> dict[str, str]:
        try:
            lines = (self.folder / "packed-refs").read_text().splitlines()
        except FileNotFoundError:
            return {}
        return {line[41:]: line[:40] for line in lines if SHA.match(line)}

    def branches(self) -> dict[str, str]:
        """Every branch and its commit."""
        return {name.removeprefix("refs/heads/"): sha for name, sha in self.refs("refs/heads/").items()}

    @property
    def empty(self) -> bool:
        """Whether there is no ref at all: GitHub's Git Data API then refuses everything."""
        return not self.refs()

    def move(self, name: str, new: str | None, old: str | None) -> None:
        """Create, move or delete a ref, only if it still is where the caller saw it."""
        if new is None:
            done = self.git("update-ref", "-d", name, old or "")
        else:
            done = self.git("update-ref", name, new, old or "0" * 40)
        if done.returncode:
            raise RefConflict(done.stderr.decode().strip())

    def point_head(self, branch: str) -> None:
        """Make `branch` the one that a clone checks out."""
        self.git("symbolic-ref", "HEAD", f"refs/heads/{branch}")

    def resolve(self, name: str) -> str | None:
        """The commit that a branch, tag, full ref or (abbreviated) id names."""
        for candidate in (f"refs/heads/{name}", f"refs/tags/{name}", name if name.startswith("refs/") else ""):
            sha = self.ref(candidate) if candidate else None
            if sha:
                return self.peeled(sha)
        if re.fullmatch(r"[0-9a-f]{7,40}", name):
            return self.peeled(name)
        return None

    def peeled(self, sha: str) -> str | None:
        """The commit behind an id: an annotated tag gives the commit that it tags."""
        if self.objects.kind(sha) == "commit":
            return sha
        done = self.git("rev-parse", "--quiet", "--verify", f"{sha}^{{commit}}")
        return None if done.returncode else done.stdout.decode().strip()

    def contains(self, old: str, new: str) -> bool:
        """Whether `new` is a fast-forward of `old`."""
        return old == new or self.git("merge-base", "--is-ancestor", old, new).returncode == 0

    def history(self, start: str, *options: str) -> list[str]:
        """Commit ids from `start` backwards."""
        done = self.git("rev-list", *options, start, "--")
        return done.stdout.decode().split()

    def merged_tree(self, ours: str, theirs: str) -> str | None:
        """The tree of a merge, or nothing when the two conflict."""
        done = self.git("merge-tree", "--write-tree", "--no-messages", ours, theirs)
        return None if done.returncode else done.stdout.decode().split("\n")[0]

    def numstat(self, parent: str | None, sha: str) -> list[tuple[str, str, int, int]]:
        """Path, status letter, additions and deletions of each file that a commit changes."""
        against = [parent, sha] if parent else ["--root", sha]
        common = ["diff-tree", "-r", "-z", "--no-commit-id", "--no-renames"]
        numbers = self.git(*common, "--numstat", *against).stdout.decode().split("\0")[:-1]
        letters = self.git(*common, "--name-status", *against).stdout.decode().split("\0")[:-1]
        status = dict(zip(letters[1::2], letters[::2], strict=True))
        counted = [line.split("\t") for line in numbers]
        return [(p, status[p], int(a) if a != "-" else 0, int(d) if d != "-" else 0) for a, d, p in counted]


def valid_ref(name: str) -> bool:
    """Whether git would take the name."""
    return not BAD_REF.search(name) and not name.startswith("-")
