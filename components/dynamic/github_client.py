"""GitHub for the scaffold: PyGithub, told how patient to be."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import github
from github.GithubRetry import GithubRetry

from idp.naming import GitHubAddress

if TYPE_CHECKING:
    from collections.abc import Callable

METHODS = frozenset({"GET", "POST", "PATCH"})
"""What may be sent again: everything that the scaffold sends has the same effect twice as once."""

PAUSE_SECONDS = 1.0
"""Between two writes; github.com asks for it and blocks who does not. Enterprise servers have no such limit by default."""


def connect(token: str, address: GitHubAddress) -> github.Github:
    """A client that waits for rate limits to end, and tries again after errors of the server or of the network.

    GitHub's secondary limits come with a time to wait, or ask for a minute (`secondary_rate_wait`).
    """
    patient = GithubRetry(total=6, backoff_factor=0.5, secondary_rate_wait=60, allowed_methods=METHODS)
    return github.Github(
        base_url=address.api,
        auth=github.Auth.Token(token),
        retry=patient,
        timeout=30,
        per_page=100,
        seconds_between_requests=None,
        seconds_between_writes=PAUSE_SECONDS if address.public else None,
    )


def from_environment(config: Callable[[str], str | None]) -> github.Github:
    """The client for the stack's token: from its config, else from the environment.

    Raises:
        RuntimeError: there is none.
    """
    token = config("githubToken") or os.environ.get("GITHUB_TOKEN")
    if not token:
        raise RuntimeError(
            "no token for GitHub: `python -m idp pulumi config set --secret githubToken`, or set GITHUB_TOKEN"
        )
    return connect(token, GitHubAddress.of(os.environ.get("GITHUB_BASE_URL", "")))
