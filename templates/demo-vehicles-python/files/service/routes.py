"""The service's own routes: the fleet, to be looked at."""

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Path

from service import chaos
from service.config import SERVICE
from service.context import Given
from service.fleet import FLEET, Vehicle

faulty = APIRouter(dependencies=[Depends(chaos.strike)])


@faulty.get("/")
async def about(given: Given) -> dict[str, str]:
    """Say which service in which version answers."""
    return {"service": SERVICE, "version": given.config.version}


@faulty.get("/vehicles")
async def vehicles() -> list[Vehicle]:
    """Show the whole fleet."""
    return list(FLEET.values())


@faulty.get("/vehicles/{id}")
async def vehicle(number: Annotated[str, Path(alias="id")]) -> Vehicle:
    """Show one of it."""
    if number not in FLEET:
        raise HTTPException(404, "no such vehicle")
    return FLEET[number]


router = APIRouter()
router.include_router(faulty)
router.include_router(chaos.router)
