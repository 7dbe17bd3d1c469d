"""The scaffold's commit: once, whole, resumable, and never over anybody's work."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from components.dynamic import github_client, scaffold
from components.dynamic.scaffold import ScaffoldError, ScaffoldProvider
from idp import render, templates
from idp.naming import GitHubAddress
from tests.support.github import GitHubServer
from tests.support.lab import requires_git

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

pytestmark = requires_git

ANSWERS: dict[str, Any] = {
    "project": "idp", "service": "rental", "team": "mobility", "organization": "acme", "description": "Rents vehicles",
    "visibility": "public", "system": "idp", "calls": [], "environments": ["dev"], "promotions": [],
    "repository_url": "https://github.example/acme/rental", "files_url": "https://github.example/acme/rental/blob/main/",
    "workflows_url": "https://github.example/acme/rental/actions", "clone_url": "https://github.example/acme/rental.git",
    "image": "ghcr.io/acme/rental", "placeholder_image": "docker.io/traefik/whoami", "placeholder_tag": "v1.11.0",
    "placeholder_digest": "sha256:" + "2" * 64, "pull_secret": "registry", "port": 3000, "replicas": 1,
}  # fmt: skip


@pytest.fixture
def github(tmp_path: Path) -> Iterator[GitHubServer]:
    with GitHubServer(tmp_path / "github", organization="acme", teams={"mobility": ["ada"]}) as server:
        yield server


@pytest.fixture
def provider(github: GitHubServer, monkeypatch: pytest.MonkeyPatch) -> ScaffoldProvider:
    """The provider as the engine configures it, but without its patience for what is not there."""
    monkeypatch.setattr(scaffold, "BORN", 3)
    made = ScaffoldProvider()
    made.client = github_client.connect(github.token, GitHubAddress.of(github.url))
    return made


def props(**answers: Any) -> dict[str, Any]:
    given = ANSWERS | answers
    digest = render.render(templates.load("node"), given).digest
    wire = {key: float(value) if isinstance(value, int) else value for key, value in given.items()}
    return {
        "organization": "acme", "repository": given["service"], "template": "node", "version": "1.0.0",
        "answers": wire, "digest": digest,
    }  # fmt: skip


def files(**answers: Any) -> Mapping[str, bytes]:
    return render.render(templates.load("node"), ANSWERS | answers).files


def create_repository(github: GitHubServer, name: str = "rental", *, auto_init: bool = True) -> None:
    client = github_client.connect(github.token, GitHubAddress.of(github.url))
    client.get_organization("acme").create_repo(name, auto_init=auto_init, visibility="public")


def clone(github: GitHubServer, tmp_path: Path, branch: str = "main") -> Path:
    folder = tmp_path / f"clone-{branch.replace('/', '-')}"
    url = github.git_url("rental", github.token)
    subprocess.run(["git", "clone", "-q", "--branch", branch, url, folder], check=True)
    return folder


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", "-C", folder, *arguments], check=True, capture_output=True, text=True).stdout.strip()


def tracked(folder: Path) -> dict[str, bytes]:
    return {path: (folder / path).read_bytes() for path in git(folder, "ls-files").splitlines()}


def commits(github: GitHubServer) -> int:
    """Commits that the server was asked to make, and made."""
    return github.count("POST", r"/repos/acme/rental/git/commits", status=201)


def test_a_clone_holds_the_rendered_files_byte_by_byte(
    provider: ScaffoldProvider, github: GitHubServer, tmp_path: Path
) -> None:
    """What the preview showed is what a team clones, in one commit on top of GitHub's own."""
    create_repository(github)

    made = provider.create(props())

    assert made.id == "acme/rental"
    folder = clone(github, tmp_path)
    assert tracked(folder) == dict(files())
    assert git(folder, "log", "--format=%s") == "Scaffold from template node 1.0.0\nInitial commit"


def test_scripts_can_be_run(provider: ScaffoldProvider, github: GitHubServer, tmp_path: Path) -> None:
    """A workflow that calls a script fails on its mode, not on its text."""
    create_repository(github)

    provider.create(props())

    folder = clone(github, tmp_path)
    scripts = [path for path, data in files().items() if data.startswith(b"#!")]
    assert scripts
    assert all(git(folder, "ls-files", "-s", path).startswith("100755") for path in scripts)


