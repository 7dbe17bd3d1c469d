"""Services on a real cluster, from their repositories to a browser: the demo's three, and one of every template.

Each image is made by the repository's own Dockerfile and released by its own script; the rest is the program's `up` and Argo CD.
The tests of this module are chapters and run in their order.
"""

from __future__ import annotations

import json
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import yaml
from github import Auth, Github

from idp import templates
from tests.engine.conftest import GITHUB_TOKEN
from tests.kind import observing
from tests.kind.conftest import LOCAL, TOKENS, _stack
from tests.kind.platform import Platform, charts
from tests.kind.test_platform import idp
from tests.support import images
from tests.support.in_network import GitHubInNetwork
from tests.support.platform_node import DOCKER
from tests.support.platform_node import docker as run_docker
from tests.support.promotion import Clone
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.kind.conftest import Docker

pytestmark = pytest.mark.timeout(900)  # the first is an `up` of everything, with an image for each service
DEMO = ("platform", "rental", "vehicles")
PLAIN = {f"hello-{name}": name for name in templates.names(kinds=("service",))}
HOME = "mobility-dev"
NAME = "app.kubernetes.io/name"


@dataclass(frozen=True, kw_only=True)
class Services(Platform):
    """The platform with each service's repository, as its workflow checks it out."""

    clones: dict[str, Clone]
    authority: str

    def ask(self, service: str, path: str = "/", body: Any = None) -> tuple[int, Any]:
        """What a service answers from outside, by https and with a certificate that our authority signed."""
        url = f"https://{service}.dev.idp.localhost:{self.cluster.ports['https']}{path}"
        answer = self.cluster.request(url, authority=self.authority, body=body)
        return answer.status, json.loads(answer.text) if answer.text.startswith(("{", "[")) else answer.text

    def call(self, caller: str, service: str, path: str = "/healthz") -> str:
        """The status that a pod with a service's label gets from another's Service; 000 where nothing answers in time."""
        line = (
            "curl",
            "-s",
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}",
            "--max-time",
            "4",
            f"http://{service}.{HOME}{path}",
        )
        return self.cluster.inside(HOME, *line, **{NAME.replace("/", "__"): caller}).stdout


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory, docker: Docker, platform_image: str) -> Iterator[Services]:
    """The dev stack with one service more for each template, up; every service built, loaded and released."""
    if absent := [*images.missing(), *observing.missing()]:
        pytest.skip(f"not here, for services and what looks at them: {', '.join(absent)}")
    folder = tmp_path_factory.mktemp("services")
    where = {"IDP_LAB_CHARTS": str(charts(folder / "charts"))}
    teams = {"mobility": ["ada", "grace"]}
    with GitHubInNetwork(folder=folder / "github", teams=teams, tokens=TOKENS) as github:
        stack = _stack(folder / "dev", docker, "services", github.url, image=platform_image, **where)
        stack.engine.edit(LOCAL, f"{LOCAL}\n  idp:components: {{portal: off}}")
        more = "".join(
            f"\n    {name}: {{team: mobility, template: {template}, description: One of each}}"
            for name, template in PLAIN.items()
        )
        stack.engine.edit("  idp:services:", f"  idp:services:{more}")
        try:
            with ThreadPoolExecutor(1) as beside:  # the bases take a while, in which the cluster waits for its pods
                bases = beside.submit(lambda: (images.node(), images.python()))
                stack.engine.run("up", "--skip-preview")
                bases.result()
            clones = {name: cloned(github, name, folder / "clones") for name in (*DEMO, *PLAIN)}
            made = Services(stack=stack, github=github, clones=clones, authority="")
            release(made)
            yield Services(stack=stack, github=github, clones=clones, authority=idp(made, "trust"))
        finally:
            stack.engine.close()
            images.forget(f"containers.{urlsplit(github.url).netloc}/")


