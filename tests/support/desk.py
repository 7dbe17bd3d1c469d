"""A clone of this project on somebody's desk, used as the README says: by `python -m idp`, with its state below `.stacks`."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import Any

from tests.support.engine import Engine

OURS = ("PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE")


@dataclass(kw_only=True)
class Desk(Engine):
    """The clone, and the machine that it stands on."""

    def _init(self) -> None:
        """Nothing: the first `up` makes the stack."""

    @property
    def environment(self) -> dict[str, str]:
        """Without a backend or a passphrase: the folder has its own."""
        return {key: value for key, value in super().environment.items() if key not in OURS}

    @property
    def stacks(self) -> Any:
        """The git-ignored folder."""
        return self.project / ".stacks"

    def command(self, *arguments: str) -> list[str]:
        """A command line of the platform's own."""
        return [str(self.project / ".venv" / "bin" / "python"), "-m", "idp", *arguments]

    def idp(
        self, *arguments: str, check: bool = True, seconds: float = 300, **more: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; `more` is for its environment."""
        done = subprocess.run(
            self.command(*arguments), cwd=self.project, env=self.environment | more, capture_output=True, text=True,
            timeout=seconds, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        if check and done.returncode:
            raise AssertionError(f"idp {' '.join(arguments)}\n{done.stdout}\n{done.stderr}")
        return done

    @property
    def engines(self) -> dict[str, str]:
        """What `pulumi` sees when the platform's own command calls it."""
        kept = {"PULUMI_BACKEND_URL": f"file://{self.stacks / 'backend'}"}
        return self.environment | kept | {"PULUMI_CONFIG_PASSPHRASE_FILE": str(self.stacks / "passphrase")}

    def line(self, command: str, *arguments: str) -> list[str]:
        """The command line of an engine's run, as the platform's own command gives it."""
        file = str(self.stacks / self.stack / self.stack_file.name)
        return ["pulumi", command, "--stack", self.stack, "--config-file", file, *arguments]

    def run(self, command: str, *arguments: str, check: bool = True, **more: str) -> subprocess.CompletedProcess[str]:
        """A run of the engine, to its end; `more` is for its environment."""
        sure = [] if command == "preview" else ["--yes"]
        return self._direct(*self.line(command, *sure, *arguments), check=check, **more)

    def _direct(self, *command: str, check: bool = True, **more: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*command, "--non-interactive", "--color", "never"], cwd=self.project, env=self.engines | more, capture_output=True,
            text=True, timeout=300, check=False,
        )  # fmt: skip
        if check and done.returncode:
            raise AssertionError(f"{' '.join(command)}\n{done.stdout}\n{done.stderr}")
        return done

    def up(self, *arguments: str) -> dict[str, int]:
        """`make up`, and what it did."""
        return self.counted(self.idp("up", "--yes", *arguments).stdout)

    def state(self) -> dict[str, Any]:
        """The state as the backend holds it."""
        return json.loads(self._direct("pulumi", "stack", "export", "--stack", self.stack).stdout)["deployment"]

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs, secrets in clear."""
        return json.loads(
            self._direct("pulumi", "stack", "output", "--json", "--show-secrets", "--stack", self.stack).stdout
        )

    def edit(self, old: str, new: str) -> None:
        """Change the committed file, as a team would."""
        file = self.project / self.stack_file.name
        text = file.read_text()
        assert old in text, f"{old!r} is not in {file.name}"
        file.write_text(text.replace(old, new))
