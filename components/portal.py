"""Portal: Backstage shows each team what it has, with a database and a catalog that is the stack's own."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import pulumi
import pulumi_kubernetes as k8s

from components.database import database
from components.dynamic.password import Password
from components.kubernetes import RESTRICTED, container, helm_release, looks, namespace, unprivileged
from components.options import plus
from components.registry import pull_secret
from idp import naming
from idp.model import Peer
from idp.portal.pod import CATALOG, CLIENT_ID, CLIENT_SECRET, FORGE_TOKEN, PASSWORD, TOKEN, WATCHED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from components.database import DatabaseArgs
    from components.gitops_args import SignIn
    from components.registry import Registry
    from idp.versions import Chart

SECRET = "portal"  # noqa: S105  the name of a Secret, not its content
PORT = 7007
PODS = Peer(
    namespace=naming.PORTAL_NAMESPACE,
    labels={naming.SERVICE_LABEL: "backstage", "app.kubernetes.io/instance": "backstage"},
)
"""The portal's, with labels that the chart gives them."""
USER = 1000
"""`node`, in our image and in Backstage's own."""


@dataclass(frozen=True, kw_only=True)
class PortalArgs:
    """What the portal needs."""

    owner: naming.Owner
    chart: Chart
    image: str
    """By digest, but where the config says otherwise."""
    app_config: Mapping[str, Any]
    """The stack's part of Backstage's config; holds no secret."""
    catalog: tuple[str, ...]
    """Files of the catalog, each small enough for a ConfigMap."""
    host: str
    ingress_class: str
    database: DatabaseArgs | None
    """Of one that is made here; nothing where it is somebody's."""
    database_password: pulumi.Input[str] | None
    """Of one that is somebody's. Secret."""
    github_token: pulumi.Input[str] | None
    """Reads repositories and proposes entries. Secret."""
    forge_token: pulumi.Input[str] | None
    """Reads repositories in a forge of the stack's own. Secret."""
    sign_in: SignIn | None
    registry: Registry | None
    """Where its image is pulled from, if that asks for a login."""
    node_selector: Mapping[str, str]
    lifetime: pulumi.Resource | None
    """What is in the cluster goes when this goes."""
    ready: tuple[pulumi.Resource, ...]
    """Brings the kind Application, of which it shows a service's."""


