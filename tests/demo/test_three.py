"""The three together: a request in one trace across all of them, and what happens while one is away."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from idp.demo.figures import tree_of, without_calls
from tests.demo.three import Demo, demo, ready, three
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from idp.demo.figures import Branch


@pytest.fixture(scope="module")
def together() -> Iterator[Demo]:
    """The dev stack's, with the scheduler at rest."""
    with demo(*ready(*three().values())) as running:
        running.ask("platform", "/config/scheduler", "POST", {"interval": 0})
        yield running


def whole_trace(running: Demo, trace: str, spans: int) -> Branch:
    """A trace, when so many of its spans have arrived."""
    found = until(lambda: len(all_ := [s for s in running.receiver.spans() if s.trace == trace]) >= spans and all_)
    tree = tree_of(found)
    assert tree, found
    return tree


def shape(branch: Branch) -> Any:
    """Service, name and kind of each span, with those below it in order of their names."""
    below = sorted((shape(each) for each in branch.below), key=str)
    return [f"{branch.span.service}: {branch.span.kind} {branch.span.name}", *([below] if below else [])]


VEHICLES = ["vehicles: server GET /vehicles/:id"]
CALLS = [
    ["platform: client GET", [VEHICLES]],
    ["platform: client GET", [["rental: server GET /history/:id", [["rental: client GET", [VEHICLES]]]]]],
]


def test_a_request_is_one_trace_across_all_three(together: Demo) -> None:
    """Each span below the one that led to it, through two languages; the log names the same trace."""
    status, body = together.ask("platform", "/overview/7")

    def logged() -> Any:
        lines = [json.loads(line) for name, line in together.lines if name == "platform"]
        return [line for line in lines if line.get("route") == "/overview/:id"]

    (line,) = until(logged)
    tree = whole_trace(together, line["trace_id"], 7)

    assert (status, body["id"], body["vehicle"]) == (200, "7", {"id": "7", "kind": "scooter"})
    assert body["history"]["vehicle"] == body["vehicle"]
    assert sorted(shape(tree), key=str) == sorted(
        ["platform: server GET /overview/:id", sorted(CALLS, key=str)], key=str
    )
    assert {span.service for span in tree.spans()} == {"platform", "rental", "vehicles"}
    assert len(list(without_calls(tree).spans())) == 4


def test_each_look_of_the_scheduler_is_a_trace_of_its_own(together: Demo) -> None:
    """With a span at its root that nobody's request made."""
    together.ask("platform", "/config/scheduler", "POST", {"interval": 20})

    def looks() -> Any:
        return [span for span in together.receiver.spans() if span.name == "look at a vehicle"]

    roots = until(lambda: len(found := looks()) >= 5 and found)
    assert together.ask("platform", "/config/scheduler", "POST", {"interval": 0}) == (200, {"interval": 0})

    assert {(root.service, root.kind, root.parent) for root in roots} == {("platform", "internal", "")}
    assert len({root.trace for root in roots}) == len(roots)
    assert {span.service for span in whole_trace(together, roots[-1].trace, 7).spans()} == {
        "platform",
        "rental",
        "vehicles",
    }


def test_a_vehicle_is_rented_given_back_and_remembered(together: Demo) -> None:
    """What the services are for."""
    started = together.ask("rental", "/start/42", "POST")
    again = together.ask("rental", "/start/42", "POST")
    ended = together.ask("rental", "/end/42", "POST")
    history = together.ask("platform", "/overview/42")[1]["history"]

    assert (started[0], again[0], ended[0]) == (201, 409, 200)
    assert history["rentals"][0] == {key: ended[1][key] for key in ("startedAt", "endedAt")}
    assert together.ask("rental", "/start/100", "POST") == (404, {"error": "no such vehicle"})
    assert together.ask("platform", "/overview/100") == (404, {"error": "no such vehicle"})


def test_while_vehicles_is_away_rental_does_what_it_can(together: Demo) -> None:
    """As its docs say; readiness tells, and both are well again afterwards. It stands still instead of ending, which is worse."""
    assert together.ask("rental", "/readyz") == (200, {"status": "ok", "dependencies": {"vehicles": "ok"}})
    together.ask("rental", "/start/5", "POST")
    os.killpg(together.services["vehicles"].pid, signal.SIGSTOP)
    try:
        ready_then = {name: together.ask(name, "/readyz") for name in ("rental", "platform")}
        start = together.ask("rental", "/start/6", "POST")
        history = together.ask("rental", "/history/5")
        end = together.ask("rental", "/end/5", "POST")
        overview = together.ask("platform", "/overview/5")
    finally:
        os.killpg(together.services["vehicles"].pid, signal.SIGCONT)

    assert ready_then["rental"] == (200, {"status": "degraded", "dependencies": {"vehicles": "unreachable"}})
    assert ready_then["platform"][1]["dependencies"] == {"rental": "ok", "vehicles": "unreachable"}
    assert start == (502, {"error": "vehicles did not answer"})
    assert (history[0], history[1]["vehicle"], len(history[1]["rentals"])) == (200, None, 1)
    assert end[0] == 200
    assert overview[0] == 502
    until(lambda: together.ask("rental", "/readyz")[1]["status"] == "ok")


def test_while_vehicles_is_gone_rental_says_so_at_once() -> None:
    """A refused connection is no answer either; the metric of the dependency says it to Prometheus."""
    services = three()
    with demo(*ready(services["rental"], services["vehicles"])) as running:
        running.services["vehicles"].signal(signal.SIGKILL)
        until(lambda: not running.services["vehicles"].alive)

        assert running.ask("rental", "/readyz")[1] == {
            "status": "degraded",
            "dependencies": {"vehicles": "unreachable"},
        }
        assert running.ask("rental", "/start/7", "POST") == (502, {"error": "vehicles did not answer"})
        assert running.ask("rental", "/history/7") == (200, {"id": "7", "vehicle": None, "rentals": []})
