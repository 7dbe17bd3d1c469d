"""Where images are pulled from that ask for a login."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_kubernetes as k8s

from idp import naming

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True)
class Registry:
    """Where the images are, and who may pull them."""

    host: str
    token: pulumi.Input[str]
    """Secret."""

    def login(self) -> pulumi.Output[str]:
        """As kubelet reads it. Secret."""
        return pulumi.Output.secret(self.token).apply(lambda token: docker_config(self.host, token))


def docker_config(host: str, token: str) -> str:
    """A login at one registry, as kubelet reads it; a token counts whatever the user's name is."""
    login = base64.b64encode(f"x-access-token:{token}".encode()).decode()
    return json.dumps({"auths": {host: {"auth": login}}})


def pull_secret(
    name: str, home: k8s.core.v1.Namespace, registry: Registry, labels: Mapping[str, str], opts: pulumi.ResourceOptions
) -> pulumi.Resource:
    """The login in one namespace, for pods that name it."""
    return k8s.core.v1.Secret(
        name,
        metadata={"name": naming.PULL_SECRET, "namespace": home.metadata.name, "labels": labels},
        type="kubernetes.io/dockerconfigjson",
        string_data={".dockerconfigjson": registry.login()},
        opts=opts,
    )
