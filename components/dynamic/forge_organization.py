"""The organization in the forge: its teams, and the people and programs that sign in to it."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, ResourceProvider, UpdateResult

from components.dynamic.forge_client import ForgeClient, SilentForgeError, segment
from components.options import plus
from idp import naming

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pulumi

    from components.dynamic.forge_client import Access

INPUTS = ("access", "home", "organization", "teams", "readers", "passwords")
PLACE = ("home", "organization")
READERS = "idp-readers"
"""The team of programs, which read every repository and write none."""
OWN_TEAMS = frozenset({READERS, naming.FORGE_OWNERS})
"""In lower case: those that no entry makes."""
UNITS = ("repo.code", "repo.issues", "repo.pulls", "repo.releases")
"""What a repository has here: neither a wiki nor packages, and nobody runs workflows."""
BRIEF = 5
"""Seconds for a look: a forge that does not answer is no reason to forget what is in it."""


class ForgeOrganizationProvider(ResourceProvider):
    """Brings organization, teams, members and their passwords to what is declared, whatever is there already."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Make what is lacking, and put right what differs.

        Raises:
            ForgeError: the forge refuses something.
        """
        settle(ForgeClient(props["access"]).ready(), props, {})
        return CreateResult(props["organization"], {name: props[name] for name in INPUTS})

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """In another forge it is another one; all else is an update."""
        moved = [name for name in PLACE if _olds[name] != _news[name]]
        return DiffResult(changes=any(_olds.get(name) != _news[name] for name in INPUTS), replaces=moved)

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """The same as making it, but that whoever has chosen another password keeps it."""
        settle(ForgeClient(_news["access"]).ready(), _news, _olds["passwords"])
        return UpdateResult({name: _news[name] for name in INPUTS})

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Who is in which team now."""
        try:
            client = ForgeClient(props["access"]).ready(BRIEF)
        except SilentForgeError:
            return ReadResult(id_, props)
        if client.get(f"orgs/{id_}") is None:
            return ReadResult("", {})
        there = known_teams(client, id_).items()
        found = {name: sorted(members(client, team)) for name, team in there if name.lower() not in OWN_TEAMS}
        return ReadResult(id_, props | {"teams": found})

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Keep it: the repositories in it are people's work."""


def settle(client: ForgeClient, props: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Organization, people, teams and no others, and who is in which; those whose password was given before are there."""
    organization = str(props["organization"])
    if client.get(f"orgs/{organization}") is None:
        wanted = {"username": organization, "visibility": "public", "repo_admin_change_team_access": False}
        client.send("POST", "orgs", wanted)
    for login, password in sorted(props["passwords"].items()):
        if given.get(login) != password:
            person(client, login, str(password))
    there = known_teams(client, organization)
    for name, logins in {**props["teams"], READERS: props["readers"]}.items():
        options = team(name, reads_all=name == READERS)
        if name in there:
            client.send("PATCH", f"teams/{there[name]}", options)
            number = there[name]
        else:
            number = int(client.send("POST", f"orgs/{organization}/teams", options)["id"])
        now = members(client, number)
        for login in sorted({str(each) for each in logins} - now):
            client.send("PUT", f"teams/{number}/members/{login}")
        for login in sorted(now - {str(each) for each in logins}):
            client.send("DELETE", f"teams/{number}/members/{login}")
    for name in sorted(there.keys() - props["teams"].keys()):
        if name.lower() not in OWN_TEAMS:
            client.send("DELETE", f"teams/{there[name]}")


def team(name: str, *, reads_all: bool) -> dict[str, Any]:
    """A team that writes to the repositories it is given, or one that reads every repository."""
    permission = "read" if reads_all else "write"
    return {
        "name": name,
        "permission": permission,
        "units_map": dict.fromkeys(UNITS, permission),
        "includes_all_repositories": reads_all,
        "can_create_org_repo": False,
    }


def person(client: ForgeClient, login: str, password: str) -> None:
    """Somebody who signs in with a password that was made for them."""
    options = {
        "username": login,
        "login_name": login,
        "email": f"{login}@{urlsplit(client.url).hostname}",
        "password": password,
        "must_change_password": False,
        "source_id": 0,
    }
    made = client.send("POST", "admin/users", options, unless=(HTTPStatus.UNPROCESSABLE_ENTITY,))
    if made is None:
        client.send("PATCH", f"admin/users/{login}", options)


def known_teams(client: ForgeClient, organization: str) -> dict[str, int]:
    """Name -> number of an organization's teams."""
    return {str(one["name"]): int(one["id"]) for one in client.every(f"orgs/{segment(organization)}/teams")}


def members(client: ForgeClient, number: int) -> set[str]:
    """Who is in a team; names are in lower case here, as in the inputs."""
    return {str(one["login"]).lower() for one in client.every(f"teams/{number}/members")}


class ForgeOrganization(Resource, module="idp", name="ForgeOrganization"):
    """The organization, its teams, and who signs in."""

    def __init__(
        self, name: str, *, access: Access, organization: str, teams: Mapping[str, Sequence[str]],
        readers: Sequence[str], passwords: Mapping[str, pulumi.Input[str]], opts: pulumi.ResourceOptions,
    ) -> None:  # fmt: skip
        """Declare them.

        Args:
            name: of the resource.
            access: the forge, and its administrator.
            organization: its name.
            teams: name -> the logins of its members, in lower case; each has a password.
            readers: logins of programs that read every repository.
            passwords: login -> password. Secret.
            opts: the caller's.
        """
        props = {
            **access.inputs(),
            "organization": organization,
            "teams": {team: sorted(logins) for team, logins in teams.items()},
            "readers": sorted(readers),
            "passwords": dict(passwords),
        }
        hidden = plus(opts, additional_secret_outputs=["access", "passwords"])
        super().__init__(ForgeOrganizationProvider(), name, props, hidden)
