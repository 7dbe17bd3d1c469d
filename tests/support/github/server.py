"""The server with its sockets: HTTP/1.1 with keep-alive, one thread per connection."""

from __future__ import annotations

import re
import socket
import threading
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from .answers import Answer
from .faults import Fault, Faults
from .limits import Limiter
from .log import Exchange, Log
from .service import Dropped, Request, Service, encoded
from .state import PERMISSIONS, State, Token, named_tokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

DEFAULT_TOKEN = "test-token"


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server_version = "github.com"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = -1
    service: ClassVar[Service]
    connections: ClassVar[set[socket.socket]]

    def setup(self) -> None:
        """Remember the connection, so that a stopped server leaves none open."""
        super().setup()
        self.connections.add(self.connection)

    def finish(self) -> None:
        """Forget it again."""
        self.connections.discard(self.connection)
        try:
            super().finish()
        except OSError:
            self.close_connection = True

    def answer(self) -> None:
        """Read a request whole, answer it whole."""
        host = self.headers.get("Host") or "{}:{}".format(*self.server.server_address[:2])
        request = Request(
            method=self.command, target=self.path, headers=self.headers, data=self._body(), base=f"http://{host}"
        )
        try:
            answer = self.service.answer(request)
        except Dropped:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        except Exception:  # noqa: BLE001 - a mistake of this server must be seen, and answered
            traceback.print_exc()
            answer = Answer(status=500, body={"message": "Server Error"})
        data = encoded(answer)
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if data:
            self.send_header("Content-Type", answer.content_type)
        if answer.status not in {204, 304}:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)
        self.wfile.flush()

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(parts)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 - the base class's names

    def log_message(self, *_: object) -> None:
        """Quiet: the request log says more."""


class Sockets(ThreadingHTTPServer):
    """Many connections at once; none keeps the process alive."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def handle_error(self, *_: object) -> None:
        """A client that went away is no news."""


class GitHubServer:
    """A GitHub for tests: `with GitHubServer(folder) as server: ...`.

    Everything it knows is in `data_dir`; another server on the same folder goes on where this one ended.
    """

    def __init__(
        self,
        data_dir: Path | str,
        *,
        organization: str = "acme",
        teams: Mapping[str, Iterable[str]] | None = None,
        tokens: Mapping[str, Iterable[str] | Token] | None = None,
        plan: str = "team",
        rate_limit: int = 5000,
        rate_window: float = 3600,
        writes_per_minute: int | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        log_file: Path | None = None,
    ) -> None:
        """Ready to start; `tokens` are permissions (or whole `Token`s) by secret, the first is the tests' own."""
        named = named_tokens(tokens or {DEFAULT_TOKEN: PERMISSIONS})
        state = State(Path(data_dir).absolute(), organization, teams or {})
        limiter = Limiter(rate_limit, rate_window, writes_per_minute)
        self.token = next(iter(named))
        """The first token: the one that may do everything, unless tokens were given."""
        self.service = Service(
            state=state, tokens=named, plan=plan, limiter=limiter, log=Log(named, log_file), faults=Faults()
        )
        self._host, self._port = host, port
        self._connections: set[socket.socket] = set()
        self._sockets: Sockets | None = None

    def start(self) -> Self:
        """Listen, in a thread; a server that was stopped listens on its old port again."""
        handler = type("Bound", (Handler,), {"service": self.service, "connections": self._connections})
        self._sockets = Sockets((self._host, self._port), handler)
        self._port = self._sockets.server_address[1]
        threading.Thread(target=self._sockets.serve_forever, args=(0.05,), daemon=True, name="github").start()
        return self

    def stop(self) -> None:
        """Stop listening and close every connection."""
        if self._sockets:
            self._sockets.shutdown()
            self._sockets.server_close()
            self._sockets = None
        for connection in list(self._connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    @property
    def url(self) -> str:
        """The address that a browser or `git` uses; GitHub Enterprise clients call it the base URL."""
        return f"http://{'127.0.0.1' if self._host == '0.0.0.0' else self._host}:{self._port}"  # noqa: S104 - compared only

    @property
    def api_url(self) -> str:
        """Where the REST API is."""
        return f"{self.url}/api/v3"

    def git_url(self, repository: str, token: str | None = None) -> str:
        """Where to clone a repository from, with credentials when a token is given."""
        login = f"x-access-token:{token}@" if token else ""
        return f"{self.url.replace('://', f'://{login}')}/{self.service.state.login}/{repository}.git"

    @property
    def requests(self) -> list[Exchange]:
        """Every exchange so far."""
        return list(self.service.log.entries)

    def find(
        self, method: str | None = None, path_pattern: str | None = None, status: int | None = None
    ) -> list[Exchange]:
        """The exchanges with this method, whole path (a regular expression) and status."""
        return self.service.log.find(method, path_pattern, status)

    def count(self, method: str | None = None, path_pattern: str | None = None, status: int | None = None) -> int:
        """How many exchanges there were."""
        return len(self.find(method, path_pattern, status))

    def fault(
        self,
        method: str | None,
        path_regex: str,
        kind: str | int,
        *,
        times: int = 1,
        after: int = 0,
        seconds: float = 1,
    ) -> Fault:
        """Let the next `times` requests that match fail, after `after` of them went well.

        Kinds: `500`, `502`, `503`, `secondary` and `primary` (rate limits, over in `seconds`), `not-found`,
        `drop-before` and `drop-after` (the connection, before or after the work), `slow` (by `seconds`).
        """
        return self.service.faults.add(Fault(method, re.compile(path_regex), str(kind), times, after, seconds))

    def forget_requests(self) -> None:
        """Start the log anew, so that a test counts only what comes next."""
        self.service.log.entries.clear()

    def clear_faults(self) -> None:
        """Forget the faults that have not struck yet."""
        self.service.faults.clear()

    def spend(self, *, remaining: int, reset_in: float, token: str | None = None) -> None:
        """Leave a token only so many requests of its hour."""
        self.service.limiter.spend(self.service.tokens[token or self.token].name, remaining, reset_in)

    def files(self, repository: str, ref: str | None = None) -> dict[str, str]:
        """The files of a branch, tag or commit, without a request."""
        state = self.service.state
        record = state.find(state.login, repository)
        if record is None:
            raise LookupError(repository)
        bare = state.bare(record)
        commit = bare.objects.commit(bare.resolve(ref or record.default_branch) or "")
        entries = bare.objects.files(commit.tree) if commit else {}
        return {path: (bare.objects.find(e.sha) or ("", b""))[1].decode() for path, e in entries.items()}
