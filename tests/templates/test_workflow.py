"""The workflow of every template: what it may do; and run, from the commit to what Argo CD has in a cluster."""

from __future__ import annotations

import base64
import itertools
import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from github import Auth, Github

from idp import templates
from idp.plan import manifests
from tests.engine.conftest import ARGOCD_TOKEN, GITHUB_TOKEN, WORKFLOW_TOKEN, organization
from tests.plan import schemas
from tests.support import lab
from tests.support.argocd import RELEASE, ArgoCd, published
from tests.support.planned import Cluster, Planned, cluster, planned
from tests.support.waiting import until
from tests.templates.service import cache, missing_packages, rendered, tool, toolchain, write

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.github import GitHubServer

pytestmark = pytest.mark.timeout(300)

WORKFLOW = ".github/workflows/ci.yaml"
STACK = """config:
  idp:organization: acme
  idp:visibility: public
  idp:cluster: {mode: kind, name: acme-dev}
  idp:teams: {mobility: {github: mobility}}
  idp:services:
""" + "".join(
    f"    {template}-service: {{team: mobility, template: {template}, description: Rents}}\n"
    for template in templates.names(kinds=("service",))
)
DOCKER = """#!/bin/sh
# Notes what it is asked for. What was pushed has a digest.
printf '%%s\\n' "$*" >> "$DOCKER_LOG"
case "$1 $2" in
  "login "*) cat >> "$DOCKER_LOG.password" ;;
  "image inspect") echo "registry.example/other@sha256:%s"; echo "${5%%:*}@%s" ;;
esac
"""


def workflow(template: str) -> dict[str, Any]:
    return yaml.safe_load(rendered(template).files[WORKFLOW])


def steps(template: str) -> list[dict[str, Any]]:
    return list(itertools.chain.from_iterable(job["steps"] for job in workflow(template)["jobs"].values()))


# --- what it may do --------------------------------------------------------------------------------------------------