def test_an_environments_branch_holds_deploy_and_nothing_else(
    provider: ScaffoldProvider, github: GitHubServer, tmp_path: Path
) -> None:
    """What Argo CD reads for an environment is what runs there, with the placeholder until the first build."""
    create_repository(github)

    provider.create(props())

    found = tracked(clone(github, tmp_path, "env/dev"))
    assert found == {path: data for path, data in files().items() if path.startswith("deploy/")}
    overlay = yaml.safe_load(found["deploy/overlays/dev/kustomization.yaml"])
    assert overlay["images"][0]["newName"] == "docker.io/traefik/whoami"


def test_the_branches_of_all_environments_start_from_one_commit(
    provider: ScaffoldProvider, github: GitHubServer, tmp_path: Path
) -> None:
    """GitHub refuses a pull request between branches without a common commit, and promotion is a pull request."""
    create_repository(github)

    provider.create(props(environments=["dev", "staging", "prod"]))

    folder = clone(github, tmp_path)
    heads = {git(folder, "rev-parse", f"origin/env/{name}") for name in ("dev", "staging", "prod")}
    assert len(heads) == 1


@pytest.mark.parametrize(("environments", "most"), [(["dev"], 8), (["dev", "staging", "prod"], 12)])
def test_it_costs_eight_requests_and_two_for_each_further_environment_at_most(
    environments: list[str], most: int, provider: ScaffoldProvider, github: GitHubServer
) -> None:
    """GitHub allows 500 writes of content an hour; a request per file would make a service take minutes."""
    create_repository(github)
    before = len(github.requests)

    provider.create(props(environments=environments))

    assert 0 < len(github.requests) - before <= most


@pytest.mark.parametrize(
    ("method", "path"),
    [
        pytest.param("POST", r".*/git/trees", id="tree"),
        pytest.param("POST", r".*/git/commits", id="commit"),
        pytest.param("PATCH", r".*/git/refs/heads/main", id="default branch"),
        pytest.param("POST", r".*/git/refs", id="environment's branch"),
    ],
)
@pytest.mark.parametrize("kind", ["502", "drop-before", "drop-after", "secondary", "primary"])
def test_a_fault_of_the_server_or_the_wire_is_waited_out(
    method: str, path: str, kind: str, provider: ScaffoldProvider, github: GitHubServer, tmp_path: Path
) -> None:
    """Each request may be sent twice: the second has no effect of its own."""
    create_repository(github)
    github.fault(method, path, kind=kind, seconds=1)

    provider.create(props())

    folder = clone(github, tmp_path)
    assert tracked(folder) == dict(files())
    assert git(folder, "rev-list", "--count", "main") == "2"
    assert git(folder, "rev-list", "--count", "origin/env/dev") == "1"


