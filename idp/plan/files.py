"""The files that the plan's scaffolds put into repositories."""

from __future__ import annotations

from typing import TYPE_CHECKING

from idp import render

if TYPE_CHECKING:
    from idp.plan.model import Plan

SCAFFOLD = "pulumi-python:dynamic/idp:Scaffold"


def files(plan: Plan) -> dict[str, bytes]:
    """`repository/path` -> content, of every repository that the stack makes."""
    found: dict[str, bytes] = {}
    for node in plan.of(SCAFFOLD):
        rendering = render.render(render.load(node.at("template")), node.at("answers"))
        repository = str(node.at("repository"))
        found |= {f"{repository}/{path}": content for path, content in rendering.files.items()}
    return found
