"""The program without an engine: the same `main`, registered with a recorder, gives a plan.

It needs pip packages only: no CLI, no plugin, no Docker, no token, no network. It answers what the program declares; what
would change in a live stack only the engine knows. Where the engine adds something to a declaration, the recorder follows
it: children inherit `deleted_with`, `protect` and `retain_on_delete`, and a URN that comes twice is an error.
"""

from __future__ import annotations

import asyncio
import contextvars
import gc
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime import rpc
from pulumi.runtime import settings as runtime_settings
from pulumi.runtime.config import set_all_config
from pulumi.runtime.mocks import MockMonitor, MockSettings
from pulumi.runtime.proto import engine_pb2, resource_pb2
from pulumi.runtime.stack import run_in_stack

from idp import settings, stackfile
from idp.plan import SECRET, UNKNOWN, Node, Plan
from idp.program import main

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

PROGRAM = Path(__file__).resolve().parent.parent
STACK = "pulumi:pulumi:Stack"
SIGNATURE, SECRET_SIGNATURE = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"
"""Key and value by which the engine's wire format knows a secret; fixed for all time, as states hold them."""
HELPERS = ("components/dynamic/", "components/kubernetes.py", "components/borders.py")
"""Where a declaration's line says less than the line that called it."""
PLUMBING = frozenset({"__provider"})
"""Inputs that the SDK adds for itself: the pickled provider of a dynamic resource."""


def record(root: Path, stack: str) -> Plan:
    """What the program declares for one stack.

    Args:
        root: the folder of Pulumi.yaml.
        stack: whose Pulumi.<stack>.yaml is read.

    Raises:
        MistakesError: the config is wrong; nothing was registered.
    """
    config = stackfile.read_config(root, stack)
    return record_program(lambda: main(settings.load(root, offline=True)), config, stack)


def load(root: Path, stack: str) -> settings.Settings:
    """A stack's settings alone, for the commands that register nothing.

    Raises:
        MistakesError: the config is wrong.
    """
    config = stackfile.read_config(root, stack)
    found: list[settings.Settings] = []
    _run(lambda: found.append(settings.load(root, offline=True)), config, stack, Monitor(config.project, stack))
    return found[0]


def record_program(program: Callable[[], None], config: stackfile.StackConfig, stack: str) -> Plan:
    """The plan of any program; each run has a context of its own, so that runs cannot see each other."""
    monitor = Monitor(config.project, stack)
    messages = _run(program, config, stack, monitor)
    return Plan(
        project=config.project,
        stack=stack,
        nodes=ordered(monitor.nodes),
        outputs=monitor.outputs,
        messages=messages,
    )


def _run(program: Callable[[], None], config: stackfile.StackConfig, stack: str, monitor: Monitor) -> tuple[str, ...]:
    log = Log()

    def inside() -> None:
        set_all_config(dict(config.values), list(config.secrets))
        runtime_settings.configure(
            MockSettings(
                monitor=monitor,
                monitor_features=monitor.features,
                engine=log,
                project=config.project,
                stack=stack,
                dry_run=True,
                organization="organization",
                outputs=set(),
            )
        )
        runtime_settings.set_root_resource(None)  # type: ignore[arg-type]
        with _without_collector():
            asyncio.run(_supervised(program))

    contextvars.copy_context().run(inside)
    return tuple(log.messages)


async def _supervised(program: Callable[[], None]) -> None:
    """Run the program on a loop whose calls return at once: one thread, and one order of registration."""
    loop = asyncio.get_running_loop()
    loop.set_default_executor(Inline())
    loop.set_exception_handler(lambda _loop, _context: None)  # the first error is raised; its echoes are not news
    await run_in_stack(program)


@contextmanager
def _without_collector() -> Generator[None]:
    """Every future lives until the end, so that collections in between find nothing and cost half of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class Inline(ThreadPoolExecutor):
    """Runs what it is given at once, in the caller's thread."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run it; the future is done."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001  whatever it is, it belongs to whoever awaits the future
            future.set_exception(error)
        return future


class Log:
    """The engine's side of `pulumi.warn` and its like."""

    def __init__(self) -> None:
        """Start with nothing said."""
        self.messages: list[str] = []

    def Log(self, request: engine_pb2.LogRequest) -> None:  # noqa: N802  the protocol's name
        """Keep what is meant for people."""
        if request.severity >= engine_pb2.WARNING:
            self.messages.append(request.message)


