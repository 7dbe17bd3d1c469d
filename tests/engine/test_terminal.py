"""A day with the platform, at a terminal: doctor, a service onboarded, how things are, a service retired, one adopted.

The tests of this module are chapters of one day and run in their order.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pexpect
import pytest
from github import Auth, Github

from tests.engine.conftest import ARGOCD_TOKEN, GITHUB_TOKEN
from tests.support.desk import Desk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.github import GitHubServer

pytestmark = pytest.mark.timeout(900)

OVERLAY = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody at a desk, who reads what is asked and types."""

    desk: Desk
    github: GitHubServer

    def types(self, *words: str, answers: tuple[tuple[str, str], ...] = ()) -> tuple[int, str]:
        """Run a command; to each question that comes, give its answer. The exit code, and the whole screen."""
        command, *arguments = self.desk.command(*words)
        environment = self.desk.environment | {"TERM": "dumb", "COLUMNS": "200", "NO_COLOR": "1"}
        child: Any = pexpect.spawn(
            command, arguments, cwd=str(self.desk.project), env=environment, encoding="utf-8", timeout=120,
            dimensions=(50, 200),
        )  # fmt: skip
        screen = ""
        for question, answer in answers:
            child.expect(question)
            screen += child.before + child.after
            child.sendline(answer)
        child.expect(pexpect.EOF)
        child.close()
        return child.exitstatus, (screen + child.before).replace("\r\n", "\n")

    @property
    def stack(self) -> str:
        """The committed file."""
        return (self.desk.project / "Pulumi.dev.yaml").read_text()


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory, github: GitHubServer) -> Iterator[Person]:
    secrets = {"GITHUB_TOKEN": GITHUB_TOKEN, "ARGOCD_GITHUB_TOKEN": ARGOCD_TOKEN}
    desk = Desk(home=tmp_path_factory.mktemp("terminal") / "desk", github_url=github.url, secrets=secrets)
    yield Person(desk=desk, github=github)
    desk.close()


def test_doctor_says_that_all_is_there(person: Person) -> None:
    """Before anything is made."""
    code, screen = person.types("doctor")

    assert (code, screen.splitlines()[-1].startswith("dev: ready for up")) == (0, True), screen


def test_status_says_that_nothing_runs_yet(person: Person) -> None:
    """And what would change that."""
    code, screen = person.types("status")

    assert (code, "stack dev runs nothing; `make up STACK=dev` makes it" in screen) == (1, True), screen


def test_a_service_is_onboarded_by_answering_questions(person: Person) -> None:
    """A mistake is told and the question asked again; what follows is shown before anything is written."""
    before = person.stack

    code, screen = person.types(
        "onboard",
        "--system",
        "bank",
        answers=(
            ("name", "Billing Service"),
            ("try `billing-service`.*name", "rental"),
            ("has an entry in Pulumi.dev.yaml already.*name", "billing"),
            (r"team \(mobility\)", "mobilty"),
            ("did you mean `mobility`.*team", "mobility"),
            (r"template \(node, python\)", "node"),
            ("description", "Bills: 100 %"),
            (r"write Pulumi.dev.yaml\?", "y"),
        ),
    )

    assert code == 0, screen
    assert "service billing of team mobility is new" in screen
    assert "wrote Pulumi.dev.yaml" in screen
    added = '    billing:\n      team: mobility\n      template: node\n      description: "Bills: 100 %"\n      system: bank\n'
    assert person.stack == before + added


def test_no_is_an_answer(person: Person) -> None:
    """Nothing is written, and that is said."""
    before = person.stack

    code, screen = person.types("retire", "billing", answers=((r"write Pulumi.dev.yaml\?", "n"),))

    assert (code, "Pulumi.dev.yaml is as it was" in screen) == (1, True), screen
    assert person.stack == before


@pytest.mark.parametrize(
    ("words", "says"),
    [
        pytest.param(("onboard", "invoices", "--team", "mobility"), "say --template: one of node, python", id="what is missing"),
        pytest.param(("retire", "bilings"), "no service `bilings` in stack dev; did you mean `billing`?", id="a misspelt name"),
        pytest.param(("retire", "rental", "--yes"), "service `rental` is retired; take it out or bring it back", id="called"),
        pytest.param(
            ("onboard", "invoices", "--yes", "--team=mobility", "--template=node", "--description=x", "--param=prt=1"),
            "write `key=value`, with a key that the template has; did you mean `port`?", id="a parameter",
        ),
    ],
)  # fmt: skip
def test_a_script_is_not_asked_and_gets_a_reason(words: tuple[str, ...], says: str, person: Person) -> None:
    """With no terminal there is nobody to ask; nothing is written."""
    before = person.stack

    done = person.desk.idp(*words, check=False)

    assert done.returncode != 0
    assert says in done.stderr
    assert person.stack == before


