"""Container images written straight into an OCI layout, from files of this machine: no registry and no image builder.

A layer that several images share is stored once. Nothing in it depends on the clock, so the same files make the same image.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Files = Mapping[str, "Path | str"]
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
NAME = "io.containerd.image.name"
"""The annotation that containerd takes an image's name from."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Layer:
    """Part of a root filesystem, by absolute path; everything is root's, and what is a file may be executed."""

    files: Files = field(default_factory=dict)
    """A path stands for a file of this machine, a text for itself."""
    links: Mapping[str, str] = field(default_factory=dict)
    folders: tuple[str, ...] = ()
    """Those that anybody may write to."""

    def inputs(self) -> list[str]:
        """What decides what is in it, in a form to compare; a file of this machine by size and age."""
        files = {path: source if isinstance(source, str) else _print(source) for path, source in self.files.items()}
        return [json.dumps([files, dict(self.links), self.folders])]


@dataclass(frozen=True, kw_only=True)
class Image:
    """An image, by the names that its users ask for; one may be a name with a digest, which nobody compares."""

    names: tuple[str, ...]
    layers: tuple[Layer, ...]
    entrypoint: tuple[str, ...]
    user: str = "65532"
    environment: tuple[str, ...] = ("PATH=/usr/local/bin:/usr/bin:/bin",)

    def inputs(self) -> list[str]:
        """The same, for the whole."""
        own = json.dumps([self.names, self.entrypoint, self.user, self.environment])
        return [own, *(line for layer in self.layers for line in layer.inputs())]


def _print(file: Path) -> str:
    seen = file.stat()
    return f"{seen.st_size} {seen.st_mtime_ns}"


def full_name(name: str) -> str:
    """A name as containerd keeps it: Docker's own registry has a folder for names without one."""
    return re.sub(r"^docker\.io/(?=[^/]+$)", "docker.io/library/", name)


def closure(*programs: str) -> dict[str, Path]:
    """Programs of this machine with the libraries that they load, at the places where they look for them."""
    found: dict[str, Path] = {}
    for program in programs:
        found[program] = Path(program)
        said = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
        for library in re.findall(r"(/\S+) \(0x", said):
            found[library] = Path(library)
    return found


def write(images: list[Image], folder: Path) -> None:
    """Make a folder an OCI layout of these images."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    layers = {layer: _layer(blobs, layer) for image in images for layer in image.layers}
    entries: list[dict[str, Any]] = []
    for image in images:
        mine = [layers[layer] for layer in image.layers]
        config = {
            "architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [one["digest"] for one in mine]},
            "config": {"Entrypoint": image.entrypoint, "User": image.user, "Env": image.environment},
        }  # fmt: skip
        manifest = {
            "schemaVersion": 2, "mediaType": MANIFEST, "config": _json(blobs, CONFIG, config), "layers": mine,
        }  # fmt: skip
        stored = _json(blobs, MANIFEST, manifest)
        entries += [stored | {"annotations": {NAME: full_name(name)}} for name in image.names]
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')


def _json(blobs: Path, media_type: str, value: dict[str, Any]) -> dict[str, Any]:
    data = json.dumps(value).encode()
    digest = hashlib.sha256(data).hexdigest()
    (blobs / digest).write_bytes(data)
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}


def _layer(blobs: Path, layer: Layer) -> dict[str, Any]:
    new = blobs / "new"
    with tarfile.open(new, "w") as archive:
        for path in layer.folders:
            _add(archive, path, tarfile.DIRTYPE, mode=0o1777)
        for path, source in layer.files.items():
            if isinstance(source, str):
                _add(archive, path, tarfile.REGTYPE, content=io.BytesIO(source.encode()), size=len(source.encode()))
            else:
                with source.open("rb") as content:
                    _add(archive, path, tarfile.REGTYPE, content=content, size=source.stat().st_size)
        for path, target in layer.links.items():
            _add(archive, path, tarfile.SYMTYPE, target=target)
    with new.open("rb") as written:
        digest = hashlib.file_digest(written, "sha256").hexdigest()
    new.rename(blobs / digest)
    return {"mediaType": LAYER, "digest": f"sha256:{digest}", "size": (blobs / digest).stat().st_size}


def _add(
    archive: tarfile.TarFile, path: str, kind: bytes, *, mode: int = 0o755, target: str = "", size: int = 0,
    content: Any = None,
) -> None:  # fmt: skip
    entry = tarfile.TarInfo(path.lstrip("/"))
    entry.type, entry.mode, entry.linkname, entry.size = kind, mode, target, size
    archive.addfile(entry, content)
