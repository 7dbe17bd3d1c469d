"""Locks that runs leave in a local backend: one of a process that is gone is dead, and stops every later run."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

WAY_OUT = "wait for its end, or, if you know that it is gone, run `python -m idp pulumi cancel`"
MET = ("the stack is currently locked by", "Another update is currently in progress")
"""What the engine says where somebody holds the lock: of a backend in a folder or a bucket, and of Pulumi Cloud."""


class BusyError(Exception):
    """Somebody else is at work on the stack; the text says who."""


@dataclass(frozen=True, kw_only=True)
class Lock:
    """Who holds it, by their own word."""

    pid: int
    user: str
    host: str
    since: str

    @property
    def dead(self) -> bool:
        """Whether its process was on this machine and is there no more."""
        return self.host == socket.gethostname() and not _runs(self.pid)

    def __str__(self) -> str:
        """As a message names it."""
        return f"pulumi (pid {self.pid} of {self.user} on {self.host}, since {self.since})"


def held(backend: str, project: str, stack: str) -> list[Lock]:
    """The locks of a stack in a `file://` backend; those of any other place only the engine sees, when it meets one."""
    where = urlsplit(backend)
    if where.scheme != "file":
        return []
    folder = Path(unquote(where.path)) / ".pulumi" / "locks" / "organization" / project / stack
    found: list[Lock] = []
    for file in sorted(folder.glob("*.json")):
        said = json.loads(file.read_text())
        found.append(Lock(pid=said["pid"], user=said["username"], host=said["hostname"], since=said["timestamp"][:19]))
    return found


def dead(locks: list[Lock]) -> bool:
    """Whether there are locks and nobody behind them.

    Raises:
        BusyError: somebody is, or may be, at work.
    """
    for lock in locks:
        if not lock.dead:
            raise BusyError(f"{lock} is at work on this stack; {WAY_OUT}")
    return bool(locks)


def met(said: str) -> str | None:
    """What the engine said of a lock that it met itself; nothing where it failed at something else."""
    starts = [said.find(words) for words in MET if words in said]
    return said[min(starts) :] if starts else None


def _runs(pid: int) -> bool:
    """Whether a process is there and is a pulumi; the system gives numbers out again."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    name = Path(f"/proc/{pid}/comm")
    return not name.exists() or name.read_text().startswith("pulumi")
