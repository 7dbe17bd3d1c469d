"""GitOps: Argo CD runs what the repositories say, within projects that say what may come from where and go where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import pulumi
import pulumi_kubernetes as k8s
import yaml

from components import policies
from components.borders import borders
from components.dynamic.password import Password
from components.gitops_repository import GitOpsRepository, GitOpsRepositoryArgs
from components.kubernetes import argocd, container, helm_release, namespace
from components.options import plus
from idp import naming
from idp.model import Quota

if TYPE_CHECKING:
    from collections.abc import Mapping

    from idp.naming import GitHubAddress
    from idp.network import Peers
    from idp.versions import Chart

PROBE = {"enabled": True, "initialDelaySeconds": 5}
PROBES = {"livenessProbe": PROBE, "readinessProbe": PROBE}
"""Off in the chart, where the other parts have them on."""
SCM_CREDENTIALS = "scm-creds"
CLIENT_ID, CLIENT_SECRET = "dex.github.clientId", "dex.github.clientSecret"
"""Keys of Argo CD's own Secret, to which its settings point with a dollar sign."""
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
SYNC_SECONDS = 300
"""After which a sync that has not come to an end is given up, and begun anew where it is still wanted.

An Application that is deleted waits for the end of its sync (argoproj/argo-cd#17894), and ours are retried for ever: without
this one that never succeeds would never go.
"""
DISCOVERY_SECONDS = 1800
"""Between two listings: one costs a request for each hundred repositories and one for each that carries the topic."""


@dataclass(frozen=True, kw_only=True)
class SignIn:
    """An OAuth app of GitHub's."""

    client: pulumi.Input[str]
    """Its id. Secret."""
    secret: pulumi.Input[str]
    """Secret."""


@dataclass(frozen=True, kw_only=True)
class GitOpsArgs:
    """What GitOps needs."""

    owner: naming.Owner
    chart: Chart | None
    """Argo CD's; nothing where the cluster has one already."""
    organization: str
    github: GitHubAddress
    github_token: pulumi.Input[str]
    """Reads repositories. Secret."""
    addresses: naming.Addresses
    ingress_class: str
    administrator: bool
    """Whether Argo CD's administrator account is on."""
    sign_in: SignIn | None
    """By which members of the organization sign in to Argo CD; nobody does where there is none."""
    replicas: int
    node_selector: Mapping[str, str]
    """Labels of the nodes that the platform's pods ask for."""
    environments: tuple[str, ...]
    """Those that this stack runs."""
    declared: tuple[str, ...]
    """Names of services that have an entry; discovery leaves their repositories alone."""
    repository: GitOpsRepositoryArgs
    add_ons: tuple[Chart, ...]
    """Charts that the root Application's children install."""
    ground: tuple[pulumi.Resource, ...]
    """What those children need in the cluster."""
    peers: Peers
    """Whom pods of discovered repositories talk with."""
    admission: tuple[pulumi.Resource, ...]
    """In force before anything runs."""
    lifetime: pulumi.Resource | None
    """What is in the cluster goes when this goes."""


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


def values(args: GitOpsArgs) -> dict[str, Any]:
    """Chart values; a pure function, so that tests need no engine."""
    host = args.addresses.host("argocd")
    spread = {"replicas": args.replicas} | (
        {"pdb": {"enabled": True, "maxUnavailable": 1}} if args.replicas > 1 else {}
    )
    ingress = {"ingress": {"enabled": True, "ingressClassName": args.ingress_class, "hostname": host}}
    return {
        "fullnameOverride": "argocd",
        "crds": {"install": True, "keep": True},
        "global": {
            "domain": host,
            "nodeSelector": dict(args.node_selector),
        },
        "configs": {
            "secret": {"createSecret": False},
            "cm": {
                "url": args.addresses.url(host),
                "admin.enabled": args.administrator,
                "exec.enabled": False,
                "users.anonymous.enabled": "false",
                "application.resourceTrackingMethod": "annotation",
                **({"dex.config": dex_config(args)} if args.sign_in else {}),
            },
            "rbac": {"policy.default": ""},
            "params": {
                "server.insecure": True,  # TLS ends at the ingress, which redirects http
                "controller.sync.timeout.seconds": SYNC_SECONDS,
                "applicationsetcontroller.enable.tokenref.strict.mode": True,
                "applicationsetcontroller.allowed.scm.providers": args.github.api,
            },
        },
        "dex": {"enabled": True, **container("20m", "64Mi", "128Mi"), **PROBES} if args.sign_in else {"enabled": False},
        "notifications": {"enabled": False},
        "controller": container("250m", "512Mi", "1Gi"),
        "server": container("50m", "128Mi", "256Mi") | spread | ingress,
        "repoServer": container("100m", "256Mi", "1Gi") | spread,
        "applicationSet": container("50m", "128Mi", "256Mi") | PROBES,
        "redis": container("50m", "64Mi", "256Mi") | PROBES,
        "redisSecretInit": container("50m", "64Mi", "128Mi"),
    }


