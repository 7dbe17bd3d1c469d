"""What services that are there cannot follow, told before anything is changed: another team, another order of environments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from idp.lifecycle.findings import Refusal
from idp.plan.difference import APPLICATION
from idp.plan.document import document
from idp.plan.environments import KEY, reorderings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from idp.lifecycle.state import State
    from idp.plan import Plan


def moves(plan: Plan, state: State) -> Iterator[Refusal]:
    """Applications that would be led to another namespace.

    Argo CD drops what is in the old one from its sight, as the new team's project does not permit it, and prunes it never; so
    the old team's pods would go on answering at the service's address.
    """
    declared = {node.urn: node.inputs for node in plan.of(APPLICATION)}
    for one in state.of(APPLICATION):
        if one["urn"] in declared:
            was, is_now = _namespace(one["inputs"]), _namespace(declared[one["urn"]])
            if was != is_now:
                yield Refusal(
                    subject=f"Application {one['inputs']['metadata']['name']}",
                    message=f"it would move from namespace {was} to {is_now}, and what it runs in the first would stay there; "
                    "retire the service, `up`, and then bring it back under its new team",
                )


def reordered(plan: Plan, state: State) -> Iterator[Refusal]:
    """An order of environments that is another than the one that repositories in the state were made with."""
    for each in reorderings(state.resources.values(), document(plan)["resources"]):
        yield Refusal(subject=KEY, message=str(each))


def _namespace(inputs: Mapping[str, Any]) -> str:
    return str(inputs["spec"]["destination"]["namespace"])
