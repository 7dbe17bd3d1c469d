"""What the server knows besides git: one small JSON file per repository, written before each answer.

A killed server therefore starts again exactly where its last answer left it.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from .bare import Bare

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from .answers import Json

PERMISSIONS = frozenset(
    {"administration", "contents", "workflows", "metadata", "members", "packages", "pull_requests", "statuses"}
)

KINDS = {"github_pat_": "fine-grained", "ghs_": "installation", "ghp_": "classic"}

DEFAULTS = {
    "description": None, "homepage": None, "private": False, "visibility": "public", "archived": False,
    "has_issues": True, "has_projects": True, "has_wiki": True, "has_downloads": True, "has_discussions": False,
    "is_template": False, "allow_squash_merge": True, "allow_merge_commit": True, "allow_rebase_merge": True,
    "allow_auto_merge": False, "delete_branch_on_merge": False, "allow_update_branch": False, "allow_forking": False,
    "use_squash_pr_title_as_default": False, "squash_merge_commit_title": "COMMIT_OR_PR_TITLE",
    "squash_merge_commit_message": "COMMIT_MESSAGES", "merge_commit_title": "MERGE_MESSAGE",
    "merge_commit_message": "PR_TITLE", "web_commit_signoff_required": False,
}  # fmt: skip


def now() -> str:
    """This moment, as GitHub writes times."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class Token:
    """Who asks, and what they may do."""

    permissions: frozenset[str] = PERMISSIONS
    """Names of `PERMISSIONS`; `contents:read` is the reading half of `contents`."""
    login: str = "platform-bot"
    name: str = ""
    """What the request log calls it: never the secret itself."""
    kind: str = "classic"
    """`classic`, `fine-grained` (secret starts with `github_pat_`) or `installation` (`ghs_`)."""

    def may(self, permission: str, *, write: bool) -> bool:
        """Whether the permission was granted, for reading or for writing."""
        if permission in self.permissions:
            return True
        return not write and (permission == "metadata" or f"{permission}:read" in self.permissions)


def named_tokens(tokens: Mapping[str, Iterable[str] | Token]) -> dict[str, Token]:
    """The tokens by their secrets, each with its kind and a name that is safe to log."""
    named = {}
    for number, (secret, value) in enumerate(tokens.items(), start=1):
        token = value if isinstance(value, Token) else Token(frozenset(value))
        unknown = {p.removesuffix(":read") for p in token.permissions} - PERMISSIONS
        if unknown:
            raise ValueError(f"unknown permissions {sorted(unknown)}; there are {sorted(PERMISSIONS)}")
        kind = next((kind for prefix, kind in KINDS.items() if secret.startswith(prefix)), token.kind)
        named[secret] = Token(token.permissions, token.login, token.name or f"token-{number}", kind)
    return named


@dataclass
class Repository:
    """One repository's record; its commits are in the bare repository of the same number."""

    id: int
    name: str
    default_branch: str
    created_at: str
    updated_at: str
    pushed_at: str
    settings: Json = field(default_factory=lambda: dict(DEFAULTS))
    topics: list[str] = field(default_factory=list)
    teams: dict[str, str] = field(default_factory=dict)
    rulesets: list[Json] = field(default_factory=list)
    pulls: list[Json] = field(default_factory=list)
    statuses: list[Json] = field(default_factory=list)
    former_names: list[str] = field(default_factory=list)


class State:
    """Organization, teams, users and repositories, in memory and on disk."""

    def __init__(self, folder: Path, organization: str, teams: Mapping[str, Iterable[str]]) -> None:
        """Read what an earlier server left in the folder; the teams given here count over what it knew."""
        self.folder = folder
        self.lock = threading.RLock()
        (folder / "repositories").mkdir(parents=True, exist_ok=True)
        (folder / "git").mkdir(exist_ok=True)
        self._path = folder / "state.json"
        self._common: Json = json.loads(self._path.read_text()) if self._path.exists() else {}
        self._common.setdefault("last_id", 1000)
        self._common.setdefault("users", {})
        self._common.setdefault("teams", {})
        self._common.setdefault("created_at", now())
        self.login = organization
        self.organization_id: int = self._common.setdefault("organization_id", self.next_id())
        for slug, members in teams.items():
            team = self._common["teams"].setdefault(slug, {"id": self.next_id(), "created_at": now()})
            team["members"] = list(members)
        self.repositories = {r.id: r for r in self._load()}
        self._save_common()

    def _load(self) -> list[Repository]:
        paths = sorted((self.folder / "repositories").glob("*.json"))
        return [Repository(**json.loads(path.read_text())) for path in paths]

    def next_id(self) -> int:
        """A number that nothing else has, nor will have after a restart."""
        with self.lock:
            self._common["last_id"] += 1
            self._save_common()
            return int(self._common["last_id"])

    def _save_common(self) -> None:
        write_json(self._path, self._common)

    @property
    def created_at(self) -> str:
        """When the organization came to be."""
        return str(self._common["created_at"])

    @property
    def teams(self) -> dict[str, Json]:
        """Team records by slug."""
        return dict(self._common["teams"])

    def team(self, slug_or_id: str | int) -> tuple[str, Json] | None:
        """A team by its slug or its number."""
        for slug, team in self.teams.items():
            if slug == str(slug_or_id).lower() or team["id"] == slug_or_id:
                return slug, team
        return None

    def user_id(self, login: str) -> int:
        """A user's number; a login is known from its first use on."""
        with self.lock:
            users: dict[str, int] = self._common["users"]
            if login not in users:
                users[login] = self.next_id()
                self._save_common()
            return users[login]

    def people(self) -> set[str]:
        """Everyone with an account."""
        return {*self._common["users"], *(m for team in self.teams.values() for m in team["members"])}

    def owns(self, owner: str) -> bool:
        """Whether the owner is this server's organization; names ignore case."""
        return owner.lower() == self.login.lower()

    def find(self, owner: str, name: str) -> Repository | None:
        """A repository by its present name; names ignore case."""
        if not self.owns(owner):
            return None
        return next((r for r in self.repositories.values() if r.name.lower() == name.lower()), None)

    def moved(self, owner: str, name: str) -> Repository | None:
        """The repository that once had this name."""
        if not self.owns(owner):
            return None
        return next((r for r in self.repositories.values() if name.lower() in r.former_names), None)

    def bare(self, repository: Repository) -> Bare:
        """The repository's git side."""
        return Bare(self.folder / "git" / f"{repository.id}.git")

    def save(self, repository: Repository, *, touched: bool = True) -> None:
        """Keep the record, in memory and on disk."""
        with self.lock:
            if touched:
                repository.updated_at = now()
            self.repositories[repository.id] = repository
            write_json(self.folder / "repositories" / f"{repository.id}.json", asdict(repository))

    def forget(self, repository: Repository) -> None:
        """Delete a repository and its commits."""
        with self.lock:
            self.repositories.pop(repository.id, None)
            (self.folder / "repositories" / f"{repository.id}.json").unlink(missing_ok=True)
            shutil.rmtree(self.bare(repository).folder, ignore_errors=True)


def write_json(path: Path, value: object) -> None:
    """Write a file whole or not at all."""
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(value, indent=1))
    os.replace(temporary, path)  # noqa: PTH105 - the atomic one, by its own name
