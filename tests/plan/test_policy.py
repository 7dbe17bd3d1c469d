"""The rules for plans: quiet on every kind of stack, and loud where one is broken."""

from __future__ import annotations

import copy
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from idp import policy, recorder
from idp.cli import preview
from tests.plan.examples import EXAMPLES

if TYPE_CHECKING:
    from collections.abc import Callable

    from idp.plan import Node, Plan

PROJECT = Path(__file__).resolve().parents[2]
RELEASE = "kubernetes:helm.sh/v3:Release"
ROLE, BINDING = policy.RBAC + "Role", policy.RBAC + "RoleBinding"
PROJECTS, SET = policy.ARGOCD + "AppProject", policy.ARGOCD + "ApplicationSet"
TEAM, CLOSED = "team-mobility-dev", "team-mobility-dev-default-deny"


@pytest.mark.parametrize("text", EXAMPLES.values(), ids=EXAMPLES.keys())
def test_no_example_breaks_a_rule(text: str, plan_of: Callable[[str], Plan]) -> None:
    """A rule that our own stacks break is none, but for what a free plan of GitHub's does not have."""
    assert {found.rule.id for found in policy.findings(plan_of(text))} <= {"default-branch"}


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_the_committed_stacks_break_no_rule(stack: str) -> None:
    """Nor warn of anything."""
    assert policy.findings(recorder.record(PROJECT, stack)) == []


def kind_with(key: str, value: str) -> Callable[[dict[str, Any]], None]:
    """Another word in Kind's own configuration."""

    def spoil(inputs: dict[str, Any]) -> None:
        inputs["config"] = re.sub(rf"{key}: \S+", f"{key}: {value}", inputs["config"])

    return spoil


def at(*path: str | int, value: Any) -> Callable[[dict[str, Any]], None]:
    """Another value somewhere among the inputs."""

    def spoil(inputs: dict[str, Any]) -> None:
        place: Any = inputs
        for key in path[:-1]:
            place = place.setdefault(key, {}) if isinstance(place, dict) else place[key]
        place[path[-1]] = value

    return spoil


BREACHES = {
    "pod-security, none": ("pod-security", policy.NAMESPACE, f"{TEAM}", at("metadata", "labels", value={})),
    "pod-security, less": (
        "pod-security", policy.NAMESPACE, TEAM, at("metadata", "labels", "pod-security.kubernetes.io/enforce", value="baseline"),
    ),
    "default-deny": ("default-deny", policy.POLICY, CLOSED, at("spec", "policyTypes", value=["Ingress"])),
    "policy-too-wide, no peers": (
        "policy-too-wide", policy.POLICY, "team-mobility-dev-with-platform", at("spec", "ingress", value=[{"ports": []}]),
    ),
    "policy-too-wide, all namespaces": (
        "policy-too-wide", policy.POLICY, "team-mobility-dev-with-platform",
        at("spec", "egress", value=[{"to": [{"namespaceSelector": {}}]}]),
    ),
    "quota": ("quota", "kubernetes:core/v1:ResourceQuota", f"{TEAM}-quota", at("metadata", "namespace", value="x")),
    "limits": ("quota", "kubernetes:core/v1:LimitRange", f"{TEAM}-limits", at("metadata", "namespace", value="x")),
    "service-account-token": (
        "service-account-token", "kubernetes:core/v1:ServiceAccountPatch", f"{TEAM}-default",
        at("automountServiceAccountToken", value=True),
    ),
    "rights, a star": ("rights", ROLE, f"{TEAM}-reader", at("rules", 0, "verbs", value=["*"])),
    "rights, everybody": (
        "rights", BINDING, f"{TEAM}-reader", at("subjects", value=[{"kind": "Group", "name": "system:authenticated"}]),
    ),
    "rights, cluster-admin": ("rights", BINDING, f"{TEAM}-reader", at("roleRef", "name", value="cluster-admin")),
    "secret-in-clear": ("secret-in-clear", policy.SECRET, "gitops-repo-creds", at("stringData", value={"password": "x"})),
    "secret-in-clear, a value": ("secret-in-clear", RELEASE, "argocd", at("values", "configs", "githubToken", value="x")),
    "default-project": ("default-project", policy.ARGOCD + "Application", "rental-dev", at("spec", "project", value="default")),
    "default-project, chosen": (
        "default-project", SET, "gitops-discovery", at("spec", "template", "spec", "project", value="{{ .labels }}"),
    ),
    "project-too-wide, sources": ("project-too-wide", PROJECTS, "gitops-workloads", at("spec", "sourceRepos", value=["*"])),
    "project-too-wide, namespaces": (
        "project-too-wide", PROJECTS, "gitops-workloads", at("spec", "destinations", value=[{"namespace": "*"}]),
    ),
    "project-too-wide, kinds": (
        "project-too-wide", PROJECTS, "gitops-workloads", at("spec", "clusterResourceWhitelist", value=[{"kind": "*"}]),
    ),
    "project-borders": (
        "project-borders", PROJECTS, "team-mobility-project", at("spec", "namespaceResourceBlacklist", value=[]),
    ),
    "discovery-deletes": ("discovery-deletes", SET, "gitops-discovery", at("spec", "syncPolicy", value={})),
    "argocd-settings": ("argocd-settings", RELEASE, "argocd", at("values", "configs", "cm", "exec.enabled", value=True)),
    "traefik-settings": (
        "traefik-settings", RELEASE, "traefik", at("values", "ingressRoute", "dashboard", "enabled", value=True),
    ),
    "tls, old": ("tls", RELEASE, "traefik", at("values", "tlsOptions", "default", "minVersion", value="VersionTLS11")),
    "tls, none": ("tls", RELEASE, "traefik", at("values", "ports", "web", "http", value={})),
    "sealed-secrets-proxier": (
        "sealed-secrets-proxier", RELEASE, "sealed-secrets", at("values", "rbac", value={}),
    ),
    "chart-version": ("chart-version", RELEASE, "traefik", at("version", value="latest")),
    "loopback, ports": ("loopback", policy.KIND, "cluster-kind", kind_with("listenAddress", "0.0.0.0")),  # noqa: S104
    "loopback, API": ("loopback", policy.KIND, "cluster-kind", kind_with("apiServerAddress", "0.0.0.0")),  # noqa: S104
    "image-digest": ("image-digest", policy.KIND, "cluster-kind", kind_with("image", "kindest/node:v1")),
}  # fmt: skip
"""What is spoilt -> the rule that finds it, type and name of the resource, and how it is spoilt."""


