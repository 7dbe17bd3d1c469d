"""The pinned charts' CRDs and values, for checking what the plan sends to them."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[2]
ANYWHERE = {"nodeSelector", "resources", "annotations"}
"""Values under which every chart takes any key."""
FREE_FORM = {
    "cert-manager": {f"{part}podDisruptionBudget" for part in ("", "webhook.", "cainjector.")},  # its schema is strict
    "sealed-secrets": {"containerSecurityContext"},
    "backstage": {
        f"backstage.{key}"
        for key in (
            "appConfig",
            "podAnnotations",
            "strategy",
            "podSecurityContext",
            "containerSecurityContext",
            "startupProbe",
            "readinessProbe",
            "livenessProbe",
        )
    },
    "argo-cd": {"configs.cm", "configs.params", "configs.rbac"},
    "traefik": {"tlsOptions", "tlsStore", "ports.web.http.redirections.entryPoint"},
}
"""Chart -> further values of that sort."""


def data() -> Path:
    """The folder with `crds/` and `charts/` of the pinned charts; the test skips where there is none."""
    folder = Path(os.environ.get("IDP_CHART_DATA") or PROJECT.parent / "shared" / "data")
    if not (folder / "crds").is_dir():
        pytest.skip("no CRDs and charts to check against; IDP_CHART_DATA names a folder with `crds/` and `charts/`")
    return folder


@cache
def schema(group_version: str, kind: str) -> dict[str, Any]:
    """The schema of a custom resource, made strict."""
    for file in sorted(data().glob("crds/*/*.yaml")):
        for crd in filter(None, yaml.load_all(file.read_text(), yaml.CSafeLoader)):
            if crd["spec"]["names"]["kind"] != kind:
                continue
            for version in crd["spec"]["versions"]:
                if f"{crd['spec']['group']}/{version['name']}" == group_version:
                    return strict(version["schema"]["openAPIV3Schema"])
    raise LookupError(f"no CRD for {group_version} {kind}")


def strict(node: Any) -> Any:
    """As shipped, a schema lets unknown keys through; the API server would drop them without a word."""
    if isinstance(node, list):
        return [strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    made = {key: strict(value) for key, value in node.items()}
    closed = "properties" in node and "additionalProperties" not in node
    if closed and not node.get("x-kubernetes-preserve-unknown-fields"):
        made["additionalProperties"] = False
    return made


def problems(inputs: dict[str, Any]) -> list[str]:
    """What the CRD has against an object."""
    found = jsonschema.Draft202012Validator(schema(inputs["apiVersion"], inputs["kind"]))
    document = {**inputs, "metadata": {}}
    return [f"{error.json_path}: {error.message}" for error in found.iter_errors(document)]


def refused_values(values: dict[str, Any], chart: str) -> list[str]:
    """What the chart's own schema has against them, where it has one."""
    file = data() / "charts" / chart / "values.schema.json"
    if not file.exists():
        return []
    found = jsonschema.Draft7Validator(json.loads(file.read_text())).iter_errors(values)
    return [f"{error.json_path}: {error.message}" for error in found]


def unknown_values(values: dict[str, Any], chart: str) -> list[str]:
    """Keys that the chart's values.yaml does not know."""
    known = yaml.load((data() / "charts" / chart / "values.yaml").read_text(), yaml.CSafeLoader)
    return list(_unknown(values, known, "", FREE_FORM.get(chart, set())))


def _unknown(values: Any, known: Any, path: str, free: set[str]) -> Any:
    if not isinstance(values, dict):
        return
    for key, value in values.items():
        if key not in (known or {}):
            yield f"{path}{key}"
        elif key not in ANYWHERE and f"{path}{key}" not in free:
            yield from _unknown(value, known[key], f"{path}{key}.", free)
