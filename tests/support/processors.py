"""How long something took where the machine does other things besides: by the processors' own count."""

from __future__ import annotations

import os
from pathlib import Path


def worked(pid: int) -> float:
    """Seconds of the processors that a process has had, all its threads together; proc(5) has the fields."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
