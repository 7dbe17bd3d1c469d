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
from tests.support.github import PERMISSIONS, GitHubServer
from tests.support.portal import PORTAL, Portal, Postgres, node
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(300)
START = 20
"""Seconds in which the backend is ready."""


@pytest.mark.parametrize("which", ["dev", "prod", "1,000 services"])
def test_the_backend_takes_every_entity(which: str, tmp_path: Path, database: Postgres) -> None:
    """Ready in under 20 seconds, which are those of the processors where the machine does other things; without a warning."""
    root = PROJECT
    if which not in {"dev", "prod"}:
        root = tmp_path / "root"
        root.mkdir()
        shutil.copy(PROJECT / "Pulumi.yaml", root)
        (root / "Pulumi.dev.yaml").write_text(benchmark(1000))
    made = stack_of(root, which if which in {"dev", "prod"} else "dev")
    wanted = refs([*entities(made), *forms(made)])

    given = config(tmp_path / "catalog", made, database)
    with Portal(folder=tmp_path / "portal", config=given, database=database) as portal:
        assert min(portal.seconds, portal.worked) < START
        assert ingested(portal, wanted) == wanted
        assert portal.complaints() == []
        print(f"ready after {portal.seconds:.1f} s, {portal.worked:.1f} of the processors")  # noqa: T201


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
        done = subprocess.run(
            [str(node()), *command], cwd=PORTAL, capture_output=True, text=True, check=False, timeout=120
        )
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
    platform: {team: mobility, template: node, description: Asks the other, topics: [event--driven, ends-]}
    ledger: {team: mobility, adopted: true, description: Was here before}
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
    with Portal(
        folder=home / "run", config=config(home / "catalog", made, database, github.url), database=database, token=TOKEN
    ) as started:
        ingested(started, refs([*entities(made), *forms(made)]))
        yield started


def github_client(github: GitHubServer) -> Github:
    """A client with the portal's own token."""
    return Github(auth=Auth.Token(TOKEN), base_url=github.api_url, retry=None, seconds_between_writes=0)


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


def branches(github: GitHubServer, prefix: str) -> list[str]:
    """Of the project, whose names begin so."""
    return [
        one.name for one in github_client(github).get_repo("acme/idp").get_branches() if one.name.startswith(prefix)
    ]


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
    more = {
        "calls": ["rental"],
        "addresses": ["https://bank.example"],
        "parameters": {"port": 3001},
        "topics": ["money"],
    }
    more |= {"system": "bank"}
    for _ in range(2):
        status, said = send(portal, "new-service", NEW | more)
        assert (status, said["status"]) == (201, "completed"), events(portal, said["id"])

    (branch,) = branches(github, "onboard-billing-")
    plan = recorder.record(proposed(github, branch, tmp_path / "merged"), "dev")
    repository = plan.one("github:index/repository:Repository", "billing")
    assert repository.inputs["description"] == "Bills: 100 %"
    assert "money" in repository.inputs["topics"]
    catalog = plan.one("kubernetes:core/v1:ConfigMap", name="portal-catalog-0").at("data", "0.yaml")
    assert '"system": "bank"' in catalog


@pytest.mark.parametrize(("service", "file"), [("rental", "services/rental.yaml"), ("platform", "Pulumi.dev.yaml")])
def test_a_retirement_is_one_pull_request_that_changes_one_entry(
    portal: Portal, github: GitHubServer, root: Path, tmp_path: Path, service: str, file: str
) -> None:
    """Wherever the entry stands; nothing else of the file is touched."""
    status, said = send(portal, "retire-service", {"name": service})
    assert (status, said["status"]) == (201, "completed"), events(portal, said["id"])

    merged = proposed(github, f"retire-{service}", tmp_path / "merged")
    before, after = (root / file).read_text(), (merged / file).read_text()
    assert after.replace("state: retired\n", "").replace("state: retired, ", "") == before
    retired = {one.name for one in recorder.load(merged, "dev").catalog.services if one.retired}
    assert retired == {service}


