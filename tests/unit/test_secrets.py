"""Passwords and key pairs as plain methods: what they make, and what never changes them."""

from __future__ import annotations

import re

import bcrypt
import pulumi
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from components.dynamic import key_pair
from components.dynamic.key_pair import KeyPairProvider
from components.dynamic.password import Password, PasswordProvider


@pytest.fixture(autouse=True)
def _small_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """4,096 bits take seconds, and the tests do not depend on them."""
    monkeypatch.setattr(key_pair, "BITS", 2048)


def test_a_password_is_letters_and_digits_with_its_hash() -> None:
    """No character that a shell, a URL or YAML would read as something else."""
    outs = PasswordProvider().create({"length": 24.0}).outs or {}

    assert re.fullmatch(r"[A-Za-z0-9]{24}", outs["value"])
    assert bcrypt.checkpw(outs["value"].encode(), outs["bcrypt"].encode())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", outs["created"])


def test_two_passwords_differ() -> None:
    """Each comes from the random source, and so does its id."""
    first, second = (PasswordProvider().create({"length": 24}) for _ in range(2))

    assert first.id != second.id
    assert first.outs
    assert second.outs
    assert first.outs["value"] != second.outs["value"]


def test_only_another_length_is_another_password() -> None:
    """Whole numbers come back from the state as floats."""
    provider = PasswordProvider()

    assert provider.diff("x", {"length": 24.0}, {"length": 24}).changes is False
    assert provider.diff("x", {"length": 24.0}, {"length": 32}).replaces == ["length"]
    assert provider.update("x", {"value": "old"}, {}).outs == {"value": "old"}


@pytest.mark.parametrize("length", [15, 73])
def test_a_length_that_bcrypt_or_guessing_would_cut_is_refused(length: int) -> None:
    """Bcrypt reads 72 bytes; what comes after would not count."""
    with pytest.raises(ValueError, match="16 to 72 characters"):
        Password("p", length=length, opts=pulumi.ResourceOptions())


@pytest.mark.parametrize("domain", ["idp.localhost", ""])
def test_a_certificate_belongs_to_its_key_and_purpose(domain: str) -> None:
    """An authority may sign certificates, a sealing key may not."""
    made = KeyPairProvider().create({"common_name": "idp", "authority_for": domain})
    outs = made.outs or {}
    key = serialization.load_pem_private_key(outs["private_key"].encode(), None)
    certificate = x509.load_pem_x509_certificate(outs["certificate"].encode())

    assert isinstance(key, RSAPrivateKey)
    assert certificate.public_key() == key.public_key()
    certificate.verify_directly_issued_by(certificate)
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is bool(domain)
    assert (certificate.not_valid_after_utc - certificate.not_valid_before_utc).days == 3650


def test_a_key_changes_with_its_name_or_purpose_only() -> None:
    """Everything that was sealed with it would be lost."""
    olds = {"common_name": "idp", "authority_for": "", "private_key": "x", "certificate": "y"}
    provider = KeyPairProvider()

    assert provider.diff("x", olds, {"common_name": "idp", "authority_for": ""}).changes is False
    assert provider.diff("x", olds, {"common_name": "other", "authority_for": ""}).replaces == ["common_name"]
    assert provider.update("x", olds, {}).outs == olds
