"""The engine: `pulumi` itself, and the plugins that it downloads unless it is told not to."""

from __future__ import annotations

import json
import re
from importlib.metadata import version
from typing import TYPE_CHECKING

from idp.lifecycle.checks import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from idp.lifecycle.machine import Machine
    from idp.settings import Settings

NO_DOWNLOADS = "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"


def pulumi(_settings: Settings, machine: Machine) -> Iterator[Finding]:
    """`pulumi` is there, and not older than the SDK: an older engine does not know all that the SDK asks of it."""
    sdk = version("pulumi")
    remedy = f"curl -fsSL https://get.pulumi.com | sh -s -- --version {sdk}"
    if not machine.which("pulumi"):
        remedy += ' && export PATH="$HOME/.pulumi/bin:$PATH"'
        yield Finding(check="pulumi", message="`pulumi` is not on PATH", remedy=remedy, fatal=True)
        return
    said = machine.run(["pulumi", "version"])
    found = _minor(said.out)
    if said.code or not found:
        why = said.error.strip() or said.out.strip() or f"exit code {said.code}"
        yield Finding(check="pulumi", message=f"`pulumi version` fails: {why}", remedy=remedy, fatal=True)
    elif found < _minor(sdk):
        message = f"`pulumi` is {said.out.strip()}, older than the SDK's {sdk}"
        yield Finding(check="pulumi", message=message, remedy=remedy, fatal=True)


def _minor(text: str) -> tuple[int, ...]:
    """Major and minor number of a version such as `v3.259.0`; nothing where it is none."""
    found = re.match(r"v?(\d+)\.(\d+)\.", text.strip())
    return tuple(map(int, found.groups())) if found else ()


def plugins(settings: Settings, machine: Machine) -> Iterator[Finding]:
    """Where downloads are off, the providers' plugins are on PATH or installed, in the very versions of their SDKs."""
    off = machine.environment.get(NO_DOWNLOADS, "").lower() in {"1", "true"}
    if not off or not machine.which("pulumi"):
        return
    wanted = {name: version(f"pulumi-{name}") for name in ("kubernetes", *(["github"] if settings.owns_github else []))}
    lacking = {name: number for name, number in wanted.items() if not machine.which(f"pulumi-resource-{name}")}
    installed = _installed(machine) if lacking else set[tuple[str, str]]()
    for name, number in lacking.items():
        if (name, number) not in installed:
            yield Finding(
                check="plugins",
                message=f"no plugin `{name}` {number}, and {NO_DOWNLOADS} forbids to download it",
                remedy=f"pulumi plugin install resource {name} {number}",
                fatal=True,
            )


def _installed(machine: Machine) -> set[tuple[str, str]]:
    """Names and versions of the plugins that the engine keeps."""
    said = machine.run(["pulumi", "plugin", "ls", "--json"])
    if said.code:
        return set()
    return {(one["name"], one.get("version", "")) for one in json.loads(said.out) if one["kind"] == "resource"}
