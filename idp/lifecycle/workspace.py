"""The stack's own folder: state, salt, secrets and what the stack made, apart from the committed files.

`.stacks/` is ignored by git. Committed stack files hold no salt and no encrypted value; this folder holds a file made from
the committed one that has both, and every call of `pulumi` is told to use it.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from idp import goyaml, stackfile
from idp.lifecycle.state import Made, State

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

HOME = ".stacks"
SALTS = ("encryptionsalt", "secretsprovider", "encryptedkey")
"""What the engine keeps in a stack's file to open that file's secrets."""
HEADER = "# Made from {source}, which is the file to edit: `make up` writes this one anew and keeps salt and secrets.\n"
PASSPHRASES = ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE")


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """One stack's folder, and what `pulumi` is told through its environment."""

    root: Path
    """The folder of Pulumi.yaml; absolute."""
    stack: str

    @property
    def home(self) -> Path:
        """What all stacks of this folder share: the backend and the passphrase, unless the environment names others."""
        return self.root / HOME

    @property
    def folder(self) -> Path:
        """This stack's."""
        return self.home / self.stack

    @property
    def file(self) -> Path:
        """The stack file that the engine reads."""
        return self.folder / stackfile.stack_file(self.stack)

    @property
    def local_backend(self) -> Path:
        """Where the state is, when neither the environment nor the stack's config names another place."""
        return self.home / "backend"

    @property
    def backend(self) -> str:
        """The address of the state by the stack's config; a committed one is the same for everybody.

        Raises:
            MistakesError: the committed file cannot be read.
        """
        config = stackfile.read_config(self.root, self.stack)
        return config.values.get(f"{config.project}:backend") or f"file://{self.local_backend}"

    @property
    def passphrase(self) -> Path:
        """The file whose text encrypts this folder's secrets, when the environment gives none."""
        return self.home / "passphrase"

    def environment(self, outer: Mapping[str, str] = os.environ) -> dict[str, str]:
        """The environment of every `pulumi`: the caller's own choices, else the stack's backend and this folder's passphrase."""
        chosen = {"PULUMI_BACKEND_URL": self.backend, "PULUMI_SKIP_UPDATE_CHECK": "true"}
        if not any(outer.get(name) for name in PASSPHRASES):
            chosen[PASSPHRASES[1]] = str(self.passphrase)
        return chosen | {key: value for key, value in outer.items() if value or key not in chosen}

    def prepare(self) -> None:
        """Make the folder, and write the stack file anew from the committed one.

        Raises:
            MistakesError: the committed file cannot be read.
        """
        text = derived(self.root, self.stack, self.file)  # before anything is made: there may be no such stack
        for folder in (self.home, self.local_backend, self.folder):
            folder.mkdir(mode=0o700, exist_ok=True)
        if not self.passphrase.exists():
            _private(self.passphrase, secrets.token_urlsafe(32) + "\n")
        shutil.copy(self.root / "Pulumi.yaml", self.folder / "Pulumi.yaml")
        _private(self.file, text)

    def salted(self) -> bool:
        """Whether the stack file has what opens its secrets."""
        return any(line.startswith(SALTS) for line in self.file.read_text().splitlines())

    def add_salt(self, salt: str) -> None:
        """Take over the salt of a stack that another folder made."""
        with self.file.open("a") as file:
            file.write(f"encryptionsalt: {json.dumps(salt)}\n")

    @property
    def _ledger(self) -> Path:
        return self.folder / "made.json"

    def _noted(self) -> dict[str, Any]:
        return json.loads(self._ledger.read_text()) if self._ledger.exists() else {"repositories": {}, "clusters": []}

    def made(self) -> dict[str, Made]:
        """The repositories that this stack made or took over, by name."""
        noted = self._noted()["repositories"]
        return {name: Made(id=note["id"], rulesets=tuple(note["rulesets"])) for name, note in noted.items()}

    def note(self, name: str, made: Made) -> None:
        """Note a repository that is to be taken over at the next `recover`."""
        noted = self._noted()
        noted["repositories"][name] = {"id": made.id, "rulesets": list(made.rulesets)}
        _private(self._ledger, json.dumps(noted, indent=2) + "\n")

    def clusters(self) -> frozenset[str]:
        """Names of the Kind clusters that this stack made, or began to make."""
        return frozenset(self._noted()["clusters"])

    def remember(self, state: State) -> None:
        """Note what a state holds of repositories, rulesets and clusters; what was noted before stays."""
        before = self.made()
        known = before | {name: one.and_before(before.get(name)) for name, one in state.made().items()}
        notes = {
            "repositories": {
                name: {"id": one.id, "rulesets": list(one.rulesets)} for name, one in sorted(known.items())
            },
            "clusters": sorted(self.clusters() | state.clusters()),
        }
        _private(self._ledger, json.dumps(notes, indent=2) + "\n")


def derived(root: Path, stack: str, before: Path) -> str:
    """The engine's stack file: the committed config, with salt and encrypted values of the file before.

    Values are written as JSON, which YAML's readers agree on.
    """
    source = stackfile.stack_file(stack)
    document = goyaml.read(root, source)
    name = stackfile.project(root)
    config = stackfile.config_section(document, name)
    salts = {key: value for key, value in stackfile.mapping(document.value).items() if key in SALTS}
    if before.exists():
        old = goyaml.read(before.parent, before.name)
        salts = {key: value for key, value in stackfile.mapping(old.value).items() if key in SALTS} or salts
        encrypted = {key: value for key, value in stackfile.config_section(old, name).items() if stackfile.hides(value)}
        config = encrypted | config
    return HEADER.format(source=source) + "".join(_lines(config, salts))


def _lines(config: Mapping[str, Any], salts: Mapping[str, Any]) -> Iterator[str]:
    yield "config:\n" if config else "config: {}\n"
    yield from (f"  {json.dumps(key)}: {json.dumps(value)}\n" for key, value in config.items())
    yield from (f"{key}: {json.dumps(value)}\n" for key, value in salts.items())


def _private(path: Path, text: str) -> None:
    """Write a file that nobody else may read, whole or not at all."""
    beside = path.with_name(f"{path.name}.new")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    beside.replace(path)
