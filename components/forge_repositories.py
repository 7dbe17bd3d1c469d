"""Repositories in the stack's own forge, for whoever has them elsewhere on GitHub."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from components.dynamic.forge_folder import ForgeFolder
from components.dynamic.forge_repository import ForgeRepository, Wanted
from components.options import plus

if TYPE_CHECKING:
    import pulumi

    from components.dynamic.forge_client import Access
    from components.dynamic.scaffold import FromTemplate


@dataclass(frozen=True, kw_only=True)
class InForge:
    """A repository in the forge."""

    access: Access
    wanted: Wanted
    organization: pulumi.Resource
    """In which it is made."""
    lifetime: pulumi.Resource | None
    """It goes when this goes."""


def repository(name: str, args: InForge, child: pulumi.ResourceOptions) -> pulumi.Resource:
    """The repository with everything that belongs to it."""
    opts = plus(child, deleted_with=args.lifetime, depends_on=[args.organization])
    return ForgeRepository(name, access=args.access, wanted=args.wanted, opts=opts)


def folder(
    name: str, args: InForge, place: str, source: FromTemplate, there: pulumi.Resource, child: pulumi.ResourceOptions
) -> pulumi.Resource:
    """A folder in that repository, kept as the stack declares it."""
    return ForgeFolder(
        name,
        access=args.access,
        organization=args.wanted.organization,
        repository=args.wanted.repository,
        folder=place,
        source=source,
        opts=plus(child, deleted_with=args.lifetime, depends_on=[there]),
    )
