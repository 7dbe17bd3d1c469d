"""The files that the plan's scaffolds put into repositories."""

from __future__ import annotations

from typing import TYPE_CHECKING

from idp import render

if TYPE_CHECKING:
    from idp.plan.model import Plan

SCAFFOLD, FOLDER = "pulumi-python:dynamic/idp:Scaffold", "pulumi-python:dynamic/idp:StackFolder"


def files(plan: Plan) -> dict[str, bytes]:
    """`repository/path` -> content: every repository that the stack makes, and its folder of the GitOps repository."""
    found: dict[str, bytes] = {}
    for node in (*plan.of(SCAFFOLD), *plan.of(FOLDER)):
        made = render.render(render.load(node.at("template")), node.at("answers")).files
        if node.type == FOLDER:
            made = render.below(made, str(node.at("folder")))
        found |= {f"{node.at('repository')}/{path}": content for path, content in made.items()}
    return found
