"""Mistakes: what is wrong in somebody's file, where, and what to write instead."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Mistake:
    """One thing to mend, as a compiler would print it."""

    file: str
    """Relative to the project's root, as the reader would type it."""
    line: int
    """One-based; 0 when the file as a whole is meant."""
    path: str
    """Keys from the file's top to the value, joined by dots; empty when the file as a whole is meant."""
    message: str
    """What is wrong and what to write instead."""

    def __str__(self) -> str:
        """`file:line: path: message`, which editors and CI turn into a link."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        return ": ".join(part for part in (place, self.path, self.message) if part)


class MistakesError(Exception):
    """Every mistake of a run at once; nothing was registered or changed."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        """Keep the mistakes in the order of their files and lines, each once."""
        self.mistakes = tuple(sorted(set(mistakes)))
        super().__init__(self.report())

    def report(self) -> str:
        """The text for the terminal: a line each, and a sum."""
        files = {mistake.file for mistake in self.mistakes}
        total = f"{counted(len(self.mistakes), 'mistake')} in {counted(len(files), 'file')}; nothing was changed."
        return "\n".join([*map(str, self.mistakes), "", total])


def counted(number: int, noun: str, several: str = "") -> str:
    """`1 file`, `2 files`; `several` where the plural is another word."""
    return f"{number} {noun}" if number == 1 else f"{number} {several or f'{noun}s'}"


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean ...?` when one known word is close, else the known words, else nothing."""
    words = sorted(known)
    if close := get_close_matches(word, words, n=1):
        return f"; did you mean `{close[0]}`?"
    return f"; known: {', '.join(words)}" if words else ""
