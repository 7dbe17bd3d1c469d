"""The only place that makes providers: every kubernetes and github resource names one of these."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi_github as github
import pulumi_kubernetes as k8s

if TYPE_CHECKING:
    import pulumi

    from idp.naming import GitHubAddress


def kubernetes_provider(
    name: str,
    kubeconfig: pulumi.Input[str],
    identifier: pulumi.Input[str],
    *,
    context: str | None = None,
    opts: pulumi.ResourceOptions | None = None,
) -> k8s.Provider:
    """The provider of one cluster.

    Args:
        name: of the provider.
        kubeconfig: text of the kubeconfig. Secret.
        identifier: equal for one cluster, another for its successor; without it an unknown kubeconfig would replace
            the provider and with it everything in the cluster.
        context: which context; the current one when none is given.
        opts: the caller's.
    """
    return k8s.Provider(
        name,
        kubeconfig=kubeconfig,
        cluster_identifier=identifier,
        context=context,
        enable_config_map_mutable=True,  # a changed Secret or ConfigMap is updated in place; by default it is replaced
        enable_secret_mutable=True,
        opts=opts,
    )


def github_provider(organization: str, address: GitHubAddress, token: pulumi.Input[str]) -> github.Provider:
    """The provider of the organization's repositories.

    The owner is explicit, else resources would go to the token's user; the new client knows rate limits and has no fixed
    pause of a second between any two writes.
    """
    return github.Provider(
        "github", owner=organization, base_url=address.provider_url, token=token, legacy_client=False
    )
