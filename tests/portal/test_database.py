"""The portal's database on a volume that it was made with before: a real PostgreSQL, and the script of its pod."""

from __future__ import annotations

import os
import pwd
import subprocess
from typing import TYPE_CHECKING

import pytest

from components.database import PREPARE
from tests.support.lab import free_port
from tests.support.portal import USER, postgres

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(120)


def run(*command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A program of PostgreSQL's, which refuses to run as root."""
    user = pwd.getpwnam(USER).pw_uid if os.getuid() == 0 else None
    environment = {"PATH": f"{postgres()}:{os.environ['PATH']}", **variables}
    return subprocess.run(
        command, cwd="/", env=environment, user=user, check=False, timeout=60, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )  # fmt: skip


def test_a_volume_takes_the_password_that_is_given_now(tmp_path: Path) -> None:
    """Whatever it was made with; and a volume that is new is left to the image."""
    if postgres() is None:
        pytest.skip("not here, for the database: PostgreSQL (Debian: postgresql)")
    for place in (tmp_path, *tmp_path.parents):
        if os.getuid() == 0 and place.stat().st_uid == 0 and not place.stat().st_mode & 0o001:
            place.chmod(place.stat().st_mode | 0o011)
    tmp_path.chmod(0o777)
    given = {"PGDATA": str(tmp_path / "data"), "POSTGRES_USER": "backstage", "POSTGRES_DB": "postgres", "LC_ALL": "C"}
    assert run("sh", "-c", PREPARE, POSTGRES_PASSWORD="first", **given).returncode == 0
    assert not (tmp_path / "data").exists()
    (tmp_path / "password").write_text("first")
    made = run(
        "initdb", f"--pgdata={given['PGDATA']}", "--username=backstage", f"--pwfile={tmp_path / 'password'}",
        "--auth=scram-sha-256", "--no-sync",
    )  # fmt: skip
    assert made.returncode == 0, made.stdout

    for _ in range(2):
        prepared = run("sh", "-c", PREPARE, POSTGRES_PASSWORD="second", **given)
        assert prepared.returncode == 0, prepared.stdout

    port = free_port()
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={tmp_path}"
    control = ("pg_ctl", "--pgdata", given["PGDATA"], "--wait")
    assert run(*control, "--log", str(tmp_path / "log"), "--options", options, "start").returncode == 0
    ask = ("psql", "--host=127.0.0.1", f"--port={port}", "--username=backstage", "--command=select 1", "postgres")
    asked = {password: run(*ask, PGPASSWORD=password).returncode for password in ("first", "second")}
    run(*control, "--mode=immediate", "stop")
    assert asked == {"first": 2, "second": 0}
