"""Keys and passwords that the state has lost and the cluster still has: put back, before new ones overwrite the last copy."""

from __future__ import annotations

import base64
import copy
import json
import uuid
from typing import TYPE_CHECKING, Any, cast

import bcrypt
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID
from pulumi.dynamic import dynamic

from components.dynamic.key_pair import KeyPairProvider
from components.dynamic.password import PasswordProvider
from idp import naming
from idp.cluster_api import labels
from idp.lifecycle import objects
from idp.lifecycle.findings import Restore
from idp.lifecycle.state import State
from idp.recorder import SECRET_SIGNATURE, SIGNATURE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from idp.cluster_api import ClusterApi
    from idp.plan import Node, Plan

HOLDER = "kubernetes:core/v1:Secret"
KEY_PAIR, PASSWORD = "pulumi-python:dynamic/idp:KeyPair", "pulumi-python:dynamic/idp:Password"
PROVIDERS = {KEY_PAIR: KeyPairProvider, PASSWORD: PasswordProvider}
HIDDEN = {KEY_PAIR: ("private_key",), PASSWORD: ("value", "bcrypt")}
"""Outputs that the state encrypts."""
DYNAMIC = "pulumi:providers:pulumi-python"
HELD = ("password", "admin-password")
"""Where a Secret has a password as it is; Argo CD's has a hash, of which nothing comes back."""


def examine(
    plan: Plan, state: State, api: ClusterApi, owner: naming.Owner, known: Callable[[Node], bool]
) -> Iterator[Restore]:
    """Ask the cluster for the Secrets that are fed by a key or a password which is not in the state.

    Raises:
        ClusterError: it does not answer.
    """
    for node in plan.nodes:
        if node.type not in PROVIDERS or node.urn in state.resources:
            continue
        for secret in plan.of(HOLDER):
            if secret.needs(node) and known(secret) and (found := _found(node, secret, api, owner)):
                yield found
                break


def _found(node: Node, secret: Node, api: ClusterApi, owner: naming.Owner) -> Restore | None:
    """What a Secret of ours has of it."""
    version, kind, name, namespace = objects.identity(secret)
    live = api.find(version, kind, name, namespace)
    if live is None or labels(live).get(naming.STACK_LABEL) != owner.label:
        return None
    encoded: dict[str, str] = live.get("data") or {}
    data = {key: base64.b64decode(value).decode() for key, value in encoded.items()}
    made = _key_pair(node, data) if node.type == KEY_PAIR else _password(data)
    return made and Restore(node=node, id=made[0], outputs=made[1], holder=f"{namespace}/{name}")


def _key_pair(node: Node, data: Mapping[str, str]) -> tuple[str, dict[str, Any]] | None:
    """Its name is the certificate's own: where the program declares another by now, it gets another pair, as ever."""
    try:
        key, pem = data["tls.key"], data["tls.crt"]
        certificate = x509.load_pem_x509_certificate(pem.encode())
        (name,) = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    except (KeyError, ValueError):
        return None
    return certificate.fingerprint(hashes.SHA256()).hex()[:16], {
        "common_name": name.value,
        "authority_for": node.at("authority_for"),
        "private_key": key,
        "certificate": pem,
    }


def _password(data: Mapping[str, str]) -> tuple[str, dict[str, Any]] | None:
    """As if it were born now."""
    value = next((data[key] for key in HELD if data.get(key)), None)
    if value is None:
        return None
    made = PasswordProvider().create({"length": len(value)})
    hashed = bcrypt.hashpw(value.encode(), bcrypt.gensalt()).decode()
    return str(made.id), {**(made.outs or {}), "value": value, "bcrypt": hashed}


def restored(state: State, plan: Plan, found: Iterable[Restore]) -> State:
    """The same state, with these in it as their providers would have made them; the engine encrypts what is marked."""
    changed = copy.deepcopy(dict(state.export))
    resources: list[dict[str, Any]] = changed["deployment"].setdefault("resources", [])
    for one in found:
        provider = next((each for each in resources if each["type"] == DYNAMIC), None)
        if provider is None:
            urn = f"urn:pulumi:{plan.stack}::{plan.project}::{DYNAMIC}::default"
            provider = {"urn": urn, "custom": True, "id": str(uuid.uuid4()), "type": DYNAMIC}
            resources.append(provider)
        resources.append(_resource(one, f"{provider['urn']}::{provider['id']}"))
    return State(changed)


def _resource(one: Restore, provider: str) -> dict[str, Any]:
    hidden, made_by = HIDDEN[one.node.type], PROVIDERS[one.node.type]()
    how = {dynamic.PROVIDER_KEY: _secret(cast("Any", dynamic).serialize_provider(made_by))}
    outputs = {key: _secret(value) if key in hidden else value for key, value in one.outputs.items()}
    return {
        "urn": one.node.urn,
        "custom": True,
        "id": one.id,
        "type": one.node.type,
        "inputs": {**{key: outputs[key] for key in one.node.inputs}, **how},
        "outputs": {**outputs, **how},
        "parent": one.node.parent,
        "provider": provider,
        "additionalSecretOutputs": list(hidden),
    }


def _secret(value: str) -> dict[str, str]:
    return {SIGNATURE: SECRET_SIGNATURE, "plaintext": json.dumps(value)}
