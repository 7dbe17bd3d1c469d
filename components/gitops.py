"""GitOps: Argo CD runs what the repositories say, within projects that say what may come from where and go where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import pulumi
import pulumi_kubernetes as k8s

from components import policies
from components.applications import destination, source, sync_policy
from components.argocd_values import CLIENT_ID, CLIENT_SECRET, values
from components.borders import borders
from components.discovery import SCM_CREDENTIALS, discovery
from components.dynamic.password import Password
from components.gitops_repository import GitOpsRepository
from components.kubernetes import argocd, helm_release, namespace
from components.options import plus
from idp import naming
from idp.model import Quota

if TYPE_CHECKING:
    from collections.abc import Mapping

    from components.gitops_args import GitOpsArgs
    from idp.versions import Chart

ROOT = "apps"
"""The folder, within the stack's own, of the Applications that the root Application makes."""
ADD_ONS_IN = (naming.OBSERVABILITY_NAMESPACE, naming.AGENTS_NAMESPACE, "kube-system")
"""Namespaces of the add-ons; some put a Service, or a right to read one ConfigMap, beside Kubernetes' own parts."""
ADD_ONS_MAKE = (
    ("apiextensions.k8s.io", "CustomResourceDefinition"),
    ("rbac.authorization.k8s.io", "ClusterRole"),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"),
    ("apiregistration.k8s.io", "APIService"),
)
"""Kinds of the whole cluster that the add-ons' charts make."""


