"""GraphQL at `/api/graphql`, as far as Backstage asks it: an organization's repositories, with one file of each.

Types, fields and arguments are those of GitHub's public schema (npm package `@octokit/graphql-schema`), a part of them; what
a query asks beyond this part is refused before any of it is answered, in GitHub's words for what its own schema lacks.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .answers import Answer, Json, Refusal, not_found, required
from .graphql_text import Field, Fragment, ParseError, Query, Variable, parse
from .routing import unauthenticated
from .shapes import node_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .graphql_text import Selection
    from .routing import Call
    from .state import Repository

PATH = "/api/graphql"
MOST = 100
PYTHON = {"String": str, "Int": int}
PAGE = {"first": "Int", "after": "String"}


class Mistake(Exception):  # noqa: N818 - an answer, as a refusal is
    """Something that the query asks and does not get, as an entry of `errors`."""

    def __init__(self, message: str, **more: Any) -> None:
        """In these words."""
        super().__init__(message)
        self.entry: Json = {"message": message, **more}


@dataclass(frozen=True)
class Page:
    """A part of a list."""

    items: list[Any]
    end: str | None
    more: bool


@dataclass(frozen=True)
class Object:
    """An object of git's."""

    kind: str
    sha: str
    data: bytes


@dataclass(frozen=True)
class Known:
    """A field of a type: what it is, what it takes, and how it comes from that of which it is a field."""

    type: str
    value: Callable[[Call, Any, Json], Any]
    arguments: dict[str, str] = field(default_factory=dict[str, str])


def answer(call: Call) -> Answer:
    """The answer to a query: 200, also where it holds nothing but errors."""
    if call.method != "POST":
        raise not_found()
    if call.token is None:
        raise unauthenticated()
    text, variables = required(call.body, "query", str), call.body.get("variables") or {}
    if not isinstance(variables, dict):
        raise Refusal(400, "Variables are invalid JSON.")
    try:
        query = parse(text)
        wrong = [*mistakes(query), *mistaken_variables(query, variables)]
    except ParseError as error:
        wrong = [{"message": str(error)}]
    else:
        if not wrong:
            run = Run(call, {name: variables.get(name) for name in query.variables})
            data = run.selected("Query", None, query.selected, [])
            return Answer(body={"data": data} | ({"errors": run.errors} if run.errors else {}))
    return Answer(body={"errors": wrong})


def base(kind: str) -> str:
    """A type without what says that there are several, or must be one."""
    return kind.strip("[]!")


def fields(kind: str) -> dict[str, Known]:
    """The fields of a type, with those of what it is a case of; plain values have none."""
    own = TYPES.get(kind)
    if own is None:
        return {}
    general = next((TYPES[each] for each, cases in CASES.items() if kind in cases), {})
    return {**general, **own, "__typename": Known("String!", lambda *_: None)}


def mistakes(query: Query) -> Iterator[Json]:
    """What the query asks that is not in the schema, or not as it is there."""
    used: set[str] = set()
    title = f"query {query.name}".strip()
    yield from wrong_selections(query, "Query", query.selected, [title], used)
    for name in query.variables.keys() - used:
        yield {
            "message": f"Variable ${name} is declared by {query.name or 'anonymous query'} but not used",
            "path": [title],
        }


def wrong_selections(
    query: Query, kind: str, selected: tuple[Selection, ...], path: list[str], used: set[str]
) -> Iterator[Json]:
    """The mistakes of one pair of braces."""
    for each in selected:
        if isinstance(each, Fragment):
            if each.type != kind and each.type not in CASES.get(kind, ()):
                yield {"message": f"Fragment on {each.type} can't be spread inside {kind}", "path": path}
                continue
            yield from wrong_selections(query, each.type, each.selected, [*path, f"... on {each.type}"], used)
            continue
        here, known = [*path, each.key], fields(kind).get(each.name)
        if known is None:
            yield {"message": f"Field '{each.name}' doesn't exist on type '{kind}'", "path": here}
            continue
        yield from ({"message": said, "path": here} for said in wrong_arguments(query, each, known, used))
        below = base(known.type)
        if each.selected and below not in TYPES:
            yield {
                "message": f"Selections can't be made on scalars (field '{each.name}' returns {below})",
                "path": here,
            }
        elif below in TYPES and not each.selected:
            said = f"Field must have selections (field '{each.name}' returns {below} but has no selections.)"
            yield {"message": said, "path": here}
        else:
            yield from wrong_selections(query, below, each.selected, here, used)


