"""The real Pulumi engine on a copy of this project, with the committed stack file unmodified."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
PLUGINS = PROJECT / "tests" / "support" / "plugins"
"""Where the lab's plugins stand in for the real ones, these see what the real ones would."""
PASSPHRASE = "planted-passphrase-0f8e"
CODE = ("__main__.py", "Pulumi.yaml", "idp", "components", "templates", "services")


@dataclass(kw_only=True)
class Engine:
    """One stack of one copy of the project, with a state, a home and a machine's worth of clusters of its own."""

    home: Path
    github_url: str
    stack: str = "dev"
    secrets: dict[str, str] = field(default_factory=dict)
    """Environment variables that hold tokens."""
    kind: Path = PROJECT / "tests" / "support" / "kind"
    """The one that needs no Docker, unless told otherwise."""

    def __post_init__(self) -> None:
        self.project.mkdir(parents=True)
        for name in (*CODE, f"Pulumi.{self.stack}.yaml"):
            source = PROJECT / name
            ignored = shutil.ignore_patterns("__pycache__", "node_modules")
            if source.is_dir():
                shutil.copytree(source, self.project / name, ignore=ignored)
            elif source.exists():
                shutil.copy(source, self.project / name)
        (self.project / ".venv").symlink_to(PROJECT / ".venv")
        for folder in ("backend", "pulumi", "bin", "clusters", "state"):
            (self.home / folder).mkdir()
        (self.home / "bin" / "kind").symlink_to(self.kind)
        self._init()

    @property
    def project(self) -> Path:
        """The copy that the engine runs."""
        return self.home / "project"

    @property
    def stack_file(self) -> Path:
        """The file of the engine's own: the committed one, with this stack's salt."""
        return self.home / f"Pulumi.{self.stack}.yaml"

    @property
    def environment(self) -> dict[str, str]:
        """What the engine, its plugins and the program see."""
        return {
            **{key: value for key, value in os.environ.items() if not key.startswith(("PULUMI_", "GITHUB_", "XDG_"))},
            "PATH": os.pathsep.join([str(self.home / "bin"), str(PLUGINS), os.environ["PATH"]]),
            "HOME": str(self.home),
            "IDP_LAB": os.environ.get("IDP_LAB", str(Path.home() / ".cache" / "idp-lab")),
            "XDG_STATE_HOME": str(self.home / "state"),
            "PULUMI_HOME": str(self.home / "pulumi"),
            "PULUMI_BACKEND_URL": f"file://{self.home / 'backend'}",
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "GITHUB_BASE_URL": f"{self.github_url}/",
            "IDP_KIND_HOME": str(self.home / "clusters"),
            "IDP_KIND_PYTHON": str(PROJECT / ".venv" / "bin" / "python"),
            **self.secrets,
        }

    def _init(self) -> None:
        """`stack init` writes into the file beside Pulumi.yaml; so it runs elsewhere, and its salt is appended to a copy."""
        shutil.copy(self.project / "Pulumi.yaml", self.home / "Pulumi.yaml")
        self._pulumi("stack", "init", self.stack, folder=self.home)
        salt = self.stack_file.read_text()
        self.use((self.project / self.stack_file.name).read_text() + salt)
        self._pulumi("stack", "select", self.stack)

    def use(self, config: str) -> None:
        """Run with this stack file from now on."""
        self.stack_file.write_text(config)

    def edit(self, old: str, new: str) -> None:
        """Change the entries as a team would: in the committed file and so in the engine's."""
        for file in (self.stack_file, self.project / self.stack_file.name):
            text = file.read_text()
            assert old in text, f"{old!r} is not in {file.name}"
            file.write_text(text.replace(old, new))

    def _pulumi(
        self, *arguments: str, folder: Path | None = None, check: bool = True, given: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        command = ["pulumi", "--non-interactive", "--color", "never", "-C", str(folder or self.project), *arguments]
        done = subprocess.run(
            command, env=self.environment, input=given, capture_output=True, text=True, timeout=300, check=False
        )
        if check and done.returncode:
            raise AssertionError(f"pulumi {' '.join(arguments)}\n{done.stdout}\n{done.stderr}")
        return done

    def set_secret(self, key: str, value: str) -> None:
        """As a user gives one; the value goes in by standard input, not among the arguments."""
        self._pulumi(
            "config", "set", "--secret", key, "--stack", self.stack, "--config-file", str(self.stack_file), given=value
        )

    def run(self, command: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """One of `up`, `preview`, `refresh`, `destroy`, to its end."""
        sure = [] if command == "preview" else ["--yes"]
        return self._pulumi(
            command, "--stack", self.stack, "--config-file", str(self.stack_file), *sure, *arguments, check=check
        )

    def changes(self, command: str = "up", *arguments: str) -> dict[str, int]:
        """What a run did, as operation -> number of resources, unchanged ones left out."""
        return self.counted(self.run(command, *arguments).stdout)

    @staticmethod
    def counted(text: str) -> dict[str, int]:
        """The same, from what the run printed."""
        said = text.rpartition("\nResources:\n")[2]
        found = re.findall(r"^ +[-+~]* ?(\d+) (created|updated|replaced|deleted|to \w+)$", said, re.MULTILINE)
        return {kind: int(number) for number, kind in found}

    def state(self) -> dict[str, Any]:
        """The state as the backend holds it: secrets encrypted."""
        return json.loads(self._pulumi("stack", "export", "--stack", self.stack).stdout)["deployment"]

    def resources(self) -> list[dict[str, Any]]:
        """The resources in the state, in the engine's order."""
        return self.state().get("resources", [])

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs, secrets in clear."""
        return json.loads(self._pulumi("stack", "output", "--json", "--show-secrets", "--stack", self.stack).stdout)

    def close(self) -> None:
        """Delete the clusters that were made or begun here, and no other: Docker may have other people's, too."""
        for intent in (self.home / "state").rglob("*.intent.json"):
            command = ["kind", "delete", "cluster", "--name", intent.name.removesuffix(".intent.json")]
            subprocess.run(command, env=self.environment, capture_output=True, check=False)
