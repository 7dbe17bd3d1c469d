"""The decisions of `recover` that need no engine: locks, the state's notes, the import file, the derived stack file."""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import stat
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import dill
import pytest
import yaml

from components.dynamic.key_pair import KeyPairProvider
from idp import recorder, stackfile
from idp.lifecycle import backend, keys, locks, recovery
from idp.lifecycle.engine import EngineError
from idp.lifecycle.findings import HalfInstalled, Import, Restore
from idp.lifecycle.locks import BusyError, Lock
from idp.lifecycle.state import KIND, REPOSITORY, RULESET, Made, State
from idp.lifecycle.workspace import Workspace

if TYPE_CHECKING:
    from idp.plan import Node, Plan

PROJECT = Path(__file__).resolve().parents[2]
SERVICE = "urn:pulumi:dev::idp::idp:index:Service"


@pytest.fixture(scope="module")
def plan() -> Plan:
    return recorder.record(PROJECT, "dev")


def state(*resources: dict[str, Any], begun: tuple[tuple[str, dict[str, Any]], ...] = ()) -> State:
    operations = [{"type": kind, "resource": resource} for kind, resource in begun]
    return State({"version": 3, "deployment": {"resources": list(resources), "pending_operations": operations}})


def lock(pid: int, host: str | None = None) -> Lock:
    return Lock(pid=pid, user="ada", host=host or socket.gethostname(), since="2026-01-01T00:00:00")


def test_a_lock_of_a_process_that_is_gone_is_dead() -> None:
    """The highest number that Linux gives is above four million."""
    assert locks.dead([lock(2**22 + 1)])
    assert not locks.dead([])


def test_a_number_that_another_program_has_by_now_is_no_pulumi() -> None:
    """This test's own process is alive and is none."""
    assert locks.dead([lock(os.getpid())])


def test_a_lock_of_another_machine_is_somebodys() -> None:
    """Whether that process lives cannot be seen from here."""
    with pytest.raises(BusyError, match="of ada on elsewhere"):
        locks.dead([lock(2**22 + 1), lock(1, "elsewhere")])


def test_locks_of_a_backend_elsewhere_are_its_own() -> None:
    """A bucket has locks of its own, which `pulumi` itself looks at."""
    assert locks.held("s3://bucket", "idp", "dev") == []


LOCKED = """`pulumi stack import` failed:
warning: removing pending operation 'creating' on 'urn' from snapshot
error: could not import deployment: the stack is currently locked by 1 lock(s).
  s3://bucket/.pulumi/locks/organization/idp/dev/0.json: created by ada@elsewhere (pid 1) at 2026-01-01T00:00:00Z"""
"""As 3.259 says it."""


@dataclass
class Life:
    """A stack whose engine and cluster write down what is done to them, one after the other."""

    plan: Plan
    held: bool = False
    """Whether somebody holds a lock that only the engine sees."""
    now: State = field(default_factory=state)
    done: list[str] = field(default_factory=list)

    @property
    def engine(self) -> Any:
        """As far as nothing is imported."""
        workspace = SimpleNamespace(remember=lambda _state: None)
        return SimpleNamespace(state=lambda: self.now, replace=self._replace, workspace=workspace)

    def api(self, _state: State) -> Any:
        """The cluster."""
        return SimpleNamespace(delete=lambda _version, _kind, name, _namespace: self.done.append(f"delete {name}"))

    def _replace(self, written: State) -> None:
        if self.held:
            raise EngineError(LOCKED)
        assert not written.open()
        self.done.append("write the state")


def half_installed(node: Node) -> HalfInstalled:
    return HalfInstalled(node=node, name="argocd", namespace="argocd", records=("record",))


def test_a_lock_that_only_the_engine_sees_stops_everything(plan: Plan) -> None:
    """An open operation is a killed run's where nobody holds the lock; of a bucket's locks the engine alone knows."""
    release = plan.one("kubernetes:helm.sh/v3:Release", "argocd")
    life = Life(plan, held=True)
    under_way = state(begun=(("creating", {"urn": release.urn, "type": release.type}),))

    with pytest.raises(BusyError, match="created by ada@elsewhere") as told:
        recovery.take_up(cast("Any", life), under_way, [half_installed(release)], print)

    assert life.done == []
    assert "python -m idp pulumi cancel" in str(told.value)
    assert "removing pending operation" not in str(told.value)


