"""What a plan must not declare: rules that are held against every plan, each with its reason and the way out.

They are those of the NSA's and CISA's guide to Kubernetes, of CIS and of Argo CD's, Traefik's and Sealed Secrets' own
documents, as far as a plan can show them. docs/policy.md lists them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast

import yaml

from idp import naming
from idp.plan.manifests import CERT_MANAGER, RELEASE, release
from idp.plan.model import Mark

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from idp.plan import Node, Plan

    Check = Callable[[Plan], Iterator[tuple[Node, str]]]

NAMESPACE, SECRET = "kubernetes:core/v1:Namespace", "kubernetes:core/v1:Secret"
POLICY, QUOTA = "kubernetes:networking.k8s.io/v1:NetworkPolicy", "kubernetes:core/v1:ResourceQuota"
RBAC = "kubernetes:rbac.authorization.k8s.io/v1:"
ARGOCD = "kubernetes:argoproj.io/v1alpha1:"
KIND = "pulumi-python:dynamic/idp:KindCluster"
REPOSITORY, RULESET = "github:index/repository:Repository", "github:index/repositoryRuleset:RepositoryRuleset"
EVERYBODY = {"system:anonymous", "system:authenticated", "system:unauthenticated"}
TELLING = re.compile(r"(?i)(password|token|privatekey|apikey|clientsecret)$")
"""Keys of a chart's values whose text is a secret."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One thing that no plan does."""

    id: str
    severity: Literal["error", "warning"]
    reason: str
    remedy: str
    check: Check = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A rule that a resource breaks."""

    rule: Rule
    node: Node
    message: str

    def __str__(self) -> str:
        """Where, what, and what instead."""
        place = f"{self.node.source}: " if self.node.source else ""
        return f"{self.rule.severity}: {place}{self.node.name}: {self.message} ({self.rule.id}); {self.rule.remedy}"


def findings(plan: Plan) -> list[Finding]:
    """Every breach of every rule, errors first."""
    found = [Finding(rule=rule, node=node, message=message) for rule in RULES for node, message in rule.check(plan)]
    return sorted(found, key=lambda each: (each.rule.severity != "error", each.rule.id, each.node.urn))


def _provider(plan: Plan) -> Iterator[tuple[Node, str]]:
    for node in plan.nodes:
        if node.type.startswith(("kubernetes:", "github:")) and not node.provider:
            yield node, "names no provider"


def _kept(plan: Plan) -> Iterator[tuple[Node, str]]:
    for node in plan.nodes:
        if node.type.startswith("github:") and not node.retain_on_delete:
            yield node, "would be deleted on GitHub with its entry"


def _members(node: Node, *path: str) -> list[dict[str, Any]]:
    """The objects of a list among a resource's inputs; none where it is not there, or secret."""
    found = node.at(*path)
    return cast("list[dict[str, Any]]", found) if isinstance(found, list) else []


def _pod_security(plan: Plan) -> Iterator[tuple[Node, str]]:
    for node in plan.of(NAMESPACE):
        level = node.at("metadata", "labels", "pod-security.kubernetes.io/enforce")
        if level is None:
            yield node, "enforces no pod security standard"
        elif level != "restricted" and node in _filled(plan):
            yield node, f"enforces `{level}` where teams run pods"


def _filled(plan: Plan) -> list[Node]:
    """The namespaces that teams fill, declared or discovered."""
    return [node for node in plan.of(NAMESPACE) if node.at("metadata", "labels", naming.ENVIRONMENT_LABEL)]


def _within(plan: Plan, type_: str, home: Node) -> list[Node]:
    """The objects of a type in a namespace."""
    name = home.at("metadata", "name")
    return [node for node in plan.of(type_) if node.at("metadata", "namespace") == name]


def _closed(plan: Plan) -> Iterator[tuple[Node, str]]:
    closed: dict[str, Any] = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for home in _filled(plan):
        if not any(node.at("spec") == closed for node in _within(plan, POLICY, home)):
            yield home, "has no policy that closes it in both directions"


