"""Every mistake in the config is told with file, line, key and a way out; nothing is registered and nothing is traced."""

# ruff: noqa: E501  the cases are a table, a mistake a line
from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from idp.cli import app
from idp.errors import MistakesError
from idp.lifecycle.workspace import Workspace
from idp.recorder import Monitor

if TYPE_CHECKING:
    from pathlib import Path

STACK = """config:
  idp:organization: acme
  idp:cluster: {mode: kind, name: acme-dev}
  idp:teams:
    mobility: {github: mobility}
  idp:services:
    rental: {team: mobility, template: node, description: Rents vehicles}
"""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A stack's file with one thing wrong in it."""

    old: str = ""
    new: str = ""
    more: str = ""
    """Lines at the end: config keys, or further services."""
    says: str
    """How the one line of the error begins, and how it goes on after an ellipsis."""


SERVICE = "rental: {team: mobility, template: node, description: Rents vehicles}"
CLUSTER = "{mode: kind, name: acme-dev}"
MEMBER = "mobility: {github: mobility}"


def service(entry: str, says: str) -> Case:
    return Case(old=SERVICE, new=entry, says=f"Pulumi.dev.yaml:7: services.{says}")


def rental(extra: str, says: str) -> Case:
    return service(SERVICE[:-1] + ", " + extra + "}", f"rental.{says}")


def cluster(spec: str, says: str) -> Case:
    return Case(old=CLUSTER, new=spec, says=f"Pulumi.dev.yaml:3: cluster{says}")


def team(entry: str, says: str) -> Case:
    return Case(old=MEMBER, new=entry, says=f"Pulumi.dev.yaml:5: teams.{says}")


def key(line: str, says: str) -> Case:
    return Case(more=f"  {line}\n", says=f"Pulumi.dev.yaml:8: {says}")


