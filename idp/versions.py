"""Every version that the platform installs, in one table: a new one is one line here, seen in the next preview.

Charts are those whose values the tests hold against the chart's own files. Images carry the digest of their multi-platform
index, taken from the release that publishes them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

EVERY = "*"
"""In `idp:charts`, the place of every chart that has no place of its own there."""


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A Helm chart, pinned."""

    name: str
    version: str
    place: str
    """What holds it, by its name: a chart repository (`https://`), a registry (`oci://`) or a folder of this machine."""

    @property
    def repository(self) -> str | None:
        """The chart repository's address, where the place is one."""
        return self.place if self.place.startswith(("https://", "http://")) else None

    @property
    def local(self) -> bool:
        """Whether it is a folder, which only this machine can read."""
        return "://" not in self.place

    @property
    def reference(self) -> str:
        """What Helm calls the chart: its name in a repository, else its whole address."""
        return self.name if self.repository else f"{self.place.rstrip('/')}/{self.name}"

    def among(self, places: Mapping[str, str]) -> Chart:
        """The same chart, taken from where a stack's config says."""
        return replace(self, place=places.get(self.name) or places.get(EVERY) or self.place)


@dataclass(frozen=True, kw_only=True)
class Image:
    """A container image, pinned by digest; the tag says to people what it is."""

    name: str
    tag: str
    digest: str

    def __str__(self) -> str:
        """The reference that a container runtime takes."""
        return f"{self.name}:{self.tag}@{self.digest}"


ARGOCD = Chart(name="argo-cd", version="10.1.1", place="https://argoproj.github.io/argo-helm")
TRAEFIK = Chart(name="traefik", version="41.3.0", place="https://traefik.github.io/charts")
CERT_MANAGER = Chart(name="cert-manager", version="v1.21.2", place="https://charts.jetstack.io")
SEALED_SECRETS = Chart(name="sealed-secrets", version="2.18.5", place="https://bitnami-labs.github.io/sealed-secrets")
BACKSTAGE = Chart(name="backstage", version="2.8.2", place="https://backstage.github.io/charts")

ADD_ONS: tuple[Chart, ...] = (  # what Argo CD installs from the GitOps repository
    Chart(name="kube-prometheus-stack", version="88.5.3", place="https://prometheus-community.github.io/helm-charts"),
    Chart(name="loki", version="18.11.0", place="https://grafana-community.github.io/helm-charts"),
    Chart(name="metrics-server", version="3.13.1", place="https://kubernetes-sigs.github.io/metrics-server"),
    Chart(
        name="opentelemetry-collector",
        version="0.170.0",
        place="https://open-telemetry.github.io/opentelemetry-helm-charts",
    ),
    Chart(name="tempo", version="2.2.4", place="https://grafana-community.github.io/helm-charts"),
)
CHARTS = (ARGOCD, TRAEFIK, CERT_MANAGER, SEALED_SECRETS, BACKSTAGE, *ADD_ONS)

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

STOCK_PORTAL = (
    Image(  # Backstage's own, with guests and a catalog and nothing of ours: for a laptop, until portal/ is built
        name="ghcr.io/backstage/backstage",
        tag="1.53.1",
        digest="sha256:bfb38d3452712c4e5b9e6630667932816425b3ac8de37b4b0daf86a09b4740f0",
    )
)

FORGE = Image(  # Gitea, whose users are no root
    name="docker.io/gitea/gitea",
    tag="1.26.4-rootless",
    digest="sha256:cd1d2614b403fc9b085fa52ceb4424dde9c4dcf5da8e3263abb27955562070c4",
)

POSTGRES = Image(
    name="docker.io/library/postgres",
    tag="17.6-alpine",
    digest="sha256:ef257d85f76e48da1c64832459b59fcaba1a4dac97bf5d7450c77753542eee94",
)
