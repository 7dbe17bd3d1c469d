"""A stack on a cluster that is there already, referring to repositories of another stack, with its secret in the config."""

from __future__ import annotations

import base64
import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from idp import recorder
from tests.engine.agreement import NOT_DECLARED, differences
from tests.engine.conftest import ARGOCD_TOKEN, FOLDER_TOKEN, OAUTH_ID, OAUTH_SECRET, REGISTRY_TOKEN, of_another_stack
from tests.support import apiserver, leaks
from tests.support.desk import Desk
from tests.support.engine import Engine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.github import GitHubServer

STACK = """config:
  idp:organization: acme
  idp:github: reference
  idp:cluster: {{mode: existing, kubeconfig: {kubeconfig}, context: there}}
  idp:environments: [dev, prod]
  idp:deploys: [prod]
  idp:teams:
    mobility: {{github: mobility}}
  idp:services:
    rental: {{team: mobility, template: node, description: Rents vehicles}}
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, github: GitHubServer) -> Iterator[Engine]:
    home = tmp_path_factory.mktemp("existing")
    server = apiserver.start(home / "cluster")
    (home / "kubeconfig").write_text(server.kubeconfig("there"))
    engine = Engine(home=home / "engine", github_url=github.url)
    text = STACK.format(kubeconfig=home / "kubeconfig")
    (engine.project / "Pulumi.dev.yaml").write_text(text)
    salt = next(line for line in engine.stack_file.read_text().splitlines() if line.startswith("encryptionsalt"))
    engine.use(f"{text}{salt}\n")
    engine.set_secret("argocdGithubToken", ARGOCD_TOKEN)
    engine.set_secret("githubToken", FOLDER_TOKEN)
    of_another_stack(github)
    engine.set_secret("registryToken", REGISTRY_TOKEN)
    engine.set_secret("oauthClientId", OAUTH_ID)
    engine.set_secret("oauthClientSecret", OAUTH_SECRET)
    yield engine
    engine.close()
    server.stop()


@pytest.fixture(scope="module")
def clone(stack: Engine, github: GitHubServer, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """The same project on another desk, whose state knows nothing."""
    secrets = {
        "GITHUB_TOKEN": FOLDER_TOKEN, "ARGOCD_GITHUB_TOKEN": ARGOCD_TOKEN, "REGISTRY_TOKEN": REGISTRY_TOKEN,
        "OAUTH_CLIENT_ID": OAUTH_ID, "OAUTH_CLIENT_SECRET": OAUTH_SECRET,
    }  # fmt: skip
    made = Desk(home=tmp_path_factory.mktemp("clone") / "desk", github_url=github.url, secrets=secrets)
    (made.project / "Pulumi.dev.yaml").write_text(STACK.format(kubeconfig=stack.home.parent / "kubeconfig"))
    return made


def kubectl(stack: Engine, *arguments: str, given: str | None = None) -> str:
    command = ["kubectl", "--kubeconfig", str(stack.home.parent / "kubeconfig"), *arguments]
    return subprocess.run(command, input=given, check=True, capture_output=True, text=True).stdout


def objects(stack: Engine) -> dict[str, Any]:
    """Of every kind that the platform makes most of: what is in it, by what it is."""
    kinds = "namespaces,secrets,configmaps,networkpolicies,appprojects,applications,clusterissuers"
    found = json.loads(kubectl(stack, "get", kinds, "-A", "-l", "idp/stack=idp.dev", "-o", "json"))["items"]
    return {f"{one['kind']} {one['metadata']['uid']}": one.get("data") or one.get("spec") for one in found}


def test_it_makes_its_own_environment_and_one_folder_on_github(stack: Engine, github: GitHubServer) -> None:
    """The owning stack makes repositories; this one runs what is in them."""
    changes = stack.changes()

    names = {resource["urn"].rpartition("::")[2] for resource in stack.resources()}
    made = [one for one in stack.resources() if one["type"] not in NOT_DECLARED[1:]]
    written = {request.path for request in github.requests if request.method != "GET"}
    assert changes["created"] == len(made)
    assert {"rental-prod", "team-mobility-prod"} <= names
    assert not [name for name in names if name.endswith("-dev") and name != "idp-dev"]
    written -= {"/orgs/acme/repos"}  # the other stack's, before
    assert written
    assert all(path.startswith("/repos/acme/idp-gitops/git/") for path in written)
    assert {path.partition("/dev/")[0] for path in github.files("idp-gitops")} == {"README.md", "clusters"}


def test_the_secret_of_the_config_is_used_and_nowhere_in_clear(stack: Engine) -> None:
    """Given by `pulumi config set --secret`, it reaches the cluster's Secrets and no file, also not as part of a login."""
    state = json.dumps(stack.state()) + stack.stack_file.read_text()
    login = base64.b64encode(f"x-access-token:{REGISTRY_TOKEN}".encode()).decode()

    assert [word for word in (ARGOCD_TOKEN, OAUTH_ID, OAUTH_SECRET, REGISTRY_TOKEN, login) if word in state] == []
    assert "secure:" in stack.stack_file.read_text()


