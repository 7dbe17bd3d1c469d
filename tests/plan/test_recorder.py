"""The recorder: programs that cannot see each other, and the engine's own rules."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pulumi
import pytest
from pulumi.dynamic import Resource, ResourceProvider

from idp.plan import SECRET, UNKNOWN, Plan
from idp.recorder import record_program
from idp.stackfile import StackConfig

if TYPE_CHECKING:
    from collections.abc import Callable

CONFIG = StackConfig(
    project="idp", values={"idp:word": "hello", "idp:token": "planted"}, secrets=frozenset({"idp:token"})
)


class Thing(Resource, module="test", name="Thing"):
    """A resource with an output that only the engine can know."""

    made: pulumi.Output[str]

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None, **props: Any) -> None:
        super().__init__(ResourceProvider(), name, {"made": None, **props}, opts)


class Group(pulumi.ComponentResource):
    """A component of things."""

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("test:index:Group", name, {}, opts)
        self.thing = Thing(f"{name}-thing", pulumi.ResourceOptions(parent=self))
        self.register_outputs({})


def record(program: Callable[[], Any]) -> Plan:
    return record_program(program, CONFIG, "dev")


def test_urns_follow_the_engines_rule() -> None:
    """Types of all parents, the stack's left out; a difference would make every comparison with a state useless."""
    plan = record(lambda: Group("a"))

    assert [node.urn for node in plan.nodes] == [
        "urn:pulumi:dev::idp::test:index:Group::a",
        "urn:pulumi:dev::idp::test:index:Group$pulumi-python:dynamic/test:Thing::a-thing",
    ]


def test_a_urn_that_comes_twice_is_an_error() -> None:
    """The engine refuses it in the middle of an `up`."""

    def twice() -> None:
        Thing("a")
        Thing("a")

    with pytest.raises(ValueError, match="two resources with the URN"):
        record(twice)


def test_children_inherit_what_the_engine_lets_them_inherit() -> None:
    """Deletion together, protection and retention come down from the parent, unless the child says otherwise."""

    def program() -> None:
        cluster = Thing("cluster")
        Group("a", pulumi.ResourceOptions(deleted_with=cluster, retain_on_delete=True, protect=True))

    plan = record(program)
    child = plan.one("pulumi-python:dynamic/test:Thing", "a-thing")

    assert child.deleted_with == plan.one("pulumi-python:dynamic/test:Thing", "cluster").urn
    assert (child.retain_on_delete, child.protect) == (True, True)


def test_what_nobody_knows_yet_is_marked_so() -> None:
    """An output that only the provider can give."""
    plan = record(lambda: Thing("b", word=Thing("a").made))

    assert plan.one("pulumi-python:dynamic/test:Thing", "b").at("word") is UNKNOWN


def test_a_secret_is_marked_and_its_value_is_nowhere() -> None:
    """In inputs, below lists, in texts made from it, and in the stack's outputs."""

    def program() -> None:
        token = pulumi.Config().require_secret("token")
        Thing("a", plain=token, deep={"list": [token]}, text=pulumi.Output.concat("Bearer ", token))
        pulumi.export("token", token)

    plan = record(program)
    thing = plan.one("pulumi-python:dynamic/test:Thing")

    assert all(plan.is_secret(thing, *path) for path in (("plain",), ("deep", "list", 0), ("text",)))
    assert plan.outputs == {"token": SECRET}
    assert "planted" not in repr(plan) + repr([dict(node.inputs) for node in plan.nodes])


def test_text_that_reads_like_a_mark_is_text() -> None:
    """Somebody's description may say `[secret]`."""
    plan = record(lambda: Thing("a", word="[secret]"))

    assert not plan.is_secret(plan.one("pulumi-python:dynamic/test:Thing"), "word")


def test_programs_do_not_see_each_other() -> None:
    """Outputs, resources and config of one run stay out of the next, also where a run failed in between."""

    def broken() -> None:
        pulumi.export("broken", "yes")
        raise RuntimeError("broken")

    first = record(lambda: pulumi.export("word", pulumi.Config().require("word")))
    with pytest.raises(RuntimeError, match="broken"):
        record(broken)
    second = record(lambda: Thing("a") and None)

    assert first.outputs == {"word": "hello"}
    assert (second.outputs, len(second.nodes)) == ({}, 1)


def test_programs_run_side_by_side() -> None:
    """Each thread has a context of its own."""
    with ThreadPoolExecutor(4) as pool:
        plans = list(pool.map(lambda n: record(lambda: [Thing(f"t{i}") for i in range(n)] and None), range(1, 21)))

    assert [len(plan.nodes) for plan in plans] == list(range(1, 21))


def test_the_collector_is_as_it_was() -> None:
    """It rests during a run, and only then."""
    record(lambda: None)

    assert gc.isenabled()


def test_a_providers_function_is_refused() -> None:
    """A plan asks nobody anything; a function would answer differently tomorrow."""
    with pytest.raises(Exception, match="the plan needs no network"):
        record(lambda: pulumi.runtime.invoke("test:index:ask", {}) and None)
