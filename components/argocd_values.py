"""What Argo CD's chart is told: who signs in, how often it looks, how much it may use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from components.kubernetes import container
from idp.naming import ForgeAddress

if TYPE_CHECKING:
    from components.gitops_args import GitOpsArgs

PROBE = {"enabled": True, "initialDelaySeconds": 5}
PROBES = {"livenessProbe": PROBE, "readinessProbe": PROBE}
"""Off in the chart, where the other parts have them on."""
CLIENT_ID, CLIENT_SECRET = "dex.github.clientId", "dex.github.clientSecret"
"""Keys of Argo CD's own Secret, to which its settings point with a dollar sign."""
SYNC_SECONDS = 300
"""After which a sync that has not come to an end is given up, and begun anew where it is still wanted.

An Application that is deleted waits for the end of its sync (argoproj/argo-cd#17894), and ours are retried for ever: without
this one that never succeeds would never go.
"""
FORGE_POLLS = {"timeout.reconciliation": "15s", "timeout.reconciliation.jitter": "0s"}
"""How often a forge of the stack's own is asked for new commits: whoever pushed one is waiting for it; the chart's is 120 s.

It is asked every 30 s at the latest: the controller looks at each Application once in this time, and may pass over one that it
compared less than this time ago, by the seconds that the comparison took (seen with 3.6: every 15 to 20 s).
"""
FORGE_ERRORS = {"controller.repo.error.grace.period.seconds": "10s"}
"""After which what is wrong with a commit is told; Argo CD says nothing for three minutes, as a server far away may be slow.

A duration, for all its name: a plain number is not understood (util/env, 3.6).
"""


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
                **(FORGE_POLLS if isinstance(args.github, ForgeAddress) else {}),
                **({"dex.config": dex_config(args)} if args.sign_in else {}),
            },
            "rbac": {"policy.default": ""},
            "params": {
                "server.insecure": True,  # TLS ends at the ingress, which redirects http
                "controller.sync.timeout.seconds": SYNC_SECONDS,
                "applicationsetcontroller.enable.tokenref.strict.mode": True,
                "applicationsetcontroller.allowed.scm.providers": args.github.api,
                **(FORGE_ERRORS if isinstance(args.github, ForgeAddress) else {}),
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
