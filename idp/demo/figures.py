"""What spans say: how often a service is asked, how many answers fail, how long they take, and what led to what."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from idp.demo.receiver import Span

WINDOW = 10.0
"""Seconds that a figure is about."""
SETTLED = 1.5
"""Seconds after which no more spans of a trace are expected: exporters send several times a second."""
SERVER_ERROR = 500


@dataclass(frozen=True, kw_only=True)
class Figures:
    """One service in the last seconds."""

    rate: float
    """Requests a second."""
    errors: float
    """Share of them that was answered with a 5xx."""
    p50: float
    """In seconds, as the next one."""
    p95: float


def figures(spans: Iterable[Span], now: float, window: float = WINDOW) -> dict[str, Figures]:
    """By service, from the requests that came in and ended in the window."""
    ended: dict[str, list[Span]] = defaultdict(list)
    for span in spans:
        if span.kind == "server" and now - window <= span.end <= now:
            ended[span.service].append(span)
    return {service: _figures(each, window) for service, each in ended.items()}


def _figures(spans: Sequence[Span], window: float) -> Figures:
    times = sorted(span.seconds for span in spans)
    failed = sum(span.status is not None and span.status >= SERVER_ERROR for span in spans)
    return Figures(
        rate=len(spans) / window, errors=failed / len(spans), p50=quantile(times, 0.5), p95=quantile(times, 0.95)
    )


def quantile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of all does not exceed."""
    return ordered[max(0, -(-int(share * 1000) * len(ordered) // 1000) - 1)]


@dataclass(frozen=True, kw_only=True)
class Branch:
    """A span with those that it led to, in order of their start."""

    span: Span
    below: tuple[Branch, ...]

    def spans(self) -> Iterator[Span]:
        """This one and all below."""
        yield self.span
        for branch in self.below:
            yield from branch.spans()


def traces(spans: Iterable[Span], now: float, count: int) -> list[Branch]:
    """The latest whole traces that cross the most services, the newest first."""
    grouped: dict[str, list[Span]] = defaultdict(list)
    for span in spans:
        grouped[span.trace].append(span)
    whole = [
        tree for each in grouped.values() if now - max(span.end for span in each) > SETTLED and (tree := tree_of(each))
    ]
    whole.sort(key=lambda tree: tree.span.start, reverse=True)
    widest = max((_width(tree) for tree in whole[:50]), default=0)
    return [tree for tree in whole if _width(tree) == widest][:count]


def _width(tree: Branch) -> int:
    return len({span.service for span in tree.spans()})


def tree_of(spans: Sequence[Span]) -> Branch | None:
    """The spans of one trace below their first; nothing while that is missing."""
    children: dict[str, list[Span]] = defaultdict(list)
    for span in sorted(spans, key=lambda each: each.start):
        children[span.parent].append(span)
    if not (roots := children.get("")):
        return None

    def branch(span: Span) -> Branch:
        return Branch(span=span, below=tuple(branch(child) for child in children.get(span.id, [])))

    return branch(roots[0])


def without_calls(tree: Branch) -> Branch:
    """The same without the caller's side of a call that arrived: it says twice what the called one says."""
    below: list[Branch] = []
    for each in tree.below:
        found = without_calls(each)
        below += found.below if found.span.kind == "client" and found.below else [found]
    return Branch(span=tree.span, below=tuple(below))
