"""What Gitea is told: everything that a laptop has no use for is off, and no secret is in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

PORT = 3000
HOME = "/var/lib/gitea"
"""The volume: the database, and the repositories."""
SECRETS = "/etc/gitea-secrets"
"""Where the Secret of its own keys is mounted, one file for each of `naming.FORGE_KEYS`."""
LONGEST_LIST = 1000
"""Argo CD's generator asks for one page of an organization's repositories and no other."""

Ini = dict[str, dict[str, Any]]


def settings(title: str, host: str, url: str) -> Ini:
    """Section -> key -> value; "" is what stands before all sections."""
    off: dict[str, Any] = {"ENABLED": False}
    return {
        "": {"APP_NAME": title, "RUN_MODE": "prod", "RUN_USER": "git", "WORK_PATH": HOME},
        "server": {
            "PROTOCOL": "http",  # TLS ends at the ingress
            "HTTP_PORT": PORT,
            "DOMAIN": host,
            "ROOT_URL": f"{url}/",
            "LOCAL_ROOT_URL": f"http://localhost:{PORT}/",
            "APP_DATA_PATH": f"{HOME}/data",
            "DISABLE_SSH": True,
            "LFS_START_SERVER": False,
            "OFFLINE_MODE": True,
            "LANDING_PAGE": "explore",
        },
        "database": {"DB_TYPE": "sqlite3", "PATH": f"{HOME}/data/gitea.db", "SQLITE_JOURNAL_MODE": "WAL"},
        "repository": {
            "ROOT": f"{HOME}/git/repositories",
            "DEFAULT_BRANCH": "main",
            "DISABLED_REPO_UNITS": "repo.wiki,repo.ext_wiki,repo.projects,repo.packages,repo.actions",
            "DISABLE_MIGRATIONS": True,
            "MAX_CREATION_LIMIT": 0,  # nobody's own, and no forks: what has no entry is in no bundle
            "ALLOW_FORK_WITHOUT_MAXIMUM_LIMIT": False,
        },
        "security": {
            "INSTALL_LOCK": True,
            "SECRET_KEY_URI": f"file:{SECRETS}/secret-key",
            "INTERNAL_TOKEN_URI": f"file:{SECRETS}/internal-token",
            "DISABLE_GIT_HOOKS": True,
            "DISABLE_WEBHOOKS": True,
        },
        "oauth2": {**off, "JWT_SECRET_URI": f"file:{SECRETS}/jwt-secret"},  # without one it would write to this file
        "service": {
            "DISABLE_REGISTRATION": True,
            "DEFAULT_ALLOW_CREATE_ORGANIZATION": False,
            "DEFAULT_KEEP_EMAIL_PRIVATE": True,
        },
        "admin": {"DISABLE_REGULAR_ORG_CREATION": True},
        "api": {"DEFAULT_PAGING_NUM": LONGEST_LIST, "MAX_RESPONSE_ITEMS": LONGEST_LIST},
        "openid": {"ENABLE_OPENID_SIGNIN": False, "ENABLE_OPENID_SIGNUP": False},
        "actions": off,
        "packages": off,
        "mailer": off,
        "mirror": off,
        "indexer": {"ISSUE_INDEXER_TYPE": "db"},
        "cron.update_checker": off,
        "picture": {"DISABLE_GRAVATAR": True, "ENABLE_FEDERATED_AVATAR": False},
        "session": {"PROVIDER": "db", "COOKIE_SECURE": True},
        "log": {"MODE": "console", "LEVEL": "Info"},
    }


def ini(sections: Mapping[str, Mapping[str, Any]]) -> str:
    """As Gitea reads it."""
    lines: list[str] = []
    for section, values in sections.items():
        lines += [f"[{section}]"] if section else []
        lines += [
            f"{key} = {str(value).lower() if isinstance(value, bool) else value}" for key, value in values.items()
        ]
    return "\n".join([*lines, ""])