def test_a_release_that_was_cut_off_goes_once_the_state_is_written(plan: Plan) -> None:
    """In that order, with or without an operation left open."""
    life = Life(plan)

    recovery.take_up(
        cast("Any", life), state(), [half_installed(plan.one("kubernetes:helm.sh/v3:Release", "argocd"))], print
    )

    assert life.done == ["write the state", "delete record"]


def test_a_release_that_was_finished_meanwhile_stays(plan: Plan) -> None:
    """Somebody's run ended between the look and the step: without its record Helm would know nothing of what it installed."""
    release = plan.one("kubernetes:helm.sh/v3:Release", "argocd")
    life = Life(plan, now=state({"urn": release.urn, "type": release.type}))

    recovery.take_up(cast("Any", life), state(), [half_installed(release)], print)

    assert life.done == ["write the state"]


def test_the_release_inside_a_plugins_component_is_looked_for_too(plan: Plan) -> None:
    """No plan has it, as the plugin declares it; without a state its name is in use, and Helm refuses it."""
    component = plan.one("kubernetes-cert-manager:index:CertManager")

    (release,) = recovery.plugins_own(plan)

    assert release.urn.endswith("$kubernetes-cert-manager:index:CertManager$kubernetes:helm.sh/v3:Release::tls-helm")
    assert (release.parent, release.deleted_with) == (component.urn, component.deleted_with)
    assert (release.at("namespace"), release.at("name")) == ("cert-manager", "cert-manager")


def test_a_restored_key_is_as_its_provider_would_have_made_it(plan: Plan) -> None:
    """With its provider's own code, which a `destroy` asks for, and with its secret marked for the engine to encrypt."""
    node = plan.one(keys.KEY_PAIR, "sealed-secrets-key")
    outputs = {"common_name": "a", "authority_for": "", "private_key": "PRIVATE", "certificate": "PUBLIC"}
    found = Restore(node=node, id="1234", outputs=outputs, holder="sealed-secrets/sealed-secrets-key")

    whole = keys.restored(state(), plan, [found]).resources

    provider, key = whole.values()
    assert key["provider"] == f"{provider['urn']}::{provider['id']}"
    assert (key["urn"], key["id"], key["parent"]) == (node.urn, "1234", node.parent)
    assert key["inputs"].keys() == {"common_name", "authority_for", "__provider"}
    assert key["outputs"]["private_key"] == {recorder.SIGNATURE: recorder.SECRET_SIGNATURE, "plaintext": '"PRIVATE"'}
    assert key["outputs"]["certificate"] == "PUBLIC"
    code = base64.b64decode(json.loads(key["outputs"]["__provider"]["plaintext"]))
    assert isinstance(dill.loads(code), KeyPairProvider)  # noqa: S301  pickled a moment ago


def test_a_stack_that_was_removed_stays_removed(tmp_path: Path) -> None:
    """Its state is kept beside by the engine; without a killed run nothing is to be put back."""
    stacks = tmp_path / ".pulumi" / "stacks" / "idp"
    stacks.mkdir(parents=True)
    (stacks / "dev.json.bak").write_text("{}")

    backend.mend(f"file://{tmp_path}", "idp", "dev")

    assert not (stacks / "dev.json").exists()


def test_what_waits_for_its_deletion_is_not_there() -> None:
    """A replaced resource stands twice in the state until the old one is gone."""
    found = state({"urn": "a", "type": KIND, "id": "new"}, {"urn": "a", "type": KIND, "id": "old", "delete": True})

    assert found.resources["a"]["id"] == "new"
    assert len(found.of(KIND)) == 1


def test_rulesets_noted_before_stay_noted() -> None:
    """A killed `destroy` has taken the ruleset from the state before the repository."""
    before = Made(id=7, rulesets=(1, 2))

    assert Made(id=7, rulesets=(3,)).and_before(before) == Made(id=7, rulesets=(1, 2, 3))
    assert Made(id=8, rulesets=(3,)).and_before(before) == Made(id=8, rulesets=(3,))


def test_a_workspace_remembers_what_the_state_forgets(tmp_path: Path) -> None:
    """Numbers of GitHub and names of clusters, begun ones too, in a file for its owner alone."""
    for name in ("Pulumi.yaml", "Pulumi.dev.yaml"):
        shutil.copy(PROJECT / name, tmp_path / name)
    space = Workspace(root=tmp_path, stack="dev")
    space.prepare()
    repository = {"urn": "r", "type": REPOSITORY, "inputs": {}, "outputs": {"name": "rental", "repoId": 7.0}}
    ruleset = {"urn": "s", "type": RULESET, "id": "9", "inputs": {"repository": "rental"}}
    kind = {"urn": "k", "type": KIND, "inputs": {"cluster_name": "acme-dev"}}

    space.remember(state(repository, ruleset, begun=(("creating", kind),)))
    space.remember(state())

    assert space.made() == {"rental": Made(id=7, rulesets=(9,))}
    assert space.clusters() == {"acme-dev"}
    assert stat.S_IMODE((space.folder / "made.json").stat().st_mode) == 0o600