def test_a_wish_of_somebody_else_for_the_same_name_leaves_a_branch_alone(portal: Portal, github: GitHubServer) -> None:
    """Also while the first has no request yet: each has its own."""
    github.fault("POST", r".*/pulls", "drop-before")
    wishes = [NEW | {"name": "both", "description": description} for description in ("First", "Second", "First")]
    ends = [send(portal, "new-service", wish)[1]["status"] for wish in wishes]

    assert ends == ["failed", "completed", "completed"]
    repository = github_client(github).get_repo("acme/idp")
    pulls = [pull for pull in repository.get_pulls(state="open") if pull.head.ref.startswith("onboard-both-")]
    said = [yaml.safe_load(text(github, "idp", "services/both.yaml", pull.head.ref))["description"] for pull in pulls]
    assert (sorted(said), [pull.commits for pull in pulls]) == (["First", "Second"], [1, 1])


def text(github: GitHubServer, name: str, path: str, branch: str = "main") -> str:
    """A file of a repository."""
    content: Any = github_client(github).get_repo(f"acme/{name}").get_contents(path, ref=branch)
    return content.decoded_content.decode()


def test_a_form_that_is_merged_already_says_so_and_leaves_no_branch(portal: Portal, github: GitHubServer) -> None:
    """Until the next `up` the form does not know that the name is taken."""
    sent = NEW | {"name": "merged"}
    assert send(portal, "new-service", sent)[1]["status"] == "completed"
    (branch,) = branches(github, "onboard-merged-")
    repository = github_client(github).get_repo("acme/idp")
    repository.create_file("services/merged.yaml", "Merge it", text(github, "idp", "services/merged.yaml", branch))
    repository.get_git_ref(f"heads/{branch}").delete()
    before = github.count("POST")

    status, said = send(portal, "new-service", sent)

    assert (status, said["status"]) == (201, "failed")
    assert "services/merged.yaml says so on main already; the next `up` makes it so" in events(portal, said["id"])
    assert github.count("POST") == before


def test_nobody_makes_the_portal_read_what_they_name(portal: Portal, github: GitHubServer) -> None:
    """Asked for a template, an entity or an address of theirs it reads none: it has a token that reads everything."""
    repository = github_client(github).get_organization("acme").create_repo("secret", auto_init=True, private=True)
    repository.create_file("plan.txt", "Add it", "of-the-board: [\n")
    page = f"{github.url}/acme/secret"
    step = {"id": "read", "name": "Read", "action": "fetch:plain", "input": {"url": f"{page}/tree/main"}}
    template = {
        "apiVersion": "scaffolder.backstage.io/v1beta3",
        "kind": "Template",
        "metadata": {"name": "own"},
        "spec": {"type": "service", "owner": "group:default/mobility", "parameters": [], "steps": [step]},
    }
    entity = {
        "apiVersion": "backstage.io/v1alpha1",
        "kind": "API",
        "metadata": {"name": "own"},
        "spec": {
            "type": "openapi",
            "lifecycle": "x",
            "owner": "x",
            "definition": {"$yaml": f"{page}/blob/main/plan.txt"},
        },
    }
    location = {"type": "url", "target": f"{page}/blob/main/plan.txt"}
    asked = {
        "/api/scaffolder/v2/dry-run": {"template": template, "values": {}, "directoryContents": []},
        "/api/catalog/validate-entity": {"entity": entity, "location": f"url:{page}/blob/main/own.yaml"},
        "/api/catalog/analyze-location": {"location": location},
        "/api/catalog/locations": location,
    }
    before = github.count("GET")
    answers = {path: portal.ask("POST", path, body, portal.guest()) for path, body in asked.items()}

    assert {path: status for path, (status, _) in answers.items()} == dict.fromkeys(asked, 403), answers
    assert github.count("GET") == before


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
    "a port that is none": {"addresses": ["https://bank.example:70000"]},
    "no port": {"addresses": ["https://bank.example:0"]},
    "a private address": {"addresses": ["https://10.1.2.3"]},
    "a private address with port and path": {"addresses": ["https://bank.example", "http://172.31.255.255:8080/v1"]},
    "this very machine": {"addresses": ["http://127.0.0.1"]},
    "a cloud's metadata": {"addresses": ["http://169.254.169.254/latest"]},
    "a carrier's own address": {"addresses": ["http://100.64.0.1"]},
    "a private address of IPv6": {"addresses": ["https://[fd00::1]"]},
    "a topic that is none": {"topics": ["No Topic"]},
    "a system that is none": {"system": "No System"},
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


