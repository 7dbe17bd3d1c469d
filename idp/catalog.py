"""What a stack's config and services/*.yaml say, checked as a whole: a catalog, or every mistake at once."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

from pydantic import BaseModel, ValidationError

from idp import choices, goyaml, naming, stackfile, templates
from idp.errors import Mistake, MistakesError, nearest
from idp.model import (
    Components,
    ExistingIngress,
    ExistingIssuer,
    ExistingSpec,
    KindSpec,
    LoadBalancerIngress,
    NodePortIngress,
    Peer,
    Placement,
    PlatformConfig,
    Quota,
    Service,
    ServiceEntry,
    Team,
    TeamEntry,
    Telemetry,
)
from idp.words import MEANINGS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

Where = tuple[str | int, ...]
MODES = {
    "cluster": "`kind` or `existing`",
    "ingress": "`nodePort`, `loadBalancer` or `existing`",
    "issuer": "`own` or `existing`",
}
"""Keys whose object says by its `mode` which other keys it has."""
NESTED: dict[str, type[BaseModel]] = {"components": Components, "placement": Placement, "telemetry": Telemetry}


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


class Sources:
    """Where each value of the config stands: the stack's file, Pulumi.yaml's defaults, or a file of its own."""

    def __init__(self, root: Path, stack: str, project: str) -> None:
        """Read the files that people write; a stack without a file has its values from elsewhere."""
        self.project = project
        self.stack = stackfile.stack_file(stack)
        files = [file for file in (self.stack, "Pulumi.yaml") if (root / file).exists()]
        self.documents = {file: goyaml.read(root, file) for file in files}
        entries = sorted((root / "services").glob("*.yaml"))
        self.misnamed = tuple(f"services/{file.name}" for file in sorted((root / "services").glob("*.yml")))
        self.entries = {file.stem: goyaml.read(root, f"services/{file.name}") for file in entries}

    def mistake(self, where: Where, message: str) -> Mistake:
        """A mistake with its file and line; `where` starts at a config key, or at a name in services/."""
        if len(where) > 1 and where[0] == "services" and self._separate(str(where[1])):
            document, path = self.entries[str(where[1])], where[2:]
            return Mistake(
                file=document.file, line=document.line(path) or 1, path=".".join(map(str, path)), message=message
            )
        file, line = self._place(where)
        return Mistake(file=file, line=line, path=".".join(map(str, where)), message=message)

    def _separate(self, service: str) -> bool:
        """Whether a service has a file of its own and no entry in the stack's file."""
        return service in self.entries and self._inline(service) is None

    def _inline(self, service: str) -> str | None:
        """The key in the stack's file under which a service has an entry there; the engine takes it with or without prefix."""
        document, keys = self.documents.get(self.stack), ("services", f"{self.project}:services")
        return next((key for key in keys if document and ("config", key, service) in document.lines), None)

    def entry(self, service: str) -> str:
        """The file of a service's entry; where it holds more than that, its path in the file after a `#`."""
        if self._separate(service):
            return self.entries[service].file
        return f"{self.stack}#config/{self._inline(service) or f'{self.project}:services'}/{service}"

    def _place(self, where: Where) -> tuple[str, int]:
        key, *rest = where
        for file, document in self.documents.items():
            for start in (("config", f"{self.project}:{key}"), ("config", key)):
                if line := document.line((*start, *rest)) if start in document.lines else 0:
                    return file, line
        return self.stack, 0

    def given(self) -> Iterator[str]:
        """The platform's keys that the stack's file gives, known or not."""
        if document := self.documents.get(self.stack):
            prefix = f"{self.project}:"
            given = stackfile.config_section(document, self.project)
            yield from (key.removeprefix(prefix) for key in given if key.startswith(prefix))


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
    mistakes = [
        sources.mistake((key,), f"unknown key{nearest(key, known)}") for key in sources.given() if key not in known
    ]
    raw, doubles = _with_files(values, sources)
    mistakes += doubles
    try:
        catalog = _catalog(raw)
    except ValidationError as error:
        mistakes += [*_translated(error, raw, sources), *_beyond(error, raw, sources)]
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