CASES = {
    # the file itself
    "no organization": Case(old="idp:organization: acme", new='idp:organization: ""', says="Pulumi.dev.yaml:2: organization: no organization…"),
    "organization left out": Case(old="  idp:organization: acme\n", new="", says="Pulumi.dev.yaml:1: organization: no organization; name the GitHub organization…"),
    "organization with a space": Case(old="acme\n", new="ac me\n", says="Pulumi.dev.yaml:2: organization: `ac me` does not fit…"),
    "unknown top-level key": key("idp:organisation: acme", "organisation: unknown key; did you mean `organization`?"),
    "the project's namespace mistyped": key("ipd:github: reference", "ipd:github: unknown namespace; did you mean `idp:github`?"),
    "a provider's namespace mistyped": key("kubernets:context: x", "kubernets:context: unknown namespace; did you mean `kubernetes`?"),
    "the top-level key mistyped": Case(old="config:\n", new="confg:\n", says="Pulumi.dev.yaml:1: confg: unknown key; did you mean `config`?"),
    "another key beside config": Case(more="encryptionsalts: x\n", says="Pulumi.dev.yaml:8: encryptionsalts: unknown key; did you mean `encryptionsalt`?"),
    "key given twice": key("idp:organization: acme", "config.idp:organization: given twice; first on line 2"),
    "service given twice": Case(more="    rental: {team: mobility, template: node, description: Again}\n", says="Pulumi.dev.yaml:8: config.idp:services.rental: given twice; first on line 7"),
    "not YAML": Case(more="  idp:teams: {mobility\n", says="Pulumi.dev.yaml:9: not YAML: …"),
    "a tab": key("\tidp:local: true", "not YAML: …"),
    "config is a list": Case(old=STACK, new="config: [1, 2]\n", says="Pulumi.dev.yaml:1: config: must be keys and values"),
    # keys of the stack
    "visibility": key("idp:visibility: secret", "visibility: `secret` is not one of 'private', 'internal' or 'public'"),
    "github": key("idp:github: mine", "github: `mine` is not one of 'own', 'reference' or 'local'"),
    "visibility is empty": key("idp:visibility: ~", "visibility: is empty; write 'private', 'internal' or 'public', or leave it out"),
    "plan": key("idp:githubPlan: gold", "githubPlan: `gold` is not one of 'free' or 'paid'"),
    "local is no truth value": key("idp:local: maybe", 'local: must be a valid boolean, not "maybe"'),
    "local as yaml 1.1": key("idp:local: yes", 'local: must be a valid boolean, not "yes"'),
    "domain": key("idp:domain: https://idp.example", "domain: `https://idp.example` does not fit…"),
    "repository": key("idp:repository: idp", "repository: `idp` does not fit…"),
    "environments empty": key("idp:environments: []", "environments: …at least 1 item…"),
    "environment's name": key("idp:environments: [Dev]", "environments.0: an environment name is 2 to 20 of a-z, 0-9 and '-'…try `dev`"),
    "environment twice": key("idp:environments: [dev, dev]", "environments: `dev` is listed twice"),
    "deploys what is not there": key("idp:deploys: [prd]", "deploys.0: no environment `prd`; did you mean `prod`?"),
    "a token in clear": key("idp:githubToken: ghp_planted", "githubToken: a secret in clear; take it out…python -m idp pulumi --stack dev config set --secret githubToken…"),
    "placement's key": key("idp:placement: {workload: {role: x}}", "placement.workload: unknown key; did you mean `workloads`?"),
    "portal is a text": key("idp:portal: foo", 'portal: must be an object, not "foo"'),
    "components are a text": key("idp:components: foo", 'components: must be an object, not "foo"'),
    "components are a list": key("idp:components: [portal]", 'components: must be an object, not ["portal"]'),
    "portal's database is a text": key("idp:portal: {image: foo, database: external}", 'portal.database: must be an object, not "external"'),
    "portal's database without mode": key("idp:portal: {database: {}}", "portal.database: `mode` is missing; it is `own` or `external`"),
    "portal's database's mode is empty": key("idp:portal: {database: {mode: ~}}", "portal.database: `mode` is empty; it is `own` or `external`"),
    "portal's database's mode": key("idp:portal: {database: {mode: extern}}", "portal.database: `extern` is not one of 'own', 'external'"),
    "portal's database's key": key("idp:portal: {database: {mode: own, sze: 1Gi}}", "portal.database.sze: unknown key; did you mean `size`?"),
    "portal's database of the other mode": key("idp:portal: {database: {mode: own, host: x}}", "portal.database.host: a key of `mode: external`, and this is `mode: own`; leave it out"),
    # the cluster
    "cluster's mode": cluster("{mode: kinda, name: x1}", ": `kinda` is not one of 'kind', 'existing'"),
    "cluster without mode": cluster("{name: acme-dev}", ": `mode` is missing; it is `kind` or `existing`"),
    "cluster's key": cluster("{mode: kind, name: acme-dev, worker: 2}", ".worker: unknown key; did you mean `workers`?"),
    "a key of the other mode": cluster("{mode: existing, workers: 2, kubeconfig: /tmp/x, context: y}", ".workers: a key of `mode: kind`, and this is `mode: existing`; leave it out"),
    "no workers": cluster("{mode: kind, name: acme-dev, workers: 0}", ".workers: …greater than or equal to 1, not 0"),
    "workers as text": cluster('{mode: kind, name: acme-dev, workers: "2"}', '.workers: must be a valid integer, not "2"'),
    "port too high": cluster("{mode: kind, name: acme-dev, httpPort: 70000}", ".httpPort: …less than or equal to 65535, not 70000"),
    "one port for both": cluster("{mode: kind, name: acme-dev, httpPort: 8843}", ": httpPort and httpsPort are both 8843; give each its own"),
    "cluster's name": cluster("{mode: kind, name: Acme_Dev}", ".name: a cluster name is 2 to 50 of…try `acme-dev`"),
    "node image": cluster("{mode: kind, name: acme-dev, image: 'kind node'}", ".image: `kind node` does not fit…"),
    "existing without context": cluster("{mode: existing, kubeconfig: /tmp/x}", ".context: missing; every entry needs it"),
    # teams
    "team's name": team("Mobility: {github: mobility}", "Mobility: a team name is 2 to 30 of…try `mobility`"),
    "team's key": team("mobility: {github: mobility, member: [ada]}", "mobility.member: unknown key; did you mean `members`?"),
    "team without github": team("mobility: {members: [ada]}", "mobility.github: missing; every entry needs it"),
    "member": team("mobility: {github: mobility, members: [ada lovelace]}", "mobility.members.0: `ada lovelace` does not fit…"),
    "quota's key": team("mobility: {github: mobility, quota: {ram: 1Gi}}", "mobility.quota.ram: unknown key; known: cpu, memory, pods"),
    "quantity": team("mobility: {github: mobility, quota: {memory: 8GB}}", "mobility.quota.memory…`8GB` is no quantity; write a number with an optional unit…"),
    "quantity as a fraction": team("mobility: {github: mobility, quota: {cpu: 1.5}}", 'mobility.quota.cpu: must be a whole number or a text, such as 4, 500m, 8Gi or "1.5", not 1.5'),
    "nothing at all": team("mobility: {github: mobility, quota: {cpu: 0}}", "mobility.quota.cpu…must be more than zero"),
    "pods as a fraction": team("mobility: {github: mobility, quota: {pods: 1.5}}", "mobility.quota.pods: …not 1.5"),
    "a core project's name": Case(old=MEMBER, new=MEMBER + "\n    workloads: {github: x}", says="Pulumi.dev.yaml:6: teams.workloads: `workloads` is the name of a project of the platform…"),
    "a platform namespace": Case(old=MEMBER, new=MEMBER + "\n    cert: {github: x}", more="  idp:environments: [manager]\n", says="Pulumi.dev.yaml:6: teams.cert: its namespace would be `cert-manager`…"),
    "two teams in one namespace": Case(old=MEMBER, new=MEMBER + "\n    ab: {github: x}\n    ab-cd: {github: y}", more="  idp:environments: [ef, cd-ef]\n", says="Pulumi.dev.yaml:7: teams.ab-cd: its namespace `ab-cd-ef` would be team `ab`'s too…"),
    # services
    "service's name": service("Rental-Two: {team: mobility, template: node, description: x}", "Rental-Two: a service name is 2 to 40 of a-z, 0-9 and '-'…try `rental-two`"),
    "service's name too long": service(f"{'a' * 41}: {{team: mobility, template: node, description: x}}", f"{'a' * 41}: a service name is 2 to 40…"),
    "service's key": rental("templte: node", "templte: unknown key; did you mean `template`?"),
    "service without template": service("rental: {team: mobility, description: x}", "rental: name a `template`, or say `adopted: true`…"),
    "adopted and made": service(SERVICE[:-1] + ", adopted: true}", "rental: name a `template`, or say `adopted: true`…one of the two"),
    "adopted with parameters": service("rental: {team: mobility, adopted: true, parameters: {port: 1}, description: x}", "rental: `parameters` are a template's…"),
    "a topic": rental("topics: [Big]", "topics.0: `Big` does not fit; a topic is lower-case…"),
    "no issuer's name": Case(more="  idp:issuer: {mode: existing}\n", says="Pulumi.dev.yaml:8: issuer.name: missing; every entry needs it"),
    "an issuer's mode": Case(more="  idp:issuer: {mode: acme}\n", says="Pulumi.dev.yaml:8: issuer…`acme` is not one of…"),
    "an issuer without certificates": Case(more="  idp:issuer: {mode: existing, name: x}\n  idp:components: {certManager: 'off'}\n", says="Pulumi.dev.yaml:8: issuer: no certificate is made…"),
    "a backend": Case(more="  idp:backend: my bucket\n", says="Pulumi.dev.yaml:8: backend: `my bucket` does not fit; write an address…"),
    "service without description": service("rental: {team: mobility, template: node}", "rental.description: missing; every entry needs it"),
    "service is a text": service("rental: node", 'rental: must be …an object…not "node"'),
    "no such team": service("rental: {team: finance, template: node, description: x}", "rental.team: no team `finance` in this stack; there are mobility"),
    "no such template": service("rental: {team: mobility, template: nod, description: x}", "rental.template: no template `nod`; did you mean `node`?"),
    "description of two lines": service('rental: {team: mobility, template: node, description: "a\\nb"}', "rental.description: …does not fit; it must be one line"),
    "empty description": service('rental: {team: mobility, template: node, description: ""}', "rental.description: …at least 1 character…"),
    "blank description": service('rental: {team: mobility, template: node, description: "   "}', "rental.description: …does not fit; it must be one line, and say something"),
    "parameter is a list": rental("parameters: {port: [1]}", "parameters.port: must be a text, a whole number, true or false, not [1]"),
    "no such parameter": rental("parameters: {prt: 1}", "parameters.prt: template `node` has no such parameter; did you mean `port`?"),
    "parameter's type": rental("parameters: {port: http}", 'parameters.port: must be an integer, not "http"'),
    "parameter's range": rental("parameters: {port: 80}", "parameters.port: must be 1024 to 65535, not 80"),
    "calls nobody": rental("calls: [vehicels]", "calls.0: no service `vehicels`; known: rental"),
    "calls itself": rental("calls: [rental]", "calls.0: a service does not call itself through the network"),
    "calls a strange address": rental("calls: ['ftp://files.example']", "calls.0: `ftp://files.example` is no address to call…"),
    **{f"calls {host}": rental(f"calls: ['https://{host}']", f"calls.0: `https://{host}` is no public address; a call opens those only…") for host in ("*.example.com", "example..com", "localhost", "x.localhost", "127.1", "0x7f.0.0.1", "256.1.1.1")},
    "calls an address with a space": rental("calls: ['https://x y']", "calls.0: `https://x y` is no address to call…"),
    "a service named as a kind of cluster": service("kind: {team: mobility, templte: node, template: node, description: x}", "kind.templte: unknown key; did you mean `template`?"),
    "state": rental("state: gone", "state: `gone` is not one of 'active' or 'retired'"),
    "state is empty": rental("state: ~", "state: is empty; write 'active' or 'retired', or leave it out"),
    "calls a retired service": Case(old=SERVICE, new=SERVICE[:-1] + ", calls: [old-one]}", more="    old-one: {team: mobility, template: node, description: x, state: retired}\n", says="Pulumi.dev.yaml:7: services.rental.calls.0: service `old-one` is retired…"),
    "the gitops repository's name": service("idp-gitops: {team: mobility, template: node, description: x}", "idp-gitops: `idp-gitops` is the name of a repository of the platform…"),
    "this repository's name": Case(old=SERVICE, new="idp: {team: mobility, template: node, description: x}", more="  idp:repository: acme/idp\n", says="Pulumi.dev.yaml:7: services.idp: `idp` is the name of a repository of the platform…"),
}  # fmt: skip


