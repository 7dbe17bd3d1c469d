"""What the program makes in a forge, against the real Gitea: people, repositories, a stack's folder, tokens.

The tests of this module are the chapters of one forge's life and run in their order.
"""

from __future__ import annotations

import itertools
import sqlite3
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from components.dynamic.forge_client import ForgeError, SilentForgeError
from components.dynamic.forge_folder import ForgeFolderProvider
from components.dynamic.forge_organization import READERS, ForgeOrganizationProvider, known_teams, members
from components.dynamic.forge_repository import NOTHING, ForgeRepositoryProvider
from components.dynamic.forge_token import ForgeTokenProvider
from components.dynamic.scaffold import ScaffoldError
from idp import render, templates
from tests.support.forge import PASSWORDS, clone, created, git, organization, push, repository
from tests.unit.test_scaffold import ANSWERS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.gitea import Gitea


def requests(forge: Gitea) -> list[str]:
    """Every request that the forge has had."""
    lines = (forge.home / "log").read_text().splitlines()
    return [line.split("completed ")[1].split(" for ")[0] for line in lines if "router: completed" in line]


def test_an_organization_has_its_teams_and_their_members(forge: Gitea) -> None:
    """And a team of programs that read everything."""
    made = ForgeOrganizationProvider().create(organization(forge))

    client = forge.client()
    teams = known_teams(client, "acme")
    assert made.id == "acme"
    assert {name: members(client, number) for name, number in teams.items() if name != "Owners"} == {
        "mobility": {"ada"}, "payments": {"bob"}, READERS: {"idp-argocd"},
    }  # fmt: skip


def test_people_sign_in_with_the_password_that_was_made_for_them(forge: Gitea) -> None:
    """Without having to choose another first, which their git could not."""
    assert forge.client("ada", PASSWORDS["ada"]).get("user")["login"] == "ada"
    with pytest.raises(ForgeError, match="401"):
        forge.client("ada", "guessed").get("user")


def test_nobody_makes_organizations_or_repositories_beside_the_platforms(forge: Gitea) -> None:
    """What is in the forge has an entry."""
    ada = forge.client("ada", PASSWORDS["ada"])

    with pytest.raises(ForgeError, match="403"):
        ada.send("POST", "orgs", {"username": "adas"})
    with pytest.raises(ForgeError, match="403"):
        ada.send("POST", "orgs/acme/repos", {"name": "mine"})
    with pytest.raises(ForgeError, match="reached maximum limit"):
        ada.send("POST", "user/repos", {"name": "mine"})


def test_an_organization_is_made_twice_without_harm(forge: Gitea) -> None:
    """As after a run that was killed."""
    ForgeOrganizationProvider().create(organization(forge))

    assert set(known_teams(forge.client(), "acme")) == {"Owners", "mobility", "payments", READERS}


def test_people_come_and_go_and_keep_the_password_that_they_chose(forge: Gitea) -> None:
    """An update gives a password to those only whose password is new."""
    before = organization(forge)
    after = organization(forge, teams={"mobility": ["ada", "bob"], "payments": []})
    forge.client().send("PATCH", "admin/users/bob", {"login_name": "bob", "source_id": 0, "password": "bobs-choice-00"})
    provider = ForgeOrganizationProvider()

    assert provider.diff("acme", before, after).changes
    assert not provider.diff("acme", before, after).replaces
    provider.update("acme", before, after)
    teams = known_teams(forge.client(), "acme")
    assert members(forge.client(), teams["mobility"]) == {"ada", "bob"}
    assert members(forge.client(), teams["payments"]) == set()
    assert forge.client("bob", "bobs-choice-00").get("user")["login"] == "bob"
    forge.client().send("PUT", f"teams/{teams['payments']}/members/bob")
    assert provider.read("acme", after).outs["teams"] == {"mobility": ["ada", "bob"], "payments": ["bob"]}
    provider.create(before)


