"""What a stack's config and services/*.yaml say, checked as a whole: a catalog, or every mistake at once."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Union, cast, get_args, get_origin

from pydantic import BaseModel, ValidationError

from idp import choices, naming, stackfile, templates
from idp.errors import Mistake, MistakesError, nearest
from idp.model import PlatformConfig, Service, ServiceEntry, Team
from idp.words import MEANINGS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from idp.sources import Sources, Where

MODES: dict[Where, str] = {
    ("cluster",): "`kind` or `existing`",
    ("ingress",): "`nodePort`, `loadBalancer` or `existing`",
    ("issuer",): "`own` or `existing`",
    ("portal", "database"): "`own` or `external`",
}
"""Objects that say by their `mode` which other keys they have."""


@dataclass(frozen=True, kw_only=True)
class Catalog:
    """A stack's config without a mistake in it."""

    config: PlatformConfig
    teams: tuple[Team, ...]
    """By name."""
    services: tuple[Service, ...]
    """By name; the retired ones too."""
    entries: Mapping[str, str] = field(default_factory=dict[str, str])
    """Service -> the file of its entry, and in a stack's file the path in it: `services/x.yaml`, `Pulumi.dev.yaml#config/...`."""

    @property
    def deploys(self) -> tuple[str, ...]:
        """The environments that this stack runs, in order of promotion."""
        chosen = self.config.deploys or self.config.environments
        return tuple(name for name in self.config.environments if name in chosen)

    def called(self, service: Service) -> dict[str, str]:
        """The running services that one calls -> their teams."""
        return {other.name: other.team for other in self.services if other.name in service.calls and not other.retired}


def load(values: Mapping[str, Any], sources: Sources, *, others: Iterable[str] = ()) -> Catalog:
    """Validate the config's values and the entries beside them.

    Args:
        values: config key -> value, as the engine understands it.
        sources: where those values stand, for the errors.
        others: further keys that are known, such as the secrets.

    Raises:
        MistakesError: every mistake of every entry.
    """
    known = {field.alias or name for name, field in PlatformConfig.model_fields.items()} | set(others)
    mistakes = [*sources.mistakes, *sources.strangers(known)]
    raw, doubles = _with_files(values, sources)
    mistakes += doubles
    try:
        catalog = _catalog(raw)
    except ValidationError as error:
        findings = [each for each in error.errors(include_url=False) if not _unread(each["loc"], sources)]
        mistakes += [*_translated(findings, raw, sources), *_beyond(error, raw, sources)]
        raise MistakesError(mistakes) from None
    mistakes += [sources.mistake(where, message) for where, message in contradictions(catalog)]
    if mistakes:
        raise MistakesError(mistakes)
    return replace(catalog, entries={service.name: sources.entry(service.name) for service in catalog.services})


def _catalog(raw: Mapping[str, Any]) -> Catalog:
    """The config with names in its entries.

    Raises:
        ValidationError: a value is not what the schema says.
    """
    config = PlatformConfig.model_validate_json(json.dumps(raw))
    return Catalog(
        config=config,
        teams=tuple(Team(name=name, **dict(entry)) for name, entry in sorted(config.teams.items())),
        services=tuple(Service(name=name, **dict(entry)) for name, entry in sorted(config.services.items())),
    )


def _unread(location: Where, sources: Sources) -> bool:
    """Whether a finding is about an entry whose file cannot be read; something else stands for it."""
    return len(location) > 1 and location[0] == "services" and location[1] in sources.unread


