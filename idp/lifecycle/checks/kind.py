"""A Kind cluster on this machine: the command and its Docker, the ports, and what the kernel and the memory allow."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from components.dynamic.kind_cluster import Folder, KindError
from idp.lifecycle.checks import Finding
from idp.lifecycle.machine import TIMED_OUT
from idp.model import KindSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from idp.lifecycle.machine import Answer, Machine
    from idp.settings import Settings

INSTALL = "https://kind.sigs.k8s.io/docs/user/quick-start/#installation"
RUNTIMES = ("docker", "nerdctl", "podman")
"""In the order in which Kind looks for them."""
WATCHES = {"max_user_watches": 524_288, "max_user_instances": 512}
"""Limits of fs.inotify, from Kind's known issue `too many open files`: pods of all nodes share the host's."""
MEMORY = 4 * 1024**2
"""In KiB, as /proc/meminfo counts: our estimate for three nodes, Argo CD and a few services, hence never more than a warning."""
MEMINFO = Path("/proc/meminfo")
UNIFIED = Path("/sys/fs/cgroup/cgroup.controllers")
"""There where the machine has cgroup v2 alone."""


def kind(settings: Settings, machine: Machine) -> Iterator[Finding]:
    """`kind` and its Docker answer, the cluster's name is not somebody else's, and its ports and memory are to be had."""
    spec = settings.config.cluster
    if not isinstance(spec, KindSpec):
        return
    answer = _clusters(machine)
    if isinstance(answer, Finding):
        yield answer
    running: list[str] = []
    folder = Folder(project=settings.project, stack=settings.stack)
    for name in [] if isinstance(answer, Finding) else answer:
        try:
            if machine.owns(folder, name):
                running.append(name)
            elif name == spec.name:
                yield _somebodys(name)
        except KindError:
            yield _stopped(name)
    yield from _ports(spec, running, machine)
    if not running:
        yield from _memory(machine)


def _somebodys(name: str) -> Finding:
    """What the provider would say, too, and end."""
    return Finding(
        check="kind",
        message=f"a Kind cluster `{name}` is there already and this stack did not make it",
        remedy=f"choose another `name` in idp:cluster, or remove it yourself: kind delete cluster --name {name}",
        fatal=True,
    )


def _stopped(name: str) -> Finding:
    """Nothing but a running cluster can say whether it is ours."""
    return Finding(
        check="kind",
        message=f"the Kind cluster `{name}` is there but does not run",
        remedy=f"docker start $(kind get nodes --name {name}), or remove it: kind delete cluster --name {name}",
        fatal=True,
    )


def _clusters(machine: Machine) -> list[str] | Finding:
    """What `kind get clusters` lists, or what its failure means: it is the one who knows which runtime it asks."""
    if not machine.which("kind"):
        return Finding(check="kind", message="`kind` is not on PATH", remedy=f"install it: {INSTALL}", fatal=True)
    said = machine.run(["kind", "get", "clusters"])
    return said.out.split() if said.code == 0 else _trouble(said, machine.system)


def _trouble(answer: Answer, system: str) -> Finding:
    """What a failure of `kind get clusters` says of the runtime below it, for which alone it would wait long."""
    said = answer.error.strip()
    asked = re.search(r'command "(\S+) ', said)
    runtime = asked[1] if asked else "docker" if answer.code == TIMED_OUT else ""
    why = said.splitlines()[-1].removeprefix("Command Output: ").removeprefix("ERROR: ") if said else "it says nothing"
    if runtime and "executable file not found" in said:
        message = f"`kind` finds no `{runtime}` on PATH"
        remedy = "install it: https://docs.docker.com/engine/install/"
        if runtime != "docker":
            remedy = "install it, or unset KIND_EXPERIMENTAL_PROVIDER"
    elif runtime and "permission denied" in said.lower():
        message = f"you may not use `{runtime}`: {why}"
        remedy = "sudo usermod -aG docker $USER, then log in anew"
    elif runtime == "docker":
        message = f"Docker does not answer: {why}"
        remedy = "sudo systemctl start docker" if system == "Linux" else "start Docker Desktop"
    else:
        message = f"`kind get clusters` fails: {why}"
        remedy = f"`{runtime} info` says more" if runtime else f"`kind get clusters -v 1` says more; {INSTALL}"
    return Finding(check="kind", message=message, remedy=remedy, fatal=True)


def _ports(spec: KindSpec, running: list[str], machine: Machine) -> Iterator[Finding]:
    """The host ports are free, or held by this stack's own cluster, which goes before another comes."""
    held = _held(running, machine) if running else set[int]()
    for key, port in (("httpPort", spec.http_port), ("httpsPort", spec.https_port)):
        if held is None or port in held or machine.port_is_free(port):
            continue
        who = f"sudo ss -ltnp 'sport = :{port}'" if machine.system == "Linux" else f"lsof -nP -iTCP:{port} -sTCP:LISTEN"
        yield Finding(
            check="ports",
            message=f"port {port} of 127.0.0.1 is taken",
            remedy=f"{who} says by whom; end that, or choose another `{key}` in idp:cluster",
            fatal=True,
        )


