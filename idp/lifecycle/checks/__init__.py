"""What `up` needs, a module for each place that may lack it; every check yields what it found, and nothing where all is well."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that is lacking."""

    check: str
    """What was looked at, in a word: a command, a config key, a part of the machine."""
    message: str
    """What is lacking; it never holds a token."""
    remedy: str
    """The command that mends it, or what to do where no command can."""
    fatal: bool
    """Whether `up` fails, or leaves something that does not run."""
    note: bool = False
    """Whether it is no fault at all, but what nobody can tell from here and a person should look at."""

    @property
    def mark(self) -> str:
        """One character that says how grave it is."""
        return "✗" if self.fatal else "·" if self.note else "!"