class GitOps(pulumi.ComponentResource):
    """Argo CD with its credentials, its projects and the discovery of repositories by topic.

    The credentials come before what uses them, and the projects before the Applications that name them. Argo CD makes a
    project `default` that permits everything; it is emptied where this stack brings Argo CD. Where Argo CD is there already,
    everything else is made under names of this stack's own, and nothing of anybody else is touched.
    """

    pulumi_type: ClassVar[str] = "idp:index:GitOps"

    administrator_password: pulumi.Output[str] | None
    """Of Argo CD's administrator, where that account is on. Secret."""
    ready: tuple[pulumi.Resource, ...]
    """What Applications need before they can be made and pulled."""

    def __init__(self, name: str, args: GitOpsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare it."""
        super().__init__(self.pulumi_type, name, {}, opts)
        self._prefix, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        self._inside = plus(self._child, deleted_with=args.lifetime)

        self.administrator_password = None
        self._home: pulumi.Input[str] = naming.ARGOCD_NAMESPACE
        installed = self._install(args.chart) if args.chart else []
        self.ready = (*installed, *self._credentials())
        projects = self._projects(installed)
        self._discovery([*self.ready, *projects])
        repository = GitOpsRepository(f"{name}-repository", args.repository, self._child)
        self._root([*self.ready, *projects, repository.folder, *args.ground])

        self.register_outputs({})

    def _install(self, chart: Chart) -> list[pulumi.Resource]:
        """Argo CD itself, with its project `default` without any right."""
        labels = self._args.owner.labels("gitops")
        home = namespace(f"{self._prefix}-namespace", naming.ARGOCD_NAMESPACE, "restricted", labels, self._inside)
        self._home = home.metadata.name
        access = self._access()
        release = helm_release("argocd", chart, home, values(self._args), plus(self._inside, depends_on=[access]))
        k8s.apiextensions.CustomResourcePatch(
            f"{self._prefix}-default",
            api_version="argoproj.io/v1alpha1",
            kind="AppProject",
            metadata={
                "name": "default",
                "namespace": naming.ARGOCD_NAMESPACE,
                "annotations": {"pulumi.com/patchForce": "true"},
            },
            spec={"sourceRepos": [], "destinations": [], "clusterResourceWhitelist": []},
            opts=plus(self._inside, depends_on=[release]),
        )
        return [release]

    def _access(self) -> pulumi.Resource:
        """Argo CD's own Secret, made here and not by the chart, whose values Helm would keep in clear in the cluster."""
        data: dict[str, pulumi.Input[str]] = {}
        if self._args.administrator:
            password = Password(f"{self._prefix}-administrator", length=24, opts=self._child)
            data = {"admin.password": password.bcrypt, "admin.passwordMtime": password.created}
            self.administrator_password = password.value
        if sign_in := self._args.sign_in:
            data |= {CLIENT_ID: sign_in.client, CLIENT_SECRET: sign_in.secret}
        return self._secret("argocd-secret", "argocd-secret", data, {"app.kubernetes.io/part-of": "argocd"})

    def _credentials(self) -> list[pulumi.Resource]:
        """One Secret for pulling repositories, one for listing them."""
        args, named = self._args, self._args.owner.in_argocd
        pull = {"type": "git", "url": f"{args.github.base}/{args.organization}", "username": "x-access-token"}
        return [
            self._secret(
                "repo-creds", named("repo-creds"), {**pull, "password": args.github_token}, argocd_type("repo-creds")
            ),
            self._secret(
                SCM_CREDENTIALS, named(SCM_CREDENTIALS), {"token": args.github_token}, argocd_type("scm-creds")
            ),
        ]

    def _secret(
        self,
        name: str,
        secret_name: str,
        data: Mapping[str, pulumi.Input[str]],
        labels: Mapping[str, str],
    ) -> k8s.core.v1.Secret:
        return k8s.core.v1.Secret(
            f"{self._prefix}-{name}",
            metadata={
                "name": secret_name,
                "namespace": self._home,
                "labels": self._args.owner.labels("gitops") | dict(labels),
            },
            string_data=dict(data),
            opts=self._inside,
        )

    def _projects(self, installed: list[pulumi.Resource]) -> list[pulumi.Resource]:
        """The three core projects."""
        owner = self._args.owner
        return [
            argocd(
                f"{self._prefix}-{project}", "AppProject", owner.in_argocd(project), spec, owner.labels("gitops"),
                plus(self._inside, depends_on=installed), finalizers=(naming.RESOURCES_FINALIZER,),
            )
            for project, spec in core_projects(self._args).items()
        ]  # fmt: skip

    def _root(self, ready: list[pulumi.Resource]) -> None:
        """The Application that makes the others: everything that is in this stack's folder."""
        owner = self._args.owner
        argocd(
            f"{self._prefix}-root", "Application", owner.in_argocd("root"), root(self._args), owner.labels("gitops"),
            plus(self._inside, depends_on=ready), finalizers=(naming.RESOURCES_FINALIZER,),
        )  # fmt: skip

    def _discovery(self, ready: list[pulumi.Resource]) -> None:
        """Namespaces for repositories that carry the topic and have no entry, and the ApplicationSet that finds them."""
        owner = self._args.owner
        homes: list[pulumi.Resource] = []
        for environment in self._args.environments:
            place = f"{self._prefix}-discovered-{environment}"
            mine = owner.labels("discovery", environment=environment)
            hosts = {
                naming.DOMAIN: f"{environment}.{self._args.addresses.domain}",
                naming.TAKEN: ",".join(sorted(self._args.declared)),
            }
            home = namespace(
                place, naming.discovered_namespace(environment), "restricted", mine, self._inside, annotations=hosts
            )
            closed = policies.of_namespace(self._args.peers)
            homes += [home, *borders(place, home, Quota(), closed, mine, self._inside)]
        argocd(
            f"{self._prefix}-discovery", "ApplicationSet", owner.in_argocd("discovery"), discovery(self._args),
            owner.labels("discovery"),
            plus(self._inside, depends_on=[*ready, *homes, *self._args.admission]),
        )  # fmt: skip


def argocd_type(secret_type: str) -> dict[str, str]:
    """The label by which Argo CD knows what a Secret is."""
    return {"argocd.argoproj.io/secret-type": secret_type}


def core_projects(args: GitOpsArgs) -> dict[str, dict[str, Any]]:
    """What the core projects permit.

    `bootstrap` starts the rest and may make Argo CD's own objects in Argo CD's namespace; `platform` runs the add-ons;
    `workloads` runs discovered repositories in their namespaces and makes nothing that is cluster-wide.
    """
    gitops = gitops_url(args)
    return {
        "bootstrap": {
            "description": "Starts the platform: the root Application and what it points to.",
            "sourceRepos": [gitops],
            "destinations": [destination(naming.ARGOCD_NAMESPACE)],
            "clusterResourceWhitelist": [],
            "namespaceResourceWhitelist": [
                {"group": "argoproj.io", "kind": kind} for kind in ("Application", "ApplicationSet", "AppProject")
            ],
        },
        "platform": {
            "description": "What the platform runs beside its core.",
            "sourceRepos": sorted({gitops, *(source(chart)["repoURL"] for chart in args.add_ons)}),
            "destinations": [destination(home) for home in ADD_ONS_IN] if args.add_ons else [],
            "clusterResourceWhitelist": [{"group": group, "kind": kind} for group, kind in ADD_ONS_MAKE],
        },
        "workloads": {
            "description": "Repositories found by their topic.",
            "sourceRepos": [f"{args.github.base}/{args.organization}/*"],
            "destinations": [destination(naming.discovered_namespace(name)) for name in args.environments],
            "clusterResourceWhitelist": [],
            "namespaceResourceBlacklist": boundaries(),
        },
    }


def gitops_url(args: GitOpsArgs) -> str:
    """Where git finds the GitOps repository."""
    return args.github.clone(args.organization, naming.GITOPS_REPOSITORY)


def root(args: GitOpsArgs) -> dict[str, Any]:
    """The root Application: it makes Applications and nothing else; what those make is up to their project."""
    return {
        "project": args.owner.in_argocd("bootstrap"),
        "source": {
            "repoURL": gitops_url(args),
            "targetRevision": "HEAD",
            "path": f"{args.repository.folder}/{ROOT}",
            "directory": {"recurse": True},
        },
        "destination": destination(naming.ARGOCD_NAMESPACE),
        "syncPolicy": sync_policy(),
    }


def boundaries() -> list[dict[str, str]]:
    """Kinds that bound a team's namespace, or reach beyond it: the platform's alone.

    Share and rights; policies, of every network plugin that has its own; what leads traffic past an Ingress, whose hosts are
    checked, or to addresses of its own; certificates in others' names; and what makes controllers act with their own rights,
    Prometheus' operator among them; its monitors are for admission. Teams may still make kinds of operators that the platform
    knows nothing of.
    """
    kinds = {
        "": ("ResourceQuota", "LimitRange", "Endpoints"),
        "discovery.k8s.io": ("EndpointSlice",),
        "networking.k8s.io": ("NetworkPolicy",),
        "rbac.authorization.k8s.io": ("Role", "RoleBinding"),
        "monitoring.coreos.com": (
            "Alertmanager", "AlertmanagerConfig", "Probe", "Prometheus", "PrometheusAgent", "ScrapeConfig", "ThanosRuler",
        ),
    }  # fmt: skip
    groups = (
        "argoproj.io", "*traefik.io", "*traefik.containo.us", "*gateway.networking.k8s.io",
        "gateway.networking.x-k8s.io", "*cert-manager.io", "policy.networking.k8s.io", "*cilium.io", "*projectcalico.org",
        "*antrea.io", "*k8s.ovn.org", "*istio.io", "*linkerd.io", "*fluxcd.io", "*cattle.io", "externaldns.k8s.io",
    )  # fmt: skip
    named = [{"group": group, "kind": kind} for group, names in kinds.items() for kind in names]
    return named + [{"group": group, "kind": "*"} for group in groups]