def _beyond(error: ValidationError, raw: Mapping[str, Any], sources: Sources) -> Iterator[Mistake]:
    """What is wrong between those values that are right each by itself, where others are not; nothing is said of those."""
    findings = error.errors(include_url=False)
    spoilt = {finding["loc"][:3] for finding in findings}
    keys = {where[0] for where in spoilt} - {"teams", "services"}
    if {("teams",), ("services",)} & spoilt:
        return
    nameless = {where[:2] for where in spoilt if where[2:] == ("[key]",)}
    named: dict[str, dict[str, Any]] = {
        key: {name: entry for name, entry in raw.get(key, {}).items() if (key, name) not in nameless}
        for key in ("teams", "services")
    }
    teams = {
        name: {"github": "spoilt"} | _sound(entry, ("teams", name), spoilt) for name, entry in named["teams"].items()
    }
    services: dict[str, Any] = {}
    for name, entry in named["services"].items():
        where = ("services", name)
        services[name] = {"team": next(iter(teams), "spoilt"), "description": "-"} | _sound(entry, where, spoilt)
        mistyped = any(each["loc"][:2] == where and each["type"] == "extra_forbidden" for each in findings)
        seen = {(*where, "template"), (*where, "adopted"), where} & spoilt
        if not seen and not mistyped and not _unread(where, sources):
            yield from _whole(services[name], where, sources)
        services[name] = _made(services[name])
    stand_ins = {"organization": "spoilt", "cluster": {"mode": "kind", "name": "spoilt"}}
    kept = (
        stand_ins
        | {key: value for key, value in raw.items() if key not in keys}
        | {"teams": teams, "services": services}
    )
    told = {"services"} if "environments" in keys else {"teams", "services"}
    with suppress(ValidationError):  # where no stand-in does, what is told already has to do
        for where, message in contradictions(_catalog(kept)):
            if (not keys or where[0] in told) and where[:3] not in spoilt and not _unread(where, sources):
                yield sources.mistake(where, message)


def _sound(entry: Any, where: Where, spoilt: set[Where]) -> dict[str, Any]:
    """What is right in an entry."""
    return {key: value for key, value in stackfile.mapping(entry).items() if (*where, key) not in spoilt}


def _whole(entry: Mapping[str, Any], where: Where, sources: Sources) -> Iterator[Mistake]:
    """What is wrong with a service's entry as a whole, which pydantic does not look at where one of its keys is wrong."""
    try:
        ServiceEntry.model_validate_json(json.dumps(entry))
    except ValidationError as error:
        yield from (sources.mistake(where, _message(each, where)) for each in error.errors(include_url=False))