def cloned(github: GitHubInNetwork, name: str, folder: Path) -> Clone:
    """A service's repository."""
    folder.mkdir(exist_ok=True)
    here = github.clone(name, folder / name, GITHUB_TOKEN)
    workflow = yaml.safe_load((here / ".github/workflows/ci.yaml").read_text())
    image = workflow["jobs"]["release"]["env"]["IMAGE"]
    who = {"owner": GITHUB_TOKEN, "workflow": GITHUB_TOKEN, "team": GITHUB_TOKEN}
    return Clone(server=github, name=name, folder=here, environments=("dev", "prod"), image=image, **who)


def release(services: Services) -> None:
    """Build every image, put them where teams' pods run, and have each repository's own script write the digest to env/dev."""
    made = {name: build(clone) for name, clone in services.clones.items()}
    tags = [f"{clone.image}:{clone.git('rev-parse', 'HEAD')}" for clone in services.clones.values()]
    for node in services.cluster.get("nodes", "-l", "role=workloads")["items"]:
        name = node["metadata"]["name"]
        load(name, tags)
        for tag, clone in zip(tags, services.clones.values(), strict=True):
            pinned = f"{clone.image}@{made[clone.name]}"
            run_docker("exec", name, "ctr", "--namespace=k8s.io", "images", "tag", "--force", tag, pinned)
    for name, digest in made.items():
        services.clones[name].release(digest)


def build(clone: Clone) -> str:
    """The image of a repository's Dockerfile, with the commit as its version; its digest, as far as it has one here."""
    dockerfile = (clone.folder / "Dockerfile").read_text()
    bases = dict(re.findall(r"^ARG (\w+_IMAGE)=(\S+)$", dockerfile, re.MULTILINE))
    commit = clone.git("rev-parse", "HEAD")
    arguments = {argument: images.base(image) for argument, image in bases.items()}
    name = images.build(clone.folder, f"{clone.image}:{commit}", arguments | {"VERSION": commit})
    return run_docker("image", "inspect", "--format", "{{.Id}}", name)


def load(node: str, names: list[str]) -> None:
    """Give a node images of this machine's Docker, in one archive: layers that they share go once."""
    with subprocess.Popen([DOCKER, "save", *names], stdout=subprocess.PIPE) as archive:
        taking = ("ctr", "--namespace=k8s.io", "images", "import", "--all-platforms", "--no-unpack", "-")
        run_docker("exec", "--interactive", node, *taking, given=archive.stdout)


@pytest.mark.parametrize("service", [*DEMO, *PLAIN])
def test_it_runs_the_image_of_its_own_repository(services: Services, service: str) -> None:
    """In a namespace with pod security `restricted`, a quota and policies; Ready, and never restarted."""
    clone = services.clones[service]
    tip = clone.git("ls-remote", "origin", "refs/heads/env/dev").split()[0]
    services.cluster.synced(f"{service}-dev", tip)
    services.cluster.roll_out(HOME, f"deployment/{service}")
    pods = services.cluster.get("pods", "-n", HOME, "-l", f"{NAME}={service},backstage.io/kubernetes-id")["items"]
    (pod,) = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    (status,) = pod["status"]["containerStatuses"]

    assert pod["spec"]["containers"][0]["image"].startswith(f"{clone.image}@sha256:")
    assert (status["ready"], status["restartCount"]) == (True, 0)


@pytest.mark.parametrize("service", [*DEMO, *PLAIN])
def test_it_answers_from_outside_at_its_address(services: Services, service: str) -> None:
    """Through the mapped port and Traefik, by https with our certificate; the version is the commit that was built."""
    built = services.clones[service].git("rev-parse", "HEAD~1")  # the release made one more

    def answered() -> Any:
        status, said = services.ask(service)
        return said if status == 200 and isinstance(said, dict) else None  # the pod before it answers until it is gone

    assert until(answered, 60, services.cluster.trouble) == {"service": service, "version": built}


