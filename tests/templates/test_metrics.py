"""What Prometheus makes of a service of every template: its page, its objectives and alerts, its dashboard.

Two instances are scraped by a real Prometheus, with the labels that the operator gives a ServiceMonitor's targets, and with
deploy/base/objectives.yaml as its rules.
"""

from __future__ import annotations

import json
import re
import subprocess
import threading
import urllib.error
import urllib.parse
import urllib.request
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.support.lab import free_port
from tests.support.waiting import until
from tests.templates.service import each_once, rendered, run, succeed, tool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from tests.templates.service import Checkout, Service

OBJECTIVES = "deploy/base/objectives.yaml"
NAMESPACE = "mobility-dev"
BUCKETS = [".005", ".01", ".025", ".05", ".1", ".25", ".5", "1", "2.5", "5", "10"]
TYPES = {"http_requests_total": "counter", "http_request_duration_seconds": "histogram", "dependency_up": "gauge"}
RUNTIME = ("process_cpu_seconds_total", "process_resident_memory_bytes", "process_start_time_seconds")
INTERVAL = 1
"""Seconds between two scrapes, where deploy/base/servicemonitor.yaml says 15."""

Sample = tuple[str, dict[str, str], float]
"""Name, labels, value."""


def samples(page: str) -> list[Sample]:
    """The page's samples; a line that is neither one nor a comment fails."""
    name, label = r"[a-zA-Z_:][a-zA-Z0-9_:]*", r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\]|\\.)*"'
    found = []
    for line in page.splitlines():
        if not line or line.startswith(("# HELP ", "# TYPE ")):
            continue
        match = re.fullmatch(rf"({name})(?:\{{({label}(?:,{label})*),?\}})? (\S+)", line)
        assert match, line
        found.append((match[1], dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match[2] or "")), float(match[3])))
    return found


# --- the page --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def page(built: Callable[[], Checkout]) -> str:
    """After a few requests, of a service with a dependency that answers and one that does not."""
    with built().started() as other:
        others = {"VEHICLES_SERVICE_URL": other.url, "AWAY_SERVICE_URL": f"http://127.0.0.1:{free_port()}"}
        with built().started(**others) as service:
            for path in (
                "/hello/one",
                "/hello/two",
                "/no/such/path",
                "/dependencies/away",
                "/healthz",
                "/readyz",
                "/metrics",
            ):
                service.ask(path)
            service.ask("/", "DELETE")
            until(lambda: service.ask("/readyz").json["dependencies"]["vehicles"] == "ok")
            answer = service.ask("/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain")
    return answer.body


def test_requests_are_counted_by_route_and_probes_are_not(page: str) -> None:
    """A label that holds what a caller wrote is a series for each caller; probes would hide everybody else."""
    counted = {
        (labels["method"], labels["route"], labels["status"]): value
        for name, labels, value in samples(page)
        if name == "http_requests_total"
    }
    observed = {
        (labels["method"], labels["route"], labels["status"]): value
        for name, labels, value in samples(page)
        if name == "http_request_duration_seconds_count"
    }

    refused = {key: value for key, value in counted.items() if key[2] == "405"}
    assert {key: value for key, value in counted.items() if key not in refused} == {
        ("GET", "/hello/:name", "200"): 2,
        ("GET", "/dependencies/:name", "502"): 1,
        ("GET", "unmatched", "404"): 1,
    }
    assert list(refused.values()) == [1]
    assert {route for _, route, _ in refused} <= {"/", "unmatched"}
    assert observed == counted


def test_the_names_and_buckets_are_the_same_in_every_language(page: str) -> None:
    """One dashboard and one alert fit all; who it is, the scrape adds."""
    found = samples(page)
    bounds = {labels["le"] for name, labels, _ in found if name == "http_request_duration_seconds_bucket"}
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", page, re.MULTILINE))

    assert TYPES.items() <= types.items()
    assert {float(bound) for bound in bounds} == {*map(float, BUCKETS), float("inf")}
    assert set(RUNTIME) <= {name for name, _, _ in found}
    assert {name.partition("_")[0] for name in types} - {"http", "dependency", "process"}, "the runtime says nothing"
    assert not [name for name, labels, _ in found if "service" in labels]
    assert {labels["dependency"]: value for name, labels, value in found if name == "dependency_up"} == {
        "vehicles": 1, "away": 0
    }  # fmt: skip


