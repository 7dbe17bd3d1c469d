"""What this machine, the cluster or a token lacks for `up`: all of it at once, each with the command that mends it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from idp.lifecycle.checks import Finding
from idp.lifecycle.checks.existing import existing
from idp.lifecycle.checks.forge import forge
from idp.lifecycle.checks.github import github
from idp.lifecycle.checks.kind import cgroups, inotify, kind
from idp.lifecycle.checks.sign_in import sign_in
from idp.lifecycle.checks.tools import plugins, pulumi

if TYPE_CHECKING:
    from idp.lifecycle.machine import Machine
    from idp.settings import Settings

__all__ = ["CHECKS", "Finding", "examine"]

CHECKS = (pulumi, plugins, kind, inotify, cgroups, forge, existing, github, sign_in)
"""In the order in which `up` would meet what they look at."""


def examine(settings: Settings, machine: Machine) -> list[Finding]:
    """Every finding of every check; a stack that has no use for what a check looks at has nothing from it."""
    return [finding for check in CHECKS for finding in check(settings, machine)]
