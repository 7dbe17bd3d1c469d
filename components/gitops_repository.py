"""The GitOps repository: a folder for each stack, which that stack keeps and its Argo CD reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import pulumi
import pulumi_github as github

from components import forge_repositories
from components.dynamic.scaffold import Scaffold
from components.dynamic.stack_folder import StackFolder
from components.forge_repositories import InForge
from components.options import plus
from components.repository_settings import LEFT_ALONE
from idp import naming

if TYPE_CHECKING:
    from components.dynamic.scaffold import FromTemplate

FOLDER = "gitops-folder"
DESCRIPTION = "What Argo CD runs beside the services: one folder for each stack of the platform."


@dataclass(frozen=True, kw_only=True)
class OwnedArgs:
    """What the repository itself needs, in the one stack that makes repositories."""

    provider: github.Provider
    visibility: str
    ruleset: bool
    """Whether GitHub has rulesets for it."""
    scaffold: FromTemplate


@dataclass(frozen=True, kw_only=True)
class GitOpsRepositoryArgs:
    """What a stack's part of the GitOps repository needs."""

    organization: str
    owned: OwnedArgs | InForge | None
    """On GitHub, or in the stack's own forge; nothing where another stack makes the repository."""
    folder: str
    """This stack's, from the repository's root."""
    source: FromTemplate
    """What the folder's files are made from."""


class GitOpsRepository(pulumi.ComponentResource):
    """One repository for all stacks; each commits to its own folder and to no other."""

    pulumi_type: ClassVar[str] = "idp:index:GitOpsRepository"

    folder: pulumi.Resource
    """This stack's folder, as it is declared."""

    def __init__(self, name: str, args: GitOpsRepositoryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare it."""
        super().__init__(self.pulumi_type, name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)

        if isinstance(args.owned, InForge):
            there = forge_repositories.repository(naming.GITOPS_REPOSITORY, args.owned, child)
            self.folder = forge_repositories.folder(FOLDER, args.owned, args.folder, args.source, there, child)
        else:
            self.folder = StackFolder(
                FOLDER,
                organization=args.organization,
                repository=naming.GITOPS_REPOSITORY,
                folder=args.folder,
                source=args.source,
                opts=plus(child, depends_on=[_repository(args, args.owned, child)] if args.owned else []),
            )
        self.register_outputs({"folder": args.folder})


def _repository(args: GitOpsRepositoryArgs, owned: OwnedArgs, child: pulumi.ResourceOptions) -> pulumi.Resource:
    """The repository with its first files; like every repository of the platform it is never deleted."""
    kept = plus(child, provider=owned.provider, retain_on_delete=True)
    repository = github.Repository(
        naming.GITOPS_REPOSITORY,
        name=naming.GITOPS_REPOSITORY,
        description=DESCRIPTION,
        visibility=owned.visibility,
        auto_init=True,  # the Git Data API refuses a repository without a commit
        has_issues=True,
        delete_branch_on_merge=True,
        archived=False,
        opts=plus(kept, ignore_changes=list(LEFT_ALONE)),
    )
    scaffold = Scaffold(
        f"{naming.GITOPS_REPOSITORY}-scaffold",
        organization=args.organization,
        repository=repository.name,
        source=owned.scaffold,
        opts=child,
    )
    if owned.ruleset:
        github.RepositoryRuleset(
            f"{naming.GITOPS_REPOSITORY}-default-branch",
            name="default-branch",
            repository=repository.name,
            target="branch",
            enforcement="active",
            conditions={"ref_name": {"includes": ["~DEFAULT_BRANCH"], "excludes": []}},
            rules={"deletion": True, "non_fast_forward": True},  # no pull request: stacks push their folders to it
            opts=plus(kept, depends_on=[scaffold]),
        )
    return scaffold