def _made(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry with a template or adopted, one of the two; without the other's keys."""
    if entry.get("template") is not None:
        return {key: value for key, value in entry.items() if key != "adopted"}
    rest = {key: value for key, value in entry.items() if key != "parameters"}
    return rest if rest.get("adopted") is True else _made({**rest, "template": templates.names()[0]})


def _with_files(values: Mapping[str, Any], sources: Sources) -> tuple[dict[str, Any], list[Mistake]]:
    """The config with the entries of services/*.yaml in it, and what is wrong with the files as such."""
    inline: Any = values.get("services") or {}
    if not isinstance(inline, dict):
        return dict(values), []
    entries = dict(cast("dict[str, Any]", inline))
    message = "is not read under this ending; name it .yaml"
    mistakes = [Mistake(file=file, line=0, path="", message=message) for file in sources.misnamed]
    for name, document in sources.entries.items():
        if name in entries:
            message = f"service `{name}` has an entry in {sources.stack} too; keep one of the two"
            mistakes.append(Mistake(file=document.file, line=1, path="", message=message))
        else:
            entries[name] = document.value if document.value is not None else {}
    entries |= {name: {} for name in sources.unread}
    return {**values, "services": entries}, mistakes


def _translated(findings: Iterable[Any], raw: Mapping[str, Any], sources: Sources) -> Iterator[Mistake]:
    """Pydantic's findings as mistakes: its locations with our lines, its words with a way out."""
    for finding in findings:
        where = _where(finding["loc"])
        if where == ("organization",) and not raw.get("organization"):
            message = "no organization; name the GitHub organization that owns the repositories"
            yield sources.absent("organization", message)
            continue
        yield sources.mistake(where, _message(finding, where))


def _where(location: Where) -> Where:
    """Pydantic's location in the file's own words: it adds which kind of cluster it took, and that a key is meant."""
    return tuple(part for at, part in enumerate(location) if part != "[key]" and location[:at] not in MODES)


def _message(finding: Any, where: Where) -> str:
    """What is wrong, and what to write instead."""
    context = finding.get("ctx", {})
    match finding["type"]:
        case "extra_forbidden":
            return _unknown(str(where[-1]), where[:-1], finding["loc"])
        case "missing":
            return "missing; every entry needs it"
        case "value_error":
            return str(context["error"])
        case "string_pattern_mismatch":
            shown = json.dumps(finding["input"], ensure_ascii=False)[1:-1]
            return f"`{shown}` does not fit; {MEANINGS.get(context['pattern'], context['pattern'])}"
        case "literal_error" | "union_tag_invalid":
            return _no_choice(finding["input"], context.get("expected") or context["expected_tags"], where)
        case "union_tag_not_found":
            return f"`mode` is missing; it is {MODES[where]}"
        case kind if kind.endswith("_type"):
            return f"must be {_article(finding['msg'])}, not {json.dumps(finding['input'], default=str)[:60]}"
        case _:
            return (
                f"{finding['msg'][0].lower()}{finding['msg'][1:]}, not {json.dumps(finding['input'], default=str)[:60]}"
            )


def _no_choice(given: Any, expected: str, where: Where) -> str:
    """A word that is none of those to choose from; pydantic hands over the whole object where it is its `mode`."""
    word = given["mode"] if where in MODES else given
    if word not in (None, ""):
        return f"`{word}` is not one of {expected}"
    return (
        f"`mode` is empty; it is {MODES[where]}" if where in MODES else f"is empty; write {expected}, or leave it out"
    )


def _unknown(key: str, where: Where, location: Where) -> str:
    """A key that is not known at a place; where the place's `mode` decides that, perhaps of another mode."""
    models = list(models_at(where))
    if where not in MODES:
        return f"unknown key{nearest(key, _keys(models))}"
    mode = location[len(where)]
    if others := [_mode(model) for model in models if key in _keys([model])]:
        return f"a key of `mode: {others[0]}`, and this is `mode: {mode}`; leave it out"
    return f"unknown key{nearest(key, _keys(model for model in models if _mode(model) == mode))}"


def _mode(model: type[BaseModel]) -> str:
    return get_args(model.model_fields["mode"].annotation)[0]


def _article(message: str) -> str:
    """`Input should be a valid integer` -> `a valid integer`."""
    return message.removeprefix("Input should be ")


def models_at(where: Where) -> Iterator[type[BaseModel]]:
    """The objects that the schema knows at a place."""
    kinds: list[Any] = [PlatformConfig]
    for part in where:
        kinds = [one for kind in kinds for inner in _below(kind, str(part)) for one in _members(inner)]
    return (kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel))


