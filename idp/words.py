"""The words of a stack's config, each by itself: its pattern, its check, and what it asks for in plain words.

`idp.model` makes entries of them.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from ipaddress import ip_address, ip_network
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator

from idp import naming

ORGANIZATION = r"^[A-Za-z0-9](-?[A-Za-z0-9]){0,38}$"
"""GitHub's rule for an account: letters, digits, single hyphens, 39 characters."""
REPOSITORY = r"^[A-Za-z0-9](-?[A-Za-z0-9]){0,38}/[-A-Za-z0-9_.]{1,100}$"
DOMAIN = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$"
IMAGE = r"^[a-z0-9][a-zA-Z0-9._:/-]*(@sha256:[0-9a-f]{64})?$"
ADDRESS = r"^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?$"
BACKEND = r"^$|^(s3|gs|azblob|file|https)://\S+$"
TOPIC = r"^[a-z0-9][a-z0-9-]{0,49}$"
SLUG = r"^[a-z0-9][a-z0-9_-]{0,99}$"
_CONTROLS = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
ONE_LINE = rf"^[^{_CONTROLS}]*[^{_CONTROLS}\s][^{_CONTROLS}]*$"
_PATH = rf"(/[^?#\s{_CONTROLS}]*)?"
_LABEL = "[A-Za-z0-9]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?"
HOST = rf"({_LABEL}\.)+[A-Za-z]([-A-Za-z0-9]{{0,61}}[A-Za-z0-9])?"
"""A name on the internet: two labels or more, and the last one starts with a letter; else it is a number, such as 127.1."""
_BYTE = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
IPV4 = rf"{_BYTE}(\.{_BYTE}){{3}}"
PRIVATE_NAMES = ("localhost", "local", "internal")
"""What a name on the internet never ends in: these are reserved for this machine and for private networks."""
MEANINGS = {
    ORGANIZATION: "a GitHub account is letters, digits and single hyphens, 39 at most",
    rf"^$|{REPOSITORY}": "write `organization/name`",
    DOMAIN: "a domain is lower-case letters, digits, hyphens and dots, without scheme or port",
    IMAGE: "write `name:tag` or `name:tag@sha256:...`",
    TOPIC: "a topic is lower-case letters, digits and hyphens, 50 at most",
    ADDRESS: "write http(s)://host:port",
    BACKEND: "write an address that `pulumi login` takes: s3://..., gs://..., azblob://..., file://... or https://...",
    SLUG: "a team's slug is lower-case letters, digits, hyphens and underscores, as in its address on GitHub",
    ONE_LINE: "it must be one line, and say something",
}
"""What a pattern asks for, in words."""
PUBLIC = {
    "0.0.0.0/0": (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4", "240.0.0.0/4",
    ),
    "2000::/3": ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"),
}  # fmt: skip
"""The internet: what IANA's registries of special-purpose addresses leave of IPv4, and of IPv6's one global block.

Private networks, this link with the clouds' metadata service, carriers' own, loopback, tests, multicast and reserved ranges
are not in it, nor what is reached through an IPv4 address in an IPv6 one (6to4, Teredo, NAT64). Entries, the portal's form
and network policies go by it."""
QUANTITIES = {"": 1, "m": Decimal("0.001"), "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12} | {
    f"{letter}i": 1024**power for power, letter in enumerate("KMGT", 1)
}
"""Kubernetes' suffixes, as far as anybody gives a team that much."""


def _name(rule: naming.NameRule) -> AfterValidator:
    """A name rule as a validator."""

    def check(name: str) -> str:
        if mistake := rule.mistake(name):
            raise ValueError(mistake)
        return name

    return AfterValidator(check)


def quantity(text: str) -> Decimal:
    """The number that a Kubernetes quantity stands for.

    Raises:
        ValueError: it is none.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(m|k|[KMGT]i?)?", text)
    if not match or (match[2] or "") not in QUANTITIES:
        raise ValueError(
            f"`{text}` is no quantity; write a number with an optional unit, such as 500m, 4, 512Mi or 8Gi"
        )
    return Decimal(match[1]) * QUANTITIES[match[2] or ""]


def _either(words: str) -> WrapValidator:
    """One mistake where a value is of none of several types, instead of one for each."""

    def check(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
        try:
            return validate(value)
        except ValidationError:
            raise ValueError(f"must be {words}, not {json.dumps(value, default=str)[:60]}") from None

    return WrapValidator(check)


def _positive_quantity(value: str | int) -> str:
    if quantity(str(value)) <= 0:
        raise ValueError("must be more than zero")
    return str(value)


def _call(target: str) -> str:
    """A service's name, or an https or http address of the outside."""
    if "://" not in target:
        if mistake := naming.SERVICE.mistake(target):
            raise ValueError(f"neither a service nor a URL: {mistake}")
        return target
    try:
        url, port = urlsplit(target), outside_port(target)
    except ValueError:
        url, port = urlsplit(""), 0
    if not re.fullmatch(rf"https?://[^\s/?#@]+{_PATH}", target) or not url.hostname or not port:
        raise ValueError(f"`{target}` is no address to call; write http(s)://host or http(s)://host:port")
    if not _public(url.hostname):
        raise ValueError(f"`{target}` is no public address; a call opens those only, or a service by its name")
    return target


def outside_port(url: str) -> int:
    """The port of an address of the outside.

    Raises:
        ValueError: there is no such port.
    """
    parts = urlsplit(url)
    return (443 if parts.scheme == "https" else 80) if parts.port is None else parts.port


def _public(host: str) -> bool:
    """Whether a host may be on the internet: a number that is there, or a name that could be."""
    try:
        address = ip_address(host)
    except ValueError:
        return bool(re.fullmatch(HOST, host)) and host.lower().rpartition(".")[2] not in PRIVATE_NAMES
    return any(
        address in ip_network(block) and not any(address in ip_network(each) for each in but)
        for block, but in PUBLIC.items()
    )


ServiceName = Annotated[str, _name(naming.SERVICE), Field(json_schema_extra={"pattern": naming.SERVICE.pattern})]
TeamName = Annotated[str, _name(naming.TEAM), Field(json_schema_extra={"pattern": naming.TEAM.pattern})]
SystemName = Annotated[str, _name(naming.SYSTEM), Field(json_schema_extra={"pattern": naming.SYSTEM.pattern})]
EnvironmentName = Annotated[
    str, _name(naming.ENVIRONMENT), Field(json_schema_extra={"pattern": naming.ENVIRONMENT.pattern})
]
ClusterName = Annotated[str, _name(naming.CLUSTER), Field(json_schema_extra={"pattern": naming.CLUSTER.pattern})]
Quantity = Annotated[
    str | int, _either('a whole number or a text, such as 4, 500m, 8Gi or "1.5"'), AfterValidator(_positive_quantity)
]
Parameter = Annotated[str | int | bool, _either("a text, a whole number, true or false")]
Port = Annotated[int, Field(ge=1, le=65535)]
_OUTSIDE = rf"^https?://({IPV4}|{HOST}|\[[0-9A-Fa-f:.]+\])(:[0-9]*)?{_PATH}$"
Call = Annotated[
    str,
    AfterValidator(_call),
    Field(json_schema_extra={"anyOf": [{"pattern": naming.SERVICE.pattern}, {"pattern": _OUTSIDE}]}),
]
Text = Annotated[str, Field(min_length=1, max_length=200, pattern=ONE_LINE)]
"""One line; GitHub takes 350 characters of description, an AppProject 255."""
