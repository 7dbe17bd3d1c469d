"""Every name, label, host and address that the platform makes, and the limit each keeps.

Limits come from Kubernetes (RFC 1123 labels of 63 characters for namespaces, Services and label values), GitHub (repository
names of 100 characters, topics of 50) and Kind (a warning above 50). The rules below are narrower than each of them, so that
names that are made from two others stay within too: `<service>-<environment>` has at most 40 + 1 + 20 = 61 characters,
`<team>-<environment>` 30 + 1 + 20 = 51.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import urlsplit

TOPIC = "idp-managed"
"""The GitHub topic of every repository that the platform looks after, and the one that discovery asks for."""

ARGOCD_NAMESPACE = "argocd"
GITOPS_REPOSITORY = "idp-gitops"
"""The repository that Argo CD's root Application reads; one folder for each stack."""

CORE_PROJECTS = ("bootstrap", "platform", "workloads")
"""Argo CD projects: what starts the platform, what the platform runs, what runs without a declared team."""

TRAEFIK_NAMESPACE = "traefik"
CERT_MANAGER_NAMESPACE = "cert-manager"
SEALED_SECRETS_NAMESPACE = "sealed-secrets"
OBSERVABILITY_NAMESPACE = "observability"
PORTAL_NAMESPACE = "backstage"
FORGE_NAMESPACE = "forge"
PORTAL_DATABASE = "postgres"
"""Host of the database that is made beside the portal."""
AGENTS_NAMESPACE = "observability-agents"
"""What watches the nodes themselves; apart from the rest, as its pods need the nodes' files and network."""

PLATFORM_NAMESPACES = (
    ARGOCD_NAMESPACE, PORTAL_NAMESPACE, CERT_MANAGER_NAMESPACE, FORGE_NAMESPACE, OBSERVABILITY_NAMESPACE,
    AGENTS_NAMESPACE, SEALED_SECRETS_NAMESPACE, TRAEFIK_NAMESPACE,
)  # fmt: skip
RESERVED_PREFIXES = ("kube-", "discovered-")
"""Kubernetes keeps `kube-` for itself; repositories that were found by their topic run in `discovered-<environment>`."""

RESOURCES_FINALIZER = "resources-finalizer.argocd.argoproj.io"
"""What an Application made goes with it; a project stays until no Application names it."""

PULL_SECRET = "registry"  # noqa: S105  the name of a Secret, not its content
"""The image pull secret in every team's namespace, named by the templates' ServiceAccounts."""

HTTPS = 443
"""The port that an https address leaves out."""

HTTP_NODE_PORT, HTTPS_NODE_PORT = 30080, 30443
"""Ports of the nodes behind which Traefik is; a Kind cluster maps them to ports of 127.0.0.1."""

FORGE_SERVICE = "git"
"""The forge's Service, and its host below the stack's domain."""
FORGE_ADMINISTRATOR, FORGE_ARGOCD, FORGE_PORTAL = "idp-administrator", "idp-argocd", "idp-portal"
"""Who is in a forge of the stack's own beside people: the program itself, and Argo CD and the portal, which read."""
FORGE_PASSWORD, FORGE_KEYS = "administrator", {"secret-key": 64, "internal-token": 64, "jwt-secret": 43}
"""Secrets of the forge beside one for each person: its administrator's, and its own keys with their length. The last is 32 bytes
to whoever reads it as unpadded base64, as Gitea does."""
FORGE_ACCOUNTS = (
    FORGE_ADMINISTRATOR,
    FORGE_ARGOCD,
    FORGE_PORTAL,
    FORGE_PASSWORD,
    *FORGE_KEYS,
    "ghost",
    "gitea-actions",
    "api",
    "user",
    "org",
    "repo",
    "explore",
    "assets",
)
"""Names that nobody else has there: ours, and those among Gitea's own that somebody might well want."""
FORGE_TOPIC = 35
"""Characters of a topic there; GitHub has 50."""
FORGE_OWNERS, FORGE_PREFIX = "owners", "idp-"
"""A team that Gitea makes, and how the names of ours begin."""

IN_CLUSTER = "https://kubernetes.default.svc"
"""How Argo CD calls the cluster that it runs in."""


@dataclass(frozen=True, kw_only=True)
class NameRule:
    """One kind of name: lower-case letters, digits and hyphens, a letter first and no hyphen last."""

    kind: str
    """What it names, with its article, as an error says it."""
    longest: int
    """In characters; the shortest has two."""

    @property
    def pattern(self) -> str:
        """The rule as a regular expression that Python, JSON Schema and Go read alike."""
        return rf"^[a-z][a-z0-9-]{{0,{self.longest - 2}}}[a-z0-9]$"

    def mistake(self, name: str) -> str | None:
        """What is wrong with a name and what would do instead; nothing where nothing is."""
        if re.fullmatch(self.pattern, name):
            return None
        rule = f"{self.kind} is 2 to {self.longest} of a-z, 0-9 and '-', starting with a letter, not ending with '-'"
        better = slug(name)[: self.longest].strip("-")
        return f"{rule}; try `{better}`" if re.fullmatch(self.pattern, better) else rule


