"""The entries of a stack's config as values: what it may say, made of the words in `idp.words`.

These models are the schema. `validate` reports against them, `schema` prints them as JSON Schema for editors and forms.
Checks that need one value only are here; what needs two (a service's team, a call's target) is in `idp.catalog`.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self, get_origin

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from idp.words import (
    ADDRESS,
    BACKEND,
    DOMAIN,
    IMAGE,
    ORGANIZATION,
    REPOSITORY,
    SLUG,
    TOPIC,
    Call,
    ClusterName,
    EnvironmentName,
    Parameter,
    Port,
    Quantity,
    ServiceName,
    SystemName,
    TeamName,
    Text,
)


class Model(BaseModel):
    """Frozen, strict, and without a key that nobody reads."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        alias_generator=to_camel,
        validate_by_name=True,
        serialize_by_alias=True,
    )


class Quota(Model):
    """What a team may ask for in one environment, all of it together."""

    cpu: Quantity = Field(default="4", description="Cores, such as 4 or 500m.")
    memory: Quantity = Field(default="8Gi", description="Memory, such as 8Gi.")
    pods: int = Field(default=50, ge=1, le=10_000, description="Number of pods.")
    storage: Quantity = Field(default="20Gi", description="Of all volumes together, such as 20Gi.")


class TeamEntry(Model):
    """A team: who it is on GitHub, and its share of the cluster."""

    github: str = Field(
        description="Slug of the team on GitHub; it gets push access to its services' repositories.",
        pattern=SLUG,
    )
    members: tuple[Annotated[str, Field(pattern=ORGANIZATION)], ...] = Field((), description="GitHub logins.")
    quota: Quota = Quota()


class ServiceEntry(Model):
    """A service: what differs from its template's defaults, and nothing else."""

    team: TeamName = Field(description="The team that owns it.")
    template: str | None = Field(None, description="The template that its repository is made from.")
    adopted: bool = Field(
        default=False,
        description="Instead of a template: its repository was there before, and no file of it is written.",
    )
    description: Text = Field(description="What it does, in one line.")
    parameters: dict[str, Parameter] = Field({}, description="The template's parameters that differ from its defaults.")
    topics: tuple[Annotated[str, Field(pattern=TOPIC)], ...] = Field(
        (), max_length=18, description="Topics of its repository beside the platform's own two."
    )
    calls: tuple[Call, ...] = Field((), description="Services and outside addresses that it calls.")
    system: SystemName | None = Field(
        None, description="What it is a part of in the catalog; without, of the platform as a whole."
    )
    state: Literal["active", "retired"] = Field(
        "active", description="`retired` archives the repository and removes what runs; the name stays taken."
    )

    @model_validator(mode="after")
    def _made_or_adopted(self) -> Self:
        if (self.template is None) is not self.adopted:
            raise ValueError("name a `template`, or say `adopted: true` of a repository that is there; one of the two")
        if self.adopted and self.parameters:
            raise ValueError("`parameters` are a template's; an adopted repository has none")
        return self


class KindSpec(Model):
    """A Kind cluster of this stack's own, on this machine's Docker."""

    mode: Literal["kind"]
    name: ClusterName
    workers: int = Field(2, ge=1, le=10, description="The first is for the platform, the others are for workloads.")
    http_port: Port = Field(8880, description="Port on 127.0.0.1; redirects to the https port.")
    https_port: Port = Field(8843, description="Port on 127.0.0.1.")
    image: str | None = Field(None, description="Another node image.", pattern=IMAGE)

    @model_validator(mode="after")
    def _ports_differ(self) -> Self:
        if self.http_port == self.https_port:
            raise ValueError(f"httpPort and httpsPort are both {self.http_port}; give each its own")
        return self


class ExistingSpec(Model):
    """A cluster that is there already."""

    mode: Literal["existing"]
    kubeconfig: str = Field(description="Path of the kubeconfig; `~` is the home folder.", min_length=1)
    context: str = Field(description="The context in it.", min_length=1)


class OwnDatabase(Model):
    """A PostgreSQL in the cluster, with a volume of its own."""

    mode: Literal["own"]
    size: Quantity = Field("2Gi", description="Of its volume.")


class ExternalDatabase(Model):
    """A PostgreSQL that somebody looks after; its password is the secret `portalDatabasePassword`."""

    mode: Literal["external"]
    host: str = Field(min_length=1, max_length=253, pattern=DOMAIN)
    port: Port = 5432
    name: str = Field("backstage", description="Of the database; the portal makes a schema in it for each plugin.")
    user: str = Field("backstage", description="Whose database it is.", min_length=1)
    tls: bool = Field(default=True, description="Off where nobody can listen in between.")


DatabaseSpec = Annotated[OwnDatabase | ExternalDatabase, Field(discriminator="mode")]


class PortalSpec(Model):
    """Backstage: its image, and where it keeps what it knows."""

    image: str | None = Field(
        None, description="The image of portal/, by digest; its workflow proposes each new one.", pattern=IMAGE
    )
    database: DatabaseSpec = OwnDatabase.model_validate({"mode": "own"})


class Placement(Model):
    """Node labels that pods ask for; none given, none asked."""

    platform: dict[str, str] | None = None
    workloads: dict[str, str] | None = None


