"""What the platform asks: alive, ready, metrics. Neither measured nor traced, and logged at debug level."""

import asyncio

from fastapi import APIRouter, Response

from service import metrics
from service.context import Given

router = APIRouter(include_in_schema=False)

PATHS = {"/healthz", "/readyz", "/metrics"}


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """Alive: a service whose dependency is down must not be restarted for it."""
    return {"status": "ok"}


@router.get("/readyz")
async def readyz(given: Given, response: Response) -> dict[str, object]:
    """Ready for requests: not while it stops, nor without a dependency that it requires."""
    if given.draining:
        response.status_code = 503
        return {"status": "stopping"}

    asked = given.dependencies.values()
    answers = await asyncio.gather(*(dependency.up() for dependency in asked))
    for dependency, up in zip(asked, answers, strict=True):
        given.metrics.dependency(dependency.name, up=up)
    missing = [dependency for dependency, up in zip(asked, answers, strict=True) if not up]

    status = "ok"
    if any(dependency.required for dependency in missing):
        status, response.status_code = "unavailable", 503
    elif missing:
        status = "degraded"
    return {
        "status": status,
        "dependencies": {dependency.name: "unreachable" if dependency in missing else "ok" for dependency in asked},
    }


@router.get("/metrics")
async def page(given: Given) -> Response:
    """What Prometheus scrapes."""
    return Response(given.metrics.page(), media_type=metrics.CONTENT_TYPE)
