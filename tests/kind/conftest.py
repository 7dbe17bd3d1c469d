"""Real Kind clusters on this machine's Docker, which others use at the same time: every name and port is a run's own."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.engine.conftest import ARGOCD_TOKEN, GITHUB_TOKEN, of_another_stack
from tests.kind.platform import Platform, charts
from tests.support import gitea, images, lab, platform_node, portal_image
from tests.support.desk import Desk
from tests.support.engine import Engine
from tests.support.github import GitHubServer
from tests.support.in_network import GitHubInNetwork

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KIND_CLUSTER = "pulumi-python:dynamic/idp:KindCluster"
OPERATIONS = ("create", "update", "delete", "replace")
TOKENS = {
    GITHUB_TOKEN: ["administration", "contents", "workflows", "metadata", "members"],
    ARGOCD_TOKEN: ["contents:read", "metadata"],
}
PORTAL_TOKEN = "planted-portals-token"
LOCAL = "  idp:local: true"
NOBODY = "http://127.0.0.1:9"
"""A GitHub that is not there."""
USERS_KUBECONFIG = "apiVersion: v1\nkind: Config\ncurrent-context: work\n"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here needs Docker and the engine; CI counts by this mark what was skipped."""
    ours = [item for item in items if "kind" in item.path.parts]
    if ours:
        lack = lab.requires_kind()
        for item in ours:
            for mark in (pytest.mark.kind, lab.requires_engine, lack):
                item.add_marker(mark)


def run(*command: str) -> str:
    """Standard output of one of this machine's commands."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=90)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout


def _type_and_name(urn: str) -> str:
    return urn.split("::", 2)[2].rpartition("$")[2]


@dataclass(frozen=True)
class Docker:
    """What Docker holds of the clusters of one run of these tests."""

    prefix: str
    kubeconfig: Path
    kind: str = field(default=str(lab.REAL_KIND))

    def name(self, what: str) -> str:
        """A cluster's name that no other run has."""
        return f"{self.prefix}-{what}"

    def containers(self, cluster: str) -> dict[str, Any]:
        """Its nodes by name, as `docker inspect` tells of them."""
        names = run("docker", "ps", "-aq", "--filter", f"label=io.x-k8s.kind.cluster={cluster}").split()
        return {one["Name"].strip("/"): one for one in json.loads(run("docker", "inspect", *names))} if names else {}

    def clusters(self) -> set[str]:
        """Names of this run's clusters."""
        return {name for name in run(self.kind, "get", "clusters").split() if name.startswith(f"{self.prefix}-")}

    def authority(self, cluster: str) -> str:
        """What no two clusters have in common."""
        config = yaml.safe_load(run(self.kind, "get", "kubeconfig", "--name", cluster))
        return config["clusters"][0]["cluster"]["certificate-authority-data"]

    def volumes(self, cluster: str) -> set[str]:
        """Names of its nodes' volumes."""
        nodes = self.containers(cluster).values()
        return {mount["Name"] for node in nodes for mount in node["Mounts"] if mount["Type"] == "volume"}

    def delete(self, cluster: str) -> None:
        """By hand; in a kubeconfig that is nobody's, as this machine's own is not for tests."""
        run(self.kind, "delete", "cluster", "--name", cluster, "--kubeconfig", str(self.kubeconfig))


@dataclass(frozen=True, kw_only=True)
class Foreign:
    """A cluster that somebody makes with `kind` itself."""

    name: str
    making: subprocess.Popen[str]
    docker: Docker

    def made(self) -> str:
        """Its authority, once it is there."""
        _, said = self.making.communicate(timeout=120)
        assert self.making.returncode == 0, said
        return self.docker.authority(self.name)


