"""`build`: images of services from the stack's own forge into its nodes, and a commit that runs them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from idp.cli.common import HERE, ProjectOption, StackOption, console, engine_of, errors, failures_end_it
from idp.errors import nearest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from idp.lifecycle.building import Release
    from idp.model import Service
    from idp.settings import Settings

Names = Annotated[list[str] | None, typer.Argument(help="Services; all that run when left out.", metavar="[NAME]...")]
DockerOption = Annotated[
    list[str] | None,
    typer.Option("--docker", help="One more option of `docker build`, such as --docker=--build-arg=NODE_IMAGE=..."),
]


def build(
    names: Names = None, stack: StackOption = "local", docker: DockerOption = None, project: ProjectOption = HERE
) -> None:
    """Build the newest commit of each service with Docker, load it into the cluster's nodes, and release it."""
    with failures_end_it():
        run(project, stack, names or [], docker or [])


def run(project: Path, stack: str, names: Sequence[str], options: Sequence[str]) -> list[Release]:
    """Build, load and release services; all of them where none is named. Nothing is released before all are built.

    Raises:
        Exit: a name is no service's.
        BuildError: Docker or Kind fails, or there is no image to write into an overlay.
        NoForgeError: the stack has none.
    """
    from idp.cluster_api import ClusterApi  # noqa: PLC0415
    from idp.lifecycle import building, own_forge  # noqa: PLC0415
    from idp.recorder import load  # noqa: PLC0415

    settings = load(project, stack)
    chosen = wanted(settings, names)
    forge = own_forge.of(engine_of(project, stack), settings)
    client, cluster = forge.client(), building.cluster_of(settings)
    nodes = building.nodes(ClusterApi(forge.outputs["kubeconfig"]), settings)
    builds = [building.fetch(client, settings, service) for service in chosen]
    for one in builds:
        console.print(f"build: {one.service} at {one.tag}", markup=False)
        building.make(one, building.on_this_machine, options)
    if builds:
        building.load([one.reference for one in builds], cluster, nodes, building.on_this_machine)
    releases: list[Release] = []
    for one in builds:
        releases.append(building.deploy(client, settings, one))
        how = "is committed to" if releases[-1].new else "was already on"
        console.print(f"build: {one.reference} {how} env/{one.environment}", markup=False)
    return releases


def wanted(settings: Settings, names: Sequence[str]) -> list[Service]:
    """The services that are meant: of those that run, the ones made from a template.

    Raises:
        Exit: one of them is not there, or retired, or adopted.
    """
    services = [service for service in settings.catalog.services if not service.retired]
    running = {service.name: service for service in services if not service.adopted}
    adopted = {service.name for service in services} - running.keys()
    unknown = [name for name in names if name not in running]
    for name in unknown:
        reason = (
            f"`{name}` is adopted: its default branch runs as it is, with the images that it names"
            if name in adopted
            else f"no service `{name}` runs in stack {settings.stack}{nearest(name, running)}"
        )
        errors.print(reason, markup=False)
    if unknown:
        raise typer.Exit(1)
    return [running[name] for name in names] if names else [*running.values()]