def test_each_is_scraped_as_its_monitor_says(services: Services) -> None:
    """By a Prometheus where the platform's is; the policies let it in, and nobody else of that namespace."""
    observing.start(services.cluster)

    for service in (*DEMO, *PLAIN):
        services.ask(service, "/hello/you")
        ((labels, _),) = observing.soon(services.cluster, f'up{{namespace="{HOME}",service="{service}"}} == 1')
        assert labels["pod"].startswith(service)
        assert observing.soon(services.cluster, f'http_requests_total{{service="{service}",status="200"}}')


def test_a_request_from_outside_crosses_the_three_in_one_trace(services: Services) -> None:
    """Platform asks rental and vehicles, rental asks vehicles; in two languages, and with the addresses that the stack gave."""
    status, said = services.ask("platform", "/overview/1")

    assert (status, said["id"], said["vehicle"]["id"]) == (200, "1", said["history"]["vehicle"]["id"])
    until(
        lambda: set(DEMO) in observing.traces(services.cluster).values(),
        60,
        lambda: f"no trace has all three: {observing.traces(services.cluster)}",
    )


def test_chaos_shows_in_prometheus_and_ends_when_it_is_set_back(services: Services) -> None:
    """Asked for from outside, seen where the alerts look."""
    failing = 'sum(rate(http_requests_total{service="rental",status="500"}[30s])) or vector(0)'

    assert services.ask("rental", "/config", {"errorRate": 0.8, "latencyMax": 20})[0] == 200
    answers = [services.ask("rental", "/history/1")[0] for _ in range(40)]
    ((_, seen),) = observing.soon(services.cluster, f"({failing}) > 0")
    assert services.ask("rental", "/config", {"errorRate": 0, "latencyMax": 0})[0] == 200

    assert {200, 500} == set(answers)
    assert seen > 0
    assert {services.ask("rental", "/history/1")[0] for _ in range(20)} == {200}


def test_what_is_not_in_calls_is_refused_inside_one_team_too(services: Services) -> None:
    """Rental's entry names vehicles; vehicles' names nobody."""
    called = {
        (caller, service): services.call(caller, service)
        for caller, service in (
            ("platform", "rental"), ("rental", "vehicles"), ("vehicles", "rental"), ("rental", "platform"),
            ("hello-node", "vehicles"),
        )
    }  # fmt: skip

    assert called == {
        ("platform", "rental"): "200", ("rental", "vehicles"): "200", ("vehicles", "rental"): "000",
        ("rental", "platform"): "000", ("hello-node", "vehicles"): "000",
    }  # fmt: skip


def test_one_that_retires_is_gone_and_the_others_say_so(services: Services) -> None:
    """The repository is archived and stays; who called it answers as documented."""
    engine, cluster = services.stack.engine, services.cluster
    entry = engine.project / "services" / "vehicles.yaml"
    entry.write_text(f"{entry.read_text()}state: retired\n")
    for called, left in (("[rental, vehicles]", "[rental]"), ("[vehicles]", "[]")):
        engine.edit(f"calls: {called}", f"calls: {left}")
    engine.run("up", "--skip-preview")

    until(
        lambda: "vehicles" not in cluster.kubectl("get", "deploy", "-n", HOME, "-o", "name"),
        60,
        cluster.trouble,
    )
    client = Github(base_url=services.github.api_url, auth=Auth.Token(GITHUB_TOKEN), retry=None)
    assert client.get_repo("acme/vehicles").archived
    cluster.synced("rental-dev")
    cluster.roll_out(HOME, "deployment/rental", "deployment/platform")

    def told() -> Any:
        found = {path: services.ask("rental", path) for path in ("/history/1", "/readyz")}
        return found if found["/readyz"][1] == {"status": "ok", "dependencies": {}} else None

    said = until(told, 90, cluster.trouble)
    assert said["/history/1"] == (200, {"id": "1", "vehicle": None, "rentals": []})
    assert services.ask("platform", "/overview/1")[0] == 502
