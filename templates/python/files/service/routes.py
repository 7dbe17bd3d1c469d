"""The service's own routes: this is the place to start."""

from fastapi import APIRouter, HTTPException

from service.config import SERVICE
from service.context import Given

router = APIRouter()


@router.get("/")
async def about(given: Given) -> dict[str, str]:
    """Say which service in which version answers."""
    return {"service": SERVICE, "version": given.config.version}


@router.get("/hello/{name}")
async def hello(name: str) -> dict[str, str]:
    """Show a route with a parameter."""
    return {"message": f"Hello, {name}!"}


@router.get("/dependencies/{name}")
async def dependency(name: str, given: Given) -> dict[str, str | int]:
    """Show a call to another service: <NAME>_SERVICE_URL says where it is."""
    if name not in given.dependencies:
        raise HTTPException(404)
    response = await given.dependencies[name].call("GET", "/")
    return {"dependency": name, "status": response.status_code}
