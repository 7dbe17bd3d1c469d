"""The demo's services on disk: rendered, installed and built as their own repositories say, and only where something changed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from idp import templates
from idp.answers import service_answers
from idp.demo.errors import DemoError
from idp.render import render

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from idp.settings import Settings
    from idp.templates import Toolchain

FOLDER = ".demo"
"""Of the project; git ignores it."""
INSTALLED, BUILT = ".installed", ".built"
"""Files of a checkout that say for which inputs that was done."""
FAULTS = "errorRatePercent"
"""The parameter of those that have faults on demand."""
QUIET = {
    "npm_config_audit": "false",
    "npm_config_fund": "false",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_QUIET": "1",
}


@dataclass(frozen=True, kw_only=True)
class Checkout:
    """One service's repository, as it is at its birth."""

    name: str
    folder: Path
    files: Mapping[str, bytes] = field(repr=False)
    toolchain: Toolchain = field(repr=False)
    port: int
    calls: tuple[str, ...]
    faults: bool
    """Whether it fails on request."""

    @property
    def digest(self) -> str:
        """Of everything in it."""
        return _digest(self.files)

    @property
    def current(self) -> bool:
        """Whether it is on disk as it is here, installed and built."""
        return _marked(self, BUILT) == self.digest

    @property
    def packages(self) -> str:
        """Of what an installer reads: the lists and locks, which lie at the root, and its commands."""
        root = {path: text for path, text in self.files.items() if "/" not in path and not path.endswith(".md")}
        return _digest(root | {"": json.dumps(self.toolchain.commands.install).encode()})


def checkouts(settings: Settings, folder: Path) -> list[Checkout]:
    """A stack's active services of kind `demo`, by name, each in a folder of its own.

    Raises:
        DemoError: there are none.
    """
    found: list[Checkout] = []
    for service in settings.catalog.services:
        template = templates.load(service.template) if service.template else None
        if service.retired or template is None or template.info.kind != "demo" or template.info.toolchain is None:
            continue
        answers = service_answers(settings, service)
        found.append(
            Checkout(
                name=service.name,
                folder=folder / service.name,
                files=render(template, answers).files,
                toolchain=template.info.toolchain,
                port=answers["port"],
                calls=tuple(answers["calls"]),
                faults=FAULTS in template.info.parameters,
            )
        )
    if not found:
        raise DemoError(f"stack {settings.stack} has no service from a template of kind `demo`")
    return found


def prepare(every: Iterable[Checkout], said: Callable[[str], None]) -> None:
    """Bring checkouts up to date; what takes long is said before.

    Raises:
        DemoError: one of their commands failed.
    """
    for checkout in every:
        for command in outdated(checkout):
            said(f"{checkout.name}: {command}")
            _run(command, checkout)
        _mark(checkout, INSTALLED, checkout.packages)
        _mark(checkout, BUILT, checkout.digest)


def outdated(checkout: Checkout) -> Iterator[str]:
    """The commands that are to be run, in their order; its files are written on the way."""
    if checkout.current:
        return
    fresh = _marked(checkout, INSTALLED) == checkout.packages
    _write(checkout, keep=checkout.toolchain.installs if fresh else ())
    if fresh:
        _mark(checkout, INSTALLED, checkout.packages)
    else:
        yield from checkout.toolchain.commands.install
    yield from checkout.toolchain.commands.build


def _write(checkout: Checkout, keep: Iterable[str]) -> None:
    """Its files and nothing else, but for what was installed."""
    checkout.folder.mkdir(parents=True, exist_ok=True)
    for old in checkout.folder.iterdir():
        if old.name in set(keep):
            continue
        if old.is_dir() and not old.is_symlink():
            shutil.rmtree(old)
        else:
            old.unlink()
    for path, text in checkout.files.items():
        file = checkout.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text)


def _run(command: str, checkout: Checkout) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", command], cwd=checkout.folder, env=QUIET | os.environ, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        last = "\n".join(done.stdout.splitlines()[-20:])
        raise DemoError(f"{last}\n{checkout.name}: `{command}` failed in {checkout.folder}; its last lines are above")


def _marked(checkout: Checkout, mark: str) -> str | None:
    file = checkout.folder / mark
    return file.read_text() if file.exists() else None


def _mark(checkout: Checkout, mark: str, digest: str) -> None:
    (checkout.folder / mark).write_text(digest)


def _digest(files: Mapping[str, bytes]) -> str:
    summed = hashlib.sha256()
    for path, text in sorted(files.items()):
        summed.update(f"{path}\0{len(text)}\0".encode() + text)
    return summed.hexdigest()
