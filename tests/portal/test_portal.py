"""The real backend with a stack's generated catalog: every entity is taken, and the forms do what the commands do."""

from __future__ import annotations

import shutil
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from github import Auth, Github

from benchmarks.plan import stack as benchmark
from idp import recorder
from idp.errors import MistakesError
from idp.portal.app_config import Access
from idp.portal.entities import entities, shards
from idp.portal.forms import forms
from tests.conftest import PROJECT
from tests.portal.stacks import TOKEN, config, ingested, refs, stack_of
from tests.support.github import GitHubServer
from tests.support.portal import PORTAL, Portal, Postgres, node

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(300)


@pytest.mark.parametrize("which", ["dev", "prod", "1,000 services"])
def test_the_backend_takes_every_entity(which: str, tmp_path: Path, database: Postgres) -> None:
    """In under 20 seconds from its start until it is ready, and without a warning."""
    root = PROJECT
    if which not in {"dev", "prod"}:
        root = tmp_path / "root"
        root.mkdir()
        shutil.copy(PROJECT / "Pulumi.yaml", root)
        (root / "Pulumi.dev.yaml").write_text(benchmark(1000))
    made = stack_of(root, which if which in {"dev", "prod"} else "dev")
    wanted = refs([*entities(made), *forms(made)])

    with Portal(folder=tmp_path / "portal", config=config(tmp_path / "catalog", made, database), database=database) as portal:
        assert portal.seconds < 20
        assert ingested(portal, wanted) == wanted
        assert portal.complaints() == []


@pytest.fixture(scope="module")
def github(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitHubServer]:
    """With this program's own repository, which holds what this one does."""
    tokens = {TOKEN: ["contents", "pull_requests", "metadata", "administration"]}
    with GitHubServer(tmp_path_factory.mktemp("github"), organization="acme", tokens=tokens) as server:
        yield server


