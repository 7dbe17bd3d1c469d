"""The node template, proven by use: rendered at its edges, built, linted, started, called, stopped."""

from __future__ import annotations

import itertools
import json
import re
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from idp import naming
from idp.model import ONE_LINE
from tests.templates.node_service import (
    TEMPLATE,
    Service,
    installed,
    rendered,
    run,
    started,
    succeed,
    tool,
    write,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from idp.render import Rendering


LONGEST = "a1-" * 13 + "z"
NAMES = [pytest.param("x9", id="shortest"), pytest.param("rental-2", id="hyphen"), pytest.param(LONGEST, id="longest")]


# --- rendering -------------------------------------------------------------------------------------------------------


def names(rule: naming.NameRule) -> st.SearchStrategy[str]:
    """Names within a rule, with those that YAML takes for something else."""
    edges = ["no", "on", "off", "yes", "null", "true", "e1", "a" * rule.longest, "a-0"]
    return st.sampled_from(edges) | st.from_regex(rule.pattern.replace("$", r"\Z"))


descriptions = st.from_regex(ONE_LINE, fullmatch=True).filter(lambda text: 0 < len(text) <= 200)
"""What an entry may say of a service."""


@settings(max_examples=40, deadline=None)
@given(
    service=names(naming.SERVICE),
    team=names(naming.TEAM),
    environment=names(naming.ENVIRONMENT),
    description=descriptions,
)
@example(service="no", team="on", environment="null", description="""it's "quoted": - #1 \\ 🚲 {{ x }} %""")
def test_every_answer_reaches_its_files_as_it_was_given(
    service: str, team: str, environment: str, description: str
) -> None:
    """A name that YAML reads as a boolean, or a quote in a description, must not change what a file says."""
    files = rendered(service, team=team, environments=[environment], description=description).files
    package, lock = (json.loads(files[name]) for name in ("package.json", "package-lock.json"))
    documents = {
        path: list(yaml.safe_load_all(text)) for path, text in files.items() if path.endswith((".yaml", ".yml"))
    }
    (component,) = documents["catalog-info.yaml"]
    (overlay,) = documents[f"deploy/overlays/{environment}/kustomization.yaml"]
    (workflow,) = documents[".github/workflows/ci.yaml"]
    manifests = [
        document
        for path in documents
        if path.startswith("deploy/base/")
        for document in documents[path]
        if "metadata" in document
    ]

    assert (package["name"], package["description"]) == (service, description)
    assert (lock["name"], lock["packages"][""]["name"]) == (service, service)
    assert (component["metadata"]["name"], component["metadata"]["description"]) == (service, description)
    assert component["spec"]["owner"] == f"group:default/{team}"
    assert {manifest["metadata"]["name"] for manifest in manifests} == {service}
    assert overlay["images"][0]["name"] == f"ghcr.io/acme/{service}"
    assert workflow["jobs"]["release"]["env"]["ENVIRONMENT"] == environment
    assert files[".github/CODEOWNERS"].decode() == f"* @acme/{team}\n"


def test_the_same_answers_give_the_same_bytes_and_leave_nothing_unanswered() -> None:
    """The digest of a rendering is compared on other machines; a left-over delimiter is a forgotten answer."""
    first, second = rendered(replicas=3), rendered(replicas=3)

    assert first == second
    assert not [path for path, text in first.files.items() if re.search(rb"\[\[|\]\]|\[%|%\]|\[#", text)]


def test_an_overlay_knows_nothing_of_the_other_environments() -> None:
    """Overlays are promoted one by one, and a stack may run only some of them."""
    alone, both = rendered(environments=["dev"]).files, rendered(environments=["dev", "prod"]).files
    overlays = {path for path in both if path.startswith("deploy/overlays/")}

    assert overlays == {"deploy/overlays/dev/kustomization.yaml", "deploy/overlays/prod/kustomization.yaml"}
    assert {path: both[path] for path in alone if path.startswith("deploy/")} == {
        path: text for path, text in alone.items() if path.startswith("deploy/")
    }


def test_the_workflow_its_script_and_the_owners_stay_the_platforms() -> None:
    """They change together, by pull request from the platform; all else is the team's from the first commit on."""
    managed = {path for path in rendered().files if TEMPLATE.policy(path) == "managed"}

    assert managed == {
        ".idp/service.yaml", ".github/CODEOWNERS", ".github/workflows/ci.yaml", ".github/workflows/promote.yaml",
        "scripts/promote.sh", "scripts/release.sh",
    }  # fmt: skip


def test_dependencies_are_exact_and_the_lock_names_no_registry() -> None:
    """A range would build something else tomorrow; a host in the lock would not be reachable from everywhere."""
    files = rendered().files
    package, lock = (json.loads(files[name]) for name in ("package.json", "package-lock.json"))
    asked = {**package["dependencies"], **package["devDependencies"]}
    locked = {path.removeprefix("node_modules/"): entry for path, entry in lock["packages"].items() if path}

    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in asked.values())
    assert {name: locked[name]["version"] for name in asked} == asked
    assert all(entry["integrity"].startswith("sha512-") and "resolved" not in entry for entry in locked.values())


