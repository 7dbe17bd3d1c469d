"""The stack that needs no account: what it has instead of GitHub, and that it differs from `dev` in nothing else."""

from __future__ import annotations

import re
import shutil
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from typer import Exit

from idp import naming, recorder
from idp.cli import build, status
from idp.cli import local as local_command
from idp.cluster_api import ClusterError
from idp.errors import MistakesError
from idp.plan import files
from idp.settings import SECRETS
from idp.status import Row
from tests.plan.conftest import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from idp.plan import Node, Plan

SERVICES = ("platform", "rental", "vehicles")
PAGES, CLUSTER = "https://git.idp.localhost:8843", "http://git.forge.svc.cluster.local"
BY_HAND = "(in a forge: how to build without workflows)"


@pytest.fixture(scope="module")
def local() -> Plan:
    """The plan of the committed stack."""
    return recorder.record(PROJECT, "local")


@pytest.fixture
def pair(project: Path) -> tuple[Plan, Plan]:
    """Two plans of one stack file that differ in one word, `own` and `local`."""
    shutil.copytree(PROJECT / "services", project / "services", dirs_exist_ok=True)
    text = (PROJECT / "Pulumi.local.yaml").read_text()
    plans: list[Plan] = []
    for word in ("own", "local"):
        (project / "Pulumi.dev.yaml").write_text(text.replace("idp:github: local", f"idp:github: {word}"))
        plans.append(recorder.record(project, "dev"))
    return plans[0], plans[1]


def named(plan: Plan) -> dict[tuple[str, str], Node]:
    return {(node.type.rpartition(":")[2], node.name): node for node in plan.nodes}