def dex_config(args: GitOpsArgs) -> str:
    """Sign-in with GitHub, for members of the organization and nobody else; its teams are the groups of Argo CD's projects."""
    github: dict[str, Any] = {
        "clientID": f"${CLIENT_ID}",
        "clientSecret": f"${CLIENT_SECRET}",
        "orgs": [{"name": args.organization}],
        "teamNameField": "slug",
    }
    if not args.github.public:
        github["hostName"] = args.github.host
    connectors = [{"type": "github", "id": "github", "name": "GitHub", "config": github}]
    return yaml.safe_dump({"connectors": connectors}, sort_keys=False)


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
            "destinations": [_destination(naming.ARGOCD_NAMESPACE)],
            "clusterResourceWhitelist": [],
            "namespaceResourceWhitelist": [
                {"group": "argoproj.io", "kind": kind} for kind in ("Application", "ApplicationSet", "AppProject")
            ],
        },
        "platform": {
            "description": "What the platform runs beside its core.",
            "sourceRepos": sorted({gitops, *(source(chart)["repoURL"] for chart in args.add_ons)}),
            "destinations": [_destination(home) for home in ADD_ONS_IN] if args.add_ons else [],
            "clusterResourceWhitelist": [{"group": group, "kind": kind} for group, kind in ADD_ONS_MAKE],
        },
        "workloads": {
            "description": "Repositories found by their topic.",
            "sourceRepos": [f"{args.github.base}/{args.organization}/*"],
            "destinations": [_destination(naming.discovered_namespace(name)) for name in args.environments],
            "clusterResourceWhitelist": [],
            "namespaceResourceBlacklist": boundaries(),
        },
    }


def gitops_url(args: GitOpsArgs) -> str:
    """Where git finds the GitOps repository."""
    return args.github.clone(args.organization, naming.GITOPS_REPOSITORY)


def source(chart: Chart) -> dict[str, str]:
    """A chart as an Application's source; a registry's is an image with the chart in it, at the image's root."""
    if chart.repository:
        return {"repoURL": chart.repository, "chart": chart.name, "targetRevision": chart.version}
    return {"repoURL": chart.reference, "path": ".", "targetRevision": chart.version}


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
        "destination": _destination(naming.ARGOCD_NAMESPACE),
        "syncPolicy": sync_policy(),
    }


def boundaries() -> list[dict[str, str]]:
    """Kinds that bound a team's namespace, or reach beyond it: the platform's alone.

    Share and rights; policies, of every network plugin that has its own; what leads traffic past an Ingress, whose hosts are
    checked, or to addresses of its own; certificates in others' names; and what makes controllers act with their own rights.
    Teams may still make kinds of operators that the platform knows nothing of.
    """
    kinds = {
        "": ("ResourceQuota", "LimitRange", "Endpoints"),
        "discovery.k8s.io": ("EndpointSlice",),
        "networking.k8s.io": ("NetworkPolicy",),
        "rbac.authorization.k8s.io": ("Role", "RoleBinding"),
        "monitoring.coreos.com": ("Probe", "ScrapeConfig"),
    }
    groups = (
        "argoproj.io", "*traefik.io", "*traefik.containo.us", "*gateway.networking.k8s.io",
        "gateway.networking.x-k8s.io", "*cert-manager.io", "policy.networking.k8s.io", "*cilium.io", "*projectcalico.org",
        "*antrea.io", "*k8s.ovn.org", "*istio.io", "*linkerd.io", "*fluxcd.io", "*cattle.io", "externaldns.k8s.io",
    )  # fmt: skip
    named = [{"group": group, "kind": kind} for group, names in kinds.items() for kind in names]
    return named + [{"group": group, "kind": "*"} for group in groups]


