"""Resource options that components share."""

from __future__ import annotations

import pulumi


def plus(options: pulumi.ResourceOptions, **more: object) -> pulumi.ResourceOptions:
    """The options of a child with something added to them for this one resource."""
    return pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(**more))  # type: ignore[arg-type]
