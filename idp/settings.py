"""The only reader of `pulumi.Config`: a stack's settings, whole and validated, before any resource is registered."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.runtime.config import is_config_secret

from idp import catalog, choices, kubeconfig
from idp.errors import Mistake, MistakesError
from idp.model import ExistingSpec, ExternalDatabase, PlatformConfig
from idp.naming import FORGE_SERVICE, ForgeAddress, GitHubAddress, Owner
from idp.sources import Sources
from idp.stackfile import ENCRYPTED, mapping, stack_file
from idp.words import outside_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from idp.catalog import Catalog

GITHUB_BASE_URL = "GITHUB_BASE_URL"
"""The environment variable that the GitHub provider reads, too."""
SECRETS = {
    "githubToken": "GITHUB_TOKEN",
    "argocdGithubToken": "ARGOCD_GITHUB_TOKEN",
    "portalGithubToken": "PORTAL_GITHUB_TOKEN",
    "portalDatabasePassword": "PORTAL_DATABASE_PASSWORD",
    "oauthClientId": "OAUTH_CLIENT_ID",
    "oauthClientSecret": "OAUTH_CLIENT_SECRET",
    "registryToken": "REGISTRY_TOKEN",
}
"""Secret config key -> the environment variable that does as well."""
SIGN_IN = ("oauthClientId", "oauthClientSecret")
"""The OAuth app by which people sign in with GitHub."""
OPTIONAL = frozenset({*SIGN_IN, "registryToken", "portalGithubToken", "portalDatabasePassword"})
"""Those without which the platform works, with something less."""
GITHUBS = frozenset(SECRETS) - {"portalDatabasePassword"}
"""Those for which a stack with a forge of its own has no use, whatever the environment holds."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All that the program knows when it starts."""

    project: str
    stack: str
    catalog: Catalog
    github: GitHubAddress | ForgeAddress
    """Where repositories are."""
    secrets: Mapping[str, pulumi.Output[str]]
    """By config key; an optional one that nobody gave is not among them."""
    kubeconfig: pulumi.Input[str] | None
    """Text of an existing cluster's kubeconfig; nothing where the stack makes its own cluster."""
    cluster_identifier: pulumi.Input[str] | None
    """Tells an existing cluster from its successor."""

    @property
    def config(self) -> PlatformConfig:
        """The stack's config."""
        return self.catalog.config

    def secret(self, key: str) -> pulumi.Output[str]:
        """A secret that the stack needs."""
        return self.secrets[key]

    @property
    def owner(self) -> Owner:
        """Whom the objects in the cluster belong to."""
        return owner_of(self.project, self.stack, self.config)

    @property
    def owns_github(self) -> bool:
        """Whether this stack makes the repositories."""
        return self.config.github == "own"

    @property
    def forge(self) -> ForgeAddress | None:
        """The stack's own forge, where it has one."""
        return self.github if isinstance(self.github, ForgeAddress) else None

    @property
    def on_github(self) -> GitHubAddress:
        """GitHub's address, for whoever asks GitHub.

        Raises:
            MistakesError: nothing of the stack is there.
        """
        if isinstance(self.github, ForgeAddress):
            message = "`local`: this stack has a forge of its own, and nothing on GitHub"
            raise MistakesError([Mistake(file=stack_file(self.stack), line=0, path="github", message=message)])
        return self.github

    @property
    def rulesets(self) -> bool:
        """Whether GitHub has rulesets for these repositories."""
        return self.config.visibility == "public" or self.config.github_plan == "paid"

    def warnings(self) -> Iterator[str]:
        """What the platform leaves out, and why."""
        if self.owns_github and not self.rulesets:
            yield (
                f"no rulesets: {self.config.visibility} repositories have them on a paid GitHub plan only; "
                "set idp:githubPlan to paid if the organization has one"
            )
        pulls = self.config.visibility != "public" and not self.forge
        if self.catalog.services and pulls and "registryToken" not in self.secrets:
            yield (
                f"no pull secret: images of {self.config.visibility} repositories cannot be pulled without one; "
                f"{_how('registryToken', self.stack)}"
            )
        if not self.owner.guest and not self.config.local and not set(SIGN_IN) <= self.secrets.keys():
            how = _how("oauthClientId", self.stack)
            yield f"nobody can sign in to Argo CD without an OAuth app; {how}, and oauthClientSecret"
        issuer = choices.issuer(self.config)
        if issuer and self.config.components.cert_manager == "install":
            yield (
                f"no certificate until there is {issuer.kind} `{issuer.name}`: make it once this stack's cert-manager is up; "
                "where the cluster has both already, write `certManager: existing` in idp:components"
            )
        yield from self._about_the_portal()
        for service in self.catalog.services:
            for url in () if service.retired else service.outside:
                yield (
                    f"services.{service.name}.calls: {url} opens port {outside_port(url)} to every public address, "
                    "as network policies know no host names"
                )

    def _about_the_portal(self) -> Iterator[str]:
        config = self.config
        if config.components.portal == "off":
            return
        if self.forge:
            yield (
                "the portal has no forms: they propose entries to this folder's repository, which the forge does not have; "
                "`python -m idp onboard` and `retire` write them"
            )
            if not config.portal.image:
                yield (
                    "Backstage's own image, without Argo CD's view: `docker build --tag idp-portal portal` makes ours, for "
                    "idp:portal.image; `kind load docker-image` gives it to the nodes"
                )
            return
        if not config.portal.image:
            stock = "Backstage's own image, without our forms and Argo CD's view" if config.local else "no portal"
            yield f"{stock}: idp:portal.image is not set; the workflow `portal` builds portal/ and proposes its digest"
        elif "portalGithubToken" not in self.secrets:
            how = _how("portalGithubToken", self.stack)
            yield f"the portal's forms and docs, and its discovery, do nothing without a token; {how}"


