"""`python -m tests.support.github --port 0 --data DIR`: the server by itself, until it is told to stop."""

from __future__ import annotations

import argparse
import json
import signal
import threading
from pathlib import Path

from .server import GitHubServer


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.support.github", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--data", type=Path, required=True, help="the folder that keeps everything")
    parser.add_argument("--organization", default="acme")
    parser.add_argument("--team", action="append", default=[], metavar="SLUG=LOGIN,LOGIN")
    parser.add_argument("--tokens", type=Path, help="JSON: token to list of permissions; without it, `test-token`")
    parser.add_argument("--plan", default="team", choices=["free", "team", "enterprise"])
    parser.add_argument("--rate-limit", type=int, default=5000)
    parser.add_argument("--writes-per-minute", type=int)
    parser.add_argument("--log", type=Path, help="a file for the request log, one JSON object per line")
    return parser.parse_args()


def main() -> None:
    given = arguments()
    teams = {slug: [m for m in members.split(",") if m] for slug, _, members in (t.partition("=") for t in given.team)}
    server = GitHubServer(
        given.data,
        organization=given.organization,
        teams=teams,
        tokens=json.loads(given.tokens.read_text()) if given.tokens else None,
        plan=given.plan,
        rate_limit=given.rate_limit,
        writes_per_minute=given.writes_per_minute,
        host=given.host,
        port=given.port,
        log_file=given.log,
    )
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with server:
        print(server.url, flush=True)  # noqa: T201 - what the caller waits for
        ended.wait()


if __name__ == "__main__":
    main()
