"""A forge's resources on the real engine, with the real Gitea: made once, changed by an update, never in clear, never deleted.

The tests of this module are the chapters of one stack's life and run in their order.
"""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

import pytest

from tests.support import gitea
from tests.support.desk import Desk
from tests.support.engine import Engine
from tests.support.killing import killed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.gitea import Gitea

pytestmark = [gitea.requires_gitea, pytest.mark.timeout(900)]
WRITES = 16
"""How often the engine writes its state in an `up` of this program, at the least: twice a resource."""
MOMENTS = sorted(random.Random(11).sample(range(2, WRITES), 6))  # noqa: S311  always the same six

PROGRAM = """
import json
from pathlib import Path
import pulumi
from components.dynamic.forge_client import Access
from components.dynamic.forge_folder import ForgeFolder
from components.dynamic.forge_organization import ForgeOrganization
from components.dynamic.forge_repository import ForgeRepository, Wanted
from components.dynamic.forge_token import ForgeToken
from components.dynamic.password import Password
from idp import answers, recorder, settings

given = json.loads(Path("forge.json").read_text())
none = pulumi.ResourceOptions()
stack = settings.load(Path.cwd(), offline=True)
ada = Password("ada", length=24, opts=none)
access = Access(url=given["url"], user=given["user"], password=pulumi.Output.secret(given["password"]), authority="",
                home=given["home"])
acme = given["organization"]
organization = ForgeOrganization("organization", access=access, organization=acme, teams={"mobility": ["ada"]},
                                 readers=["idp-argocd"], passwords={"ada": ada.value, "idp-argocd": ada.value}, opts=none)
there = pulumi.ResourceOptions(depends_on=[organization])
entry = next(each for each in stack.catalog.services if each.name == "rental")
rental = ForgeRepository("rental", access=access, opts=there, wanted=Wanted(
    organization=acme, repository="rental", project="idp", stack="dev", description="Rents",
    private=False, topics=("idp-managed",), team="mobility",
    later=("prod",), archived=given["archived"], source=answers.service(stack, entry)))
whole, mine = answers.gitops(stack)
gitops = ForgeRepository("gitops", access=access, opts=there, wanted=Wanted(
    organization=acme, repository="idp-gitops", project="idp", stack="dev", description="All", private=False, source=whole))
ForgeFolder("folder", access=access, organization=acme, repository="idp-gitops", folder=f"clusters/{stack.stack}", source=mine,
            opts=pulumi.ResourceOptions(depends_on=[gitops]))
token = ForgeToken("token", access=access, login="idp-argocd", scopes=["read:repository"], opts=there)
pulumi.export("ada", ada.value)
pulumi.export("token", token.value)
"""


@pytest.fixture(scope="module")
def forge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gitea]:
    made = gitea.start(tmp_path_factory.mktemp("gitea"))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory, forge: Gitea) -> Iterator[Engine]:
    made = Engine(home=tmp_path_factory.mktemp("forge") / "dev", github_url="http://127.0.0.1:9")
    (made.project / "__main__.py").write_text(PROGRAM)
    tell(made, forge)
    made.run("up")
    yield made
    made.close()


def tell(
    engine: Engine, forge: Gitea, home: str = "dev-1", organization: str = "acme", *, archived: bool = False
) -> None:
    """What the program asks for from now on."""
    given = {
        "url": forge.url,
        "user": gitea.ADMINISTRATOR,
        "password": gitea.PASSWORD,
        "home": home,
        "organization": organization,
        "archived": archived,
    }
    (engine.project / "forge.json").write_text(json.dumps(given))


def test_what_is_made_is_in_the_forge(engine: Engine, forge: Gitea) -> None:
    """Whoever has a password signs in with it, and a token reads."""
    outputs = engine.outputs()

    assert forge.client("ada", outputs["ada"]).get("user")["login"] == "ada"
    assert forge.client("x", outputs["token"]).get("repos/acme/rental")["description"] == "Rents"
    assert forge.client().get("repos/acme/idp-gitops/contents/clusters/dev/apps")


def test_a_second_run_and_a_refresh_change_nothing(engine: Engine) -> None:
    """What the engine's wire makes of the inputs, whole numbers as fractions, is no change."""
    assert engine.changes() == {}
    assert engine.changes("refresh") == {}
    assert engine.changes("preview") == {}