@pytest.mark.parametrize("step", range(8))
def test_a_run_that_was_killed_is_taken_up_where_it_stopped(
    step: int, provider: ScaffoldProvider, github: GitHubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after any request, the next run ends with the same files and commits as one that was not."""
    create_repository(github)

    class KilledError(BaseException):
        """Stands for SIGKILL: no handler of the code under test may see it."""

    requester = provider.client.requester
    original = type(requester).requestJson
    left = iter(range(step))

    def dying(*arguments: Any, **more: Any) -> Any:
        answer = original(*arguments, **more)
        if next(left, None) is None:
            raise KilledError
        return answer

    wanted = props()
    with monkeypatch.context() as patched:
        patched.setattr(type(requester), "requestJson", dying)
        with pytest.raises(KilledError):
            provider.create(wanted)
    provider.create(wanted)

    folder = clone(github, tmp_path)
    assert tracked(folder) == dict(files())
    assert git(folder, "rev-list", "--count", "main") == "2"
    assert git(folder, "rev-list", "--count", "origin/env/dev") == "1"


def test_a_second_run_adds_no_commit(provider: ScaffoldProvider, github: GitHubServer, tmp_path: Path) -> None:
    """A state that was lost must not rewrite what a team has built since."""
    create_repository(github)
    provider.create(props())
    folder = clone(github, tmp_path)
    (folder / "README.md").write_text("Ours now.\n")
    git(folder, "-c", "user.name=ada", "-c", "user.email=ada@example.org", "commit", "-qam", "Our own words")
    git(folder, "push", "-q")
    before = git(folder, "rev-parse", "HEAD", "origin/env/dev")

    provider.create(props(description="Another description"))

    git(folder, "fetch", "-q")
    assert git(folder, "rev-parse", "origin/main", "origin/env/dev") == before


def test_somebody_elses_work_is_not_written_over(
    provider: ScaffoldProvider, github: GitHubServer, tmp_path: Path
) -> None:
    """The name was taken: the error says so, and the repository is as it was."""
    create_repository(github)
    folder = clone(github, tmp_path)
    (folder / "thesis.tex").write_text("Years of work.\n")
    git(folder, "add", ".")
    git(folder, "-c", "user.name=eve", "-c", "user.email=eve@example.org", "commit", "-qm", "Thesis")
    git(folder, "push", "-q")
    before = git(folder, "rev-parse", "HEAD")
    seen = len(github.requests)

    with pytest.raises(ScaffoldError, match="writes over nobody's work"):
        provider.create(props())

    git(folder, "fetch", "-q")
    assert git(folder, "rev-parse", "origin/main") == before
    assert not [exchange for exchange in github.requests[seen:] if exchange.write and exchange.api]


def test_a_repository_of_another_program_is_not_taken(provider: ScaffoldProvider, github: GitHubServer) -> None:
    """Two platforms in one organization: the marker says whose it is."""
    create_repository(github)
    provider.create(props(project="other-platform"))

    with pytest.raises(ScaffoldError, match="did not make"):
        provider.create(props())


def test_an_archived_repository_is_left_alone(provider: ScaffoldProvider, github: GitHubServer) -> None:
    """GitHub would refuse each write with 403; the reason is told before the first."""
    create_repository(github)
    provider.client.get_repo("acme/rental").edit(archived=True)

    with pytest.raises(ScaffoldError, match="is archived"):
        provider.create(props())


def test_a_young_repository_is_waited_for(provider: ScaffoldProvider, github: GitHubServer, tmp_path: Path) -> None:
    """GitHub answers 404 for a moment after it has said 201."""
    create_repository(github)
    github.fault("GET", r"/repos/acme/rental", kind="not-found", times=2)

    provider.create(props())

    assert tracked(clone(github, tmp_path)) == dict(files())


def test_a_repository_that_never_comes_is_an_error_that_names_it(provider: ScaffoldProvider) -> None:
    """Waiting ends, and the reader knows for what."""
    with pytest.raises(ScaffoldError, match="acme/rental: GitHub answers 404"):
        provider.create(props())


def test_files_other_than_the_planned_ones_are_refused(provider: ScaffoldProvider, github: GitHubServer) -> None:
    """A template edited between preview and `up` would put files there that nobody has seen."""
    create_repository(github)

    with pytest.raises(ScaffoldError, match="run the preview again"):
        provider.create(props() | {"digest": "0" * 64})

    assert commits(github) == 0


def test_a_newer_template_or_other_answers_change_nothing(provider: ScaffoldProvider) -> None:
    """The files are the team's from the first commit on."""
    olds, news = props(), props(description="Other words", port=4000) | {"version": "2.0.0"}

    assert provider.diff("acme/rental", olds, news).changes is False


def test_another_repository_is_another_scaffold(provider: ScaffoldProvider) -> None:
    """A scaffold belongs to one repository."""
    found = provider.diff("acme/rental", props(), props() | {"repository": "rental-two"})

    assert found.replaces == ["repository"]


def test_a_new_environment_gets_a_branch_that_follows_the_first(
    provider: ScaffoldProvider, github: GitHubServer, tmp_path: Path
) -> None:
    """Its overlay comes by one commit on what the first environment runs, and both branches have it; no other has."""
    create_repository(github)
    provider.create(props(environments=["dev", "prod"]))
    folder = clone(github, tmp_path)
    dev, *others = (git(folder, "rev-parse", f"origin/{name}") for name in ("env/dev", "env/prod", "main"))
    olds, news = props(environments=["dev", "prod"]), props(environments=["dev", "prod", "staging", "qa"])

    assert provider.diff("acme/rental", olds, news).changes
    outs = provider.update("acme/rental", olds, news).outs

    git(folder, "fetch", "-q")
    assert [git(folder, "rev-parse", f"origin/{name}") for name in ("env/prod", "main")] == others
    heads = {git(folder, "rev-parse", f"origin/env/{name}", f"origin/env/{name}^") for name in ("dev", "staging", "qa")}
    assert [head.split()[1] for head in heads] == [dev]
    assert git(folder, "diff", "--name-status", dev, "origin/env/dev").split() == [
        "A", "deploy/overlays/qa/kustomization.yaml", "A", "deploy/overlays/staging/kustomization.yaml",
    ]  # fmt: skip
    assert outs is not None
    assert outs["digest"] == olds["digest"]


def test_an_overlay_that_a_team_has_released_is_left_as_it_is(
    provider: ScaffoldProvider, github: GitHubServer, tmp_path: Path
) -> None:
    """Whoever was faster than `up`: the new environment begins with what the first one runs."""
    create_repository(github)
    provider.create(props())
    folder = clone(github, tmp_path, "env/dev")
    overlay = folder / "deploy" / "overlays" / "prod" / "kustomization.yaml"
    overlay.parent.mkdir()
    overlay.write_text("# Ours\n")
    git(folder, "add", ".")
    git(folder, "-c", "user.name=ada", "-c", "user.email=ada@example.org", "commit", "-qm", "Release")
    git(folder, "push", "-q")

    provider.update("acme/rental", props(), props(environments=["dev", "prod"]))

    git(folder, "fetch", "-q")
    head = git(folder, "rev-parse", "HEAD")
    assert [git(folder, "rev-parse", f"origin/env/{name}") for name in ("dev", "prod")] == [head, head]


@pytest.mark.parametrize("life", ["the same", "another"])
def test_an_environment_that_came_while_a_service_was_retired_is_made_at_its_return(
    life: str, provider: ScaffoldProvider, github: GitHubServer, tmp_path: Path
) -> None:
    """An archived repository takes nothing, in no life of the stack; what it lacks stays due."""
    create_repository(github)
    provider.create(props())
    repository = provider.client.get_repo("acme/rental")
    repository.edit(archived=True)
    olds, news = props(), props(environments=["dev", "prod"])
    done = provider.create(news) if life == "another" else provider.update("acme/rental", olds, news)
    assert provider.diff("acme/rental", dict(done.outs or {}), news).changes

    repository.edit(archived=False)
    done = provider.update("acme/rental", dict(done.outs or {}), news)

    folder = clone(github, tmp_path, "env/prod")
    assert "deploy/overlays/prod/kustomization.yaml" in tracked(folder)
    assert git(folder, "rev-parse", "origin/env/dev") == git(folder, "rev-parse", "HEAD")
    assert not provider.diff("acme/rental", dict(done.outs or {}), news).changes


def test_an_environment_that_came_while_the_state_was_lost_starts_from_the_first(
    provider: ScaffoldProvider, github: GitHubServer, tmp_path: Path
) -> None:
    """A branch of its own history would never take a promotion."""
    create_repository(github)
    provider.create(props())

    provider.create(props(environments=["dev", "prod"]))

    folder = clone(github, tmp_path, "env/prod")
    assert "deploy/overlays/prod/kustomization.yaml" in tracked(folder)
    assert git(folder, "merge-base", "origin/env/dev", "HEAD") == git(folder, "rev-parse", "origin/env/dev")


def test_a_repository_that_is_gone_is_read_as_gone(provider: ScaffoldProvider, github: GitHubServer) -> None:
    """Refresh drops the scaffold, and the next `up` makes it with its repository."""
    create_repository(github)
    given = props()
    made = provider.create(given)
    assert provider.read(made.id, given).id == "acme/rental"
    provider.client.get_repo("acme/rental").delete()

    gone = provider.read(made.id, given)

    assert (gone.id, gone.outs) == ("", {})


def test_deleting_a_scaffold_touches_nothing(provider: ScaffoldProvider, github: GitHubServer) -> None:
    """`destroy` forgets the files; the team keeps them."""
    create_repository(github)
    given = props()
    made = provider.create(given)
    seen = len(github.requests)

    provider.delete(made.id, given)

    assert github.requests[seen:] == []


def test_without_a_token_the_error_says_where_one_goes() -> None:
    """The provider runs in a process of its own, far from the settings' check."""
    with pytest.raises(RuntimeError, match="python -m idp pulumi config set --secret githubToken"):
        github_client.from_environment(lambda _key: None)
