"""The one comment of a pull request: made once, kept up to date, and never led astray by what a fork's run left."""

from __future__ import annotations

import importlib.util
import io
import json
import threading
import zipfile
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

SCRIPT = Path(__file__).resolve().parents[2] / ".github" / "scripts" / "comment.py"
SPEC = importlib.util.spec_from_file_location("comment", SCRIPT)
assert SPEC
assert SPEC.loader
comment: Any = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(comment)

SHA, FORK, TOKEN = "c0ffee" * 6 + "c0ff", "eve/idp", "ghs_planted_workflow_token"


@dataclass
class World:
    """What GitHub knows, and what it was asked."""

    files: dict[str, str] = field(default_factory=lambda: {"comment.md": "### `dev`: fine\n", "number": "7\n"})
    name: str = "preview"
    size: int = 300
    head: dict[str, Any] = field(default_factory=lambda: {"sha": SHA, "repo": {"full_name": FORK}})
    state: str = "open"
    comments: list[dict[str, Any]] = field(default_factory=list)
    writes: list[tuple[str, str, str]] = field(default_factory=list)
    tokens: dict[str, str | None] = field(default_factory=dict)
    """Whose address got which authorization."""

    def packed(self) -> bytes:
        """The artifact."""
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in self.files.items():
                archive.writestr(name, text)
        return made.getvalue()


def handler(world: World, store: str) -> type[BaseHTTPRequestHandler]:
    """GitHub's part of it; the artifacts are in somebody else's store."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base's name
            del format, args

        def answer(self, body: Any, status: int = 200) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_GET(self) -> None:
            world.tokens["api"] = self.headers["Authorization"]
            path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
            if path.endswith("/artifacts"):
                url = f"http://{self.headers['Host']}/zip"
                one = {"name": world.name, "expired": False, "size_in_bytes": world.size, "archive_download_url": url}
                self.answer({"total_count": 1, "artifacts": [one]})
            elif path == "/zip":
                self.send_response(302)
                self.send_header("Location", store)
                self.end_headers()
            elif path == "/repos/acme/idp/pulls/7":
                self.answer({"number": 7, "state": world.state, "head": world.head})
            elif path == "/repos/acme/idp/issues/7/comments":
                start = 100 * (int(query["page"][0]) - 1)
                self.answer(world.comments[start : start + 100])
            else:
                self.answer({"message": "Not Found"}, 404)

        def write(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["body"]
            world.writes.append((self.command, self.path, body))
            self.answer({"id": 1}, 201)

        do_POST = do_PATCH = write  # noqa: N815  the protocol's names

    return Handler


def storing(world: World) -> type[BaseHTTPRequestHandler]:
    """Where artifacts are: it refuses a token that is not its own."""

    class Store(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base's name
            del format, args

        def do_GET(self) -> None:
            world.tokens["store"] = self.headers["Authorization"]
            data = world.packed()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    return Store


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def environment(world: World) -> Iterator[dict[str, str]]:
    """What the workflow gives to the script."""
    store = ThreadingHTTPServer(("127.0.0.1", 0), storing(world))
    api = ThreadingHTTPServer(("127.0.0.1", 0), handler(world, f"http://127.0.0.1:{store.server_port}/blob"))
    for server in (store, api):
        threading.Thread(target=server.serve_forever, daemon=True).start()
    yield {
        "GITHUB_API_URL": f"http://127.0.0.1:{api.server_port}", "GITHUB_REPOSITORY": "acme/idp", "GITHUB_TOKEN": TOKEN,
        "RUN_ID": "42", "HEAD_SHA": SHA, "HEAD_REPOSITORY": FORK,
    }  # fmt: skip
    for server in (store, api):
        server.shutdown()
        server.server_close()


def written(number: int, login: str, text: str) -> dict[str, Any]:
    return {"id": number, "user": {"login": login}, "body": text}


def test_a_first_run_makes_the_comment(world: World, environment: dict[str, str]) -> None:
    """With its marker, and where it comes from."""
    comment.main(environment)

    ((method, path, body),) = world.writes
    assert (method, path) == ("POST", "/repos/acme/idp/issues/7/comments")
    assert body.startswith(f"{comment.MARKER}\n### `dev`: fine\n")
    assert SHA[:12] in body


def test_a_later_run_changes_it(world: World, environment: dict[str, str]) -> None:
    """Also where a hundred others came before it, and somebody else's looks like it."""
    others = [written(number, "ada", f"{comment.MARKER} mine") for number in range(120)]
    world.comments = [*others, written(500, "github-actions[bot]", f"{comment.MARKER}\nold")]

    comment.main(environment)

    assert [(method, path) for method, path, _ in world.writes] == [("PATCH", "/repos/acme/idp/issues/comments/500")]


def test_the_store_of_artifacts_does_not_get_our_token(world: World, environment: dict[str, str]) -> None:
    """It is another host, by a redirect, and refuses what it does not know."""
    comment.main(environment)

    assert world.tokens == {"api": f"Bearer {TOKEN}", "store": None}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param({"files": {"comment.md": "x", "number": "8"}}, "404", id="another request's number"),
        pytest.param({"files": {"comment.md": "x", "number": "7/../8"}}, "names no pull request", id="no number"),
        pytest.param({"files": {"comment.md": "x"}}, "names no pull request", id="without a number"),
        pytest.param({"head": {"sha": "0" * 40, "repo": {"full_name": FORK}}}, "not the one that ran", id="moved on"),
        pytest.param({"head": {"sha": SHA, "repo": {"full_name": "acme/idp"}}}, "not the one", id="another fork"),
        pytest.param({"head": {"sha": SHA, "repo": None}}, "not the one that ran", id="a fork that is gone"),
        pytest.param({"state": "closed"}, "is closed", id="closed"),
        pytest.param({"name": "other"}, "left no artifact", id="another artifact"),
        pytest.param({"size": 10**9}, "which is no comment", id="a huge artifact"),
        pytest.param({"files": {"comment.md": "x" * 2_000_000, "number": "7"}}, "too large", id="a bomb"),
    ],
)
def test_what_does_not_fit_writes_nothing(
    change: dict[str, Any], says: str, world: World, environment: dict[str, str]
) -> None:
    """A run may leave anything, and claim to be any pull request's."""
    for key, value in change.items():
        setattr(world, key, value)

    with pytest.raises(comment.CommentError, match=says):
        comment.main(environment)
    assert world.writes == []


def test_the_text_mentions_nobody_and_is_cut(world: World, environment: dict[str, str]) -> None:
    """The bot's voice is not the author's to use."""
    world.files["comment.md"] = f"@acme/everyone {comment.MARKER} " + "é" * 90_000

    comment.main(environment)

    body = world.writes[0][2]
    assert "@acme" not in body
    assert body.count(comment.MARKER) == 1
    assert len(body) < 65_536
