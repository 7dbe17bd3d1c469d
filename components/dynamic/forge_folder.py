"""A stack's own folder in the forge's GitOps repository: what the root Application of that stack reads."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, ResourceProvider, UpdateResult

from components.dynamic.forge_client import ForgeClient, SilentForgeError, tree
from components.dynamic.forge_organization import BRIEF
from components.dynamic.forge_repository import MAIN, content, signed
from components.dynamic.stack_folder import INPUTS as FOLDER
from components.dynamic.stack_folder import Order, blob_sha
from components.options import plus
from idp import render

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pulumi

    from components.dynamic.forge_client import Access
    from components.dynamic.scaffold import FromTemplate

INPUTS = ("access", "home", *FOLDER)
PLACE = ("home", "organization", "repository", "folder")


class ForgeFolderProvider(ResourceProvider):
    """Keeps one folder as the stack declares it, by one commit where anything differs, and touches no other."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Commit the folder; one that is already as it should be costs no commit.

        Raises:
            ForgeError: the forge refuses it.
        """
        order = put(ForgeClient(props["access"]).ready(), props)
        return CreateResult(f"{order.full_name}/{order.folder}", {name: props[name] for name in INPUTS})

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Another place is another folder; other files are a commit."""
        moved = [name for name in PLACE if _olds[name] != _news[name]]
        changed = _olds["digest"] != _news["digest"] or _olds["access"] != _news["access"]
        return DiffResult(changes=bool(moved) or changed, replaces=moved)

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Commit what differs."""
        put(ForgeClient(_news["access"]).ready(), _news)
        return UpdateResult({name: _news[name] for name in INPUTS})

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """What is in the folder now, as the digest that the program would give it."""
        order = Order(props)
        try:
            client = ForgeClient(props["access"]).ready(BRIEF)
        except SilentForgeError:
            return ReadResult(id_, props)
        if client.get(f"repos/{order.full_name}") is None:
            return ReadResult("", {})
        files = {path: contents(client, order, sha) for path, sha in live(client, order).items()}
        return ReadResult(id_, props | {"digest": render.digest_of(files)})

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Keep it: what it declares is taken away by whoever reads it."""


def put(client: ForgeClient, props: Mapping[str, Any]) -> Order:
    """Make the folder what it should be."""
    order = Order(props)
    if changes := differences(order.files(), live(client, order)):
        text = f"{order.folder} as its stack declares it"
        commit = {"branch": MAIN, **signed(text), "files": changes}
        client.send("POST", f"repos/{order.full_name}/contents", commit)
    return order


def differences(files: Mapping[str, bytes], there: Mapping[str, str]) -> list[dict[str, str]]:
    """What a commit has to do, file by file.

    Args:
        files: as they should be.
        there: path -> git's name of the contents.
    """
    found: list[dict[str, str]] = []
    for path, data in sorted(files.items()):
        if there.get(path) == blob_sha(data):
            continue
        kind = {"operation": "update", "sha": there[path]} if path in there else {"operation": "create"}
        found.append({**kind, "path": path, "content": content(data)})
    gone = sorted(there.keys() - files.keys())
    return found + [{"operation": "delete", "path": path, "sha": there[path]} for path in gone]


def live(client: ForgeClient, order: Order) -> dict[str, str]:
    """Path -> git's name of the contents, of everything in the folder."""
    found = tree(client, f"repos/{order.full_name}", MAIN)
    return {path: sha for path, sha in found.items() if path.startswith(f"{order.folder}/")}


def contents(client: ForgeClient, order: Order, sha: str) -> bytes:
    """One file's."""
    return base64.b64decode(client.get(f"repos/{order.full_name}/git/blobs/{sha}")["content"])


class ForgeFolder(Resource, module="idp", name="ForgeFolder"):
    """The files that a template makes for one stack."""

    def __init__(
        self, name: str, *, access: Access, organization: str, repository: str, folder: str, source: FromTemplate,
        opts: pulumi.ResourceOptions,
    ) -> None:  # fmt: skip
        """Declare what is to be in which folder; the source's digest is of the folder's files alone."""
        place = {"organization": organization, "repository": repository, "folder": folder}
        props = {**access.inputs(), **place, **source.inputs()}
        super().__init__(ForgeFolderProvider(), name, props, plus(opts, additional_secret_outputs=["access"]))