def preview(project: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    """Exit code and error text of `preview`; fails where anything is registered."""

    def refuse(_self: Monitor, request: object) -> None:
        if getattr(request, "type", "") != "pulumi:pulumi:Stack":
            pytest.fail(f"registered {request}")

    monkeypatch.setattr(Monitor, "_node", refuse)
    result = CliRunner().invoke(app, ["preview", "--project", str(project)])
    assert "Traceback" not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stderr


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(("Pulumi.", "services/"))]


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in CASES.items()])
def test_a_mistake_is_told_with_its_place_and_a_way_out(
    case: Case, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever made it finds it without reading code."""
    text = STACK.replace(case.old, case.new, 1) if case.old else STACK
    assert case.old in STACK
    (project / "Pulumi.dev.yaml").write_text(text + case.more)

    code, said = preview(project, monkeypatch)

    assert code == 1
    parts = case.says.split("…")
    found = [line for line in lines(said) if line.startswith(parts[0]) and all(part in line for part in parts)]
    assert found, f"wanted: {case.says}\n   got: {said}"
    assert "nothing was changed." in said


def test_the_stack_that_the_cases_spoil_is_right(project: Path) -> None:
    """Else a case could be told for another reason than its own."""
    (project / "Pulumi.dev.yaml").write_text(STACK)

    result = CliRunner().invoke(app, ["validate", "--project", str(project)])

    assert result.exit_code == 0, result.output


def test_all_mistakes_of_all_files_are_told_at_once(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One run, one list: nobody mends one mistake to be told of the next."""
    (project / "Pulumi.dev.yaml").write_text(STACK.replace("template: node", "templte: node"))
    (project / "services" / "billing.yaml").write_text("team: 12\ntemplate: node\n")
    (project / "services" / "rental.yaml").write_text("team: mobility\n")

    _, said = preview(project, monkeypatch)

    assert lines(said) == [
        "Pulumi.dev.yaml:7: services.rental.templte: unknown key; did you mean `template`?",
        "services/billing.yaml:1: description: missing; every entry needs it",
        "services/billing.yaml:1: team: must be a valid string, not 12",
        "services/rental.yaml:1: service `rental` has an entry in Pulumi.dev.yaml too; keep one of the two",
    ]
    assert said.endswith("4 mistakes in 3 files; nothing was changed.\n")


@pytest.mark.parametrize(
    "name",
    [
        "quantity as a fraction",
        "parameter is a list",
        "environment twice",
        "a key of the other mode",
        "the project's namespace mistyped",
        "local as yaml 1.1",
    ],
)
def test_one_mistake_is_one_line(name: str, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who reads two looks for the second."""
    case = CASES[name]
    (project / "Pulumi.dev.yaml").write_text((STACK.replace(case.old, case.new, 1) if case.old else STACK) + case.more)

    _, said = preview(project, monkeypatch)

    assert len(lines(said)) == 1, said


def test_files_that_cannot_be_read_hide_nothing(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in them is unknown, so that whoever calls their services is told nothing of that."""
    (project / "Pulumi.dev.yaml").write_text(
        STACK.replace("template: node", "template: node, calls: [aa, bc]") + "cals: 1\n"
    )
    (project / "services" / "aa.yaml").write_text("a: b: c\n")
    (project / "services" / "bb.yaml").write_text("\tteam: x\n")

    _, said = preview(project, monkeypatch)

    assert [line.split(": ", 2)[:2] for line in lines(said)] == [
        ["Pulumi.dev.yaml:7", "services.rental.calls.1"],
        ["Pulumi.dev.yaml:8", "cals"],
        ["services/aa.yaml:1", "not YAML"],
        ["services/bb.yaml:1", "not YAML"],
    ]


def test_a_stack_file_that_cannot_be_read_hides_no_others(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine would tell of one."""
    (project / "Pulumi.dev.yaml").write_text(STACK + "\tx\n")
    (project / "services" / "aa.yaml").write_text("a: b: c\n")

    _, said = preview(project, monkeypatch)

    assert [line.split(": ")[0] for line in lines(said)] == ["Pulumi.dev.yaml:8", "services/aa.yaml:1"]


def test_a_mistake_hides_no_other_in_its_entry_or_elsewhere(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in takes the place of what is wrong, and the rest is checked beside it."""
    entry = "{team: mobility, template: nod, descripton: x, calls: [vehicels]}"
    (project / "Pulumi.dev.yaml").write_text(STACK.replace(SERVICE, f"rental: {entry}") + "  idp:local: yes\n")
    (project / "services" / "billing.yaml").write_text("")

    _, said = preview(project, monkeypatch)

    assert lines(said) == [
        "Pulumi.dev.yaml:7: services.rental.calls.0: no service `vehicels`; known: billing, rental",
        "Pulumi.dev.yaml:7: services.rental.description: missing; every entry needs it",
        "Pulumi.dev.yaml:7: services.rental.descripton: unknown key; did you mean `description`?",
        "Pulumi.dev.yaml:7: services.rental.template: no template `nod`; did you mean `node`?",
        'Pulumi.dev.yaml:8: local: must be a valid boolean, not "yes"',
        "services/billing.yaml:1: name a `template`, or say `adopted: true` of a repository that is there; one of the two",
        "services/billing.yaml:1: description: missing; every entry needs it",
        "services/billing.yaml:1: team: missing; every entry needs it",
    ]


def test_an_entry_without_a_team_is_told_of_no_other(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands for its team in the other checks is nobody's word; nor is a template that is empty."""
    text = STACK.replace(SERVICE, "rental: {template: ~, description: x, calls: [bc]}").replace(MEMBER, "")
    (project / "Pulumi.dev.yaml").write_text(text.replace("  idp:teams:\n", "  idp:teams: {}\n"))

    _, said = preview(project, monkeypatch)

    assert [line.split(":")[2:] for line in lines(said)] == [
        [
            " services.rental",
            " name a `template`, or say `adopted",
            " true` of a repository that is there; one of the two",
        ],
        [" services.rental.calls.0", " no service `bc`; known", " rental"],
        [" services.rental.team", " missing; every entry needs it"],
    ]


@pytest.mark.parametrize("environments", ["[dev, prod, 3]", "dev"], ids=["one of them wrong", "no list"])
def test_nothing_is_said_of_what_hangs_on_a_mistake(
    environments: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be right once that is mended."""
    more = f"  idp:environments: {environments}\n  idp:deploys: [qa]\n"
    (project / "Pulumi.dev.yaml").write_text(STACK + more)

    _, said = preview(project, monkeypatch)

    assert [line.split(": ")[1].split(".")[0] for line in lines(said)] == ["environments"]


def test_the_engines_and_the_providers_keys_are_left_alone(project: Path) -> None:
    """They are not this program's to know."""
    more = "  pulumi:disable-default-providers: [kubernetes]\n  github:owner: acme\n  kubernetes:context: x\n"
    (project / "Pulumi.dev.yaml").write_text("secretsprovider: passphrase\nencryptionsalt: x\n" + STACK + more)

    result = CliRunner().invoke(app, ["validate", "--project", str(project)])

    assert result.exit_code == 0, result.output


def test_a_mistake_in_a_file_of_its_own_names_that_file(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Teams edit services/<name>.yaml and should not be sent to the stack's file."""
    (project / "services" / "billing.yaml").write_text("description: Bills\nteam: finance\ntemplate: node\n")

    _, said = preview(project, monkeypatch)

    assert lines(said) == ["services/billing.yaml:2: team: no team `finance` in this stack; there are mobility"]


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        pytest.param("services/billing.yaml", "team: [", "services/billing.yaml:", id="not YAML"),
        pytest.param(
            "services/Billing.yaml", "team: mobility\n", "services/Billing.yaml:1: a service name is 2", id="file name"
        ),
        pytest.param("services/billing.yaml", "", "services/billing.yaml:1: team: missing", id="empty"),
        pytest.param("services/billing.yml", "team: x\n", "services/billing.yml: is not read", id="another ending"),
        pytest.param("services/billing.yaml", "- a\n", "services/billing.yaml:1: must be an object", id="a list"),
    ],
)
def test_a_spoilt_file_of_a_service_is_told(
    file: str, text: str, says: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that cannot be read is a mistake like any other."""
    (project / file).write_text(text)

    code, said = preview(project, monkeypatch)

    assert code == 1
    assert any(line.startswith(says) for line in lines(said)), said


def test_a_stack_without_a_file_is_told(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistyped --stack is the commonest mistake of all."""
    (project / "Pulumi.dev.yaml").unlink()

    code, said = preview(project, monkeypatch)

    assert (code, lines(said)) == (1, ["Pulumi.dev.yaml: no such file"])


def test_a_secret_in_clear_is_not_repeated(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error ends in a log that more people read than the file."""
    (project / "Pulumi.dev.yaml").write_text(STACK + "  idp:githubToken: ghp_planted\n")

    _, said = preview(project, monkeypatch)

    assert "ghp_planted" not in said


def test_nothing_is_made_for_a_stack_that_is_none(project: Path) -> None:
    """A name mistyped at `--stack` leaves no folder behind."""
    with pytest.raises(MistakesError, match=r"Pulumi\.Pulumi\.dev\.yaml\.yaml: no such file"):
        Workspace(root=project, stack="Pulumi.dev.yaml").prepare()

    assert not (project / ".stacks").exists()
