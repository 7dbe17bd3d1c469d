"""Forge: a Gitea in the cluster, where other stacks have GitHub; nobody needs an account or a token."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import pulumi
import pulumi_kubernetes as k8s

from components import forge_config
from components.dynamic.forge_client import Access
from components.dynamic.forge_organization import ForgeOrganization
from components.dynamic.forge_token import ForgeToken
from components.dynamic.password import Password
from components.forge_config import HOME, PORT, SECRETS
from components.kubernetes import RESTRICTED, container, namespace, unprivileged
from components.options import plus
from components.policies import DNS, policy, rule
from idp import naming
from idp.model import Peer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from idp.naming import Addresses, ForgeAddress

NAME = naming.FORGE_SERVICE
USER = 1000
"""`git`, in the rootless image."""
CONFIG = "/etc/gitea-config"
ADMINISTRATOR = naming.FORGE_PASSWORD
"""The Secret with the password of the account by which the program itself works in the forge."""
ARGOCD = Peer(namespace=naming.ARGOCD_NAMESPACE, labels={"app.kubernetes.io/part-of": "argocd"})
"""Argo CD's pods, by a label that its chart gives them all."""
READS = {
    naming.FORGE_ARGOCD: ("read:repository", "read:organization", "read:issue"),
    naming.FORGE_PORTAL: ("read:repository",),
}
"""What programs do: Argo CD pulls repositories, and lists them, each with its labels, which are those of its issues; the
portal reads files."""
PASSWORD = 24
"""Characters; people type it once."""
PREPARE = """\
set -eu
gitea migrate --config "$CONFIG"
gitea admin user create --config "$CONFIG" --admin --username "$LOGIN" --password "$PASSWORD" \\
  --email "$LOGIN@$DOMAIN" --must-change-password=false ||
  gitea admin user change-password --config "$CONFIG" --username "$LOGIN" --password "$PASSWORD" \\
    --must-change-password=false
"""
"""The database as this version wants it, and the administrator with the password from the state, whatever was there."""


@dataclass(frozen=True, kw_only=True)
class ForgeArgs:
    """What the forge needs."""

    owner: naming.Owner
    image: str
    size: str
    """Of its volume, as Kubernetes writes it."""
    organization: str
    teams: Mapping[str, tuple[str, ...]]
    """Team, as it is called in the forge -> logins of its members, in lower case."""
    addresses: Addresses
    address: ForgeAddress
    ingress_class: str
    clients: tuple[Peer, ...]
    """Who may connect beside Argo CD: what brings people's requests, and the portal."""
    authority: pulumi.Input[str]
    """PEM of whom the ingress controller's certificate is from."""
    home: pulumi.Input[str]
    """Tells this cluster from its successor."""
    readers: tuple[str, ...]
    """Which programs read there, each by a token of its own."""
    node_selector: Mapping[str, str]
    reachable: tuple[pulumi.Resource, ...]
    """What brings requests from outside, by https."""
    lifetime: pulumi.Resource | None
    """What is in the cluster goes when this goes."""


