"""An RSA key with a certificate that it signs itself, made once and kept in the state."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pulumi
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

from components.options import plus

BITS = 4096
"""As Sealed Secrets makes its own."""
YEARS = 10
INPUTS = ("common_name", "authority_for")


class KeyPairProvider(ResourceProvider):
    """Keys for sealing, or for an authority that signs the platform's certificates."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Make key and certificate; the id is the certificate's fingerprint."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=BITS)
        certificate = self_signed(key, props["common_name"], authority_for=str(props["authority_for"]))
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        outs = {
            **{name: props[name] for name in INPUTS},
            "private_key": private.decode(),
            "certificate": certificate.public_bytes(serialization.Encoding.PEM).decode(),
        }
        return CreateResult(certificate.fingerprint(hashes.SHA256()).hex()[:16], outs)

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """A key for another name or purpose is another key."""
        changed = [name for name in INPUTS if _olds[name] != _news[name]]
        return DiffResult(changes=bool(changed), replaces=changed)

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Keep what there is."""
        return UpdateResult(_olds)


def self_signed(key: rsa.RSAPrivateKey, common_name: str, *, authority_for: str = "") -> x509.Certificate:
    """A certificate for the key by the key, valid from a minute ago, for clocks that differ.

    Args:
        key: what it certifies.
        common_name: how people find it among others.
        authority_for: a domain. The certificate may then sign others, for names of that domain and no other, so that
            whoever trusts it trusts nothing else with it.
    """
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    start = datetime.now(UTC) - timedelta(minutes=1)
    signs = bool(authority_for)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=365 * YEARS))
        .add_extension(x509.BasicConstraints(ca=signs, path_length=0 if signs else None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if signs:
        use = x509.KeyUsage(
            key_cert_sign=True, crl_sign=True, digital_signature=False, content_commitment=False, key_encipherment=False,
            data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        names = x509.NameConstraints(permitted_subtrees=[x509.DNSName(authority_for)], excluded_subtrees=None)
        builder = builder.add_extension(use, critical=True).add_extension(names, critical=True)
    return builder.sign(key, hashes.SHA256())


class KeyPair(Resource, module="idp", name="KeyPair"):
    """A key that outlives the cluster: it is in the state and nowhere else."""

    private_key: pulumi.Output[str]
    """PEM, PKCS 8. Secret."""
    certificate: pulumi.Output[str]
    """PEM. Public."""

    def __init__(self, name: str, *, common_name: str, authority_for: str = "", opts: pulumi.ResourceOptions) -> None:
        """Declare a key; its certificate may sign others for names of the domain `authority_for`, where one is given."""
        props = {"common_name": common_name, "authority_for": authority_for, "private_key": None, "certificate": None}
        hidden = plus(opts, additional_secret_outputs=["private_key"])
        super().__init__(KeyPairProvider(), name, props, hidden)