def test_nothing_secret_is_in_the_state_in_clear(engine: Engine) -> None:
    """Neither the administrator's password, an input of everything, nor a member's, nor a token."""
    outputs, state = engine.outputs(), json.dumps(engine.state()["resources"])

    assert [name for name in ("ada", "token") if outputs[name] in state] == []
    assert gitea.PASSWORD not in state


def test_a_change_by_hand_is_seen_and_put_back(engine: Engine, forge: Gitea) -> None:
    """By a refresh, and an `up`."""
    forge.client().send("PATCH", "repos/acme/rental", {"description": "mine"})

    assert engine.changes("refresh") == {"updated": 1}
    assert engine.changes() == {"updated": 1}
    assert forge.client().get("repos/acme/rental")["description"] == "Rents"


def test_a_service_retires_by_an_update_and_comes_back_by_another(engine: Engine, forge: Gitea) -> None:
    """The same repository all the time."""
    number = forge.client().get("repos/acme/rental")["id"]
    for now in (True, False):
        tell(engine, forge, archived=now)

        assert engine.changes() == {"updated": 1}
        found = forge.client().get("repos/acme/rental")
        assert (found["archived"], found["id"]) == (now, number)


def test_in_another_clusters_forge_everything_is_made_anew(engine: Engine, forge: Gitea) -> None:
    """Here it is the same forge that is said to be another: what is there is taken over, and nothing is deleted."""
    number = forge.client().get("repos/acme/rental")["id"]
    tell(engine, forge, "dev-2")

    assert engine.changes() == {"replaced": 5}
    assert forge.client().get("repos/acme/rental")["id"] == number
    assert forge.client("x", engine.outputs()["token"]).get("repos/acme/rental")


def test_a_destroyed_stack_leaves_repositories_and_no_token(engine: Engine, forge: Gitea) -> None:
    """Where the cluster stays, what people made in its forge stays too."""
    token = engine.outputs()["token"]
    engine.run("destroy")

    assert forge.client().get("repos/acme/rental")
    assert list(forge.client().every("users/idp-argocd/tokens")) == []
    assert forge.client("x", token).send("GET", "user", unless=(401,)) is None


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Somebody's folder, in which `recover` takes up what a killed run left."""
    made = Desk(home=tmp_path / "desk", stack="local", github_url="http://127.0.0.1:9")
    (made.project / "__main__.py").write_text(PROGRAM)
    made.idp("recover", "--stack", "local")
    yield made
    made.close()


@pytest.mark.parametrize("writes", MOMENTS)
def test_an_up_killed_at_any_moment_is_completed(writes: int, desk: Desk, forge: Gitea) -> None:
    """Nothing is made twice, nothing is lacking, and no token is left that nobody knows."""
    organization = f"killed-{writes}"
    tell(desk, forge, organization=organization)
    state = desk.stacks / "backend" / ".pulumi" / "stacks" / "idp" / "local.json"
    line = desk.line("up", "--yes", "--skip-preview")
    assert killed(line, desk.engines, desk.project, state, writes), "the run ended before its moment came"

    desk.idp("recover", "--stack", "local")
    desk.run("up", "--skip-preview")
    assert desk.changes("up", "--skip-preview") == {}

    client = forge.client()
    repositories = {one["name"]: one for one in client.every(f"orgs/{organization}/repos")}
    commits = {
        (name, branch["name"]): len(
            list(client.every(f"repos/{organization}/{name}/commits", sha=branch["commit"]["id"]))
        )
        for name in repositories
        for branch in client.every(f"repos/{organization}/{name}/branches")
    }
    rules = [one["rule_name"] for one in client.every(f"repos/{organization}/rental/branch_protections")]
    assert commits == {
        ("rental", "main"): 1, ("rental", "env/dev"): 2, ("rental", "env/prod"): 2, ("idp-gitops", "main"): 1,
    }  # fmt: skip
    assert sorted(rules) == ["env/dev", "env/prod", "main"]
    assert len(list(client.every("users/idp-argocd/tokens"))) == 1
    assert forge.client("x", desk.outputs()["token"]).get(f"repos/{organization}/rental")
    assert forge.client("ada", desk.outputs()["ada"]).get("user")["login"] == "ada"
