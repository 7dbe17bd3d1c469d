"""A service of every template, started: what it answers, says, refuses, and how it ends."""

from __future__ import annotations

import http.client
import re
import signal
import time
from collections import Counter
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.lab import free_port
from tests.support.waiting import until
from tests.templates.service import LONGEST, SHORTEST, Answer, Load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.templates.service import Checkout, Service

NAMES = [
    pytest.param(SHORTEST, id="shortest"),
    pytest.param("on", id="a word of YAML"),
    pytest.param(LONGEST, id="longest"),
]
LONGEST_START = 3
"""Seconds until a service answers, on a busy machine of two cores."""


def test_it_listens_within_three_seconds(
    built: Callable[[], Checkout], record_property: Callable[[str, object], None]
) -> None:
    """What a roll-out and a scaled-up pod wait for. The best of three; of more, while the machine is somebody else's."""
    taken: list[float] = []
    while len(taken) < 3 or (min(taken) >= LONGEST_START and len(taken) < 9):
        with built().started() as service:
            taken.append(service.seconds)
    record_property("seconds until it listens", [round(seconds, 3) for seconds in taken])

    assert min(taken) < LONGEST_START


@pytest.mark.parametrize("name", NAMES)
def test_a_service_of_any_name_says_its_own(name: str, built: Callable[[str], Checkout]) -> None:
    """In what it answers and in what it logs; and it answers a request before it has had another."""
    with built(name).started(VERSION="abc123") as service:
        answer = service.ask("/")

    assert (answer.status, answer.json) == (200, {"service": name, "version": "abc123"})
    assert {line["service"] for line in service.log()} == {name}


# --- routes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        pytest.param("/?from=test", 200, {"service": "rental-2", "version": "abc123"}, id="root"),
        pytest.param("/hello/you", 200, {"message": "Hello, you!"}, id="parameter"),
        pytest.param("/hello/Zo%C3%AB%20%26", 200, {"message": "Hello, Zoë &!"}, id="decoded"),
        pytest.param("/healthz", 200, {"status": "ok"}, id="alive"),
        pytest.param("/readyz", 200, {"status": "ok", "dependencies": {}}, id="ready"),
        pytest.param("/nothing/here", 404, {"error": "not found"}, id="no route"),
        pytest.param("/hello/", 404, {"error": "not found"}, id="no parameter"),
        pytest.param("/hello", 404, {"error": "not found"}, id="shorter"),
        pytest.param("/hello/a/b", 404, {"error": "not found"}, id="longer"),
        pytest.param("/healthz/", 404, {"error": "not found"}, id="slash"),
        pytest.param("/dependencies/nobody", 404, {"error": "not found"}, id="no dependency"),
    ],
)
def test_a_route_answers_in_json(path: str, status: int, said: dict[str, Any], service: Service) -> None:
    """The same in every language, so that a caller need not know which it is."""
    answer = service.ask(path)

    assert (answer.status, answer.json) == (status, said)