def test_promtool_finds_nothing(page: str) -> None:
    """Help, units, types and names as everybody expects them: not a word."""
    done = subprocess.run(
        [tool("promtool"), "check", "metrics"], input=page, capture_output=True, text=True, check=False, timeout=30
    )

    assert (done.returncode, done.stdout + done.stderr) == (0, "")


# --- objectives ------------------------------------------------------------------------------------------------------


def rules(template: str, service: str = "rental-2") -> dict[str, Any]:
    """The groups of the rendered PrometheusRule, as a rule file has them."""
    return yaml.safe_load(rendered(template, service).files[OBJECTIVES])["spec"]


def expressions(template: str) -> dict[str, str]:
    """Panel and query -> what it asks of Prometheus."""
    dashboard = json.loads(rendered(template, "rental-2").files["deploy/base/dashboard.json"])
    return {
        f"{panel['title']} {target['refId']}": target["expr"]
        for panel in dashboard["panels"]
        if panel["datasource"]["type"] == "prometheus"
        for target in panel["targets"]
    }


@pytest.mark.parametrize("template", each_once("deploy/base/dashboard.json"))
def test_no_two_services_have_one_dashboard(template: str) -> None:
    """Grafana has them all in one folder and by one id of 40 characters; two with the same stop it from saving any."""
    names = ("platform", "idp-platform", "prometheus", *("a1-" * 13 + last for last in "yz"))
    files = [rendered(template, name).files for name in names]
    ids = {json.loads(each["deploy/base/dashboard.json"])["uid"] for each in files}
    keys = {
        yaml.safe_load(each["deploy/base/kustomization.yaml"])["configMapGenerator"][0]["files"][0] for each in files
    }

    assert len(ids) == len(keys) == len(names)
    assert all(re.fullmatch(r"[a-z0-9_]{1,40}", each) for each in ids)
    assert "idp-platform" not in ids
    assert all(key.startswith("service-") for key in keys)


@pytest.mark.parametrize("template", each_once(OBJECTIVES))
def test_promtool_takes_the_rules_of_a_service_of_any_name(template: str, tmp_path: Path) -> None:
    """The operator refuses a rule that Prometheus cannot read, and with it every other one of its object."""
    for name in ("x9", "on", "a1-" * 13 + "z"):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(rules(template, name)))
    succeed(tool("promtool"), "check", "rules", *sorted(file.name for file in tmp_path.iterdir()), cwd=tmp_path)


def series(status: str, each_minute: float, *, slow: bool = False) -> list[dict[str, str]]:
    """Requests that are answered so often, with their times: 0.1 s, or more than a second."""
    labels = f'namespace="{NAMESPACE}",service="rental-2",pod="rental-2-1",method="GET",route="/",status="{status}"'
    counted = {"http_requests_total": "", "http_request_duration_seconds_count": ""}
    rising = [f"{name}{{{labels}}}" for name in counted]
    rising += [f'http_request_duration_seconds_bucket{{{labels},le="{bound}"}}' for bound in ("2.5", "+Inf")]
    fast = [f'http_request_duration_seconds_bucket{{{labels},le="{bound}"}}' for bound in ("0.5", "1")]
    values = f"0+{each_minute}x500"
    return [{"series": name, "values": values} for name in rising] + [
        {"series": name, "values": "0x500" if slow else values} for name in fast
    ]