class Components(Model):
    """Parts of the platform that a cluster may have already, or do without."""

    argocd: Literal["install", "existing"] = Field(
        "install", description="`existing` uses the Argo CD in namespace `argocd` and touches nothing of it."
    )
    cert_manager: Literal["install", "existing", "off"] = Field(
        "install", description="`existing` makes this stack's issuer with the cert-manager that is there."
    )
    sealed_secrets: Literal["install", "existing", "off"] = Field(
        "install", description="`existing` leaves sealing to the controller that is there, and to its own key."
    )
    observability: Literal["install", "existing", "off"] = Field(
        "install",
        description="`existing` lets Prometheus and collector of `telemetry` in and out of teams' namespaces.",
    )
    portal: Literal["install", "off"] = "install"


class Peer(Model):
    """Pods of the platform that talk with teams' pods, as network policies select them."""

    namespace: str = Field(min_length=1, max_length=63)
    labels: dict[str, str] = Field(min_length=1)


class Telemetry(Model):
    """Where Prometheus and the OpenTelemetry collector are that a cluster has already."""

    prometheus: Peer | None = None
    collector: Peer | None = Field(None, description="Takes OTLP on ports 4317 and 4318.")
    otlp: str | None = Field(
        None, description="The collector's address for OTLP over HTTP, which services are told.", pattern=ADDRESS
    )


class DefaultIngress(Model):
    """Traefik behind ports of the nodes on a Kind cluster, behind a load balancer elsewhere."""

    mode: Literal["default"]


class NodePortIngress(Model):
    """Traefik behind ports of the nodes; a Kind cluster maps them to 127.0.0.1."""

    mode: Literal["nodePort"]


class LoadBalancerIngress(Model):
    """Traefik behind a load balancer that the cluster's provider makes."""

    mode: Literal["loadBalancer"]
    annotations: dict[str, str] = Field({}, description="Of the Service, as the provider reads them.")


class ExistingIngress(Model):
    """An ingress controller that is there already, with a certificate of its own."""

    mode: Literal["existing"]
    ingress_class: str = Field(alias="class", description="Name of its IngressClass.", min_length=1)
    controller: Peer = Field(description="Its pods.")


class OwnIssuer(Model):
    """An authority of the stack's own, which people trust once."""

    mode: Literal["own"]


class ExistingIssuer(Model):
    """An issuer of cert-manager's that somebody looks after, such as one of a public authority."""

    mode: Literal["existing"]
    name: str = Field(min_length=1, max_length=253)
    kind: str = Field("ClusterIssuer", description="An `Issuer` is looked for in Traefik's namespace.", min_length=1)
    group: str = Field("cert-manager.io", description="Another one's for an issuer from outside.", min_length=1)


IssuerSpec = Annotated[OwnIssuer | ExistingIssuer, Field(discriminator="mode")]
IngressSpec = Annotated[
    DefaultIngress | NodePortIngress | LoadBalancerIngress | ExistingIngress, Field(discriminator="mode")
]


class PlatformConfig(Model):
    """A stack's config, key by key."""

    organization: str = Field(
        description="GitHub organization that owns the services' repositories.", pattern=ORGANIZATION
    )
    repository: str = Field("", description="This program's own repository.", pattern=rf"^$|{REPOSITORY}")
    visibility: Literal["private", "internal", "public"] = "private"
    github_plan: Literal["free", "paid"] = "free"
    github: Literal["own", "reference", "local"] = "own"
    domain: str = Field("idp.localhost", pattern=DOMAIN, max_length=150)
    local: bool = False
    backend: str = Field("", pattern=BACKEND)
    cluster: Annotated[KindSpec | ExistingSpec, Field(discriminator="mode")]
    components: Components = Components.model_validate({})
    ingress: IngressSpec = DefaultIngress(mode="default")
    issuer: IssuerSpec = OwnIssuer(mode="own")
    telemetry: Telemetry = Telemetry.model_validate({})
    portal: PortalSpec = PortalSpec.model_validate({})
    charts: dict[str, Annotated[str, Field(min_length=1)]] = Field(
        {}, description="Chart, or `*` for all -> a repository (https://), registry (oci://) or folder that holds it."
    )
    replicas: int = Field(1, ge=1, le=5, description="Of the platform's own parts that can be several.")
    placement: Placement = Placement()
    environments: tuple[EnvironmentName, ...] = Field(("dev", "prod"), min_length=1, max_length=9)
    deploys: tuple[EnvironmentName, ...] = ()
    teams: dict[TeamName, TeamEntry] = {}
    services: dict[ServiceName, ServiceEntry] = {}

    @classmethod
    def is_text(cls, field: str) -> bool:
        """Whether a key's value is plain text; the engine hands over every other value as JSON."""
        annotation = cls.model_fields[field].annotation
        return annotation is str or get_origin(annotation) is Literal


class Team(TeamEntry):
    """A team with its name."""

    name: str


class Service(ServiceEntry):
    """A service with its name."""

    name: str

    @property
    def retired(self) -> bool:
        """Whether it runs no more; its repository stays, archived."""
        return self.state == "retired"

    @property
    def outside(self) -> tuple[str, ...]:
        """The addresses that it calls, which are no services."""
        return tuple(target for target in self.calls if "://" in target)
