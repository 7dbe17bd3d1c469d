"""A token of the forge's, for one purpose."""

from __future__ import annotations

import secrets
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, ResourceProvider, UpdateResult

from components.dynamic.forge_client import ForgeClient, SilentForgeError
from components.dynamic.forge_organization import BRIEF
from components.options import plus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from components.dynamic.forge_client import Access

INPUTS = ("access", "home", "login", "scopes")
IDENTITY = ("home", "login", "scopes")


class ForgeTokenProvider(ResourceProvider):
    """Its text is in the state and in the one Secret that is made of it; the forge keeps a hash."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Make it under a name of its own, and take away those that a killed run left.

        Raises:
            ForgeError: the forge refuses something.
        """
        client = ForgeClient(props["access"]).ready()
        for left in list(client.every(tokens(props))):
            client.send("DELETE", f"{tokens(props)}/{left['name']}", unless=(HTTPStatus.NOT_FOUND,))
        name = f"idp-{secrets.token_hex(4)}"
        made = client.send("POST", tokens(props), {"name": name, "scopes": list(props["scopes"])})
        return CreateResult(name, {**{key: props[key] for key in INPUTS}, "value": made["sha1"]})

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Somebody else's, for something else or in another forge, is another token."""
        moved = [name for name in IDENTITY if _olds[name] != _news[name]]
        return DiffResult(changes=bool(moved) or _olds["access"] != _news["access"], replaces=moved)

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Another way to the same forge; the token is the same."""
        return UpdateResult({**{key: _news[key] for key in INPUTS}, "value": _olds["value"]})

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Whether the forge still takes it."""
        try:
            known = list(ForgeClient(props["access"]).ready(BRIEF).every(tokens(props)))
        except SilentForgeError:
            return ReadResult(id_, props)
        return ReadResult(id_, props) if any(one["name"] == id_ for one in known) else ReadResult("", {})

    def delete(self, id_: str, props: dict[str, Any]) -> None:
        """Revoke it. The name says which: in another forge nobody has it.

        Raises:
            ForgeError: the forge refuses to.
        """
        client = ForgeClient(props["access"]).ready()
        client.send("DELETE", f"{tokens(props)}/{id_}", unless=(HTTPStatus.NOT_FOUND,))


def tokens(props: dict[str, Any]) -> str:
    """Where somebody's tokens are; the administrator makes them with a password, as no token may make others."""
    return f"users/{props['login']}/tokens"


class ForgeToken(Resource, module="idp", name="ForgeToken"):
    """A token that does what its scopes say and no more."""

    value: pulumi.Output[str]
    """Secret."""

    def __init__(
        self, name: str, *, access: Access, login: str, scopes: Sequence[str], opts: pulumi.ResourceOptions
    ) -> None:
        """Declare one.

        Args:
            name: of the resource.
            access: the forge, and its administrator.
            login: whose it is; it is the only one that they have.
            scopes: as the forge writes them.
            opts: the caller's.
        """
        props = {**access.inputs(), "login": login, "scopes": list(scopes), "value": None}
        super().__init__(ForgeTokenProvider(), name, props, plus(opts, additional_secret_outputs=["access", "value"]))
