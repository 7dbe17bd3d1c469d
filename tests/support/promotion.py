"""What a team and its workflows do with a service's repository: release a commit, promote it, merge the pull request."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from github import Auth, Github

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from github.Repository import Repository

    from tests.support.github import GitHubServer

WORKFLOW_MAY = ("contents", "metadata", "statuses")
"""What the token of a workflow may do that promotes and releases."""
TEAM_MAY = ("contents", "metadata", "pull_requests", "workflows")
"""What a member of the team may do."""


@dataclass(frozen=True, kw_only=True)
class Clone:
    """A service's repository as its workflows have it, and the tokens of those who work with it."""

    server: GitHubServer
    name: str
    folder: Path
    environments: tuple[str, ...]
    image: str
    """What the repository's workflow builds, without tag or digest."""
    owner: str
    """Token that may read everything."""
    workflow: str
    """Token of the workflows."""
    team: str
    """Token of a member of the team."""

    @property
    def env(self) -> dict[str, str]:
        """Of git: nobody's own settings."""
        people = {
            f"GIT_{who}_{what}": "ci@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
        }
        return people | {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}

    def run(self, *command: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command in the clone."""
        return subprocess.run(
            command, cwd=self.folder, env={**os.environ, **self.env, **(env or {})}, capture_output=True, text=True,
            check=False, timeout=60,
        )  # fmt: skip

    def git(self, *command: str) -> str:
        """Run git in the clone; what it said."""
        done = self.run("git", *command)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def fetch(self) -> None:
        """Make the clone."""
        self.folder.mkdir()
        self.git("clone", "--quiet", self.server.git_url(self.name, self.owner), ".")

    def release(self, digest: str) -> None:
        """A new commit is built and released to the first environment."""
        self.git("commit", "--quiet", "--allow-empty", "--message", f"Change {digest[7:9]}")
        done = self.run(
            "bash", "scripts/release.sh", self.environments[0], self.image, digest, env={"GITHUB_TOKEN": ""}
        )
        assert done.returncode == 0, done.stderr

    def promote(self, environment: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run the script as the workflow does."""
        given = {
            "GITHUB_TOKEN": self.workflow, "GITHUB_SERVER_URL": self.server.url,
            "GITHUB_API_URL": f"{self.server.url}/api/v3", "GITHUB_REPOSITORY": f"acme/{self.name}",
            "GITHUB_REF": "refs/heads/main", "DEFAULT_BRANCH": "main", "GITHUB_ACTOR": "ada",
            "ENVIRONMENTS": " ".join(self.environments),
        }  # fmt: skip
        return self.run("bash", "scripts/promote.sh", environment, self.image, env=given | env)

    def organization(self, token: str) -> Any:
        """The organization, as somebody with this token has it."""
        return Github(base_url=f"{self.server.url}/api/v3", auth=Auth.Token(token)).get_organization("acme")

    @property
    def remote(self) -> Repository:
        """The repository on GitHub."""
        return self.organization(self.owner).get_repo(self.name)

    def merge(self, base: str, head: str, method: str = "merge") -> None:
        """What a member of the team does: a pull request, and its merge; one that is refused is closed again."""
        repository: Repository = self.organization(self.team).get_repo(self.name)
        pull = repository.create_pull(base=base, head=head, title=f"To {base}", body="")
        try:
            pull.merge(merge_method=method)
        finally:
            if not repository.get_pull(pull.number).merged:
                pull.edit(state="closed")

    def overlay(self, environment: str) -> str:
        """The text that says which image an environment runs."""
        found: Any = self.remote.get_contents(
            f"deploy/overlays/{environment}/kustomization.yaml", ref=f"env/{environment}"
        )
        return found.decoded_content.decode()

    def tip(self, environment: str) -> str:
        """The commit that a branch points at."""
        return self.remote.get_branch(f"env/{environment}").commit.sha
