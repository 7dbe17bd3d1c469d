"""`welcome`: where everything is once a laptop's platform is up, how to sign in, and what to try next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.panel import Panel
from rich.table import Table

from idp.cli.common import HERE, ProjectOption, StackOption, console, engine_of, failures_end_it

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import Any

PARTS = {"backstage": "the portal", "argocd": "Argo CD", "grafana": "Grafana", "forge": "the forge"}
"""Those that are no service: address in the stack's outputs -> what it is."""


def welcome(stack: StackOption = "local", project: ProjectOption = HERE) -> None:
    """Show the addresses of a stack that is up, how to sign in, and what to try next."""
    with failures_end_it():
        card(project, stack, {})


def card(project: Path, stack: str, health: Mapping[str, str]) -> None:
    """Print it: framed on a terminal, else a line for each.

    Args:
        project: the folder of Pulumi.yaml.
        stack: which.
        health: how services are doing, by the names that their addresses have, where somebody has looked.

    Raises:
        NoForgeError: the stack is none of those that need no account.
    """
    from idp.lifecycle import own_forge  # noqa: PLC0415
    from idp.recorder import load  # noqa: PLC0415

    forge = own_forge.of(engine_of(project, stack), load(project, stack))
    rows = [*places(forge.outputs, health), *(("next", line) for line in steps(stack, forge.url))]
    if not console.is_terminal:
        for what, line in rows:
            console.print(f"{what}: {line}", markup=False)
        return
    table = Table.grid(padding=(0, 2))
    for what, line in rows:
        table.add_row(f"[bold]{what}[/]", line)
    console.print(Panel(table, title=f"stack {stack} is up", expand=False))


def places(outputs: Mapping[str, Any], health: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Everything that answers, and who gets in by which password."""
    urls: Mapping[str, str] = outputs["urls"]
    yield from ((name, f"{url}  {health.get(name, '')}".strip()) for name, url in urls.items() if name not in PARTS)
    ways = {
        "backstage": "as a guest",
        "argocd": f"admin / {outputs.get('argocdAdministratorPassword', '')}",
        "grafana": f"admin / {outputs.get('grafanaAdministratorPassword', '')}",
        "forge": " or ".join(f"{login} / {password}" for login, password in sorted(outputs["forgePasswords"].items())),
    }
    for name, what in PARTS.items():
        if name in urls:
            yield what, f"{urls[name]}  {ways[name]}"


def steps(stack: str, forge: str) -> Iterator[str]:
    """What a newcomer does next."""
    yield f"python -m idp trust --stack {stack}    once, so that the browser knows the certificates"
    yield f"git clone {forge}/...    edit, push, then: python -m idp build --stack {stack}"
    yield f"python -m idp onboard --stack {stack}    another service; then: make local"
    yield f"python -m idp down --stack {stack}    takes it all away again"
