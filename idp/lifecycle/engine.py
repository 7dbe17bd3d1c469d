"""The `pulumi` command on one stack: its state, its locks, and the runs that change something."""

from __future__ import annotations

import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from idp import stackfile
from idp.lifecycle import backend
from idp.lifecycle.state import State

if TYPE_CHECKING:
    from idp.lifecycle.workspace import Workspace

WITH_CONFIG = frozenset({"up", "preview", "refresh", "destroy", "import", "config", "watch", "logs"})
"""Commands that read the stack's file; the others know no `--config-file`."""
WITHOUT_STACK = frozenset({"plugin", "version", "about", "login", "logout", "whoami", "install", "help"})


class EngineError(Exception):
    """`pulumi` failed; the text is what it said."""


@dataclass(frozen=True, kw_only=True)
class Engine:
    """Runs `pulumi` with the stack's own file, backend and passphrase."""

    workspace: Workspace

    def ready(self) -> None:
        """Make the stack's folder, and the stack itself where there is none yet.

        Raises:
            EngineError: the backend cannot be reached, or the passphrase is another one.
            MistakesError: the committed file cannot be read.
        """
        space = self.workspace
        space.prepare()
        backend.mend(space.environment()["PULUMI_BACKEND_URL"], stackfile.project(space.root), space.stack)
        known = {
            stack["name"].rpartition("/")[2] for stack in json.loads(self._read("stack", "ls", "--json", inside=True))
        }
        if space.stack not in known:
            self._read("stack", "init", space.stack, "--no-select", inside=True)
        elif not space.salted() and (salt := self.state().salt):
            space.add_salt(salt)

    def command(self, *arguments: str) -> list[str]:
        """The whole command line for a command of `pulumi`."""
        first = arguments[0] if arguments else "help"
        stack = [] if first in WITHOUT_STACK else ["--stack", self.workspace.stack]
        config = ["--config-file", str(self.workspace.file)] if first in WITH_CONFIG else []
        return ["pulumi", *arguments, *stack, *config]

    def attend(self, *arguments: str) -> int:
        """Run a command on the user's terminal; its exit code."""
        command, environment = self.command(*arguments), self.workspace.environment()
        return subprocess.run(command, cwd=self.workspace.root, env=environment, check=False).returncode

    def quietly(self, *arguments: str) -> str:
        """Run a command without questions; what it printed.

        Raises:
            EngineError: it failed.
        """
        return self._read(*self.command(*arguments)[1:])

    def state(self, *, secrets: bool = False) -> State:
        """The stack's state as the backend holds it; with `secrets`, those in clear, for reading only."""
        text = self.quietly("stack", "export", *(["--show-secrets"] if secrets else []))
        return State(json.loads(text))

    def replace(self, state: State) -> None:
        """Put another state in its place; there is no file of it, as it may hold a key that is still to be encrypted."""
        self._read(*self.command("stack", "import")[1:], given=json.dumps(state.export))

    def take(self, resources: dict[str, Any]) -> None:
        """Read live resources into the state; nothing is changed where they live.

        Raises:
            EngineError: one is not there, or a provider refuses.
        """
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "import.json"
            file.write_text(json.dumps(resources))
            self.quietly("import", "--file", str(file), "--generate-code=false", "--skip-preview", "--yes")

    def secret(self, key: str) -> str | None:
        """A secret of the stack's config; nothing where there is none."""
        try:
            return self.quietly("config", "get", key).strip() or None
        except EngineError:
            return None

    def _read(self, *arguments: str, inside: bool = False, given: str | None = None) -> str:
        """Standard output of a command, run in the project's folder or inside the stack's own."""
        where = self.workspace.folder if inside else self.workspace.root
        try:
            done = subprocess.run(
                ["pulumi", "--non-interactive", "--color", "never", *arguments],  # noqa: S607
                cwd=where, env=self.workspace.environment(), input=given, capture_output=True, text=True, check=False,
            )  # fmt: skip
        except FileNotFoundError as error:
            raise EngineError(
                f"`pulumi` cannot be run ({error}); `python -m idp doctor` says what is lacking"
            ) from None
        if done.returncode:
            said = "\n".join(text for text in (done.stderr.strip(), done.stdout.strip()) if text)
            raise EngineError(f"`pulumi {arguments[0]}` failed:\n{said}")
        return done.stdout