@pytest.mark.parametrize("path", ["/", "/hello/you", "/healthz", "/readyz", "/metrics"])
def test_head_is_answered_as_get_without_the_body(path: str, service: Service) -> None:
    """Monitors of links and of addresses ask so."""
    whole, head = service.ask(path), service.ask(path, "HEAD")

    assert (head.status, head.body) == (whole.status, "")
    assert head.headers["content-type"] == whole.headers["content-type"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
@pytest.mark.parametrize("path", ["/", "/hello/you", "/healthz"])
def test_another_method_is_refused_with_the_allowed_one(path: str, method: str, service: Service) -> None:
    """A route that is there and does not do that is not `not found`."""
    answer = service.ask(path, method)

    assert (answer.status, answer.json) == (405, {"error": "method not allowed"})
    assert "GET" in [name.strip() for name in answer.headers["allow"].split(",")]


# --- dependencies ----------------------------------------------------------------------------------------------------


@contextmanager
def stand_in(status: int) -> Iterator[str]:
    """Another service: it answers everything with one status, or with 0 not at all within anybody's patience."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not status:
                time.sleep(3)
            self.send_response(status or 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Not a word."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


@pytest.fixture(scope="module")
def caller(built: Callable[[], Checkout]) -> Iterator[Service]:
    """One that calls a service that is well, one that fails, one that is silent, and one that is not there."""
    with stand_in(200) as well, stand_in(503) as failing, stand_in(0) as silent:
        others = {
            "VEHICLES_SERVICE_URL": well,
            "BILLING_SERVICE_URL": f"{failing}/",
            **{f"SLOW_{number}_SERVICE_URL": silent for number in (1, 2, 3)},
            "AWAY_SERVICE_URL": f"http://127.0.0.1:{free_port()}",
        }
        with built().started(**others) as running:
            yield running


def test_readiness_says_which_dependencies_answer(caller: Service) -> None:
    """None of them is required, so the pod stays in: it is degraded. All are asked at once, each for a second at most."""
    expected = dict.fromkeys(("billing", "slow-1", "slow-2", "slow-3", "away"), "unreachable") | {"vehicles": "ok"}
    taken: list[float] = []
    answer = caller.ask("/readyz")
    while len(taken) < 3 or (answer.json["dependencies"] != expected and len(taken) < 9):
        began = time.monotonic()
        answer = caller.ask("/readyz")
        taken.append(time.monotonic() - began)
    page = caller.ask("/metrics").body
    up = dict(re.findall(r'^dependency_up\{dependency="([\w-]+)",?\} (\S+)$', page, re.MULTILINE))

    assert (answer.status, answer.json) == (200, {"status": "degraded", "dependencies": expected})
    assert min(taken) < 2.5
    assert {name: float(number) for name, number in up.items()} == {
        name: said == "ok" for name, said in expected.items()
    }


@pytest.mark.parametrize(
    ("name", "status", "said"),
    [
        pytest.param("vehicles", 200, {"dependency": "vehicles", "status": 200}, id="well"),
        pytest.param("billing", 502, {"error": "billing did not answer"}, id="failing"),
        pytest.param("away", 502, {"error": "away did not answer"}, id="not there"),
        pytest.param("VEHICLES", 404, {"error": "not found"}, id="unknown"),
    ],
)
def test_a_call_to_another_service_is_answered_or_told(
    name: str, status: int, said: dict[str, Any], caller: Service
) -> None:
    """A caller learns whose fault it was."""
    answer = caller.ask(f"/dependencies/{name}")

    assert (answer.status, answer.json) == (status, said)


def test_without_a_required_dependency_it_is_not_ready(built: Callable[[], Checkout]) -> None:
    """Its pods leave the Service; once the other answers it is ready by itself."""
    port = free_port()
    others = {"VEHICLES_SERVICE_URL": f"http://127.0.0.1:{port}", "REQUIRED_DEPENDENCIES": "vehicles"}
    with built().started(**others) as service:
        without = service.ask("/readyz")
        with built().started(PORT=str(port)):
            until(lambda: service.ask("/readyz").status == 200)
            having = service.ask("/readyz")
        alive = service.ask("/healthz").status

    unavailable = {"status": "unavailable", "dependencies": {"vehicles": "unreachable"}}
    assert (without.status, without.json) == (503, unavailable)
    assert (having.status, having.json) == (200, {"status": "ok", "dependencies": {"vehicles": "ok"}})
    assert alive == 200


# --- the log ---------------------------------------------------------------------------------------------------------


def test_every_line_of_the_log_is_json_and_a_request_says_all_about_itself(built: Callable[[], Checkout]) -> None:
    """One line that is no JSON, such as a start-up banner, breaks the query over all services."""
    with built().started(LOG_LEVEL="debug", VERSION="abc123") as service:
        for path in ("/hello/you", "/healthz", "/no/such/path"):
            service.ask(path)
        code = service.stop()
    log = service.log()
    requests = {line["route"]: line for line in service.requests()}
    said = {line["msg"]: line for line in log}

    assert code == 0
    assert all({"time", "level", "service", "version", "msg"} <= set(line) for line in log)
    assert all(line["time"].endswith("Z") and datetime.fromisoformat(line["time"]) for line in log)
    assert {(line["service"], line["version"]) for line in log} == {("rental-2", "abc123")}
    assert requests["/hello/:name"].items() >= {"level": "info", "method": "GET", "status": 200}.items()
    assert 0 < requests["/hello/:name"]["duration"] < 5
    assert len(requests["/hello/:name"]["trace_id"]) == 32
    assert len(requests["/hello/:name"]["span_id"]) == 16
    assert requests["/healthz"]["level"] == "debug"
    assert requests["unmatched"].items() >= {"level": "info", "status": 404}.items()
    assert [line["msg"] for line in log if line["msg"] != "request"] == ["listening", "stopping", "stopped"]
    assert said["listening"]["port"] == service.port
    assert said["stopping"]["signal"] == "SIGTERM"


@pytest.mark.parametrize(
    ("level", "said"), [("info", {"listening", "request", "stopping", "stopped"}), ("warn", set()), ("silent", set())]
)
def test_a_level_says_how_much_is_logged(level: str, said: set[str], built: Callable[[], Checkout]) -> None:
    """Probes are no news, and come every few seconds."""
    port = free_port()
    service = built().start(LOG_LEVEL=level, PORT=str(port))
    try:
        until(lambda: answers(port, "/healthz"), about=service.log)
        assert answers(port, "/")
        code = service.stop()
    finally:
        service.process.kill()

    assert code == 0
    assert {line["msg"] for line in service.log()} == said
    assert len(service.requests()) == ("request" in said)


def answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


# --- the end ---------------------------------------------------------------------------------------------------------


def test_sigterm_under_load_loses_no_request(built: Callable[[], Checkout]) -> None:
    """Every roll-out stops pods that are busy: not ready at first, still answering, then gone with exit code 0."""
    with built().started(SHUTDOWN_DELAY_MS="3000") as service:
        load = Load(service)
        time.sleep(0.4)
        before = service.ask("/readyz").status
        service.process.send_signal(signal.SIGTERM)
        until(lambda: service.ask("/readyz").status == 503)
        draining_since = time.monotonic()
        told, alive = service.ask("/readyz"), service.ask("/healthz").status
        time.sleep(0.3)
        load.stop()
        code = service.exit_code()
    answered = Counter(line["status"] for line in service.requests())
    late = [connection for moment, connection in load.answers if moment > draining_since + 0.1]

    assert (before, alive, code) == (200, 200, 0)
    assert told.json == {"status": "stopping"}
    assert not load.failures
    assert len(load.answers) > 20
    assert answered == {200: len(load.answers)}
    assert late
    assert set(late) == {"close"}


def test_a_request_under_way_is_finished(built: Callable[[], Checkout]) -> None:
    """Also when the port is closed already: it has SHUTDOWN_TIMEOUT_MS."""
    with stand_in(0) as slow, built().started(SLOW_SERVICE_URL=slow) as service:
        said: list[Answer] = []
        caller = Thread(target=lambda: said.append(service.ask("/dependencies/slow")))
        caller.start()
        time.sleep(0.5)
        code = service.stop()
        caller.join()

    assert (code, [answer.status for answer in said]) == (0, [200])


def test_ctrl_c_waits_for_nobody(built: Callable[[], Checkout]) -> None:
    """Nothing is routed to a developer's machine, so there is no delay; and it is no error."""
    with built().started(SHUTDOWN_DELAY_MS="60000") as service:
        service.ask("/")
        code = service.stop(signal.SIGINT)

    assert code == 0
    assert [line["msg"] for line in service.log()][-2:] == ["stopping", "stopped"]


# --- a start that cannot be ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"PORT": "eighty"}, id="no number"),
        pytest.param({"PORT": "70000"}, id="no port"),
        pytest.param({"PORT": "-1"}, id="negative"),
        pytest.param(
            {
                "PORT": " 80", "LOG_LEVEL": "loud", "SHUTDOWN_DELAY_MS": "1s", "SHUTDOWN_TIMEOUT_MS": "-5",
                "VEHICLES_SERVICE_URL": "ftp://vehicles", "BILLING_SERVICE_URL": "billing",
                "PARKING_SERVICE_URL": "http://parking?a=b", "REQUIRED_DEPENDENCIES": "payments",
            },
            id="all of them",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_used_stops_the_start_and_is_named_at_once(
    wrong: dict[str, str], built: Callable[[], Checkout]
) -> None:
    """A service that falls back to another port looks alive and is never reached; one mistake a start is a long day."""
    service = built().start(**wrong)
    code = service.exit_code()
    (line,) = service.log()

    assert (code, line["level"]) == (1, "fatal")
    assert [name for name in wrong if name not in line["err"]["message"]] == []


def test_a_port_in_use_stops_the_start(built: Callable[[], Checkout]) -> None:
    """Waiting without a port would pass no probe and say nothing."""
    with built().started() as first:
        second = built().start(PORT=str(first.port))
        code = second.exit_code()

    assert (code, second.log()[-1]["level"]) == (1, "fatal")
    assert "address already in use" in second.log()[-1]["err"]["message"].lower()


def test_what_a_caller_sends_cannot_break_a_line(service: Service) -> None:
    """A path with a line's end in it, or one that is no text, is a request like any other."""
    before = len(service.requests())
    statuses = [
        service.ask(path).status for path in ("/hello/a%0Ab", "/hello/%E0%A4%A", "/hello/%22%7D", f"/{'x' * 4000}")
    ]
    until(lambda: len(service.requests()) >= before + len(statuses), about=service.log)
    lines = service.requests()[before:]

    assert statuses[0] == 200
    assert all(status < 500 for status in statuses)
    assert [line["status"] for line in lines] == statuses