def _wide(plan: Plan) -> Iterator[tuple[Node, str]]:
    for node in plan.of(POLICY):
        for word, rules in (("from", _members(node, "spec", "ingress")), ("to", _members(node, "spec", "egress"))):
            for rule in rules:
                peers = rule.get(word)
                if not peers or any(each.get("namespaceSelector") == {} for each in peers):
                    yield node, f"opens a direction to everything ({word})"


def _share(plan: Plan) -> Iterator[tuple[Node, str]]:
    for home in _filled(plan):
        scoped = {node.at("spec", "scopeSelector") is not None for node in _within(plan, QUOTA, home)}
        if False not in scoped:
            yield home, "has no ResourceQuota"
        if True not in scoped:
            yield home, "has no ResourceQuota for the most urgent pods"
        if not _within(plan, "kubernetes:core/v1:LimitRange", home):
            yield home, "has no LimitRange"


def _account(plan: Plan) -> Iterator[tuple[Node, str]]:
    for home in _filled(plan):
        accounts = _within(plan, "kubernetes:core/v1:ServiceAccountPatch", home)
        if not any(node.at("automountServiceAccountToken") is False for node in accounts):
            yield home, "gives its pods a token for the API"


def _rights(plan: Plan) -> Iterator[tuple[Node, str]]:
    for node in (*plan.of(f"{RBAC}Role"), *plan.of(f"{RBAC}ClusterRole")):
        for rule in _members(node, "rules"):
            if "*" in (*rule.get("verbs", ()), *rule.get("resources", ())):
                yield node, "gives rights with a star"
    for node in (*plan.of(f"{RBAC}RoleBinding"), *plan.of(f"{RBAC}ClusterRoleBinding")):
        subjects = {str(each.get("name")) for each in _members(node, "subjects")}
        if node.at("roleRef", "name") == "cluster-admin":
            yield node, "binds cluster-admin"
        if subjects & EVERYBODY:
            yield node, f"binds everybody ({', '.join(sorted(subjects & EVERYBODY))})"


def _clear(plan: Plan) -> Iterator[tuple[Node, str]]:
    for node in plan.of(SECRET):
        for key in ("data", "stringData"):
            values = node.at(key)
            if values is None or isinstance(values, Mark):
                continue
            if clear := sorted(name for name, value in values.items() if not isinstance(value, Mark)):
                yield node, f"holds {', '.join(clear)} in clear"
    for node, values in _values(plan):
        for path in _telling(values, ""):
            yield node, f"value {path} is in clear, and Helm keeps values in the cluster"


def _telling(value: Any, path: str) -> Iterator[str]:
    """Paths of texts whose key says that they are secret; a reference to a Secret begins with a dollar sign."""
    if isinstance(value, dict):
        for key, part in cast("dict[str, Any]", value).items():
            place = f"{path}.{key}".lstrip(".")
            if (
                isinstance(part, str)
                and not isinstance(part, Mark)
                and TELLING.search(key)
                and part[:1] not in {"", "$"}
            ):
                yield place
            yield from _telling(part, place)


def _no_default_project(plan: Plan) -> Iterator[tuple[Node, str]]:
    for kind, path in (("Application", ()), ("ApplicationSet", ("template", "spec"))):
        for node in plan.of(f"{ARGOCD}{kind}"):
            project = str(node.at("spec", *path, "project"))
            if project == "default" or "{{" in project:
                yield node, f"runs in project `{project}`"


def _projects(plan: Plan) -> Iterator[tuple[Node, str]]:
    for node in plan.of(f"{ARGOCD}AppProject"):
        homes = [each.get("namespace", "") for each in _members(node, "spec", "destinations")]
        kinds = [each.get("kind") for each in _members(node, "spec", "clusterResourceWhitelist")]
        if "*" in (node.at("spec", "sourceRepos") or ()):
            yield node, "permits every repository"
        if any("*" in home for home in homes):
            yield node, "permits namespaces with a star"
        if {"*", "Namespace"} & {*kinds}:
            yield node, "permits kinds of the whole cluster"