def load(root: Path, *, offline: bool = False) -> Settings:
    """Read and check everything.

    Args:
        root: the folder of Pulumi.yaml.
        offline: read files only; secrets and an existing cluster's kubeconfig are placeholders.

    Raises:
        MistakesError: every mistake, with file and line.
    """
    config = pulumi.Config()
    sources = Sources(root, pulumi.get_stack(), config.name)
    mistakes: list[Mistake] = []
    secrets = {
        key: secret
        for key in SECRETS
        if (secret := _secret(config, key, sources, mistakes, offline=offline)) is not None
    }
    given: dict[str, Any] = {}
    for name, field in PlatformConfig.model_fields.items():
        key = field.alias or name
        if (text := config.get(key)) is not None:
            given[key] = text if PlatformConfig.is_text(name) else _structured(text)
    try:
        checked = catalog.load(given, sources, others=SECRETS)
        existing = _existing(checked, sources, mistakes, offline=offline)
    except MistakesError as error:
        raise MistakesError([*mistakes, *error.mistakes]) from None
    if len(given_half := [key for key in SIGN_IN if key not in secrets]) == 1:
        mistakes.append(_lacking(given_half[0], "an OAuth app has an id and a secret", sources))
    external = isinstance(checked.config.portal.database, ExternalDatabase) and choices.portal(checked.config)
    if external and "portalDatabasePassword" not in secrets:
        mistakes.append(_lacking("portalDatabasePassword", "no password of the portal's database", sources))
    address = _address(checked.config, mistakes)
    if mistakes:
        raise MistakesError(mistakes)
    return Settings(
        project=config.name,
        stack=pulumi.get_stack(),
        catalog=checked,
        github=address,
        secrets=secrets,
        kubeconfig=existing[0],
        cluster_identifier=existing[1],
    )


def _address(config: PlatformConfig, mistakes: list[Mistake]) -> GitHubAddress | ForgeAddress:
    """Where the stack's repositories are."""
    if choices.forge(config):
        where = choices.addresses(config)
        return ForgeAddress(pages=where.url(where.host(FORGE_SERVICE)))
    try:
        return GitHubAddress.of(os.environ.get(GITHUB_BASE_URL, ""))
    except ValueError as error:
        mistakes.append(Mistake(file="environment", line=0, path=GITHUB_BASE_URL, message=str(error)))
        return GitHubAddress()


