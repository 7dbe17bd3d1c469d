"""Recorded exchanges held against GitHub's own OpenAPI description.

The server and its clients could agree on something that GitHub never does. Here each request (path, query, body) and
each answer (status, body) must fit the description, so that a green test says something about the real GitHub.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jsonschema import Draft4Validator, FormatChecker
from jsonschema.exceptions import best_match
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jsonschema.exceptions import ValidationError

    from .log import Exchange

Json = dict[str, Any]

VARIABLE = "IDP_GITHUB_OPENAPI"
INSTALLED = Path("octokit", "node_modules", "@octokit", "openapi", "generated", "api.github.com.json")
CACHE = Path.home() / ".cache" / "idp-tests"
ROOT = "urn:github"

# Real, though not written down for each operation.
ANYWHERE = {
    301: "a renamed repository, for reading",
    304: "nothing new since the ETag",
    307: "a renamed repository, for writing",
    400: "a body that is no JSON",
    401: "no token, or a wrong one",
    403: "a missing permission, a rate limit, an archived repository",
    404: "what a token must not know of looks as if it were not there",
    422: "a value that the operation refuses",
    500: "GitHub has a bad moment",
    502: "the same",
    503: "the same",
}

# Not in the description, though GitHub answers and its own clients ask: the documented path that says the same.
ALIASES = [
    (re.compile(r"/organizations/\d+/team/(.+)"), r"/teams/\1"),
    (re.compile(r"(/repos/[^/]+/[^/]+)/statuses/(.+)"), r"\1/commits/\2/statuses"),
    (re.compile(r"(/repos/[^/]+/[^/]+)/contents/?"), r"\1/contents/."),
    (re.compile(r"(/repos/[^/]+/[^/]+)/git/refs"), r"\1/git/matching-refs/ "),
]

# What the description calls an error's body, and what GitHub also sends: `errors` of plain sentences.
ERROR = {"anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in ("validation-error-simple", "basic-error")]}

MOST_LINES = 5
LONGEST = 400
FORMATS = FormatChecker(formats=())


@FORMATS.checks("uri")
def is_uri(value: object) -> bool:
    return not isinstance(value, str) or re.fullmatch(r"[a-z][a-z0-9+.-]*:[^\s{}]+", value) is not None


@FORMATS.checks("date-time", raises=ValueError)
def is_date_time(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


def description() -> Path | None:
    """Where the description is, if it is anywhere: what the environment names, or what npm put into the cache."""
    named = os.environ.get(VARIABLE)
    path = Path(named) if named else CACHE / INSTALLED
    return path if path.is_file() else None


class Lazy(Mapping[str, Any]):
    """The description's schemas, each converted when something first refers to it."""

    def __init__(self, schemas: Json) -> None:
        """Convert nothing yet."""
        self._schemas = schemas
        self._converted: Json = {}

    def __getitem__(self, name: str) -> Any:
        """The converted schema."""
        if name not in self._converted:
            self._converted[name] = converted(self._schemas[name])
        return self._converted[name]

    def __iter__(self) -> Iterator[str]:
        """The names."""
        return iter(self._schemas)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._schemas)


