"""`trust`: the certificate of the stack's authority, and how to make this machine trust it."""

from __future__ import annotations

import hashlib
import platform
import shutil
import ssl
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from idp.cli.common import HERE, ProjectOption, StackOption, certificate_of, errors, failures_end_it

if TYPE_CHECKING:
    from collections.abc import Callable

OUTPUT = "certificateAuthority"
STORES = {
    "update-ca-certificates": "sudo cp {file} /usr/local/share/ca-certificates/{name}.crt && sudo update-ca-certificates",
    "update-ca-trust": "sudo cp {file} /etc/pki/ca-trust/source/anchors/{name}.crt && sudo update-ca-trust",
    "trust": "sudo trust anchor {file}",
}
"""Linux: the command that a machine has -> what to do with it."""
SYSTEMS = {
    "Darwin": "sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain {file}",
    "Windows": "certutil -addstore -f Root {file}",
}


def trust(
    out: Annotated[Path | None, typer.Option(help="File to write to; printed when left out.")] = None,
    stack: StackOption = "dev",
    project: ProjectOption = HERE,
) -> None:
    """Print the certificate that signs the platform's own; what is to be done with it goes to standard error."""
    with failures_end_it():
        certificate = certificate_of(project, stack, OUTPUT)
    if out:
        out.write_text(certificate)
    else:
        sys.stdout.write(certificate)
    errors.print(advice(certificate, str(out or f"idp-{stack}.pem"), f"idp-{stack}"), markup=False)


def advice(
    certificate: str,
    file: str,
    name: str,
    system: str = platform.system(),
    which: Callable[[str], str | None] = shutil.which,
) -> str:
    """How to trust a certificate on this machine.

    Args:
        certificate: PEM.
        file: where it is, or will be.
        name: what the machine's store calls it.
        system: as `platform.system` says it.
        which: finds a command on PATH.
    """
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate)).hexdigest()
    fingerprint = ":".join(digest[at : at + 2] for at in range(0, len(digest), 2)).upper()
    here = SYSTEMS.get(system) or next((how for command, how in STORES.items() if which(command)), STORES["trust"])
    return (
        f"\nSHA-256 {fingerprint}\n"
        "It can sign for this stack's domain only, and stays the same when the cluster is made anew. Trust it once:\n\n"
        f"  python -m idp trust --out {file}\n"
        f"  {here.format(file=file, name=name)}\n\n"
        f"Firefox has a store of its own: Settings, Certificates, Authorities, Import. One program alone: "
        f"`curl --cacert {file}`, "
        f"`NODE_EXTRA_CA_CERTS={file}`, `SSL_CERT_FILE={file}`."
    )