def _borders(plan: Plan) -> Iterator[tuple[Node, str]]:
    borders = {"NetworkPolicy", "ResourceQuota", "LimitRange", "Role", "RoleBinding"}
    filled = {node.at("metadata", "name") for node in _filled(plan)}
    for node in plan.of(f"{ARGOCD}AppProject"):
        refused = {each.get("kind") for each in _members(node, "spec", "namespaceResourceBlacklist")}
        homes = {each.get("namespace") for each in _members(node, "spec", "destinations")}
        if homes & filled and (lacking := sorted(borders - refused)):
            yield node, f"lets teams make {', '.join(lacking)}"


def _discovery(plan: Plan) -> Iterator[tuple[Node, str]]:
    for node in plan.of(f"{ARGOCD}ApplicationSet"):
        made_only = node.at("spec", "syncPolicy", "applicationsSync") in {"create-only", "create-update"}
        if not made_only or not node.at("spec", "syncPolicy", "preserveResourcesOnDeletion"):
            yield node, "removes what it no longer finds"


def _values(plan: Plan, chart: str = "") -> Iterator[tuple[Node, Any]]:
    """Each release, or those of one chart, with its values."""
    for node in plan.nodes:
        if node.type in {RELEASE, CERT_MANAGER} and chart in {"", release(node).chart}:
            yield node, release(node).values


def _has_not(chart: str, *wrong: tuple[str, object, str]) -> Check:
    """A check that a chart's values do not have a value at a path, with slashes between its keys."""

    def check(plan: Plan) -> Iterator[tuple[Node, str]]:
        for node, values in _values(plan, chart):
            yield from ((node, message) for path, value, message in wrong if _at(values, path) == value)

    return check


def _at(values: Any, path: str) -> Any:
    for key in path.split("/"):
        values = cast("dict[str, Any]", values).get(key) if isinstance(values, dict) else None
    return values


def _proxier(plan: Plan) -> Iterator[tuple[Node, str]]:
    for node, values in _values(plan, "sealed-secrets"):
        if _at(values, "rbac/serviceProxier/create") is not False:
            yield node, "lets everybody who is signed in call the controller"


def _tls(plan: Plan) -> Iterator[tuple[Node, str]]:
    for node, values in _values(plan, "traefik"):
        if _at(values, "tlsOptions/default/minVersion") not in {"VersionTLS12", "VersionTLS13"}:
            yield node, "speaks TLS older than 1.2"
        if _at(values, "ports/web/http/redirections/entryPoint/to") != "websecure":
            yield node, "serves http without sending it to https"


def _charts(plan: Plan) -> Iterator[tuple[Node, str]]:
    for node, _ in _values(plan):
        version = str(release(node).version)
        if not re.fullmatch(r"v?\d+\.\d+\.\d+\S*", version):
            yield node, f"installs version `{version}` of its chart"


def _loopback(plan: Plan) -> Iterator[tuple[Node, str]]:
    for node in plan.of(KIND):
        config = yaml.safe_load(str(node.at("config")))
        mapped = [each for one in config["nodes"] for each in one.get("extraPortMappings", ())]
        if any(each.get("listenAddress") != "127.0.0.1" for each in mapped):
            yield node, "maps ports on every address of the machine"
        if config.get("networking", {}).get("apiServerAddress") not in {None, "127.0.0.1"}:
            yield node, "serves the API on other addresses than this machine's own"


def _images(plan: Plan) -> Iterator[tuple[Node, str]]:
    for node in plan.of(KIND):
        for one in yaml.safe_load(str(node.at("config")))["nodes"]:
            if "@sha256:" not in one.get("image", ""):
                yield node, f"runs image `{one.get('image')}`, whose tag may mean another tomorrow"
                break


def _unprotected(plan: Plan) -> Iterator[tuple[Node, str]]:
    ruled = {node.parent for node in plan.of(RULESET)}
    for node in plan.of(REPOSITORY):
        if node.parent not in ruled:
            yield node, "has no ruleset for its default branch"


