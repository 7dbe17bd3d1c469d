"""What the demo counts and shows, from spans and log lines made by hand."""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from idp.demo.figures import figures, quantile, traces, tree_of, without_calls
from idp.demo.log import duration, one_line
from idp.demo.processes import chosen_ports, variables
from idp.demo.receiver import Span
from idp.demo.session import due
from idp.demo.traffic import Faults
from idp.demo.view import Picture, plain, screen
from tests.demo.three import three


def span(name: str = "GET /", **others: Any) -> Span:
    whole = {
        "trace": "a",
        "id": name,
        "parent": "",
        "service": "rental",
        "kind": "server",
        "start": 100.0,
        "seconds": 0.1,
    }
    return Span(**{**whole, "name": name, "status": 200, "failed": False, **others})


CROSSING = [
    span("GET /overview/:id", id="1", service="platform"),
    span("GET", id="2", parent="1", service="platform", kind="client"),
    span("GET /history/:id", id="3", parent="2", status=500, failed=True),
    span("GET", id="4", parent="3", kind="client", status=None, failed=True),
]


def test_figures_are_of_requests_that_came_in_of_late() -> None:
    """What went out is counted where it came in; what is old, nowhere."""
    spans = [
        *(span(seconds=0.1 * (1 + number), status=500 if number == 0 else 200) for number in range(4)),
        span(kind="client"),
        span(start=80),
        span(service="vehicles", status=404),
    ]
    found = figures(spans, now=101, window=10)

    assert set(found) == {"rental", "vehicles"}
    assert (found["rental"].rate, found["rental"].errors) == (0.4, 0.25)
    assert (found["rental"].p50, found["rental"].p95) == (0.2, 0.4)
    assert found["vehicles"].errors == 0


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.95, 95), (0.99, 99), (0.001, 1), (1, 100)])
def test_a_quantile_is_one_of_the_values(share: float, value: int) -> None:
    """No value between two of them that nobody has seen."""
    assert quantile(range(1, 101), share) == value
    assert quantile([7], share) == 7


def test_a_trace_is_shown_as_a_tree_without_what_it_says_twice() -> None:
    """The caller's side of a call goes; where nobody answered it stays, as nothing else tells."""
    tree = without_calls(tree_of(CROSSING[::-1]))  # type: ignore[arg-type]

    assert [each.id for each in tree.spans()] == ["1", "3", "4"]


def test_only_whole_traces_are_shown_and_the_widest_the_newest_first() -> None:
    """One whose root, or whose latest spans, are still on their way would be half of the truth."""
    later = [replace(each, trace="b", start=105.0) for each in CROSSING]
    rootless, fresh = [replace(each, trace="c") for each in CROSSING[1:]], [span(trace="d", start=109.9)]
    narrow = [span(trace="e", start=106)]

    found = traces([*CROSSING, *later, *rootless, *fresh, *narrow], now=110, count=5)

    assert [tree.span.trace for tree in found] == ["b", "a"]


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        pytest.param(
            json.dumps({
                "time": "2026-11-26T15:52:32.346Z", "level": "info", "service": "rental", "msg": "request", "method": "GET",
                "route": "/", "status": 200, "duration": 0.012, "trace_id": "b446f2a7a0527fdc",
            }),
            "15:52:32 rental info request GET / 200 12 ms b446f2a7", id="request",
        ),
        pytest.param(
            json.dumps({"level": "error", "msg": "failed", "err": {"message": "gone\nfor good"}}),
            " error failed gone", id="error",
        ),
        pytest.param("Traceback:", "Traceback:", id="text"),
        pytest.param("[1]", "[1]", id="JSON of another kind"),
    ],
)  # fmt: skip
def test_a_log_line_is_one_line(line: str, shown: str) -> None:
    """In the order in which people read it."""
    assert one_line(line).plain.strip() == shown.strip()


def test_times_have_few_digits() -> None:
    """Milliseconds below a second."""
    assert (duration(0.0123), duration(2.34)) == ("12 ms", "2.3 s")


def test_the_schedule_begins_without_faults() -> None:
    """Then both take turns."""
    assert [due(seconds, 20) for seconds in (0, 19.9, 20, 39.9, 40)] == [False, False, True, True, False]


def picture(**others: Any) -> Picture:
    trees = [tree for tree in [tree_of(CROSSING)] if tree]
    whole = {
        "seconds": 12.3, "urls": {"rental": "http://127.0.0.1:7001", "vehicles": "http://127.0.0.1:7002"},
        "gone": frozenset[str](), "faults": Faults(errors=0.3, latency=400), "figures": figures([span(status=500)], 101),
        "traces": trees, "log": ["Traceback:"], "keys": True,
    }  # fmt: skip
    return Picture(**{**whole, **others})


def drawn(shown: Picture) -> str:
    console = Console(width=100, record=True, file=StringIO())
    console.print(screen(shown))
    return console.export_text()


def test_the_screen_has_figures_traces_and_log() -> None:
    """All of a moment, on one screen."""
    shown = drawn(picture(gone=frozenset({"vehicles"})))

    for part in (
        "faults: 30% fail, each waits up to 400 ms",
        "rental",
        "0.1",
        "100 %",
        "ended",
        "Traceback:",
        "c faults on or off",
    ):
        assert part in shown
    assert "platform GET /overview/:id 200 100 ms" in shown
    assert "└── rental GET /history/:id 500" in shown
    assert "no faults" in drawn(picture(faults=Faults()))
    assert "none yet" in drawn(picture(traces=[]))


def test_lines_say_the_same() -> None:
    """For those who have no screen."""
    assert list(plain(picture())) == [
        "demo 12 s: faults: 30% fail, each waits up to 400 ms",
        "  rental: 0.1 requests/s, errors 100 %, half within 100 ms, 95 % within 100 ms",
        "  vehicles: - requests/s, errors -, half within -, 95 % within -",
        "  trace a",
        "    platform GET /overview/:id 200 100 ms",
        "      rental GET /history/:id 500 100 ms",
        "        rental GET 100 ms",
    ]


def test_ports_are_the_entries_own_or_in_a_row_or_whatever_is_free() -> None:
    """Two services never get the same."""
    every = list(three().values())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        first = taken.getsockname()[1]
        row = chosen_ports(every, first)

    assert {each.name: each.port for each in every} == {"platform": 7000, "rental": 7001, "vehicles": 7002}
    assert row["platform"] != first
    assert len(set(row.values())) == 3


def test_a_service_is_told_what_a_cluster_would_tell_it_and_listens_here_alone() -> None:
    """Traces are sent, metrics and logs are not; addresses are those of `calls`."""
    told = variables(three()["rental"], {"rental": 1, "vehicles": 2, "platform": 3}, "http://127.0.0.1:4")

    assert told["HOST"] == "127.0.0.1"
    assert {name: value for name, value in told.items() if name.endswith("_URL")} == {
        "VEHICLES_SERVICE_URL": "http://127.0.0.1:2"
    }
    assert (told["OTEL_METRICS_EXPORTER"], told["OTEL_LOGS_EXPORTER"]) == ("none", "none")
