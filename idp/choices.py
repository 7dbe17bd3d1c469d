"""What a stack's config comes to where it leaves the choice to the platform: addresses, ports, placement, charts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from idp import naming, versions
from idp.errors import nearest
from idp.model import ExistingIngress, ExistingIssuer, KindSpec, LoadBalancerIngress, NodePortIngress, OwnDatabase

if TYPE_CHECKING:
    from collections.abc import Iterator

    from idp.model import PlatformConfig
    from idp.versions import Chart

HTTP = 80
TRAEFIK_CLASS = "traefik"
NAMES = {
    "argocd": "Argo CD",
    "cert_manager": "cert-manager",
    "sealed_secrets": "Sealed Secrets",
    "observability": "observability",
}


def on_kind(config: PlatformConfig) -> bool:
    """Whether the stack makes its own cluster on this machine."""
    return isinstance(config.cluster, KindSpec)


def ingress(config: PlatformConfig) -> Literal["nodePort", "loadBalancer", "existing"]:
    """How requests come in."""
    if config.ingress.mode == "default":
        return "nodePort" if isinstance(config.cluster, KindSpec) else "loadBalancer"
    return config.ingress.mode


def ports(config: PlatformConfig) -> tuple[int, int]:
    """Of http and https, as a browser sees them."""
    if isinstance(config.cluster, KindSpec):
        return config.cluster.http_port, config.cluster.https_port
    if isinstance(config.ingress, NodePortIngress):
        return naming.HTTP_NODE_PORT, naming.HTTPS_NODE_PORT
    return HTTP, naming.HTTPS


def addresses(config: PlatformConfig) -> naming.Addresses:
    """Where everything that the platform runs is reached, from a browser and from a pod."""
    return naming.Addresses(domain=config.domain, port=ports(config)[1])


def ingress_class(config: PlatformConfig) -> str:
    """The IngressClass of every Ingress of the platform."""
    return config.ingress.ingress_class if isinstance(config.ingress, ExistingIngress) else TRAEFIK_CLASS


def load_balancer(config: PlatformConfig) -> dict[str, str]:
    """Annotations of its Service, for whoever makes the load balancer."""
    return dict(config.ingress.annotations) if isinstance(config.ingress, LoadBalancerIngress) else {}


def forge(config: PlatformConfig) -> bool:
    """Whether the stack has a forge of its own, and nothing on GitHub."""
    return config.github == "local"


def issuer(config: PlatformConfig) -> ExistingIssuer | None:
    """The issuer that is there already; nothing where the stack has an authority of its own."""
    return config.issuer if isinstance(config.issuer, ExistingIssuer) else None


def placement(config: PlatformConfig, role: Literal["platform", "workloads"]) -> dict[str, str]:
    """The node labels that pods of one role ask for: the config's, else those that our Kind cluster's nodes carry."""
    if (chosen := getattr(config.placement, role)) is not None:
        return dict(chosen)
    return {"role": role} if isinstance(config.cluster, KindSpec) and config.cluster.workers > 1 else {}


def portal(config: PlatformConfig) -> str | None:
    """The portal's image: ours once it is built, until then Backstage's own on a laptop, and elsewhere none."""
    if config.components.portal == "off":
        return None
    return config.portal.image or (str(versions.STOCK_PORTAL) if config.local else None)


def volumes(config: PlatformConfig) -> tuple[str, ...]:
    """The parts of the platform that ask the cluster's default StorageClass for volumes."""
    wanted = {
        "observability": config.components.observability == "install",
        "portal.database": portal(config) is not None and isinstance(config.portal.database, OwnDatabase),
    }
    return tuple(name for name, asks in wanted.items() if asks)


def chart(config: PlatformConfig, wanted: Chart) -> Chart:
    """A chart, from where this stack takes it."""
    return wanted.among(config.charts)


def add_ons(config: PlatformConfig) -> tuple[Chart, ...]:
    """The charts that Argo CD installs beside the core."""
    return (
        tuple(chart(config, each) for each in versions.ADD_ONS) if config.components.observability == "install" else ()
    )


def mistakes(config: PlatformConfig) -> Iterator[tuple[tuple[str, ...], str]]:
    """What does not fit together, with what to write instead."""
    if on_kind(config):
        for field, word in config.components:
            if word == "existing":
                key = str(type(config.components).model_fields[field].alias)
                message = f"a Kind cluster is new and has no {NAMES[field]}; write `install`, or leave it out"
                yield ("components", key), message
        if config.ingress.mode in {"loadBalancer", "existing"}:
            message = "a Kind cluster is new and has neither load balancers nor a controller; leave `ingress` out"
            yield ("ingress", "mode"), message
    if issuer(config) and (ingress(config) == "existing" or config.components.cert_manager == "off"):
        message = (
            "no certificate is made where the ingress controller is another's or cert-manager is off; leave it out"
        )
        yield ("issuer",), message
    for each in add_ons(config):
        if each.local:
            key = each.name if each.name in config.charts else versions.EVERY
            message = (
                f"Argo CD installs {each.name}, and cannot read a folder of this machine: `{each.place}`; name a "
                "repository (https://) or a registry (oci://)"
            )
            yield ("charts", key), message
    yield from _against_a_forge(config)
    forms = config.components.portal == "install" and not forge(config)
    if config.portal.image and forms and not config.repository:
        yield (
            ("portal", "image"),
            "its forms open pull requests on `idp:repository`, which is empty; name this repository",
        )
    known = {each.name for each in versions.CHARTS}
    for name in sorted(config.charts.keys() - known - {versions.EVERY}):
        message = f"no chart of the platform has this name{nearest(name, known)}; there are {', '.join(sorted(known))}"
        yield ("charts", name), message


def _against_a_forge(config: PlatformConfig) -> Iterator[tuple[tuple[str, ...], str]]:
    """What keeps a forge from being made or reached, where the stack wants one."""
    if not forge(config):
        return
    if not on_kind(config):
        yield ("github",), "`local` keeps a forge in a cluster of the stack's own; on this one say `own` or `reference`"
        return
    if config.components.cert_manager != "install" or issuer(config):
        message = "its forge is reached by https with a certificate of the stack's own authority; leave this out"
        yield ("issuer",) if issuer(config) else ("components", "certManager"), message
    taken = {config.organization.lower(): "the organization", **dict.fromkeys(naming.FORGE_ACCOUNTS, "the platform")}
    for name, team in config.teams.items():
        if team.github == naming.FORGE_OWNERS or team.github.startswith(naming.FORGE_PREFIX):
            yield ("teams", name, "github"), f"`{team.github}` is a team that the forge has already; choose another"
        for login in team.members:
            if whose := taken.get(login.lower()):
                yield (
                    ("teams", name, "members"),
                    f"in the forge `{login}` is the account of {whose}; choose another name",
                )
