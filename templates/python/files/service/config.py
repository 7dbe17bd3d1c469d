"""What the service reads from its environment, checked once, before anything starts."""

import json
import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, HttpUrl, ValidationError

SERVICE = [[ service | tojson ]]

DEPENDENCY = re.compile(r"([A-Z0-9]+(?:_[A-Z0-9]+)*)_SERVICE_URL")
"""The variables that name other services: VEHICLES_SERVICE_URL is the address of `vehicles`."""

LogLevel = Literal["trace", "debug", "info", "warn", "error", "fatal", "silent"]


class ConfigError(Exception):
    """The environment cannot be used; the message names every variable at fault."""


def _whole(text: object) -> object:
    if isinstance(text, str) and not re.fullmatch(r"[0-9]{1,9}", text):
        raise ValueError("must be a whole number")
    return text


Whole = Annotated[int, BeforeValidator(_whole)]
"""A number as people write it; pydantic alone would also take ` 80`, `8_0` and `80.0`."""

Milliseconds = Annotated[Whole, Field(le=600_000)]


class Config(BaseModel):
    """The environment, typed. Each field is the variable of the same name in capitals."""

    model_config = ConfigDict(frozen=True)

    port: Annotated[Whole, Field(le=65_535)] = [[ port ]]
    """0 takes any free port."""
    host: str | None = None
    """The address to listen on; None is every address of the machine."""
    log_level: LogLevel = "info"
    version: str = "development"
    """What this build is called; the image sets it to the commit that it was built from."""
    shutdown_delay_ms: Milliseconds = 5_000
    """How long to go on answering after SIGTERM, so that nobody is still sent here when the port closes."""
    shutdown_timeout_ms: Milliseconds = 20_000
    """How long requests may then take to finish. Both fit into the pod's terminationGracePeriodSeconds."""
    dependencies: Mapping[str, str] = {}
    """Name -> URL of each service that this one calls, from the variables <NAME>_SERVICE_URL."""
    required_dependencies: frozenset[str] = frozenset()
    """Those without which this service is not ready."""


def read_config(env: Mapping[str, str]) -> Config:
    """Read the variables; one that is empty counts as not set.

    Raises:
        ConfigError: some cannot be used.
    """
    mistakes: list[str] = []
    given: dict[str, object] = {
        name: env[name.upper()]
        for name in Config.model_fields.keys() - {"dependencies", "required_dependencies"}
        if env.get(name.upper())
    }

    dependencies = given["dependencies"] = _dependencies(env, mistakes)
    required = frozenset(filter(None, (name.strip() for name in env.get("REQUIRED_DEPENDENCIES", "").split(","))))
    given["required_dependencies"] = required
    mistakes += [
        f"REQUIRED_DEPENDENCIES names {json.dumps(name)}, which has no {name.upper().replace('-', '_')}_SERVICE_URL"
        for name in sorted(required - dependencies.keys())
    ]

    try:
        config = Config.model_validate(given)
    except ValidationError as error:
        mistakes = [_told(mistake["loc"][0], mistake["msg"], mistake["input"]) for mistake in error.errors()] + mistakes
    if mistakes:
        raise ConfigError("; ".join(mistakes))
    return config


def _dependencies(env: Mapping[str, str], mistakes: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for variable, text in sorted(env.items()):
        if not (match := DEPENDENCY.fullmatch(variable)) or not text:
            continue
        found[match[1].lower().replace("_", "-")] = text.rstrip("/")
        try:
            url = HttpUrl(text)
        except ValidationError:
            url = None
        if not url or url.query is not None or url.fragment is not None:
            mistakes.append(f"{variable} must be an http(s) URL without query, not {json.dumps(text)}")
    return found


def _told(field: object, message: str, value: object) -> str:
    reason = message.removeprefix("Value error, ").removeprefix("Input ").replace("should be", "must be", 1)
    return f"{str(field).upper()} {reason}, not {json.dumps(value)}"
