"""What a handler gives back: an answer, or a refusal worded as GitHub words it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

DOCUMENTATION = "https://docs.github.com/rest"
RATE_LIMITS = f"{DOCUMENTATION}/using-the-rest-api/rate-limits-for-the-rest-api"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer: `body` is sent as JSON unless `raw` is given."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    content_type: str = "application/json; charset=utf-8"


class Refusal(Exception):  # noqa: N818 - the server says no; that is an answer, not an error of its own
    """A request turned down; it becomes GitHub's error body."""

    def __init__(
        self,
        status: int,
        message: str,
        errors: list[Json] | list[str] | None = None,
        headers: dict[str, str] | None = None,
        documentation: str = DOCUMENTATION,
    ) -> None:
        """Say no, with this status and in these words."""
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = errors
        self.headers = headers or {}
        self.documentation = documentation

    def answer(self) -> Answer:
        """The refusal as it goes over the wire."""
        body: Json = {"message": self.message}
        if self.errors is not None:
            body["errors"] = self.errors
        body |= {"documentation_url": self.documentation, "status": str(self.status)}
        return Answer(status=self.status, body=body, headers=self.headers)


def number(text: str) -> int | float:
    """JSON knows one kind of number: 1.0 is an integer where one is asked for."""
    value = float(text)
    return int(value) if value.is_integer() else value


def not_found() -> Refusal:
    """Also what GitHub says where a reader must not learn that something exists."""
    return Refusal(404, "Not Found")


def unprocessable(message: str) -> Refusal:
    """Understood, but impossible: a missing object, a ref that exists."""
    return Refusal(422, message)


def invalid(*errors: Json | str) -> Refusal:
    """A field that breaks a rule; the errors say which."""
    return Refusal(422, "Validation Failed", list(errors))  # type: ignore[arg-type]


def malformed(reason: str) -> Refusal:
    """A body that is JSON but not what the operation takes."""
    return Refusal(422, f"Invalid request.\n\n{reason}")


NAMES = {str: "string", int: "integer", bool: "boolean", list: "array", dict: "object"}


def spelled(value: object) -> str:
    """A value as GitHub's own validation messages spell it."""
    if value is None:
        return "nil"
    return str(value).lower() if isinstance(value, bool) else json.dumps(value)


def check_type(name: str, value: object, kind: type) -> None:
    """Refuse a value of another JSON type, naming the property as GitHub does."""
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        article = "an" if NAMES[kind][0] in "aio" else "a"
        raise malformed(f"For 'properties/{name}', {spelled(value)} is not {article} {NAMES[kind]}.")


def required(body: Json, name: str, kind: type) -> Any:
    """A property that must be there."""
    if name not in body:
        raise malformed(f'"{name}" wasn\'t supplied.')
    check_type(name, body[name], kind)
    return body[name]


def optional(body: Json, name: str, kind: type, default: object = None) -> Any:
    """A property that may be absent or null."""
    if body.get(name) is None:
        return default
    check_type(name, body[name], kind)
    return body[name]