def _structured(text: str) -> Any:
    """The value behind a text that the engine made of an object, a list, a number or a truth value."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _secret(
    config: pulumi.Config, key: str, sources: Sources, mistakes: list[Mistake], *, offline: bool
) -> pulumi.Output[str] | None:
    """A secret from the config, else from the environment; never one that was given in clear.

    Offline, a secret counts as given where the stack has use for it.
    """
    if config.get(key):
        if not is_config_secret(f"{config.name}:{key}"):
            how = _how(key, pulumi.get_stack())
            mistakes.append(sources.mistake((key,), f"a secret in clear; take it out of the file and revoke it: {how}"))
        return None if _forge_instead(key, config) else config.require_secret(key)
    if _forge_instead(key, config):
        return None
    value = (ENCRYPTED if _useful(key, config) else "") if offline else os.environ.get(SECRETS[key], "")
    if key in OPTIONAL:
        return pulumi.Output.secret(value) if value else None
    if not value:
        mistakes.append(_lacking(key, "no token", sources))
    return pulumi.Output.secret(value)


def _forge_instead(key: str, config: pulumi.Config) -> bool:
    """Whether a secret is for GitHub, and the stack has a forge."""
    return key in GITHUBS and config.get("github") == "local"


def _useful(key: str, config: pulumi.Config) -> bool:
    """Whether a stack of this config gives a secret: it pulls private images, and has people who sign in."""
    portal, components = (mapping(_structured(config.get(each) or "")) for each in ("portal", "components"))
    if key in SIGN_IN:
        guest = components.get("argocd") == "existing"
        return config.get("local") != "true" and not guest
    if key == "portalGithubToken":
        return bool(portal.get("image"))
    if key == "portalDatabasePassword":
        return mapping(portal.get("database")).get("mode") == "external"
    return key != "registryToken" or config.get("visibility") != "public"


def _lacking(key: str, what: str, sources: Sources) -> Mistake:
    """A secret that the stack needs and nobody gave."""
    return sources.absent(key, f"{what}; {_how(key, pulumi.get_stack())}")


def _how(key: str, stack: str) -> str:
    """The two ways of giving a secret."""
    asks = f"python -m idp pulumi --stack {stack} config set --secret {key}"
    return f"`{asks}` asks for it, or set the environment variable {SECRETS[key]}"


def _unknown() -> pulumi.Output[str]:
    """An output that nobody knows yet, as the engine gives one in a preview."""
    loop = asyncio.get_running_loop()
    value, known = loop.create_future(), loop.create_future()
    value.set_result("")
    known.set_result(False)
    return pulumi.Output(set(), value, known)


def _existing(
    checked: Catalog, sources: Sources, mistakes: list[Mistake], *, offline: bool
) -> tuple[pulumi.Input[str] | None, pulumi.Input[str] | None]:
    """An existing cluster's kubeconfig and identity; what is there already must leave room for this stack."""
    cluster = checked.config.cluster
    if not isinstance(cluster, ExistingSpec):
        return None, None
    if offline:
        return pulumi.Output.secret(ENCRYPTED), _unknown()
    from idp import cluster_api, existing  # noqa: PLC0415  the client takes its time, and a Kind stack needs none

    try:
        text = Path(cluster.kubeconfig).expanduser().read_text()
        identifier = kubeconfig.identifier(text, cluster.context)
        api = cluster_api.ClusterApi(text, cluster.context)
        found = existing.conflicts(checked, owner_of(sources.project, pulumi.get_stack(), checked.config), api)
        mistakes += [sources.mistake(where, message) for where, message in found]
    except (OSError, kubeconfig.KubeconfigError, cluster_api.ClusterError) as error:
        mistakes.append(sources.mistake(("cluster", "kubeconfig"), str(error)))
        return None, None
    return pulumi.Output.secret(text), identifier


def owner_of(project: str, stack: str, config: PlatformConfig) -> Owner:
    """Whom the objects of a stack in the cluster belong to."""
    return Owner(project=project, stack=stack, guest=config.components.argocd == "existing")
