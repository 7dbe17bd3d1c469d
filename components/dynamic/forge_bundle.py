"""What people made in a forge, as git's bundles on this machine.

The forge goes with its cluster; the one of the next cluster gets everything back from these.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from components.dynamic.forge_client import LOOPBACK, is_here
from components.dynamic.kind_cluster import Folder

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

SUFFIX = ".bundle"
REFS = ("refs/heads/*:refs/heads/*", "refs/tags/*:refs/tags/*")
"""Branches and tags; the refs of pull requests are the forge's own, and it takes none."""
SIGN_IN = '!f() { echo "username=$IDP_FORGE_USER"; echo "password=$IDP_FORGE_PASSWORD"; }; f'
"""git asks this for the password, which so is in no argument, no file and no address."""


class BundleError(Exception):
    """A repository cannot be kept or put back; the text is what git said."""


@dataclass(frozen=True)
class Bundles:
    """The bundles of one stack's forge; beside the kubeconfig of its cluster, and as private."""

    folder: Path

    @staticmethod
    def of(project: str, stack: str) -> Bundles:
        """Those of a stack on this machine."""
        return Bundles(Folder(project=project, stack=stack).path / "bundles")

    def file(self, repository: str) -> Path:
        """Where a repository's is, or would be."""
        return self.folder / f"{repository}{SUFFIX}"

    def kept(self) -> dict[str, float]:
        """Repository -> when its bundle was made, in seconds since 1970."""
        return {file.name.removesuffix(SUFFIX): file.stat().st_mtime for file in sorted(self.folder.glob(f"*{SUFFIX}"))}

    def keep(self, access: Mapping[str, Any], full_name: str) -> Path:
        """Write a repository's bundle, in the place of an earlier one once it is whole; the file.

        Args:
            access: the forge, and as whom.
            full_name: `organization/repository`; it has commits.

        Raises:
            BundleError: git is not there, or fails.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = self.file(full_name.partition("/")[2])
        with _signed_in(access) as git, tempfile.TemporaryDirectory() as mirror:
            git("clone", "--quiet", "--mirror", f"{access['url']}/{full_name}.git", mirror)
            beside = file.with_suffix(".new")
            git("-C", mirror, "bundle", "create", "--quiet", str(beside), "--branches", "--tags")
            beside.replace(file)
        return file

    def restore(self, access: Mapping[str, Any], full_name: str) -> bool:
        """Put a repository's history into its empty successor, all of it or nothing; whether there was a bundle.

        Raises:
            BundleError: git is not there, or fails.
        """
        file = self.file(full_name.partition("/")[2])
        if not file.is_file():
            return False
        with _signed_in(access) as git, tempfile.TemporaryDirectory() as mirror:
            git("clone", "--quiet", "--mirror", str(file), mirror)
            git("-C", mirror, "push", "--quiet", "--atomic", f"{access['url']}/{full_name}.git", *REFS)
        return True


@contextmanager
def _signed_in(access: Mapping[str, Any]) -> Generator[Any]:
    """A function that runs git as somebody, trusting the forge's authority and nobody else's; without people's own settings."""
    with tempfile.TemporaryDirectory() as folder:
        authority = Path(folder) / "authority.pem"
        authority.write_text(str(access["authority"]))
        where = urlsplit(str(access["url"]))
        options = ["-c", "credential.helper=", "-c", f"credential.helper={SIGN_IN}", "-c", "http.followRedirects=false"]
        if is_here(where.hostname):  # as the client: not every libc, and not every curl, knows names below `.localhost`
            options += [
                "-c",
                "http.proxy=",
                "-c",
                f"http.curloptResolve={where.hostname}:{where.port or 443}:{LOOPBACK}",
            ]
        environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")} | {
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "IDP_FORGE_USER": str(access["user"]),
            "IDP_FORGE_PASSWORD": str(access["password"]),
        }
        if where.scheme == "https":
            environment["GIT_SSL_CAINFO"] = str(authority)  # the variable, which goes before any setting

        def git(*arguments: str) -> None:
            try:
                done = subprocess.run(
                    ["git", *options, *arguments],  # noqa: S607
                    env=environment, capture_output=True, text=True, check=False,
                )  # fmt: skip
            except OSError as error:
                raise BundleError(f"`git` cannot be run ({error.strerror}), by which bundles are made") from None
            if done.returncode:
                raise BundleError(f"git {' '.join(arguments[:4])} failed: {done.stderr.strip()}")

        yield git