def test_an_import_brings_the_components_that_it_stands_on(plan: Plan) -> None:
    """In an empty state there is no Service to hang a repository on; a provider must be there already."""
    repository, provider = plan.one(REPOSITORY, "rental"), plan.one("pulumi:providers:github")
    found = Import(node=repository, id="rental", reason="")

    file = recovery.import_file([found], plan, {provider.urn: {}})

    component, imported = file["resources"]
    assert (component["type"], component["logicalName"], component["component"]) == (
        "idp:index:Service",
        "rental",
        True,
    )
    assert imported["parent"] == component["name"]
    assert file["nameTable"] == {imported["provider"]: provider.urn}
    assert (imported["id"], imported["logicalName"]) == ("rental", "rental")


def test_the_imported_get_the_options_that_the_program_declares(plan: Plan) -> None:
    """A `destroy` right after an import must keep a repository, and must not be refused."""
    repository = plan.one(REPOSITORY, "rental")
    imported = state({"urn": repository.urn, "type": REPOSITORY, "protect": True})

    known = imported.declared([repository]).resources[repository.urn]

    assert (known["protect"], known["retainOnDelete"]) == (False, True)
    assert imported.resources[repository.urn]["protect"] is True


def test_the_environments_own_backend_and_passphrase_win(tmp_path: Path) -> None:
    """What everybody shares stands in the committed file; who wants another place for once says so."""
    for name in ("Pulumi.yaml", "Pulumi.dev.yaml", "Pulumi.prod.yaml"):
        shutil.copy(PROJECT / name, tmp_path / name)
    dev, prod = (Workspace(root=tmp_path, stack=stack) for stack in ("dev", "prod"))

    own, shared = dev.environment({}), prod.environment({})
    theirs = prod.environment({"PULUMI_BACKEND_URL": "s3://bucket", "PULUMI_CONFIG_PASSPHRASE": "x"})

    assert own["PULUMI_BACKEND_URL"] == f"file://{tmp_path / '.stacks' / 'backend'}"
    assert own["PULUMI_CONFIG_PASSPHRASE_FILE"] == str(tmp_path / ".stacks" / "passphrase")
    assert shared["PULUMI_BACKEND_URL"] == "s3://acme-idp-state?region=eu-central-1"
    assert theirs["PULUMI_BACKEND_URL"] == "s3://bucket"
    assert "PULUMI_CONFIG_PASSPHRASE_FILE" not in theirs


def test_the_derived_file_says_what_the_committed_one_says(tmp_path: Path) -> None:
    """Read as the engine reads it; with salt and secrets of before, and without a value that the committed file dropped."""
    shutil.copy(PROJECT / "Pulumi.yaml", tmp_path)
    committed = tmp_path / "Pulumi.dev.yaml"
    committed.write_text("config: {idp:a: yes, idp:b: {n: 012, t: 12:30:00, e: 1e3}, idp:c: [~, '1', 1.50]}\n")
    space = Workspace(root=tmp_path, stack="dev")
    space.prepare()
    with space.file.open("a") as file:
        file.write("encryptionsalt: v1:salt\n")
    text = space.file.read_text().replace("config:\n", "config:\n  idp:githubToken: {secure: abc}\n  idp:old: 1\n")
    space.file.write_text(text)

    space.prepare()

    made = yaml.safe_load(space.file.read_text())
    assert made["encryptionsalt"] == "v1:salt"
    assert made["config"]["idp:githubToken"] == {"secure": "abc"}
    assert "idp:old" not in made["config"]
    values = stackfile.read_config(tmp_path, "dev").values
    shutil.copy(space.file, committed)
    again = stackfile.read_config(tmp_path, "dev").values
    assert {key: again[key] for key in ("idp:a", "idp:b", "idp:c")} == {
        key: values[key] for key in ("idp:a", "idp:b", "idp:c")
    }
    assert json.loads(again["idp:c"]) == [None, "1", 1.5]