def _held(running: list[str], machine: Machine) -> set[int] | None:
    """The host ports of clusters; nothing where no runtime tells, and theirs may then be any."""
    chosen = machine.environment.get("KIND_EXPERIMENTAL_PROVIDER")
    runtime = next((name for name in ([chosen] if chosen else RUNTIMES) if machine.which(name)), None)
    if not runtime:
        return None
    held: set[int] = set()
    for name in running:
        said = machine.run([runtime, "port", f"{name}-control-plane"])
        if said.code:
            return None
        held |= {int(port) for port in re.findall(r"-> \S+:(\d+)$", said.out, re.MULTILINE)}
    return held


def _memory(machine: Machine) -> Iterator[Finding]:
    """Enough memory is left for a cluster that does not run yet."""
    if (left := _number(machine, MEMINFO, r"MemAvailable:\s+(\d+) kB")) is None or left >= MEMORY:
        return
    message = f"{left / 1024**2:.1f} GiB of memory are left; a cluster with all of the platform in it may want 4 GiB"
    remedy = "`ps aux --sort=-rss | head` says what takes it; fewer `workers` in idp:cluster take less"
    yield Finding(check="memory", message=message, remedy=remedy, fatal=False)


def inotify(settings: Settings, machine: Machine) -> Iterator[Finding]:
    """The kernel lets all pods of all nodes watch their files."""
    if not _here(settings, machine):
        return
    found = {name: _number(machine, Path("/proc/sys/fs/inotify") / name, r"(\d+)") for name in WATCHES}
    low = {name: number for name, number in found.items() if number is not None and number < WATCHES[name]}
    if low:
        yield Finding(
            check="inotify",
            message="pods may fail with `too many open files`: "
            + ", ".join(f"fs.inotify.{name} is {number} ({WATCHES[name]} is enough)" for name, number in low.items()),
            remedy="sudo sysctl " + " ".join(f"fs.inotify.{name}={WATCHES[name]}" for name in low)
            + "; the same lines in /etc/sysctl.d/99-kind.conf keep it",
            fatal=False,
        )  # fmt: skip


def cgroups(settings: Settings, machine: Machine) -> Iterator[Finding]:
    """The machine has cgroup v2: Kubernetes gives version 1 up, and so will Kind."""
    if not _here(settings, machine):
        return
    try:
        machine.read(UNIFIED)
    except OSError:
        yield Finding(
            check="cgroups",
            message="this machine has cgroup v1, which a coming release of Kind will not run on",
            remedy="boot it with systemd.unified_cgroup_hierarchy=1 on the kernel's command line",
            fatal=False,
        )


def _here(settings: Settings, machine: Machine) -> bool:
    """Whether a Kind cluster's containers run on this kernel; elsewhere than on Linux they have a machine of their own."""
    return isinstance(settings.config.cluster, KindSpec) and machine.system == "Linux"


def _number(machine: Machine, path: Path, pattern: str) -> int | None:
    """A number from one of the kernel's files; nothing where there is no such file."""
    try:
        found = re.search(pattern, machine.read(path))
    except OSError:
        return None
    return int(found[1]) if found else None
