"""A local backend after a run that was killed while it wrote: made readable again before anything reads it.

The engine writes a state by moving the old one to `.bak` and putting the new one in its place, and writes an `.attrs`
beside each file, in place. A kill in between leaves no state at all, which reads as a stack that was never made, or an
empty `.attrs`, at which every command ends with "EOF" (seen with 3.259).
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from urllib.parse import unquote, urlsplit

from idp.lifecycle import locks

HOME = ".pulumi"


def mend(backend: str, project: str, stack: str) -> None:
    """Put the last whole state of a killed run back, and take away what stops every command.

    Nothing is done while somebody is at work, nor where no killed run left its lock: a stack that was removed has a
    `.bak` too.
    """
    where = urlsplit(backend)
    held = locks.held(backend, project, stack)
    if where.scheme != "file" or not held or not all(lock.dead for lock in held):
        return
    home = Path(unquote(where.path)) / HOME
    for attributes in home.rglob("*.attrs"):
        if not attributes.stat().st_size:
            attributes.unlink()
    state = home / "stacks" / project / f"{stack}.json"
    before = state.with_name(f"{state.name}.bak")
    if not _whole(state) and _whole(before):
        beside = state.with_name(f"{state.name}.mended")
        shutil.copy(before, beside)
        beside.replace(state)


def _whole(file: Path) -> bool:
    """Whether it is there and can be read to its end."""
    try:
        json.loads(file.read_text())
    except (FileNotFoundError, ValueError):
        return False
    return True