@pytest.mark.parametrize("package", ["@biomejs/biome", "typescript"])
def test_the_lock_has_the_native_parts_for_every_developers_machine(package: str) -> None:
    """An optional package that the lock lacks is skipped without a word, and lint fails on that machine alone."""
    locked = json.loads(rendered().files["package-lock.json"])["packages"]
    offered = locked[f"node_modules/{package}"]["optionalDependencies"]

    assert [name for name in offered if f"node_modules/{name}" not in locked] == []


# --- the code --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("service", NAMES)
def test_a_newborn_service_passes_its_own_checks(service: str, tmp_path: Path) -> None:
    """The first pull request of a team must not begin with mending what it was given."""
    folder = installed(rendered(service, description="""it's "quoted" 🚲"""), tmp_path)

    succeed("npm", "run", "lint", cwd=folder)
    succeed("npm", "run", "typecheck", cwd=folder)


def test_a_newborn_services_own_tests_pass(tmp_path: Path) -> None:
    """They show the team how to test, so they must run, and there must be some."""
    output = succeed("npm", "test", cwd=installed(rendered("rental-2", port=65535), tmp_path))

    assert int(re.search(r"^\S pass (\d+)$", output, re.MULTILINE)[1]) > 10


def test_the_compiler_is_strict(tmp_path: Path) -> None:
    """An index that may miss and an untyped parameter are the two mistakes that loose settings let through."""
    folder = installed(rendered(), tmp_path)
    (folder / "src/loose.ts").write_text(
        "export const first = (list: string[]): string => list[0];\nexport const any = (x) => x;\n"
    )

    done = run("npm", "run", "typecheck", cwd=folder)

    assert done.returncode != 0
    assert {"TS2322", "TS7006"} <= set(re.findall(r"TS\d+", done.stdout))


# --- the running service ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A service's folder with dist/ built, once for each name."""
    folders: dict[str, Path] = {}

    def of(service: str) -> Path:
        if service not in folders:
            folders[service] = installed(rendered(service), tmp_path_factory.mktemp("built"))
            succeed("npm", "run", "build", cwd=folders[service])
        return folders[service]

    return of


def samples(page: str) -> list[tuple[str, dict[str, str], float]]:
    """Name, labels and value of every sample on a page of metrics; a line that is none fails."""
    name, label = r"[a-zA-Z_:][a-zA-Z0-9_:]*", r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\]|\\.)*"'
    found = []
    for line in page.splitlines():
        if not line or line.startswith(("# HELP ", "# TYPE ")):
            continue
        match = re.fullmatch(rf"({name})(?:\{{({label}(?:,{label})*)\}})? (\S+)", line)
        assert match, line
        found.append((match[1], dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match[2] or "")), float(match[3])))
    return found


