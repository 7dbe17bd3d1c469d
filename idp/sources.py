"""Where each value of a stack's config stands, so that a mistake in it is told with its file and line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from idp import stackfile
from idp.errors import Mistake, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Where = tuple[str | int, ...]
"""A config key, or a name in services/, and the way from there to a value."""
NAMESPACES = frozenset({"pulumi", "github", "kubernetes", "kubernetes-cert-manager"})
"""Of config keys beside the project's own: the engine's, and those of the packages that the program uses."""


class Sources:
    """Where each value of the config stands: the stack's file, Pulumi.yaml's defaults, or a file of its own."""

    def __init__(self, root: Path, stack: str, project: str) -> None:
        """Read the files that people write; a stack without a file has its values from elsewhere."""
        self.project = project
        self.stack = stackfile.stack_file(stack)
        files = [file for file in (self.stack, "Pulumi.yaml") if (root / file).exists()]
        self.documents, spoilt = stackfile.readable(root, files)
        services, unread = stackfile.readable(root, stackfile.service_files(root))
        self.misnamed = tuple(f"services/{file.name}" for file in sorted((root / "services").glob("*.yml")))
        self.entries = {Path(file).stem: document for file, document in services.items()}
        self.mistakes = (*spoilt, *unread)
        """What is wrong with files that cannot be read."""
        self.unread = frozenset(name for each in unread if self._inline(name := Path(each.file).stem) is None)
        """The services whose entries are in such files."""

    def mistake(self, where: Where, message: str) -> Mistake:
        """A mistake with its file and line; `where` starts at a config key, or at a name in services/."""
        if len(where) > 1 and where[0] == "services" and self._separate(str(where[1])):
            document, path = self.entries[str(where[1])], where[2:]
            return Mistake(
                file=document.file, line=document.line(path) or 1, path=".".join(map(str, path)), message=message
            )
        file, line = self._place(where)
        return Mistake(file=file, line=line, path=".".join(map(str, where)), message=message)

    def absent(self, key: str, message: str) -> Mistake:
        """A mistake of the stack's file, which should give a key, whatever Pulumi.yaml has for stacks that do not."""
        document = self.documents.get(self.stack)
        keys = (key, f"{self.project}:{key}")
        line = max(document.line(("config", each)) for each in keys) if document else 0
        return Mistake(file=self.stack, line=line, path=key, message=message)

    def _separate(self, service: str) -> bool:
        """Whether a service has a file of its own and no entry in the stack's file."""
        return service in self.entries and self._inline(service) is None

    def _inline(self, service: str) -> str | None:
        """The key in the stack's file under which a service has an entry there; the engine takes it with or without prefix."""
        document, keys = self.documents.get(self.stack), ("services", f"{self.project}:services")
        return next((key for key in keys if document and ("config", key, service) in document.lines), None)

    def entry(self, service: str) -> str:
        """The file of a service's entry; where it holds more than that, its path in the file after a `#`."""
        if self._separate(service):
            return self.entries[service].file
        return f"{self.stack}#config/{self._inline(service) or f'{self.project}:services'}/{service}"

    def _place(self, where: Where) -> tuple[str, int]:
        key, *rest = where
        for file, document in self.documents.items():
            for start in (("config", f"{self.project}:{key}"), ("config", key)):
                if line := document.line((*start, *rest)) if start in document.lines else 0:
                    return file, line
        return self.stack, 0

    def strangers(self, known: Iterable[str]) -> Iterator[Mistake]:
        """Keys in the stack's file and in Pulumi.yaml's config that nobody reads; the engine takes them without a word."""
        keys = set(known)
        for file, document in self.documents.items():
            top = stackfile.mapping(document.value) if file == self.stack else {}
            for word in top.keys() - stackfile.TOP:
                message = f"unknown key{nearest(word, stackfile.TOP)}"
                yield Mistake(file=file, line=document.line((word,)), path=word, message=message)
            for whole in stackfile.config_section(document, self.project):
                namespace, _, key = whole.partition(":")
                if namespace == self.project and key not in keys:
                    yield self.mistake((key,), f"unknown key{nearest(key, keys)}")
                elif namespace not in {self.project, *NAMESPACES}:
                    known_as = {self.project, *NAMESPACES}
                    way = f"; did you mean `{self.project}:{key}`?" if key in keys else nearest(namespace, known_as)
                    yield self.mistake((whole,), f"unknown namespace{way}")
