"""`local`: the whole platform on this machine, with nobody's account: from nothing to a card that says where everything is."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import typer

from idp.cli import build, doctor, status, up, welcome
from idp.cli.common import HERE, ProjectOption, StackOption, console, errors, failures_end_it
from idp.errors import counted

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Mapping
    from pathlib import Path

    from idp.status import Row

PATIENCE = 900
"""Seconds for everything to be well once it is declared: the add-ons' images come over the user's own line, at first."""
EVERY = 2
"""Seconds between two looks."""


@dataclass
class Phases:
    """How long each phase took."""

    seconds: dict[str, float] = field(default_factory=dict[str, float])

    @contextmanager
    def phase(self, name: str) -> Generator[None]:
        """Whatever is done inside is one phase; it is told when it begins and when it ends."""
        console.print(f"== {name}", markup=False)
        began = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - began
        console.print(f"== {name}: {self.seconds[name]:.0f} s", markup=False)

    @property
    def line(self) -> str:
        """All of them, and the whole."""
        each = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in self.seconds.items())
        return f"{each}; in all {sum(self.seconds.values()):.0f} s"


def local(
    context: typer.Context,
    stack: StackOption = "local",
    docker: build.DockerOption = None,
    project: ProjectOption = HERE,
) -> None:
    """Doctor, `up`, the services' images, and a card; further options go to `pulumi up`."""
    from idp.lifecycle import own_forge  # noqa: PLC0415  see validate
    from idp.recorder import load  # noqa: PLC0415

    phases = Phases()
    with failures_end_it():
        settings = load(project, stack)
        own_forge.expected(settings)
        adopted = (each for each in settings.catalog.services if each.adopted)
        theirs = status.applications(settings.catalog, adopted)
        with phases.phase("doctor"):
            doctor.check(project, stack)
        with phases.phase("platform"):
            if code := up.bring_up(project, stack, ["--yes", "--skip-preview", *context.args]):
                raise typer.Exit(code)
        with phases.phase("images"):
            releases = build.run(project, stack, [], docker or [])
        with phases.phase("services"):
            commits = {release.application: release.commit for release in releases}
            seen = await_all(project, stack, commits, theirs)
        welcome.card(project, stack, {row.name: row.says for row in seen})
    console.print(f"local: {phases.line}", markup=False)


def await_all(
    project: Path, stack: str, commits: Mapping[str, str], theirs: Collection[str], patience: float = PATIENCE
) -> list[Row]:
    """Wait until everything runs what it should and is well; whatever is waited for is told when that changes.

    Args:
        project: the folder of Pulumi.yaml.
        stack: which.
        commits: what Applications are to run, by name.
        theirs: Applications of adopted services, which run what people pushed there, if anything yet: nobody waits for them.
        patience: seconds.

    Returns:
        Everything, and all well but theirs.

    Raises:
        Exit: something is not well in that time.
    """
    deadline, told = time.monotonic() + patience, ""
    running = status.running(project, stack)
    while True:
        rows = looked(running, commits)
        if not (ill := [row for row in rows if not row.healthy and row.name not in theirs]):
            return rows
        if time.monotonic() > deadline:
            give_up(stack, ill)
        waiting = ", ".join(row.name for row in ill)
        if waiting != told:
            console.print(f"local: waiting for {waiting}", markup=False)
            told = waiting
        time.sleep(EVERY)


def looked(running: status.Running, commits: Mapping[str, str]) -> list[Row]:
    """How everything is doing; a cluster that is too busy to answer is asked again, like anything else that is not well yet."""
    from idp.cluster_api import ClusterError  # noqa: PLC0415
    from idp.status import Row  # noqa: PLC0415

    try:
        return list(running.rows(commits))
    except ClusterError as error:
        return [
            Row(part="cluster", name="cluster", healthy=False, says=str(error), more=f"{running.kubectl} get nodes")
        ]


def give_up(stack: str, ill: list[Row]) -> None:
    """Say what is not well, and the command that says more of each.

    Raises:
        Exit: always.
    """
    for row in ill:
        errors.print(row.trouble, markup=False)
    errors.print(
        f"{stack}: {counted(len(ill), 'thing')} not well; `python -m idp local` goes on from here", markup=False
    )
    raise typer.Exit(1)
