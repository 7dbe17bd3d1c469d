"""`status`: what runs, and how it is doing."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from idp.cli.common import HERE, ProjectOption, StackOption, bringing_up, console, engine_of, errors, failures_end_it
from idp.errors import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from idp.catalog import Catalog
    from idp.cluster_api import ClusterApi
    from idp.model import Service
    from idp.settings import Settings
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
        rows = list(running(project, stack).rows({}))
    if shape is Shape.json:
        sys.stdout.write(json.dumps([asdict(row) for row in rows], indent=2) + "\n")
    else:
        show(stack, rows)
    if not all(row.healthy for row in rows):
        raise typer.Exit(1)


@dataclass(frozen=True, kw_only=True)
class Running:
    """A stack that is up, and may be looked at again and again."""

    api: ClusterApi
    label: str
    """Of everything in the cluster that is the stack's."""
    urls: Mapping[str, str]
    declared: Sequence[str]
    """Names of the Applications that should be there."""
    kubectl: str
    """The command that asks this cluster and no other."""
    makes: str
    """The command that brings the stack up."""

    def rows(self, commits: Mapping[str, str]) -> Iterator[Row]:
        """What is there, judged: by the namespaces that carry the stack's label, and by its Applications.

        Args:
            commits: what Applications are to run, where somebody waits for that.

        Raises:
            ClusterError: the cluster does not answer.
        """
        from idp import naming  # noqa: PLC0415
        from idp import status as judged  # noqa: PLC0415

        yield from judged.nodes(self.api.every("v1", "Node"), self.kubectl)
        ours = {each["metadata"]["name"] for each in self.api.every("v1", "Namespace", labels=self.label)}
        for kind in judged.WORKLOADS:
            for each in self.api.every("apps/v1", kind):
                if each["metadata"]["namespace"] in ours & set(naming.PLATFORM_NAMESPACES):
                    yield judged.workload({"kind": kind, **each}, self.kubectl)
        kinds = ("argoproj.io/v1alpha1", "Application")
        found = [
            judged.application(each, self.urls, commits, self.kubectl)
            for each in self.api.every(*kinds, namespace=naming.ARGOCD_NAMESPACE, labels=self.label)
        ]
        yield from sorted(found, key=lambda row: (row.part, row.name))
        yield from judged.missing(self.declared, found, self.makes)


def running(project: Path, stack: str) -> Running:
    """A stack's cluster, and what should be in it.

    Raises:
        Exit: the stack was never brought up.
    """
    from idp.lifecycle.engine import EngineError  # noqa: PLC0415
    from idp.naming import STACK_LABEL  # noqa: PLC0415
    from idp.recorder import load  # noqa: PLC0415

    settings = load(project, stack)
    engine = engine_of(project, stack)
    makes = bringing_up(settings)
    try:
        outputs: dict[str, Any] = json.loads(engine.quietly("stack", "output", "--json", "--show-secrets"))
        urls, api = outputs["urls"], cluster_of(settings, outputs)
    except (EngineError, KeyError):
        errors.print(f"stack {stack} runs nothing; `{makes}` makes it", markup=False)
        raise typer.Exit(1) from None
    catalog = settings.catalog
    declared = applications(catalog, (each for each in catalog.services if not each.retired))
    return Running(
        api=api,
        label=f"{STACK_LABEL}={settings.owner.label}",
        urls=urls,
        declared=declared,
        kubectl=_asking(settings),
        makes=makes,
    )


def cluster_of(settings: Settings, outputs: Mapping[str, Any]) -> ClusterApi:
    """The cluster that the stack made, or the one that is there already, as whoever asks: their own kubeconfig.

    Raises:
        ClusterError: its credentials cannot be used.
    """
    from idp.cluster_api import ClusterApi  # noqa: PLC0415
    from idp.model import ExistingSpec  # noqa: PLC0415

    cluster = settings.config.cluster
    if isinstance(cluster, ExistingSpec):
        return ClusterApi.of_file(cluster.kubeconfig, cluster.context)
    return ClusterApi(outputs["kubeconfig"])


def applications(catalog: Catalog, services: Iterable[Service]) -> list[str]:
    """Names of the Applications that a stack has for some of its services."""
    from idp.naming import application  # noqa: PLC0415

    return [application(each.name, environment) for each in services for environment in catalog.deploys]


def _asking(settings: Settings) -> str:
    """The command that asks the stack's cluster."""
    from components.dynamic.kind_cluster import Folder  # noqa: PLC0415
    from idp.kubeconfig import kubectl  # noqa: PLC0415
    from idp.model import ExistingSpec  # noqa: PLC0415

    cluster = settings.config.cluster
    if isinstance(cluster, ExistingSpec):
        return kubectl(Path(cluster.kubeconfig).expanduser(), cluster.context)
    return kubectl(Folder(project=settings.project, stack=settings.stack).kubeconfig(cluster.name))


def show(stack: str, rows: list[Row]) -> None:
    """A table of all, and below it what is not well and the command that says more."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for row in rows:
        mark = "[green]✓[/]" if row.healthy else "[red]✗[/]"
        table.add_row(mark, *map(escape, (row.part, row.name, row.says, row.url)))  # Argo CD's words may hold brackets
    console.print(table)
    ill = [row for row in rows if not row.healthy]
    for row in ill:
        console.print(f"✗ {row.trouble}", markup=False)
    verdict = f"{counted(len(ill), 'thing')} not well" if ill else "all is well"
    console.print(f"{stack}: {verdict}", markup=False)
