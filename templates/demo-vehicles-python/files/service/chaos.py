"""Faults on demand: each request waits a random while, and a share of them fails. POST /config says how much."""

import asyncio
import json
import logging
import random

from fastapi import APIRouter, HTTPException, Request

LIMITS = {"errorRate": 1, "latencyMax": 10_000}
"""The most of each: a wait may be longer than the 5 seconds of callers, not than the 20 of a service that stops."""

log = logging.getLogger(__name__)
router = APIRouter()

chaos: dict[str, float] = {"errorRate": [[ errorRatePercent ]] / 100, "latencyMax": [[ latencyMax ]]}
"""What is set: the share of requests that fail, 0 to 1, and the time that each wait stays below, in milliseconds."""


async def strike() -> None:
    """Wait, then fail or do not. A router that depends on this has faults; those of the platform and /config do not."""
    await asyncio.sleep(random.random() * chaos["latencyMax"] / 1000)  # noqa: S311  no secret
    if random.random() < chaos["errorRate"]:  # noqa: S311
        log.error("failed on purpose")
        raise HTTPException(500, "failed on purpose")


@router.get("/config")
async def current() -> dict[str, float]:
    """Say what is set."""
    return chaos


@router.post("/config")
async def change(request: Request) -> dict[str, float]:
    """Set one or both."""
    try:
        asked = json.loads(await request.body())
    except ValueError as error:
        raise HTTPException(400, "body is not JSON") from error
    if mistakes := mistakes_in(asked):
        raise HTTPException(400, "; ".join(mistakes))
    chaos.update(asked)
    log.info("chaos", extra=chaos)
    return chaos


def mistakes_in(asked: object) -> list[str]:
    """What is wrong with a body, all of it."""
    if not isinstance(asked, dict):
        return ["body must be an object"]
    mistakes: list[str] = []
    for name, value in asked.items():
        limit = LIMITS.get(name)
        if limit is None:
            mistakes.append(f"{name} is not known")
        elif not _number(value) or not 0 <= value <= limit:
            mistakes.append(f"{name} must be a number from 0 to {limit}, not {json.dumps(value)}")
    return mistakes


def _number(value: object) -> bool:
    """Whether it is one in JSON; in Python, true is one too."""
    return isinstance(value, int | float) and not isinstance(value, bool)