def _destination(home: str) -> dict[str, str]:
    return {"server": naming.IN_CLUSTER, "namespace": home}


def discovery(args: GitOpsArgs) -> dict[str, Any]:
    """The ApplicationSet: one generator per environment, for repositories with the topic, an overlay and no entry.

    The two filters are two on purpose: topic and name in one with a path would cost a request for every repository. The
    policy never deletes: a token that loses sight of a repository would otherwise take its Application away.
    """
    host = args.addresses.service_host("{{ .repository }}", "{{ .values.environment }}")
    return {
        "goTemplate": True,
        "goTemplateOptions": ["missingkey=error"],
        "generators": [_generator(environment, args) for environment in args.environments],
        "syncPolicy": {"applicationsSync": "create-update", "preserveResourcesOnDeletion": True},
        "template": {
            "metadata": {
                "name": naming.application("{{ .repository }}", "{{ .values.environment }}"),
                "labels": args.owner.labels("discovered-service"),
            },
            "spec": {
                "project": args.owner.in_argocd("workloads"),
                "source": {
                    "repoURL": "{{ .url }}",
                    "targetRevision": "refs/heads/{{ .branch }}",
                    "path": naming.overlay("{{ .values.environment }}"),
                    "kustomize": {"patches": [ingress_patch("{{ .repository }}", host, args.ingress_class)]},
                },
                "destination": _destination(naming.discovered_namespace("{{ .values.environment }}")),
                "syncPolicy": sync_policy(),
            },
        },
    }


def _generator(environment: str, args: GitOpsArgs) -> dict[str, Any]:
    generator: dict[str, Any] = {
        "scmProvider": {
            "cloneProtocol": "https",
            "requeueAfterSeconds": DISCOVERY_SECONDS,
            "github": {
                "organization": args.organization,
                "tokenRef": {"secretName": args.owner.in_argocd(SCM_CREDENTIALS), "key": "token"},
            }
            | ({} if args.github.public else {"api": args.github.api}),
            "filters": [
                {"labelMatch": f"^{naming.TOPIC}$", "repositoryMatch": naming.SERVICE.pattern},
                {
                    "pathsExist": [f"{naming.overlay(environment)}/kustomization.yaml"],
                    "pathsDoNotExist": [".idp/service.yaml"],
                },
            ],
            "values": {"environment": environment},
        }
    }
    if args.declared:
        names = {"key": "repository", "operator": "NotIn", "values": sorted(args.declared)}
        generator["selector"] = {"matchExpressions": [names]}
    return generator


def ingress_patch(name: str, host: str, ingress_class: str) -> dict[str, Any]:
    """A kustomize patch that gives an Ingress its host on this stack; where there is none of that name it does nothing."""
    patch = [
        {"op": "add", "path": "/spec/ingressClassName", "value": ingress_class},
        {"op": "replace", "path": "/spec/rules/0/host", "value": host},
    ]
    target = {"group": "networking.k8s.io", "kind": "Ingress", "name": name}
    return {"target": target, "patch": yaml.safe_dump(patch, width=1000)}


def sync_policy() -> dict[str, Any]:
    """How every Application of the platform is synced.

    Without `refresh` a sync retries the revision that it began with, and a fix after a broken commit is never taken. The
    first sync may come before the kinds of an add-on exist; hence the skipped dry run.
    """
    return {
        "automated": {"prune": True, "selfHeal": True},
        "retry": {"limit": -1, "refresh": True, "backoff": {"duration": "5s", "factor": 2, "maxDuration": "3m"}},
        "syncOptions": ["ServerSideApply=true", "SkipDryRunOnMissingResource=true"],
    }
