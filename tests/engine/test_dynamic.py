"""Passwords and key pairs on the real engine: made once, kept, and secret in the state."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import bcrypt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from tests.support.engine import Engine

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = """
import pulumi
from components.dynamic.key_pair import KeyPair
from components.dynamic.password import Password

words = pulumi.Config().require_object("words")
none = pulumi.ResourceOptions()
password = Password("password", length=words["length"], opts=none)
pair = KeyPair("sealing", common_name=words["name"], opts=none)
pulumi.export("password", password.value)
pulumi.export("hash", password.bcrypt)
pulumi.export("key", pair.private_key)
pulumi.export("certificate", pair.certificate)
"""


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    made = Engine(home=tmp_path_factory.mktemp("dynamic") / "dev", github_url="http://127.0.0.1:9")
    (made.project / "__main__.py").write_text(PROGRAM)
    made.use(made.stack_file.read_text() + "\n")
    made.edit("  idp:local: true\n", "  idp:local: true\n  idp:words: {length: 24, name: sealed-secrets}\n")
    made.run("up")
    yield made
    made.run("destroy")
    made.close()


def test_what_is_made_is_usable(engine: Engine) -> None:
    """The hash is the password's, and the certificate the key's."""
    outputs = engine.outputs()
    key = serialization.load_pem_private_key(outputs["key"].encode(), None)
    certificate = x509.load_pem_x509_certificate(outputs["certificate"].encode())

    assert len(outputs["password"]) == 24
    assert bcrypt.checkpw(outputs["password"].encode(), outputs["hash"].encode())
    assert key.public_key() == certificate.public_key()


def test_nothing_secret_is_in_the_state_in_clear(engine: Engine) -> None:
    """Only the certificate is public."""
    outputs, state = engine.outputs(), json.dumps(engine.state())

    assert outputs["certificate"].splitlines()[1] in state
    assert [name for name in ("password", "hash") if outputs[name] in state] == []
    assert outputs["key"].splitlines()[1] not in state


def test_they_stay_from_run_to_run(engine: Engine) -> None:
    """A key that changed would make yesterday's sealed secrets unreadable."""
    before = engine.outputs()

    assert engine.changes() == {}
    assert engine.changes("refresh") == {}
    assert engine.outputs() == before


def test_another_length_is_another_password_and_the_key_stays(engine: Engine) -> None:
    """Each changes with its own inputs only."""
    before = engine.outputs()

    engine.edit("length: 24", "length: 32")

    assert engine.changes() == {"replaced": 1}
    after = engine.outputs()
    assert len(after["password"]) == 32
    assert after["key"] == before["key"]
