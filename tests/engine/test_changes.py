"""The dev stack changed behind its back, and by its own people: what comes back, what is added, and what nobody touches.

The tests of this module are the chapters of one stack's life and run in their order. Plugins that stand in for the real ones
read and apply here as those do: see tests/support/plugins.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from github import Auth, Github

from tests.engine.conftest import ARGOCD_TOKEN, GITHUB_TOKEN

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.engine import Engine
    from tests.support.github import GitHubServer

SERVICES = ("platform", "rental", "vehicles")
PROGRAM = "--field-manager=cost-controller"
"""Makes a change somebody's program's own; what people change by kubectl is for the next `up` to undo."""

Refs = dict[str, dict[str, str]]
"""Commits by reference by service."""


@dataclass(frozen=True, kw_only=True)
class Life:
    """The stack after its first `up`, and the ways round it."""

    engine: Engine
    github: GitHubServer
    kubeconfig: Path

    def kubectl(self, line: str, *arguments: str) -> str:
        """What somebody does to the cluster."""
        command = ["kubectl", "--kubeconfig", str(self.kubeconfig), *line.split(), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def object(self, line: str) -> dict[str, Any]:
        """What the API server holds."""
        return json.loads(self.kubectl(f"get {line} --output=json"))

    def record(self, service: str) -> Any:
        """What GitHub keeps of a repository beside its commits."""
        record = self.github.service.state.find("acme", service)
        assert record is not None
        return record

    def edit(self, service: str, **fields: Any) -> None:
        """The same, changed by somebody's hand and not by a request that the platform could have made."""
        record = self.record(service)
        for name, value in fields.items():
            setattr(record, name, value)
        self.github.service.state.save(record)

    def git(self, service: str, *arguments: str) -> str:
        """What git says of a repository."""
        command = ["git", "-C", str(self.github.service.state.bare(self.record(service)).folder), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def urns(self) -> set[str]:
        """What is in the state."""
        return {resource["urn"] for resource in self.engine.resources()}

    def refs(self) -> Refs:
        """Every reference of every service."""
        lines = {name: self.git(name, "for-each-ref", "--format=%(refname) %(objectname)") for name in SERVICES}
        return {name: dict(line.split() for line in text.splitlines()) for name, text in lines.items()}

    def writes(self) -> list[tuple[str, str]]:
        """What GitHub was asked to change so far: method and path."""
        return [(exchange.method, exchange.path) for exchange in self.github.requests if exchange.write]


@pytest.fixture(scope="module")
def life(engine: Engine, github: GitHubServer) -> Life:
    engine.run("up")
    kubeconfig = engine.home / "kubeconfig"
    kubeconfig.write_text(engine.outputs()["kubeconfig"])
    return Life(engine=engine, github=github, kubeconfig=kubeconfig)


def test_a_refresh_sees_what_was_changed_outside(life: Life) -> None:
    """What the state does not know, `up` cannot put right; and what is not ours is no change."""
    life.kubectl("delete resourcequota quota -n mobility-dev")
    life.kubectl("label namespace mobility-dev idp/team=mine --overwrite")
    life.kubectl("patch appproject team-mobility -n argocd --type=merge -p", '{"spec": {"sourceRepos": ["*"]}}')
    for line in ("namespace mobility-dev", "limitrange limits -n mobility-dev"):
        life.kubectl(f"label {line} cost-center=4711 {PROGRAM}")
    settings = {"description": "Mine", "homepage": "https://rental.example"}
    life.edit(
        "rental", settings=life.record("rental").settings | settings, topics=["mine"], teams={"mobility": "admin"}
    )
    life.edit("vehicles", teams={}, rulesets=[])
    client = Github(base_url=life.github.api_url, auth=Auth.Token(GITHUB_TOKEN))
    client.get_repo("acme/vehicles").create_file("NOTES.md", "Notes", "Ours")

    assert life.engine.changes("refresh") == {"updated": 4, "deleted": 4}


def test_the_state_is_as_secret_after_a_refresh(life: Life) -> None:
    """What a provider read comes without the program's marks."""
    state = json.dumps(life.engine.state())

    assert [token for token in (GITHUB_TOKEN, ARGOCD_TOKEN, "PRIVATE KEY") if token in state] == []


def test_up_puts_back_what_is_ours(life: Life) -> None:
    """Deleted objects, labels, projects, settings, access and rules."""
    changes = life.engine.changes()

    assert changes == {"created": 4, "updated": 4}
    assert life.object("resourcequota quota -n mobility-dev")["spec"]["hard"]["requests.cpu"] == "4"
    assert life.object("namespace mobility-dev")["metadata"]["labels"]["idp/team"] == "mobility"
    assert "*" not in life.object("appproject team-mobility -n argocd")["spec"]["sourceRepos"]
    assert life.record("rental").settings["description"] == "Rents vehicles"
    assert life.record("rental").topics == ["idp-managed", "team-mobility"]
    assert [life.record(name).teams for name in SERVICES] == [{"mobility": "push"}] * 3
    assert sorted(each["name"] for each in life.record("vehicles").rulesets) == ["default-branch", "promote-prod"]


def test_what_is_not_ours_stays(life: Life) -> None:
    """Labels of somebody's program on our objects, settings that no entry names, and the team's files."""
    for line in ("namespace mobility-dev", "limitrange limits -n mobility-dev"):
        assert life.object(line)["metadata"]["labels"]["cost-center"] == "4711"
    assert life.record("rental").settings["homepage"] == "https://rental.example"
    assert life.github.files("vehicles")["NOTES.md"] == "Ours"


def test_up_with_refresh_does_both(life: Life) -> None:
    """And finds nothing left over from the time before: only what was changed since is put back."""
    life.kubectl("label namespace mobility-dev idp/team=mine --overwrite")
    life.edit("rental", settings=life.record("rental").settings | {"description": "Mine"})

    changes = life.engine.changes("up", "--refresh")

    assert changes == {"updated": 2}
    assert life.object("namespace mobility-dev")["metadata"]["labels"]["idp/team"] == "mobility"
    assert life.record("rental").settings["description"] == "Rents vehicles"


def test_then_up_performs_no_operation(life: Life) -> None:
    """Nothing is put back twice, and GitHub is not even asked."""
    before = len(life.github.requests)

    assert life.engine.changes() == {}
    assert len(life.github.requests) == before


@dataclass(frozen=True, kw_only=True)
class Change:
    """What one `up` did."""

    changes: dict[str, int]
    made: set[str]
    """Names of new resources."""
    before: Refs
    after: Refs
    writes: list[tuple[str, str]]


def change(life: Life) -> Change:
    """Run `up` and see."""
    refs, urns, asked = life.refs(), life.urns(), len(life.writes())
    changes = life.engine.changes()
    made = {urn.rpartition("::")[2] for urn in life.urns() - urns}
    return Change(changes=changes, made=made, before=refs, after=life.refs(), writes=life.writes()[asked:])


@pytest.fixture(scope="module")
def staging(life: Life) -> Change:
    """An environment is added, by a line of the stack's config."""
    life.engine.edit(
        "  idp:deploys: [dev]\n", "  idp:environments: [dev, prod, staging]\n  idp:deploys: [dev, staging]\n"
    )
    return change(life)


def test_a_new_environment_is_made_beside_the_others(staging: Change, life: Life) -> None:
    """A namespace with its share, and an Application for each service; nothing that was there is made anew."""
    assert staging.changes.keys() == {"created", "updated"}
    assert {f"{name}-staging" for name in SERVICES} < staging.made
    assert all("staging" in name for name in staging.made)
    assert life.object("resourcequota quota -n mobility-staging")["spec"]["hard"]["requests.cpu"] == "4"
    source = life.object("application rental-staging -n argocd")["spec"]["source"]
    assert (source["targetRevision"], source["path"]) == ("refs/heads/env/staging", "deploy/overlays/staging")
    destinations = life.object("appproject team-mobility -n argocd")["spec"]["destinations"]
    assert [place["namespace"] for place in destinations] == ["mobility-dev", "mobility-staging"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_new_environment_is_one_new_branch_of_a_repository(name: str, staging: Change, life: Life) -> None:
    """One commit on what the first environment runs, in both, and its rules; the default branch and the others are the team's."""
    new = staging.after[name]["refs/heads/env/staging"]

    assert staging.after[name] == staging.before[name] | dict.fromkeys(
        ("refs/heads/env/dev", "refs/heads/env/staging"), new
    )
    assert life.git(name, "rev-parse", f"{new}^").strip() == staging.before[name]["refs/heads/env/dev"]
    assert life.git(name, "diff", "--name-status", f"{new}^", new).split() == [
        "A", "deploy/overlays/staging/kustomization.yaml",
    ]  # fmt: skip
    assert [line for line in staging.writes if f"/{name}/" in line[1]] == [
        ("POST", f"/repos/acme/{name}/git/trees"),
        ("POST", f"/repos/acme/{name}/git/commits"),
        ("PATCH", f"/repos/acme/{name}/git/refs/heads/env/dev"),
        ("POST", f"/repos/acme/{name}/git/refs"),
        ("POST", f"/repos/acme/{name}/rulesets"),
    ]


@pytest.fixture(scope="module")
def newer(life: Life) -> Change:
    """A template gets a new version, and another file."""
    template = life.engine.project / "templates" / "node"
    (template / "files" / "NEWS.md").write_text("What is new\n")
    info = template / "template.yaml"
    text = info.read_text()
    info.write_text(text.replace(f"version: {yaml.safe_load(text)['version']}", "version: 9.0.0"))
    return change(life)


def test_a_newer_template_touches_no_service(newer: Change) -> None:
    """Their files are the teams': no reference moves, and nothing is written to GitHub at all."""
    assert newer.changes == {}
    assert newer.after == newer.before
    assert newer.writes == []


def test_the_next_service_is_made_from_the_newer_template(newer: Change, life: Life) -> None:
    """The version is in the repository's own marker, and in the message of its first commit."""
    entry = life.engine.project / "services" / "billing.yaml"
    entry.write_text("team: mobility\ntemplate: node\ndescription: Bills for rentals\n")
    before = life.refs()

    life.engine.run("up")

    files = life.github.files("billing")
    assert yaml.safe_load(files[".idp/service.yaml"])["template"] == {"name": "node", "version": "9.0.0"}
    assert files["NEWS.md"] == "What is new\n"
    assert "node 9.0.0" in life.git("billing", "log", "-1", "--format=%s", "main")
    assert life.refs() == before


def test_a_teams_quota_changes_in_place(life: Life) -> None:
    """A quota that was replaced would for a moment be none."""
    line = "resourcequota quota -n mobility-dev"
    before = life.object(line)["metadata"]["uid"]
    life.engine.edit("quota: {cpu: 4,", "quota: {cpu: 6,")

    changes = life.engine.changes()

    quota = life.object(line)
    assert changes == {"updated": 2}
    assert (quota["metadata"]["uid"], quota["spec"]["hard"]["requests.cpu"]) == (before, "6")
