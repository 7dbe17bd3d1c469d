"""The files that the plan's scaffolds put into repositories."""

from __future__ import annotations

from typing import TYPE_CHECKING

from idp import render, templates

if TYPE_CHECKING:
    from idp.plan.model import Plan

DYNAMIC = "pulumi-python:dynamic/idp:"
WHOLE, FOLDERS = ("Scaffold", "ForgeRepository"), ("StackFolder", "ForgeFolder")
"""What puts files into repositories, on GitHub and in a forge: a template's whole, and a folder of it."""


def files(plan: Plan) -> dict[str, bytes]:
    """`repository/path` -> content: every repository that the stack makes, and its folder of the GitOps repository."""
    found: dict[str, bytes] = {}
    for node in (node for kind in (*WHOLE, *FOLDERS) for node in plan.of(f"{DYNAMIC}{kind}")):
        if not node.at("template"):  # somebody else fills it
            continue
        made = render.render(templates.load(node.at("template")), node.at("answers")).files
        if node.type.endswith(FOLDERS):
            made = render.below(made, str(node.at("folder")))
        found |= {f"{node.at('repository')}/{path}": content for path, content in made.items()}
    return found
