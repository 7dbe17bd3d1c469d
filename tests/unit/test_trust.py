"""The authority that people trust: what it may sign, and what they are told."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from components.dynamic.key_pair import KeyPairProvider, self_signed
from idp.cli.trust import advice

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
AUTHORITY = self_signed(KEY, "idp idp.localhost", authority_for="idp.localhost")
PEM = AUTHORITY.public_bytes(serialization.Encoding.PEM).decode()


def test_the_authority_signs_for_its_own_domain_only() -> None:
    """Whoever trusts it should not have to trust whoever reads the state with all other sites."""
    names = AUTHORITY.extensions.get_extension_for_class(x509.NameConstraints)

    assert names.critical
    assert names.value.permitted_subtrees == [x509.DNSName("idp.localhost")]


def test_the_authority_may_sign_certificates_and_no_authorities() -> None:
    """Verifiers refuse an authority that does not say so."""
    basic = AUTHORITY.extensions.get_extension_for_class(x509.BasicConstraints).value
    use = AUTHORITY.extensions.get_extension_for_class(x509.KeyUsage).value

    assert (basic.ca, basic.path_length) == (True, 0)
    assert use.key_cert_sign
    assert not use.digital_signature


@pytest.mark.skipif(shutil.which("openssl") is None, reason="not on PATH: openssl")
def test_openssl_and_python_take_it(tmp_path: Path) -> None:
    """As a store of trusted certificates."""
    ssl.create_default_context(cadata=PEM)
    file = tmp_path / "ca.pem"
    file.write_text(PEM)
    said = subprocess.run(
        ["openssl", "verify", "-x509_strict", "-CAfile", file, file], capture_output=True, text=True, check=False
    )

    assert said.returncode == 0, said.stderr


def test_another_domain_is_another_authority() -> None:
    """The domain is written into the certificate."""
    before = {"common_name": "idp a.localhost", "authority_for": "a.localhost"}

    found = KeyPairProvider().diff("id", before, {**before, "authority_for": "b.localhost"})

    assert (found.changes, found.replaces) == (True, ["authority_for"])


@pytest.mark.parametrize(
    ("system", "commands", "told"),
    [
        pytest.param("Darwin", (), "security add-trusted-cert", id="macOS"),
        pytest.param("Windows", (), "certutil -addstore", id="Windows"),
        pytest.param("Linux", ("update-ca-certificates",), "/usr/local/share/ca-certificates/idp-dev.crt", id="Debian"),
        pytest.param("Linux", ("update-ca-trust",), "/etc/pki/ca-trust/source/anchors/idp-dev.crt", id="Fedora"),
        pytest.param("Linux", (), "trust anchor ca.pem", id="any other Linux"),
    ],
)
def test_the_advice_is_for_this_machine(system: str, commands: tuple[str, ...], told: str) -> None:
    """A command to copy, not a search to begin."""
    text = advice(PEM, "ca.pem", "idp-dev", system, lambda name: name if name in commands else None)

    assert told in text
    assert "SHA-256 " in text
