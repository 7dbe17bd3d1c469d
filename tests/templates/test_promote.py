"""The promotion, against a GitHub that keeps the platform's own rulesets."""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from github import GithubException

from components.dynamic import github_client
from components.dynamic.scaffold import ScaffoldProvider
from components.service import RepositoryArgs, rulesets
from idp.naming import GitHubAddress
from tests.support.github import GitHubServer
from tests.support.promotion import TEAM_MAY, WORKFLOW_MAY, Clone
from tests.templates.service import answers as answers_of
from tests.templates.service import each_once, rendered, tool, write

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

OWNER, WORKFLOW, TEAM = "owner-token", "workflow-token", "team-token"
TOKENS = {
    OWNER: ["administration", "contents", "members", "metadata", "pull_requests", "workflows"],
    WORKFLOW: [*WORKFLOW_MAY],
    TEAM: [*TEAM_MAY],
}
IMAGE = "ghcr.io/acme/rental"
DIGEST, OTHER = ("sha256:" + pair * 32 for pair in ("ab", "cd"))
ENVIRONMENTS = ("dev", "staging", "prod")


class Service(Clone):
    """A scaffolded repository on GitHub, and a clone as its workflows have it."""

    def begin(self, template: str) -> None:
        """Scaffold it, then have the rulesets, in the program's order."""
        self.organization(OWNER).create_repo(self.name, auto_init=True)
        self.fetch()
        write(rendered(template, environments=list(self.environments)), self.folder)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "Scaffold")
        self.git("push", "--quiet")
        tree = self.run("bash", "-c", "git ls-tree HEAD deploy | git mktree").stdout.strip()
        first = self.git("commit-tree", "-m", "Scaffold", tree)
        for environment in self.environments:
            self.git("push", "--quiet", "origin", f"{first}:refs/heads/env/{environment}")
        self.protect(*rulesets(wanted(self.environments)))

    def protect(self, *names: str) -> None:
        """Have these of the rulesets."""
        remote = self.remote
        for name, (branch, rules) in rulesets(wanted(self.environments)).items():
            if name in names:
                sent = as_github_has_it(name, branch, rules)
                remote.requester.requestJsonAndCheck("POST", f"{remote.url}/rulesets", input=sent)

    def scaffold(self, template: str) -> dict[str, Any]:
        """The inputs of the resource that makes its files and branches."""
        answers = answers_of(template, environments=list(self.environments))
        digest = rendered(template, environments=list(self.environments)).digest
        return {
            "organization": "acme", "repository": self.name, "template": template, "version": "1.0.0", "answers": answers,
            "digest": digest,
        }  # fmt: skip

    def grown(self, template: str, environment: str) -> Service:
        """The same with another environment after its last, as `up` makes it."""
        made = replace(self, environments=(*self.environments, environment))
        provider = ScaffoldProvider()
        provider.client = github_client.connect(OWNER, GitHubAddress.of(self.server.url))
        provider.update(f"acme/{self.name}", self.scaffold(template), made.scaffold(template))
        made.protect(f"promote-{environment}")
        return made

    def merge_files(self, template: str, *paths: str) -> None:
        """What the team merges of today's rendering for these environments."""
        files = rendered(template, environments=list(self.environments)).files
        for path in (each for each in files if each.startswith(paths)):
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_bytes(files[path])
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "A new environment")

    def digest(self, environment: str) -> str | None:
        """The image that an environment runs."""
        text = self.overlay(environment)
        return next((digest for digest in (DIGEST, OTHER) if digest in text), None)


def wanted(environments: tuple[str, ...]) -> RepositoryArgs:
    """What the program asks for; the server is no github.com."""
    nothing: Any = None
    return RepositoryArgs(
        provider=nothing, visibility="public", description="", topics=(), team="mobility", ruleset=True,
        later=environments[1:], actions=False, scaffold=nothing,
    )  # fmt: skip


def as_github_has_it(name: str, branch: str, rules: dict[str, Any]) -> dict[str, Any]:
    """A ruleset as the provider sends it."""
    sent: list[dict[str, Any]] = []
    for kind, rule in rules.items():
        parameters = dict(rule) if isinstance(rule, dict) else None
        if parameters and kind == "required_status_checks":
            parameters["required_status_checks"] = parameters.pop("required_checks")
        sent.append({"type": kind} | ({"parameters": parameters} if parameters else {}))
    condition = {"ref_name": {"include": [branch], "exclude": []}}
    return {"name": name, "target": "branch", "enforcement": "active", "conditions": condition, "rules": sent}


@contextmanager
def scaffolded(template: str, folder: Path, environments: tuple[str, ...]) -> Generator[Service]:
    """A service that was made with these environments."""
    tool("git"), tool("bash"), tool("curl")
    with GitHubServer(folder / "github", organization="acme", tokens=TOKENS) as server:
        made = Service(
            server=server, name="rental", folder=folder / "clone", environments=environments, image=IMAGE, owner=OWNER,
            workflow=WORKFLOW, team=TEAM,
        )  # fmt: skip
        made.begin(template)
        yield made