def _below(kind: Any, key: str) -> Iterator[Any]:
    """The type of a key's value."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield from (field.annotation for name, field in kind.model_fields.items() if (field.alias or name) == key)
    elif get_origin(kind) is dict:
        yield get_args(kind)[1]


def _members(kind: Any) -> Iterator[Any]:
    """A type, or those of which a value has one."""
    if get_origin(kind) is Annotated:
        yield from _members(get_args(kind)[0])
    elif get_origin(kind) in {Union, UnionType}:
        for member in get_args(kind):
            yield from _members(member)
    else:
        yield kind


def _keys(models: Iterable[type[BaseModel]]) -> list[str]:
    """The keys of objects, for `did you mean`."""
    return sorted({field.alias or name for model in models for name, field in model.model_fields.items()})


def contradictions(catalog: Catalog) -> Iterator[tuple[Where, str]]:
    """What is wrong between entries that are right each by itself."""
    yield from _environments(catalog)
    yield from choices.mistakes(catalog.config)
    yield from _teams(catalog)
    for service in catalog.services:
        yield from _service(service, catalog)


def _environments(catalog: Catalog) -> Iterator[tuple[Where, str]]:
    config = catalog.config
    for key, names in (("environments", config.environments), ("deploys", config.deploys)):
        for name in (name for name, times in Counter(names).items() if times > 1):
            yield (key,), f"`{name}` is listed twice"
    for index, name in enumerate(config.deploys):
        if name not in config.environments:
            yield ("deploys", index), f"no environment `{name}`{nearest(name, config.environments)}"


def _teams(catalog: Catalog) -> Iterator[tuple[Where, str]]:
    """Names that would meet in the cluster."""
    owners: dict[str, str] = {}
    for team in catalog.teams:
        where = ("teams", team.name)
        if team.name in naming.CORE_PROJECTS:
            yield where, f"`{team.name}` is the name of a project of the platform; choose another"
        for environment in dict.fromkeys(catalog.config.environments):
            namespace = naming.team_namespace(team.name, environment)
            if namespace in naming.PLATFORM_NAMESPACES or namespace.startswith(naming.RESERVED_PREFIXES):
                yield where, f"its namespace would be `{namespace}`, which is the platform's; choose another name"
            elif namespace in owners:
                yield (
                    where,
                    f"its namespace `{namespace}` would be team `{owners[namespace]}`'s too; rename one of them",
                )
            owners[namespace] = team.name


def _service(service: Service, catalog: Catalog) -> Iterator[tuple[Where, str]]:
    where = ("services", service.name)
    teams, services = {team.name for team in catalog.teams}, {other.name: other for other in catalog.services}
    own = catalog.config.repository.partition("/")[2]
    if service.name in {naming.GITOPS_REPOSITORY, own}:
        yield where, f"`{service.name}` is the name of a repository of the platform; choose another"
    if service.team not in teams:
        yield (*where, "team"), f"no team `{service.team}` in this stack; there are {_listed(teams)}"
    yield from _template(service, where)
    for index, topic in enumerate(service.topics if choices.forge(catalog.config) else ()):
        if len(topic) > naming.FORGE_TOPIC:
            yield (
                (*where, "topics", index),
                f"`{topic}` is longer than the forge's topics, which have {naming.FORGE_TOPIC} characters",
            )
    for index, target in enumerate(service.calls):
        if "://" in target:
            continue
        if target == service.name:
            yield (*where, "calls", index), "a service does not call itself through the network"
        elif target not in services:
            yield (*where, "calls", index), f"no service `{target}`{nearest(target, services)}"
        elif services[target].retired and not service.retired:
            yield (*where, "calls", index), f"service `{target}` is retired; take it out or bring it back"


def _template(service: Service, where: Where) -> Iterator[tuple[Where, str]]:
    """The template is there and takes the given parameters; an adopted repository has none."""
    if service.template is None:
        return
    if service.template not in templates.names():
        yield (*where, "template"), f"no template `{service.template}`{nearest(service.template, templates.names())}"
        return
    parameters = templates.load(service.template).info.parameters
    for name, value in service.parameters.items():
        place = (*where, "parameters", name)
        if name not in parameters:
            yield place, f"template `{service.template}` has no such parameter{nearest(name, parameters)}"
        elif problem := parameters[name].problem(value):
            yield place, problem


def _listed(words: Iterable[str]) -> str:
    return ", ".join(sorted(words)) or "none"


def schema() -> dict[str, Any]:
    """JSON Schema of the config, with each template's parameters where an entry chooses the template."""
    document = PlatformConfig.model_json_schema(mode="validation")
    entry = document["$defs"]["ServiceEntry"]
    entry["properties"]["template"] = {
        "description": entry["properties"]["template"]["description"], "type": "string", "enum": list(templates.names()),
    }  # fmt: skip
    entry["oneOf"] = [
        {"required": ["template"]},
        {"required": ["adopted"], "properties": {"adopted": {"const": True}}},
    ]
    entry["allOf"] = [
        {
            "if": {"properties": {"template": {"const": name}}, "required": ["template"]},
            "then": {"properties": {"parameters": templates.load(name).info.parameters_schema()}},
        }
        for name in templates.names()
    ]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Stack config", **document}
