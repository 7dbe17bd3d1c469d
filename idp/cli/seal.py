"""`seal`: a secret as a file that may be committed."""

from __future__ import annotations

import base64
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml

from idp.cli.common import HERE, ProjectOption, StackOption, certificate_of, errors, failures_end_it
from idp.stackfile import mapping

if TYPE_CHECKING:
    from idp.sealing import Secret

OUTPUT = "sealingCertificate"


def seal(
    name: Annotated[str | None, typer.Argument(help="Of the Secret.")] = None,
    keys: Annotated[
        list[str] | None, typer.Argument(help="Its keys, each asked for; or `key=@file`. Never a value itself.")
    ] = None,
    *,
    namespace: Annotated[str | None, typer.Option("--namespace", "-n", help="Where the Secret will be.")] = None,
    secret: Annotated[
        Path | None,
        typer.Option("--from", help="A manifest of a Secret, instead of a name and keys; `-` is standard input."),
    ] = None,
    certificate: Annotated[Path | None, typer.Option(help="Another certificate than the stack's, in PEM.")] = None,
    out: Annotated[Path | None, typer.Option(help="File to write to; printed when left out.")] = None,
    stack: StackOption = "dev",
    project: ProjectOption = HERE,
) -> None:
    """Seal a secret for the stack's cluster, which need not be there; only that cluster can open it."""
    from idp import sealing  # noqa: PLC0415  see validate

    try:
        found = read(secret) if secret else asked(name, keys or [], namespace)
        with failures_end_it():
            text = certificate.read_text() if certificate else certificate_of(project, stack, OUTPUT)
        sealed = sealing.sealed_secret(text, found)
    except (sealing.SealingError, OSError) as error:
        errors.print(str(error), markup=False)
        raise typer.Exit(1) from None
    document = yaml.safe_dump(sealed, sort_keys=False, width=10_000)
    if out:
        out.write_text(document)
    else:
        sys.stdout.write(document)


def asked(name: str | None, keys: list[str], namespace: str | None) -> Secret:
    """The values of the named keys: from files, from the terminal without an echo, or the one on standard input.

    Raises:
        SealingError: something is missing, or a value stands among the arguments.
    """
    from idp.sealing import SealingError, Secret  # noqa: PLC0415

    if not name or not keys or not namespace:
        raise SealingError("say which: `seal NAME KEY... --namespace NAMESPACE`, or `seal --from secret.yaml`")
    values: dict[str, bytes] = {}
    for key in keys:
        word, given, file = key.partition("=")
        if given and not file.startswith("@"):
            raise SealingError(
                f"a value among the arguments is in the shell's history and in the list of processes; write `{word}` and be "
                f"asked for it, or `{word}=@file`"
            )
        values[word] = Path(file[1:]).read_bytes() if given else b""
    open_ones = [key for key in keys if "=" not in key]
    if open_ones and not sys.stdin.isatty():
        if len(open_ones) > 1:
            raise SealingError("standard input holds one value; give the other keys as `key=@file`")
        values[open_ones[0]] = sys.stdin.buffer.read()
    else:
        for key in open_ones:
            values[key] = str(typer.prompt(key, hide_input=True, err=True)).encode()
    return Secret(name=name, namespace=namespace, values=values)


def read(file: Path) -> Secret:
    """What a manifest of a Secret holds.

    Raises:
        SealingError: it is none, or has no name or namespace.
    """
    from idp.sealing import SealingError, Secret  # noqa: PLC0415

    try:
        document: Any = yaml.safe_load(sys.stdin.read() if str(file) == "-" else file.read_text())
    except yaml.YAMLError as error:
        raise SealingError(f"{file}: {error}") from error
    found = mapping(document)
    metadata = mapping(found.get("metadata"))
    if found.get("kind") != "Secret" or not metadata.get("name") or not metadata.get("namespace"):
        raise SealingError(f"{file}: no Secret with a name and a namespace")
    try:
        values = {key: base64.b64decode(str(value), validate=True) for key, value in mapping(found.get("data")).items()}
    except ValueError as error:
        raise SealingError(f"{file}: data is not in base64: {error}") from error
    values |= {key: str(value).encode() for key, value in mapping(found.get("stringData")).items()}
    return Secret(
        name=str(metadata["name"]),
        namespace=str(metadata["namespace"]),
        values=values,
        type=str(found.get("type") or "Opaque"),
    )
