"""Clone, fetch and push over HTTP by `git http-backend`, with rulesets held against each push; and a commit's files."""

from __future__ import annotations

import gzip
import re
import subprocess
import urllib.parse
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .answers import Answer
from .bare import environment
from .commits import new_workflow
from .rules import Update, broken

if TYPE_CHECKING:
    from .routing import Call
    from .state import Repository, State

PATH = re.compile(
    r"/([^/]+)/([^/]+?)(?:\.git)?/(info/refs|git-upload-pack|git-receive-pack|archive/[0-9a-f]{40}\.tar\.gz)"
)
NOTHING = "0" * 40
DECLINED = "push declined due to repository rule violations"
BAND = 65000


@dataclass(frozen=True)
class Push:
    """What a client asks `git-receive-pack` to do."""

    updates: list[Update]
    capabilities: set[str]
    pack: bytes


def refused(status: int, message: str, **headers: str) -> Answer:
    """A refusal that git prints after `remote:`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status=status, raw=message.encode(), content_type="text/plain; charset=utf-8", headers=named)


def archive(call: Call, operation: str) -> Answer:
    """The files of a commit, in one folder that names it."""
    sha = operation.removeprefix("archive/").removesuffix(".tar.gz")
    folder = f"--prefix={call.state.login}-{call.repository.name}-{sha[:7]}/"
    done = call.bare.git("archive", "--format=tar.gz", folder, sha)
    if done.returncode:
        return refused(404, "Not Found")
    return Answer(raw=done.stdout, content_type="application/x-gzip")


def serve(call: Call, match: re.Match[str], data: bytes) -> Answer:
    """One request of git's smart protocol."""
    owner, name, operation = match.groups()
    pushing = "git-receive-pack" in (operation, call.query.get("service"))
    found = call.state.find(owner, name) or call.state.moved(owner, name)
    if call.token is None and (found is None or found.settings["private"] or pushing):
        return refused(401, "No anonymous write access.", WWW_Authenticate='Basic realm="GitHub"')
    if found is None:
        return refused(404, "Repository not found.")
    call.found = found
    full_name = f"{call.state.login}/{found.name}"
    if call.token and (pushing or found.settings["private"]) and not call.token.may("contents", write=pushing):
        return refused(403, f"Permission to {full_name}.git denied to {call.token.login}.")
    if pushing and found.settings["archived"]:
        return refused(403, "This repository was archived so it is read-only.")
    if operation.startswith("archive/"):
        return archive(call, operation)
    if operation != "git-receive-pack":
        return backend(call.state, found, call, operation, data)
    with call.state.lock:
        plain = gzip.decompress(data) if call.headers.get("Content-Encoding") == "gzip" else data
        return receive(call, plain)


def receive(call: Call, data: bytes) -> Answer:
    """A push: its objects first, then the rules, then the refs."""
    push = parsed(data)
    if push.pack:
        call.bare.git("unpack-objects", "-q", data=push.pack)
    said, reason = judged(call, push)
    if reason:
        return report(push, said, reason)
    answer = backend(call.state, call.repository, call, "git-receive-pack", data)
    if push.updates:
        adopt(call, push)
        call.pushed()
    return answer


def adopt(call: Call, push: Push) -> None:
    """The first branch that an empty repository gets is its default branch from then on."""
    branches = call.bare.branches()
    pushed = [update.ref.removeprefix("refs/heads/") for update in push.updates]
    first = next((name for name in pushed if name in branches), None)
    if first and call.repository.default_branch not in branches:
        call.repository.default_branch = first
        call.bare.point_head(first)


def judged(call: Call, push: Push) -> tuple[list[str], str]:
    """What speaks against a push, and the word on each of its refs; nothing when it may go through."""
    said = []
    for update in push.updates:
        rules = broken(call, update)
        if rules:
            page = f"{call.base}/{call.state.login}/{call.repository.name}/rules"
            where = urllib.parse.quote(update.ref, safe="")
            said += [f"error: GH013: Repository rule violations found for {update.ref}."]
            said += [f"Review all repository rules at {page}?ref={where}", ""]
            said += [line for rule in rules for line in (f"- {rule}", "")]
    if said:
        return said, DECLINED
    for update in push.updates:
        path = None if call.actor.may("workflows", write=True) else new_workflow(call.bare, update.old, update.new)
        if path:
            app = call.actor.kind == "installation"
            who, what = (
                ("GitHub App", "`workflows` permission") if app else ("Personal Access Token", "`workflow` scope")
            )
            return [], f"refusing to allow a {who} to create or update workflow `{path}` without {what}"
    return [], ""


def parsed(data: bytes) -> Push:
    """The commands and the pack of a push."""
    updates, capabilities, position = [], set[str](), 0
    while size := int(data[position : position + 4] or b"0", 16):
        line = data[position + 4 : position + size]
        position += size
        command, _, words = line.partition(b"\0")
        capabilities |= set(words.decode().split())
        old, new, ref = command.decode().strip().split(" ", 2)
        updates.append(Update(ref, old if old != NOTHING else None, new if new != NOTHING else None))
    return Push(updates, capabilities, data[position + 4 :])


def packet(data: bytes) -> bytes:
    """One pkt-line."""
    return f"{len(data) + 4:04x}".encode() + data


def report(push: Push, said: list[str], reason: str) -> Answer:
    """A push that was unpacked and turned down, as git's own server would report it."""
    lines = [packet(b"unpack ok\n"), *(packet(f"ng {u.ref} {reason}\n".encode()) for u in push.updates)]
    status = b"".join(lines) + b"0000"
    if "side-band-64k" in push.capabilities:
        told = b"".join(packet(b"\2" + f"{line}\n".encode()) for line in said)
        bands = [packet(b"\1" + status[i : i + BAND]) for i in range(0, len(status), BAND)]
        status = told + b"".join(bands) + b"0000"
    headers = {"Cache-Control": "no-cache"}
    return Answer(raw=status, content_type="application/x-git-receive-pack-result", headers=headers)


def backend(state: State, repository: Repository, call: Call, operation: str, data: bytes) -> Answer:
    """One run of git's own CGI program."""
    wanted = {
        "Content-Type": "CONTENT_TYPE",
        "Content-Encoding": "HTTP_CONTENT_ENCODING",
        "Git-Protocol": "GIT_PROTOCOL",
    }
    given = {variable: call.headers[name] for name, variable in wanted.items() if call.headers.get(name)}
    if operation == "git-receive-pack":
        given.pop("HTTP_CONTENT_ENCODING", None)  # unpacked already
    variables = {
        **environment(), **given, "GIT_PROJECT_ROOT": str(state.folder / "git"), "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": f"/{repository.id}.git/{operation}", "REQUEST_METHOD": call.method,
        "QUERY_STRING": urllib.parse.urlencode(call.query), "CONTENT_LENGTH": str(len(data)),
        "REMOTE_USER": call.token.login if call.token else "", "REMOTE_ADDR": "127.0.0.1",
    }  # fmt: skip
    done = subprocess.run(["git", "http-backend"], input=data, capture_output=True, check=False, env=variables)
    header, _, body = done.stdout.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in header.decode().split("\r\n") if ": " in line)
    status = int(headers.pop("Status", "200").split()[0]) if headers else 500
    kind = headers.pop("Content-Type", "text/plain")
    return Answer(status=status, raw=body, content_type=kind, headers=headers)
