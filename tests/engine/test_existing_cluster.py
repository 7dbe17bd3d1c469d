"""A stack on a cluster that is there already, referring to repositories of another stack, with its secret in the config."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest

from idp import recorder
from tests.engine.agreement import NOT_DECLARED, differences
from tests.engine.conftest import ARGOCD_TOKEN, FOLDER_TOKEN, OAUTH_ID, OAUTH_SECRET, REGISTRY_TOKEN, of_another_stack
from tests.support import apiserver, leaks
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
