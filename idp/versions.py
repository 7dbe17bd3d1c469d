"""Every version that the platform installs, in one table: a new one is one line here, seen in the next preview.

Charts are those whose values the tests hold against the chart's own files. Images carry the digest of their multi-platform
index, taken from the release that publishes them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A Helm chart, pinned."""

    name: str
    version: str
    repository: str
    """Address of the chart repository."""


@dataclass(frozen=True, kw_only=True)
class Image:
    """A container image, pinned by digest; the tag says to people what it is."""

    name: str
    tag: str
    digest: str

    def __str__(self) -> str:
        """The reference that a container runtime takes."""
        return f"{self.name}:{self.tag}@{self.digest}"


ARGOCD = Chart(name="argo-cd", version="10.1.1", repository="https://argoproj.github.io/argo-helm")

KIND_NODE = Image(  # the node image of Kind 0.32's release notes
    name="docker.io/kindest/node",
    tag="v1.36.1",
    digest="sha256:3489c7674813ba5d8b1a9977baea8a6e553784dab7b84759d1014dbd78f7ebd5",
)

PLACEHOLDER = Image(  # answers every path with 200, so that a service's first sync is healthy before its first build
    name="docker.io/traefik/whoami",
    tag="v1.11.0",
    digest="sha256:200689790a0a0ea48ca45992e0450bc26ccab5307375b41c84dfc4f2475937ab",
)