SERVICE = NameRule(kind="a service name", longest=40)
TEAM = NameRule(kind="a team name", longest=30)
ENVIRONMENT = NameRule(kind="an environment name", longest=20)
SYSTEM = NameRule(kind="a system name", longest=40)
CLUSTER = NameRule(kind="a cluster name", longest=50)


def slug(text: str) -> str:
    """The nearest thing to `text` that a name rule may take: lower case, one hyphen for all else, from the first letter on."""
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1-\2", text)
    return re.sub(r"^[^a-z]+|-+$", "", re.sub(r"[^a-z0-9]+", "-", words.lower()))


def team_namespace(team: str, environment: str) -> str:
    """The namespace in which a team's services of one environment run."""
    return f"{team}-{environment}"


def discovered_namespace(environment: str) -> str:
    """The namespace of repositories that were found by their topic."""
    return f"discovered-{environment}"


def team_project(team: str) -> str:
    """The Argo CD project of a team; the prefix keeps it apart from the core projects."""
    return f"team-{team}"


def team_topic(team: str) -> str:
    """The GitHub topic that says whose a repository is."""
    return f"team-{team}"


def team_group(organization: str, team: str) -> str:
    """A team as sign-in with GitHub names it: the organization, and the team's slug there."""
    return f"{organization}:{team}"


def application(service: str, environment: str) -> str:
    """The Argo CD Application of a service in one environment."""
    return f"{service}-{environment}"


def branch(environment: str) -> str:
    """The branch that an environment runs: it holds `deploy/` and nothing else."""
    return f"env/{environment}"


def promotion(environment: str) -> str:
    """The status that a commit of the environment before has when it may go to this one."""
    return f"promote/{environment}"


def address_variable(service: str) -> str:
    """The environment variable in which another service finds this one's address."""
    return f"{service.upper().replace('-', '_')}_SERVICE_URL"


def in_cluster_url(service: str, namespace: str) -> str:
    """Where pods reach a service: its Service's port is http's own."""
    return f"http://{service}.{namespace}.svc.cluster.local"


def overlay(environment: str) -> str:
    """The kustomize overlay of one environment, from the repository's root."""
    return f"deploy/overlays/{environment}"


PART_OF = {"app.kubernetes.io/part-of": "idp"}
"""On every Kubernetes object of the platform."""
STACK_LABEL = "idp/stack"
"""The label that says which stack an object belongs to; what carries another's is never touched."""
ENVIRONMENT_LABEL = "idp/environment"
"""The label of what belongs to one environment; of namespaces, those that teams fill, and no other."""
SERVICE_LABEL = "app.kubernetes.io/name"
"""The label by which pods, and the Applications that make them, are a service's."""

HOSTS, DOMAIN, TAKEN = "idp/hosts", "idp/domain", "idp/taken"
"""Annotations of a namespace, for admission: the hosts that its Ingresses may name; or the domain below which they may
choose a name, and the names there that are somebody's. Each a list with commas."""


ADMITTED = ("ingresses", "services", "monitors")
"""What admission looks at; each has rules of its own, under this name with the stack's before it."""


@dataclass(frozen=True, kw_only=True)
class Owner:
    """The stack that the platform's objects belong to."""

    project: str
    stack: str
    guest: bool = False
    """Whether another stack, or somebody else, runs the Argo CD that this stack uses."""

    @property
    def label(self) -> str:
        """The value of the label; Kubernetes takes 63 characters."""
        return f"{self.project}.{self.stack}"[:63].rstrip("-_.")

    def labels(self, component: str, **more: str) -> dict[str, str]:
        """The labels on every Kubernetes object: what it is part of, who looks after it, and for which stack."""
        standard = {
            **PART_OF,
            "app.kubernetes.io/component": component,
            "app.kubernetes.io/managed-by": "pulumi",
            STACK_LABEL: self.label,
        }
        return standard | {f"idp/{key}": value for key, value in more.items()}

    def in_cluster(self, name: str) -> str:
        """The name of an object that is in no namespace, where several stacks share a cluster."""
        return f"{slug(self.label)[: 62 - len(name)].rstrip('-')}-{name}"

    def in_argocd(self, name: str) -> str:
        """The name of a project, credential or generator in Argo CD's namespace, where a guest is not alone."""
        return f"{slug(self.stack)}-{name}" if self.guest else name


