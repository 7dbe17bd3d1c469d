"""`demo`: the stack's demo services on this machine, without a cluster."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from idp.cli.common import HERE, ProjectOption, StackOption, console, mistakes_end_it

PICTURE_SECONDS = 25.0


def demo(  # noqa: PLR0913  an option each
    *,
    error_share: Annotated[
        float, typer.Option("--errors", min=0, max=1, help="Share of requests that fail while there are faults.")
    ] = 0.3,
    latency: Annotated[
        float, typer.Option(min=0, max=10_000, help="Each then waits a random time below this, in milliseconds.")
    ] = 400,
    every: Annotated[
        float, typer.Option(min=0, help="Seconds without faults, then as many with them; 0 leaves them to the key `c`.")
    ] = 20,
    rate: Annotated[float, typer.Option(min=0.1, max=200, help="Requests a second.")] = 10,
    ports: Annotated[
        int | None, typer.Option(min=1024, max=65_000, help="First of the ports, instead of the entries' own.")
    ] = None,
    plain: Annotated[
        bool, typer.Option("--plain", help="Lines instead of a screen; always so without a terminal.")
    ] = False,
    picture: Annotated[
        Path | None, typer.Option(help="Write what the screen shows amid faults as SVG, and end.")
    ] = None,
    seconds: Annotated[float | None, typer.Option(min=1, help="End by itself after this time.")] = None,
    stack: StackOption = "dev",
    project: ProjectOption = HERE,
) -> None:
    """Run the stack's demo services here, with traffic and faults: figures, traces and logs, live. Ctrl-C ends it."""
    from idp import recorder  # noqa: PLC0415  see validate
    from idp.demo import checkouts, processes, session  # noqa: PLC0415
    from idp.demo.traffic import Faults  # noqa: PLC0415

    with mistakes_end_it():
        found = checkouts.checkouts(recorder.load(project, stack), (project / checkouts.FOLDER).resolve())
        checkouts.prepare(found, lambda text: console.print(text, markup=False))
    if picture:
        every, seconds = PICTURE_SECONDS / 2, PICTURE_SECONDS - 1
    plan = session.Plan(
        ports=processes.chosen_ports(found, ports),
        faults=Faults(errors=error_share, latency=latency),
        every=every, rate=rate, seconds=seconds,
    )  # fmt: skip
    with mistakes_end_it(), suppress(KeyboardInterrupt), session.session(found, plan) as running:
        if picture:
            session.draw(running, picture)
        elif plain or not console.is_terminal:
            session.tell(running, lambda line: console.print(line, markup=False))
        else:
            session.show(running, console)
    console.print("demo: ended, nothing is left running", markup=False)