def test_a_repositorys_whole_first_commit_is_one_request(forge: Gitea, tmp_path: Path) -> None:
    """With the files that its template makes, and no other."""
    before = len(requests(forge))
    outs = created(forge)

    made = [line for line in requests(forge)[before:] if line.startswith("POST")]
    folder = clone(forge, tmp_path / "rental")
    given = ANSWERS | {"environments": ["dev", "prod"], "promotions": ["prod"]}
    wanted = render.render(templates.load("node"), given).files
    assert outs == repository(forge)
    assert made.count("POST /api/v1/repos/acme/rental/contents") == 2  # the default branch, and that of an environment
    assert git(folder, "log", "--format=%an %s", "main") == "idp Scaffold from template node 1.0.0"
    assert {path: (folder / path).read_bytes() for path in git(folder, "ls-files").splitlines()} == wanted


def test_environments_have_branches_with_what_they_run_and_nothing_else(forge: Gitea, tmp_path: Path) -> None:
    """All from one commit, so that a pull request leads from one to the next."""
    folder = clone(forge, tmp_path / "rental")

    for branch in ("origin/env/dev", "origin/env/prod"):
        files = git(folder, "ls-tree", "-r", "--name-only", branch).splitlines()
        assert {path.partition("/")[0] for path in files} == {"deploy"}
        assert "deploy/overlays/prod/kustomization.yaml" in files
    assert git(folder, "rev-parse", "origin/env/dev") == git(folder, "rev-parse", "origin/env/prod")


def test_a_repository_has_topics_and_a_description_and_no_more_than_it_needs(forge: Gitea) -> None:
    """Nobody runs workflows here, and docs are in the repository."""
    found = forge.client().get("repos/acme/rental")

    assert (found["description"], sorted(found["topics"])) == ("Rents vehicles", ["idp-managed", "team-mobility"])
    assert not any(found[f"has_{unit}"] for unit in ("wiki", "projects", "packages", "actions"))
    assert found["default_branch"] == "main"


def test_a_team_pushes_to_its_repositories_and_to_no_other(forge: Gitea, tmp_path: Path) -> None:
    """Whatever others may read."""
    outs = created(forge, name="billing", team="payments")
    mine, theirs = clone(forge, tmp_path / "rental"), clone(forge, tmp_path / "billing", "billing")

    assert outs["team"] == "payments"
    assert push(mine).returncode == 0
    assert "User permission denied for writing" in push(theirs).stderr
    with pytest.raises(ForgeError, match="reached maximum limit"):  # of which no bundle would be kept
        forge.client("ada", PASSWORDS["ada"]).send("POST", "repos/acme/billing/forks", {})


def test_whoever_had_a_repository_before_writes_to_it_no_more(forge: Gitea, tmp_path: Path) -> None:
    """Its entry names another team now."""
    before, after = created(forge, name="moves"), repository(forge, "moves", team="payments")
    assert push(clone(forge, tmp_path / "before", "moves")).returncode == 0

    ForgeRepositoryProvider().update("acme/moves", before, after)

    assert "User permission denied for writing" in push(clone(forge, tmp_path / "ada", "moves")).stderr
    assert push(clone(forge, tmp_path / "bob", "moves", user="bob")).returncode == 0


def test_a_team_without_an_entry_has_no_members_and_no_rights(forge: Gitea, tmp_path: Path) -> None:
    """Whoever left the config goes on reading at most; a team that was made by hand comes to light, and goes too."""
    before, provider = organization(forge), ForgeOrganizationProvider()
    without = organization(forge, teams={"mobility": ["ada"]})

    provider.update("acme", before, without)

    assert set(known_teams(forge.client(), "acme")) == {"Owners", "mobility", READERS}
    assert push(clone(forge, tmp_path / "bob", "billing", user="bob")).returncode != 0
    provider.update("acme", without, before)
    seen = dict(provider.read("acme", without).outs or {})
    assert provider.diff("acme", seen, without).changes
    created(forge, name="billing", team="payments")


def test_nobody_rewrites_the_default_branch_or_deletes_it(forge: Gitea, tmp_path: Path) -> None:
    """A push is enough on a laptop; a forced one is too much."""
    folder = clone(forge, tmp_path / "rental")
    git(folder, "reset", "-q", "--hard", "HEAD~1")
    deleted = subprocess.run(
        ["git", "-C", folder, "push", "origin", ":main"], capture_output=True, text=True, check=False
    )

    assert push(folder, "main", "--force").returncode != 0
    assert deleted.returncode != 0