RULES = (
    Rule(
        id="provider", severity="error", check=_provider,
        reason="without one it goes to whatever cluster or account the machine happens to know",
        remedy="give it a provider of components/providers.py",
    ),
    Rule(
        id="kept-on-github", severity="error", check=_kept,
        reason="a repository is people's work", remedy="set `retain_on_delete`",
    ),
    Rule(
        id="pod-security", severity="error", check=_pod_security,
        reason="a namespace without a level takes privileged pods", remedy="make it by components/kubernetes.py, `restricted`",
    ),
    Rule(
        id="default-deny", severity="error", check=_closed,
        reason="what no policy selects talks with everybody", remedy="add the policies of components/policies.py",
    ),
    Rule(
        id="policy-too-wide", severity="error", check=_wide,
        reason="a rule without peers opens to all of them", remedy="name namespace and pods, or an address block",
    ),
    Rule(
        id="quota", severity="error", check=_share,
        reason="one team's mistake would take the cluster from the others", remedy="add components/borders.py",
    ),
    Rule(
        id="service-account-token", severity="error", check=_account,
        reason="a pod that needs no API has no use for a token, but a thief has", remedy="add components/borders.py",
    ),
    Rule(
        id="rights", severity="error", check=_rights,
        reason="a star also means what comes tomorrow", remedy="name verbs and resources, and whom they are for",
    ),
    Rule(
        id="secret-in-clear", severity="error", check=_clear,
        reason="plan, state and log would show it", remedy="take it from `Settings.secrets`, or mark it `pulumi.Output.secret`",
    ),
    Rule(
        id="default-project", severity="error", check=_no_default_project,
        reason="`default` is emptied, and a project that a repository chooses is no border", remedy="name one of this stack's",
    ),
    Rule(
        id="project-too-wide", severity="error", check=_projects,
        reason="a star as source or destination is no border", remedy="list repositories, namespaces and kinds",
    ),
    Rule(
        id="project-borders", severity="error", check=_borders,
        reason="who makes policies and quotas is not bound by them", remedy="use `boundaries()` of components/gitops.py",
    ),
    Rule(
        id="discovery-deletes", severity="error", check=_discovery,
        reason="a token that loses sight of a repository gets a shorter list with status 200",
        remedy="set `applicationsSync: create-update` and `preserveResourcesOnDeletion`",
    ),
    Rule(
        id="argocd-settings", severity="error",
        check=_has_not(
            "argo-cd",
            ("configs/cm/exec.enabled", True, "lets people run commands in pods"),
            ("configs/cm/users.anonymous.enabled", "true", "lets anybody in"),
            ("configs/rbac/policy.default", "role:admin", "makes everybody an administrator"),
            ("configs/secret/createSecret", True, "has the chart make its Secret, whose values Helm keeps in clear"),
        ),
        reason="who gets into Argo CD gets what it may do", remedy="leave it off",
    ),
    Rule(
        id="traefik-settings", severity="error",
        check=_has_not(
            "traefik",
            ("ingressRoute/dashboard/enabled", True, "serves its dashboard"),
            ("api/insecure", True, "serves its API without a password"),
            ("providers/kubernetesCRD/allowCrossNamespace", True, "lets a route take another namespace's service"),
            ("providers/kubernetesIngress/allowExternalNameServices", True, "lets a service lead anywhere"),
        ),
        reason="the ingress controller is in front of everybody's services", remedy="leave it off",
    ),
    Rule(
        id="tls", severity="error", check=_tls,
        reason="passwords go over these connections", remedy="set `tlsOptions` and the redirection of components/ingress.py",
    ),
    Rule(
        id="sealed-secrets-proxier", severity="error", check=_proxier,
        reason="the chart binds it to every account", remedy="set `rbac.serviceProxier.create` to false",
    ),
    Rule(
        id="chart-version", severity="error", check=_charts,
        reason="another version tomorrow is a change that nobody reviewed", remedy="take the chart from idp/versions.py",
    ),
    Rule(
        id="loopback", severity="error", check=_loopback,
        reason="a laptop's cluster is nobody else's", remedy="set the address to 127.0.0.1",
    ),
    Rule(
        id="image-digest", severity="warning", check=_images,
        reason="a tag may be moved", remedy="add `@sha256:...` to `image` of idp:cluster",
    ),
    Rule(
        id="default-branch", severity="warning", check=_unprotected,
        reason="anybody who may push may rewrite what is there",
        remedy="GitHub has rulesets for public repositories, and on paid plans (idp:githubPlan)",
    ),
)  # fmt: skip
"""All of them; the id is for people and never changes."""
