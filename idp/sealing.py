"""Sealing: a secret that only the cluster of one stack can open, made without that cluster.

The format is Sealed Secrets' own: a key of 32 bytes used once, wrapped for the certificate's RSA key with a label that
binds it to one name in one namespace, and the value encrypted under it.
"""

from __future__ import annotations

import base64
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
"""Kubernetes' rule for the keys of a Secret."""
NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*")
NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
"""An annotation in which kubectl keeps the whole object, values and all."""
SCOPES = ("sealedsecrets.bitnami.com/cluster-wide", "sealedsecrets.bitnami.com/namespace-wide")
"""Annotations that ask for a file which opens elsewhere too."""
NONCE = bytes(12)
"""Zeros will do: no key is used twice."""


@dataclass(frozen=True, kw_only=True)
class Secret:
    """A Secret in clear."""

    name: str
    namespace: str
    values: Mapping[str, bytes] = field(repr=False)
    type: str = "Opaque"
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    annotations: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    immutable: bool | None = None
    """Whether its values stay for ever; nothing where that was not said."""


class SealingError(ValueError):
    """It cannot be sealed; the text says why."""


def public_key(certificate: str) -> rsa.RSAPublicKey:
    """The key that a certificate holds.

    Raises:
        SealingError: it is no certificate, or not one for sealing.
    """
    try:
        key = x509.load_pem_x509_certificate(certificate.encode()).public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SealingError(f"no certificate in PEM: {error}") from error
    if not isinstance(key, rsa.RSAPublicKey):
        raise SealingError("the certificate holds no RSA key; Sealed Secrets knows no other")
    return key


def seal(key: rsa.RSAPublicKey, value: bytes, *, namespace: str, name: str) -> str:
    """One value, as `spec.encryptedData` holds it: it opens under this name in this namespace and nowhere else."""
    once = os.urandom(32)
    label = f"{namespace}/{name}".encode()
    wrapped = key.encrypt(once, padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), label))
    sealed = len(wrapped).to_bytes(2, "big") + wrapped + AESGCM(once).encrypt(NONCE, value, None)
    return base64.b64encode(sealed).decode()


def sealed_secret(certificate: str, secret: Secret) -> dict[str, Any]:
    """The object to commit, from which the cluster makes a Secret.

    Args:
        certificate: the stack's, in PEM.
        secret: in clear.

    Raises:
        SealingError: a name or key that Kubernetes would refuse, or no certificate.
    """
    if problems := list(_problems(secret)):
        raise SealingError("\n".join(problems))
    key = public_key(certificate)
    names = {"name": secret.name, "namespace": secret.namespace}
    sealed = {each: seal(key, value, **names) for each, value in sorted(secret.values.items())}
    return {
        "apiVersion": "bitnami.com/v1alpha1",
        "kind": "SealedSecret",
        "metadata": names,
        "spec": {"encryptedData": sealed, "template": _template(secret)},
    }


def _template(secret: Secret) -> dict[str, Any]:
    """What the Secret has beside its values, in clear."""
    annotations = {key: text for key, text in secret.annotations.items() if key != LAST_APPLIED}
    metadata: dict[str, Any] = {"name": secret.name, "namespace": secret.namespace}
    metadata |= {"labels": dict(secret.labels)} if secret.labels else {}
    metadata |= {"annotations": annotations} if annotations else {}
    immutable = {} if secret.immutable is None else {"immutable": secret.immutable}
    return {"metadata": metadata, "type": secret.type, **immutable}


def _problems(secret: Secret) -> Iterator[str]:
    if not NAME.fullmatch(secret.name):
        yield f"`{secret.name}` is no name of a Secret; use lower-case letters, digits, '-' and '.'"
    if not NAMESPACE.fullmatch(secret.namespace):
        yield f"`{secret.namespace}` is no namespace; use lower-case letters, digits and '-'"
    for key in secret.values:
        if not KEY.fullmatch(key):
            yield f"`{key}` is no key of a Secret; use letters, digits, '-', '_' and '.'"
    for scope in SCOPES:
        if scope in secret.annotations:
            yield f"annotation `{scope}`: what is sealed here opens under one name in one namespace; take it out"
    if not secret.values:
        yield "nothing to seal; name at least one key"