@pytest.mark.parametrize("name", NAMES)
def test_any_service_name_answers_and_is_measured_under_the_same_metric_names(
    name: str, build: Callable[[str], Path]
) -> None:
    """A metric named after a service is illegal as soon as the name has a hyphen, and fits no shared dashboard."""
    with started(build(name), VERSION="abc123") as service:
        answer = service.get("/")
        for path in ("/hello/one", "/hello/two", "/no/such/path", "/healthz"):
            service.get(path)
        status, page = service.get("/metrics")
    found = samples(page)
    counted = {
        (labels["route"], labels["status"]): value for sample, labels, value in found if sample == "http_requests_total"
    }
    measured = {labels["route"] for sample, labels, _ in found if sample == "http_request_duration_seconds_bucket"}

    assert (answer[0], json.loads(answer[1])) == (200, {"service": name, "version": "abc123"})
    assert status == 200
    assert counted == {("/", "200"): 1, ("/hello/:name", "200"): 2, ("unmatched", "404"): 1}
    assert measured == {"/", "/hello/:name", "unmatched"}
    assert {"process_cpu_seconds_total", "process_resident_memory_bytes", "nodejs_eventloop_lag_seconds"} <= {
        s for s, _, _ in found
    }
    assert {labels.get("service") for _, labels, _ in found} == {name}


def test_every_line_of_the_log_is_json_and_a_request_says_all_about_itself(build: Callable[[str], Path]) -> None:
    """One line that is no JSON, such as a start-up banner, breaks the query over all services."""
    with started(build("rental-2"), LOG_LEVEL="debug", VERSION="abc123") as service:
        service.get("/hello/you")
        service.get("/healthz")
        service.terminate()
        service.exit_code()
    log = service.log()
    requests = {line["route"]: line for line in log if line["msg"] == "request"}

    assert all({"time", "level", "service", "version", "msg"} <= set(line) for line in log)
    assert {(line["service"], line["version"]) for line in log} == {("rental-2", "abc123")}
    assert requests["/hello/:name"].items() >= {"level": "info", "method": "GET", "status": 200}.items()
    assert 0 < requests["/hello/:name"]["duration"] < 5
    assert requests["/healthz"]["level"] == "debug"
    assert [line["msg"] for line in log if line["msg"] != "request"] == ["listening", "stopping", "stopped"]


def test_sigterm_under_load_loses_no_request(build: Callable[[str], Path]) -> None:
    """Every roll-out stops pods that are busy: not ready at first, still answering, then gone with exit code 0."""
    with started(build("rental-2"), SHUTDOWN_DELAY_MS="800") as service:
        load = Load(service)
        time.sleep(0.4)
        before = service.get("/readyz")[0]
        service.terminate()
        wait_until(lambda: service.get("/readyz")[0] == 503)
        draining_since = time.monotonic()
        alive = service.get("/healthz")[0]
        time.sleep(0.3)
        load.stop()
        code = service.exit_code()
    answered = Counter(line["status"] for line in service.log() if line["msg"] == "request")
    late = [connection for moment, connection in load.answers if moment > draining_since + 0.1]

    assert (before, alive, code) == (200, 200, 0)
    assert load.failures == []
    assert len(load.answers) > 100
    assert answered == {200: len(load.answers)}
    assert late
    assert set(late) == {"close"}


class Load:
    """Callers that keep their connections, and notice every request that is not answered."""

    def __init__(self, service: Service) -> None:
        """Begin at once."""
        self.answers: list[tuple[float, str | None]] = []
        """When a request was sent, and what its answer said about the connection."""
        self.failures: list[str] = []
        self._service = service
        self._stopped = threading.Event()
        self._callers = [threading.Thread(target=self._call) for _ in range(4)]
        for caller in self._callers:
            caller.start()

    def _call(self) -> None:
        connection = self._service.connect()
        while not self._stopped.is_set():
            sent = time.monotonic()
            try:
                connection.request("GET", "/hello/you")
                response = connection.getresponse()
                response.read()
            except OSError as error:
                self.failures.append(repr(error))
                return
            if response.status != 200:
                self.failures.append(str(response.status))
            self.answers.append((sent, response.headers.get("connection")))
        connection.close()

    def stop(self) -> None:
        """Let each caller have its last answer."""
        self._stopped.set()
        for caller in self._callers:
            caller.join()


