"""Sealing needs no cluster: an independent reading of the format opens what is sealed, and nothing else does."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest
import yaml
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from components.dynamic.key_pair import self_signed
from idp.cli import app
from idp.sealing import LAST_APPLIED, SCOPES, SealingError, Secret, sealed_secret

if TYPE_CHECKING:
    from pathlib import Path

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SIGNED = self_signed(KEY, "sealing")
CERTIFICATE = SIGNED.public_bytes(serialization.Encoding.PEM).decode()
HEAD = "kind: Secret\nmetadata: {name: database, namespace: mobility-dev}\n"


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


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    file = tmp_path / "sealing.pem"
    file.write_text(CERTIFICATE)
    return file


def types(certificate: Path, *arguments: str | Path, given: str | None = None) -> Result:
    return CliRunner().invoke(app, ["seal", *map(str, arguments), f"--certificate={certificate}"], input=given)


def manifest(certificate: Path, text: str | bytes) -> Result:
    """What `seal --from` says of it."""
    file = certificate.with_name("secret.yaml")
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return types(certificate, "--from", file)


def with_metadata(more: str) -> str:
    return HEAD.replace("}", f", {more}}}")


def told(done: Result) -> list[str]:
    """Its lines, without the folder of the test, after an end without a traceback."""
    assert (done.exit_code, done.stdout, type(done.exception)) == (1, "", SystemExit), done.output
    return [line.rpartition("/")[2] for line in done.stderr.splitlines()]


NO_TEXT = [
    "", "~", "0123456", "12_34", "1e3", "0o17", "0x1F", "1:30", "2024-01-01", "2024-99-99", "true", "on", "No", ".inf", "=",
    "!!binary YQ==", "[a]", "{a: b}",
]  # fmt: skip


@pytest.mark.parametrize("written", NO_TEXT)
def test_a_value_that_is_not_text_is_never_sealed(written: str, certificate: Path) -> None:
    """`0123456` was sealed as 42798, and nobody could see it afterwards."""
    (line,) = told(manifest(certificate, f"{HEAD}stringData:\n  pin: {written}\n"))

    assert "stringData.pin: " in line
    assert "text" in line


def test_values_that_are_not_text_are_told_together(certificate: Path) -> None:
    """Each with its line, its key and what to do, and without what it holds."""
    text = f"{HEAD}stringData: \n  password: 0123456\n  good: '0123456'\n  pin: 12_34\ndata:\n  port: 5432\n  key: hunter2\n"
    lines = told(manifest(certificate, text))

    assert [line.partition(": ")[2].partition(":")[0] for line in lines] == [
        "data.port", "data.key", "stringData.password", "stringData.pin",
    ]  # fmt: skip
    assert lines[2] == "secret.yaml:4: stringData.password: is not text for every reader of YAML; put it in quotes"
    assert "not in base64" in lines[1]
    assert not any("hunter2" in line or "0123456" in line for line in lines)


def test_text_is_sealed_as_it_stands_there(certificate: Path) -> None:
    """In quotes, in a block, plain, and in base64 with Kubernetes' line ends."""
    text = f"{HEAD}data:\n  d: |\n    AAEC\n    Aw==\nstringData:\n  a: '0123456'\n  b: correct\n  c: |\n    x\n  e: !!str 12\n"
    done = manifest(certificate, text)
    sealed = yaml.safe_load(done.stdout)["spec"]["encryptedData"]

    assert {key: opened(value, "mobility-dev/database") for key, value in sealed.items()} == {
        "a": b"0123456", "b": b"correct", "c": b"x\n", "d": b"\0\1\2\3", "e": b"12",
    }  # fmt: skip


