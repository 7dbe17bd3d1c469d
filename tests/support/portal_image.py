"""The portal's image, made from its Dockerfile as the workflow makes it, on a base of this machine's Debian and Node.

No image can be pulled here. Docker's build cache keeps what has not changed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from tests.support import portal
from tests.support.engine import PROJECT
from tests.support.platform_node import DOCKER, docker

NAME = "docker.io/idp-tests/portal:1"
DEBIAN, NODE = "idp-tests-debian:bookworm", "idp-tests-node24:1"
SETTINGS = {"/etc/ssl/certs/ca-certificates.crt", "/etc/pip.conf", "/usr/local/etc/npmrc"}
"""By which this machine reaches registries; copied where they are."""


def missing() -> list[str]:
    """What the image cannot be made without."""
    parts = {"debootstrap": shutil.which("debootstrap", path="/usr/sbin:/usr/bin"), "Node 24": portal.node()}
    return [name for name, there in parts.items() if not there]


@cache
def image() -> str:
    """Its name."""
    if not docker("images", "--quiet", DEBIAN):
        _debian()
    with tempfile.TemporaryDirectory() as folder:
        _node(Path(folder))
    _build(PROJECT / "portal", NAME, f"--build-arg=NODE={NODE}")
    return NAME


def _debian() -> None:
    said = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)"], capture_output=True, text=True, check=True
    ).stdout
    source = next(line for line in said.splitlines() if line.rstrip("/").endswith("/debian"))
    packages = "--include=ca-certificates,python3,python3-venv"
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            ["/usr/sbin/debootstrap", "--variant=minbase", packages, "bookworm", folder, source], check=True, timeout=300,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        with subprocess.Popen(["tar", "--directory", folder, "--create", "."], stdout=subprocess.PIPE) as archive:
            docker("import", "-", DEBIAN, given=archive.stdout)


def _node(folder: Path) -> None:
    """Node and npm as the official image has them, with a user `node`."""
    package = Path(str(portal.node())).parents[1]
    shutil.copy(package / "bin" / "node", folder / "node")
    shutil.copytree(package / "lib" / "node_modules" / "npm", folder / "npm", symlinks=True)
    lines = [f"FROM {DEBIAN}", "COPY npm /usr/local/lib/node_modules/npm", "COPY node /usr/local/bin/node"]
    for number, file in enumerate(sorted(map(Path, SETTINGS))):
        if file.exists():
            shutil.copy(file, folder / str(number))
            lines.append(f"COPY {number} {file}")
    certificates = "/etc/ssl/certs/ca-certificates.crt"
    lines += [
        "RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm && useradd --uid 1000 node",
        f"ENV NODE_EXTRA_CA_CERTS={certificates} PIP_CERT={certificates}",
    ]
    (folder / "Dockerfile").write_text("\n".join(lines))
    _build(folder, NODE)


def _build(folder: Path, name: str, *options: str) -> None:
    command = [DOCKER, "build", "--quiet", "--network=host", "--tag", name, *options, str(folder)]
    environment = {**os.environ, "DOCKER_BUILDKIT": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr[-4000:]