@pytest.mark.parametrize("name", BREACHES)
def test_a_breach_is_found(name: str, dev: Plan) -> None:
    """By its own rule, once, and by no other."""
    rule, type_, spoilt, spoil = BREACHES[name]
    node = dev.one(type_, spoilt)
    inputs = copy.deepcopy(dict(node.inputs))
    spoil(inputs)

    found = policy.findings(planted(dev, replace(node, inputs=inputs)))

    assert {each.rule.id for each in found} == {rule}
    assert len(found) == 1 or name.endswith("none")


def planted(plan: Plan, node: Node) -> Plan:
    """A plan with one resource otherwise."""
    return replace(plan, nodes=tuple(node if each.urn == node.urn else each for each in plan.nodes))


def test_a_forgotten_option_is_found(dev: Plan) -> None:
    """A provider, and the option that keeps what is on GitHub."""
    node = dev.one("github:index/repository:Repository", "rental")

    found = policy.findings(planted(dev, replace(node, provider=None, retain_on_delete=False)))

    assert [each.rule.id for each in found] == ["kept-on-github", "provider"]


def test_a_repository_without_rules_is_warned_of(plan_of: Callable[[str], Plan]) -> None:
    """GitHub has none for a private one on a free plan."""
    found = policy.findings(plan_of(EXAMPLES["private, free plan"]))

    assert {(each.rule.id, each.rule.severity) for each in found} == {("default-branch", "warning")}


def test_every_rule_has_a_breach_that_it_finds() -> None:
    """A rule that nothing breaks may be blind."""
    tried = {rule for rule, *_ in BREACHES.values()} | {"provider", "kept-on-github", "default-branch"}

    assert tried == {rule.id for rule in policy.RULES}
    assert len({rule.id for rule in policy.RULES}) == len(policy.RULES)


def test_preview_prints_findings_and_fails_on_errors(
    dev: Plan, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the line that declares it and the way out, after the view."""
    node = dev.one(RELEASE, "traefik")
    inputs = {**node.inputs, "version": "latest"}
    monkeypatch.setattr(recorder, "record", lambda *_: planted(dev, replace(node, inputs=inputs)))

    with pytest.raises(preview.typer.Exit) as ended:
        preview.preview()

    said = capsys.readouterr()
    assert ended.value.exit_code == 1
    assert re.search(
        r"^error: components/\w+\.py:\d+: traefik: installs version `latest` of its chart \(chart-version\); take the chart",
        said.err,
        re.MULTILINE,
    )
    assert "Release" in said.out


def test_the_document_lists_every_rule() -> None:
    """With its severity, in the order of the code."""
    text = (PROJECT / "docs" / "policy.md").read_text()
    listed = re.findall(r"^\| `([\w-]+)` \| (\w+) \| (.*?) \| (.*?) \|$", text, re.MULTILINE)

    assert listed == [(rule.id, rule.severity, rule.reason, rule.remedy) for rule in policy.RULES]


def test_kinds_configuration_is_what_the_rules_read(dev: Plan) -> None:
    """The breaches above edit it as text."""
    config = yaml.safe_load(str(dev.one(policy.KIND).at("config")))

    assert config["networking"]["apiServerAddress"] == "127.0.0.1"
