"""The dev stack, as committed, on the real engine: made, unchanged, grown by a service, taken away.

The tests of this module are the chapters of one stack's life and run in their order.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from idp import recorder
from idp.plan import SECRET, UNKNOWN, Plan
from tests.engine.agreement import differences
from tests.engine.conftest import ARGOCD_TOKEN, GITHUB_TOKEN
from tests.support.engine import PASSPHRASE, Engine

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.github import GitHubServer

SERVICES = ("platform", "rental", "vehicles")


@dataclass(frozen=True, kw_only=True)
class Life:
    """The stack after its first `up`."""

    engine: Engine
    github: GitHubServer
    said: str
    """What the first `up` printed."""
    plan: Plan
    """What the recorder says of the same folder."""
    resources: list[dict[str, Any]]

    def kubectl(self, *arguments: str) -> Any:
        """What the API server answers."""
        file = self.engine.home / "kubeconfig"
        file.write_text(self.engine.outputs()["kubeconfig"])
        command = ["kubectl", "--kubeconfig", str(file), *arguments, "--output", "json"]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@pytest.fixture(scope="module")
def life(engine: Engine, github: GitHubServer) -> Life:
    said = engine.run("up").stdout
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("GITHUB_BASE_URL", f"{github.url}/")
        plan = recorder.record(engine.project, "dev")
    return Life(engine=engine, github=github, said=said, plan=plan, resources=engine.resources())


def snapshot(github: GitHubServer) -> dict[str, Any]:
    """Everything that a team would miss: files, branches' heads, settings, topics, access, rulesets."""
    state = github.service.state
    found: dict[str, Any] = {}
    for name in SERVICES:
        record = state.find("acme", name)
        assert record is not None
        bare = state.bare(record)
        refs = subprocess.run(
            ["git", "-C", bare.folder, "for-each-ref", "--format=%(refname) %(objectname)"],
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        found[name] = (refs, record.settings, record.topics, record.teams, record.rulesets)
    return json.loads(json.dumps(found))


def test_the_first_up_makes_what_the_plan_declares(life: Life) -> None:
    """Neither more nor less; the stack itself, and the release of cert-manager's component, are the engine's own."""
    assert f"+ {len(life.plan.nodes) + 2} created" in life.said, life.said[-500:]


def test_the_recorder_agrees_with_the_engine_resource_by_resource(life: Life) -> None:
    """Same URNs, inputs, providers, options and dependencies: the plan is the engine's own view, without an engine."""
    assert "\n".join(differences(life.plan, life.resources)) == ""


def test_argo_cds_objects_are_in_the_cluster(life: Life) -> None:
    """The real API server took them, with the kinds that the chart brought."""
    projects = {item["metadata"]["name"] for item in life.kubectl("get", "appprojects", "-n", "argocd")["items"]}
    applications = {item["metadata"]["name"] for item in life.kubectl("get", "applications", "-n", "argocd")["items"]}
    sets = {item["metadata"]["name"] for item in life.kubectl("get", "applicationsets", "-n", "argocd")["items"]}

    assert projects == {"bootstrap", "platform", "workloads", "default", "team-mobility"}
    assert applications == {"root", *(f"{name}-dev" for name in SERVICES)}
    assert sets == {"discovery"}


def test_the_default_project_permits_nothing(life: Life) -> None:
    """Argo CD's own `default` lets anything from anywhere go everywhere."""
    spec = life.kubectl("get", "appproject", "default", "-n", "argocd")["spec"]

    assert [spec.get(key, []) for key in ("sourceRepos", "destinations", "clusterResourceWhitelist")] == [[], [], []]


def test_a_teams_namespace_has_its_share_and_its_security(life: Life) -> None:
    """The API server keeps the numbers of the entry."""
    quota = life.kubectl("get", "resourcequota", "quota", "-n", "mobility-dev")["spec"]["hard"]
    namespace = life.kubectl("get", "namespace", "mobility-dev")

    assert (quota["requests.cpu"], quota["requests.memory"], quota["pods"]) == ("4", "8Gi", "50")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@pytest.mark.parametrize("name", SERVICES)
def test_a_services_repository_is_made_whole(name: str, life: Life) -> None:
    """Topic, files, the environment's branch and the ruleset: nothing waits for a hand."""
    record = life.github.service.state.find("acme", name)

    assert record is not None
    assert record.topics == ["idp-managed", "team-mobility"]
    assert sorted(ruleset["name"] for ruleset in record.rulesets) == ["default-branch", "promote-prod"]
    marker = yaml.safe_load(life.github.files(name)[".idp/service.yaml"])
    assert (marker["project"], marker["service"]) == ("idp", name)
    assert all(path.startswith("deploy/") for path in life.github.files(name, "env/dev"))


def test_a_service_costs_few_resources(life: Life) -> None:
    """The state's size and `up`'s time follow the number of resources: at most five and one per environment."""
    environments = 2
    for service in life.plan.of("idp:index:Service"):
        assert len(life.plan.children(service)) <= 5 + environments


def test_the_scaffold_costs_eight_requests_and_one_for_each_further_environment(life: Life) -> None:
    """Counted at the server, during the real `up`."""
    scaffold = r"/repos/acme/rental(/commits/.*|/git/.*)?"
    assert 0 < life.github.count(path_pattern=scaffold) <= 8 + 1


def test_no_secret_stands_in_clear_in_state_or_output(life: Life) -> None:
    """Planted tokens, the passphrase, and what the program itself generated."""
    outputs = life.engine.outputs()
    token = yaml.safe_load(outputs["kubeconfig"])["users"][0]["user"]["token"]
    secrets = [GITHUB_TOKEN, ARGOCD_TOKEN, PASSPHRASE, outputs["argocdAdministratorPassword"], token]
    backend = [file.read_text() for file in (life.engine.home / "backend").rglob("*.json")]
    texts = [json.dumps(life.engine.state()), life.said, *backend]

    assert all(len(secret) > 10 for secret in secrets)
    assert len(backend) >= 2
    assert [secret for secret in secrets for text in texts if secret in text] == []


def test_a_second_up_performs_no_operation(life: Life) -> None:
    """Nothing to do is nothing done: not in the cluster, and not one request to GitHub."""
    before = len(life.github.requests)

    assert life.engine.changes() == {}
    assert len(life.github.requests) == before


def test_a_refresh_finds_no_drift(life: Life) -> None:
    """What the providers read is what the program wrote."""
    assert life.engine.changes("refresh") == {}
    assert life.engine.changes() == {}


def test_a_mistake_stops_up_before_anything_is_registered(life: Life) -> None:
    """The engine's user sees the same lines as `validate`'s, and the stack stays as it is."""
    entry = life.engine.project / "services" / "billing.yaml"
    entry.parent.mkdir(exist_ok=True)
    entry.write_text("team: mobility\ntemplte: node\ndescription: Bills\n")
    before = life.engine.state()["resources"]

    done = life.engine.run("up", check=False)

    entry.unlink()
    assert done.returncode != 0
    assert "services/billing.yaml:2: templte: unknown key; did you mean `template`?" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert life.engine.state()["resources"] == before


def test_a_service_is_added_by_a_file_of_its_own(life: Life) -> None:
    """A team's first pull request: one file, and `up` makes that service and changes its project."""
    entry = life.engine.project / "services" / "billing.yaml"
    entry.write_text("team: mobility\ntemplate: node\ndescription: Bills for rentals\n")

    changes = life.engine.changes()

    assert changes == {
        "created": 7,
        "updated": 5,
    }  # the project, discovery, what both say to admission, and the portal's catalog know the new name
    assert "billing-dev" in {
        item["metadata"]["name"] for item in life.kubectl("get", "applications", "-n", "argocd")["items"]
    }
    assert life.github.files("billing")["package.json"]


def test_a_changed_entry_updates_in_place_and_touches_no_file(life: Life) -> None:
    """Another description reaches GitHub's settings; the repository's files are the team's."""
    head = life.github.files("billing")
    entry = life.engine.project / "services" / "billing.yaml"
    entry.write_text(entry.read_text().replace("Bills for rentals", "Bills"))

    changes = life.engine.changes()

    assert changes == {"updated": 2}  # the repository, and the portal's catalog
    record = life.github.service.state.find("acme", "billing")
    assert record is not None
    assert record.settings["description"] == "Bills"
    assert life.github.files("billing") == head


def test_destroy_leaves_the_repositories_as_they_were(life: Life, record_property: pytest.RecordProperty) -> None:
    """Rulesets and team access included; the cluster goes in one piece, without a call to its API."""
    before = snapshot(life.github)

    done = life.engine.run("destroy")

    record_property("destroy", done.stdout.rpartition("Duration:")[2].split()[0])
    assert life.engine.resources() == []
    assert snapshot(life.github) == before
    assert life.github.count("DELETE") == 0
    assert not (life.engine.home / "clusters" / "acme-dev").exists()


def test_every_exchange_with_github_was_within_githubs_own_description(life: Life, openapi: Path) -> None:
    """The tests' server answers as GitHub says that it does, and was asked only what GitHub takes."""
    from tests.support.github.contract import Contract  # noqa: PLC0415  reads 12 MB

    exchanges = [exchange for exchange in life.github.requests if exchange.api]

    assert len(exchanges) > 40
    assert Contract(openapi).violations(exchanges) == []


def test_marks_are_marks() -> None:
    """The comparison above lets a mark stand for any value, so that marks must not be ordinary text."""
    assert SECRET is not UNKNOWN
