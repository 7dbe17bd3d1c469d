"""What another commit declares: its own program, on its own config, asked for its plan."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from idp import stackfile

PATIENCE = 300
"""Seconds for the other program; a thousand services take a sixth of a minute."""


class BaselineError(Exception):
    """There is nothing to compare with; the text says why."""


class BrokenBaselineError(BaselineError):
    """The commit is there, but its own program refuses its config."""


def document(root: Path, ref: str, stack: str) -> dict[str, Any] | None:
    """The plan of a stack at a commit, as `preview --format json` prints it; nothing where the stack was not there yet.

    The commit's files are unpacked into a folder of their own, which is gone afterwards: neither the repository nor its work
    tree is touched.

    Raises:
        BrokenBaselineError: the commit's program refuses the commit's config, in its own words.
        BaselineError: there is no git, no repository or no such commit.
    """
    prefix = _git(root, "rev-parse", "--show-prefix").decode().strip()
    commit = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}", ref=ref)
    packed = _git(root, "archive", "--format=tar", f"{commit.decode().strip()}:{prefix}")
    with tempfile.TemporaryDirectory(prefix="idp-base-") as folder:
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            # an attribute and no argument: Python 3.11.2, which is Debian 12's, knows neither the argument nor the filter
            archive.extraction_filter = getattr(tarfile, "data_filter", lambda member, _path: member)
            archive.extractall(folder)  # noqa: S202  filtered, above
        if not (Path(folder) / stackfile.stack_file(stack)).exists():
            return None
        command = [sys.executable, "-m", "idp", "preview", "--format", "json", "--stack", stack]
        outer = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        done = subprocess.run(
            command, cwd=folder, env=outer, capture_output=True, text=True, check=False, timeout=PATIENCE
        )
    if done.returncode or not done.stdout:
        raise BrokenBaselineError(f"{ref} itself cannot be planned:\n{done.stderr.strip()}")
    return json.loads(done.stdout)


def _git(root: Path, *arguments: str, ref: str | None = None) -> bytes:
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, check=False)  # noqa: S607
    except FileNotFoundError:
        raise BaselineError("`git` is not on PATH, and --base compares with one of its commits") from None
    if done.returncode:
        said = done.stderr.decode().strip()
        raise BaselineError(said or f"there is no commit `{ref}` here; in a shallow clone, fetch it first")
    return done.stdout