def test_a_later_environment_changes_by_promotion_only(forge: Gitea, tmp_path: Path) -> None:
    """A push to its branch is refused; the first environment's is free."""
    folder = clone(forge, tmp_path / "rental")
    git(folder, "checkout", "-q", "env/dev")

    assert push(folder, "env/dev").returncode == 0
    assert push(folder, "env/prod").returncode != 0
    gone = subprocess.run(["git", "-C", folder, "push", "-q", "origin", ":env/dev"], capture_output=True, check=False)
    assert gone.returncode != 0
    rules = {one["rule_name"]: one for one in forge.client().get("repos/acme/rental/branch_protections")}
    assert rules["env/prod"]["status_check_contexts"] == ["promote/prod"]
    assert rules["env/dev"]["enable_push"]


def test_a_repository_that_is_there_is_taken_up_and_its_files_are_left(forge: Gitea, tmp_path: Path) -> None:
    """As after a run that was killed at the very end."""
    head = git(clone(forge, tmp_path / "before"), "rev-parse", "main", "origin/env/dev", "origin/env/prod")
    created(forge)

    assert git(clone(forge, tmp_path / "after"), "rev-parse", "main", "origin/env/dev", "origin/env/prod") == head


@pytest.mark.parametrize("left", ["nothing in it", "no branches", "one branch"])
def test_a_killed_run_is_taken_up_where_it_ended(forge: Gitea, tmp_path: Path, left: str) -> None:
    """Made, and empty; or with its files and without what follows."""
    name = f"killed-{left.replace(' ', '-')}"
    client = forge.client()
    if left == "nothing in it":
        client.send("POST", "orgs/acme/repos", {"name": name, "private": True})
    else:
        created(forge, name=name)
        for branch in ["env%2Fprod", "env%2Fdev"] if left == "no branches" else ["env%2Fprod"]:
            client.send("DELETE", f"repos/acme/{name}/branch_protections/{branch}")
            client.send("DELETE", f"repos/acme/{name}/branches/{branch}")

    created(forge, name=name)
    folder = clone(forge, tmp_path / "there", name)
    assert git(folder, "branch", "-r", "--format=%(refname:short)").split()[1:] == [
        "origin/env/dev",
        "origin/env/prod",
        "origin/main",
    ]
    assert git(folder, "ls-tree", "--name-only", "origin/env/prod") == "deploy"
    assert not client.get(f"repos/acme/{name}")["private"]


def test_a_birth_that_was_cut_off_between_commit_and_note_is_a_birth_again(forge: Gitea, tmp_path: Path) -> None:
    """Seen with a client that went 300 ms after its request: git has the commit, and Gitea calls it empty for ever."""
    ForgeRepositoryProvider().create(repository(forge, "cut"))
    forge.settle()  # else it notes the birth's last push after this
    with sqlite3.connect(next(forge.home.rglob("gitea.db"))) as database:
        assert database.execute("UPDATE repository SET is_empty = 1 WHERE name = 'cut'").rowcount == 1
    assert forge.client().get("repos/acme/cut")["empty"]

    ForgeRepositoryProvider().create(repository(forge, "cut"))
    assert not forge.client().get("repos/acme/cut")["empty"]
    assert git(clone(forge, tmp_path / "cut", "cut"), "rev-list", "--count", "main") == "1"


def test_somebodys_work_is_not_written_over(forge: Gitea, tmp_path: Path) -> None:
    """A repository that others filled is an error, which says what to do."""
    forge.client().send("POST", "orgs/acme/repos", {"name": "others", "auto_init": True})

    with pytest.raises(ScaffoldError, match="writes over nobody's work; give the service another name"):
        created(forge, name="others")


def test_an_adopted_services_repository_is_left_to_be_filled(forge: Gitea, tmp_path: Path) -> None:
    """It has neither files nor branches of ours, and rules that wait for its first push."""
    outs = created(forge, name="brought", **NOTHING)
    folder = clone(forge, tmp_path / "brought", "brought")

    assert outs["template"] == ""
    assert push(folder).returncode == 0
    assert ForgeRepositoryProvider().create(repository(forge, "brought", **NOTHING)).id == "acme/brought"