def test_each_job_has_no_more_power_than_it_needs(template: str) -> None:
    """A pull request's code must not be able to write; an action that moves its tag must not change what runs."""
    text, jobs = rendered(template).files[WORKFLOW].decode(), workflow(template)["jobs"]

    assert workflow(template)["permissions"] == {"contents": "read"}
    assert {name: job.get("permissions") for name, job in jobs.items()} == {
        "check": None,
        "release": {"contents": "write", "packages": "write"},
    }
    assert jobs["release"]["if"] == "github.event_name == 'push' && github.ref == 'refs/heads/main'"
    assert jobs["release"]["needs"] == "check"
    assert all(re.search(r"@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line) for line in text.splitlines() if "uses:" in line)
    assert all(
        step["with"]["persist-credentials"] is False for step in steps(template) if "checkout@" in step.get("uses", "")
    )
    assert not any("${{" in step.get("run", "") for step in steps(template))
    assert all("timeout-minutes" in job for job in jobs.values())
    assert "concurrency" in workflow(template)
    assert re.fullmatch(r"\S+:v[\d.]+@sha256:[0-9a-f]{64}", jobs["release"]["env"]["SCANNER"])


def test_it_runs_the_toolchains_commands_and_scripts_that_there_are(template: str) -> None:
    """In the order of a person at work; a renamed script fails only in CI, after the merge."""
    commands, jobs = toolchain(template).commands, workflow(template)["jobs"]
    scripts = re.findall(r"bash (\S+\.sh)", "\n".join(step.get("run", "") for step in steps(template)))

    assert [step["run"] for step in jobs["check"]["steps"] if "run" in step] == [
        *commands.install, *commands.check, *commands.test, *commands.build
    ]  # fmt: skip
    assert jobs["check"]["steps"][1]["uses"] == toolchain(template).setup.uses
    assert {str(value) for value in jobs["check"]["steps"][1]["with"].values()} == set(
        toolchain(template).setup.inputs.values()
    )
    assert set(scripts) == {"scripts/scan.sh", "scripts/release.sh"} <= set(rendered(template).files)


# --- run -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Repository:
    """A service's repository on GitHub, and the machine on which its workflow runs."""

    template: str
    github: GitHubServer
    home: Path
    planned: Planned

    @property
    def service(self) -> str:
        """Its name."""
        return f"{self.template}-service"

    @property
    def clone(self) -> Path:
        """As a runner has it."""
        return self.home / "clone"

    @property
    def image(self) -> str:
        """Without tag or digest."""
        return workflow_of(self.planned.rendering(self.service).files)["jobs"]["release"]["env"]["IMAGE"]

    @property
    def digest(self) -> str:
        """Of the image once it is pushed."""
        return f"sha256:{base64.b16encode(self.template.encode()).decode().lower():0<64.64}"

    def git(self, *command: str) -> str:
        """Run git in the clone."""
        nobody = ("-c", "user.name=ada", "-c", "user.email=ada@example.com")
        done = subprocess.run(["git", *nobody, *command], cwd=self.clone, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def begin(self) -> None:
        """What the platform does: the repository with its first commit, and a branch for each environment."""
        client = Github(base_url=self.github.api_url, auth=Auth.Token(GITHUB_TOKEN)).get_organization("acme")
        client.create_repo(self.service, auto_init=True, private=True)
        self.home.mkdir()
        subprocess.run(
            ["git", "clone", "--quiet", self.github.git_url(self.service, GITHUB_TOKEN), str(self.clone)], check=True
        )
        write(self.planned.rendering(self.service), self.clone)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "Scaffold")
        self.git("push", "--quiet")
        for environment in self.planned.settings.catalog.deploys:
            tree = subprocess.run(
                ["git", "mktree"], cwd=self.clone, input=self.git("ls-tree", "HEAD", "deploy") + "\n", check=True,
                capture_output=True, text=True,
            ).stdout.strip()  # fmt: skip
            self.git(
                "push",
                "--quiet",
                "origin",
                f"{self.git('commit-tree', '-m', 'Begin', tree)}:refs/heads/env/{environment}",
            )
        self.git("remote", "set-url", "origin", self.github.git_url(self.service, WORKFLOW_TOKEN))

    def push(self) -> subprocess.CompletedProcess[str]:
        """Run the workflow as for a push to main, by act, with Docker's place taken and the packages that are there."""
        (self.home / "act").mkdir()
        (self.home / "act" / "actrc").write_text("")
        stub, bin_ = self.home / "stub", self.home / "bin"
        stub.mkdir()
        (stub / "action.yml").write_text("name: stub\nruns: {using: composite, steps: [{run: 'true', shell: bash}]}\n")
        bin_.mkdir()
        (bin_ / "docker").write_text(DOCKER % ("0" * 64, self.digest))
        (bin_ / "docker").chmod(0o755)
        for name in toolchain(self.template).installs:
            (self.clone / name).symlink_to(cache(self.template) / name)
        # install was run by tests/support/prepare-templates, from the same lock
        text = (self.clone / WORKFLOW).read_text()
        for command in toolchain(self.template).commands.install:
            text = text.replace(f"- run: {command}\n", "- run: 'true'\n")
        (self.home / "ci.yaml").write_text(text)
        event = self.home / "event.json"
        event.write_text(json.dumps({"ref": "refs/heads/main", "repository": {"default_branch": "main"}}))
        checkout = toolchain(self.template).setup.uses
        command = [
            tool("act"), "push", "-W", str(self.home / "ci.yaml"), "-e", str(event), "-P", "ubuntu-latest=-self-hosted",
            "--use-gitignore=false", "--local-repository", f"{checkout}={stub}", "--no-cache-server",
            "--artifact-server-addr", "127.0.0.1", "--secret", f"GITHUB_TOKEN={WORKFLOW_TOKEN}", "--actor", "ada",
            "--env", f"DOCKER_LOG={self.home / 'docker'}", "--env", f"PATH={bin_}:{os.environ['PATH']}",
        ]  # fmt: skip
        places = dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"), str(self.home))
        return subprocess.run(
            command, cwd=self.clone, env={"PATH": f"{bin_}:{os.environ['PATH']}", **places}, capture_output=True, text=True,
            check=False, timeout=240,
        )  # fmt: skip

    def released(self, environment: str) -> dict[str, Any]:
        """The overlay on an environment's branch, as the first one's has it."""
        self.git("fetch", "--quiet", "origin", "env/dev")
        return yaml.safe_load(self.git("show", f"FETCH_HEAD:deploy/overlays/{environment}/kustomization.yaml"))


def workflow_of(files: Any) -> dict[str, Any]:
    return yaml.safe_load(files[WORKFLOW])


@dataclass(frozen=True, kw_only=True)
class Run:
    """A repository whose workflow has run."""

    repository: Repository
    done: subprocess.CompletedProcess[str]

    @property
    def docker(self) -> list[str]:
        """What Docker was asked for, in order."""
        return (self.repository.home / "docker").read_text().splitlines()


@pytest.fixture(scope="module")
def github(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitHubServer]:
    with organization(tmp_path_factory.mktemp("github")) as server:
        yield server


@pytest.fixture(scope="module")
def platform(github: GitHubServer, tmp_path_factory: pytest.TempPathFactory) -> Planned:
    """The stack of all these services."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("GITHUB_BASE_URL", f"{github.url}/")
        return planned(tmp_path_factory.mktemp("stack") / "project", STACK)


@pytest.fixture(scope="module")
def run(language: str, github: GitHubServer, platform: Planned, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """After one push to main."""
    tool("git"), tool("act")
    if missing := missing_packages(language):
        pytest.skip(missing)
    home = tmp_path_factory.mktemp("workflow") / language
    repository = Repository(template=language, github=github, home=home, planned=platform)
    repository.begin()
    return Run(repository=repository, done=repository.push())


def test_a_push_to_main_is_checked_built_scanned_pushed_and_released(run: Run) -> None:
    """Every step of both jobs, and Docker asked for what it should be, in order."""
    repository = run.repository
    assert run.done.returncode == 0, run.done.stdout[-6000:] + run.done.stderr
    commit = repository.git("rev-parse", "main")
    tagged = f"{repository.image}:{commit}"
    build, scan, login, push, inspect = run.docker

    assert build == f"build --build-arg VERSION={commit} --tag {tagged} ."
    assert scan.startswith("run --rm ")
    assert scan.endswith(
        f"{workflow(repository.template)['jobs']['release']['env']['SCANNER']} docker:{tagged} --only-fixed --fail-on critical"
    )
    assert login == f"login {repository.image.partition('/')[0]} --username ada --password-stdin"
    assert (repository.home / "docker.password").read_text() == WORKFLOW_TOKEN
    assert push == f"push {tagged}"
    assert inspect.startswith("image inspect ")
    assert inspect.endswith(tagged)
    assert WORKFLOW_TOKEN not in run.done.stdout + run.done.stderr + "".join(run.docker)


def test_the_environments_branch_has_the_digest_that_the_registry_gave(run: Run) -> None:
    """And not that of another image of the same name elsewhere; every overlay, so that a merge promotes it."""
    repository = run.repository
    for environment in repository.planned.settings.catalog.deploys:
        (image,) = repository.released(environment)["images"]

        assert image == {"name": repository.image, "newName": repository.image, "digest": repository.digest}
    assert f"Source-Commit: {repository.git('rev-parse', 'main')}" in repository.git(
        "log", "-1", "--format=%B", "FETCH_HEAD"
    )


# --- and in the cluster ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def there(github: GitHubServer, platform: Planned, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster with what the plan declares, and the real Argo CD."""
    if absent := lab.missing(*lab.ARGOCD):
        pytest.skip(f"not on PATH: {', '.join(absent)}")
    home = tmp_path_factory.mktemp("cluster")
    theirs = sorted((published().parent / "crds").glob("*-crd.yaml"))
    monitors = sorted((schemas.data() / "crds" / "kube-prometheus-stack").glob("*.yaml"))
    with cluster(home / "server", [*theirs, *monitors]) as made:
        projects = [one for one in platform.declared() if one["kind"] == "AppProject"]
        made.have([*platform.given(), *projects, *of_argocd(github, platform)])
        with ArgoCd(home / "argocd", made.kubeconfig):
            yield made


def of_argocd(github: GitHubServer, platform: Planned) -> list[dict[str, Any]]:
    """What the chart brings, and the secrets that a plan hides."""
    values = platform.plan.one(manifests.RELEASE, "argocd").at("values")

    def made(kind: str, name: str, labels: dict[str, str], **data: dict[str, str]) -> dict[str, Any]:
        metadata = {"name": name, "namespace": "argocd", "labels": labels}
        return {"apiVersion": "v1", "kind": kind, "metadata": metadata, **data}

    pull = {"type": "git", "url": f"{github.url}/acme", "username": "x", "password": ARGOCD_TOKEN}
    return [
        made("Secret", "argocd-secret", {"app.kubernetes.io/part-of": "argocd"}, stringData={}),
        made("Secret", "repo-creds", {"argocd.argoproj.io/secret-type": "repo-creds"}, stringData=pull),
        made("ConfigMap", RELEASE.partition("/")[2], {}, data={"inputs.json": json.dumps({"values": values})}),
    ]


def test_argo_cd_runs_what_was_released(run: Run, there: Cluster) -> None:
    """The stack's own Application, from the branch to the Deployment: with the digest, and with what the stack adds."""
    service, place = run.repository.service, "mobility-dev"
    there.have([run.repository.planned.application(service, "dev")])

    def state() -> dict[str, Any]:
        return there.get("application.argoproj.io", f"{service}-dev", "-n", "argocd").get("status", {})

    until(lambda: state().get("sync", {}).get("status") == "Synced", 120, state)
    pod = there.get("deployment", service, "-n", place)["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    (rule,) = there.get("ingress", service, "-n", place)["spec"]["rules"]

    assert container["image"] == f"{run.repository.image}@{run.repository.digest}"
    assert pod["nodeSelector"] == {"role": "workloads"}
    assert rule["host"] == f"{service}.dev.idp.localhost"
    assert there.get("servicemonitors.monitoring.coreos.com", service, "-n", place)
    assert {one["status"] for one in state()["resources"]} == {"Synced"}
