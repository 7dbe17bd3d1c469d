"""What the list of environments may become while there are repositories that were made with it.

Their workflows release to the first environment and promote from each to the next. They are the teams' files, and no `up` changes
them: with another environment before the first, no release would go through; with one in between, promotion would pass it by.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SCAFFOLDED = ("pulumi-python:dynamic/idp:Scaffold", "pulumi-python:dynamic/idp:ForgeRepository")
"""Resources whose answers have the list, where a template made the repository."""
KEY = "idp:environments"
"""Where the list is in a stack's config."""


@dataclass(frozen=True, kw_only=True)
class Reordering:
    """A change of the list that repositories which are there cannot follow."""

    was: tuple[str, ...]
    now: tuple[str, ...]

    def __str__(self) -> str:
        """What is wrong with it, and what to write instead."""
        instead = (*self.was, *(each for each in self.now if each not in self.was))
        return (
            f"repositories that are there cannot follow {_listed(self.now)}: they release to the first and promote in the order "
            f"that they were made with, {_listed(self.was)}. It stays as it is, a new one goes after the last, and only the last "
            f"is taken away: write {_listed(instead)}"
        )


def reorderings(before: Iterable[Mapping[str, Any]], after: Iterable[Mapping[str, Any]]) -> tuple[Reordering, ...]:
    """Each such change once, for however many repositories.

    Args:
        before: resources with `type`, `urn` and `inputs`: a state's, or those of a plan's document.
        after: the same, as they are declared now.
    """
    old, new = _lists(before), _lists(after)
    changes = {(old[repository], new[repository]) for repository in old.keys() & new.keys()}
    return tuple(Reordering(was=was, now=now) for was, now in sorted(changes) if not follows(was, now))


def follows(was: tuple[str, ...], now: tuple[str, ...]) -> bool:
    """Whether a list only grew, or shrank, at its end."""
    both = min(len(was), len(now))
    return was[:both] == now[:both]


def _lists(resources: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], tuple[str, ...]]:
    """The list of each repository; in another organization it is another repository."""
    made = ((each["urn"], each["inputs"]) for each in resources if each["type"] in SCAFFOLDED)
    return {
        (urn, str(inputs["organization"])): tuple(inputs["answers"]["environments"])
        for urn, inputs in made
        if inputs["answers"].get("environments")
    }


def _listed(names: tuple[str, ...]) -> str:
    return f"`[{', '.join(names)}]`"