class Portal(pulumi.ComponentResource):
    """Backstage's chart with this stack's config and catalog, a database, and rights to look and no others."""

    pulumi_type: ClassVar[str] = "idp:index:Portal"

    def __init__(self, name: str, args: PortalArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare it."""
        super().__init__(self.pulumi_type, name, {}, opts)
        self._prefix, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        self._inside = plus(self._child, deleted_with=args.lifetime)
        self._labels = args.owner.labels("portal")

        home = namespace(f"{name}-namespace", naming.PORTAL_NAMESPACE, "restricted", self._labels, self._inside)
        password, before = args.database_password, list[pulumi.Resource]()
        if args.database:
            password = Password(f"{name}-database", length=32, opts=self._child).value
            before = [database(f"{name}-database", args.database, password, home, self._inside)]
        secrets = credentials(args, password)
        before += [self._secret(home, secrets), *self._catalog(home), *self._rights(home)]
        if args.registry:
            before.append(pull_secret(f"{name}-pull", home, args.registry, self._labels, self._inside))
        chosen = values(args, fingerprint(secrets))
        helm_release("backstage", args.chart, home, chosen, plus(self._inside, depends_on=[*before, *args.ready]))
        self.register_outputs({})

    def _secret(self, home: k8s.core.v1.Namespace, secrets: Mapping[str, pulumi.Input[str]]) -> pulumi.Resource:
        metadata: Any = {"name": SECRET, "namespace": home.metadata.name, "labels": self._labels}
        return k8s.core.v1.Secret(f"{self._prefix}-secret", metadata=metadata, string_data=secrets, opts=self._inside)

    def _catalog(self, home: k8s.core.v1.Namespace) -> list[pulumi.Resource]:
        """The catalog's files; a pod sees a changed one within a minute, and reads them anew every few."""
        return [
            k8s.core.v1.ConfigMap(
                f"{self._prefix}-catalog-{number}",
                metadata={"name": f"catalog-{number}", "namespace": home.metadata.name, "labels": self._labels},
                data={f"{number}.yaml": text},
                opts=self._inside,
            )
            for number, text in enumerate(self._args.catalog)
        ]

    def _rights(self, home: k8s.core.v1.Namespace) -> list[pulumi.Resource]:
        """To look at what runs, and at Applications; at no Secret, no ConfigMap and no log."""
        account = k8s.core.v1.ServiceAccount(
            f"{self._prefix}-account",
            metadata={"name": "backstage", "namespace": home.metadata.name, "labels": self._labels},
            opts=self._inside,
        )
        rbac: Any = {"apiGroup": "rbac.authorization.k8s.io"}
        subjects: Any = [{"kind": "ServiceAccount", "name": "backstage", "namespace": naming.PORTAL_NAMESPACE}]
        everywhere: Any = {"name": self._args.owner.in_cluster("portal"), "labels": self._labels}
        role = k8s.rbac.v1.ClusterRole(
            f"{self._prefix}-looks", metadata=everywhere, rules=looks(WATCHED), opts=self._inside
        )
        binding = k8s.rbac.v1.ClusterRoleBinding(
            f"{self._prefix}-looks",
            metadata=everywhere,
            role_ref=rbac | {"kind": "ClusterRole", "name": role.metadata.name},
            subjects=subjects,
            opts=self._inside,
        )
        there: Any = {
            "name": self._args.owner.in_argocd("portal"), "namespace": naming.ARGOCD_NAMESPACE, "labels": self._labels,
        }  # fmt: skip
        beside = plus(self._inside, depends_on=list(self._args.ready))
        reads = k8s.rbac.v1.Role(
            f"{self._prefix}-applications",
            metadata=there,
            rules=looks({"argoproj.io": ("applications",)}),
            opts=beside,
        )
        reading = k8s.rbac.v1.RoleBinding(
            f"{self._prefix}-applications",
            metadata=there,
            role_ref=rbac | {"kind": "Role", "name": reads.metadata.name},
            subjects=subjects,
            opts=beside,
        )
        return [account, binding, reading]


def credentials(args: PortalArgs, password: pulumi.Input[str] | None) -> dict[str, pulumi.Input[str]]:
    """What the pod has in its environment; MkDocs, which reads what anybody wrote, is kept from it by portal/mkdocs.py."""
    found: dict[str, pulumi.Input[str] | None] = {
        PASSWORD: password,
        TOKEN: args.github_token,
        FORGE_TOKEN: args.forge_token,
    }
    if args.sign_in:
        found |= {CLIENT_ID: args.sign_in.client, CLIENT_SECRET: args.sign_in.secret}
    return {key: value for key, value in found.items() if value is not None}


def fingerprint(secrets: Mapping[str, pulumi.Input[str]]) -> pulumi.Output[str]:
    """Another one with each change of a secret, so that the pod is made anew; nobody guesses them by it, as they are random."""

    def hashed(values: Mapping[str, str]) -> str:
        return hashlib.sha256("\0".join(f"{key}={values[key]}" for key in sorted(values)).encode()).hexdigest()[:16]

    return pulumi.Output.unsecret(pulumi.Output.all(**secrets).apply(hashed))


def values(args: PortalArgs, secrets: pulumi.Input[str]) -> dict[str, Any]:
    """Chart values; a pure function, so that tests need no engine.

    Args:
        args: the component's.
        secrets: what changes with the pod's credentials.
    """
    health = "/.backstage/health/v1"
    sources = [{"configMap": {"name": f"catalog-{number}"}} for number in range(len(args.catalog))]
    return {
        "fullnameOverride": "backstage",
        "serviceAccount": {"create": False, "name": "backstage"},
        "ingress": {"enabled": True, "className": args.ingress_class, "host": args.host},
        "backstage": {
            "image": image(args.image) | ({"pullSecrets": [naming.PULL_SECRET]} if args.registry else {}),
            "args": ["--config", "app-config.yaml"],  # the image's own; the chart adds the one below
            "appConfig": dict(args.app_config),
            "extraEnvVarsSecrets": [SECRET],
            "extraEnvVars": [{"name": "NODE_ENV", "value": "production"}],
            "podAnnotations": {"checksum/credentials": secrets},
            "strategy": {"type": "Recreate"},  # a new version changes the schemas under an old one's feet
            "startupProbe": probe(f"{health}/liveness", 60),
            "readinessProbe": probe(f"{health}/readiness", 3),
            "livenessProbe": probe(f"{health}/liveness", 6),
            "podSecurityContext": unprivileged(USER),
            "containerSecurityContext": RESTRICTED,
            "extraVolumes": [
                {"name": "catalog", "projected": {"sources": sources}},
                {"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}},
            ],
            "extraVolumeMounts": [
                {"name": "catalog", "mountPath": CATALOG, "readOnly": True},
                {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108  a volume of the pod's
            ],
            "nodeSelector": dict(args.node_selector),
            **container("100m", "512Mi", "1536Mi"),
        },
    }


def probe(path: str, failures: int) -> dict[str, Any]:
    """One of the kubelet's questions, every five seconds; a busy event loop may take some to answer."""
    return {
        "httpGet": {"path": path, "port": PORT, "scheme": "HTTP"},
        "periodSeconds": 5,
        "timeoutSeconds": 5,
        "failureThreshold": failures,
    }


def image(reference: str) -> dict[str, Any]:
    """An image's reference as the chart wants it, in parts."""
    rest, _, digest = reference.partition("@")
    first, _, path = rest.partition("/")
    registry, path = (
        (first, path) if (path and {".", ":"} & set(first)) or first == "localhost" else ("docker.io", rest)
    )
    repository, _, tag = path.partition(":")
    return {
        "registry": registry, "repository": repository, "tag": tag or "latest", "digest": digest, "pullPolicy": "IfNotPresent",
    }  # fmt: skip