@dataclass(frozen=True, kw_only=True)
class Stack:
    """A stack of the project whose clusters are real."""

    engine: Engine
    docker: Docker

    @property
    def cluster(self) -> dict[str, Any]:
        """Its entry `idp:cluster`."""
        return yaml.safe_load(self._line)["idp:cluster"]

    @property
    def _line(self) -> str:
        file = self.engine.project / self.engine.stack_file.name
        return next(line for line in file.read_text().splitlines() if "idp:cluster:" in line)

    @property
    def folder(self) -> Path:
        """What the stack keeps on this machine."""
        return self.engine.home / "state" / "idp" / "idp" / self.engine.stack

    @property
    def kubeconfig(self) -> Path:
        """The cluster's own."""
        return self.folder / f"{self.cluster['name']}.kubeconfig"

    @property
    def users_kubeconfig(self) -> Path:
        """Which no run may touch."""
        return self.engine.home / ".kube" / "config"

    def edit(self, **changes: Any) -> None:
        """Change keys of `idp:cluster`, as a person would."""
        self.engine.edit(self._line, f"  idp:cluster: {json.dumps(self.cluster | changes)}")

    def kubectl(self, *arguments: str) -> Any:
        """What the cluster answers."""
        return json.loads(run("kubectl", "--kubeconfig", str(self.kubeconfig), *arguments, "--output", "json"))

    def names(self, *arguments: str) -> set[str]:
        """Names of some of the cluster's objects."""
        return {item["metadata"]["name"] for item in self.kubectl("get", *arguments)["items"]}

    def fails(self, *command: str) -> str:
        """What a run prints that ends in an error."""
        done = self.engine.run(*command, check=False)
        said = done.stdout + done.stderr
        assert done.returncode != 0, said
        return said

    def planned(self) -> dict[str, str]:
        """What a preview says will be done, by type and name of the resource; what stays as it is left out."""
        steps = json.loads(self.engine.run("preview", "--json").stdout)["steps"]
        return {_type_and_name(step["urn"]): step["op"] for step in steps if step["op"] in OPERATIONS}

    def ids(self) -> list[str]:
        """Of the clusters that the state holds."""
        return [one["id"] for one in self.engine.resources() if one["type"] == KIND_CLUSTER]


def _stack(
    home: Path,
    docker: Docker,
    name: str,
    github: str,
    config: str | None = None,
    image: str = lab.NODE_IMAGE,
    **more: str,
) -> Stack:
    secrets = {"GITHUB_TOKEN": GITHUB_TOKEN, "ARGOCD_GITHUB_TOKEN": ARGOCD_TOKEN}
    return _on_kind(
        Engine(home=home, github_url=github, secrets=secrets | more, kind=lab.REAL_KIND), docker, name, config, image
    )


def _on_kind(engine: Engine, docker: Docker, name: str, config: str | None, image: str) -> Stack:
    """A stack under names and ports that no other run has."""
    if config:
        engine.edit((engine.project / engine.stack_file.name).read_text(), config)
    made = Stack(engine=engine, docker=docker)
    made.edit(name=docker.name(name), image=image, httpPort=lab.free_port(), httpsPort=lab.free_port())
    made.users_kubeconfig.parent.mkdir()
    made.users_kubeconfig.write_text(USERS_KUBECONFIG)
    return made


@pytest.fixture(scope="module")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Docker]:
    """Docker, which afterwards holds nothing of this run."""
    made = Docker(f"idp-{os.getpid()}", tmp_path_factory.mktemp("docker") / "kubeconfig")
    with pytest.MonkeyPatch.context() as environment:
        for name in ("KUBECONFIG", "DOCKER_HOST", "KIND_CLUSTER_NAME"):
            environment.delenv(name, raising=False)
        yield made
    for name in made.clusters():
        made.delete(name)


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory, docker: Docker) -> Iterator[Stack]:
    """The dev stack as committed, but for the node image, free ports and a name of its own."""
    folder = tmp_path_factory.mktemp("life")
    with GitHubServer(
        folder / "github", organization="acme", teams={"mobility": ["ada", "grace"]}, tokens=TOKENS
    ) as github:
        made = _stack(folder / "dev", docker, "one", github.url)
        yield made
        made.engine.close()


