"""The application: which routes there are, and how every mistake is answered."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from service import dependencies, operations, routes
from service.config import SERVICE
from service.context import Context
from service.dependencies import DependencyError
from service.middleware import Requests, find


def create_app(context: Context) -> FastAPI:
    """Put the parts together."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with dependencies.connect(context.config) as context.dependencies:
            yield

    app = FastAPI(
        title=SERVICE,
        version=context.config.version,
        lifespan=lifespan,
        redirect_slashes=False,
        docs_url=None,  # these two pages load scripts from other hosts; /openapi.json is there
        redoc_url=None,
    )
    app.state.context = context
    app.include_router(routes.router)
    app.include_router(operations.router)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(DependencyError, _failed)
    app.add_middleware(Requests, context=context)
    return app


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    headers = error.headers
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers = {"allow": ", ".join(sorted(find(request.scope).allowed))}
    phrase = HTTPStatus(error.status_code).phrase
    text = phrase.lower() if error.detail == phrase else error.detail
    return JSONResponse({"error": text}, error.status_code, headers)


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    mistakes = [f"{'.'.join(str(part) for part in mistake['loc'])}: {mistake['msg']}" for mistake in error.errors()]
    return JSONResponse({"error": "; ".join(mistakes)}, 422)


async def _failed(_request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"error": str(error)}, 502)
