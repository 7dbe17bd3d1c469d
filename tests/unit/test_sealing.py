"""Sealing needs no cluster: an independent reading of the format opens what is sealed, and nothing else does."""

from __future__ import annotations

import base64

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from components.dynamic.key_pair import self_signed
from idp.sealing import SealingError, Secret, sealed_secret

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
CERTIFICATE = self_signed(KEY, "sealing").public_bytes(serialization.Encoding.PEM).decode()


def opened(text: str, label: str, key: rsa.RSAPrivateKey = KEY) -> bytes:
    """As the controller does it."""
    data = base64.b64decode(text, validate=True)
    size = int.from_bytes(data[:2], "big")
    once = key.decrypt(data[2 : 2 + size], padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), label.encode()))
    return AESGCM(once).decrypt(bytes(12), data[2 + size :], None)


def secret(**values: bytes) -> Secret:
    return Secret(name="database", namespace="mobility-dev", values=values)


@given(st.binary(max_size=5000))
@settings(max_examples=30, deadline=None)
def test_what_is_sealed_opens_as_it_was(value: bytes) -> None:
    """Every byte, none and many."""
    sealed = sealed_secret(CERTIFICATE, secret(password=value))

    assert opened(sealed["spec"]["encryptedData"]["password"], "mobility-dev/database") == value


@pytest.mark.parametrize("label", ["mobility-dev/other", "payments-dev/database", "mobility-dev", ""])
def test_it_opens_under_its_own_name_only(label: str) -> None:
    """Else a team would copy another's file and read what is in it."""
    sealed = sealed_secret(CERTIFICATE, secret(password=b"x"))

    with pytest.raises((ValueError, InvalidTag)):
        opened(sealed["spec"]["encryptedData"]["password"], label)


def test_the_secret_it_becomes_is_named_in_it() -> None:
    """The controller makes the Secret from the template."""
    made = sealed_secret(CERTIFICATE, Secret(name="tls", namespace="a", values={"k": b"v"}, type="kubernetes.io/tls"))

    assert made["metadata"] == made["spec"]["template"]["metadata"] == {"name": "tls", "namespace": "a"}
    assert made["spec"]["template"]["type"] == "kubernetes.io/tls"


def test_mistakes_are_told_together() -> None:
    """Kubernetes would refuse each of them later, one after the other."""
    wrong = Secret(name="Data_Base", namespace="-x", values={"a b": b""})

    with pytest.raises(SealingError) as raised:
        sealed_secret(CERTIFICATE, wrong)

    assert [line.split("`")[1] for line in str(raised.value).splitlines()] == ["Data_Base", "-x", "a b"]


def test_nothing_in_clear_is_shown_by_accident() -> None:
    """A traceback prints the values of variables' representations."""
    assert "hunter2" not in repr(secret(password=b"hunter2"))


def test_a_certificate_of_another_kind_is_refused() -> None:
    """The cluster could not open what it seals."""
    with pytest.raises(SealingError, match="no certificate in PEM"):
        sealed_secret("-----BEGIN", secret(password=b"x"))
