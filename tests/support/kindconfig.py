"""Kind's config, v1alpha4: read and checked as Kind does, in its words; the fields carry the names that Go gives their types.

Beside the script `kind`, which runs with whatever interpreter has PyYAML.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

Json = dict[str, Any]

NAME = re.compile(r"[a-z0-9.-]+")
HIGHEST_PORT = 65535

FIELDS = {
    "v1alpha4.Cluster": "kind=string apiVersion=string name=string nodes=[]v1alpha4.Node networking=v1alpha4.Networking"
    " featureGates=map[string]bool runtimeConfig=map[string]string kubeadmConfigPatches=[]string"
    " kubeadmConfigPatchesJSON6902=[]v1alpha4.PatchJSON6902"
    " containerdConfigPatches=[]string containerdConfigPatchesJSON6902=[]string",
    "v1alpha4.Networking": "ipFamily=string apiServerPort=int32 apiServerAddress=string podSubnet=string"
    " serviceSubnet=string disableDefaultCNI=bool kubeProxyMode=string dnsSearch=[]string",
    "v1alpha4.Node": "role=string image=string labels=map[string]string extraMounts=[]v1alpha4.MountAlias"
    " extraPortMappings=[]v1alpha4.PortMappingAlias kubeadmConfigPatches=[]string"
    " kubeadmConfigPatchesJSON6902=[]v1alpha4.PatchJSON6902",
    "v1alpha4.PatchJSON6902": "group=string version=string kind=string patch=string",
    "v1alpha4.MountAlias": "containerPath=string hostPath=string readOnly=bool selinuxRelabel=bool propagation=string",
    "v1alpha4.PortMappingAlias": "containerPort=int32 hostPort=int32 listenAddress=string protocol=string",
}
TYPES = {name: dict(field.split("=") for field in fields.split()) for name, fields in FIELDS.items()}


class KindError(Exception):
    """What the user reads after `ERROR: `; the exit code is always 1."""


def load_config(raw: str) -> Json:
    """Return what a config says, or refuse in kind's words its syntax, header, fields or types."""
    try:
        root = next(yaml.compose_all(raw, yaml.SafeLoader), None)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        found = f"yaml: line {line}: {error.problem}"
        raise KindError(f"could not determine kind / apiVersion for config: {found}") from error

    header = {key.value: value.value for key, value in root.value} if isinstance(root, yaml.MappingNode) else {}
    version = header.get("apiVersion", "")
    if version != "kind.x-k8s.io/v1alpha4":
        raise KindError(f"unknown apiVersion: {version}")
    if header.get("kind") != "Cluster":
        raise KindError(f"unknown kind {header.get('kind', '')} for apiVersion: {version}")
    errors: list[str] = []
    config = decode(root, "v1alpha4.Cluster", errors)
    if errors:
        raise KindError("\n  ".join(["unable to decode config: yaml: unmarshal errors:", *errors]))
    return config


def decode(node: yaml.Node, kind: str, errors: list[str]) -> Any:
    """Return a node's value as Go's `kind`; what does not fit is said in `errors`."""
    tag = node.tag.rpartition(":")[2]
    shown = f" `{node.value}`" if isinstance(node, yaml.ScalarNode) else ""
    if tag == "null":
        return None
    if isinstance(node, yaml.SequenceNode) and kind.startswith("[]"):
        return [decode(item, kind[2:], errors) for item in node.value]
    if isinstance(node, yaml.MappingNode) and (kind in TYPES or kind.startswith("map")):
        return decode_mapping(node, kind, errors)
    if shown and kind == "string":
        return node.value
    if (kind, tag) in {("bool", "bool"), ("int32", "int")}:
        return yaml.safe_load(node.value)
    errors.append(f"line {node.start_mark.line + 1}: cannot unmarshal !!{tag}{shown} into {kind.replace('Alias', '')}")
    return None


def decode_mapping(node: yaml.MappingNode, kind: str, errors: list[str]) -> Json:
    """Return a mapping whose keys are each known, and there once; a null is as good as no value."""
    result: Json = {}
    lines: dict[str, int] = {}
    for key, value in node.value:
        name, line = str(key.value), key.start_mark.line + 1
        inner = TYPES[kind].get(name) if kind in TYPES else kind.partition("]")[2]
        if name in lines:
            errors.append(f'line {line}: mapping key "{name}" already defined at line {lines[name]}')
        elif inner is None:
            errors.append(f"line {line}: field {name} not found in type {kind}")
        elif (decoded := decode(value, inner, errors)) is not None:
            result[name] = decoded
        lines[name] = line

    protocol, propagation = str(result.get("protocol") or "TCP").upper(), result.get("propagation") or "None"
    if protocol not in {"TCP", "UDP", "SCTP"}:
        raise KindError(f'unable to decode config: Unknown PortMappingProtocol: "{protocol}"')
    if propagation not in {"None", "HostToContainer", "Bidirectional"}:
        raise KindError(f'unable to decode config: Unknown MountPropagation: "{propagation}"')
    return result


def mistakes(config: Json) -> list[str]:
    """Return what is wrong with a config's values, in kind's words and order."""
    found: list[str] = []
    if not NAME.fullmatch(config["name"]):
        found.append(f"'{config['name']}' is not a valid cluster name, cluster names must match `^[a-z0-9.-]+$`")
    api = config.get("networking", {}).get("apiServerPort", 0)
    if not -1 <= api <= HIGHEST_PORT:
        found.append(f"invalid apiServerPort: invalid port number: {api}")
    for number, node in enumerate(config["nodes"]):
        wrong = [] if node["role"] in {"control-plane", "worker"} else [f'"{node["role"]}" is not a valid node role']
        for port in node.get("extraPortMappings", []):
            sides = [(side, port.get(side, 0)) for side in ("hostPort", "containerPort")]
            wrong += [
                f"invalid {side}: invalid port number: {at}" for side, at in sides if not -1 <= at <= HIGHEST_PORT
            ]
        if wrong:
            found.append(f"invalid configuration for node {number}: {aggregate(wrong)}")
    if not any(node["role"] == "control-plane" for node in config["nodes"]):
        found.append("must have at least one control-plane node")
    return found


def aggregate(errors: list[str]) -> str:
    """Return errors as kind joins them."""
    return errors[0] if len(errors) == 1 else f"[{', '.join(errors)}]"
