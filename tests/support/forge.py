"""What the program gives the forge's resources as inputs, and git as their people use it."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

from components.dynamic.forge_repository import ForgeRepositoryProvider
from idp import render, templates
from tests.unit.test_scaffold import ANSWERS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.gitea import Gitea

PASSWORDS = {"ada": "adas-own-password-0", "bob": "bobs-own-password-0", "idp-argocd": "argocds-password-00"}


def organization(forge: Gitea, **more: Any) -> dict[str, Any]:
    return {
        "access": forge.access(), "home": "dev-1", "organization": "acme",
        "teams": {"mobility": ["ada"], "payments": ["bob"]}, "readers": ["idp-argocd"], "passwords": PASSWORDS,
    } | more  # fmt: skip


def repository(
    forge: Gitea, name: str = "rental", environments: tuple[str, ...] = ("dev", "prod"), **more: Any
) -> dict[str, Any]:
    given = ANSWERS | {"service": name, "environments": list(environments), "promotions": list(environments[1:])}
    digest = render.render(templates.load("node"), given).digest
    wire = {key: float(value) if isinstance(value, int) else value for key, value in given.items()}
    return {
        "access": forge.access(), "home": "dev-1", "organization": "acme", "repository": name,
        "project": "idp", "stack": "dev",
        "description": "Rents vehicles", "private": False, "topics": ["idp-managed", "team-mobility"], "team": "mobility",
        "later": list(environments[1:]), "archived": False,
        "template": "node", "version": "1.0.0", "answers": wire, "digest": digest,
    } | more  # fmt: skip


def created(forge: Gitea, **more: Any) -> dict[str, Any]:
    return dict(ForgeRepositoryProvider().create(repository(forge, **more)).outs or {})


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", folder, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def clone(forge: Gitea, folder: Path, name: str = "rental", user: str = "ada") -> Path:
    url = forge.git_url(f"acme/{name}", user, PASSWORDS[user])
    subprocess.run(["git", "clone", "-q", url, folder], check=True)
    return folder


def push(folder: Path, branch: str = "main", *options: str) -> subprocess.CompletedProcess[str]:
    """One more commit, pushed."""
    (folder / "NOTES.md").write_text("more\n" + branch)
    git(folder, "add", ".")
    ada = ["-c", "user.name=ada", "-c", "user.email=ada@acme.example"]
    git(folder, *ada, "commit", "-q", "-m", "more", "--allow-empty")
    line = ["git", "-C", folder, "push", "-q", *options, "origin", f"HEAD:{branch}"]
    return subprocess.run(line, capture_output=True, text=True, check=False)