@pytest.mark.parametrize("template", each_once(OBJECTIVES))
@pytest.mark.parametrize(
    ("input_series", "firing"),
    [
        pytest.param(
            [*series("200", 900), *series("500", 100)], {"errors critical": 2, "errors warning": 2}, id="10 % fail"
        ),
        pytest.param([*series("200", 990), *series("500", 10)], {"errors warning": 1}, id="1 % fail"),
        pytest.param([*series("200", 999), *series("500", 1)], {}, id="0.1 % fail"),
        pytest.param([*series("200", 1000)], {}, id="none fails"),
        pytest.param(
            [*series("200", 800), *series("204", 200, slow=True)], {"latency critical": 2, "latency warning": 2},
            id="20 % are slow",
        ),
        pytest.param([*series("200", 995), *series("204", 5, slow=True)], {}, id="0.5 % are slow"),
    ],
)  # fmt: skip
def test_an_alert_fires_when_the_budget_burns_and_not_before(
    template: str, input_series: list[dict[str, str]], firing: dict[str, int], tmp_path: Path
) -> None:
    """In promtool's own time, over seven hours; a longer window then knows these alone. What wakes people up must be worth it."""
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules(template)))
    burning = [
        rule
        for group in rules(template)["groups"]
        for rule in group["rules"]
        if rule.get("alert") == "ErrorBudgetBurns"
    ]
    query = 'count by (objective, severity) (ALERTS{alertname="ErrorBudgetBurns",alertstate="firing"})'
    expected = [
        {"labels": '{{objective="{}",severity="{}"}}'.format(*which.split()), "value": number}
        for which, number in firing.items()
    ]
    test = {
        "interval": "1m",
        "input_series": input_series,
        "promql_expr_test": [{"expr": query, "eval_time": "7h", "exp_samples": expected}],
    }
    (tmp_path / "test.yaml").write_text(
        yaml.safe_dump({"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": [test]})
    )

    done = run(tool("promtool"), "test", "rules", "test.yaml", cwd=tmp_path)

    assert len(burning) == 8
    assert done.returncode == 0, done.stdout + done.stderr


# --- a real Prometheus -----------------------------------------------------------------------------------------------


class Prometheus:
    """Asked as Grafana asks it."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def get(self, path: str, **query: str) -> Any:
        """The data of an answer of its API."""
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(query)}", timeout=10) as answer:  # noqa: S310
            return json.loads(answer.read())["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series that an expression has now, without those that are no number."""
        found = self.get("query", query=expression)["result"]
        return [one for one in found if one["value"][1] != "NaN"]

    @property
    def ready(self) -> bool:
        """Whether it answers."""
        with suppress(OSError, urllib.error.URLError):
            return urllib.request.urlopen(f"{self.url}/-/ready", timeout=5).status == 200  # noqa: S310
        return False