DESCRIBED = {"owner": "group:default/mobility", "description": "Was here before"}


def described(github: GitHubServer, name: str) -> Any:
    """What a repository says of itself, after the first commit and just one more."""
    repository = github_client(github).get_repo(f"acme/{name}")
    assert [one.commit.message for one in repository.get_commits()][:-1] == ["Tell the portal about this repository"]
    return yaml.safe_load(text(github, name, "catalog-info.yaml"))


def test_a_repository_from_elsewhere_is_described_once(portal: Portal, github: GitHubServer) -> None:
    """Also when the form is sent again."""
    github_client(github).get_organization("acme").create_repo("legacy", auto_init=True)
    values = {"repository": "acme/legacy"} | DESCRIBED
    ends = [send(portal, "describe-repository", values)[1] for _ in range(2)]

    assert [end["status"] for end in ends] == ["completed", "completed"]
    said = described(github, "legacy")
    assert said["metadata"]["name"] == "legacy"
    assert said["spec"]["owner"] == "group:default/mobility"


def test_what_a_repository_says_of_itself_stays_as_somebody_wrote_it(portal: Portal, github: GitHubServer) -> None:
    """The form says what to do instead."""
    repository = github_client(github).get_organization("acme").create_repo("written", auto_init=True)
    repository.create_file("catalog-info.yaml", "Say what it is", about("written"))
    before = github.count("PUT")

    _, said = send(portal, "describe-repository", {"repository": "acme/written"} | DESCRIBED)

    assert said["status"] == "failed"
    assert "acme/written has a catalog-info.yaml that says something else; change it there" in events(
        portal, said["id"]
    )
    assert github.count("PUT") == before
    assert text(github, "written", "catalog-info.yaml") == about("written")


@pytest.mark.parametrize("name", ["Rental", "LEDGER", "IDP-GitOps", "Idp"])
def test_what_the_platform_knows_is_described_by_its_entry(portal: Portal, github: GitHubServer, name: str) -> None:
    """However its name is written: GitHub knows no capitals."""
    before = github.count("PUT")

    _, said = send(portal, "describe-repository", {"repository": f"acme/{name}"} | DESCRIBED)

    assert said["status"] == "failed"
    assert f"acme/{name} is the platform's own or a service of its entries" in events(portal, said["id"])
    assert github.count("PUT") == before


@pytest.mark.parametrize("name", [".github", "_old", "old-", "o" * 64, "rental", "a/b"])
def test_a_repository_whose_name_is_no_entitys_is_refused(portal: Portal, name: str) -> None:
    """Backstage would not take what is written there."""
    assert send(portal, "describe-repository", {"repository": f"acme/{name}"} | DESCRIBED)[0] == 400


@pytest.mark.parametrize(
    ("fault", "ends"),
    [
        pytest.param("drop-after", ["completed"], id="after the commit"),
        pytest.param("drop-before", ["failed", "completed"], id="before the commit"),
        pytest.param("502", ["failed", "completed"], id="with a bad gateway"),
    ],
)
def test_a_cut_connection_makes_no_second_commit(
    portal: Portal, github: GitHubServer, fault: str, ends: list[str]
) -> None:
    """The action looks whether the commit is there before it says that there is none; what failed can be sent again."""
    name = f"cut-{fault}"
    github_client(github).get_organization("acme").create_repo(name, auto_init=True)
    values = {"repository": f"acme/{name}"} | DESCRIBED
    struck = github.fault("PUT", f"/repos/acme/{name}/contents/catalog-info.yaml", fault)
    found = [send(portal, "describe-repository", values)[1] for _ in ends]

    assert struck.struck == 1
    assert [end["status"] for end in found] == ends, events(portal, found[-1]["id"])
    assert described(github, name)["metadata"]["name"] == name
    assert send(portal, "describe-repository", values)[1]["status"] == "completed"
    assert described(github, name)["metadata"]["name"] == name


