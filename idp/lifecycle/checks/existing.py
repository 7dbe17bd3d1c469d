"""A cluster that is there already: its kubeconfig leads to it, it answers, and we may do there what the platform needs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from idp import choices, kubeconfig
from idp.cluster_api import ClusterError
from idp.lifecycle.checks import Finding
from idp.lifecycle.machine import DEFAULT_CLASS
from idp.model import ExistingSpec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from idp.lifecycle.machine import Cluster, Machine
    from idp.settings import Settings

OLDEST = (1, 30)
AS_GUEST = {
    "namespaces": "",
    "secrets": "",
    "networkpolicies": "networking.k8s.io",
    "roles": "rbac.authorization.k8s.io",
    "rolebindings": "rbac.authorization.k8s.io",
    "validatingadmissionpolicies": "admissionregistration.k8s.io",
    "validatingadmissionpolicybindings": "admissionregistration.k8s.io",
    "appprojects": "argoproj.io",
    "applications": "argoproj.io",
    "applicationsets": "argoproj.io",
}
"""What a stack makes in a cluster whose Argo CD is somebody else's: resource -> API group."""

CLASSES = ("storageclasses", "storage.k8s.io")
WITHOUT_VOLUMES = {
    "observability": "`observability: off` in idp:components",
    "portal.database": "an external database in idp:portal",
}
"""Part -> how to do without its volumes."""


def existing(settings: Settings, machine: Machine) -> Iterator[Finding]:
    """The kubeconfig can be read and has the context, the API server answers, and the rights suffice."""
    spec = settings.config.cluster
    if not isinstance(spec, ExistingSpec):
        return
    path = Path(spec.kubeconfig).expanduser()
    try:
        text = machine.read(path)
        kubeconfig.ca_hash(text, spec.context)
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror or error}"
        remedy = f"get one from who runs the cluster, or correct `kubeconfig` in idp:cluster; ls -l {path}"
        yield Finding(check="kubeconfig", message=message, remedy=remedy, fatal=True)
        return
    except (kubeconfig.KubeconfigError, UnicodeDecodeError) as error:
        remedy = f"kubectl --kubeconfig {path} config get-contexts names those that `context` in idp:cluster may be"
        yield Finding(check="kubeconfig", message=f"{path}: {error}", remedy=remedy, fatal=True)
        return
    here = kubeconfig.kubectl(path, spec.context)
    try:
        cluster = machine.cluster(text, spec.context)
        yield from _age(cluster.version())
        guest = settings.config.components.argocd == "existing"
        yield from _guest_rights(cluster, here) if guest else _rights(cluster)
        yield from _volumes(choices.volumes(settings.config), cluster, here)
    except ClusterError as error:
        message = f"context `{spec.context}`: {error}"
        yield Finding(check="cluster", message=message, remedy=f"{here} get --raw /version says more", fatal=True)


def _age(version: str) -> Iterator[Finding]:
    """Admission policies, which bound the hosts of teams, came with Kubernetes 1.30."""
    found = re.match(r"v?(\d+)\.(\d+)", version)
    if found and tuple(map(int, found.groups())) < OLDEST:
        message = f"it runs Kubernetes {version}, which has no ValidatingAdmissionPolicy"
        yield Finding(check="cluster", message=message, remedy="upgrade it to 1.30 or newer", fatal=True)


def _rights(cluster: Cluster) -> Iterator[Finding]:
    """Argo CD's own role may do everything, and Kubernetes lets nobody grant what they may not do themselves."""
    if cluster.may("*", "*", "*"):
        return
    less = "" if cluster.may("create", "namespaces", "") else ", nor make namespaces"
    user = cluster.user()
    yield Finding(
        check="cluster",
        message=f"`{user}` is no cluster-admin there{less}; only one can install Argo CD, whose role allows everything",
        remedy="an administrator: kubectl create clusterrolebinding idp --clusterrole=cluster-admin "
        f"--user={shlex.quote(user)}",
        fatal=True,
    )


def _guest_rights(cluster: Cluster, here: str) -> Iterator[Finding]:
    """With an Argo CD that is there already, what the platform itself makes is enough."""
    lacking = [
        f"{name}.{group}".rstrip(".") for name, group in AS_GUEST.items() if not cluster.may("create", name, group)
    ]
    if lacking:
        yield Finding(
            check="cluster",
            message=f"`{cluster.user()}` may not make {', '.join(lacking)} there",
            remedy=f"ask who runs the cluster; `{here} auth can-i create {lacking[0]} -A` says `yes` when it is mended",
            fatal=True,
        )


def _volumes(parts: Sequence[str], cluster: Cluster, here: str) -> Iterator[Finding]:
    """Volumes come from the default StorageClass; without one, pods wait for theirs and nothing says so."""
    if not parts or not cluster.may("list", *CLASSES) or cluster.gives_volumes():
        return
    yield Finding(
        check="volumes",
        message=f"the cluster has no default StorageClass, from which {' and '.join(parts)} would have their volumes",
        remedy=f"{here} annotate storageclass NAME {DEFAULT_CLASS[0]}=true; {here} get storageclass lists them. "
        f"Or {' and '.join(WITHOUT_VOLUMES[each] for each in parts)}",
        fatal=True,
    )
