"""The portal's image, made from its Dockerfile as the workflow makes it."""

from __future__ import annotations

from functools import cache

from tests.support import images
from tests.support.engine import PROJECT

NAME = "docker.io/idp-tests/portal:1"


@cache
def image() -> str:
    """Its name."""
    return images.build(PROJECT / "portal", NAME, {"NODE": images.node()})