def test_its_own_tests_pass_and_its_types_check(database: Postgres) -> None:
    """As `npm run check` and `npm test` run them."""
    del database  # it says whether the portal's packages are here
    for command in (["node_modules/typescript/bin/tsc"], ["--test", "packages/backend/src/*.test.ts"]):
        done = subprocess.run([str(node()), *command], cwd=PORTAL, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr


def test_nobody_reads_the_catalog_without_signing_in(tmp_path: Path, database: Postgres) -> None:
    """And where the config names no guest there is none."""
    made = stack_of(PROJECT, "dev")
    given = config(tmp_path / "catalog", made, database, access=Access(guest=False, sign_in=False, token=True))

    with Portal(folder=tmp_path / "portal", config=given, database=database) as portal:
        assert portal.ask("GET", "/api/catalog/entities")[0] == 401
        assert portal.ask("POST", "/api/auth/guest/refresh")[0] == 404


def test_shards_hold_whole_entities_within_their_size() -> None:
    """Every entity is in one of them, once and in order."""
    made = stack_of(PROJECT, "dev")
    texts = shards(entities(made), size=2500)

    assert len(texts) > 2
    assert all(len(text.encode()) <= 2500 for text in texts)
    assert [one for text in texts for one in yaml.safe_load_all(text)] == list(entities(made))


ENTRY = "team: mobility\ntemplate: node\ndescription: Rents vehicles  # since 2020\n"
STACK = """config:
  idp:organization: acme
  idp:repository: acme/idp
  idp:visibility: public
  idp:local: true
  idp:cluster: {mode: kind, name: acme-dev}
  idp:teams: {mobility: {github: mobility, members: [ada, grace]}}
  idp:services:
    platform: {team: mobility, template: node, description: Asks the other}
"""
NEW = {"name": "billing", "team": "mobility", "template": "node", "description": "Bills: 100 %"}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one entry in its stack's file, and one in a file of its own."""
    folder = tmp_path_factory.mktemp("root")
    shutil.copy(PROJECT / "Pulumi.yaml", folder)
    (folder / "services").mkdir()
    (folder / "services" / "rental.yaml").write_text(ENTRY)
    (folder / "Pulumi.dev.yaml").write_text(STACK)
    return folder


@pytest.fixture(scope="module")
def portal(
    root: Path, github: GitHubServer, database: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Portal]:
    """A local stack's portal, whose own repository is on the tests' GitHub."""
    home = tmp_path_factory.mktemp("portal")
    made = stack_of(root, "dev")
    client = github_client(github)
    repository = client.get_organization("acme").create_repo("idp", auto_init=True)
    for name in ("Pulumi.yaml", "Pulumi.dev.yaml", "services/rental.yaml"):
        repository.create_file(name, f"Add {name}", (root / name).read_text())
    with Portal(folder=home / "run", config=config(home / "catalog", made, database, github.url), database=database, token=TOKEN) as started:
        ingested(started, refs([*entities(made), *forms(made)]))
        yield started


def github_client(github: GitHubServer) -> Github:
    """A client with the portal's own token."""
    return Github(auth=Auth.Token(TOKEN), base_url=github.api_url, retry=None)


def send(portal: Portal, form: str, values: dict[str, Any]) -> tuple[int, Any]:
    """What a form's page sends; the answer, or the end of the task that it began."""
    token = portal.guest()
    body = {"templateRef": f"template:default/{form}", "values": values}
    status, said = portal.ask("POST", "/api/scaffolder/v2/tasks", body, token)
    while status == 201 and said.get("status") not in {"completed", "failed"}:
        time.sleep(0.2)
        said = said | portal.ask("GET", f"/api/scaffolder/v2/tasks/{said['id']}", token=token)[1]
    return status, said


def events(portal: Portal, task: str) -> str:
    """What a task said on its way."""
    found = portal.ask("GET", f"/api/scaffolder/v2/tasks/{task}/events?after=0", token=portal.guest())[1]
    return "\n".join(str(one["body"].get("message", "")) for one in found)


def proposed(github: GitHubServer, branch: str, folder: Path) -> Path:
    """The project as it would be after a pull request is merged."""
    repository = github_client(github).get_repo("acme/idp")
    assert [pull.head.ref for pull in repository.get_pulls(state="open", head=f"acme:{branch}")] == [branch]
    address = github.git_url("idp", TOKEN)
    subprocess.run(["git", "clone", "--quiet", "--branch", branch, address, str(folder)], check=True, timeout=60)
    return folder


def test_a_new_service_is_one_pull_request_whose_plan_has_it(
    portal: Portal, github: GitHubServer, tmp_path: Path
) -> None:
    """Sent twice, it is still one."""
    more = {"calls": ["rental"], "addresses": ["https://bank.example"], "parameters": {"port": 3001}, "topics": ["money"]}
    for _ in range(2):
        status, said = send(portal, "new-service", NEW | more)
        assert (status, said["status"]) == (201, "completed"), events(portal, said["id"])

    plan = recorder.record(proposed(github, "onboard-billing", tmp_path / "merged"), "dev")
    repository = plan.one("github:index/repository:Repository", "billing")
    assert repository.inputs["description"] == "Bills: 100 %"
    assert "money" in repository.inputs["topics"]


@pytest.mark.parametrize(("service", "file"), [("rental", "services/rental.yaml"), ("platform", "Pulumi.dev.yaml")])
def test_a_retirement_is_one_pull_request_that_changes_one_entry(
    portal: Portal, github: GitHubServer, root: Path, tmp_path: Path, service: str, file: str
) -> None:
    """Wherever the entry stands; nothing else of the file is touched."""
    status, said = send(portal, "retire-service", {"name": service})
    assert (status, said["status"]) == (201, "completed"), events(portal, said["id"])

    merged = proposed(github, f"retire-{service}", tmp_path / "merged")
    before, after = (root / file).read_text(), (merged / file).read_text()
    assert after.replace("state: retired\n", "").replace(", state: retired", "") == before
    retired = {one.name for one in recorder.load(merged, "dev").catalog.services if one.retired}
    assert retired == {service}


REFUSED = {
    "a name that is taken": {"name": "rental"},
    "the platform's own repository": {"name": "idp"},
    "the GitOps repository": {"name": "idp-gitops"},
    "a name of capitals": {"name": "Billing"},
    "a name of one letter": {"name": "b"},
    "a name that is too long": {"name": "b" * 41},
    "an unknown team": {"team": "nobody"},
    "an unknown template": {"template": "rust"},
    "no description": {"description": ""},
    "a description of two lines": {"description": "one\ntwo"},
    "a long description": {"description": "d" * 201},
    "an unknown parameter": {"parameters": {"colour": "red"}},
    "a parameter out of range": {"parameters": {"port": 80}},
    "a parameter of another type": {"parameters": {"port": "three"}},
    "an unknown service that it calls": {"calls": ["nobody"]},
    "an address that is none": {"addresses": ["ftp://bank.example"]},
    "a topic that is none": {"topics": ["No Topic"]},
}


@pytest.mark.parametrize("what", REFUSED)
def test_the_form_refuses_what_validate_refuses(
    portal: Portal, github: GitHubServer, root: Path, tmp_path: Path, what: str
) -> None:
    """Before anything is done: no branch, no request."""
    values = NEW | {"name": "another"} | REFUSED[what]
    before = github.count("POST")

    status, said = send(portal, "new-service", values)

    assert status == 400, said
    assert github.count("POST") == before
    folder = tmp_path / "tried"
    shutil.copytree(root, folder)
    calls = [*values.pop("calls", []), *values.pop("addresses", [])]
    name = values.pop("name")
    if name in {"rental", "platform"}:
        return  # a second file of that name cannot be
    (folder / "services" / f"{name}.yaml").write_text(yaml.safe_dump(values | {"calls": calls}))
    with pytest.raises(MistakesError):
        recorder.load(folder, "dev")


def test_a_repository_from_elsewhere_is_described_once(portal: Portal, github: GitHubServer) -> None:
    """Also when the answer to the commit was lost and the form is sent again."""
    repository = github_client(github).get_organization("acme").create_repo("legacy", auto_init=True)
    values = {"repository": "acme/legacy", "owner": "group:default/mobility", "description": "Was here before"}
    ends = [send(portal, "describe-repository", values)[1] for _ in range(2)]

    assert [end["status"] for end in ends] == ["completed", "completed"]
    content: Any = repository.get_contents("catalog-info.yaml")
    said = yaml.safe_load(content.decoded_content)
    assert said["metadata"]["name"] == "legacy"
    assert said["spec"]["owner"] == "group:default/mobility"
    assert len(github.find("PUT", r".*/acme/legacy/contents/catalog-info\.yaml", 201)) == 1
    assert portal.ask("POST", "/api/catalog/validate-entity", {"entity": said, "location": "url:https://x.example"}, portal.guest())[0] == 200