def _beyond(error: ValidationError, raw: Mapping[str, Any], sources: Sources) -> Iterator[Mistake]:
    """What is wrong between the entries that are right each by itself, where others are not; nothing is said of those."""
    spoilt = {finding["loc"][:2] for finding in error.errors(include_url=False)}
    if any(len(where) < 2 or where[0] not in {"teams", "services"} for where in spoilt):  # noqa: PLR2004  key and name
        return
    team = next((name for name in raw.get("teams", {}) if ("teams", name) not in spoilt), "")
    stand_ins = {
        "teams": {"github": "spoilt"},
        "services": {"team": team, "template": templates.names()[0], "description": "-"},
    }
    kept = dict(raw) | {
        key: {name: stand_in if (key, name) in spoilt else entry for name, entry in raw.get(key, {}).items()}
        for key, stand_in in stand_ins.items()
    }
    with suppress(ValidationError):  # a name that is none
        for where, message in contradictions(_catalog(kept)):
            if where[:2] not in spoilt:
                yield sources.mistake(where, message)


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
    return {**values, "services": entries}, mistakes


def _translated(error: ValidationError, raw: Mapping[str, Any], sources: Sources) -> Iterator[Mistake]:
    """Pydantic's findings as mistakes: its locations with our lines, its words with a way out."""
    for finding in error.errors(include_url=False):
        where = _where(finding["loc"])
        if where[:1] == ("organization",) and not raw.get("organization"):
            yield sources.mistake(where, "no organization; name the GitHub organization that owns the repositories")
            continue
        yield sources.mistake(where, _message(finding, where))


def _where(location: Where) -> Where:
    """Pydantic's location in the file's own words: it adds which kind of cluster it took, and that a key is meant."""
    union = location[0] in MODES if location else False
    return tuple(part for at, part in enumerate(location) if part != "[key]" and not (union and at == 1))


def _message(finding: Any, where: Where) -> str:
    """What is wrong, and what to write instead."""
    context = finding.get("ctx", {})
    match finding["type"]:
        case "extra_forbidden":
            return f"unknown key{nearest(str(where[-1]), keys_at(where[:-1]))}"
        case "missing":
            return "missing; every entry needs it"
        case "value_error":
            return str(context["error"])
        case "string_pattern_mismatch":
            shown = json.dumps(finding["input"], ensure_ascii=False)[1:-1]
            return f"`{shown}` does not fit; {MEANINGS.get(context['pattern'], context['pattern'])}"
        case "literal_error" | "union_tag_invalid":
            return f"`{_shown(finding['input'], where)}` is not one of {context.get('expected') or context['expected_tags']}"
        case "union_tag_not_found":
            return f"`mode` is missing; it is {MODES[str(where[0])]}"
        case kind if kind.endswith("_type"):
            return f"must be {_article(finding['msg'])}, not {json.dumps(finding['input'], default=str)[:60]}"
        case _:
            return (
                f"{finding['msg'][0].lower()}{finding['msg'][1:]}, not {json.dumps(finding['input'], default=str)[:60]}"
            )


def _shown(value: Any, where: Where) -> Any:
    """The offending word: pydantic hands over the whole object when a discriminator is wrong."""
    return value["mode"] if len(where) == 1 and where[0] in MODES else value


def _article(message: str) -> str:
    """`Input should be a valid integer` -> `a valid integer`."""
    return message.removeprefix("Input should be ")


def keys_at(where: Where) -> list[str]:
    """The keys that the schema knows at a place, for `did you mean`."""
    models: list[type[BaseModel]] = []
    match where:
        case ():
            models = [PlatformConfig]
        case ("services", _):
            models = [ServiceEntry]
        case ("teams", _):
            models = [TeamEntry]
        case ("teams", _, "quota"):
            models = [Quota]
        case ("cluster",):
            models = [KindSpec, ExistingSpec]
        case ("ingress",):
            models = [NodePortIngress, LoadBalancerIngress, ExistingIngress]
        case ("issuer",):
            models = [ExistingIssuer]
        case ("ingress", "controller") | ("telemetry", _):
            models = [Peer]
        case (str() as key,) if key in NESTED:
            models = [NESTED[key]]
        case _:
            pass
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
        for environment in catalog.config.environments:
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
