"""The shape of the code: imports go one way, and components are named as the engine's state will name them for ever."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pulumi
from pulumi.dynamic import Resource

import components

PROJECT = Path(__file__).resolve().parents[2]


def subclasses(kind: type) -> list[type]:
    """Those below `components`, all modules imported."""
    for module in pkgutil.walk_packages(components.__path__, "components."):
        importlib.import_module(module.name)
    found: list[type] = []
    waiting = [kind]
    while waiting:
        below = waiting.pop().__subclasses__()
        waiting += below
        found += [each for each in below if each.__module__.startswith("components.")]
    return found


def test_imports_go_one_way() -> None:
    """Decisions can be read, tested and reused without Pulumi, and components without the settings."""
    command = [Path(sys.executable).parent / "lint-imports", "--no-logo"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


def test_components_are_typed_by_their_class() -> None:
    """`idp:index:<Class>`, so that a later package plugin needs no alias."""
    found = subclasses(pulumi.ComponentResource)

    assert {each.__name__ for each in found} == {
        "KindCluster", "ExistingCluster", "Ingress", "Tls", "SealedSecrets", "Observability", "GitOps", "GitOpsRepository",
        "Admission", "Forge", "Portal", "Team", "Service",
    }  # fmt: skip
    assert all(each.__dict__["pulumi_type"] == f"idp:index:{each.__name__}" for each in found)


def test_dynamic_resources_keep_their_names() -> None:
    """Module and type are in every state that holds one; a change here orphans what people have."""
    found = {(each.__module__, each.__name__, each._resource_type_name) for each in subclasses(Resource)}  # noqa: SLF001

    assert found == {
        ("components.dynamic.forge_folder", "ForgeFolder", "dynamic/idp:ForgeFolder"),
        ("components.dynamic.forge_organization", "ForgeOrganization", "dynamic/idp:ForgeOrganization"),
        ("components.dynamic.forge_repository", "ForgeRepository", "dynamic/idp:ForgeRepository"),
        ("components.dynamic.forge_token", "ForgeToken", "dynamic/idp:ForgeToken"),
        ("components.dynamic.key_pair", "KeyPair", "dynamic/idp:KeyPair"),
        ("components.dynamic.kind_cluster", "Kind", "dynamic/idp:KindCluster"),
        ("components.dynamic.password", "Password", "dynamic/idp:Password"),
        ("components.dynamic.scaffold", "Scaffold", "dynamic/idp:Scaffold"),
        ("components.dynamic.stack_folder", "StackFolder", "dynamic/idp:StackFolder"),
    }


def test_the_entry_point_is_short() -> None:
    """Everything that can be imported is elsewhere: this file alone runs anew for each program."""
    assert len((PROJECT / "__main__.py").read_text().splitlines()) < 20