def test_an_environment_that_comes_later_gets_its_overlay(forge: Gitea, tmp_path: Path) -> None:
    """Beside what the first one has, and by one commit in both: else the first promotion would conflict with it."""
    before = created(forge, name="grows", environments=("dev",))
    after = repository(forge, "grows", ("dev", "prod"))
    provider = ForgeRepositoryProvider()

    assert provider.diff("acme/grows", before, after).changes
    provider.update("acme/grows", before, after)
    folder = clone(forge, tmp_path / "grows", "grows")
    assert "deploy/overlays/prod/kustomization.yaml" in git(folder, "ls-tree", "-r", "--name-only", "origin/env/prod")
    assert git(folder, "ls-tree", "--name-only", "origin/env/prod") == "deploy"
    assert git(folder, "rev-parse", "origin/env/dev") == git(folder, "rev-parse", "origin/env/prod")


def test_an_environment_that_came_while_a_service_was_retired_is_made_at_its_return(
    forge: Gitea, tmp_path: Path
) -> None:
    """An archived repository takes nothing, whatever the state has noted by then."""
    lives = [
        created(forge, name="rests", environments=("dev",)),
        repository(forge, "rests", ("dev",), archived=True),
        repository(forge, "rests", ("dev", "prod"), archived=True),
        repository(forge, "rests", ("dev", "prod")),
    ]
    provider = ForgeRepositoryProvider()
    for before, after in itertools.pairwise(lives):
        assert provider.diff("acme/rests", before, after).changes
        provider.update("acme/rests", before, after)

    folder = clone(forge, tmp_path / "rests", "rests")
    assert "deploy/overlays/prod/kustomization.yaml" in git(folder, "ls-tree", "-r", "--name-only", "origin/env/prod")


def test_branches_that_are_lost_are_made_of_what_people_have_by_now(forge: Gitea, tmp_path: Path) -> None:
    """Of their files none but `deploy/` is on them."""
    before = created(forge, name="changed")
    folder = clone(forge, tmp_path / "changed", "changed")
    git(folder, "rm", "-q", "README.md")
    assert push(folder).returncode == 0
    client = forge.client()
    for branch in ("env%2Fdev", "env%2Fprod"):
        client.send("DELETE", f"repos/acme/changed/branch_protections/{branch}")
        client.send("DELETE", f"repos/acme/changed/branches/{branch}")

    ForgeRepositoryProvider().update("acme/changed", before, before | {"description": "Another"})

    git(folder, "fetch", "-q")
    for branch in ("origin/env/dev", "origin/env/prod"):
        assert git(folder, "ls-tree", "--name-only", branch) == "deploy"


def test_a_newer_template_changes_nothing(forge: Gitea) -> None:
    """Files are the team's now."""
    before = repository(forge)

    assert (
        not ForgeRepositoryProvider()
        .diff("acme/rental", before, before | {"version": "2.0.0", "digest": "0" * 64})
        .changes
    )


def test_a_service_retires_and_comes_back(forge: Gitea, tmp_path: Path) -> None:
    """Archived it takes no push; coming back is the same update reversed, with what changed meanwhile."""
    active, retired = repository(forge), repository(forge, archived=True)
    provider = ForgeRepositoryProvider()

    assert provider.diff("acme/rental", active, retired).changes
    provider.update("acme/rental", active, retired)
    assert push(clone(forge, tmp_path / "retired")).returncode != 0
    assert ForgeRepositoryProvider().create(retired).id == "acme/rental"  # in a new life of the stack
    back = repository(forge, description="Rents again")
    provider.update("acme/rental", retired, back)
    assert push(clone(forge, tmp_path / "back")).returncode == 0
    assert forge.client().get("repos/acme/rental")["description"] == "Rents again"
    provider.update("acme/rental", back, active)


def test_a_service_can_be_retired_at_birth(forge: Gitea) -> None:
    """As after the loss of a cluster, when everything is made again."""
    created(forge, name="born-retired", archived=True)

    found = forge.client().get("repos/acme/born-retired")
    assert (found["archived"], found["empty"]) == (True, False)


def test_what_was_changed_by_hand_comes_to_light(forge: Gitea) -> None:
    """At a refresh, and is put back by the next `up`."""
    provider, wanted = ForgeRepositoryProvider(), repository(forge)
    assert provider.read("acme/rental", wanted).outs == wanted
    forge.client().send("PATCH", "repos/acme/rental", {"description": "mine", "private": True})

    seen = dict(provider.read("acme/rental", wanted).outs or {})
    assert provider.diff("acme/rental", seen, wanted).changes
    provider.update("acme/rental", seen, wanted)
    assert provider.read("acme/rental", wanted).outs == wanted