def test_the_pull_secret_is_in_the_teams_namespaces_and_nowhere_else(stack: Engine) -> None:
    """Whoever may read Secrets elsewhere learns nothing of it."""
    found = leaks.in_cluster(stack.home.parent / "kubeconfig", REGISTRY_TOKEN)

    assert found == {"mobility-prod/registry .dockerconfigjson"}


def test_the_recorder_agrees_here_too(stack: Engine, github: GitHubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """With no cluster of ours there is nothing to go down with."""
    monkeypatch.setenv("GITHUB_BASE_URL", f"{github.url}/")
    plan = recorder.record(stack.project, "dev")

    assert "\n".join(differences(plan, stack.resources())) == ""


def test_a_second_up_performs_no_operation(stack: Engine) -> None:
    """The kubeconfig is read anew, and is the same cluster's."""
    assert stack.changes() == {}


def test_a_missing_kubeconfig_is_told_with_its_line(stack: Engine) -> None:
    """Before the provider fails with a message of its own."""
    text = stack.stack_file.read_text()
    broken = text.replace("context: there", "context: elsewhere")
    stack.use(broken)
    (stack.project / "Pulumi.dev.yaml").write_text(broken)

    done = stack.run("preview", check=False)

    stack.use(text)
    assert done.returncode != 0
    assert "Pulumi.dev.yaml:4: cluster.kubeconfig: no cluster with a certificate authority" in done.stdout + done.stderr


def test_down_of_a_fresh_clone_takes_nothing_of_another_folders(stack: Engine, clone: Desk) -> None:
    """The label is the same for everybody who has the project: it does not say that nobody else looks after the stack."""
    before = objects(stack)

    done = clone.idp("down", "--yes", check=False)

    assert done.returncode == 1
    assert (
        "Namespace argocd: it is in the cluster already and carries this stack's label, but this folder's state"
        in done.stderr
    )
    assert "left standing; `down --take-over` takes them too" in done.stderr
    assert "down: repositories are as they were" not in done.stdout
    assert before
    assert objects(stack) == before


KEPT = ("sealingCertificate", "certificateAuthority", "grafanaAdministratorPassword")
RECORD = """apiVersion: v1
kind: Secret
metadata:
  name: sh.helm.release.v1.cert-manager.v1
  namespace: cert-manager
  labels: {owner: helm, name: cert-manager, status: deployed}
"""
"""As Helm leaves it; the lab's plugin leaves none."""


def test_a_lost_state_is_taken_over_with_its_keys(
    stack: Engine, clone: Desk, github: GitHubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fresh key would be written over the last copy of the one that everybody has sealed with."""
    kubectl(stack, "apply", "-f", "-", given=RECORD)
    before, outputs = objects(stack), stack.outputs()

    done = clone.idp("recover", "--take-over")
    clone.run("up")

    assert (
        "sealed-secrets-key: the state has lost it and Secret sealed-secrets/sealed-secrets-key holds it" in done.stdout
    )
    assert "Release cert-manager/cert-manager: a killed run installed it; taken into the state" in done.stdout
    assert objects(stack) == before
    assert {name: clone.outputs()[name] for name in KEPT} == {name: outputs[name] for name in KEPT}
    state = json.dumps(clone.state())
    assert outputs["grafanaAdministratorPassword"] not in state
    assert "PRIVATE KEY" not in state
    assert clone.changes() == {}
    monkeypatch.setenv("GITHUB_BASE_URL", f"{github.url}/")
    assert "\n".join(differences(recorder.record(clone.project, "dev"), clone.resources())) == ""
