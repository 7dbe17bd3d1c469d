"""Changes of entries in the files that people write: an entry more, a retirement, and every other line as it was.

A change is worked out by ruamel.yaml on its own rendering of the file, and carried over to the file's lines. Where the two
do not agree line by line, or the result does not say exactly what was meant, nothing is changed.
"""

from __future__ import annotations

import difflib
import io
import os
import re
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import yaml as pyyaml
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from idp import goyaml, stackfile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

SERVICES = "services"
PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9 _./-]*(?<! )")
"""Texts that need no quotes, if they are none of YAML's words."""
COMMENTED = re.compile(r"\s#[^\n]*\n.")
"""A comment within a value that is wrapped; it would go when that is written anew."""
START = re.compile(r"(?:[ \t]*(?:#[^\n]*)?\n)*---[ \t]*(?:#[^\n]*)?\n")
"""What stands before a document that begins with `---`, and that line; ruamel.yaml would leave it out."""
WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}


class LayoutError(Exception):
    """A file is written in a way that this program does not change; the text says what to do instead."""


@dataclass(frozen=True, kw_only=True)
class Edit:
    """One file with another text."""

    file: str
    """Relative to the project's root."""
    before: str
    """Empty where the file is new."""
    after: str

    def obstacle(self, root: Path) -> str | None:
        """Why it cannot be put in place; nothing where it can."""
        target = (root / self.file).resolve()
        if target.exists() and not _open(target):
            return f"{self.file}: no permission to write to it"
        folder = next(each for each in target.parents if each.exists())
        if not folder.is_dir():
            return f"{self.file}: {folder} is no folder"
        return None if _open(folder) else f"{self.file}: no permission to write to the folder {folder}"

    def write(self, root: Path) -> None:
        """Put it in place, whole or not at all; a link goes on to point at the file, whose mode stays.

        Raises:
            OSError: it cannot be written.
        """
        target = (root / self.file).resolve()
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(f".{target.name}.new")
        try:
            beside.write_bytes(self.after.encode())
            if target.exists():
                beside.chmod(stat.S_IMODE(target.stat().st_mode))
            beside.replace(target)
        finally:
            beside.unlink(missing_ok=True)


def _open(path: Path) -> bool:
    """Whether somebody may write to it, and this process too; root may always, but asks for the first as well."""
    return bool(path.stat().st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH)) and os.access(path, os.W_OK)


def place(root: Path, stack: str, name: str) -> str | None:
    """The file that has a service's entry; nothing where there is none."""
    if (root / _own(name)).exists():
        return _own(name)
    return stackfile.stack_file(stack) if name in _inline(root, stack) else None


def added(root: Path, stack: str, name: str, entry: Mapping[str, Any], *, shared: bool) -> Edit:
    """An entry more: in a file of its own, which every stack reads, or in this stack's.

    Raises:
        LayoutError: the stack's file is written in a way that is not changed.
    """
    if shared:
        text = _dump(_styled(entry), _yaml())
        return _checked(Edit(file=_own(name), before="", after=text), lambda _: dict(entry))

    def change(document: Any) -> None:
        config = document.setdefault("config", CommentedMap())
        key = _key(root, config)
        if not config.get(key):
            config[key] = CommentedMap()
        config[key][name] = _styled(entry)

    def meant(value: Any) -> Any:
        config = value["config"]
        key = _key(root, config)
        services: dict[str, Any] = {**(config.get(key) or {}), name: dict(entry)}
        return {**value, "config": {**config, key: services}}

    return _edit(root, stackfile.stack_file(stack), change, meant)


def with_state(root: Path, stack: str, name: str, *, retired: bool) -> Edit:
    """The entry of a service, retired or active again.

    Raises:
        LayoutError: its file is written in a way that is not changed.
    """
    file = place(root, stack, name) or stackfile.stack_file(stack)

    def entry(document: Any) -> Any:
        return document if file == _own(name) else document["config"][_key(root, document["config"])][name]

    def change(document: Any) -> None:
        if retired:
            entry(document)["state"] = "retired"
        else:
            entry(document).pop("state", None)

    def meant(value: Any) -> Any:
        change(value)
        return value

    return _edit(root, file, change, meant)


def trial(root: Path, edit: Edit) -> tempfile.TemporaryDirectory[str]:
    """A folder with the project's config as it would be; whoever asked for it takes it away."""
    folder = tempfile.TemporaryDirectory(prefix="idp-trial-")
    copy = Path(folder.name)
    (copy / SERVICES).mkdir()
    for file in (*root.glob("Pulumi*.yaml"), *(root / SERVICES).glob("*.y*ml")):
        (copy / file.relative_to(root)).write_bytes(file.read_bytes())
    edit.write(copy)
    return folder


def stacks(root: Path) -> list[str]:
    """The stacks that have a committed file."""
    return sorted(file.name.removeprefix("Pulumi.").removesuffix(".yaml") for file in root.glob("Pulumi.*.yaml"))


def _own(name: str) -> str:
    return f"{SERVICES}/{name}.yaml"


def _inline(root: Path, stack: str) -> Mapping[str, Any]:
    document = goyaml.read(root, stackfile.stack_file(stack))
    return stackfile.mapping(
        stackfile.config_section(document, stackfile.project(root)).get(f"{stackfile.project(root)}:{SERVICES}")
    )


