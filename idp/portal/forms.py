"""The portal's forms as Backstage's templates, made from the schema that the entries have: what one refuses, the other does."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

from idp import catalog, naming, templates
from idp.words import HOST, IPV4, PRIVATE_NAMES, PUBLIC

if TYPE_CHECKING:
    from collections.abc import Iterator
    from ipaddress import IPv4Network, IPv6Network

    from idp.portal.entities import Stack

Schema = dict[str, Any]
OFFERED: tuple[templates.Kind, ...] = ("service",)
"""Kinds of templates for a new service. An entry may name one of kind `demo` too, which its author writes by hand."""
PORT = "[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]"
"""1 to 65535."""
ENTITY = "[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
"""What Backstage takes as an entity's name."""
KEPT = ("description", "type", "pattern", "minLength", "maxLength", "maxItems", "items", "default")
"""Words of the entries' schema that a form understands; its titles are made of Python's names."""


def forms(stack: Stack) -> Iterator[dict[str, Any]]:
    """One for a new service; one for a service that goes, where there is any; one for others' repositories."""
    yield _form(
        "new-service", "New service", "Opens a pull request with the entry of a new service.", stack,
        [_new(stack)], "idp:service:propose",
    )  # fmt: skip
    active = [service.name for service in stack.catalog.services if not service.retired]
    if active:
        name = {"title": "Service", "type": "string", "enum": active}
        page = {"title": "Which one", "required": ["name"], "properties": {"name": name}, "additionalProperties": False}
        yield _form(
            "retire-service", "Retire a service",
            "Opens a pull request that archives a service's repository and takes away what runs of it.", stack,
            [page], "idp:service:retire",
        )  # fmt: skip
    yield _form(
        "describe-repository", "Describe a repository from elsewhere",
        "Commits catalog-info.yaml to a repository that the platform did not make; with the topic it is in the catalog then.",
        stack, [_described(stack)], "idp:catalog-info:commit", link=False,
    )  # fmt: skip


def _described(stack: Stack) -> Schema:
    """The page of a repository of this organization that has no entry."""
    organization = stack.catalog.config.organization
    taken = [f"{organization}/{service.name}" for service in stack.catalog.services]
    properties: Schema = {
        "repository": {
            "title": "Repository",
            "type": "string",
            "pattern": rf"^{organization}/{ENTITY}$",
            "not": {"enum": taken},
            "description": f"As {organization}/name; 63 of letters, digits and -_. at most.",
        },
        "owner": {
            "title": "Team",
            "type": "string",
            "enum": [f"group:default/{one.name}" for one in stack.catalog.teams],
        },
        "description": {"title": "Description", "type": "string", "minLength": 1, "maxLength": 200},
    }
    return {"title": "The repository", "required": [*properties], "properties": properties}


def _new(stack: Stack) -> Schema:
    """The page of a new service; what depends on the template comes when it is chosen."""
    config, services = stack.catalog.config, stack.catalog.services
    taken = sorted(
        {service.name for service in services} | {naming.GITOPS_REPOSITORY, config.repository.partition("/")[2]} - {""}
    )
    entry = catalog.schema()["$defs"]["ServiceEntry"]["properties"]
    name = {
        "type": "string",
        "pattern": naming.SERVICE.pattern,
        "maxLength": naming.SERVICE.longest,
        "not": {"enum": taken},
        "description": f"Of its repository too; 2 to {naming.SERVICE.longest} of a-z, 0-9 and -.",
    }
    properties = {
        "name": {"title": "Name", **name},
        "team": {"title": "Team", "type": "string", "enum": [team.name for team in stack.catalog.teams]},
        "description": _field("Description", entry["description"]),
        "template": {"title": "Template", "type": "string", "enum": list(templates.names(kinds=OFFERED))},
        "topics": _field("Topics", entry["topics"]),
    }
    if active := [service.name for service in services if not service.retired]:
        items = {"type": "string", "enum": active}
        properties["calls"] = {"title": "Services that it calls", "type": "array", "uniqueItems": True, "items": items}
    properties["addresses"] = {
        "title": "Addresses of the outside that it calls",
        "description": "Public ones, as https://host or https://host:port.",
        "type": "array",
        "uniqueItems": True,
        "items": address(),
    }
    properties["system"] = {
        "title": "System", "type": "string", "pattern": naming.SYSTEM.pattern,
        "description": entry["system"]["description"],
    }  # fmt: skip
    choices = [
        {
            "properties": {
                "template": {"const": each},
                "parameters": {"title": f"Parameters of {each}", **templates.load(each).info.parameters_schema()},
            }
        }
        for each in templates.names(kinds=OFFERED)
    ]
    return {
        "title": "The service",
        "required": ["name", "team", "description", "template"],
        "properties": properties,
        "dependencies": {"template": {"oneOf": choices}},
    }


def address() -> Schema:
    """An address of the outside: the internet's, by name or number, as the entries' schema takes it."""
    local = "|".join(_numbers(ip_network(each)) for each in PUBLIC["0.0.0.0/0"])
    return {
        "type": "string",
        "pattern": rf"^https?://({IPV4}|{HOST})(:({PORT}))?(/[^?#\s]*)?$",
        "not": {"pattern": rf"^https?://({local}|[^:/]*\.({'|'.join(PRIVATE_NAMES)}))(:|/|$)"},
    }


def _numbers(network: IPv4Network | IPv6Network) -> str:
    """A pattern of the addresses of a network, as four numbers with dots."""
    ends = zip(network.network_address.packed, network.broadcast_address.packed, strict=True)
    return r"\.".join("[0-9]{1,3}" if each == (0, 255) else _between(*each) for each in ends)


def _between(first: int, last: int) -> str:
    return f"({'|'.join(map(str, range(first, last + 1)))})"


def _field(title: str, schema: Schema) -> Schema:
    return {"title": title} | {key: schema[key] for key in KEPT if key in schema}


def _form(
    name: str, title: str, description: str, stack: Stack, pages: list[Schema], action: str, *, link: bool = True
) -> dict[str, Any]:  # fmt: skip
    """A template of Backstage's scaffolder: pages, one action that takes what they hold, and a link to its pull request."""
    held = [key for page in pages for key in page["properties"]]
    held += ["parameters"] if any("dependencies" in page for page in pages) else []
    return {
        "apiVersion": "scaffolder.backstage.io/v1beta3",
        "kind": "Template",
        "metadata": {"name": name, "title": title, "description": description},
        "spec": {
            "owner": stack.organization,
            "type": "service",
            "parameters": pages,
            "steps": [
                {
                    "id": "request",
                    "name": title,
                    "action": action,
                    "input": {key: f"${{{{ parameters.{key} }}}}" for key in held},
                }
            ],
            "output": {"links": [{"title": "Pull request", "url": "${{ steps.request.output.url }}"}]} if link else {},
        },
    }
