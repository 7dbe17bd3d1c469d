"""What a token may do, and what the organization has, is asked of GitHub before `up`; only read, and no token is ever printed."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from components.dynamic import github_client
from idp import recorder
from idp.lifecycle.checks import github as checks
from idp.lifecycle.checks.github import Holder, Reply
from idp.lifecycle.machine import Machine
from idp.naming import GitHubAddress
from tests.support.github import GitHubServer, service
from tests.support.lab import free_port, requires_git
from tests.support.machine import told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from idp.settings import Settings

    Load = Callable[..., Settings]

pytestmark = requires_git

OWNER, READER = "ghp_planted_owner", "ghp_planted_reader"
FINE_OWNER, FINE_READER = "github_pat_planted_owner", "github_pat_planted_reader"
ALL = {"administration", "contents", "workflows", "members"}
TOKENS = {
    OWNER: ALL,
    READER: {"contents:read"},
    FINE_OWNER: ALL,
    FINE_READER: {"contents:read"},
    "ghp_planted_greedy": ALL | {"pull_requests", "statuses"},
    "ghp_planted_poor": {"contents"},
    "ghp_planted_writer": {"contents", "workflows"},
    "github_pat_planted_blind": ALL - {"members"},
    "github_pat_planted_shallow": {"metadata"},
    "ghp_planted_puller": {"packages"},
    "ghp_planted_pusher": {"packages", "contents"},
    "ghp_planted_nothing": {"metadata"},
    "github_pat_planted_puller": {"packages"},
    "github_pat_planted_folder": {"contents"},
    "ghp_planted_portal": {"contents"},
    "ghp_planted_portals_reader": {"contents:read"},
}
STACK = """config:
  idp:organization: acme
  idp:visibility: public
  idp:cluster: {mode: kind, name: acme-dev}
  idp:teams:
    mobility: {github: mobility}
  idp:services:
    rental: {team: mobility, template: node, description: Rents vehicles}
"""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHubServer]:
    """Where two permissions show as scopes that nobody needs."""
    monkeypatch.setitem(service.SCOPES, "statuses", "delete_repo")
    monkeypatch.setitem(service.SCOPES, "pull_requests", "user")
    teams = {"mobility": ["ada"]}
    with GitHubServer(tmp_path / "github", organization="acme", teams=teams, tokens=TOKENS) as made:
        monkeypatch.setenv("GITHUB_BASE_URL", f"{made.url}/")
        yield made


@pytest.fixture
def load(project: Path, server: GitHubServer) -> Load:
    """A stack's settings, with one thing of its file changed."""

    def settings(old: str = "", new: str = "") -> Settings:
        assert old in STACK
        (project / "Pulumi.dev.yaml").write_text(STACK.replace(old, new) if old else STACK)
        return recorder.load(project, "dev")

    return settings


def look(
    settings: Settings, owner: str | None = OWNER, reader: str | None = READER, puller: str | None = None
) -> list[str]:
    """What is found, as it is printed; never with a token in it."""
    tokens = {"githubToken": owner, "argocdGithubToken": reader, "registryToken": puller}
    lines = told(list(checks.github(settings, Machine(token=tokens.get))))
    assert not [token for token in filter(None, tokens.values()) for line in lines if token.strip() in line]
    return lines


@dataclass(frozen=True, kw_only=True)
class Case:
    """Two or three tokens, perhaps another config, and what is found; `{url}` is the server's."""

    owner: str | None = OWNER
    reader: str | None = READER
    puller: str | None = None
    old: str = ""
    new: str = ""
    finds: tuple[str, ...] = ()


