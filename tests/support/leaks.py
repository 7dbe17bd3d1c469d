"""Where a secret shows: in a cluster's objects, and among the arguments of processes."""

from __future__ import annotations

import base64
import json
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

LOOK = 0.02
"""Seconds between two looks at all processes; a command lives longer than that."""


def in_cluster(kubeconfig: Path, secret: str) -> set[str]:
    """Every place of a cluster that holds a text: `namespace/name key` in a Secret's data, else kind, namespace and name."""
    kubectl = ["kubectl", "--kubeconfig", str(kubeconfig)]
    kinds = _said([*kubectl, "api-resources", "--verbs=list", "--output=name"]).split()
    found: set[str] = set()
    for item in json.loads(_said([*kubectl, "get", ",".join(kinds), "-A", "--output=json"]))["items"]:
        name = f"{item['metadata'].get('namespace', '')}/{item['metadata']['name']}"
        data: dict[str, Any] = (item.pop("data", None) or {}) if item["kind"] == "Secret" else {}
        found |= {f"{name} {key}" for key, value in data.items() if secret in _text(value)}
        if secret in json.dumps(item):
            found.add(f"{item['kind']} {name}")
    return found


def _said(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _text(value: str) -> str:
    """A Secret's value, and what is encoded in it once more, as in a login of a registry."""
    plain = base64.b64decode(value).decode(errors="replace")
    try:
        logins = [each["auth"] for each in json.loads(plain)["auths"].values()]
    except (ValueError, TypeError, KeyError):
        return plain
    return plain + "".join(base64.b64decode(login).decode() for login in logins)


@contextmanager
def arguments(secrets: Iterable[str]) -> Generator[set[str]]:
    """The secrets that showed among any process's arguments meanwhile; this process's own are not looked at."""
    wanted, found, over = [*secrets], set[str](), threading.Event()

    def watch() -> None:
        while not over.wait(LOOK):
            lines = [_line(folder) for folder in Path("/proc").iterdir() if folder.name.isdigit()]
            found.update(secret for secret in wanted for line in lines if secret in line)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield found
    finally:
        over.set()
        watcher.join()


def _line(process: Path) -> str:
    """A process's command line; nothing when it has just ended."""
    try:
        return (process / "cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""
