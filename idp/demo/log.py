"""Log lines of services as people read them."""

from __future__ import annotations

import json
from typing import Any, cast

from rich.text import Text

COLORS = {"error": "red", "fatal": "red", "warn": "yellow", "debug": "dim"}
"""By level."""


def one_line(text: str) -> Text:
    """A JSON object's time, service, level, message and what it is about; anything else as it is. Never more than a line."""
    return Text.assemble(*_parts(text), no_wrap=True, overflow="ellipsis")


def _parts(text: str) -> list[str | tuple[str, str]]:
    if not (found := _object(text)):
        return [text]
    level, failure = str(found.get("level", "")), cast("dict[str, Any]", found.get("err") or {})
    about = [str(found[key]) for key in ("method", "route", "status") if key in found]
    about += [duration(found["duration"])] if "duration" in found else []
    about += [str(failure["message"]).splitlines()[0]] if failure.get("message") else []
    return [
        (str(found.get("time", ""))[11:19], "dim"), f" {found.get('service', '')} ", (level, COLORS.get(level, "green")),
        f" {found.get('msg', '')} ", " ".join(about), (f" {str(found.get('trace_id', ''))[:8]}", "dim"),
    ]  # fmt: skip


def _object(text: str) -> dict[str, Any]:
    """What a line of JSON holds; nothing where it is none."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def duration(seconds: float) -> str:
    """In the unit that needs few digits."""
    return f"{1000 * seconds:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