def test_status_shows_what_runs_and_what_is_not_well(person: Person) -> None:
    """There are no nodes here and no Argo CD at work: each thing is named, with the command that says more."""
    person.desk.up()

    code, screen = person.types("status")

    rows = json.loads(person.desk.idp("status", "--format", "json", check=False).stdout)
    names = {row["name"] for row in rows}
    assert code == 1
    assert {"nodes", "root", "rental-dev", "billing-dev"} <= names
    assert {row["url"] for row in rows if row["name"] == "billing-dev"} == {"https://billing.dev.idp.localhost:8843"}
    more = r"✗ billing-dev: .*\n  → kubectl --kubeconfig \S+ describe application billing-dev -n argocd"
    assert re.search(more, screen), screen
    assert re.search(r"^dev: \d+ things not well$", screen.rstrip(), re.MULTILINE)


def test_a_service_is_retired_and_brought_back(person: Person) -> None:
    """What leaves is shown, and the file is as it was in the end."""
    before = person.stack

    code, screen = person.types("retire", "billing", answers=((r"write Pulumi.dev.yaml\?", "y"),))
    assert (code, "service billing of team mobility is retired" in screen) == (0, True), screen
    assert person.stack == before + "      state: retired\n"
    again = person.desk.idp("retire", "billing")
    assert "billing is retired already" in again.stdout

    person.desk.idp("retire", "billing", "--undo", "--yes")
    assert person.stack == before


@pytest.fixture(scope="module")
def theirs(person: Person) -> dict[str, Any]:
    """A repository that was there before, with a topic of its own, and one that cannot be adopted as it is."""
    organization = Github(base_url=person.github.api_url, auth=Auth.Token(GITHUB_TOKEN)).get_organization("acme")
    made = organization.create_repo(
        "survey", auto_init=True, private=False, description="Asks people", has_issues=False
    )
    made.replace_topics(["questions"])
    made.edit(homepage="https://survey.acme.example", has_wiki=True, allow_squash_merge=False, allow_auto_merge=True)
    for environment in ("dev", "prod"):
        made.create_file(f"deploy/overlays/{environment}/kustomization.yaml", "Deploy", OVERLAY)
    organization.create_repo("Attic", auto_init=True, private=True)
    record = person.github.service.state.find("acme", "survey")
    assert record is not None
    return json.loads(json.dumps(record.settings))


def test_what_cannot_be_adopted_is_told_with_every_reason(person: Person, theirs: dict[str, Any]) -> None:
    """Nothing is written, here or on GitHub."""
    person.github.forget_requests()
    done = person.desk.idp("adopt", "Attic", "nowhere", "rental", "--team", "mobility", "--yes", check=False)

    assert done.returncode == 1
    assert "acme/Attic: a service name is 2 to 40" in done.stderr
    assert "acme/nowhere: there is no such repository" in done.stderr
    assert "`rental` has an entry in Pulumi.dev.yaml already" in done.stderr
    assert not [one for one in person.github.requests if one.write]


def test_a_repository_is_adopted_and_not_one_file_of_it_changes(person: Person, theirs: dict[str, Any]) -> None:
    """`adopt` only reads; the `up` after it adds the platform's topics, access and rules, and a second one does nothing."""
    record = person.github.service.state.find("acme", "survey")
    assert record is not None
    bare = person.github.service.state.bare(record)
    refs, before = bare.refs(), len([one for one in person.github.requests if one.write])

    person.desk.idp("adopt", "survey", "--team", "mobility", "--yes")

    assert len([one for one in person.github.requests if one.write]) == before
    entry = (person.desk.project / "services" / "survey.yaml").read_text()
    assert entry == "team: mobility\nadopted: true\ndescription: Asks people\ntopics: [questions]\n"
    done = person.desk.idp("up", "--yes")
    assert "survey" in done.stdout
    assert bare.refs() == refs
    record = person.github.service.state.find("acme", "survey")
    assert record is not None
    assert {key: record.settings[key] for key in theirs} == theirs
    assert sorted(record.topics) == ["idp-managed", "questions", "team-mobility"]
    assert [each["name"] for each in record.rulesets] == ["default-branch"]
    assert record.teams == {"mobility": "push"}
    assert person.desk.changes() == {}