def test_labels_annotations_and_immutable_come_along(certificate: Path) -> None:
    """As kubeseal does it; kubectl's own copy of the object holds the values in clear, and stays out."""
    metadata = f"labels: {{app: rental}}, annotations: {{version: '1e3', {LAST_APPLIED}: hunter2}}, uid: x"
    done = manifest(certificate, f"{with_metadata(metadata)}immutable: true\ntype: a/b\nstringData: {{k: v}}\n")
    made = yaml.safe_load(done.stdout)

    assert made["metadata"] == {"name": "database", "namespace": "mobility-dev"}
    assert made["spec"]["template"] == {
        "metadata": {**made["metadata"], "labels": {"app": "rental"}, "annotations": {"version": "1e3"}},
        "type": "a/b",
        "immutable": True,
    }
    assert 'version: "1e3"' in done.stdout  # a number to the cluster, without quotes
    assert "hunter2" not in done.stdout


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param(b"\x00\xff\xfe", "secret.yaml: no manifest of a Secret: not text in UTF-8", id="binary"),
        pytest.param("a: \x01", "secret.yaml: not YAML: special characters are not allowed", id="control characters"),
        pytest.param("a: [hunter2", "secret.yaml:1: not YAML: ", id="broken"),
        pytest.param("---\na: b\n---\na: b\n", "secret.yaml:3: not YAML: but found another document", id="two"),
        pytest.param(f"{HEAD}stringData: {{a: b, a: c}}", "secret.yaml:3: not YAML: `a` is given twice", id="twice"),
        pytest.param(
            f"{HEAD}stringdata: {{a: b}}", "secret.yaml: stringdata: unknown key; did you mean `stringData`?", id="a typo"
        ),
        pytest.param(
            f"{HEAD}immutable: 'yes'\nstringData: {{a: b}}", "secret.yaml: immutable: must be true or false", id="truth"
        ),
        pytest.param(f"{HEAD}stringData: abc", "secret.yaml: stringData: must be keys and values", id="no mapping"),
        pytest.param("kind: ConfigMap", "secret.yaml: no Secret with a name and a namespace", id="another kind"),
        pytest.param(
            with_metadata(f"annotations: {{{SCOPES[0]}: 'true'}}") + "stringData: {a: b}",
            f"{SCOPES[0].rpartition('/')[2]}`: what is sealed here opens under one name in one namespace; take it out",
            id="a scope",
        ),
    ],
)  # fmt: skip
def test_a_manifest_that_cannot_be_taken_whole_is_refused(text: str | bytes, says: str, certificate: Path) -> None:
    """In one line, that quotes nothing of it."""
    (line,) = told(manifest(certificate, text))

    assert line.startswith(says)
    assert "hunter2" not in line


@pytest.mark.parametrize("also", [("other",), ("other", "key"), ("--namespace", "x")], ids=" ".join)
def test_a_manifest_names_itself(also: tuple[str, ...], certificate: Path) -> None:
    """Another name beside it was passed over in silence."""
    done = types(certificate, "--from", certificate, *also)

    assert told(done) == [
        "--from says name, namespace and keys by itself; leave NAME, KEY and --namespace out, or --from"
    ]


def test_a_manifest_comes_from_standard_input(certificate: Path) -> None:
    """From another program, say."""
    assert types(certificate, "--from", "-", given=f"{HEAD}stringData: {{a: b}}").exit_code == 0
    assert told(types(certificate, "--from", "-", given="a: [")) == [
        "standard input:1: not YAML: expected the node content, but found '<stream end>'"
    ]


def test_a_certificate_in_der_is_told_how_to_become_one_in_pem(tmp_path: Path) -> None:
    """As the controller's owner may have sent it."""
    file = tmp_path / "c.der"
    file.write_bytes(SIGNED.public_bytes(serialization.Encoding.DER))
    done = types(file, "database", "key", "-n", "x", given="v")

    assert told(done) == ["c.der -out sealing.pem` makes one of it"]
    assert done.stderr.startswith(f"{file}: no certificate in PEM; if it is one in DER, `openssl x509 -inform der -in ")


def test_a_file_that_cannot_be_written_or_read_is_told(certificate: Path) -> None:
    """Its name and why, in a line."""
    nowhere = certificate.with_name("nowhere")

    out = types(certificate, "database", "key", "-n", "x", "--out", nowhere / "x.yaml", given="v")
    assert told(out) == ["x.yaml: No such file or directory"]
    assert told(types(certificate, "--from", nowhere)) == ["nowhere: No such file or directory"]
    assert told(types(certificate, "--from", certificate.parent))[0].endswith(": Is a directory")
    assert told(types(nowhere, "database", "key", "-n", "x", given="v")) == ["nowhere: No such file or directory"]
