"""Admission: what the API server itself refuses in the namespaces that teams fill, whoever asks.

Argo CD's projects say which kinds a team may make; these rules say what may be in the kinds that it may.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import pulumi
import pulumi_kubernetes as k8s

from idp.naming import ADMITTED, DOMAIN, ENVIRONMENT_LABEL, HOSTS, STACK_LABEL, TAKEN

if TYPE_CHECKING:
    from idp import naming


@dataclass(frozen=True, kw_only=True)
class AdmissionArgs:
    """What admission needs."""

    owner: naming.Owner
    traefik: bool
    """Whether the ingress controller is the stack's own, whose annotations are known."""


class Admission(pulumi.ComponentResource):
    """A policy each for Ingresses, Services and monitors, bound to this stack's namespaces of teams and of discovery.

    They are cluster-wide objects, so their names hold the stack's: another stack on the same cluster has its own.
    """

    pulumi_type: ClassVar[str] = "idp:index:Admission"

    ready: tuple[pulumi.Resource, ...]
    """What is in force once these are there."""

    def __init__(self, name: str, args: AdmissionArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare it."""
        super().__init__(self.pulumi_type, name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)

        self.ready = tuple(
            _bound(f"{name}-{admitted}", args.owner.in_cluster(admitted), spec, args.owner, child)
            for admitted, spec in zip(ADMITTED, (ingresses(traefik=args.traefik), services(), monitors()), strict=True)
        )
        self.register_outputs({})


def _bound(
    name: str, object_name: str, spec: Any, owner: naming.Owner, opts: pulumi.ResourceOptions
) -> pulumi.Resource:
    """A policy, in force in this stack's namespaces that teams fill."""
    metadata: Any = {"name": object_name, "labels": owner.labels("admission")}
    policy = k8s.admissionregistration.v1.ValidatingAdmissionPolicy(name, metadata=metadata, spec=spec, opts=opts)
    bound: Any = {
        "policyName": policy.metadata.name,
        "validationActions": ["Deny"],
        "matchResources": {
            "namespaceSelector": {
                "matchLabels": {STACK_LABEL: owner.label},
                "matchExpressions": [{"key": ENVIRONMENT_LABEL, "operator": "Exists"}],
            }
        },
    }
    return k8s.admissionregistration.v1.ValidatingAdmissionPolicyBinding(name, metadata=metadata, spec=bound, opts=opts)


def ingresses(*, traefik: bool) -> dict[str, Any]:
    """An Ingress names hosts of its namespace's own services, and says nothing that only the platform says.

    Which hosts those are stands in the namespace's annotations; without them nothing is admitted. Of a controller that was there
    before, nobody knows what it reads: then annotations with a prefix are those of tools alone.
    """
    harmless = (
        f"{list(READ_BY_CONTROLLERS)}.all(part, !key.contains(part))"
        if traefik
        else f"!key.contains('/') || {list(TOOLS)}.exists(prefix, key.startsWith(prefix))"
    )
    variables = {
        "notes": "namespaceObject.metadata.annotations",
        "rules": "object.spec.?rules.orValue([])",
        "tls": "object.spec.?tls.orValue([])",
        "hosts": f"variables.notes[?'{HOSTS}'].orValue('').split(',')",
        "domain": f"variables.notes[?'{DOMAIN}'].orValue('')",
        "taken": f"variables.notes[?'{TAKEN}'].orValue('').split(',')",
    }
    hosts = (
        f"'{HOSTS}' in variables.notes ? 'the hosts of this namespace are: ' + variables.notes['{HOSTS}'] : "
        "'the hosts of this namespace are the names below ' + variables.domain + ' that no declared service has'"
    )
    return _policy(
        "networking.k8s.io", ("ingresses",), variables,
        [
            {
                "expression": f"variables.rules.map(rule, rule.?host.orValue('')).all(host, {_may('host')})",
                "message": "an Ingress here names its own namespace's hosts, in every rule",
                "messageExpression": hosts,
            },
            {
                "expression": f"variables.tls.all(each, each.?hosts.orValue([]).all(host, {_may('host')}))",
                "message": "an Ingress here names its own namespace's hosts, under tls too",
                "messageExpression": hosts,
            },
            {
                "expression": "!has(object.spec.defaultBackend)",
                "message": "an Ingress here has no defaultBackend: it would answer for hosts that are others'",
            },
            {
                "expression": "variables.tls.all(each, !has(each.secretName))",
                "message": "an Ingress here names no certificate: the ingress controller has one for every host",
            },
            {
                "expression": "variables.rules.all(rule, rule.?http.paths.orValue([]).all(each, "
                "!has(each.backend.resource) && !each.?path.orValue('').contains('`')))",
                "message": "an Ingress here leads to Services, by paths without a backtick",
            },
            {
                "expression": "object.metadata.?annotations.orValue({}).all(key, "
                f"key in {list(HARMLESS)} || {harmless})",
                "message": "annotations for the ingress controller, for certificates and for DNS are the platform's to give: "
                "some name further hosts" + ("" if traefik else f"; free are those without a prefix, or with {', '.join(TOOLS)}"),
            },
        ],
    )  # fmt: skip


HARMLESS = ("traefik.ingress.kubernetes.io/router.entrypoints", "traefik.ingress.kubernetes.io/router.tls")
READ_BY_CONTROLLERS = ("ingress.kubernetes.io/", "cert-manager.io/", "external-dns.alpha.kubernetes.io/")
"""Parts of the annotations by which an Ingress gets more than its spec says: aliases, snippets, middlewares of other namespaces,
certificates and DNS records of other names. Traefik reads those of its own and of nginx's, all of which have the first."""
TOOLS = ("argocd.argoproj.io/", "kubectl.kubernetes.io/", "backstage.io/", "link.argocd.argoproj.io/")
"""Prefixes of annotations that no ingress controller reads; every other one may be a controller's."""


def services() -> dict[str, Any]:
    """A Service is reached inside the cluster, at pods, and nowhere else."""
    return _policy(
        "", ("services",), {},
        [
            {
                "expression": "object.spec.type == 'ClusterIP'",
                "message": "a Service here is of type ClusterIP: what comes from outside comes through the ingress, and what "
                "goes outside is in the entry's `calls`",
            },
            {
                "expression": "size(object.spec.?externalIPs.orValue([])) == 0",
                "message": "a Service here has no externalIPs: it would take what is sent to those addresses",
            },
        ],
    )  # fmt: skip


def monitors() -> dict[str, Any]:
    """A monitor has Prometheus ask the pods of its own namespace, with nothing of Prometheus' own.

    Every pod lets Prometheus in, so that whoever could send it elsewhere would read, and call, what others have. Each of the two
    kinds has fields that the other one lacks: hence the variables, which are held against no schema.
    """
    variables = {
        "spec": "object.spec",
        "endpoints": "variables.spec.?endpoints.orValue([]) + variables.spec.?podMetricsEndpoints.orValue([])",
    }
    return _policy(
        "monitoring.coreos.com", ("podmonitors", "servicemonitors"), variables,
        [
            {
                "expression": "!has(variables.spec.namespaceSelector)",
                "message": "a monitor here is for its own namespace, and has no namespaceSelector",
            },
            {
                "expression": f"variables.endpoints.all(each, {list(LEADS_AWAY)}.all(key, !(key in each)) "
                "&& each.?followRedirects.orValue(true) == false)",
                "message": "a monitor here asks its own pods themselves: an endpoint has followRedirects: false, and no "
                f"{', '.join(LEADS_AWAY)}",
            },
            {
                "expression": "!has(variables.spec.scrapeClass) && variables.endpoints.all(each, !has(each.bearerTokenFile) && "
                f"{list(TLS_FILES)}.all(key, !(key in each.?tlsConfig.orValue({{}}))))",
                "message": f"a monitor here names Secrets of its own, not what Prometheus has: no scrapeClass, bearerTokenFile, "
                f"{', '.join(TLS_FILES)}",
            },
        ],
    )  # fmt: skip


LEADS_AWAY = ("relabelings", "proxyUrl", "oauth2", "filterRunning")
"""Fields of a monitor's endpoint by which Prometheus asks somebody else: another address, a proxy, who gives out tokens,
and whoever has an ended pod's address now. `metricRelabelings` change what was read; the namespace is put back after them."""
TLS_FILES = ("caFile", "certFile", "keyFile")


def _may(host: str) -> str:
    """Whether a host is one of the namespace's: listed, or a name of its own below the domain that nobody has."""
    parts = f"{host}.split('.', 2)"
    free = f"size({parts}) == 2 && {parts}[1] == variables.domain && !({parts}[0] in variables.taken + ['*'])"
    return f"{host} != '' && ('{HOSTS}' in variables.notes ? {host} in variables.hosts : {free})"


def _policy(
    group: str, plurals: tuple[str, ...], variables: dict[str, str], validations: list[dict[str, str]]
) -> dict[str, Any]:
    """A policy for some kinds. What is being deleted may lose its finalizers, though its host may be its own no more."""
    leaves = (
        "request.operation == 'UPDATE' && has(object.metadata.deletionTimestamp) && object.spec == oldObject.spec"
        " && object.metadata.?annotations == oldObject.metadata.?annotations"
    )
    return {
        "failurePolicy": "Fail",
        "matchConstraints": {
            "resourceRules": [
                {
                    "apiGroups": [group],
                    "apiVersions": ["v1"],
                    "operations": ["CREATE", "UPDATE"],
                    "resources": list(plurals),
                }
            ]
        },
        "matchConditions": [{"name": "stays", "expression": f"!({leaves})"}],
        "validations": [{"reason": "Forbidden", **each} for each in validations],
    } | ({"variables": [{"name": key, "expression": value} for key, value in variables.items()]} if variables else {})
