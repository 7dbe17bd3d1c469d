"""A password, made once and kept in the state."""

from __future__ import annotations

import secrets
import string
from datetime import UTC, datetime
from typing import Any

import bcrypt
import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

from components.options import plus

ALPHABET = string.ascii_letters + string.digits
LONGEST = 72
"""bcrypt reads no more bytes than that."""


class PasswordProvider(ResourceProvider):
    """Letters and digits from the operating system's random source."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Make it, with its bcrypt hash and the time of its birth."""
        length = int(props["length"])
        value = "".join(secrets.choice(ALPHABET) for _ in range(length))
        hashed = bcrypt.hashpw(value.encode(), bcrypt.gensalt()).decode()
        born = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        return CreateResult(
            f"password-{secrets.token_hex(6)}", {"length": length, "value": value, "bcrypt": hashed, "created": born}
        )

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Another length asks for another password; nothing else ever does."""
        longer = int(_olds["length"]) != int(_news["length"])
        return DiffResult(changes=longer, replaces=["length"] if longer else [])

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Keep what there is."""
        return UpdateResult(_olds)


class Password(Resource, module="idp", name="Password"):
    """A password that stays the same for as long as the state lives."""

    value: pulumi.Output[str]
    """Secret."""
    bcrypt: pulumi.Output[str]
    """Its hash, as Argo CD stores it. Secret."""
    created: pulumi.Output[str]
    """When it was made, as RFC 3339 in UTC."""

    def __init__(self, name: str, *, length: int, opts: pulumi.ResourceOptions) -> None:
        """Declare one of `length` characters."""
        if not 16 <= length <= LONGEST:  # noqa: PLR2004  95 bits at the least
            raise ValueError(f"a password has 16 to {LONGEST} characters, not {length}")
        props = {"length": length, "value": None, "bcrypt": None, "created": None}
        hidden = plus(opts, additional_secret_outputs=["value", "bcrypt"])
        super().__init__(PasswordProvider(), name, props, hidden)
