"""The plan for a reviewer, as a comment of a pull request: the verdict, what matters, and the rest folded away.

Whatever comes from a config is shown within code: there it names nobody, links nowhere and is no HTML.
"""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING

from idp.errors import counted
from idp.plan import document, tree
from idp.plan.difference import Entry, difference, title
from idp.plan.environments import KEY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from idp.plan.difference import Change, Difference, Document, Field
    from idp.plan.environments import Reordering
    from idp.plan.model import Plan

LONGEST = 30_000
"""Characters; GitHub takes 65,536 in a comment, which may hold several stacks."""
LINE = 160
"""Characters of a value; the whole one is in the JSON."""
SIGNS = {"added": "+", "changed": "!", "removed": "-"}
NEWS = {
    ("absent", "active"): "is new",
    ("absent", "retired"): "is new, and retired",
    ("active", "retired"): "is retired: its repository is archived, what runs is removed, its name stays taken",
    ("retired", "active"): "comes back: its repository is no longer archived",
}
UNTOUCHED = {"chart": "", "template": ": it makes the next services, and touches no file of one that is there"}
GONE = (
    "is no longer in the config, which leaves its repository without this platform; write `state: retired` in the entry instead. "
    "A service has no other name than its repository: for a new name, retire this one and add the other"
)
MOVED = (
    "is to leave team `{}` while it runs: what it has in that team's namespace would run on there, with nobody to look after it. "
    "Write `state: retired` first, and after the next `up` take that away together with the change of `team`"
)


def mistakes(stack: str, text: str) -> str:
    """What is wrong with the config, where there is no plan to show."""
    return f"### {code(stack)}: not a right config\n\n{fence(text.splitlines())}\n"


def alone(plan: Plan, said: Sequence[str], why: str = "") -> str:
    """A plan that nothing is compared with, and why."""
    body = [f"### {code(plan.stack)}: {tree.summary(plan)}", *([why] if why else []), *_said(said)]
    lines = [f"{node.type.rpartition(':')[2]} {node.name}" for node in plan.nodes]
    return _cut([*body, _folded("What is declared", lines)])


def compared(plan: Plan, before: Document, said: Sequence[str], base: str) -> str:
    """What a plan declares otherwise than the base's."""
    found = difference(before, document.document(plan))
    parts = [_part(name, changes) for name, changes in found.parts.items()]
    end = (
        f"Compared with {code(base)}: what the two programs declare, secret values left out. What becomes of a live stack, "
        "`pulumi preview` says."
    )
    return _cut([f"### {code(plan.stack)}: {verdict(found)}", *_news(found), *_said(said), *parts], end)


def verdict(found: Difference) -> str:
    """The comment's first line."""
    counts = [f"{counted(number, 'resource')} {kind}" for kind in SIGNS if (number := found.count(kind))]
    gone, moved = (sum(getattr(each, why) for each in found.entries) for why in ("gone", "moved"))
    why = ["environments in another order"] if found.reorderings else []
    why += [
        f"{counted(number, 'entry', 'entries')} {how}" for number, how in ((gone, "gone"), (moved, "moved")) if number
    ]
    refused = f"refused, {', '.join(why)}; " if why else ""
    return refused + (", ".join(counts) or "nothing is declared otherwise")


def plain(found: Difference) -> str:
    """The same for a terminal."""
    lines = [*map(why, found.reorderings)]
    lines += [f"service {entry.name} of team {entry.team} {_standing(entry)}" for entry in found.entries]
    lines += _lines(found.addresses)
    for name, changes in found.parts.items():
        lines += [name, *_changes(changes)]
    return "\n".join([*lines, verdict(found)])


def _news(found: Difference) -> Iterator[str]:
    """Entries and addresses: what a team looks for."""
    news = [f"- {why(each)}" for each in found.reorderings]
    news += [f"- service {code(entry.name)} of team {code(entry.team)} {_standing(entry)}" for entry in found.entries]
    news += [
        f"- {each.kind} {code(each.name)} is {code(each.new)}, was {code(each.old)}{UNTOUCHED[each.kind]}"
        for each in found.versions
    ]
    if news:
        yield "\n".join(news)
    if found.addresses:
        yield fence(_lines(found.addresses), "diff")


def _standing(entry: Entry) -> str:
    return why(entry) if entry.refused else NEWS[entry.before, entry.after]


def why(refused: Entry | Reordering) -> str:
    """What is wrong with what is refused, and what to write instead."""
    if isinstance(refused, Entry):
        return MOVED.format(refused.left) if refused.moved else GONE
    return f"{KEY}: {refused}"


def refusal(refused: Entry | Reordering) -> str:
    """The same with the entry that it is about, for a log."""
    return f"services.{refused.name}: {why(refused)}" if isinstance(refused, Entry) else why(refused)


def _said(said: Sequence[str]) -> Iterator[str]:
    """What the rules find, open to be seen; and what is only to be known."""
    grave = [line for line in said if line.startswith("error: ")]
    if grave:
        yield f"**{counted(len(grave), 'error')}**\n\n{fence(grave)}"
    if lesser := [line for line in said if line not in grave]:
        yield _folded(counted(len(lesser), "warning"), lesser)


def _part(name: str, changes: tuple[Change, ...]) -> str:
    counts = ", ".join(f"{n} {kind}" for kind in SIGNS if (n := sum(each.kind == kind for each in changes)))
    return _folded(f"{name}: {counts}", _changes(changes), "diff")


def _changes(changes: Iterable[Change]) -> Iterator[str]:
    """Each resource, and what is otherwise in it."""
    for change in changes:
        yield f"{SIGNS[change.kind]} {title(change.resource)}"
        yield from _lines(change.fields)


def _lines(fields: Iterable[Field]) -> Iterator[str]:
    """Each field, what it was and what it is."""
    for field in fields:
        yield f"  {field.path}"
        yield from (f"-   {line}" for line in field.gone)
        yield from (f"+   {line}" for line in field.came)


def _folded(summary: str, lines: Iterable[str], language: str = "") -> str:
    return f"<details><summary>{escape(summary)}</summary>\n\n{fence(lines, language)}\n\n</details>"


def fence(lines: Iterable[str], language: str = "") -> str:
    """Lines as a block of code that nothing in them can end."""
    text = "\n".join(_short(line) for line in lines)
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    mark = "`" * max(3, longest + 1)
    return f"{mark}{language}\n{text}\n{mark}"


def _short(line: str) -> str:
    """A line without control characters, cut where it gets too long to read."""
    plain = re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", "\N{REPLACEMENT CHARACTER}", line.replace("\n", "⏎"))
    return plain if len(plain) <= LINE else f"{plain[:LINE]}…"


def code(text: str) -> str:
    """A few words as code, on one line."""
    return f"`{text.replace('`', '').replace(chr(10), ' ')}`"


def _cut(blocks: list[str], end: str = "") -> str:
    """The blocks as one text, as many as a comment holds, and how many it does not."""
    kept: list[str] = []
    for number, block in enumerate(blocks):
        if sum(map(len, kept)) + len(block) > LONGEST:
            kept.append(
                f"{counted(len(blocks) - number, 'part')} more; `python -m idp preview` with the same options shows all"
            )
            break
        kept.append(block)
    return "\n\n".join(filter(None, [*kept, end])) + "\n"