@dataclass(frozen=True, kw_only=True)
class GitHubAddress:
    """Where GitHub is: github.com, or an Enterprise server under one address for API, pages and git."""

    base: str = "https://github.com"
    """Without a slash at its end."""
    name: ClassVar[str] = "GitHub"

    @staticmethod
    def of(base_url: str) -> GitHubAddress:
        """From `GITHUB_BASE_URL`, as the GitHub provider reads it; empty and the public API mean github.com.

        Raises:
            ValueError: it is no address, and must not be taken for github.com: a token would go there.
        """
        if not base_url:
            return GitHubAddress()
        parts = urlsplit(base_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"`{base_url}` is no address; write https://{base_url.rpartition('://')[2]}")
        if parts.hostname in {"github.com", "api.github.com"}:
            return GitHubAddress()
        return GitHubAddress(base=base_url.rstrip("/").removesuffix("/api/v3"))

    @property
    def public(self) -> bool:
        """Whether it is github.com, where rate limits apply."""
        return self == GitHubAddress()

    @property
    def pages(self) -> str:
        """For people, who have the same address as everybody else."""
        return self.base

    @property
    def host(self) -> str:
        """Its host, with the port where it has one of its own."""
        return urlsplit(self.base).netloc

    @property
    def provider_url(self) -> str:
        """What the GitHub provider wants; it adds `api/v3/` to any address but the public one."""
        return "https://api.github.com/" if self.public else f"{self.base}/"

    @property
    def api(self) -> str:
        """Where the REST API answers."""
        return "https://api.github.com" if self.public else f"{self.base}/api/v3"

    @property
    def registry(self) -> str:
        """The container registry that belongs to it."""
        return "ghcr.io" if self.public else f"containers.{self.host}"

    def page(self, organization: str, repository: str) -> str:
        """A repository's page."""
        return f"{self.base}/{organization}/{repository}"

    def clone(self, organization: str, repository: str) -> str:
        """The https address that git and Argo CD use; one spelling everywhere, as Argo CD compares it as text."""
        return f"{self.page(organization, repository)}.git"

    def team(self, organization: str, team: str) -> str:
        """A team's page."""
        return f"{self.base}/orgs/{organization}/teams/{team}"

    def files(self, organization: str, repository: str) -> str:
        """The page of a repository's files on its default branch."""
        return f"{self.page(organization, repository)}/tree/main/"

    def pages_of_files(self, organization: str, repository: str) -> str:
        """What the address of each file's page begins with, on the default branch."""
        return f"{self.page(organization, repository)}/blob/main/"

    def workflows(self, organization: str, repository: str) -> str:
        """The page of a repository's workflows, and how they went."""
        return f"{self.page(organization, repository)}/actions"


@dataclass(frozen=True, kw_only=True)
class ForgeAddress:
    """Where a forge is that the stack has in its own cluster: one address for people, another for who is in the cluster too.

    git asks no DNS for names below `.localhost`, so that the first would lead a pod to itself.
    """

    pages: str
    """For people, by https; without a slash at its end."""
    name: ClassVar[str] = "Gitea"
    public: ClassVar[bool] = False
    registry: ClassVar[str] = "localhost"
    """Where images are that nobody pulls: they are put into the nodes, and a node asks nobody but itself."""

    @property
    def host(self) -> str:
        """Its host for people, with the port where it has one of its own."""
        return urlsplit(self.pages).netloc

    @property
    def base(self) -> str:
        """For who is in the cluster."""
        return f"http://{FORGE_SERVICE}.{FORGE_NAMESPACE}.svc.cluster.local"

    @property
    def api(self) -> str:
        """What clients in the cluster are told; they know the path of the API."""
        return self.base

    def page(self, organization: str, repository: str) -> str:
        """A repository's page."""
        return f"{self.pages}/{organization}/{repository}"

    def clone(self, organization: str, repository: str) -> str:
        """The address that Argo CD uses; people clone the page's."""
        return f"{self.base}/{organization}/{repository}.git"

    def team(self, organization: str, team: str) -> str:
        """A team's page."""
        return f"{self.pages}/org/{organization}/teams/{team}"

    def files(self, organization: str, repository: str) -> str:
        """The page of a repository's files on its default branch."""
        return f"{self.page(organization, repository)}/src/branch/main/"

    def pages_of_files(self, organization: str, repository: str) -> str:
        """What the address of each file's page begins with: the same as that of all of them."""
        return self.files(organization, repository)

    def inside(self, organization: str, repository: str) -> str:
        """The files for who is in the cluster."""
        return f"{self.base}/{organization}/{repository}/src/branch/main/"

    def workflows(self, _organization: str, _repository: str) -> str:
        """No page: nobody runs workflows there."""
        return ""


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """Where people and pods reach what the platform runs, under the same addresses."""

    domain: str
    port: int = HTTPS
    """Of https, as a browser on the host sees it; the ingress controller's Service has the same one for pods."""

    def host(self, name: str) -> str:
        """The host of a part of the platform."""
        return f"{name}.{self.domain}"

    def service_host(self, service: str, environment: str) -> str:
        """The host of a service in one environment."""
        return f"{service}.{environment}.{self.domain}"

    def url(self, host: str) -> str:
        """The https address of a host, as a browser writes it."""
        return f"https://{host}" if self.port == HTTPS else f"https://{host}:{self.port}"
