"""The command at a terminal, as a person meets it: up soon, numbers that move, faults that show, and nothing left at the end."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pexpect
import pytest

from tests.demo.three import PROJECT, cache, ready, three
from tests.support.processors import worked
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

MARK = "IDP_DEMO_TEST"
"""A variable by which every process that the command starts is found, whoever its parent is then."""
ESCAPES = re.compile(r"\x1b(\[[0-9;?]*[a-zA-Z]|[()][A-Z0-9])")
CROSSING = re.compile(
    r"^    platform (GET /overview/:id 200|look at a vehicle) \d+ ms\n      (rental|vehicles) GET", re.MULTILINE
)
"""The latest trace that crosses the three: of a request from here, or of platform's own timer."""
UP_SECONDS = 10


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The stack's files, with the installed services where the command looks for them."""
    ready(*three().values())
    for name in ("Pulumi.yaml", "Pulumi.dev.yaml"):
        shutil.copy(PROJECT / name, tmp_path)
    shutil.copytree(PROJECT / "services", tmp_path / "services")
    (tmp_path / ".demo").symlink_to(cache())
    return tmp_path


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Of the command; whatever it leaves is a failure, and killed."""
    mark = f"{MARK}={tmp_path}"
    yield {**os.environ, MARK: str(tmp_path), "TERM": "xterm-256color"} | {"PYTHONPATH": str(PROJECT)}
    left = processes(mark)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left


def processes(mark: str) -> list[int]:
    """Those of this machine that have a variable."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            variables = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if mark.encode() in variables:
            found.append(int(folder.name))
    return found


def command(project: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "idp", "demo", "--project", str(project), *options]


class Screen:
    """What a terminal of 110 columns shows."""

    def __init__(self, project: Path, environment: dict[str, str], *options: str) -> None:
        first, *rest = command(project, *options)
        self.began = time.monotonic()
        self.child: Any = pexpect.spawn(
            first,
            rest,
            cwd=str(project),
            env=environment,
            encoding="utf-8",
            codec_errors="replace",
            timeout=60,
            dimensions=(50, 110),
        )

    def look(self, pattern: str, seconds: float = 60) -> re.Match[str]:
        """Wait for something in one picture of the screen."""
        deadline = time.monotonic() + seconds
        picture = ""
        while time.monotonic() < deadline:
            try:
                picture += self.child.read_nonblocking(20_000, timeout=1)
            except pexpect.TIMEOUT:
                continue
            shown = (
                ESCAPES.sub("", picture.rsplit("\x1b[H", 1)[-1]) if "\x1b[H" in picture else ESCAPES.sub("", picture)
            )
            if found := re.search(pattern, shown):
                return found
        pytest.fail(f"no {pattern} in:\n{ESCAPES.sub('', picture)[-4000:]}")

    def rate(self, service: str) -> float:
        """Requests a second, of the latest picture."""
        return float(self.look(rf"{service} +(\d+\.\d)")[1])


def test_a_person_watches_it(project: Path, environment: dict[str, str]) -> None:
    """Up, with figures of all three; `c` brings faults and takes them away; Ctrl-C ends all of it."""
    screen = Screen(project, environment, "--every", "0", "--errors", "0.5", "--latency", "50", "--rate", "20")
    screen.look(r"platform +\d")
    own = [worked(pid) for pid in processes(f"{MARK}={environment[MARK]}")]
    up = min(time.monotonic() - screen.began, sum(own))  # where the machine does other things, what it worked for this
    assert all(screen.rate(service) > 0 for service in ("platform", "rental", "vehicles"))
    screen.look(r"no faults")
    screen.look(r"platform GET /overview/:id 200[^\n]*\n[^\n]*(rental|vehicles) ")
    services = [pid for pid in processes(f"{MARK}={environment[MARK]}") if pid != screen.child.pid]

    screen.child.send("c")
    screen.look(r"faults: 50% fail, each waits up to 50 ms")
    share = screen.look(r"vehicles +\d+\.\d +([1-9]\d) %")
    screen.look(r"error failed on purpose")
    screen.child.send("c")
    screen.look(r"no faults")
    screen.child.sendintr()
    screen.child.expect("nothing is left running")
    screen.child.expect(pexpect.EOF)
    screen.child.close()

    assert up < UP_SECONDS
    assert 10 <= int(share[1]) <= 99
    assert len(services) == 3
    assert screen.child.exitstatus == 0
    assert processes(f"{MARK}={environment[MARK]}") == []