class Monitor(MockMonitor):
    """The engine's side of registration: keeps each request, and answers with what was asked for."""

    def __init__(self, project: str, stack: str) -> None:
        """Start with nothing registered."""
        super().__init__(mocks=None)  # type: ignore[arg-type]
        self.root = f"urn:pulumi:{stack}::{project}::{STACK}::{project}-{stack}"
        self.prefix = f"urn:pulumi:{stack}::{project}"
        self.nodes: dict[str, Node] = {}
        self.outputs: dict[str, Any] = {}
        info: Any = self.GetDeploymentInfo(None)  # type: ignore[reportUnknownMemberType]
        self.features = set[int](info.supportedFeatures)

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802  the protocol's name
        """Keep one declaration.

        Raises:
            ValueError: another has the same URN.
        """
        if request.type == STACK:
            return resource_pb2.RegisterResourceResponse(urn=self.root)
        parent = self.nodes.get(request.parent)
        chain = f"{parent.urn.split('::')[2]}${request.type}" if parent else request.type
        urn = f"{self.prefix}::{chain}::{request.name}"
        if urn in self.nodes:
            raise ValueError(f"two resources with the URN {urn}; give one of them another name")
        self.nodes[urn] = self._node(request, urn, parent)
        answer = struct_pb2.Struct()
        answer.CopyFrom(request.object)
        for name in request.additionalSecretOutputs:
            hidden = answer.fields[name].struct_value.fields
            hidden[SIGNATURE].string_value = SECRET_SIGNATURE
            hidden["value"].string_value = rpc.UNKNOWN
        return resource_pb2.RegisterResourceResponse(urn=urn, object=answer)

    def _node(self, request: Any, urn: str, parent: Node | None) -> Node:
        inputs = plain(request.object)
        return Node(
            urn=urn,
            type=request.type,
            name=request.name,
            custom=request.custom,
            parent=parent.urn if parent else None,
            provider=request.provider.rpartition("::")[0] or None,
            inputs={key: value for key, value in inputs.items() if key not in PLUMBING},
            dependencies=tuple(sorted(request.dependencies)),
            protect=self._own(request, "protect", inherited=parent is not None and parent.protect),
            retain_on_delete=self._own(
                request, "retainOnDelete", inherited=parent is not None and parent.retain_on_delete
            ),
            deleted_with=request.deletedWith or (parent.deleted_with if parent else None),
            source=source_of(request.stackTrace),
        )

    @staticmethod
    def _own(request: Any, option: str, *, inherited: bool) -> bool:
        """A resource's own word, else its parent's."""
        return bool(getattr(request, option)) if request.HasField(option) else inherited

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802
        """Keep the stack's outputs."""
        if request.urn == self.root:
            self.outputs = plain(request.outputs)
        return empty_pb2.Empty()

    def Invoke(self, request: Any) -> Any:  # noqa: N802
        """Refuse: a plan asks nobody anything."""
        raise NotImplementedError(f"{request.tok}: the plan needs no network, and so no function of a provider")

    ReadResource = Invoke


def ordered(nodes: dict[str, Node]) -> tuple[Node, ...]:
    """Parents before children and needs before the needy, else by URN: the order of registration depends on timing."""
    graph = TopologicalSorter(
        {urn: {*node.dependencies, *filter(None, [node.parent])} & nodes.keys() for urn, node in nodes.items()}
    )
    graph.prepare()
    found: list[Node] = []
    while graph.is_active():
        ready = sorted(graph.get_ready())
        found += [nodes[urn] for urn in ready]
        graph.done(*ready)
    return tuple(found)


def plain(struct: struct_pb2.Struct) -> dict[str, Any]:
    """Properties as plain values, with marks for what is secret or unknown."""
    return {key: _plain(value) for key, value in sorted(struct.fields.items())}


def _plain(value: struct_pb2.Value) -> Any:
    match value.WhichOneof("kind"):
        case "struct_value":
            fields = value.struct_value.fields
            secret = SIGNATURE in fields and fields[SIGNATURE].string_value == SECRET_SIGNATURE
            return SECRET if secret else plain(value.struct_value)
        case "list_value":
            return [_plain(item) for item in value.list_value.values]
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() else number
        case "string_value":
            return UNKNOWN if value.string_value == rpc.UNKNOWN else value.string_value
        case "bool_value":
            return value.bool_value
        case _:
            return None


def source_of(trace: Any) -> str | None:
    """The line that asked for a resource: the nearest one of the program, below libraries and the helpers of components."""
    for frame in trace.frames:
        path = Path(urlsplit(str(frame.pc.uri)).path)
        if not path.is_relative_to(PROGRAM) or "site-packages" in path.parts:
            continue
        if not (place := path.relative_to(PROGRAM).as_posix()).startswith(HELPERS):
            return f"{place}:{frame.pc.line}"
    return None