def test_a_request_whose_answer_was_lost_is_found_again(portal: Portal, github: GitHubServer) -> None:
    """Whatever of it was made when the connection was cut: file or pull request."""
    github.fault("PUT", r".*/contents/services/lost\.yaml", "drop-after")
    github.fault("POST", r".*/pulls", "drop-after")
    ends = [send(portal, "new-service", NEW | {"name": "lost"})[1] for _ in range(2)]

    assert [end["status"] for end in ends] == ["failed", "completed"]
    (branch,) = branches(github, "onboard-lost-")
    pulls = github_client(github).get_repo("acme/idp").get_pulls(state="all", head=f"acme:{branch}")
    assert [(pull.state, pull.commits) for pull in pulls] == [("open", 1)]


@pytest.mark.usefixtures("_parts")
def test_repositories_of_others_are_found_by_their_topic(tmp_path: Path, root: Path) -> None:
    """Each by its own file; not one that has an entry, that is archived or that does not carry the topic."""
    made = stack_of(root, "dev")
    with (
        GitHubServer(tmp_path / "github", organization="acme", tokens={TOKEN: PERMISSIONS}) as github,
        Postgres(
            folder=tmp_path / "postgres"
        ) as database,  # the catalog remembers what a provider found, and when it asked
    ):
        organization = github_client(github).get_organization("acme")
        for number in range(25):  # a page of what Backstage asks for
            organization.create_repo(f"other-{number}")
        for name in ("legacy", "archived", "untold", "rental", "silent"):
            repository = organization.create_repo(name, auto_init=True, private=name == "legacy")
            if name == "legacy":
                repository.create_git_ref("refs/heads/trunk", repository.get_branch("main").commit.sha)
                repository.edit(default_branch="trunk")
            if name != "silent":
                repository.create_file(
                    "catalog-info.yaml", "Say what it is", about(name), branch=repository.default_branch
                )
            if name != "untold":
                repository.replace_topics(["idp-managed"])
            if name == "archived":
                repository.edit(archived=True)
        given = config(tmp_path / "catalog", made, database, github.url, discovery=True)
        with Portal(folder=tmp_path / "portal", config=given, database=database, token=TOKEN) as portal:
            wanted = refs([*entities(made), *forms(made)]) | {"component:default/found-legacy"}

            assert ingested(portal, wanted) == wanted
            assert "Read 30 GitHub repositories (2 matching the pattern)" in portal.said("info")
            assert portal.complaints() == []


DOCS, SOURCE = "backstage.io/techdocs-ref", "backstage.io/source-location"
MANAGED = ("backstage.io/managed-by-location", "backstage.io/managed-by-origin-location")
FOREIGN: dict[str, dict[str, Any]] = {
    "docs": {"annotations": {DOCS: "url:@/acme/secret/tree/main"}},
    "docs-by-a-path": {"annotations": {DOCS: "dir:../../../secret/tree/main"}},
    "docs-by-bitbuckets-path": {"annotations": {DOCS: "dir:projects/acme/repos/secret"}},
    "source": {"annotations": {DOCS: "dir:.", SOURCE: "url:@/acme/secret/tree/main/"}},
    "source-in-the-pod": {"annotations": {DOCS: "dir:.", SOURCE: "file:/etc/"}},
    "location": {"annotations": {DOCS: "url:@/acme/secret/tree/main", **dict.fromkeys(MANAGED, "file:/catalog/0.yaml")}},
    "text": {"definition": {"$text": "@/acme/secret/blob/main/plan.txt"}},
    "text-of-a-folder": {"definition": {"$text": "@/acme/secret/tree/main"}},
    "text-behind-an-escape": {"definition": {"$text": "@/acme/secret/contents/plan.txt%3f/blob/x"}},
    "text-past-a-backslash": {
        "definition": {"$text": "@/acme/foreign/blob/main/..%5c..%5c..%5cacme%5csecret%5ccontents%5cplan.txt"}
    },
}  # fmt: skip
"""Name -> what an entity in the repository `foreign` says, to have another one read; several of them Backstage itself takes."""


