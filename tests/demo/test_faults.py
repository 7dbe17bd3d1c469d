"""Faults on demand, in both languages: as many and as slow as asked for, seen by the alerts, and over when set back."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.demo.three import Demo, demo, ready, three, twin
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from idp.demo.checkouts import Checkout

CHECKOUTS = {
    "rental, Node": lambda: three()["rental"],
    "vehicles, Python": lambda: three()["vehicles"],
    "vehicles, Node": lambda: twin("vehicles"),
}
RATE, REQUESTS = 0.3, 1000
BOUND = 5 * (REQUESTS * RATE * (1 - RATE)) ** 0.5
"""Five standard deviations of the binomial distribution: by chance, one run in two million is farther off."""
EXEMPT = ("/healthz", "/readyz", "/metrics", "/config")


@pytest.fixture(scope="module", params=CHECKOUTS)
def checkout(request: pytest.FixtureRequest) -> Checkout:
    (found,) = ready(CHECKOUTS[request.param]())
    return found


@pytest.fixture(scope="module")
def alone(checkout: Checkout) -> Iterator[Demo]:
    """One service by itself."""
    with demo(checkout) as running:
        yield running


@pytest.fixture
def service(alone: Demo, checkout: Checkout) -> Iterator[str]:
    """Its name; it has no faults before and after."""
    yield checkout.name
    alone.ask(checkout.name, "/config", "POST", {"errorRate": 0, "latencyMax": 0})


def statuses(running: Demo, service: str, requests: int) -> list[int]:
    """What that many requests are answered with."""
    with ThreadPoolExecutor(4) as callers:
        return list(callers.map(lambda _: running.ask(service, "/")[0], range(requests)))


def durations(running: Demo, after: int) -> list[float]:
    """In seconds, as the log has them from some line on."""
    found = [json.loads(line) for _, line in running.lines[after:]]
    return [line["duration"] for line in found if line["msg"] == "request" and line["route"] == "/"]


def test_it_starts_without_faults(alone: Demo, service: str) -> None:
    """Parameters that nobody gave are 0: a fresh demo breaks no promise."""
    assert alone.ask(service, "/config") == (200, {"errorRate": 0, "latencyMax": 0})
    assert set(statuses(alone, service, 20)) == {200}


def test_the_share_of_failures_is_the_one_asked_for(alone: Demo, service: str) -> None:
    """And there is none any more once it is set back. What the platform asks never fails."""
    assert alone.ask(service, "/config", "POST", {"errorRate": RATE}) == (200, {"errorRate": RATE, "latencyMax": 0})
    found = statuses(alone, service, REQUESTS)
    for path in EXEMPT * 20:
        assert alone.page(service, path)
    alone.ask(service, "/config", "POST", {"errorRate": 0})

    assert set(found) == {200, 500}
    assert abs(found.count(500) - REQUESTS * RATE) < BOUND
    assert set(statuses(alone, service, 200)) == {200}


def test_a_failure_is_json_a_line_of_level_error_and_a_failed_span(alone: Demo, service: str) -> None:
    """It looks like a failure that nobody wanted: this is what a dashboard is tried with."""
    alone.ask(service, "/config", "POST", {"errorRate": 1})
    assert alone.ask(service, "/") == (500, {"error": "failed on purpose"})

    def failed_span() -> Any:
        return [span for span in alone.receiver.spans() if span.status == 500 and span.failed]

    span = until(failed_span)[-1]
    lines = [json.loads(line) for _, line in alone.lines]
    errors = [line for line in lines if line["level"] == "error" and line.get("trace_id") == span.trace]
    assert [line["msg"] for line in errors] == ["failed on purpose"]


def test_no_request_waits_longer_than_asked_for(alone: Demo, service: str) -> None:
    """The wait is any time below it; set back, there is none."""
    alone.ask(service, "/config", "POST", {"latencyMax": 200})
    before = len(alone.lines)
    statuses(alone, service, 100)
    slow = until(lambda: len(found := durations(alone, before)) == 100 and found)
    alone.ask(service, "/config", "POST", {"latencyMax": 0})
    before = len(alone.lines)
    statuses(alone, service, 100)
    quick = until(lambda: len(found := durations(alone, before)) == 100 and found)

    assert 0.06 < statistics.median(slow) < 0.2
    assert sorted(slow)[90] < 0.2 + 0.05  # a busy machine adds its own
    assert statistics.median(quick) < 0.03


@pytest.mark.parametrize(
    ("body", "error"),
    [
        pytest.param({"errorRate": 1.01}, "errorRate must be a number from 0 to 1, not 1.01", id="range"),
        pytest.param({"latencyMax": "5"}, 'latencyMax must be a number from 0 to 10000, not "5"', id="kind"),
        pytest.param(
            {"errorRate": True, "latencyMax": 10001, "speed": 1},
            "errorRate must be a number from 0 to 1, not true; latencyMax must be a number from 0 to 10000, not 10001; "
            "speed is not known",
            id="all at once",
        ),
    ],
)
def test_a_mistake_is_named_in_the_same_words_in_both_languages(
    body: dict[str, Any], error: str, alone: Demo, service: str
) -> None:
    """And changes nothing."""
    assert alone.ask(service, "/config", "POST", body) == (400, {"error": error})
    assert alone.ask(service, "/config")[1] == {"errorRate": 0, "latencyMax": 0}


def test_the_fleet_is_the_same_in_both_languages() -> None:
    """So that an entry may change its template, and nobody who calls notices."""
    fleets = []
    for checkout in ready(three()["vehicles"], twin("vehicles")):
        with demo(checkout) as running:
            fleets.append([running.ask("vehicles", path) for path in ("/vehicles", "/vehicles/7", "/vehicles/100")])

    assert fleets[0] == fleets[1]
    assert len(fleets[0][0][1]) == 100


def test_the_alert_fires_at_the_measured_share_and_ends_after_it(
    alone: Demo, service: str, checkout: Checkout, tmp_path: Path
) -> None:
    """The service's own metrics under faults, for an hour; then without. Prometheus' own tool evaluates the rules."""
    if not (promtool := shutil.which("promtool")):
        pytest.skip("no promtool on PATH")
    before = counts(alone, service)
    alone.ask(service, "/config", "POST", {"errorRate": RATE})
    statuses(alone, service, REQUESTS)
    under_faults = {status: count - before.get(status, 0) for status, count in counts(alone, service).items()}
    good, bad = under_faults["200"] / REQUESTS, under_faults["500"] / REQUESTS

    rules = yaml.safe_load(checkout.files["deploy/base/objectives.yaml"])["spec"]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules))
    labels = f'namespace="mobility-dev",service="{service}",method="GET",route="/"'
    hour, day = 60, 24 * 60
    series = [
        {"series": f'http_requests_total{{{labels},status="200"}}', "values": line((600 * good, hour), (600, day))},
        {"series": f'http_requests_total{{{labels},status="500"}}', "values": line((600 * bad, hour), (0, day))},
    ]
    firing = 'sum by (severity) (ALERTS{alertname="ErrorBudgetBurns",alertstate="firing",objective="errors"})'
    looks = [("5m", {"critical": 1}), ("30m", {"critical": 2, "warning": 1}), ("100m", {"warning": 2}), ("14h", {})]
    expected = [
        {
            "expr": firing, "eval_time": time,
            "exp_samples": [{"labels": f'{{severity="{severity}"}}', "value": count} for severity, count in found.items()],
        }
        for time, found in looks
    ]  # fmt: skip
    test = {"interval": "1m", "input_series": series, "promql_expr_test": expected}
    (tmp_path / "test.yaml").write_text(json.dumps({"rule_files": ["rules.yaml"], "tests": [test]}))

    done = subprocess.run(
        [promtool, "test", "rules", "test.yaml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def counts(running: Demo, service: str) -> dict[str, float]:
    """Answers on `/` by status, as Prometheus reads them."""
    page = running.page(service, "/metrics")
    found = [text for text in page.splitlines() if text.startswith("http_requests_total{") and 'route="/"' in text]
    return {text.split('status="')[1].split('"')[0]: float(text.split()[-1]) for text in found}


def line(*stretches: tuple[float, int]) -> str:
    """A counter in promtool's words: so much more each minute, for so many minutes."""
    words, at = [], 0.0
    for step, minutes in stretches:
        words.append(f"{at:.3f}+{step:.3f}x{minutes}")
        at += step * (minutes + 1)
    return " ".join(words)