@pytest.fixture(params=each_once("scripts/promote.sh"))
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    """One for each script that there is."""
    with scaffolded(request.param, tmp_path, ENVIRONMENTS) as made:
        yield made


def test_a_release_goes_from_one_environment_to_the_next_by_pull_request(service: Service) -> None:
    """The same commit, and so the same image by digest, runs in each; the workflow that releases is let through."""
    service.release(DIGEST)
    for before, environment in itertools.pairwise(ENVIRONMENTS):
        done = service.promote(environment)

        assert done.returncode == 0, done.stderr
        assert f"/compare/env/{environment}...env/{before}?expand=1" in done.stdout
        service.merge(f"env/{environment}", f"env/{before}")
        assert service.digest(environment) == DIGEST


def test_without_its_status_no_commit_is_taken(service: Service) -> None:
    """Also not what was released between the mark and the merge, nor what is marked for another environment."""
    service.release(DIGEST)
    with pytest.raises(GithubException, match=r"promote/staging"):
        service.merge("env/staging", "env/dev")

    assert service.promote("staging").returncode == 0
    with pytest.raises(GithubException, match=r"promote/prod"):
        service.merge("env/prod", "env/dev")
    service.release(OTHER)
    with pytest.raises(GithubException, match=r"promote/staging"):
        service.merge("env/staging", "env/dev")

    assert [service.digest(environment) for environment in ENVIRONMENTS] == [OTHER, None, None]


def test_a_promotion_is_merged_and_nothing_else(service: Service) -> None:
    """A squash would be another commit than the one that ran before; a push would be no promotion."""
    service.release(DIGEST)
    service.promote("staging")
    for method in ("squash", "rebase"):
        with pytest.raises(GithubException, match="not allowed on this branch"):
            service.merge("env/staging", "env/dev", method)

    mine = service.server.git_url("rental", TEAM)
    pushed = service.run("git", "push", mine, f"{service.tip('dev')}:refs/heads/env/staging")
    assert pushed.returncode != 0
    assert "must be made through a pull request" in pushed.stderr
    assert service.digest("staging") is None


def test_what_runs_there_already_needs_no_promotion(service: Service) -> None:
    """A second run says so, and marks nothing."""
    service.release(DIGEST)
    service.promote("staging")
    service.merge("env/staging", "env/dev")
    marked = service.server.count("POST", r".*/statuses/.*")

    done = service.promote("staging")

    assert (done.returncode, "already has" in done.stdout) == (0, True)
    assert service.server.count("POST", r".*/statuses/.*") == marked


@pytest.mark.parametrize(
    ("environment", "env", "says"),
    [
        pytest.param("staging", {}, "nothing was released to dev yet", id="nothing released"),
        pytest.param("dev", {}, "none of the environments after the first", id="the first"),
        pytest.param("moon", {}, "none of the environments after the first", id="unknown"),
        pytest.param("staging", {"GITHUB_REF": "refs/heads/mine"}, "runs on main only", id="another branch"),
    ],
)
def test_a_promotion_that_makes_no_sense_is_refused(
    environment: str, env: dict[str, str], says: str, service: Service
) -> None:
    """Before anything is marked."""
    head = service.tip("dev")
    by_hand = service.git("commit-tree", "-m", "By hand", "-p", head, f"{head}^{{tree}}")
    service.git("push", "--quiet", "origin", f"{by_hand}:refs/heads/env/dev")

    done = service.promote(environment, **env)

    assert done.returncode != 0
    assert says in done.stderr
    assert service.server.count("POST", r".*/statuses/.*") == 0


def test_a_token_without_the_right_is_told(service: Service) -> None:
    """Not a green run without a mark; and the token is in no argument of any process."""
    service.release(DIGEST)

    done = service.promote("staging", GITHUB_TOKEN=TEAM)

    assert done.returncode == 1
    assert "GitHub took no status" in done.stderr
    assert TEAM not in done.stdout + done.stderr


@pytest.mark.parametrize("template", each_once("scripts/promote.sh"))
@pytest.mark.parametrize("born", [("dev",), ("dev", "prod")], ids=" ".join)
def test_promotion_reaches_an_environment_that_was_added_after_the_last(
    born: tuple[str, ...], template: str, tmp_path: Path
) -> None:
    """Once the team has merged the files that docs/005 names, whatever it had released before; no merge of it conflicts."""
    with scaffolded(template, tmp_path, born) as before:
        before.release(DIGEST)
        service = before.grown(template, "staging")
        assert "whoami" in service.overlay("staging")
        service.release(DIGEST)  # of files that know nothing of it

        service.merge_files(
            template, "deploy/overlays/staging/", ".github/workflows/promote.yaml", "scripts/promote.sh"
        )
        service.release(OTHER)
        for earlier, environment in itertools.pairwise(service.environments):
            done = service.promote(environment)
            assert done.returncode == 0, done.stderr
            service.merge(f"env/{environment}", f"env/{earlier}")

        assert {service.digest(environment) for environment in service.environments} == {OTHER}