def differences(one: Any, other: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths at which two values differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(one.keys() | other.keys()):
            yield from differences(one.get(key), other.get(key), (*path, key))
    elif one != other:
        yield path


def test_the_committed_file_differs_from_dev_in_two_keys() -> None:
    """A newcomer's stack is the one that the documents tell of."""
    dev, local = (yaml.safe_load((PROJECT / f"Pulumi.{name}.yaml").read_text())["config"] for name in ("dev", "local"))

    assert set(differences(dev, local)) == {("idp:cluster", "name"), ("idp:github",)}


def test_it_has_a_forge_where_dev_has_github_and_nothing_else(pair: tuple[Plan, Plan]) -> None:
    """Every resource that only one of the two has."""
    dev, local = map(named, pair)

    assert {kind for kind, _ in dev.keys() - local.keys()} == {
        "github", "Repository", "TeamRepository", "RepositoryRuleset", "Scaffold", "StackFolder",
    }  # fmt: skip
    assert {kind for kind, name in local.keys() - dev.keys() if not name.startswith("forge")} == {
        "ForgeRepository",
        "ForgeFolder",
    }
    assert {kind for kind, name in local.keys() - dev.keys() if name.startswith("forge")} == {
        "Forge", "Namespace", "Secret", "ConfigMap", "Service", "NetworkPolicy", "StatefulSet", "Ingress", "Password",
        "ForgeOrganization", "ForgeToken",
    }  # fmt: skip


def test_what_both_have_differs_in_addresses_only(pair: tuple[Plan, Plan]) -> None:
    """Every input that is not the same, by name."""
    dev, local = map(named, pair)
    found = {
        (kind, name, ".".join(path))
        for kind, name in dev.keys() & local.keys()
        for path in differences(dict(dev[kind, name].inputs), dict(local[kind, name].inputs))
    }

    source, sources = "spec.source.repoURL", "spec.sourceRepos"
    assert found == {
        *(("Application", f"{service}-dev", source) for service in SERVICES),
        ("Application", "gitops-root", source),
        *(("AppProject", f"gitops-{project}", sources) for project in naming.CORE_PROJECTS),
        ("AppProject", "team-mobility-project", sources),
        ("ApplicationSet", "gitops-discovery", "spec.generators"),
        ("ApplicationSet", "gitops-discovery", "spec.template.spec.source.repoURL"),
        ("Release", "argocd", "values.configs.cm.timeout.reconciliation"),
        ("Release", "argocd", "values.configs.cm.timeout.reconciliation.jitter"),
        ("Release", "argocd", "values.configs.params.controller.repo.error.grace.period.seconds"),
        ("Release", "argocd", "values.configs.params.applicationsetcontroller.allowed.scm.providers"),
        ("Secret", "gitops-repo-creds", "stringData"),
        ("Secret", "gitops-scm-creds", "stringData"),
        ("Release", "backstage", "values.backstage.appConfig.integrations"),
        ("Release", "backstage", "values.backstage.appConfig.platform.github"),
        ("Release", "backstage", "values.backstage.appConfig.platform.githubApi"),
        ("ConfigMap", "portal-catalog-0", "data.0.yaml"),
    }


def test_repositories_hold_the_same_files_but_for_addresses(pair: tuple[Plan, Plan]) -> None:
    """Pages and images are elsewhere; all else is the same for whoever moves to GitHub one day."""
    dev, local = map(files.files, pair)

    assert dev.keys() == local.keys()
    for path, data in dev.items():
        assert without_digest(local[path]) == elsewhere(without_digest(data)), path


def without_digest(data: bytes) -> str:
    """A file but for the line in which it says what all files of its repository come to, and how a README ships by hand."""
    shown = re.sub(r"(?m)^digest: .*$", "", data.decode())
    return re.sub(r"Nobody runs workflows where this(?s:.*?)do it:", BY_HAND, shown)


def elsewhere(text: str) -> str:
    """What a file of GitHub's says in a forge: other pages, other images, what Argo CD pulls, and that nobody runs workflows."""
    without = re.sub(r"    - url: \S+/actions\"?\n      title: Builds and releases\n", "", text)
    without = re.sub(r"(?m)^(  workflows_url: ).*$", r"\1''", without)
    without = without.replace("\n## Ship\n\n", f"\n## Ship\n\n{BY_HAND}\n\n")
    moved = without.replace("https://github.com/acme/", f"{PAGES}/acme/").replace("ghcr.io/acme/", "localhost/acme/")
    moved = moved.replace("/blob/main/", "/src/branch/main/")
    return re.sub(rf"{PAGES}(/acme/[a-z-]+\.git)", rf"{CLUSTER}\1", moved)


def test_outputs_differ_by_the_forges(pair: tuple[Plan, Plan]) -> None:
    """Its address, and the passwords with which people sign in."""
    dev, local = pair

    assert local.outputs["urls"] == {**dev.outputs["urls"], "forge": PAGES}
    assert local.outputs.keys() - dev.outputs.keys() == {"forgePasswords"}


def test_no_token_is_asked_for_and_none_is_taken(pair: tuple[Plan, Plan], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a developer's environment holds."""
    plain = recorder.load(PROJECT, "local")
    for name in SECRETS.values():
        monkeypatch.setenv(name, "somebodys-token")
    again = recorder.load(PROJECT, "local")

    assert plain.secrets.keys() == again.secrets.keys() == set()


def test_nobody_reaches_the_forge_but_who_needs_it(local: Plan) -> None:
    """And it reaches nobody: it answers, and looks names up at most."""
    policy = local.one("kubernetes:networking.k8s.io/v1:NetworkPolicy", name="forge").at("spec")
    peers = [
        (
            each["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"],
            dict(each["podSelector"]["matchLabels"]),
        )
        for rule in policy["ingress"]
        for each in rule["from"]
    ]

    assert [name for name, _ in peers] == ["traefik", "backstage", "argocd"]
    assert [port["port"] for rule in policy["egress"] for port in rule["ports"]] == [53, 53]


def test_its_pod_is_restricted_and_gets_no_secret_by_its_config(local: Plan) -> None:
    """Keys are files of one Secret; the administrator's password is known to the container that makes the account alone."""
    server = local.one("kubernetes:apps/v1:StatefulSet", name="forge").at("spec", "template", "spec")
    config = local.one("kubernetes:core/v1:ConfigMap", name="forge-config").at("data", "app.ini")

    for container in (*server["initContainers"], *server["containers"]):
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert [each["name"] for each in server["containers"][0]["env"] if "valueFrom" in each] == []
    assert server["automountServiceAccountToken"] is False
    assert {"SECRET_KEY_URI", "INTERNAL_TOKEN_URI", "JWT_SECRET_URI"} <= {
        line.partition(" = ")[0] for line in config.splitlines()
    }


def test_the_forge_is_there_before_who_needs_it(local: Plan) -> None:
    """Its certificate too: without one nobody is asked for a repository."""
    organization = local.one("pulumi-python:dynamic/idp:ForgeOrganization")

    assert organization.needs(local.one("kubernetes:cert-manager.io/v1:Certificate", name="tls-certificate"))
    assert organization.needs(local.one("kubernetes:networking.k8s.io/v1:Ingress", name="forge"))
    for repository in local.of("pulumi-python:dynamic/idp:ForgeRepository"):
        assert repository.needs(organization)
    for service in SERVICES:
        application = local.one("kubernetes:argoproj.io/v1alpha1:Application", name=f"{service}-dev")
        assert application.needs(local.one("pulumi-python:dynamic/idp:ForgeRepository", name=service))


def test_the_portal_reads_docs_in_the_forge_by_a_token_of_its_own(local: Plan) -> None:
    """By the address that a pod has; the token is a variable of the pod's."""
    (forge,) = local.one("kubernetes:helm.sh/v3:Release", name="backstage").at(
        "values", "backstage", "appConfig", "integrations", "gitea"
    )
    catalog = local.one("kubernetes:core/v1:ConfigMap", name="portal-catalog-0").at("data", "0.yaml")
    tokens = {node.at("login"): node.at("scopes") for node in local.of("pulumi-python:dynamic/idp:ForgeToken")}

    assert forge == {
        "host": "git.forge.svc.cluster.local", "baseUrl": CLUSTER, "username": "idp-portal", "password": "${FORGE_TOKEN}",
    }  # fmt: skip
    assert f'"backstage.io/techdocs-ref": "url:{CLUSTER}/acme/rental/src/branch/main/"' in catalog
    assert tokens["idp-portal"] == ["read:repository"]
    assert tokens.keys() == {"idp-portal", "idp-argocd"}


def test_what_the_portal_lacks_here_is_told(local: Plan) -> None:
    """And what does it instead."""
    assert [warning for warning in local.messages if "the portal has no forms" in warning and "onboard" in warning]


def test_discovery_knows_no_topics_in_a_forge(local: Plan) -> None:
    """By path and name, with the same exclusions; and the address is the one that a pod has."""
    spec = local.one("kubernetes:argoproj.io/v1alpha1:ApplicationSet").at("spec")
    generator = spec["generators"][0]

    assert generator["scmProvider"]["gitea"] == {
        "api": CLUSTER, "owner": "acme", "tokenRef": {"secretName": "scm-creds", "key": "token"},
    }  # fmt: skip
    assert generator["scmProvider"]["filters"][0] == {"repositoryMatch": naming.SERVICE.pattern}
    assert generator["selector"]["matchExpressions"][0]["values"] == list(SERVICES)
    assert (
        spec["template"]["spec"]["source"]["repoURL"] == f"{CLUSTER}/{{{{ .organization }}}}/{{{{ .repository }}}}.git"
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(
            ("{mode: kind, name: acme-local, workers: 2, httpPort: 8880, httpsPort: 8843}",
             "{mode: existing, kubeconfig: k, context: c}"),
            "github: `local` keeps a forge in a cluster of the stack's own; on this one say `own` or `reference`",
            id="a cluster that is there",
        ),
        pytest.param(
            ("idp:local: true", "idp:local: true\n  idp:components: {certManager: off}"),
            "components.certManager: its forge is reached by https with a certificate of the stack's own authority",
            id="no certificates",
        ),
        pytest.param(
            ("members: [ada, grace]", "members: [ada, acme]"),
            "in the forge `acme` is the account of the organization; choose another name",
            id="a member with the organization's name",
        ),
        pytest.param(
            ("members: [ada, grace]", "members: [idp-argocd]"),
            "in the forge `idp-argocd` is the account of the platform; choose another name",
            id="a member with a program's name",
        ),
        pytest.param(
            ("github: mobility", "github: owners"),
            "`owners` is a team that the forge has already; choose another",
            id="a team of the forge's own",
        ),
        pytest.param(
            ("members: [ada, grace]", "members: [administrator]"),
            "in the forge `administrator` is the account of the platform; choose another name",
            id="a member with a secret's name",
        ),
        pytest.param(
            ("description: Rents vehicles", f"description: Rents vehicles, topics: [{'t' * 36}]"),
            f"`{'t' * 36}` is longer than the forge's topics, which have 35 characters",
            id="a topic that is too long there",
        ),
    ],
)  # fmt: skip
def test_what_a_forge_cannot_be_is_told_before_anything_is_made(
    project: Path, change: tuple[str, str], message: str
) -> None:
    """With file and line, like every mistake."""
    text = (PROJECT / "Pulumi.local.yaml").read_text()
    assert change[0] in text
    shutil.copytree(PROJECT / "services", project / "services", dirs_exist_ok=True)
    (project / "Pulumi.dev.yaml").write_text(text.replace(*change))

    with pytest.raises(MistakesError) as error:
        recorder.record(project, "dev")
    assert message in str(error.value)


def test_two_teams_may_be_one_in_the_forge(project: Path) -> None:
    """As two may name one team on GitHub; nobody is left out."""
    text = (PROJECT / "Pulumi.local.yaml").read_text()
    shutil.copytree(PROJECT / "services", project / "services", dirs_exist_ok=True)
    other = "    payments: {github: mobility, members: [Bob]}\n"
    (project / "Pulumi.dev.yaml").write_text(text.replace("  idp:teams:\n", f"  idp:teams:\n{other}"))

    plan = recorder.record(project, "dev")

    assert plan.one("pulumi-python:dynamic/idp:ForgeOrganization").at("teams") == {"mobility": ["ada", "bob", "grace"]}


def test_what_is_adopted_is_not_built_and_not_waited_for(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its default branch runs as people push it, with images that it names."""
    text = (PROJECT / "Pulumi.local.yaml").read_text()
    shutil.copytree(PROJECT / "services", project / "services", dirs_exist_ok=True)
    survey = "    survey: {team: mobility, adopted: true, description: Asks}\n"
    (project / "Pulumi.dev.yaml").write_text(text.replace("  idp:services:\n", f"  idp:services:\n{survey}"))
    settings = recorder.load(project, "dev")

    assert {each.name for each in build.wanted(settings, [])} == set(SERVICES)
    with pytest.raises(Exit):
        build.wanted(settings, ["survey"])
    assert "`survey` is adopted: its default branch runs as it is" in capsys.readouterr().err


def test_a_cluster_that_is_too_busy_to_answer_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Images are pulled and unpacked meanwhile, and one slow answer is no reason to end ten good minutes."""
    well = [Row(part="services", name="rental-dev", healthy=True, says="")]
    answers: list[list[Row] | ClusterError] = [ClusterError("timed out"), well]

    def rows(_commits: object) -> list[Row]:
        if isinstance(answer := answers.pop(0), ClusterError):
            raise answer
        return answer

    asked = SimpleNamespace(rows=rows, kubectl="kubectl")
    monkeypatch.setattr(status, "running", lambda _project, _stack: asked)
    monkeypatch.setattr(local_command, "EVERY", 0)

    assert local_command.await_all(PROJECT, "local", {}, set()) == well

    answers.append(ClusterError("timed out"))
    with pytest.raises(Exit):
        local_command.await_all(PROJECT, "local", {}, set(), patience=0)


@pytest.mark.parametrize(("theirs", "waits"), [({"survey-dev"}, False), (set[str](), True)], ids=["adopted", "ours"])
def test_nobody_waits_for_what_people_have_not_pushed_yet(
    monkeypatch: pytest.MonkeyPatch, theirs: set[str], waits: bool
) -> None:
    """An adopted service's repository is empty at first, and the card has the password to push to it."""
    rows = [
        Row(part="services", name=name, healthy=well, says="")
        for name, well in (("rental-dev", True), ("survey-dev", False))
    ]
    monkeypatch.setattr(status, "running", lambda _project, _stack: SimpleNamespace(rows=lambda _commits: rows))

    if waits:
        with pytest.raises(Exit):
            local_command.await_all(PROJECT, "local", {}, theirs, patience=0)
    else:
        assert local_command.await_all(PROJECT, "local", {}, theirs, patience=0) == rows
