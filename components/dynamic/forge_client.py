"""The forge's API: Gitea, at the stack's own https address, with a certificate of the stack's own authority."""

from __future__ import annotations

import base64
import json
import ssl
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote, urlsplit

import urllib3

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pulumi

PATIENCE = 240
"""Seconds in which a forge that was made a moment ago comes to answer: its certificate is issued beside it."""
SECONDS = 30
"""For one answer."""
PAGE = 50
"""Items of one page of a list."""
RETRIES = urllib3.Retry(
    total=6,
    backoff_factor=0.5,
    status_forcelist=(HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT),
    allowed_methods=None,
    raise_on_status=False,
    redirect=0,
)
"""Everything may be sent again: whoever makes something here takes over what is there already."""
ONCE = urllib3.Retry(0)
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, kw_only=True)
class Access:
    """Which forge, and its administrator; an input of everything that is made in it."""

    url: str
    """As a browser on this machine writes it."""
    user: str
    password: pulumi.Input[str]
    """Secret."""
    authority: pulumi.Input[str]
    """PEM of whom its certificate is from. Public."""
    home: pulumi.Input[str]
    """Tells the cluster that it lives in from its successor, in which nothing of it is left."""

    def inputs(self) -> dict[str, Any]:
        """As inputs of a resource."""
        access = {"url": self.url, "user": self.user, "password": self.password, "authority": self.authority}
        return {"access": access, "home": self.home}


class ForgeError(Exception):
    """The forge refuses something, or cannot do it; the text says what."""

    def __init__(self, message: str, status: int = 0) -> None:
        """Keep the status beside the text."""
        super().__init__(message)
        self.status = status


class SilentForgeError(ForgeError):
    """Nobody answers there, or somebody whose certificate is not the stack's."""


class ForgeClient:
    """Requests of the administrator, or of whoever else is named."""

    def __init__(self, access: Mapping[str, Any]) -> None:
        """Connect nowhere yet."""
        self.url, self._user = str(access["url"]), str(access["user"])
        login = base64.b64encode(f"{access['user']}:{access['password']}".encode()).decode()
        self._headers = {
            "Host": urlsplit(self.url).netloc,
            "Authorization": f"Basic {login}",
            "Content-Type": "application/json",
        }
        self._pool = pool(self.url, str(access["authority"]))

    def ready(self, seconds: float = PATIENCE) -> ForgeClient:
        """Itself, once the forge answers.

        Raises:
            SilentForgeError: it does not, in that time.
            ForgeError: it refuses the password.
        """
        deadline = time.monotonic() + seconds
        while True:
            try:
                status = self._ask("GET", "version", None, retries=ONCE)[0]
                if status == HTTPStatus.OK:
                    return self
                if status == HTTPStatus.UNAUTHORIZED:
                    raise ForgeError(
                        f"{self.url} refuses the password of `{self._user}`; the administrator's is set when its pod starts",
                        status,
                    )
                problem = "it answers, but not as Gitea does"
            except SilentForgeError as error:
                problem = str(error)
            if time.monotonic() >= deadline:
                raise SilentForgeError(f"{self.url}: {problem}")
            time.sleep(1)

    def get(self, path: str) -> Any:
        """What is there; nothing where nothing is.

        Raises:
            ForgeError: it is refused.
        """
        status, body = self._ask("GET", path, None)
        return None if status == HTTPStatus.NOT_FOUND else self._accepted("GET", path, status, body)

    def every(self, path: str, **options: str) -> Iterator[dict[str, Any]]:
        """All items of a list, whatever the length of its pages; options are as an address writes them."""
        asked = "".join(f"&{name}={value}" for name, value in options.items())
        number = 0
        while True:
            number += 1
            found = cast("list[dict[str, Any]]", self.get(f"{path}?limit={PAGE}&page={number}{asked}") or [])
            yield from found
            if len(found) < PAGE:
                return

    def send(self, method: str, path: str, body: Any = None, *, unless: tuple[int, ...] = ()) -> Any:
        """Change something; nothing comes back where the answer is one of `unless`.

        Raises:
            ForgeError: it is refused.
        """
        status, answer = self._ask(method, path, body)
        return None if status in unless else self._accepted(method, path, status, answer)

    def _accepted(self, method: str, path: str, status: int, body: Any) -> Any:
        if status >= HTTPStatus.MULTIPLE_CHOICES:
            said = cast("dict[str, Any]", body).get("message", "") if isinstance(body, dict) else ""
            raise ForgeError(f"{self.url} answers {status} to {method} {path}: {said}", status)
        return body

    def raw(self, path: str) -> bytes:
        """A file as it is.

        Raises:
            ForgeError: it is refused, or not there.
        """
        answer = self._answer("GET", path, None, RETRIES)
        if answer.status != HTTPStatus.OK:
            raise ForgeError(f"{self.url} answers {answer.status} to GET {path}", answer.status)
        return answer.data

    def _ask(self, method: str, path: str, body: Any, *, retries: urllib3.Retry = RETRIES) -> tuple[int, Any]:
        answer = self._answer(method, path, body, retries)
        try:
            return answer.status, json.loads(answer.data) if answer.data else None
        except ValueError:
            return answer.status or HTTPStatus.BAD_GATEWAY, None

    def _answer(self, method: str, path: str, body: Any, retries: urllib3.Retry) -> urllib3.BaseHTTPResponse:
        given = None if body is None else json.dumps(body).encode()
        try:
            return self._pool.request(method, f"/api/v1/{path}", body=given, headers=self._headers, retries=retries)
        except urllib3.exceptions.HTTPError as error:
            raise SilentForgeError(f"{self.url} does not answer: {error}") from error


def tree(client: ForgeClient, place: str, branch: str) -> dict[str, str]:
    """Path -> git's name of the contents, of everything on a branch; nothing where there is no such branch."""
    found: dict[str, str] = {}
    number, more = 0, True
    while more:
        number += 1
        page: dict[str, Any] = client.get(f"{place}/git/trees/{segment(branch)}?recursive=true&page={number}") or {}
        entries: list[dict[str, Any]] = page.get("tree") or []
        found |= {str(each["path"]): str(each["sha"]) for each in entries if each["type"] == "blob"}
        more = bool(page.get("truncated")) and bool(entries)
    return found


def pool(url: str, authority: str) -> urllib3.HTTPConnectionPool:
    """Connections to one address, which trust one authority and no other.

    Names below `.localhost` are this machine's by their standard (RFC 6761), but not every libc knows: so the connection goes
    to the loopback address, under the name that the certificate is for.
    """
    where = urlsplit(url)
    host = str(where.hostname)
    here = LOOPBACK if is_here(host) else host
    if where.scheme != "https":
        return urllib3.HTTPConnectionPool(here, where.port, timeout=SECONDS)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=authority)
    return urllib3.HTTPSConnectionPool(here, where.port, ssl_context=context, server_hostname=host, timeout=SECONDS)


def is_here(host: str | None) -> bool:
    """Whether a name is this machine's by its standard."""
    return f".{host}".endswith(".localhost")


def segment(text: str) -> str:
    """A name as one segment of a path: branches and rules have slashes in theirs."""
    return quote(text, safe="")
