"""Sign-in through the real backend, against an OAuth server that answers as GitHub does."""

from __future__ import annotations

import json
import re
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from idp.portal.app_config import Access
from idp.portal.entities import entities
from idp.portal.pod import CLIENT_ID, CLIENT_SECRET
from tests.conftest import PROJECT
from tests.portal.stacks import config, ingested, refs, stack_of
from tests.support.portal import Portal, Postgres

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.timeout(120)
MEMBERS = {"ada": ["mobility"], "Linus": []}
"""Login -> slugs of teams; whoever is not here is a stranger."""


class OAuth(BaseHTTPRequestHandler):
    """GitHub's part: a code is the login of whoever consented, and so is the token."""

    def do_POST(self) -> None:
        """The token for a code."""
        form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        right = form["client_id"] == ["client"] and form["client_secret"] == ["secret"]
        self._say(
            {"access_token": form["code"][0], "token_type": "bearer", "scope": "read:user,read:org"} if right else {}
        )

    def do_GET(self) -> None:
        """Who somebody is, and where a member."""
        login, path = self.headers["Authorization"].split()[-1], urllib.parse.urlsplit(self.path).path
        if path == "/api/v3/user":
            self._say({"id": 1, "login": login, "name": login, "html_url": "https://github.test"})
        elif path == "/api/v3/user/memberships/orgs/acme" and login in MEMBERS:
            self._say({"state": "active"})
        elif path == "/api/v3/user/teams" and login in MEMBERS:
            self._say([{"slug": slug, "organization": {"login": "acme"}} for slug in MEMBERS[login]])
        else:
            self._say({"message": "Not Found"}, 404)

    def _say(self, what: Any, status: int = 200) -> None:
        body = json.dumps(what).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def portal(database: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """The portal of a stack that is not local: GitHub only."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), OAuth)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    github = f"http://127.0.0.1:{server.server_port}"
    home = tmp_path_factory.mktemp("sign-in")
    made = stack_of(PROJECT, "prod")
    given = config(home / "catalog", made, database, github, Access(guest=False, sign_in=True, token=True))
    app = {CLIENT_ID: "client", CLIENT_SECRET: "secret"}
    with Portal(folder=home / "run", config=given, database=database, environment=app) as started:
        said = sign_in(started, "ada")
        assert "backstageIdentity" in said, said
        ingested(started, refs([*entities(made)]), said["backstageIdentity"]["token"])
        yield started
    server.shutdown()


def sign_in(portal: Portal, login: str) -> dict[str, Any]:
    """What the window that opens for sign-in hands over to the page, in the end."""
    begun, _ = portal.fetch("GET", f"/api/auth/github/start?env=production&origin={urllib.parse.quote(portal.url)}", {})
    assert begun.status == 302
    asked = urllib.parse.parse_qs(urllib.parse.urlsplit(begun.headers["Location"]).query)
    assert set(asked["scope"][0].replace(",", " ").split()) >= {"read:user", "read:org"}
    cookies = [each.partition(";")[0] for each in begun.headers.get_all("Set-Cookie") or []]
    cookie = "; ".join(each for each in cookies if not each.endswith("="))  # an empty one clears what was there before
    query = urllib.parse.urlencode({"env": "production", "code": login, "state": asked["state"][0]})
    _, page = portal.fetch("GET", f"/api/auth/github/handler/frame?{query}", {"Cookie": cookie})
    found = re.search(r"decodeURIComponent\('([^']*)'\)", page)
    assert found, page
    said = json.loads(urllib.parse.unquote(found[1]))
    return said.get("response") or said


def test_a_member_is_in_the_groups_of_the_teams(portal: Portal) -> None:
    """By their slug on GitHub."""
    identity = sign_in(portal, "ada")["backstageIdentity"]["identity"]

    assert identity["userEntityRef"] == "user:default/ada"
    assert identity["ownershipEntityRefs"] == ["user:default/ada", "group:default/mobility"]


def test_a_member_outside_every_team_gets_in(portal: Portal) -> None:
    """Also one whom the catalog does not know."""
    said = sign_in(portal, "Linus")["backstageIdentity"]

    assert said["identity"]["ownershipEntityRefs"] == ["user:default/linus"]
    assert portal.ask("GET", "/api/catalog/entities?limit=1", token=said["token"])[0] == 200


def test_a_stranger_is_refused(portal: Portal) -> None:
    """With the reason, and without a token."""
    said = sign_in(portal, "mallory")

    assert "backstageIdentity" not in said
    assert "no member of the organization acme" in said["error"]["message"]


def test_there_is_no_guest(portal: Portal) -> None:
    """Where the stack is not local."""
    assert portal.ask("POST", "/api/auth/guest/refresh")[0] == 404
