"""The ApplicationSet that runs repositories without an entry: found by their topic on GitHub, by path and name in a forge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from components import patches
from components.applications import destination, sync_policy
from idp import naming
from idp.naming import ForgeAddress

if TYPE_CHECKING:
    from components.gitops_args import GitOpsArgs

SCM_CREDENTIALS = "scm-creds"
FOUND = "{{ .repository }}.{{ .values.environment }}"
"""Name of an Application. No service's has a dot: an entry for the repository makes one of another name."""
DISCOVERY_SECONDS = 1800
"""Between two listings: one costs a request for each hundred repositories and one for each that carries the topic."""
FORGE_DISCOVERY_SECONDS = 60
"""The same in a forge of the stack's own, which has a handful and no limits."""


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
                "name": FOUND,
                "labels": args.owner.labels("discovered-service"),
            },
            "spec": {
                "project": args.owner.in_argocd("workloads"),
                "source": {
                    "repoURL": discovered_url(args),
                    "targetRevision": "refs/heads/{{ .branch }}",
                    "path": naming.overlay("{{ .values.environment }}"),
                    "kustomize": {"patches": discovered_patches(host, args)},
                },
                "destination": destination(naming.discovered_namespace("{{ .values.environment }}")),
                "syncPolicy": sync_policy(),
            },
        },
    }


def discovered_url(args: GitOpsArgs) -> str:
    """Where a discovered repository is pulled; the forge's own answer would be the address that people have."""
    if isinstance(args.github, ForgeAddress):
        return args.github.clone("{{ .organization }}", "{{ .repository }}")
    return "{{ .url }}"


def discovered_patches(host: str, args: GitOpsArgs) -> list[patches.Patch]:
    """What this stack adds to a discovered repository's overlay."""
    added = [patches.ingress("{{ .repository }}", host, args.ingress_class)]
    return added if args.peers.prometheus else [*added, *patches.without_monitors()]


def _generator(environment: str, args: GitOpsArgs) -> dict[str, Any]:
    generator: dict[str, Any] = {
        "scmProvider": {
            "cloneProtocol": "https",
            **_listing(args),
            "filters": [
                _by_topic(args) | {"repositoryMatch": naming.SERVICE.pattern},
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


def _listing(args: GitOpsArgs) -> dict[str, Any]:
    """Whom the generator asks for repositories, as whom, and how often."""
    token = {"tokenRef": {"secretName": args.owner.in_argocd(SCM_CREDENTIALS), "key": "token"}}
    if isinstance(args.github, ForgeAddress):
        gitea = {"owner": args.organization, "api": args.github.api} | token
        return {"requeueAfterSeconds": FORGE_DISCOVERY_SECONDS, "gitea": gitea}
    elsewhere = {} if args.github.public else {"api": args.github.api}
    github = {"organization": args.organization} | token | elsewhere
    return {"requeueAfterSeconds": DISCOVERY_SECONDS, "github": github}


def _by_topic(args: GitOpsArgs) -> dict[str, str]:
    """The topic, where the generator knows topics: in a forge, which has no others' repositories, the name must do."""
    return {} if isinstance(args.github, ForgeAddress) else {"labelMatch": f"^{naming.TOPIC}$"}