@contextmanager
def prometheus(folder: Path, groups: Mapping[str, Any], targets: Mapping[str, Service]) -> Iterator[Prometheus]:
    """With rules, and with what the operator makes of a ServiceMonitor and its pods."""
    port = free_port()
    labels = {"namespace": NAMESPACE, "service": "rental-2", "container": "service", "endpoint": "http"}
    scraped = [
        {"targets": [f"127.0.0.1:{service.port}"], "labels": labels | {"pod": pod}} for pod, service in targets.items()
    ]
    every = f"{INTERVAL}s"
    config = {
        "global": {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every},
        "rule_files": ["rules.yaml"],
        "scrape_configs": [{"job_name": "rental-2", "static_configs": scraped}],
    }
    (folder / "rules.yaml").write_text(yaml.safe_dump(dict(groups)))
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [tool("prometheus"), "--config.file=prometheus.yaml", "--storage.tsdb.path=data",
             f"--web.listen-address=127.0.0.1:{port}"],
            cwd=folder, stdout=output, stderr=output,
        )  # fmt: skip
    asked = Prometheus(port)
    try:
        until(lambda: asked.ready or process.poll() is not None, 60, log.read_text)
        assert process.poll() is None, log.read_text()
        yield asked
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def scraped(
    language: str, built: Callable[[], Checkout], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    """Two instances in use, of which one has a dependency that is away, until the rules know them."""
    tool("prometheus")
    groups = rules(language)
    for group in groups["groups"]:
        group["interval"] = f"{INTERVAL}s"
    with (
        built().started() as first,
        built().started(VEHICLES_SERVICE_URL=first.url, AWAY_SERVICE_URL=f"http://127.0.0.1:{free_port()}") as second,
        prometheus(tmp_path_factory.mktemp(language), groups, {"rental-2-1": first, "rental-2-2": second}) as asked,
    ):
        stopped = threading.Event()
        users = threading.Thread(target=use, args=(first, second, stopped))
        users.start()
        try:
            recorded = (
                f'count(service:http_requests:bad_ratio_rate1h{{service="rental-2",namespace="{NAMESPACE}"}}) == 2'
            )
            until(lambda: asked.query(recorded), 60, lambda: asked.get("rules"))
            yield asked
        finally:
            stopped.set()
            users.join()


def use(first: Service, second: Service, stopped: threading.Event) -> None:
    """What people and the platform ask, until it is enough."""
    while not stopped.wait(0.2):
        for path in ("/hello/you", "/dependencies/vehicles", "/dependencies/away", "/readyz"):
            second.ask(path)
        first.ask("/no/such/path")


def test_every_query_of_the_dashboard_has_data(language: str, scraped: Prometheus) -> None:
    """A panel that is empty looks like a service that is well."""
    asked = {
        name: text.replace("$__rate_interval", f"{10 * INTERVAL}s").replace("$namespace", "mobility-.+|billing-dev")
        for name, text in expressions(language).items()
    }
    routes = {"/hello/:name", "/dependencies/:name", "unmatched"}
    until(lambda: {one["metric"]["route"] for one in scraped.query(asked["Requests a second A"])} >= routes)
    until(lambda: all(scraped.query(text) for text in asked.values()))

    assert len(asked) >= 10
    assert not [text for text in asked.values() if "$" in text]
    assert len(scraped.query(asked["Memory A"])) == 2
    assert {one["metric"]["dependency"]: one["value"][1] for one in scraped.query(asked["Dependencies that answer A"])} == {
        "vehicles": "1", "away": "0"
    }  # fmt: skip


def test_the_dashboards_namespaces_are_those_that_there_are(language: str, scraped: Prometheus) -> None:
    """What its variable asks for, as Grafana asks it."""
    dashboard = json.loads(rendered(language, "rental-2").files["deploy/base/dashboard.json"])
    (variable,) = (one for one in dashboard["templating"]["list"] if one["name"] == "namespace")
    match = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"])

    assert match
    assert scraped.get(f"label/{match[2]}/values", **{"match[]": match[1]}) == [NAMESPACE]


def test_every_rule_is_evaluated_and_every_record_has_data(scraped: Prometheus) -> None:
    """A rule that fails says so in Prometheus' own log alone."""
    found = [rule for group in scraped.get("rules")["groups"] for rule in group["rules"]]
    records = sorted({rule["name"] for rule in found if rule["type"] == "recording"})
    until(lambda: all(len(scraped.query(name)) == 2 for name in records))

    def values() -> dict[str, float]:
        ratios = scraped.query("service:http_requests:bad_ratio_rate5m")
        return {one["metric"]["objective"]: float(one["value"][1]) for one in ratios}

    until(lambda: 0.1 < values()["errors"] < 0.4, 60, values)  # one of the four requests that are counted

    assert {(rule["health"], rule.get("lastError")) for rule in found} == {("ok", None)}
    assert len(records) == 7
    assert 0 <= values()["latency"] < 0.5
    assert {rule["name"] for rule in found if rule["type"] == "alerting"} == {"ErrorBudgetBurns", "DependencyDown"}


def test_a_dependency_that_is_away_is_an_alert(scraped: Prometheus) -> None:
    """It waits for five minutes, so here it is pending."""

    def alerts() -> dict[str, str]:
        found = [alert for alert in scraped.get("alerts")["alerts"] if "dependency" in alert["labels"]]
        return {alert["labels"]["dependency"]: alert["state"] for alert in found}

    until(alerts)

    assert alerts() == {"away": "pending"}
