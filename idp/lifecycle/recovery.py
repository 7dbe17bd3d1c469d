"""What a killed run, or an earlier life of the stack, left behind: found, told, and taken up before the next `up`.

A run that is killed leaves a lock, operations that began and did not end, and things that were made and are not in the
state; a whole `destroy` leaves repositories that the next `up` would meet. All of it is found by looking, so that this can
be run twice, and be killed itself.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from components.dynamic import github_client
from components.dynamic.kind_cluster import Folder, clusters, stands
from idp import naming, stackfile
from idp.cluster_api import ClusterApi
from idp.lifecycle import keys, locks, moves, objects, providers, repositories
from idp.lifecycle.engine import EngineError
from idp.lifecycle.findings import HalfInstalled, HalfRemoved, Import, Refusal, Restore
from idp.lifecycle.state import KIND, State
from idp.model import ExistingSpec, KindSpec
from idp.plan import Node, Plan
from idp.plan.manifests import CERT_MANAGER
from idp.settings import SECRETS

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping

    from idp.lifecycle.engine import Engine
    from idp.settings import Settings

PROVIDER = "pulumi:providers:kubernetes"
Finding = Import | Refusal | HalfInstalled | HalfRemoved | Restore


@dataclass(frozen=True, kw_only=True)
class Stack:
    """A stack as its program declares it, and the engine that keeps its state."""

    engine: Engine
    settings: Settings
    plan: Plan

    def api(self, state: State) -> ClusterApi | None:
        """The cluster's API; nothing where the stack's own cluster is not there, and nothing can be in it."""
        spec = self.settings.config.cluster
        if isinstance(spec, ExistingSpec):
            return ClusterApi.of_file(spec.kubeconfig, spec.context)
        for cluster in state.of(KIND):
            name = cluster["inputs"]["cluster_name"]
            if stands(cluster["id"], name):
                known = self.engine.state(secrets=True).resources[cluster["urn"]]
                return ClusterApi(_clear(known["outputs"]["kubeconfig"]))
        return None


def unlock(engine: Engine, project: str, say: Callable[[str], None]) -> None:
    """Take away a lock whose process is gone.

    Raises:
        BusyError: somebody is at work on the stack.
    """
    backend = engine.workspace.environment()["PULUMI_BACKEND_URL"]
    if locks.dead(locks.held(backend, project, engine.workspace.stack)):
        say("a killed run left its lock: removed")
        engine.quietly("cancel", "--yes")


def find(stack: Stack, state: State, *, take_over: bool, going: bool = False) -> list[Finding]:
    """Everything that is there, is declared or was begun, and is not in the state.

    Args:
        stack: whose.
        state: of that stack.
        take_over: whether to take what names this project without being known here.
        going: whether the stack is about to go: then repositories, which stay, are not looked for.

    Raises:
        ClusterError: the cluster does not answer.
        github.GithubException: GitHub does not answer, or refuses the token.
    """
    found: list[Finding] = list(_foreign_clusters(stack, state, take_over=take_over, going=going))
    if not going:
        found += [*moves.moves(stack.plan, state), *moves.reordered(stack.plan, state)]
    if not going and stack.settings.owns_github and repositories.missing(stack.plan, state):
        earlier = repositories.Earlier(
            organization=stack.settings.config.organization,
            state=state,
            made=stack.engine.workspace.made(),
            take_over=take_over,
        )
        forge = github_client.connect(_token(stack), stack.settings.on_github)
        found += repositories.examine(stack.plan, earlier, forge)
    if api := stack.api(state):
        found += _in_cluster(stack, state, api, take_over=take_over)
    return found


def _in_cluster(stack: Stack, state: State, api: ClusterApi, *, take_over: bool) -> Iterator[Finding]:
    """What is in the cluster; where the state has let go of all of it, a killed `destroy` was about to remove the cluster."""
    has_provider = any(one["type"] == PROVIDER for one in state.resources.values())
    if isinstance(stack.settings.config.cluster, KindSpec) and not has_provider:
        if api.every("v1", "Namespace", labels=f"{naming.STACK_LABEL}={stack.settings.owner.label}"):
            reason = "a killed run was about to remove it"
            yield from (HalfRemoved(name=str(one["inputs"]["cluster_name"]), reason=reason) for one in state.of(KIND))
        return
    begun = state.open("creating")

    def known(node: Node) -> bool:
        return has_provider or take_over or node.urn in begun

    yield from objects.examine(_absent(stack.plan, state), api, stack.settings.owner, known)
    yield from keys.examine(stack.plan, state, api, stack.settings.owner, known)


def take_up(stack: Stack, state: State, found: Iterable[Finding], say: Callable[[str], None]) -> None:
    """Bring the state up to what is there. Every step leaves what the next run of this needs to go on.

    The state comes first and what is deleted comes last: the engine writes no state while somebody holds the stack's lock,
    and of a lock in a backend elsewhere it alone knows.

    Raises:
        BusyError: somebody is at work on the stack.
    """
    found = list(found)
    cut = [one for one in found if isinstance(one, HalfInstalled | HalfRemoved)]
    with _one_at_a_time():
        after = _into_the_state(stack, state, found, say) if found or state.open() else state
        for one in cut:
            if isinstance(one, HalfRemoved):
                Folder(project=stack.plan.project, stack=stack.plan.stack).remove(one.name)
                say(f"Kind cluster {one.name}: {one.reason}; removed, `up` makes it again")
            elif one.node.urn not in after.resources and (api := stack.api(state)):
                for record in one.records:
                    api.delete("v1", "Secret", record, one.namespace)
                say(f"release {one.namespace}/{one.name}: its installation was cut off; it will be installed again")
        if gone := _begun_to_go(stack, state):
            say(f"{len(gone)} deletions were cut off; looking whether what they were for is still there")
            targets = [word for urn in gone for word in ("--target", urn)]
            stack.engine.quietly("refresh", *targets, "--skip-preview", "--yes")


@contextmanager
def _one_at_a_time() -> Generator[None]:
    """A lock that the engine met, told as those that are seen here."""
    try:
        yield
    except EngineError as error:
        if (said := locks.met(str(error))) is None:
            raise
        raise locks.BusyError(f"{said}\nSomebody is at work on this stack; {locks.WAY_OUT}") from None


def _into_the_state(stack: Stack, state: State, found: Iterable[Finding], say: Callable[[str], None]) -> State:
    """Import, restore, and forget what was begun; the state after it."""
    imports = [one for one in found if isinstance(one, Import)]
    restored = [one for one in found if isinstance(one, Restore)]
    _take(stack, state, imports)
    after = stack.engine.state()
    stack.engine.workspace.remember(after)
    new = {node.urn: node for node in (*stack.plan.nodes, *(one.node for one in imports))}
    whole = keys.restored(after, stack.plan, restored)
    stack.engine.replace(whole.declared(new[urn] for urn in new.keys() - state.resources.keys()).settled())
    for one in imports:
        say(f"{one.node.type.rpartition(':')[2]} {one.id}: {one.reason}; taken into the state")
    for one in restored:
        say(f"{one.node.name}: the state has lost it and Secret {one.holder} holds it; put back into the state")
    _tell_begun(state.open(), imports, say)
    return after


def _tell_begun(opened: Mapping[str, Any], imports: list[Import], say: Callable[[str], None]) -> None:
    taken = {one.node.urn for one in imports}
    for urn in opened.keys() - taken:
        say(f"{urn.rpartition('::')[2]}: a run was killed at it; it will be done again where it is needed")


def _take(stack: Stack, state: State, imports: list[Import]) -> None:
    """Import, with the providers and the components that the imported stand on."""
    if not imports:
        return
    there = state.resources
    if lacking := {one.node.provider for one in imports if one.node.provider} - there.keys():
        declared = {node.urn: node for node in stack.plan.nodes}
        above = {parent for urn in lacking if (parent := declared[urn].parent)}
        providers.make(stack.engine.workspace, stack.settings, lacking | above, _token(stack))
        there = stack.engine.state().resources
    stack.engine.take(import_file(imports, stack.plan, there))


def import_file(imports: list[Import], plan: Plan, there: Mapping[str, Any]) -> dict[str, Any]:
    """What `pulumi import --file` reads: missing components first, then the resources.

    Args:
        imports: what is taken in.
        plan: where the components are declared.
        there: URN -> resource of the state.
    """
    declared = {node.urn: node for node in plan.nodes}
    names: dict[str, str] = {}
    resources: list[dict[str, Any]] = []

    def name(urn: str) -> str:
        """What the file calls a resource; one that is not in the state is added to the file."""
        if urn not in names:
            names[urn] = f"r{len(names)}"
            if urn not in there:
                node = declared[urn]
                resources.append(entry(node) | {"component": True})
        return names[urn]

    def entry(node: Node) -> dict[str, Any]:
        above = {"parent": name(node.parent)} if node.parent else {}
        return {"type": node.type, "name": name_of(node), "logicalName": node.name, **above}

    def name_of(node: Node) -> str:
        return names.setdefault(node.urn, f"r{len(names)}")

    for one in imports:
        made_by = {"provider": name(one.node.provider)} if one.node.provider else {}
        resources.append(entry(one.node) | {"id": one.id, **made_by})
    return {"nameTable": {name: urn for urn, name in names.items() if urn in there}, "resources": resources}


def _absent(plan: Plan, state: State) -> Iterator[Node]:
    """Declared and not in the state, or begun and no more declared."""
    declared = {node.urn: node for node in (*plan.nodes, *plugins_own(plan))}
    yield from (node for urn, node in declared.items() if urn not in state.resources)
    for urn, begun in state.open("creating").items():
        if urn not in declared and urn not in state.resources:
            yield _node(begun)


def plugins_own(plan: Plan) -> Iterator[Node]:
    """The releases that a component's plugin declares, which no plan holds: under the name that Pulumi's base of such has."""
    for node in plan.of(CERT_MANAGER):
        start, _, _ = node.urn.rpartition("::")
        name = f"{node.name}-helm"
        yield replace(
            node, urn=f"{start}${objects.RELEASE}::{name}", type=objects.RELEASE, name=name, custom=True, parent=node.urn,
            provider=plan.one(PROVIDER).urn, inputs=node.inputs["helmOptions"],
        )  # fmt: skip


def _begun_to_go(stack: Stack, state: State) -> list[str]:
    """Objects whose deletion was cut off though the program wants them: the state may hold what is gone."""
    wanted = {node.urn for node in stack.plan.nodes} & state.resources.keys()
    begun = [urn for urn in state.open("deleting") if urn in wanted and "kubernetes:" in urn.split("::")[2]]
    return begun if begun and stack.api(state) else []


def _foreign_clusters(stack: Stack, state: State, *, take_over: bool, going: bool) -> Iterator[Refusal | HalfRemoved]:
    """Kind clusters that another folder made for a stack of this project and name; `up` would replace them."""
    spec = stack.settings.config.cluster
    if not isinstance(spec, KindSpec) or (take_over and not going):
        return
    folder = Folder(project=stack.plan.project, stack=stack.plan.stack)
    known = stack.engine.workspace.clusters() | state.clusters()
    intended = set(folder.intended()) - known
    for name in sorted(intended & set(clusters())) if intended else []:
        if not take_over:
            yield Refusal(
                subject=f"Kind cluster {name}",
                message=f"it was made for stack {stack.plan.stack} of project {stack.plan.project}, but not from this folder; "
                "with --take-over `up` replaces it, and `down` removes it",
                claimable=True,
            )
        elif folder.owns(name):
            yield HalfRemoved(name=name, reason="another folder made it")


def _node(resource: Mapping[str, Any]) -> Node:
    """A resource of the state, as a plan would hold it."""
    return Node(
        urn=resource["urn"], type=resource["type"], name=resource["urn"].rpartition("::")[2],
        custom=bool(resource.get("custom")), parent=resource.get("parent"),
        provider=str(resource.get("provider", "")).rpartition("::")[0] or None, inputs=resource.get("inputs", {}),
        dependencies=(), protect=False, retain_on_delete=bool(resource.get("retainOnDelete")),
        deleted_with=resource.get("deletedWith"), source=None,
    )  # fmt: skip


def _token(stack: Stack) -> str:
    """The program's order: the config's, else the environment's."""
    return stack.engine.secret("githubToken") or os.environ.get(SECRETS["githubToken"], "")


def _clear(value: Any) -> Any:
    """A secret of a state that was exported with its secrets in clear."""
    hidden: Any = stackfile.mapping(value).get("plaintext")
    return value if hidden is None else json.loads(hidden)