ANOTHER_OWNER = (
    " → make one with administration, contents and workflows (write), members (read) at "
    "{url}/settings/personal-access-tokens/new, then python -m idp pulumi --stack dev config set --secret githubToken, "
    "or export GITHUB_TOKEN=..."
)
ANOTHER_READER = (
    " → make one with contents and metadata (read) at {url}/settings/personal-access-tokens/new, then "
    "python -m idp pulumi --stack dev config set --secret argocdGithubToken, or export ARGOCD_GITHUB_TOKEN=..."
)
ANOTHER_FOLDER = ANOTHER_OWNER.replace(
    "administration, contents and workflows (write), members (read)", "contents (write) of idp-gitops"
)
UNTOLD = (
    "· {key}: what else it may do cannot be told from here; it is for {what} and nothing else → "
    "look at {{url}}/settings/personal-access-tokens"
)
UNTOLD_OWNER = UNTOLD.format(key="githubToken", what="administration, contents and workflows (write), members (read)")
UNTOLD_READER = UNTOLD.format(key="argocdGithubToken", what="contents and metadata (read)")
NO_TEAM = (
    "{mark} teams: acme has no team `nomads` that githubToken may see → gh api orgs/acme/teams -f name=nomads, "
    "or correct `github` of idp:teams.mobility"
)
NO_SUCH_ORGANIZATION = (
    "✗ {key}: there is no organization `acme-inc` that it may see → correct idp:organization, or give the token of one of "
    "its members"
)
BAD = "it has a space, a line break or a foreign character in it"
SAME = "! argocdGithubToken: it is the same as another, so that a stolen Argo CD may do with it more than read repositories"
ANOTHER_PULLER = (
    " → make one with `read:packages` at {url}/settings/tokens/new, then python -m idp pulumi --stack dev config set "
    "--secret registryToken, or export REGISTRY_TOKEN=..."
)
CASES = {
    "classic tokens that fit": Case(),
    "fine-grained tokens that fit": Case(owner=FINE_OWNER, reader=FINE_READER, finds=(UNTOLD_OWNER, UNTOLD_READER)),
    "no tokens": Case(
        owner=None,
        reader=None,
        finds=(f"✗ githubToken: no token{ANOTHER_OWNER}", f"✗ argocdGithubToken: no token{ANOTHER_READER}"),
    ),
    "a referring stack before there is what it refers to": Case(
        old="idp:visibility",
        new="idp:github: reference\n  idp:visibility",
        finds=(
            (
                "✗ githubToken: there is no repository `acme/idp-gitops` that it may see → `up` of the stack that says "
                f"`github: own` makes it; else {ANOTHER_FOLDER.removeprefix(' → ')}"
            ),
        ),
    ),
    "tokens with white space": Case(
        owner=f"{OWNER}\n",
        reader=f" {READER}",
        finds=(f"✗ githubToken: {BAD}{ANOTHER_OWNER}", f"✗ argocdGithubToken: {BAD}{ANOTHER_READER}"),
    ),
    "a token that GitHub does not know": Case(
        owner="ghp_planted_mistyped",
        finds=(f"✗ githubToken: GitHub does not know it: mistyped, expired or revoked{ANOTHER_OWNER}",),
    ),
    "a reader that GitHub does not know": Case(
        reader="ghp_planted_mistyped",
        finds=(f"✗ argocdGithubToken: GitHub does not know it: mistyped, expired or revoked{ANOTHER_READER}",),
    ),
    "no such organization": Case(
        old="acme\n",
        new="acme-inc\n",
        finds=(
            NO_SUCH_ORGANIZATION.replace("{key}", "githubToken"),
            NO_SUCH_ORGANIZATION.replace("{key}", "argocdGithubToken"),
        ),
    ),
    "scopes that lack": Case(
        owner="ghp_planted_poor",
        finds=(
            "✗ githubToken: lacks `workflow` (their workflows), `read:org` (teams) → tick them at {url}/settings/tokens",
        ),
    ),
    "scopes in excess": Case(
        owner="ghp_planted_greedy",
        finds=(
            "! githubToken: may do more than it is for: `delete_repo`, `user` → take them off at {url}/settings/tokens",
        ),
    ),
    "a reader that may write": Case(
        reader="ghp_planted_writer",
        finds=("! argocdGithubToken: may do more than it is for: `workflow` → take them off at {url}/settings/tokens",),
    ),
    "a classic reader of private repositories": Case(
        reader="ghp_planted_poor", old="visibility: public", new="visibility: private"
    ),
    "a classic reader without `repo`": Case(
        old="visibility: public",
        new="visibility: private",
        finds=(
            "✗ argocdGithubToken: lacks `repo`, without which it sees no private repository → tick it at {url}/settings/tokens",
        ),
    ),
    "one token for both": Case(
        owner=FINE_OWNER, reader=FINE_OWNER, finds=(SAME + ANOTHER_READER, UNTOLD_OWNER, UNTOLD_READER)
    ),
    "a puller that fits": Case(puller="ghp_planted_puller"),
    "a puller that may do more": Case(
        puller="ghp_planted_pusher",
        finds=("! registryToken: may do more than it is for: `repo` → take them off at {url}/settings/tokens",),
    ),
    "a puller that may not pull": Case(
        puller="ghp_planted_nothing",
        finds=("✗ registryToken: lacks `read:packages` (images) → tick it at {url}/settings/tokens",),
    ),
    "a puller that the registry does not take": Case(
        puller="github_pat_planted_puller",
        finds=("✗ registryToken: it is no classic token, and the registry takes no other" + ANOTHER_PULLER,),
    ),
    "a puller that writes repositories": Case(
        puller=OWNER,
        finds=(
            "! registryToken: it is the same as another, so that whoever runs a pod may do with it more than pull images"
            + ANOTHER_PULLER,
            "✗ registryToken: lacks `read:packages` (images) → tick it at {url}/settings/tokens",
            "! registryToken: may do more than it is for: `repo`, `workflow` → take them off at {url}/settings/tokens",
        ),
    ),
    "a team that is not there": Case(
        old="github: mobility}", new="github: nomads}", finds=(NO_TEAM.replace("{mark}", "✗"),)
    ),
    "a team that is not there and has no service": Case(
        old=STACK[STACK.index("    mobility") :],
        new="    mobility: {github: nomads}\n",
        finds=(NO_TEAM.replace("{mark}", "!"),),
    ),
    "a token that may not see teams": Case(
        owner="github_pat_planted_blind",
        finds=(
            "✗ githubToken: GitHub refuses it: Resource not accessible by personal access token (it takes members=read)"
            + ANOTHER_OWNER,
            UNTOLD_OWNER,
        ),
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_what_tokens_and_organization_lack(case: Case, load: Load, server: GitHubServer) -> None:
    """Exactly this and nothing else; GitHub is only read."""
    found = look(load(case.old, case.new), case.owner, case.reader, case.puller)

    assert found == [line.replace("{url}", server.url) for line in case.finds]
    assert {exchange.method for exchange in server.requests} <= {"GET"}


def test_a_wider_scope_includes_the_needed_one(
    load: Load, server: GitHubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GitHub lists the wider one alone; it is too much, and not too little."""
    monkeypatch.setitem(service.SCOPES, "members", "admin:org")

    excess = f"! githubToken: may do more than it is for: `admin:org` → take them off at {server.url}/settings/tokens"
    assert look(load()) == [excess]


def test_a_fine_grained_reader_is_tried_on_a_private_repository(load: Load, server: GitHubServer) -> None:
    """It does not tell what it may do, but what it may not do shows."""
    client = github_client.connect(OWNER, GitHubAddress.of(server.url))
    client.get_organization("acme").create_repo("secret", auto_init=True, visibility="private")
    settings = load()

    assert look(settings, reader=FINE_READER) == [UNTOLD_READER.replace("{url}", server.url)]
    assert look(settings, reader="github_pat_planted_shallow") == [
        "✗ argocdGithubToken: GitHub refuses it: Resource not accessible by personal access token (it takes contents=read)"
        + ANOTHER_READER.replace("{url}", server.url),
        UNTOLD_READER.replace("{url}", server.url),
    ]


@pytest.mark.parametrize(
    ("token", "finds"),
    [
        pytest.param(OWNER, ["! githubToken: may do more than it is for: `workflow`"], id="the owning stack's"),
        pytest.param("ghp_planted_poor", [], id="contents alone"),
        pytest.param("github_pat_planted_folder", ["· githubToken: what else it may do cannot"], id="fine-grained"),
        pytest.param(
            "github_pat_planted_shallow", ["✗ githubToken: may not write to acme/idp-gitops", "· "], id="no right"
        ),
    ],
)
def test_a_referring_stack_writes_its_folder_and_nothing_else(
    token: str, finds: list[str], load: Load, server: GitHubServer
) -> None:
    """Its token is another one than that of the stack that makes repositories."""
    client = github_client.connect(OWNER, GitHubAddress.of(server.url))
    client.get_organization("acme").create_repo("idp-gitops", auto_init=True, visibility="public")

    found = look(load("idp:visibility", "idp:github: reference\n  idp:visibility"), token)

    assert len(found) == len(finds)
    assert all(line.startswith(start) for line, start in zip(found, finds, strict=True)), found


def test_an_empty_private_repository_says_nothing(load: Load, server: GitHubServer) -> None:
    """GitHub has no contents of it to show to anybody."""
    client = github_client.connect(OWNER, GitHubAddress.of(server.url))
    client.get_organization("acme").create_repo("empty", auto_init=False, visibility="private")

    assert look(load(), reader=FINE_READER) == [UNTOLD_READER.replace("{url}", server.url)]


def silent(url: str, how: str) -> list[str]:
    remedy = f"curl -sSI {url}/api/v3 says more; GITHUB_BASE_URL names another GitHub, HTTPS_PROXY a way to it"
    return [f"✗ github: {url}/api/v3: {how} → {remedy}"]


def test_a_github_that_cannot_be_reached_is_one_finding(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two tokens and a team would make three, and the same thing mends them."""
    url = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("GITHUB_BASE_URL", url)

    assert look(load()) == silent(url, "no connection, or no GitHub there")


def test_a_github_that_hangs_is_not_waited_for(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    """The scaffold's patience of minutes is for `up`."""
    monkeypatch.setattr(checks, "SECONDS", 1)
    with socket.create_server(("127.0.0.1", 0)) as hole:
        url = f"http://127.0.0.1:{hole.getsockname()[1]}"
        monkeypatch.setenv("GITHUB_BASE_URL", url)
        started = time.monotonic()
        found = look(load())

    assert found == silent(url, "no answer in 1 seconds")
    assert time.monotonic() - started < 10


def test_a_github_that_is_not_well_is_one_finding(load: Load, server: GitHubServer) -> None:
    """No second try, and no guess about the token."""
    server.fault("GET", ".*", "502", times=9)

    assert look(load()) == silent(server.url, "it answers 502")
    assert len(server.requests) == 1


def test_something_else_at_that_address_is_told(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page of a proxy, say."""
    monkeypatch.setattr(checks.pygithub.Requester.Requester, "requestJson", lambda *_: (200, {}, "<html>Hello</html>"))

    assert "it answers, but not as GitHub does" in look(load())[0]


def test_a_used_up_token_is_no_wrong_one(load: Load, server: GitHubServer) -> None:
    """It is good again within the hour."""
    server.spend(remaining=0, reset_in=600)

    found = look(load())
    assert found == ["✗ githubToken: its requests of this hour are used up → wait, or give a token of another account"]


@pytest.mark.parametrize(
    ("headers", "message", "says"),
    [
        pytest.param(
            {"x-github-sso": "required; url=https://github.com/orgs/acme/sso?authorization_request=A1"},
            "Resource protected by organization SAML enforcement.",
            "✗ githubToken: acme asks for single sign-on → authorize it: "
            "https://github.com/orgs/acme/sso?authorization_request=A1",
            id="single sign-on",
        ),
        pytest.param(
            {},
            "`acme` forbids access via a personal access token (classic).",
            "✗ githubToken: GitHub refuses it: `acme` forbids access via a personal access token (classic). → make one with",
            id="an organization's own rule",
        ),
    ],
)
def test_a_refusal_is_told_in_githubs_words(headers: dict[str, str], message: str, says: str, load: Load) -> None:
    """Rules of organizations are many, and GitHub names them."""
    holder = Holder(key="githubToken", token=OWNER, settings=load())
    refused = holder.refusal(Reply(status=403, headers=headers, body={"message": message}))

    assert refused is not None
    assert told([refused])[0].startswith(says)


@pytest.mark.parametrize(
    ("listed", "scopes"),
    [("repo, workflow,read:org", {"repo", "workflow", "read:org"}), ("", set[str]()), (None, None)],
)
def test_no_scope_is_not_the_same_as_no_list_of_scopes(listed: str | None, scopes: set[str] | None) -> None:
    """A classic token without any scope says so; other kinds of tokens say nothing."""
    headers = {} if listed is None else {"x-oauth-scopes": listed}

    assert Reply(status=200, headers=headers, body={}).scopes == scopes


def test_a_holder_does_not_show_its_token(load: Load) -> None:
    """Not in a traceback or a log either."""
    assert OWNER not in repr(Holder(key="githubToken", token=OWNER, settings=load()))


PORTAL = "  idp:repository: acme/idp\n  idp:portal: {image: 'ghcr.io/acme/idp-portal:1'}\n  idp:visibility"


def portals(settings: Settings, token: str) -> list[str]:
    """What is found of the portal's token alone."""
    tokens = {"githubToken": OWNER, "argocdGithubToken": READER, "portalGithubToken": token}
    found = told(list(checks.github(settings, Machine(token=tokens.get))))
    assert not [line for line in found if token in line]
    return [line for line in found if "portalGithubToken" in line]


def test_the_portals_token_has_a_repository_to_write_to(load: Load) -> None:
    """Which is not there, or closed to it, before somebody sends a form."""
    settings = load("  idp:visibility", PORTAL)
    (absent,) = portals(settings, "ghp_planted_portal")
    client = github_client.connect(OWNER, settings.github)
    client.get_organization("acme").create_repo("idp", auto_init=True)
    lines = portals(settings, "ghp_planted_portals_reader")

    assert "there is no repository `acme/idp` that it may see → correct idp:repository" in absent
    assert any("may not write to acme/idp, where forms open pull requests" in line for line in lines)


def test_the_portals_token_meets_a_protected_branch(load: Load) -> None:
    """Without protection a form's token could skip the review; that is said, and `up` goes on."""
    settings = load("  idp:visibility", PORTAL)
    client = github_client.connect(OWNER, settings.github)
    repository = client.get_organization("acme").create_repo("idp", auto_init=True)
    (open_,) = portals(settings, "ghp_planted_portal")
    rule = {
        "name": "reviews", "target": "branch", "enforcement": "active", "rules": [{"type": "deletion"}],
        "conditions": {"ref_name": {"include": ["~DEFAULT_BRANCH"], "exclude": []}},
    }  # fmt: skip
    repository.requester.requestJsonAndCheck("POST", f"{repository.url}/rulesets", input=rule)

    assert open_.startswith("! portalGithubToken: main of acme/idp is not protected")
    assert portals(settings, "ghp_planted_portal") == []


def test_a_token_that_argo_cd_has_too_is_told(load: Load) -> None:
    """Each for one purpose."""
    lines = portals(load("  idp:visibility", PORTAL), READER)

    assert any("it is the same as another, so that whoever gets into the portal" in line for line in lines)