def wrong_arguments(query: Query, asked: Field, known: Known, used: set[str]) -> Iterator[str]:
    """Arguments that the field does not take, or not of that type; those that it lacks."""
    for name, value in asked.arguments.items():
        wanted = known.arguments.get(name)
        if wanted is None:
            yield f"Field '{asked.name}' doesn't accept argument '{name}'"
        elif isinstance(value, Variable):
            used.add(value.name)
            given = query.variables.get(value.name)
            if given is None:
                yield f"Variable ${value.name} is used by {query.name or 'anonymous query'} but not declared"
            elif given not in {wanted, f"{wanted}!"}:
                yield f"Type mismatch on variable ${value.name} and argument {name} ({given} / {wanted})"
        elif not fits(wanted, value):
            yield f"Argument '{name}' on Field '{asked.name}' has an invalid value. Expected type '{wanted}'."
    if lacking := [n for n, t in known.arguments.items() if t.endswith("!") and n not in asked.arguments]:
        yield f"Field '{asked.name}' is missing required arguments: {', '.join(lacking)}"


def mistaken_variables(query: Query, given: Json) -> Iterator[Json]:
    """Values that are not of their variables' types."""
    for name, kind in query.variables.items():
        if not fits(kind, given.get(name)):
            yield {"message": f"Variable ${name} of type {kind} was provided invalid value"}


def fits(kind: str, value: object) -> bool:
    """Whether a value is of a type."""
    if value is None:
        return not kind.endswith("!")
    return base(kind) in PYTHON and type(value) is PYTHON[base(kind)]


class Run:
    """A query that the schema has, answered."""

    def __init__(self, call: Call, variables: Json) -> None:
        """Nothing is answered yet."""
        self.errors: list[Json] = []
        self._call, self._variables = call, variables

    def selected(self, kind: str, value: Any, selected: tuple[Selection, ...], path: list[str | int]) -> Json:
        """What is asked of one value."""
        actual, found = case(kind, value), {}
        for each in selected:
            if isinstance(each, Fragment):
                if each.type in {kind, actual}:
                    found |= self.selected(actual, value, each.selected, path)
            elif each.name == "__typename":
                found[each.key] = actual
            else:
                found[each.key] = self._field(fields(actual)[each.name], value, each, [*path, each.key])
        return found

    def _field(self, known: Known, value: Any, asked: Field, path: list[str | int]) -> Any:
        given = {
            name: self._variables[one.name] if isinstance(one, Variable) else one
            for name, one in asked.arguments.items()
        }
        try:
            if known.arguments.keys() >= PAGE.keys():
                check_page(asked.name, given)
            result = known.value(self._call, value, given)
        except Mistake as mistake:
            self.errors.append({**mistake.entry, "path": path})
            return None
        if result is None or not asked.selected:
            return result
        kind = base(known.type)
        if known.type.startswith("["):
            return [self.selected(kind, one, asked.selected, [*path, place]) for place, one in enumerate(result)]
        return self.selected(kind, result, asked.selected, path)


def case(kind: str, value: Any) -> str:
    """The type that a value has where its field promises one of several."""
    if kind == "GitObject":
        return value.kind.capitalize()
    return CASES[kind][0] if kind in CASES else kind


def check_page(name: str, given: Json) -> None:
    """GitHub gives no list whole."""
    first = given.get("first")
    if first is None:
        said = f"You must provide a `first` or `last` value to properly paginate the `{name}` connection."
        raise Mistake(said, type="MISSING_PAGINATION_BOUNDARIES")
    if first > MOST:
        said = f"Requesting {first} records on the `{name}` connection exceeds the `first` limit of {MOST} records."
        raise Mistake(said, type="EXCESSIVE_PAGINATION")
    if first < 0:
        raise Mistake(f"`first` on the `{name}` connection cannot be less than zero.", type="ARGUMENT_LIMIT")


def cut(items: list[Any], given: Json) -> Page:
    """A page of a list, after a cursor."""
    start, after = 0, given.get("after")
    if after is not None:
        found = [place for place in range(len(items) + 1) if cursor(place) == after]
        if not found:
            raise Mistake(f"`{after}` does not appear to be a valid cursor.", type="INVALID_CURSOR_ARGUMENTS")
        (start,) = found
    end = start + given["first"]
    shown = items[start:end]
    return Page(items=shown, end=cursor(start + len(shown)) if shown else None, more=len(items) > end)


