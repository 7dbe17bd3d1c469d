"""A stack's state, as `pulumi stack export` gives it: what is in it, and what a killed run left open."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from idp.stackfile import mapping

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from idp.plan import Node

REPOSITORY = "github:index/repository:Repository"
RULESET = "github:index/repositoryRuleset:RepositoryRuleset"
TEAM_ACCESS = "github:index/teamRepository:TeamRepository"
KIND = "pulumi-python:dynamic/idp:KindCluster"
FORGE_REPOSITORY = "pulumi-python:dynamic/idp:ForgeRepository"
NAMES = {REPOSITORY: "name", FORGE_REPOSITORY: "repository"}
"""Where a repository's inputs have its name."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """A repository of this stack's, by the numbers that GitHub gives once and never again."""

    id: int
    rulesets: tuple[int, ...]

    def and_before(self, before: Made | None) -> Made:
        """With the rulesets that were noted before of the same repository: a killed `destroy` has forgotten some."""
        if before is None or before.id != self.id:
            return self
        return Made(id=self.id, rulesets=tuple(sorted({*self.rulesets, *before.rulesets})))


@dataclass(frozen=True)
class State:
    """An exported state; methods that change something give another one."""

    export: Mapping[str, Any]

    @property
    def deployment(self) -> Mapping[str, Any]:
        """The part that holds resources."""
        return mapping(self.export.get("deployment"))

    @property
    def salt(self) -> str | None:
        """Of the passphrase that encrypts the state; nothing where something else does."""
        return mapping(mapping(self.deployment.get("secrets_providers")).get("state")).get("salt")

    @property
    def resources(self) -> dict[str, Mapping[str, Any]]:
        """URN -> resource, in the engine's order; what waits for its deletion is left out."""
        return {found["urn"]: found for found in _listed(self.deployment, "resources") if not found.get("delete")}

    def open(self, *operations: str) -> dict[str, Mapping[str, Any]]:
        """URN -> resource of each operation that began and was not seen to end, such as `creating`."""
        found = _listed(self.deployment, "pending_operations")
        return {one["resource"]["urn"]: one["resource"] for one in found if not operations or one["type"] in operations}

    def of(self, type_: str) -> list[Mapping[str, Any]]:
        """The resources of a type."""
        return [found for found in self.resources.values() if found["type"] == type_]

    def settled(self) -> State:
        """The same without open operations."""
        changed = copy.deepcopy(dict(self.export))
        changed["deployment"].pop("pending_operations", None)
        return State(changed)

    def declared(self, nodes: Iterable[Node]) -> State:
        """The same, with resources' fate as the program declares it.

        An import protects what it takes in and knows nothing of the program's options: with those, a `destroy` right after
        it keeps repositories, and leaves to the cluster what goes with it.
        """
        changed = copy.deepcopy(dict(self.export))
        wanted = {node.urn: node for node in nodes}
        for resource in changed["deployment"]["resources"]:
            if node := wanted.get(resource["urn"]):
                resource["protect"] = node.protect
                resource["retainOnDelete"] = node.retain_on_delete
                resource["deletedWith"] = node.deleted_with or ""
                if node.type == TEAM_ACCESS:  # an import reads the team's number, for which the program has its name
                    for part in ("inputs", "outputs"):
                        resource.get(part, {})["teamId"] = node.at("teamId")
        return State(changed)

    def made(self) -> dict[str, Made]:
        """The repositories in the state, with their rulesets."""
        rulesets: dict[str, list[int]] = {}
        for ruleset in self.of(RULESET):
            rulesets.setdefault(_repository(ruleset), []).append(int(ruleset["id"]))
        return {
            (name := str(one["outputs"]["name"])): Made(
                id=int(one["outputs"]["repoId"]), rulesets=tuple(rulesets.get(name, ()))
            )
            for one in self.of(REPOSITORY)
            if one.get("outputs", {}).get("repoId")
        }

    def clusters(self) -> frozenset[str]:
        """Names of the Kind clusters that are in the state, or were begun."""
        begun = [one for one in self.open("creating").values() if one["type"] == KIND]
        return frozenset(str(one["inputs"]["cluster_name"]) for one in (*self.of(KIND), *begun))

    def forgotten(self, declared: Iterable[Node]) -> list[str]:
        """Names of repositories in the state that the program declares no more, on GitHub or in a forge."""
        known = {str(node.inputs[NAMES[node.type]]) for node in declared if node.type in NAMES}
        found = {str(one["inputs"][key]) for kind, key in NAMES.items() for one in self.of(kind)}
        return sorted(found - known)


def _listed(deployment: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    return deployment.get(key) or []


def _repository(ruleset: Mapping[str, Any]) -> str:
    return str(ruleset["inputs"]["repository"])
