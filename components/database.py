"""A plain PostgreSQL in the cluster: one pod, one volume, one user, and nobody in reach but those who use it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi_kubernetes as k8s

from components.kubernetes import RESTRICTED, container, unprivileged
from components.options import plus
from components.policies import policy, rule
from idp import naming

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pulumi

    from idp.model import Peer

NAME = naming.PORTAL_DATABASE
PORT = 5432
USER = 70
"""`postgres`, in the image's Alpine."""
DATA = "/var/lib/postgresql/data"
UNBOUND = {"pulumi.com/skipAwait": "true"}
"""Most classes bind a claim when a pod first asks for it, and the StatefulSet, which is waited for, has the pod."""
PREPARE = """\
set -eu
test -s "$PGDATA/PG_VERSION" || exit 0
printf "alter role \\"%s\\" password '%s';\\n" "$POSTGRES_USER" "$POSTGRES_PASSWORD" |
  postgres --single -D "$PGDATA" "$POSTGRES_DB"
"""
"""The password from the state, whatever the volume was made with: the image asks for one at the first start alone."""


@dataclass(frozen=True, kw_only=True)
class DatabaseArgs:
    """What it needs."""

    image: str
    database: str
    """Its name, and its user's."""
    size: str
    """Of its volume, as Kubernetes writes it."""
    clients: Peer
    """The pods that may connect."""
    node_selector: Mapping[str, str]
    labels: dict[str, str]


def database(
    name: str,
    args: DatabaseArgs,
    password: pulumi.Input[str],
    home: k8s.core.v1.Namespace,
    opts: pulumi.ResourceOptions,
) -> pulumi.Resource:
    """Its objects in a namespace; what is returned is ready once it answers.

    The claim is an object of its own, as a StatefulSet's cannot be changed: it grows with the config where its class allows that,
    and stays when somebody else's database takes over.
    """
    metadata: Any = {"name": NAME, "namespace": home.metadata.name, "labels": args.labels}
    secret = k8s.core.v1.Secret(name, metadata=metadata, string_data={"password": password}, opts=opts)
    service = k8s.core.v1.Service(
        name,
        metadata=metadata,
        spec={"cluster_ip": "None", "selector": selector(), "ports": [{"name": "postgres", "port": PORT}]},
        opts=opts,
    )
    policy = k8s.networking.v1.NetworkPolicy(name, metadata=metadata, spec=reach(args), opts=opts)
    claim = k8s.core.v1.PersistentVolumeClaim(
        name,
        metadata=metadata | {"annotations": UNBOUND},
        spec={"access_modes": ["ReadWriteOnce"], "resources": {"requests": {"storage": args.size}}},
        opts=plus(opts, retain_on_delete=True),
    )
    return k8s.apps.v1.StatefulSet(
        name, metadata=metadata, spec=stateful_set(args), opts=plus(opts, depends_on=[secret, service, policy, claim])
    )


def selector() -> dict[str, str]:
    """Labels of its pods."""
    return {naming.SERVICE_LABEL: NAME}


def reach(args: DatabaseArgs) -> Any:
    """In from its clients, and out to nobody."""
    return policy(selector(), [rule("from", [args.clients], [(PORT, "TCP")])])


def stateful_set(args: DatabaseArgs) -> Any:
    """One pod that keeps its volume; what it writes beside that is gone with it."""
    alive = {
        "exec": {"command": ["pg_isready", "--host=127.0.0.1", f"--username={args.database}"]},
        "timeoutSeconds": 5,
    }
    writable = {"tmp": "/tmp", "run": "/var/run/postgresql"}  # noqa: S108  volumes of the pod's
    settings = {"POSTGRES_USER": args.database, "POSTGRES_DB": args.database, "PGDATA": f"{DATA}/pgdata"}
    password = {"secretKeyRef": {"name": NAME, "key": "password"}}
    common: dict[str, Any] = {
        "image": args.image,
        "imagePullPolicy": "IfNotPresent",
        "env": [
            *({"name": key, "value": value} for key, value in settings.items()),
            {"name": "POSTGRES_PASSWORD", "valueFrom": password},
        ],
        "securityContext": RESTRICTED,
        "volumeMounts": [
            {"name": "data", "mountPath": DATA},
            *({"name": name, "mountPath": path} for name, path in writable.items()),
        ],
        **container("50m", "128Mi", "512Mi"),
    }
    pod: dict[str, Any] = {
        "automountServiceAccountToken": False,
        "nodeSelector": dict(args.node_selector),
        "securityContext": unprivileged(USER),
        "initContainers": [{"name": "prepare", "command": ["sh", "-c", PREPARE], **common}],
        "containers": [
            {
                "name": NAME,
                "ports": [{"name": "postgres", "containerPort": PORT}],
                "readinessProbe": alive | {"periodSeconds": 5},
                "livenessProbe": alive | {"periodSeconds": 10, "initialDelaySeconds": 60, "failureThreshold": 6},
                **common,
            }
        ],
        "volumes": [
            {"name": "data", "persistentVolumeClaim": {"claimName": NAME}},
            *({"name": name, "emptyDir": {}} for name in writable),
        ],
    }
    return {
        "replicas": 1,
        "serviceName": NAME,
        "selector": {"matchLabels": selector()},
        "template": {"metadata": {"labels": args.labels | selector()}, "spec": pod},
    }