def test_a_repository_that_is_gone_is_gone_and_one_in_a_silent_forge_is_not(forge: Gitea) -> None:
    """A forge that does not answer is no reason to forget what is in it."""
    silent = repository(forge) | {"access": forge.access() | {"url": "http://127.0.0.1:9"}}
    provider = ForgeRepositoryProvider()

    assert provider.read("acme/never", repository(forge, "never")).id == ""
    assert provider.read("acme/rental", silent).id == "acme/rental"


def test_another_cluster_is_another_forge(forge: Gitea) -> None:
    """Everything in it is made again."""
    old = repository(forge)

    assert ForgeRepositoryProvider().diff("acme/rental", old, old | {"home": "dev-2"}).replaces == ["home"]
    assert ForgeOrganizationProvider().diff(
        "acme", organization(forge), organization(forge, home="dev-2")
    ).replaces == ["home"]


def test_a_folder_is_kept_as_its_stack_declares_it(forge: Gitea, tmp_path: Path) -> None:
    """By one commit where something differs, by none where nothing does; what is beside it stays."""
    forge.client().send("POST", "orgs/acme/repos", {"name": "idp-gitops", "auto_init": True, "default_branch": "main"})
    provider, wanted = ForgeFolderProvider(), folder_of(forge)
    provider.create(wanted)
    before = git(clone(forge, tmp_path / "before", "idp-gitops"), "rev-parse", "main")
    provider.create(wanted)
    assert git(clone(forge, tmp_path / "again", "idp-gitops"), "rev-parse", "main") == before
    assert provider.read("acme/idp-gitops/deploy", wanted).outs == wanted

    head = {
        "branch": "main",
        "message": "by hand",
        "files": [{"operation": "create", "path": "deploy/x", "content": "eA=="}],
    }
    forge.client().send("POST", "repos/acme/idp-gitops/contents", head)
    seen = dict(provider.read("acme/idp-gitops/deploy", wanted).outs or {})
    assert provider.diff("", seen, wanted).changes
    provider.update("", seen, wanted)
    assert provider.read("acme/idp-gitops/deploy", wanted).outs == wanted
    assert (clone(forge, tmp_path / "after", "idp-gitops") / "README.md").exists()


def folder_of(forge: Gitea) -> dict[str, Any]:
    """A template's `deploy/` does for a stack's folder."""
    found = repository(forge)
    files = render.below(
        render.render(
            templates.load("node"), ANSWERS | {"environments": ["dev", "prod"], "promotions": ["prod"]}
        ).files,
        "deploy",
    )
    keys = ("access", "home", "organization", "template", "version", "answers")
    kept = {key: found[key] for key in keys}
    return kept | {"repository": "idp-gitops", "folder": "deploy", "digest": render.digest_of(files)}


def token(forge: Gitea, *scopes: str) -> dict[str, Any]:
    return {"access": forge.access(), "home": "dev-1", "login": "idp-argocd", "scopes": list(scopes)}


def test_a_token_does_what_it_is_for(forge: Gitea, tmp_path: Path) -> None:
    """It reads every repository by git and by the API, and writes none; made again it replaces what a killed run left."""
    forge.client().send("PATCH", "repos/acme/billing", {"private": True})
    provider = ForgeTokenProvider()
    provider.create(token(forge, "read:repository", "read:organization"))
    made = provider.create(token(forge, "read:repository", "read:organization"))
    value = dict(made.outs or {})["value"]

    url = forge.git_url("acme/billing", "x-access-token", value)
    subprocess.run(["git", "clone", "-q", url, tmp_path / "billing"], check=True)
    assert push(tmp_path / "billing").returncode != 0
    assert len(list(forge.client().every("users/idp-argocd/tokens"))) == 1
    assert provider.read(made.id, token(forge)).id == made.id
    provider.delete(made.id, token(forge))
    assert provider.read(made.id, token(forge)).id == ""
    provider.delete(made.id, token(forge))


def test_a_forge_that_never_answers_is_an_error_that_names_it(forge: Gitea) -> None:
    """Within the time that it is given."""
    client = type(forge.client())(forge.access() | {"url": "http://127.0.0.1:9"})

    with pytest.raises(SilentForgeError, match=r"http://127\.0\.0\.1:9"):
        client.ready(0)