def _key(root: Path, config: Mapping[str, Any]) -> str:
    """The key of the services, as this file has it, with the project's name or without."""
    return SERVICES if SERVICES in config else f"{stackfile.project(root)}:{SERVICES}"


def _edit(root: Path, file: str, change: Callable[[Any], None], meant: Callable[[Any], Any]) -> Edit:
    before = (root / file).read_bytes().decode()
    ends = "\r\n" if "\r\n" in before else "\n"
    whole = before.replace("\r\n", "\n")
    head = found[0] if (found := START.match(whole)) else ""
    text = whole.removeprefix(head)
    yaml = _yaml(*_steps(text))
    document: Any = cast("Any", yaml).load(text) or CommentedMap()
    rendered = _dump(document, yaml)
    change(document)
    after = (head + _carried(text, rendered, _dump(document, yaml), file)).replace("\n", ends)
    return _checked(Edit(file=file, before=before, after=after), meant)


def _carried(text: str, rendered: str, changed: str, file: str) -> str:
    """The change between two renderings, made in the text that the first one renders."""
    lines, old, new = _joined(text), rendered.splitlines(keepends=True), changed.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    found: list[str] = []
    kept = len(lines) == len(old)
    for kind, start, end, first, last in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        found += lines[start:end] if kind == "equal" else new[first:last]
        kept = kept and (kind == "equal" or not any(COMMENTED.search(line) for line in lines[start:end]))
    if not kept:
        raise LayoutError(
            f"{file}: it is laid out in a way that cannot be changed without changing more; {_instead(file)}"
        )
    return "".join(found)


def _instead(file: str) -> str:
    """What to do where a file is not changed."""
    own = file.startswith(f"{SERVICES}/")
    return "edit it by hand" + ("" if own else f", or keep the entry in a file of its own, in {SERVICES}/")


def _joined(text: str) -> list[str]:
    """The text's lines, where those that a value is wrapped over are one, as they are in a rendering."""
    joined = _wrapped(pyyaml.compose(text, Loader=pyyaml.CSafeLoader))
    found: list[str] = []
    for number, line in enumerate(text.splitlines(keepends=True)):
        if number in joined:
            found[-1] += line
        else:
            found.append(line)
    return found


def _wrapped(node: pyyaml.Node | None) -> set[int]:
    """The lines that go on with a key and value, or with an item, that began on an earlier one."""
    if node is None or isinstance(node, pyyaml.ScalarNode):
        return set()
    parts = [(key, item) for key, item in node.value] if isinstance(node, pyyaml.MappingNode) else []
    parts += [(item, item) for item in node.value] if isinstance(node, pyyaml.SequenceNode) else []
    found: set[int] = set()
    for first, item in parts:
        block = item.style in {"|", ">"} if isinstance(item, pyyaml.ScalarNode) else not item.flow_style
        found |= _wrapped(item) if block else set(range(first.start_mark.line + 1, item.end_mark.line + 1))
    return found


def _checked(edit: Edit, meant: Callable[[Any], Any]) -> Edit:
    """The edit, if the engine reads exactly what was meant."""
    with tempfile.TemporaryDirectory() as folder:
        values: list[Any] = []
        for name, text in (("before.yaml", edit.before), ("after.yaml", edit.after)):
            (Path(folder) / name).write_bytes(text.encode())
            values.append(goyaml.read(Path(folder), name).value)
    if values[1] != meant(values[0]):
        raise LayoutError(f"{edit.file}: what would be written reads as something else; {_instead(edit.file)}")
    return edit


def _yaml(step: int = 2, offset: int = 2) -> YAML:
    made = YAML()
    made.preserve_quotes = True
    made.width = 10_000
    made.indent(mapping=step, sequence=offset + 2, offset=offset)
    return made


def _steps(text: str) -> tuple[int, int]:
    """How far mappings in blocks stand in, and the dashes of lists: as far, or not at all."""
    step = next(_stands_in(pyyaml.compose(text, Loader=pyyaml.CSafeLoader)), 2)
    found = re.search(r"^( *)[^ #\n][^\n]*:[ ]*\n( *)- ", text, re.MULTILINE)
    return step, 0 if found and len(found[1]) == len(found[2]) else step


def _stands_in(node: pyyaml.Node | None) -> Iterator[int]:
    """By how many columns each mapping stands in the one around it."""
    if not isinstance(node, pyyaml.MappingNode) or node.flow_style:
        return
    for key, item in node.value:
        if isinstance(item, pyyaml.MappingNode) and not item.flow_style:
            inner = item.value[0][0].start_mark
            if inner.line > key.start_mark.line:  # an alias' is above
                yield inner.column - key.start_mark.column
        yield from _stands_in(item)


def _dump(document: Any, yaml: YAML) -> str:
    out = io.StringIO()
    cast("Any", yaml).dump(document, out)
    return out.getvalue()


def _styled(value: Any) -> Any:
    """The value in blocks, its short lists on a line, and texts in quotes where YAML could take them for something else."""
    if isinstance(value, dict):
        made = CommentedMap()
        for key, part in cast("dict[str, Any]", value).items():
            made[key] = _styled(part)
        return made
    if isinstance(value, list | tuple):
        listed: Any = CommentedSeq([_styled(each) for each in cast("list[Any]", value)])
        listed.fa.set_flow_style()
        return listed
    if isinstance(value, str) and (not PLAIN.fullmatch(value) or value.lower() in WORDS):
        return DoubleQuotedScalarString(value)
    return value
