"""`seal`: a secret as a file that may be committed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
import yaml

from idp import goyaml
from idp.cli.common import HERE, ProjectOption, StackOption, certificate_of, errors, failures_end_it

if TYPE_CHECKING:
    from idp.sealing import Secret

OUTPUT = "sealingCertificate"
BEGIN = b"-----BEGIN "
SEQUENCE = b"0"
"""The first byte of whatever is in DER."""


class _Dumper(yaml.SafeDumper):
    """Puts in quotes what go-yaml would take for something else than text."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None if goyaml.scalar(text) == text else '"'
    return cast("Any", dumper).represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


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
        found = asked(name, keys or [], namespace) if secret is None else read(secret, name, namespace)
        with failures_end_it():
            text = pem(certificate) if certificate else certificate_of(project, stack, OUTPUT)
        document = yaml.dump(sealing.sealed_secret(text, found), Dumper=_Dumper, sort_keys=False, width=10_000)
        if out:
            out.write_text(document, encoding="utf-8")
        else:
            sys.stdout.write(document)
    except sealing.SealingError as error:
        errors.print(str(error), markup=False)
        raise typer.Exit(1) from None
    except OSError as error:
        errors.print(f"{error.filename}: {error.strerror}" if error.filename else str(error), markup=False)
        raise typer.Exit(1) from None


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


def read(file: Path, name: str | None, namespace: str | None) -> Secret:
    """What a manifest of a Secret holds, which names itself.

    Raises:
        SealingError: it is to be named otherwise, or not all of it can be sealed as it is written.
    """
    from idp import secret_manifest  # noqa: PLC0415
    from idp.sealing import SealingError  # noqa: PLC0415

    if name or namespace is not None:
        raise SealingError(
            "--from says name, namespace and keys by itself; leave NAME, KEY and --namespace out, or --from"
        )
    content = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    return secret_manifest.read("standard input" if str(file) == "-" else str(file), content)


def pem(file: Path) -> str:
    """A certificate's text.

    Raises:
        SealingError: it is no certificate for sealing, or not in PEM.
    """
    from idp.sealing import SealingError, public_key  # noqa: PLC0415

    content = file.read_bytes()
    if BEGIN not in content:
        binary = content.startswith(SEQUENCE)
        advice = f"; if it is one in DER, `openssl x509 -inform der -in {file} -out sealing.pem` makes one of it"
        raise SealingError(f"{file}: no certificate in PEM{advice if binary else ''}")
    text = content.decode(errors="replace")  # what stands around the certificate may be anything
    try:
        public_key(text)
    except SealingError as error:
        raise SealingError(f"{file}: {error}") from error
    return text