@pytest.mark.usefixtures("_parts")
def test_what_is_discovered_has_its_own_repository_read_and_no_other(tmp_path: Path, root: Path) -> None:
    """Whoever has a repository writes its file, and everybody sees what the portal's token reads for it."""
    made = stack_of(root, "dev")
    with (
        GitHubServer(tmp_path / "github", organization="acme", tokens={TOKEN: PERMISSIONS}) as github,
        Postgres(folder=tmp_path / "postgres") as database,
    ):
        plan = f"{github.url}/acme/secret/blob/main/plan.txt"
        files = {
            "secret": {"plan.txt": "of-the-board: [\n", "README.md": "# Secret\n"},
            "own": {
                "catalog-info.yaml": about(
                    "own", "API", annotations={DOCS: "dir:."}, definition={"$text": "./openapi.yaml"}
                ),
                "openapi.yaml": "of-its-own\n",
            },
            "foreign": {
                "catalog-info.yaml": "---\n".join(
                    about(
                        name, "API", annotations=said.get("annotations"), definition=said.get("definition", "none")
                    ).replace("@", github.url)
                    for name, said in FOREIGN.items()
                )
            },
            "pointing": {"catalog-info.yaml": about("pointing", "Location", type="url", target=plan)},
        }
        organization = github_client(github).get_organization("acme")
        for name, texts in files.items():
            repository = organization.create_repo(name, private=True)
            for path, content in texts.items():
                repository.create_file(path, f"Add {path}", content)
            if name != "secret":
                repository.replace_topics(["idp-managed"])
        before = github.count("GET", "/repos/acme/secret.*")
        given = config(tmp_path / "catalog", made, database, github.url, discovery=True)
        with Portal(folder=tmp_path / "portal", config=given, database=database, token=TOKEN) as portal:
            wanted = refs([*entities(made), *forms(made)]) | {"api:default/found-own"}

            def refused(why: str) -> int:
                return sum(why in one for one in portal.complaints())

            until(lambda: refused("acme/foreign, whose file says so; ") == len(FOREIGN), 120, portal.complaints)
            until(lambda: refused("is not of an allowed kind for that location") == 1, 60, portal.complaints)
            assert ingested(portal, wanted) == wanted
            token = portal.guest()
            for name in ("own", *FOREIGN):
                portal.fetch(
                    "GET", f"/api/techdocs/sync/default/api/found-{name}", {"Authorization": f"Bearer {token}"}
                )
            own = portal.ask("GET", "/api/catalog/entities/by-name/api/default/found-own", token=token)[1]
            assert own["spec"]["definition"] == "of-its-own\n"
            assert github.count("GET", "/repos/acme/own/tarball/.*") == 1
            assert github.count("GET", "/repos/acme/secret.*") == before
            assert "of-the-board" not in (portal.folder / "log").read_text()


def about(name: str, kind: str = "Component", *, annotations: dict[str, str] | None = None, **said: Any) -> str:
    """A catalog-info.yaml."""
    spec = {"type": "service", "lifecycle": "production", "owner": "group:default/mobility"}
    return yaml.safe_dump(
        {
            "apiVersion": "backstage.io/v1alpha1",
            "kind": kind,
            "metadata": {"name": f"found-{name}", "annotations": annotations or {}},
            "spec": spec | said,
        }
    )


def test_docs_of_an_adopted_service_are_those_of_its_default_branch(portal: Portal, github: GitHubServer) -> None:
    """Whatever its name: a repository that was there before may have any."""
    repository = github_client(github).get_organization("acme").create_repo("ledger", auto_init=True)
    repository.create_git_ref("refs/heads/trunk", repository.get_branch("main").commit.sha)
    repository.edit(default_branch="trunk")
    repository.create_file("docs/index.md", "Say what it is", "# Ledger\n", branch="trunk")
    token = portal.guest()
    portal.fetch("GET", "/api/techdocs/sync/default/component/ledger", {"Authorization": f"Bearer {token}"})

    tip = repository.get_branch("trunk").commit.sha
    assert github.count("GET", rf"/repos/acme/ledger/tarball/{tip}") == 1