@pytest.fixture(scope="session")
def platform_image() -> str:
    """The node image with the platform's own images in it; making it takes a quarter of a minute, once."""
    if absent := platform_node.missing():
        pytest.skip(f"not here, for images of the platform's parts: {', '.join(absent)}")
    return platform_node.node_image()


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory, docker: Docker, platform_image: str) -> Iterator[Platform]:
    """The dev stack as committed, but for the node image, free ports and a name, up with all its pods."""
    folder = tmp_path_factory.mktemp("platform")
    where = {"IDP_LAB_CHARTS": str(charts(folder / "charts"))}
    teams = {"mobility": ["ada", "grace"]}
    with GitHubInNetwork(folder=folder / "github", teams=teams, tokens=TOKENS) as github:
        stack = _stack(folder / "dev", docker, "platform", github.url, image=platform_image, **where)
        stack.engine.edit(LOCAL, f"{LOCAL}\n  idp:components: {{portal: off}}")  # it has a platform of its own
        try:
            stack.engine.run("up", "--skip-preview")
            yield Platform(stack=stack, github=github)
        finally:
            stack.engine.close()


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory, docker: Docker) -> Iterator[Platform]:
    """The same with the portal, by an image made from portal/ and a token for GitHub."""
    if absent := [*platform_node.missing(), *images.missing()]:
        pytest.skip(f"not here, for the portal's image: {', '.join(absent)}")
    built = portal_image.image()
    folder = tmp_path_factory.mktemp("portal")
    more = {"IDP_LAB_CHARTS": str(charts(folder / "charts")), "PORTAL_GITHUB_TOKEN": PORTAL_TOKEN}
    tokens = {**TOKENS, PORTAL_TOKEN: ["contents", "pull_requests", "metadata"]}
    with GitHubInNetwork(folder=folder / "github", teams={"mobility": ["ada", "grace"]}, tokens=tokens) as github:
        node = platform_node.node_image_with(built)
        stack = _stack(folder / "dev", docker, "portal", github.url, image=node, **more)
        stack.edit(workers=1)  # each node has all images on the disk: 3 GB
        stack.engine.edit(
            LOCAL, f"{LOCAL}\n  idp:portal: {{image: '{built}'}}\n  idp:components: {{observability: off}}"
        )
        try:
            stack.engine.run("up", "--skip-preview")
            yield Platform(stack=stack, github=github)
        finally:
            stack.engine.close()


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory, docker: Docker, platform_image: str) -> Iterator[Stack]:
    """The stack that needs no account, on a desk, never brought up: as committed but for the node image, free ports and a name.

    There is no token, and no GitHub.
    """
    if not gitea.BINARY.is_file():
        pytest.skip(f"no Gitea at {gitea.BINARY}; the lab's `build gitea` makes it")
    if absent := images.missing():
        pytest.skip(f"not here, for images of services: {', '.join(absent)}")
    folder = tmp_path_factory.mktemp("local")
    where = {"IDP_LAB_CHARTS": str(charts(folder / "charts")), "DOCKER_BUILDKIT": "1"}  # as every later Docker has it
    desk = Desk(home=folder / "local", stack="local", github_url=NOBODY, secrets=where, kind=lab.REAL_KIND)
    (desk.home / "bin" / "docker").symlink_to(platform_node.DOCKER)
    stack = _on_kind(desk, docker, "local", None, platform_image)
    desk.edit(LOCAL, f"{LOCAL}\n  idp:components: {{portal: off, observability: off}}")  # whose images are not here
    yield stack
    desk.close()
    images.forget("localhost/acme/")


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory, docker: Docker) -> Iterator[Stack]:
    """A stack of nothing but its cluster and the platform's core, never brought up."""
    config = "config:\n  idp:organization: acme\n  idp:github: reference\n  idp:cluster: {mode: kind, name: fresh}\n"
    folder = tmp_path_factory.mktemp("fresh")
    with GitHubServer(folder / "github", organization="acme", tokens=TOKENS) as github:
        of_another_stack(github)
        made = _stack(folder / "dev", docker, "fresh", github.url, config)
        (made.engine.project / "services" / "vehicles.yaml").unlink()  # it has a team, and this stack has none
        yield made
        made.engine.close()


@pytest.fixture(scope="module")
def foreign(docker: Docker) -> Iterator[Foreign]:
    """Begun when it is first asked for, and made while the chapters go on."""
    name = docker.name("foreign")
    command = [docker.kind, "create", "cluster", "--name", name, "--image", lab.NODE_IMAGE]
    making = subprocess.Popen(
        [*command, "--kubeconfig", str(docker.kubeconfig)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    yield Foreign(name=name, making=making, docker=docker)
    making.kill()
    making.wait()
