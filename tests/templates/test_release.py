"""The release script, on a real repository: what reaches an environment's branch, and what does not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.templates.service import each_once, rendered, run, succeed, tool, write

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from idp.render import Rendering

DIGEST = "sha256:" + "ab" * 32
OTHER_DIGEST = "sha256:" + "cd" * 32


class Repository:
    """A service's repository: a bare one as GitHub has it, and a clone as CI has it."""

    def __init__(self, folder: Path, rendering: Rendering) -> None:
        """Put the rendered files on main, as the scaffold does."""
        self.bare, self.clone = folder / "bare.git", folder / "clone"
        self.env = {
            **{f"GIT_{who}_{what}": "ci@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_SYSTEM": "/dev/null",
            "GITHUB_TOKEN": "",
        }
        succeed("git", "init", "--quiet", "--bare", "--initial-branch=main", str(self.bare), cwd=folder, env=self.env)
        succeed("git", "clone", "--quiet", str(self.bare), str(self.clone), cwd=folder, env=self.env)
        self.git("switch", "--quiet", "--create", "main")
        write(rendering, self.clone)
        self.commit("Begin")

    def git(self, *command: str) -> str:
        """Run git in the clone."""
        return succeed("git", *command, cwd=self.clone, env=self.env).strip()

    def commit(self, message: str) -> str:
        """Put everything on main; the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        self.git("push", "--quiet", "origin", "main")
        return self.git("rev-parse", "HEAD")

    def start_environment(self, environment: str) -> str:
        """What the platform does at birth: a branch that holds deploy/ only."""
        first = self.git("commit-tree", "-m", "Begin", self.subtree())
        self.git("push", "--quiet", "origin", f"{first}:refs/heads/env/{environment}")
        return first

    def subtree(self) -> str:
        """A tree with deploy/ of the current commit and nothing else."""
        entry = self.git("ls-tree", "HEAD", "deploy")
        done = succeed("bash", "-c", 'printf "%s\\n" "$1" | git mktree', "-", entry, cwd=self.clone, env=self.env)
        return done.strip()

    def release(self, digest: str = DIGEST, environment: str = "dev", **env: str) -> subprocess.CompletedProcess[str]:
        """Run the script as the workflow does."""
        command = ["bash", "scripts/release.sh", environment, "ghcr.io/acme/rental", digest]
        return run(*command, cwd=self.clone, env={**self.env, **env})

    def released(self, path: str, branch: str = "env/dev") -> Any:
        """A file of the environment's branch."""
        return yaml.safe_load(succeed("git", "show", f"{branch}:{path}", cwd=self.bare, env=self.env))

    def history(self, branch: str = "env/dev") -> list[str]:
        """The commits of a branch, newest first; a merge among them fails."""
        lines = succeed("git", "log", "--format=%H %P", branch, cwd=self.bare, env=self.env).splitlines()
        assert all(len(line.split()) <= 2 for line in lines)
        return [line.split()[0] for line in lines]


@pytest.fixture(params=each_once("scripts/release.sh"))
def repository(request: pytest.FixtureRequest, tmp_path: Path) -> Repository:
    """One for each script that there is."""
    tool("git"), tool("bash")
    return Repository(tmp_path, rendered(request.param))


OVERLAY = "deploy/overlays/dev/kustomization.yaml"


def test_the_first_release_pins_the_image_on_the_environments_branch(repository: Repository) -> None:
    """Argo CD runs what this branch says; whoever reads it must find the way back to the source."""
    first = repository.start_environment("dev")
    source = repository.git("rev-parse", "HEAD")

    done = repository.release()

    assert done.returncode == 0, done.stderr
    assert repository.history()[1:] == [first]
    assert succeed("git", "ls-tree", "--name-only", "env/dev", cwd=repository.bare) == "deploy\n"
    pinned = {"name": "ghcr.io/acme/rental", "newName": "ghcr.io/acme/rental", "digest": DIGEST}
    assert repository.released(OVERLAY)["images"] == [pinned]
    assert repository.released(OVERLAY.replace("dev", "prod"))["images"] == [pinned]
    assert f"Source-Commit: {source}" in succeed("git", "log", "-1", "--format=%B", "env/dev", cwd=repository.bare)
    assert repository.git("status", "--porcelain") == ""


def test_a_release_makes_the_branch_where_there_is_none(repository: Repository) -> None:
    """A repository that was adopted may lack it, and its first release must not need a person."""
    done = repository.release()

    assert done.returncode == 0, done.stderr
    assert len(repository.history()) == 1
    assert repository.released(OVERLAY)["images"][0]["digest"] == DIGEST


def test_each_release_is_one_commit_on_the_last(repository: Repository) -> None:
    """The branch's history is the list of releases: one commit each, and none for nothing."""
    repository.start_environment("dev")
    repository.release()
    (repository.clone / "deploy/base/added.yaml").write_text("kind: List\n")
    repository.commit("Add")

    second, again = repository.release(OTHER_DIGEST), repository.release(OTHER_DIGEST)

    assert (second.returncode, again.returncode) == (0, 0)
    assert len(repository.history()) == 3
    assert repository.released(OVERLAY)["images"][0]["digest"] == OTHER_DIGEST
    assert repository.released("deploy/base/added.yaml") == {"kind": "List"}


def test_an_older_commit_does_not_undo_a_newer_release(repository: Repository) -> None:
    """Runs do not end in the order in which they began, and old ones are started again."""
    older = repository.git("rev-parse", "HEAD")
    repository.commit("Newer")
    repository.release(OTHER_DIGEST)
    repository.git("checkout", "--quiet", older)

    done = repository.release()

    assert done.returncode == 0
    assert "newer" in done.stdout
    assert repository.released(OVERLAY)["images"][0]["digest"] == OTHER_DIGEST


def test_a_lost_race_is_run_again_on_top_of_the_winner(repository: Repository) -> None:
    """Another push between fetch and push must cost neither commit; force would drop the other one."""
    repository.start_environment("dev")
    hook = repository.clone / ".git/hooks/pre-push"
    hook.write_text(
        "#!/bin/sh\n[ -e .git/raced ] && exit 0\ntouch .git/raced\n"
        "winner=$(git commit-tree -m Winner -p FETCH_HEAD 'FETCH_HEAD^{tree}')\n"
        'git push --quiet origin "$winner:refs/heads/env/dev"\n'
    )
    hook.chmod(0o755)

    done = repository.release()

    assert done.returncode == 0, done.stderr
    assert "attempt 1" in done.stderr
    subjects = succeed("git", "log", "--format=%s", "env/dev", cwd=repository.bare).splitlines()
    assert [subject.split()[0] for subject in subjects] == ["Release", "Winner", "Begin"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("images:\n", "images: # ours\n  - name: ghcr.io/acme/other\n    newTag: v1\n", id="another image"),
        pytest.param("  - name: ", "- name: ", id="not indented"),
        pytest.param("    digest: ", "    newTag: old\n    digest: ", id="tag"),
        pytest.param(
            "images:\n", "replicas:\n  - name: ghcr.io/acme/rental\n    count: 2\nimages:\n", id="same name elsewhere"
        ),
    ],
)
def test_a_release_pins_its_image_in_an_overlay_that_the_team_has_changed(
    repository: Repository, before: str, after: str
) -> None:
    """The overlay is the team's file: only the entry of this image is the release's to write."""
    file = repository.clone / OVERLAY
    text = file.read_text().replace(before, after, 1)
    if after.startswith("- "):
        text = text.replace("    newName", "  newName").replace("    digest", "  digest")
    file.write_text(text)
    repository.commit("Change")

    done = repository.release()

    assert done.returncode == 0, done.stderr
    ours = {"name": "ghcr.io/acme/rental", "newName": "ghcr.io/acme/rental", "digest": DIGEST}
    expected = yaml.safe_load(text)
    expected["images"] = [ours if image["name"] == ours["name"] else image for image in expected["images"]]
    assert repository.released(OVERLAY) == expected


