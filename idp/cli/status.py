"""`status`: what runs, and how it is doing."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from idp.cli.common import HERE, ProjectOption, StackOption, console, errors, failures_end_it
from idp.errors import counted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from idp.cluster_api import ClusterApi
    from idp.status import Row


class Shape(StrEnum):
    """How it is shown."""

    table = "table"
    json = "json"


def status(
    stack: StackOption = "dev",
    shape: Annotated[Shape, typer.Option("--format", help="How to show it.")] = Shape.table,
    project: ProjectOption = HERE,
) -> None:
    """Say what runs in the stack's cluster, and how it is doing; exit 1 where something is not well."""
    with failures_end_it():
        rows = look(project, stack)
    if shape is Shape.json:
        sys.stdout.write(json.dumps([asdict(row) for row in rows], indent=2) + "\n")
    else:
        show(stack, rows)
    if not all(row.healthy for row in rows):
        raise typer.Exit(1)


def look(project: Path, stack: str) -> list[Row]:
    """Everything that the cluster has of this stack, judged.

    Raises:
        Exit: the stack was never brought up.
        ClusterError: its cluster does not answer.
    """
    from idp.cli.recover import engine_of  # noqa: PLC0415
    from idp.cluster_api import ClusterApi  # noqa: PLC0415
    from idp.lifecycle.engine import EngineError  # noqa: PLC0415
    from idp.naming import STACK_LABEL, application  # noqa: PLC0415
    from idp.recorder import load  # noqa: PLC0415

    settings = load(project, stack)
    engine = engine_of(project, stack)
    try:
        outputs: dict[str, Any] = json.loads(engine.quietly("stack", "output", "--json", "--show-secrets"))
        kubeconfig = outputs["kubeconfig"]
    except (EngineError, KeyError):
        errors.print(f"stack {stack} runs nothing; `make up STACK={stack}` makes it", markup=False)
        raise typer.Exit(1) from None
    catalog = settings.catalog
    declared = [
        application(each.name, environment)
        for each in catalog.services
        for environment in (() if each.retired else catalog.deploys)
    ]
    context = getattr(settings.config.cluster, "context", None)
    label = f"{STACK_LABEL}={settings.owner.label}"
    return list(rows(ClusterApi(kubeconfig, context), label, outputs.get("urls", {}), declared))


def rows(api: ClusterApi, label: str, urls: dict[str, str], declared: list[str]) -> Iterator[Row]:
    """What is in a cluster of one stack: by the namespaces that carry its label, and by its Applications.

    Raises:
        ClusterError: the cluster does not answer.
    """
    from idp import naming  # noqa: PLC0415
    from idp import status as judged  # noqa: PLC0415

    yield from judged.nodes(api.every("v1", "Node"))
    ours = {each["metadata"]["name"] for each in api.every("v1", "Namespace", labels=label)}
    for kind in judged.WORKLOADS:
        for each in api.every("apps/v1", kind):
            if each["metadata"]["namespace"] in ours & set(naming.PLATFORM_NAMESPACES):
                yield judged.workload({"kind": kind, **each})
    kinds = ("argoproj.io/v1alpha1", "Application")
    found = [
        judged.application(each, urls) for each in api.every(*kinds, namespace=naming.ARGOCD_NAMESPACE, labels=label)
    ]
    yield from sorted(found, key=lambda row: (row.part, row.name))
    yield from judged.missing(declared, found)


def show(stack: str, rows: list[Row]) -> None:
    """A table of all, and below it what is not well and the command that says more."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for row in rows:
        mark = "[green]✓[/]" if row.healthy else "[red]✗[/]"
        table.add_row(mark, row.part, row.name, row.says, row.url)
    console.print(table)
    ill = [row for row in rows if not row.healthy]
    for row in ill:
        console.print(f"✗ {row.name}: {row.says}\n  → {row.more}", markup=False)
    verdict = f"{counted(len(ill), 'thing')} not well" if ill else "all is well"
    console.print(f"{stack}: {verdict}", markup=False)
