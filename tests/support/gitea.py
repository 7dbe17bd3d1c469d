"""The real Gitea on loopback, with the settings that the platform gives it."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from components import forge_config
from components.dynamic.forge_client import ForgeClient
from idp import naming
from tests.support import lab
from tests.support.apiserver import free_port

WITH_VERSION = Path(os.environ.get("IDP_TEST_CACHE") or Path.home() / ".cache" / "idp-tests") / "bin" / "gitea"
"""Which `prepare-forge` makes where the lab's has none; Argo CD's generator asks for it."""
BINARY = WITH_VERSION if WITH_VERSION.is_file() else lab.LAB / "bin" / "gitea"
STATIC = lab.LAB / "gitea"
ADMINISTRATOR, PASSWORD = "idp-administrator", "planted-administrators-password"

requires_gitea = pytest.mark.skipif(
    not BINARY.is_file(), reason=f"no Gitea at {BINARY}; the lab's `build gitea` makes it"
)


@dataclass
class Gitea:
    """A forge of one test module's own, with an administrator and nothing else in it."""

    home: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def access(self, user: str = ADMINISTRATOR, password: str = PASSWORD) -> dict[str, Any]:
        """The input of what is made in it."""
        return {"url": self.url, "user": user, "password": password, "authority": ""}

    def client(self, user: str = ADMINISTRATOR, password: str = PASSWORD) -> ForgeClient:
        """Somebody's requests."""
        return ForgeClient(self.access(user, password))

    def git_url(self, repository: str, user: str = ADMINISTRATOR, password: str = PASSWORD) -> str:
        """Where git finds a repository, `organization/name`, as somebody."""
        return f"http://{user}:{password}@127.0.0.1:{self.port}/{repository}.git"

    def settle(self) -> None:
        """Return when it has noted all pushes; it does that behind its answers."""
        _run(self.home, "manager", "flush-queues")

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(timeout=30)


def start(home: Path) -> Gitea:
    """Migrate, make the administrator, serve; as the pod does."""
    port = free_port()
    keys = home / "keys"
    keys.mkdir(parents=True)
    for name, length in naming.FORGE_KEYS.items():
        (keys / name).write_text("k" * length)
    url = f"http://127.0.0.1:{port}"
    text = forge_config.ini(forge_config.settings("acme", "127.0.0.1", url))
    text = text.replace(forge_config.HOME, str(home)).replace(forge_config.SECRETS, str(keys))
    text = text.replace(f"= {forge_config.PORT}", f"= {port}").replace(f":{forge_config.PORT}/", f":{port}/")
    text = text.replace("RUN_USER = git\n", "").replace(
        "[server]", f"[server]\nSTATIC_ROOT_PATH = {STATIC}\nHTTP_ADDR = 127.0.0.1"
    )
    (home / "app.ini").write_text(text)
    if os.geteuid() == 0:  # it will not serve as root, in no case
        (home / "app.ini").write_text(f"I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true\n{text}")
    _run(home, "migrate")
    account = ("--username", ADMINISTRATOR, "--password", PASSWORD, "--email", "a@b.example")
    _run(home, "admin", "user", "create", "--admin", *account, "--must-change-password=false")
    with (home / "log").open("wb") as log:
        process = subprocess.Popen([*_called(home), "web"], env=_environment(home), stdout=log, stderr=log)
    made = Gitea(home=home, port=port, process=process)
    made.client().ready(60)
    return made


def _run(home: Path, *command: str) -> None:
    done = subprocess.run(
        [*_called(home), *command], env=_environment(home), capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _called(home: Path) -> list[str]:
    return [str(BINARY), "--config", str(home / "app.ini")]


def _environment(home: Path) -> dict[str, str]:
    return os.environ | {"HOME": str(home), "GITEA_WORK_DIR": str(home), "I_AM_BEING_UNSAFE_RUNNING_AS_ROOT": "true"}
