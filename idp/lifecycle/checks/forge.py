"""A forge of the stack's own: what its commands run on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from idp.lifecycle.checks import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from idp.lifecycle.machine import Machine
    from idp.settings import Settings

TOOLS = {
    "docker": ("`build` makes services' images with it", "https://docs.docker.com/engine/install/"),
    "git": ("what people make in the forge is kept and put back with it", "https://git-scm.com/downloads"),
}
"""Command -> what for, and where it is from."""


def forge(settings: Settings, machine: Machine) -> Iterator[Finding]:
    """`up` does without them; what comes after it does not."""
    for tool, (purpose, where) in TOOLS.items() if settings.forge else ():
        if not machine.which(tool):
            yield Finding(
                check=tool, message=f"`{tool}` is not on PATH; {purpose}", remedy=f"install it: {where}", fatal=False
            )