def converted(schema: Any) -> Any:
    """A schema of OpenAPI 3.0 as JSON Schema: `nullable` becomes a type."""
    if isinstance(schema, list):
        return [converted(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return {"$ref": ROOT + schema["$ref"]}
    new = {key: converted(value) for key, value in schema.items() if key not in {"example", "default", "enum"}}
    if "properties" in schema:
        new["properties"] = {name: converted(value) for name, value in schema["properties"].items()}
    if "enum" in schema:
        new["enum"] = schema["enum"]
    return {"anyOf": [new, {"type": "null"}]} if schema.get("nullable") is True else new


@dataclass(frozen=True)
class Operation:
    """One operation of the description."""

    method: str
    template: str
    spec: Json
    expression: re.Pattern[str]


class Contract:
    """GitHub's description, ready to judge exchanges."""

    def __init__(self, path: Path) -> None:
        """Read the description; everything else waits until it is needed."""
        self._document: Json = json.loads(path.read_text())
        schemas = {"components": {"schemas": Lazy(self._document["components"]["schemas"])}}
        self._registry: Registry[Any] = Registry().with_resource(ROOT, Resource(schemas, DRAFT4))
        self._validators: dict[tuple[str, ...], Draft4Validator] = {}

    def violations(self, exchanges: Iterable[Exchange]) -> list[str]:
        """What does not fit, one line each, no line twice."""
        lines = [line for exchange in exchanges if exchange.api for line in self.judged(exchange)]
        return list(dict.fromkeys(lines))

    def judged(self, exchange: Exchange) -> list[str]:
        """What does not fit in one exchange."""
        path = exchange.path
        for pattern, documented in ALIASES if exchange.method == "GET" or "/team/" in path else ():
            path = pattern.sub(documented, path) if pattern.fullmatch(path) else path
        operation = self.operation(exchange.method, path)
        if operation is None:
            return [f"{exchange.method} {exchange.path}: GitHub's description has no such operation"]
        said = [*self._query(operation, exchange), *self._request(operation, exchange)]
        said += self._answer(operation, exchange)
        return [f"{operation.method} {operation.template} -> {exchange.status}: {text}" for text in said]

    @cached_property
    def _operations(self) -> dict[tuple[str, str], list[Operation]]:
        found: dict[tuple[str, str], list[Operation]] = {}
        for template, item in self._document["paths"].items():
            for method in {"get", "post", "put", "patch", "delete"} & set(item):
                spec = item[method]
                operation = Operation(method.upper(), template, spec, self._expression(template, spec))
                found.setdefault((method.upper(), template.split("/")[1]), []).append(operation)
        for operations in found.values():
            operations.sort(key=lambda o: -len(re.sub(r"\{.*?\}", "", o.template)))
        return found

    def _expression(self, template: str, spec: Json) -> re.Pattern[str]:
        """A path's template as a regular expression; some parameters span segments."""
        given = (self.resolved(p) for p in spec.get("parameters", []))
        wide = {p["name"] for p in given if p["in"] == "path" and p.get("x-multi-segment")}
        parts = re.split(r"\{([^}]+)\}", template)
        text = re.escape(parts[0])
        for name, literal in zip(parts[1::2], parts[2::2], strict=True):
            text += ("(.+)" if name in wide else "([^/]+)") + re.escape(literal)
        return re.compile(text)

    def operation(self, method: str, path: str) -> Operation | None:
        """The operation for a path, the most literal first."""
        method = "GET" if method == "HEAD" else method
        known = self._operations.get((method, path.split("/")[1]), [])
        return next((o for o in known if o.expression.fullmatch(path)), None)

    def resolved(self, value: Json) -> Json:
        """What a reference outside of schemas points at."""
        while "$ref" in value:
            kind, name = value["$ref"].split("/")[-2:]
            value = self._document["components"][kind][name]
        return value

    def _errors(self, key: tuple[str, ...], schema: Json, value: object) -> list[str]:
        """What a value breaks of a schema; `key` is the validator's place in the cache."""
        if key not in self._validators:
            whole = converted(schema)
            self._validators[key] = Draft4Validator(whole, registry=self._registry, format_checker=FORMATS)
        errors = list(self._validators[key].iter_errors(value))
        return [line(best_match([error]) or error) for error in errors[:MOST_LINES]]

    def _query(self, operation: Operation, exchange: Exchange) -> list[str]:
        given = (self.resolved(p) for p in operation.spec.get("parameters", []))
        known = {p["name"]: p["schema"] for p in given if p["in"] == "query"}
        said = [f"query `{name}` is not documented" for name in exchange.query if name not in known]
        for name, schema in known.items():
            if name in exchange.query:
                key = (operation.method, operation.template, "query", name)
                errors = self._errors(key, schema, typed(exchange.query[name], schema))
                said += [f"query `{name}`: {error}" for error in errors]
        return said

    def _request(self, operation: Operation, exchange: Exchange) -> list[str]:
        """The request's body; a body that was turned down for its form is judged enough."""
        if exchange.status in {400, 422} or not exchange.write:
            return []
        declared = self.resolved(operation.spec.get("requestBody", {}))
        if not declared:
            return ["request has a body, the operation takes none"] if exchange.request_body else []
        if exchange.request_body is None:
            return ["request has no body, the operation needs one"] if declared.get("required") else []
        schema = declared["content"]["application/json"]["schema"]
        key = (operation.method, operation.template, "request")
        return [f"request{error}" for error in self._errors(key, schema, exchange.request_body)]

    def _answer(self, operation: Operation, exchange: Exchange) -> list[str]:
        status = exchange.status
        if status is None:
            return []
        declared = operation.spec["responses"].get(str(status))
        if declared is None and status not in ANYWHERE:
            return ["the operation has no such answer"]
        kind = exchange.response_headers.get("Content-Type", "application/json")
        if "json" not in kind or exchange.method == "HEAD":
            return []
        content = self.resolved(declared).get("content", {}) if declared else {}
        schema = content.get("application/json", {}).get("schema")
        if status >= 400:
            schema = {"anyOf": [schema, *ERROR["anyOf"]]} if schema else ERROR
        if schema is None:
            return ["answer has a body, the operation gives none"] if exchange.response_body is not None else []
        key = (operation.method, operation.template, str(status))
        return [f"answer{error}" for error in self._errors(key, schema, exchange.response_body)]


def typed(text: str, schema: Json) -> object:
    """A query's value as the type that its schema wants, where it can be."""
    if schema.get("type") == "integer" and re.fullmatch(r"-?\d+", text):
        return int(text)
    return {"true": True, "false": False}.get(text, text) if schema.get("type") == "boolean" else text


def line(error: ValidationError) -> str:
    """One mistake: where, and what."""
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)
    text = f"{where}: {error.message}"
    return text if len(text) <= LONGEST else text[: LONGEST // 2] + " ... " + text[-LONGEST // 2 :]


@cache
def contract(path: Path) -> Contract:
    """The description at a path, read once."""
    return Contract(path)
