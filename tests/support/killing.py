"""Kills a run as a power cut does: at a chosen moment, with everything that it started."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

CLUSTERS = ("etcd", "kube-apiserver", "kube-controller")
"""Beginnings of the names of what stands for Docker's containers: they outlive whoever asked for them."""


def killed(command: Sequence[str], environment: dict[str, str], folder: Path, state: Path, writes: int) -> bool:
    """Run a command and kill it when the engine has written its state so many times; whether that moment came.

    The engine writes before and after each operation, so that the number is a clock which a slow machine does not change.
    """
    process = subprocess.Popen(
        command,
        env=environment,
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
    )
    seen, last = 0, written(state)
    deadline = time.monotonic() + 100
    while process.poll() is None and time.monotonic() < deadline:
        if (now := written(state)) != last:
            seen, last = seen + 1, now
        if seen >= writes:
            kill(process.pid)
            process.wait()
            return True
        time.sleep(0.001)
    if process.poll() is None:
        kill(process.pid)
        raise AssertionError(f"{command} did not end")
    return False


def written(state: Path) -> int:
    """When a file was last written, in nanoseconds; 0 where it is not there."""
    try:
        return state.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def kill(pid: int) -> None:
    """End a process and its descendants at once; the clusters go on."""
    family = [pid, *descendants(pid)]
    for one in family:
        try:
            if not Path(f"/proc/{one}/comm").read_text().startswith(CLUSTERS):
                os.kill(one, signal.SIGKILL)
        except (ProcessLookupError, FileNotFoundError):
            continue


def descendants(pid: int) -> list[int]:
    """Children, whichever of its threads started them, their children, and so on."""
    found: list[int] = []
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            for child in thread.read_text().split():
                found += [int(child), *descendants(int(child))]
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found
