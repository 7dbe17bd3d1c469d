"""What an existing cluster has already that is not this stack's: told before anything is registered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from idp import choices, naming
from idp.cluster_api import labels
from idp.model import ExistingIngress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from idp.catalog import Catalog
    from idp.cluster_api import ClusterApi
    from idp.model import PlatformConfig
    from idp.sources import Where

CRD = "applications.argoproj.io"
"""What a cluster with an Argo CD knows, in whatever namespace that runs."""
CERT_MANAGER = "cert-manager.io"
"""The group of cert-manager's own kinds."""
ISSUERS = f"issuers.{CERT_MANAGER}"
"""What a cluster with a cert-manager knows."""


def conflicts(catalog: Catalog, owner: naming.Owner, api: ClusterApi) -> Iterator[tuple[Where, str]]:
    """Where the config and the cluster do not fit, with what to write instead.

    Raises:
        ClusterError: the cluster does not answer.
    """
    yield from _argocd(owner, api)
    yield from _parts(catalog.config, owner, api)
    for team in catalog.teams:
        for environment in catalog.deploys:
            name = naming.team_namespace(team.name, environment)
            if whose := _somebody_else(name, owner, api):
                yield ("teams", team.name), f"its namespace `{name}` is in the cluster already and belongs to {whose}"
    for environment in catalog.deploys:
        if whose := _somebody_else(name := naming.discovered_namespace(environment), owner, api):
            yield (
                ("deploys",),
                f"namespace `{name}` is in the cluster already and belongs to {whose}; deploy others here",
            )
    for plural in naming.ADMITTED:
        for kind in ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"):
            name = owner.in_cluster(plural)
            if whose := _somebody_else(name, owner, api, "admissionregistration.k8s.io/v1", kind):
                yield (
                    ("cluster",),
                    f"{kind} `{name}` is in the cluster already and belongs to {whose}; rename the stack",
                )


def _argocd(owner: naming.Owner, api: ClusterApi) -> Iterator[tuple[Where, str]]:
    where = ("components", "argocd")
    there = api.find("apiextensions.k8s.io/v1", "CustomResourceDefinition", CRD) is not None
    home = api.find("v1", "Namespace", naming.ARGOCD_NAMESPACE) is not None
    if owner.guest:
        if not there or not home:
            yield where, f"no Argo CD in namespace `{naming.ARGOCD_NAMESPACE}` of the cluster; write `install`"
    elif whose := _somebody_else(naming.ARGOCD_NAMESPACE, owner, api):
        yield where, f"the cluster's namespace `{naming.ARGOCD_NAMESPACE}` belongs to {whose}; write `existing`"


def _parts(config: PlatformConfig, owner: naming.Owner, api: ClusterApi) -> Iterator[tuple[Where, str]]:
    """What is to be installed must not be there already; what is said to be there must be."""
    parts, brings_ingress = config.components, choices.ingress(config) != "existing"
    certificates = ("components", "certManager")
    homes = [
        (
            parts.sealed_secrets == "install",
            naming.SEALED_SECRETS_NAMESPACE,
            ("components", "sealedSecrets"),
            "existing",
        ),
        (parts.observability == "install", naming.OBSERVABILITY_NAMESPACE, ("components", "observability"), "existing"),
        (brings_ingress, naming.TRAEFIK_NAMESPACE, ("ingress", "mode"), "existing, with its class and controller"),
        (brings_ingress and parts.cert_manager == "install", naming.CERT_MANAGER_NAMESPACE, certificates, "existing"),
    ]
    for installs, namespace, where, instead in homes:
        if installs and (whose := _somebody_else(namespace, owner, api)):
            yield where, f"the cluster's namespace `{namespace}` belongs to {whose}; write `{instead}`"
    if brings_ingress and parts.cert_manager == "existing":
        yield from _certificates(config, api)
    if isinstance(config.ingress, ExistingIngress):
        name = config.ingress.ingress_class
        if api.find("networking.k8s.io/v1", "IngressClass", name) is None:
            yield ("ingress", "class"), f"the cluster has no IngressClass `{name}`"


def _certificates(config: PlatformConfig, api: ClusterApi) -> Iterator[tuple[Where, str]]:
    """A cert-manager that is said to be there is, and so is the issuer that it is to ask.

    An `Issuer` is not looked for: it lives in Traefik's namespace, which this stack makes.
    """
    if api.find("apiextensions.k8s.io/v1", "CustomResourceDefinition", ISSUERS) is None:
        message = "the cluster has no cert-manager; write `install`, or `off` to do without certificates"
        yield ("components", "certManager"), message
        return
    issuer = choices.issuer(config)
    if issuer is None or (issuer.group, issuer.kind) != (CERT_MANAGER, "ClusterIssuer"):
        return
    if api.find(f"{CERT_MANAGER}/v1", issuer.kind, issuer.name) is None:
        message = (
            f"the cluster has no ClusterIssuer `{issuer.name}`; make one that can issue wildcards, name one that is there, or "
            "leave `issuer` out for an authority of the stack's own"
        )
        yield ("issuer", "name"), message


def _somebody_else(
    name: str, owner: naming.Owner, api: ClusterApi, version: str = "v1", kind: str = "Namespace"
) -> str | None:
    """Whose a namespace, or another object in none, is, where it is there and not this stack's."""
    if (live := api.find(version, kind, name)) is None:
        return None
    found = labels(live)
    if (stack := found.get(naming.STACK_LABEL)) and stack != owner.label:
        return f"stack {stack}"
    return None if naming.PART_OF.items() <= found.items() else "somebody else"