def test_q_is_an_end_too(project: Path, environment: dict[str, str]) -> None:
    """And the terminal is as it was: what is typed is seen again."""
    screen = Screen(project, environment)
    screen.look(r"platform +\d")
    screen.child.send("q")
    screen.child.expect("nothing is left running")
    screen.child.expect(pexpect.EOF)
    screen.child.close()

    assert screen.child.exitstatus == 0


def plain(project: Path, environment: dict[str, str], *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(project, *options), env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def test_without_a_terminal_it_writes_lines(project: Path, environment: dict[str, str]) -> None:
    """For a log; the schedule brings the faults, and it ends by itself where it is told when."""
    with plain(project, environment, "--seconds", "16", "--every", "5", "--errors", "0.9", "--latency", "0") as process:
        said, _ = process.communicate(timeout=60)

    assert process.returncode == 0, said
    assert "\x1b" not in said
    assert re.search(r"^demo 5 s: faults: 90% fail", said, re.MULTILINE), said
    assert re.search(r"^  vehicles: \d+\.\d requests/s, errors [1-9]\d* %", said, re.MULTILINE), said
    assert CROSSING.search(said), said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_ways_to_end_it_leave_nothing_either(
    number: signal.Signals, project: Path, environment: dict[str, str]
) -> None:
    """A closed terminal is not a reason to go on."""
    with plain(project, environment) as process:
        until(lambda: len(processes(f"{MARK}={environment[MARK]}")) == 4)
        process.send_signal(number)
        said, _ = process.communicate(timeout=60)

    assert process.returncode == 0, said
    assert "nothing is left running" in said


def test_a_port_that_is_taken_is_no_obstacle(project: Path, environment: dict[str, str]) -> None:
    """Another is found, and the services are told."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        first = taken.getsockname()[1]
        with plain(project, environment, "--seconds", "6", "--ports", str(first)) as process:
            said, _ = process.communicate(timeout=60)

    assert process.returncode == 0, said
    assert CROSSING.search(said), said


def test_a_stack_without_a_demo_is_told_so(project: Path, environment: dict[str, str]) -> None:
    """Before anything is started."""
    shutil.rmtree(project / "services")
    stack = (project / "Pulumi.dev.yaml").read_text()
    (project / "Pulumi.dev.yaml").write_text(stack[: stack.index("  idp:services:")])
    with plain(project, environment) as process:
        said, _ = process.communicate(timeout=60)

    assert (process.returncode, said) == (1, "stack dev has no service from a template of kind `demo`\n")


def test_a_service_that_does_not_start_ends_it_with_its_reason(project: Path, environment: dict[str, str]) -> None:
    """And with all the others."""
    broken = dict(three())["rental"]
    copy = project / "copy"
    shutil.copytree(cache(), copy, symlinks=True, ignore=shutil.ignore_patterns("twins"))
    (project / ".demo").unlink()
    (project / ".demo").symlink_to(copy)
    (copy / "rental" / "dist" / "index.js").write_text("console.log(JSON.stringify({msg: 'cannot', level: 'fatal'}))")
    with plain(project, environment) as process:
        said, _ = process.communicate(timeout=60)

    assert process.returncode == 1
    assert f"{broken.name}: ended on port" in said
    assert "fatal cannot" in said


def test_a_picture_is_drawn_of_it(project: Path, environment: dict[str, str], tmp_path: Path) -> None:
    """By a command, so that the documents' can be made anew; it loads nothing from elsewhere."""
    file = tmp_path / "demo.svg"
    with plain(project, environment, "--picture", str(file)) as process:
        said, _ = process.communicate(timeout=90)

    drawn = file.read_text()
    assert process.returncode == 0, said
    assert all(word in drawn for word in ("platform", "rental", "vehicles", "faults"))
    assert "@font-face" not in drawn