class Forge(pulumi.ComponentResource):
    """Gitea with one volume and SQLite, the organization with its people, and a token for each program that reads there.

    Its keys and everybody's passwords are made here, and outlive the cluster; what is in the forge does not.
    """

    pulumi_type: ClassVar[str] = "idp:index:Forge"

    access: Access
    """By which repositories are made."""
    organization: ForgeOrganization
    """In which they are."""
    tokens: Mapping[str, pulumi.Output[str]]
    """By the program that reads with it. Secret."""
    passwords: Mapping[str, pulumi.Output[str]]
    """By which people sign in. Secret."""

    def __init__(self, name: str, args: ForgeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare it."""
        super().__init__(self.pulumi_type, name, {}, opts)
        self._prefix, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        self._inside = plus(self._child, deleted_with=args.lifetime)
        self._labels = args.owner.labels("forge")

        home = namespace(f"{name}-namespace", naming.FORGE_NAMESPACE, "restricted", self._labels, self._inside)
        administrator = self._password(ADMINISTRATOR, length=40)
        server = self._server(home, administrator)
        self.access = Access(
            url=args.address.pages,
            user=naming.FORGE_ADMINISTRATOR,
            password=administrator,
            authority=args.authority,
            home=args.home,
        )
        people = sorted({login for logins in args.teams.values() for login in logins})
        self.passwords = {login: self._password(login) for login in people}
        self.organization = ForgeOrganization(
            f"{name}-organization",
            access=self.access,
            organization=args.organization,
            teams=args.teams,
            readers=args.readers,
            passwords={**self.passwords, **{login: self._password(login) for login in args.readers}},
            opts=plus(self._inside, depends_on=[*server, *args.reachable]),
        )
        self.tokens = {login: self._token(login) for login in args.readers}
        self.register_outputs({})

    def _token(self, login: str) -> pulumi.Output[str]:
        there = plus(self._inside, depends_on=[self.organization])
        name = f"{self._prefix}-{login.removeprefix(naming.FORGE_PREFIX)}-token"
        return ForgeToken(name, access=self.access, login=login, scopes=READS[login], opts=there).value

    def _password(self, name: str, length: int = PASSWORD) -> pulumi.Output[str]:
        return Password(f"{self._prefix}-{name}", length=length, opts=self._child).value

    def _server(
        self, home: k8s.core.v1.Namespace, administrator: pulumi.Output[str]
    ) -> tuple[pulumi.Resource, pulumi.Resource]:
        """Gitea, and what leads to it."""
        config = forge_config.ini(
            forge_config.settings(self._args.organization, self._args.addresses.host(NAME), self._args.address.pages)
        )
        keys = {key: self._password(key, length=length) for key, length in naming.FORGE_KEYS.items()}
        before: list[pulumi.Resource] = [
            self._secret(home, "keys", keys),
            self._secret(home, ADMINISTRATOR, {"password": administrator}),
            k8s.core.v1.ConfigMap(
                f"{self._prefix}-config", metadata=self._metadata(home, "config"), data={"app.ini": config},
                opts=self._inside,
            ),
            k8s.networking.v1.NetworkPolicy(
                self._prefix, metadata=self._metadata(home), spec=reach(self._args), opts=self._inside
            ),
        ]  # fmt: skip
        service = k8s.core.v1.Service(
            self._prefix,
            metadata=self._metadata(home),
            spec={"selector": selector(), "ports": [{"name": "http", "port": 80, "target_port": "http"}]},
            opts=self._inside,
        )
        server = k8s.apps.v1.StatefulSet(
            self._prefix,
            metadata=self._metadata(home),
            spec=stateful_set(self._args, self._labels, config),
            opts=plus(self._inside, depends_on=[*before, service]),
        )
        ingress = k8s.networking.v1.Ingress(
            self._prefix,
            metadata=self._metadata(home),
            spec=ingress_spec(self._args),
            opts=plus(self._inside, depends_on=[server, *self._args.reachable]),
        )
        return server, ingress

    def _metadata(self, home: k8s.core.v1.Namespace, name: str = NAME) -> Any:
        return {"name": name, "namespace": home.metadata.name, "labels": self._labels}

    def _secret(
        self, home: k8s.core.v1.Namespace, name: str, data: Mapping[str, pulumi.Input[str]]
    ) -> k8s.core.v1.Secret:
        return k8s.core.v1.Secret(
            f"{self._prefix}-{name}", metadata=self._metadata(home, name), string_data=dict(data), opts=self._inside
        )


def selector() -> dict[str, str]:
    """Labels of its pods."""
    return {naming.SERVICE_LABEL: NAME}


def reach(args: ForgeArgs) -> Any:
    """In from whom it serves; out to the DNS and nobody else."""
    return policy(
        selector(),
        [rule("from", [*args.clients, ARGOCD], [(PORT, "TCP")])],
        [rule("to", [DNS], [(53, "UDP"), (53, "TCP")])],
    )


def ingress_spec(args: ForgeArgs) -> Any:
    """People's way to it; the certificate is the ingress controller's own."""
    backend = {"service": {"name": NAME, "port": {"name": "http"}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    return {
        "ingressClassName": args.ingress_class,
        "rules": [{"host": args.addresses.host(NAME), "http": {"paths": [path]}}],
    }


def stateful_set(args: ForgeArgs, labels: Mapping[str, str], config: str) -> Any:
    """One pod that keeps its volume. Another config is another pod, as Gitea reads its own at the start only."""
    annotations = {"checksum/config": hashlib.sha256(config.encode()).hexdigest()[:16]}
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": args.size}}}
    return {
        "replicas": 1,
        "serviceName": NAME,
        "selector": {"matchLabels": selector()},
        "template": {"metadata": {"labels": {**labels, **selector()}, "annotations": annotations}, "spec": _pod(args)},
        "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": claim}],
    }


def _pod(args: ForgeArgs) -> dict[str, Any]:
    """What prepares the volume, then the server; each file it needs is one of these volumes."""
    prepare, server = _containers(args)
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "nodeSelector": dict(args.node_selector),
        "securityContext": unprivileged(USER),
        "initContainers": [prepare],
        "containers": [server],
        "volumes": [
            {"name": "config", "configMap": {"name": "config"}},
            {"name": "keys", "secret": {"secretName": "keys"}},
            {"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}},
        ],
    }


def _containers(args: ForgeArgs) -> tuple[dict[str, Any], dict[str, Any]]:
    """The administrator's password is the first one's alone."""
    told = {
        "CONFIG": f"{CONFIG}/app.ini",
        "LOGIN": naming.FORGE_ADMINISTRATOR,
        "DOMAIN": args.addresses.domain,
        "HOME": f"{HOME}/git",  # where git itself looks for settings
    }
    environment: list[dict[str, Any]] = [{"name": key, "value": value} for key, value in told.items()]
    password = {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": ADMINISTRATOR, "key": "password"}}}
    common: dict[str, Any] = {
        "image": args.image,
        "imagePullPolicy": "IfNotPresent",
        "securityContext": RESTRICTED,
        "volumeMounts": [
            {"name": "data", "mountPath": HOME},
            {"name": "config", "mountPath": CONFIG, "readOnly": True},
            {"name": "keys", "mountPath": SECRETS, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108  a volume of the pod's
        ],
        **container("100m", "192Mi", "512Mi"),
    }
    prepare = {"name": "prepare", "command": ["sh", "-c", PREPARE], "env": [*environment, password], **common}
    server = {
        "name": NAME,
        "command": ["gitea", "web", "--config", told["CONFIG"]],
        "env": environment,
        "ports": [{"name": "http", "containerPort": PORT}],
        "startupProbe": probe(60),
        "readinessProbe": probe(3),
        "livenessProbe": probe(6),
        **common,
    }
    return prepare, server


def probe(failures: int) -> dict[str, Any]:
    """One of the kubelet's questions, every five seconds."""
    return {
        "httpGet": {"path": "/api/healthz", "port": "http"},
        "periodSeconds": 5,
        "timeoutSeconds": 5,
        "failureThreshold": failures,
    }
