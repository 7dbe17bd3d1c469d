"""Images made by Docker from our own Dockerfiles, on bases of this machine's Debian, Node and Python: none can be pulled here.

A base stands for the one that a Dockerfile pins by digest, which no image made here can have; it is given as the build argument.
Docker's build cache keeps what has not changed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support import portal
from tests.support.platform_node import DOCKER, docker

if TYPE_CHECKING:
    from collections.abc import Mapping

DEBIAN = "idp-tests-debian:bookworm"
NODE, PYTHON = "idp-tests-node24:1", "idp-tests-python:1"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
SETTINGS = (CERTIFICATES, "/etc/pip.conf", "/usr/local/etc/npmrc")
"""By which this machine reaches registries; copied where they are."""


def missing() -> list[str]:
    """What no image can be made without."""
    parts = {"debootstrap": shutil.which("debootstrap", path="/usr/sbin:/usr/bin"), "Node 24": portal.node()}
    return [name for name, there in parts.items() if not there]


def base(image: str) -> str:
    """What stands for a base image, such as `node:24-alpine@sha256:...`.

    Raises:
        LookupError: nothing does; a template in another language brings its base here.
    """
    made = {"node": node, "python": python}.get(image.partition(":")[0])
    if made is None:
        raise LookupError(f"nothing stands for the base image {image}; tests/support/images.py has node and python")
    return made()


@cache
def debian() -> str:
    """Debian with Python, which both bases are made from; one process makes it, others wait."""
    with (Path(tempfile.gettempdir()) / "idp-tests-debian.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not docker("images", "--quiet", DEBIAN):
            _debootstrap()
    return DEBIAN


def _debootstrap() -> None:
    said = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)"], capture_output=True, text=True, check=True
    ).stdout
    source = next(line for line in said.splitlines() if line.rstrip("/").endswith("/debian"))
    packages = "--include=ca-certificates,python3,python3-venv"
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(  # a minute; on a busy machine several, and one that is killed leaves a mounted /proc behind
            ["/usr/sbin/debootstrap", "--variant=minbase", packages, "bookworm", folder, source], check=True, timeout=900,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        with subprocess.Popen(["tar", "--directory", folder, "--create", "."], stdout=subprocess.PIPE) as archive:
            docker("import", "-", DEBIAN, given=archive.stdout)


@cache
def node() -> str:
    """Node and npm as the official image has them, with a user `node`."""
    package = Path(str(portal.node())).parents[1]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(package / "bin" / "node", folder / "node")
        shutil.copytree(package / "lib" / "node_modules" / "npm", folder / "npm", symlinks=True)
        lines = [
            "COPY npm /usr/local/lib/node_modules/npm",
            "COPY node /usr/local/bin/node",
            "RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm && useradd --uid 1000 node",
        ]
        return _base(folder, NODE, lines)


@cache
def python() -> str:
    """Debian's Python, older than the one that the template pins: it runs on both."""
    with tempfile.TemporaryDirectory() as folder:
        return _base(Path(folder), PYTHON, [])


def _base(folder: Path, name: str, lines: list[str]) -> str:
    """Debian with these lines of a Dockerfile, and this machine's way to its registries."""
    settings: list[str] = []
    for number, file in enumerate(map(Path, SETTINGS)):
        if file.exists():
            shutil.copy(file, folder / str(number))
            settings.append(f"COPY {number} {file}")
    reach = f"ENV NODE_EXTRA_CA_CERTS={CERTIFICATES} PIP_CERT={CERTIFICATES}"
    (folder / "Dockerfile").write_text("\n".join([f"FROM {debian()}", *settings, reach, *lines]))
    return build(folder, name)


def forget(prefix: str) -> None:
    """Take the names of images away that begin so: those of one run's repositories; layers stay in the build cache."""
    names = docker("images", "--format", "{{.Repository}}:{{.Tag}}").split()
    ours = [name for name in names if name.startswith(prefix)]
    if ours:
        docker("image", "rm", "--force", *ours)


def build(folder: Path, name: str, arguments: Mapping[str, str] | None = None) -> str:
    """Make an image from a folder with a Dockerfile; its name. The image that had this name before goes."""
    before = _named(name)
    given = [f"--build-arg={key}={value}" for key, value in (arguments or {}).items()]
    command = [DOCKER, "build", "--quiet", "--network=host", "--tag", name, *given, str(folder)]
    environment = {**os.environ, "DOCKER_BUILDKIT": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, f"docker build of {name}: {done.stderr[-4000:]}"
    if before not in ("", _named(name)):  # it stays where it has another name
        subprocess.run([DOCKER, "image", "rm", before], capture_output=True, check=False)
    return name


def _named(name: str) -> str:
    """Which image has this name, if any."""
    return docker("images", "--quiet", "--no-trunc", name.removeprefix("docker.io/"))
