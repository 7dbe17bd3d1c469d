"""What a kubeconfig tells of a cluster: which one it is, by its certificate authority, and the command that asks it."""

from __future__ import annotations

import base64
import hashlib
import shlex
from pathlib import Path
from typing import Any

import yaml


class KubeconfigError(ValueError):
    """A kubeconfig does not lead to a cluster; the text says why."""


def ca_hash(kubeconfig: str, context: str | None = None) -> str:
    """The first 12 hexadecimal digits of the sha256 of a cluster's CA: equal for one cluster, another for its successor.

    Args:
        kubeconfig: the file's text.
        context: which context; the current one when none is given.

    Raises:
        KubeconfigError: the context is not there, or its cluster has no CA.
    """
    try:
        config: dict[str, Any] = yaml.safe_load(kubeconfig)
        wanted = context or config["current-context"]
        cluster = _named(config["clusters"], _named(config["contexts"], wanted)["context"]["cluster"])["cluster"]
        authority = _authority(cluster)
    except (yaml.YAMLError, KeyError, TypeError, OSError, ValueError) as error:
        raise KubeconfigError(
            f"no cluster with a certificate authority in context `{context or 'current'}`: {error}"
        ) from error
    return hashlib.sha256(authority).hexdigest()[:12]


def identifier(kubeconfig: str, context: str) -> str:
    """The name by which a provider knows an existing cluster from its successor.

    Raises:
        KubeconfigError: the context leads to no cluster.
    """
    return f"{context}-{ca_hash(kubeconfig, context)}"


def kubectl(file: Path, context: str | None = None) -> str:
    """The command that asks the cluster of a kubeconfig, whichever cluster the user's own leads to; for a shell."""
    return shlex.join(["kubectl", "--kubeconfig", str(file), *(["--context", context] if context else [])])


def _named(items: list[dict[str, Any]], name: str) -> dict[str, Any]:
    for item in items:
        if item["name"] == name:
            return item
    raise KeyError(name)


def _authority(cluster: dict[str, Any]) -> bytes:
    if data := cluster.get("certificate-authority-data"):
        return base64.b64decode(data)
    return Path(cluster["certificate-authority"]).expanduser().read_bytes()
