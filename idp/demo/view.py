"""What the demo looks like: the services' figures, the latest traces and log lines, for a terminal or as plain text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich import box
from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from idp.demo.figures import SERVER_ERROR, without_calls
from idp.demo.log import duration, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import RenderableType

    from idp.demo.figures import Branch, Figures
    from idp.demo.receiver import Span
    from idp.demo.traffic import Faults

WIDTH = 100


@dataclass(frozen=True, kw_only=True)
class Picture:
    """The demo at one moment."""

    seconds: float
    """Since it was up."""
    urls: Mapping[str, str]
    """Of each service."""
    gone: frozenset[str]
    """Services that ended."""
    faults: Faults
    """That are set now."""
    figures: Mapping[str, Figures]
    traces: Sequence[Branch]
    log: Sequence[str]
    """The latest lines, oldest first."""
    keys: bool
    """Whether somebody can press one."""


def screen(picture: Picture) -> RenderableType:
    """For a terminal."""
    return Group(
        Text.assemble(("demo", "bold"), f"  {picture.seconds:.0f} s  ", _faults(picture)),
        _services(picture),
        _panel(
            "traces", Group(*(_tree(trace) for trace in picture.traces)) if picture.traces else Text("none yet", "dim")
        ),
        _panel("log", Text("\n").join(one_line(line) for line in picture.log)),
        Text("c faults on or off   q end" if picture.keys else "", "dim"),
    )


def _panel(title: str, content: RenderableType) -> Panel:
    return Panel(content, title=title, title_align="left", border_style="dim", box=box.ROUNDED)


def _faults(picture: Picture) -> Text:
    faults = picture.faults
    if not faults.on:
        return Text("no faults", "green")
    return Text(f"faults: {faults.errors:.0%} fail, each waits up to {faults.latency:.0f} ms", "bold red")


def _services(picture: Picture) -> Table:
    table = Table("service", box=None, pad_edge=False, expand=True, header_style="dim")
    for name in ("requests/s", "errors", "half within", "95 % within"):
        table.add_column(name, justify="right")
    table.add_column("where", justify="right")
    for service, url in picture.urls.items():
        row = _row(service, picture)
        errors = Text(row[1], "red" if row[1] not in {"-", "0 %", "ended"} else "")
        table.add_row(Text(service, "bold"), row[0], errors, row[2], row[3], Text(url, "dim"))
    return table


def _row(service: str, picture: Picture) -> tuple[str, str, str, str]:
    """Rate, errors, and two times; a dash where nothing was asked."""
    if service in picture.gone:
        return "-", "ended", "-", "-"
    if not (found := picture.figures.get(service)):
        return "-", "-", "-", "-"
    return f"{found.rate:.1f}", f"{100 * found.errors:.0f} %", duration(found.p50), duration(found.p95)


def _tree(trace: Branch) -> Tree:
    """A trace, each span below the one that led to it."""

    def grow(tree: Tree, branch: Branch) -> Tree:
        for each in branch.below:
            grow(tree.add(_span(each.span)), each)
        return tree

    whole = without_calls(trace)
    return grow(Tree(_span(whole.span), guide_style="dim"), whole)


def _span(span: Span) -> Text:
    status = "" if span.status is None else f" {span.status}"
    failed = span.failed or (span.status or 0) >= SERVER_ERROR
    return Text.assemble(
        (span.service, "bold"),
        f" {span.name}",
        (status, "red" if failed else "green"),
        (f" {duration(span.seconds)}", "dim"),
    )


def plain(picture: Picture) -> Iterator[str]:
    """The same as lines, for a log of somebody else's: figures by service, and the latest trace."""
    yield f"demo {picture.seconds:.0f} s: {_faults(picture).plain}"
    for service in picture.urls:
        rate, errors, half, most = _row(service, picture)
        yield f"  {service}: {rate} requests/s, errors {errors}, half within {half}, 95 % within {most}"
    for trace in picture.traces[:1]:
        yield f"  trace {trace.span.trace}"
        yield from _plain_tree(without_calls(trace), "    ")


def _plain_tree(branch: Branch, indent: str) -> Iterator[str]:
    yield indent + _span(branch.span).plain
    for each in branch.below:
        yield from _plain_tree(each, f"{indent}  ")
