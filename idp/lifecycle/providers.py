"""Providers that an import needs and the state lacks, made by a program of their own.

A run of the whole program with `--target` cannot make one: the engine takes every provider of a program for targeted, also
one whose cluster is not.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pulumi
from pulumi import automation

from idp import kubeconfig, program
from idp.lifecycle.engine import EngineError
from idp.model import ExistingSpec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from idp.lifecycle.workspace import Workspace
    from idp.settings import Settings


def make(workspace: Workspace, settings: Settings, urns: Iterable[str], github_token: str) -> None:
    """Make providers of the program, by their URNs, and nothing else of it.

    Args:
        workspace: of the stack.
        settings: as they were read without an engine; what they lack is read here.
        urns: of the providers, and of the components above them.
        github_token: for GitHub's.

    Raises:
        EngineError: the engine refuses.
    """
    wanted = sorted(urns)

    def providers() -> None:
        whole = _whole(settings, github_token)
        if any("pulumi:providers:github" in urn for urn in wanted):
            program.github_for(whole)
        if any("pulumi:providers:kubernetes" in urn for urn in wanted):
            program.cluster_for(whole)

    environment = {key: value for key, value in workspace.environment().items() if os.environ.get(key) != value}
    try:
        stack = automation.select_stack(
            stack_name=workspace.stack,
            project_name=settings.project,
            program=providers,
            opts=automation.LocalWorkspaceOptions(work_dir=str(workspace.folder), env_vars=environment),
        )
        stack.up(target=wanted, suppress_outputs=True)
    except automation.CommandError as error:
        raise EngineError(str(error)) from error


def _whole(settings: Settings, github_token: str) -> Settings:
    """The settings with what is secret, and with an existing cluster's kubeconfig."""
    secrets = {**settings.secrets, "githubToken": pulumi.Output.secret(github_token)}
    spec = settings.config.cluster
    if not isinstance(spec, ExistingSpec):
        return replace(settings, secrets=secrets)
    text = Path(spec.kubeconfig).expanduser().read_text()
    known = kubeconfig.identifier(text, spec.context)
    return replace(settings, secrets=secrets, kubeconfig=pulumi.Output.secret(text), cluster_identifier=known)