@pytest.mark.parametrize(
    ("digest", "environment", "image", "message"),
    [
        pytest.param("latest", "dev", "ghcr.io/acme/rental", "not an image digest", id="no digest"),
        pytest.param("", "dev", "ghcr.io/acme/rental", "not an image digest", id="empty digest"),
        pytest.param(DIGEST, "lab", "ghcr.io/acme/rental", "overlays/lab", id="no such overlay"),
        pytest.param(DIGEST, "dev", "ghcr.io/acme/else", "exactly one entry", id="no entry for the image"),
    ],
)
def test_a_release_that_cannot_be_right_changes_nothing(
    repository: Repository, digest: str, environment: str, image: str, message: str
) -> None:
    """A branch without the image's digest would run the stand-in again and look healthy."""
    first = repository.start_environment("dev")
    overlay = repository.clone / OVERLAY
    overlay.write_text(overlay.read_text().replace("ghcr.io/acme/rental", image))
    repository.commit("Change")

    done = repository.release(digest, environment)

    assert done.returncode != 0
    assert message in done.stderr
    assert repository.history() == [first]
    assert repository.git("ls-remote", "--heads", "origin", "env/lab") == ""


def test_the_token_stays_out_of_the_repositorys_configuration(repository: Repository) -> None:
    """Later steps and caches of the same checkout must not find it."""
    done = repository.release(GITHUB_TOKEN="planted-token")

    assert done.returncode == 0, done.stderr
    assert "planted-token" not in done.stdout + done.stderr
    configuration = [file for file in (repository.clone / ".git").rglob("*") if file.is_file()]
    assert configuration
    assert not [file for file in configuration if re.search(rb"planted-token|(?m:^\s*extraheader)", file.read_bytes())]