def cursor(place: int) -> str:
    """A place in a list, in letters that say nothing to whoever gets them."""
    return base64.b64encode(f"cursor:v2:{place}".encode()).decode()


def owner(call: Call, _: None, given: Json) -> str | None:
    """The organization, if it is the one that is asked for."""
    return call.state.login if call.state.owns(given["login"]) else None


def repositories(call: Call, _: str, given: Json) -> Page:
    """All, the oldest first."""
    return cut(sorted(call.state.repositories.values(), key=lambda one: one.id), given)


def git_object(call: Call, repository: Repository, given: Json) -> Object | None:
    """What a revision names: `HEAD` or a branch, and after a colon a path."""
    if repository.settings["private"] and not call.actor.may("contents", write=False):
        raise Mistake("Resource not accessible by personal access token", type="FORBIDDEN")
    revision, colon, path = (given.get("expression") or "").partition(":")
    bare = call.state.bare(repository)
    sha = bare.resolve(repository.default_branch if revision == "HEAD" else revision)
    commit = bare.objects.commit(sha) if sha else None
    if sha is None or commit is None:
        return None
    if colon:
        entry = bare.objects.at(commit.tree, path)
        sha = entry.sha if entry else None
    found = bare.objects.find(sha) if sha else None
    return Object(found[0], str(sha), found[1]) if found else None


def text(_: Call, blob: Object, __: Json) -> str | None:
    """A file's text; nothing where it is none."""
    try:
        return None if b"\0" in blob.data else blob.data.decode()
    except UnicodeDecodeError:
        return None


def default_branch(call: Call, repository: Repository, _: Json) -> str | None:
    """Nothing where no commit is on it yet."""
    name = repository.default_branch
    return name if call.state.bare(repository).ref(f"refs/heads/{name}") else None


def connection(of: str) -> dict[str, Known]:
    """The fields of a list that comes in pages."""
    return {
        "nodes": Known(f"[{of}]", lambda _, page, __: page.items),
        "pageInfo": Known("PageInfo!", lambda _, page, __: page),
    }


def plain(kind: str, read: Callable[[Any], Any]) -> Known:
    """A field that is read off a value."""
    return Known(kind, lambda _, value, __: read(value))


TYPES: dict[str, dict[str, Known]] = {
    "Query": {"repositoryOwner": Known("RepositoryOwner", owner, {"login": "String!"})},
    "RepositoryOwner": {
        "login": plain("String!", str),
        "repositories": Known("RepositoryConnection!", repositories, PAGE),
    },
    "Organization": {},
    "RepositoryConnection": connection("Repository"),
    "PageInfo": {
        "hasNextPage": plain("Boolean!", lambda page: page.more),
        "endCursor": plain("String", lambda page: page.end),
    },
    "Repository": {
        "name": plain("String!", lambda one: one.name),
        "url": Known("URI!", lambda call, one, _: f"{call.base}/{call.state.login}/{one.name}"),
        "isArchived": plain("Boolean!", lambda one: one.settings["archived"]),
        "isFork": plain("Boolean!", lambda _: False),
        "visibility": plain("RepositoryVisibility!", lambda one: one.settings["visibility"].upper()),
        "object": Known("GitObject", git_object, {"expression": "String"}),
        "repositoryTopics": Known("RepositoryTopicConnection!", lambda _, one, given: cut(one.topics, given), PAGE),
        "defaultBranchRef": Known("Ref", default_branch),
    },
    "RepositoryTopicConnection": connection("RepositoryTopic"),
    "RepositoryTopic": {"topic": plain("Topic!", str)},
    "Topic": {"name": plain("String!", str)},
    "Ref": {"name": plain("String!", str)},
    "GitObject": {
        "id": plain("ID!", lambda one: node_id(one.kind[0].upper(), one.sha)),
        "oid": plain("GitObjectID!", lambda one: one.sha),
    },
    "Blob": {"text": Known("String", text)},
    "Commit": {},
    "Tree": {},
}
CASES = {"RepositoryOwner": ("Organization",), "GitObject": ("Blob", "Commit", "Tree")}
"""A type that is one of several -> those."""
