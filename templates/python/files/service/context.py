"""What a route is given: one that has a parameter `given: Given` gets this."""

from dataclasses import dataclass, field
from typing import Annotated, cast

from fastapi import Depends, Request

from service.config import Config
from service.dependencies import Dependencies
from service.metrics import Metrics


@dataclass
class Context:
    """The parts of a running service."""

    config: Config
    metrics: Metrics = field(default_factory=Metrics)
    dependencies: Dependencies = field(default_factory=dict)
    draining: bool = False
    """It was asked to stop: no longer ready, though everything is still answered."""


async def _context(request: Request) -> Context:
    return cast("Context", request.app.state.context)


Given = Annotated[Context, Depends(_context)]