def wait_until(condition: Callable[[], bool], seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("port", ["eighty", "70000", "-1"])
def test_a_bad_port_stops_the_start_and_is_named(port: str, build: Callable[[str], Path]) -> None:
    """A service that falls back to another port looks alive and is never reached."""
    service = Service(build("rental-2"), {"PORT": port})
    code = service.exit_code()
    (line,) = service.log()

    assert code == 1
    assert line["level"] == "fatal"
    assert line["err"]["message"].startswith("PORT ")


def test_a_port_in_use_stops_the_start(build: Callable[[str], Path]) -> None:
    """Waiting without a port would pass no probe and say nothing."""
    with started(build("rental-2")) as first:
        second = Service(build("rental-2"), {"PORT": str(first.port)})
        code = second.exit_code()

    assert code == 1
    assert "EADDRINUSE" in second.log()[-1]["err"]["message"]


# --- continuous integration ------------------------------------------------------------------------------------------


def workflow_of(rendering: Rendering) -> dict[str, Any]:
    return yaml.safe_load(rendering.files[".github/workflows/ci.yaml"])


def test_the_workflow_gives_each_job_no_more_than_it_needs() -> None:
    """A pull request's code must not be able to write; an action that moves its tag must not change what runs."""
    text = rendered().files[".github/workflows/ci.yaml"].decode()
    workflow = workflow_of(rendered())
    steps = list(itertools.chain.from_iterable(job["steps"] for job in workflow["jobs"].values()))

    assert workflow["permissions"] == {"contents": "read"}
    assert {name: job.get("permissions") for name, job in workflow["jobs"].items()} == {
        "check": None,
        "release": {"contents": "write", "packages": "write"},
    }
    assert workflow["jobs"]["release"]["if"] == "github.event_name == 'push' && github.ref == 'refs/heads/main'"
    assert workflow["jobs"]["release"]["needs"] == "check"
    assert all(re.search(r"@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line) for line in text.splitlines() if "uses:" in line)
    assert all(step["with"]["persist-credentials"] is False for step in steps if "checkout@" in step.get("uses", ""))
    assert not any("${{" in step.get("run", "") for step in steps)
    assert all("timeout-minutes" in job for job in workflow["jobs"].values())
    assert "concurrency" in workflow


def test_the_workflow_runs_what_the_package_and_the_repository_have() -> None:
    """A renamed script fails only in CI, after the merge."""
    files = rendered().files
    commands = "\n".join(
        step.get("run", "") for job in workflow_of(rendered())["jobs"].values() for step in job["steps"]
    )
    scripts = json.loads(files["package.json"])["scripts"]

    assert set(re.findall(r"npm run (\w+)", commands)) == {"lint", "typecheck", "build"} <= set(scripts)
    assert set(re.findall(r"bash (\S+)", commands)) <= set(files)


@pytest.mark.parametrize(
    ("program", "arguments"),
    [
        pytest.param("actionlint", [".github/workflows/ci.yaml", ".github/workflows/promote.yaml"], id="actionlint"),
        pytest.param("zizmor", ["--offline", "--no-progress", ".github/workflows"], id="zizmor"),
        pytest.param("hadolint", ["Dockerfile"], id="hadolint"),
        pytest.param("shellcheck", ["scripts/release.sh", "scripts/promote.sh"], id="shellcheck"),
    ],
)
def test_linters_find_nothing(program: str, arguments: list[str], tmp_path: Path) -> None:
    """They know mistakes that nobody here thought of."""
    succeed(tool(program), *arguments, cwd=write(rendered("rental-2"), tmp_path))


def test_the_image_runs_as_nobody_from_a_pinned_base_and_holds_no_tools_to_build() -> None:
    """Kubernetes refuses a user it cannot tell from root; a base without a digest is another one tomorrow."""
    lines = rendered(port=8080).files["Dockerfile"].decode().splitlines()

    assert re.fullmatch(r"ARG NODE_IMAGE=node:24-alpine@sha256:[0-9a-f]{64}", lines[0])
    assert {line.split()[1] for line in lines if line.startswith("FROM ")} == {"${NODE_IMAGE}"}
    assert "USER 10001:10001" in lines
    assert "EXPOSE 8080" in lines
    assert any("npm prune --omit=dev" in line for line in lines)
    assert not any(line.startswith("# syntax=") for line in lines)
