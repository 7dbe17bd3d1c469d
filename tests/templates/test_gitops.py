"""The GitOps repository: Applications that Argo CD takes as they are, within what their project permits."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from idp import versions
from tests.plan import schemas
from tests.templates.gitops_repository import EXAMPLES, TEMPLATE, Repository, repository
from tests.templates.service import succeed, tool, write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PER_NODE = {"otel-agent", "node-exporter"}
NODES = 3
"""Of the local Kind cluster: what runs on each node counts that often."""

ELSEWHERE = (
    "grafana.", "kube-state-metrics.", "prometheus-node-exporter.",
    "alternateConfig.", "podSecurityContext.", "securityContext.",
    "alertmanager.alertmanagerSpec.storage.",
    "prometheus.prometheusSpec.exemplars.", "prometheus.prometheusSpec.otlp.", "prometheus.prometheusSpec.storageSpec.",
)  # fmt: skip
"""Values whose keys a chart's own values.yaml does not list: its sub-charts', the collector's configuration, parts of a
custom resource, contexts that Kubernetes defines."""

RESTRICTED: dict[str, Any] = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


@pytest.fixture(params=EXAMPLES.values(), ids=EXAMPLES.keys())
def made(request: pytest.FixtureRequest) -> Repository:
    return repository(**request.param)


@pytest.fixture(scope="module")
def local() -> Repository:
    return repository()


def deep(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Every mapping in a value, with the keys that lead to it."""
    if isinstance(value, dict):
        yield path, value
    for key, below in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from deep(below, (*path, str(key)))


def test_applications_fit_argo_cds_own_schema(made: Repository) -> None:
    """The API server drops an unknown field without a word."""
    found = {name: schemas.problems(application) for name, application in made.applications.items()}

    assert {name: problems for name, problems in found.items() if problems} == {}


def test_every_application_is_bounded_and_leaves_nothing_behind(made: Repository) -> None:
    """One in another project, or without the finalizer, outlives the stack that asked for it."""
    given = made.answers
    for name, application in made.applications.items():
        assert application["kind"] == "Application"
        assert application["metadata"]["name"] == f"{given['prefix']}{name}"
        assert application["metadata"]["namespace"] == given["argocd_namespace"]
        assert application["metadata"]["labels"] == given["labels"]
        assert application["metadata"]["finalizers"] == ["resources-finalizer.argocd.argoproj.io"]
        assert application["spec"]["project"] == given["projects"]["platform"]
        assert application["spec"]["destination"]["namespace"] in {"observability", "observability-agents"}
        assert application["spec"]["syncPolicy"] == given["sync_policy"]


def test_every_chart_comes_from_where_the_config_says_in_its_pinned_version(made: Repository) -> None:
    """A mirror that one chart does not use is no mirror."""
    known = {chart.name: made.answers["charts"][chart.name] for chart in versions.ADD_ONS}
    sources = [dict(application["spec"]["source"]) for application in made.applications.values()]
    charts = [{key: each[key] for key in each if key != "helm"} for each in sources if "helm" in each]

    assert all(chart in known.values() for chart in charts)
    assert [each for each in sources if "helm" not in each and each["repoURL"] != made.answers["clone_url"]] == []


def test_an_object_has_the_same_name_in_every_stack() -> None:
    """Services, network policies and data sources know each other by these names, whatever the Application's."""
    guest, own = (repository(**EXAMPLES[name]).applications for name in ("a guest of somebody's Argo CD", "kind"))
    charts = [name for name in own if "helm" in own[name]["spec"]["source"]]

    assert {n: guest[n]["spec"]["source"]["helm"] for n in charts} == {
        n: own[n]["spec"]["source"]["helm"] for n in charts
    }


@pytest.mark.parametrize(
    ("answers", "names"),
    [
        pytest.param({"observability": False}, set(), id="none"),
        pytest.param(
            {"metrics_server": False},
            {"kube-prometheus-stack", "loki", "otel-agent", "otel-collector", "platform-monitors", "tempo"},
            id="without metrics-server",
        ),
    ],
)
def test_a_stack_without_add_ons_has_a_folder_all_the_same(answers: dict[str, Any], names: set[str]) -> None:
    """Argo CD calls a path that is not there an error."""
    made = repository(**answers)

    assert set(made.applications) == names
    assert f"{made.folder}/apps/README.md" in made.files


def test_the_readme_is_the_teams_and_a_clusters_folder_the_platforms() -> None:
    """What is managed may be written again; what people wrote may not."""
    policies = {path: TEMPLATE.policy(path) for path in repository().files}

    assert policies["README.md"] == "once"
    assert {policies[path] for path in policies if path.startswith("clusters/")} == {"managed"}


def test_values_are_ones_that_the_chart_knows(made: Repository) -> None:
    """Helm ignores a misspelt value, and the release runs with the default."""
    checked: set[str] = set()
    for name, values in made.values.items():
        source = made.applications[name]["spec"]["source"]
        chart = source.get("chart") or source["repoURL"].rpartition("/")[2]
        if not (schemas.data() / "charts" / chart / "values.yaml").is_file():
            continue
        unknown = [key for key in schemas.unknown_values(values, chart) if not key.startswith(ELSEWHERE)]
        checked.add(chart)

        assert unknown == [], name
    assert not made.values or {"kube-prometheus-stack", "opentelemetry-collector"} <= checked


def test_nothing_is_the_latest_of_anything(made: Repository) -> None:
    """What nobody changed must not change."""
    for path, text in made.files.items():
        assert not re.search(r"\blatest\b", text.decode()), path


def test_every_pod_asks_for_what_it_needs_and_all_fit_a_laptop(local: Repository) -> None:
    """A pod without requests is the first to be thrown out; one without a limit throws out others."""
    asked: dict[str, int] = {}
    for name, values in local.values.items():
        for path, below in deep(values):
            if path and path[-1] == "resources" and "limits" in below:
                assert set(below["requests"]) == {"cpu", "memory"}, path
                assert set(below["limits"]) == {"memory"}, path
                asked[".".join((name, *path))] = int(below["requests"]["memory"].removesuffix("Mi"))
    everywhere = [memory for path, memory in asked.items() if any(agent in path for agent in PER_NODE)]
    sidecars = asked["kube-prometheus-stack.grafana.sidecar.resources"]

    assert len(asked) == 13
    assert sum(asked.values()) + (NODES - 1) * sum(everywhere) + sidecars < 2560


def test_all_but_agents_run_where_the_platform_runs(made: Repository) -> None:
    """Teams' nodes are the teams'."""
    for name, values in made.values.items():
        selectors = [below["nodeSelector"] for _, below in deep(values) if "nodeSelector" in below]

        assert selectors == [made.answers["node_selector"]] * len(selectors)
        assert len(selectors) == {"kube-prometheus-stack": 5, "otel-agent": 0}.get(name, 1)


def test_pods_of_the_platform_could_run_in_a_restricted_namespace(local: Repository) -> None:
    """Where the charts' own defaults do not say so already, these values do."""
    values = local.values
    contexts = (values["tempo"]["tempo"], values["otel-collector"], values["otel-agent"])

    assert all(context["securityContext"].items() >= RESTRICTED.items() for context in contexts)
    assert values["tempo"]["securityContext"]["runAsNonRoot"]
    assert values["otel-collector"]["podSecurityContext"]["runAsNonRoot"]
    assert values["kube-prometheus-stack"]["prometheus-node-exporter"]["namespaceOverride"] == "observability-agents"


def test_what_a_team_puts_into_its_namespace_is_scraped(local: Repository) -> None:
    """The chart's defaults count only what carries its release's label."""
    values = local.values["kube-prometheus-stack"]
    spec = values["prometheus"]["prometheusSpec"]
    selectors = {key for key, value in spec.items() if key.endswith("SelectorNilUsesHelmValues") and value is False}

    assert {key.removesuffix("SelectorNilUsesHelmValues") for key in selectors} == {
        "serviceMonitor", "podMonitor", "probe", "rule", "scrapeConfig",
    }  # fmt: skip
    assert not [key for key in spec if key.endswith("NamespaceSelector")]
    assert values["grafana"]["sidecar"]["dashboards"]["searchNamespace"] == "ALL"


def test_the_control_planes_own_parts_are_not_waited_for(made: Repository) -> None:
    """On Kind they listen to their node alone, elsewhere they are a provider's, and their alerts would never end."""
    values = made.values.get("kube-prometheus-stack", {})
    off = {part for part in values if values[part] == {"enabled": False}}

    assert off == ({"kubeControllerManager", "kubeEtcd", "kubeProxy", "kubeScheduler"} if values else set())
    servers = made.values.get("metrics-server", {"args": []})["args"]
    assert ("--kubelet-insecure-tls" in servers) == (made.answers["kind"] and bool(values))


@pytest.mark.parametrize("ingress_class", ["traefik", "nginx"])
def test_grafana_is_at_its_address_behind_the_ingress_controllers_certificate(ingress_class: str) -> None:
    """A Secret named here would have to be made; annotations of one controller mean nothing to another."""
    grafana = repository(ingress_class=ingress_class).values["kube-prometheus-stack"]["grafana"]

    assert grafana["ingress"]["hosts"] == ["grafana.idp.localhost"]
    assert grafana["ingress"]["tls"] == [{"hosts": ["grafana.idp.localhost"]}]
    assert grafana["ingress"]["ingressClassName"] == ingress_class
    assert ("annotations" in grafana["ingress"]) == (ingress_class == "traefik")
    assert grafana["grafana.ini"]["server"]["root_url"] == "https://grafana.idp.localhost:8843"


def test_nobody_calls_home_and_no_password_is_written(local: Repository) -> None:
    """Neither is missed until somebody looks."""
    values = local.values
    grafana = values["kube-prometheus-stack"]["grafana"]

    assert grafana["admin"]["existingSecret"] == "grafana-admin"
    assert not any({"adminPassword", "password"} & set(below) for _, below in deep(values))
    assert grafana["grafana.ini"]["analytics"] == dict.fromkeys(
        ("reporting_enabled", "check_for_updates", "check_for_plugin_updates", "feedback_links_enabled"), False
    )
    assert grafana["grafana.ini"]["plugins"]["preinstall_disabled"] is True
    assert values["tempo"]["tempo"]["reportingEnabled"] is False
    assert values["loki"]["loki"]["analytics"]["reporting_enabled"] is False


def test_data_sources_link_to_data_sources_that_there_are(local: Repository) -> None:
    """A link to nothing shows no error, and no link."""
    grafana = local.values["kube-prometheus-stack"]["grafana"]
    uids = {"prometheus", *(source["uid"] for source in grafana["additionalDataSources"])}
    below = [*grafana["additionalDataSources"], grafana["sidecar"]["datasources"]]
    links = {each["datasourceUid"] for _, each in deep(below) if "datasourceUid" in each}

    assert links == uids == {"prometheus", "tempo", "loki"}


def test_monitors_and_rules_fit_their_own_schemas(made: Repository) -> None:
    """A monitor with an unknown field scrapes something else, or nothing."""
    if not made.answers["observability"]:
        assert not [path for path in made.files if "/manifests/" in path]
        return
    monitors, rules = made.manifests("monitors"), made.manifests("rules")

    assert len(monitors) == 5
    assert [problem for each in (*monitors, *rules) for problem in schemas.problems(each)] == []


def test_kustomize_builds_what_has_no_chart(local: Repository, tmp_path: Path) -> None:
    """In one namespace, labelled, the dashboard where Grafana looks for it."""
    program = tool("kustomize", "kubectl")
    folder = write(local, tmp_path) / local.folder / "manifests/platform-monitors"  # type: ignore[arg-type]
    built = succeed(program, "build" if program.endswith("kustomize") else "kustomize", ".", cwd=folder)
    objects = list(yaml.safe_load_all(built))
    (dashboard,) = (each for each in objects if each["kind"] == "ConfigMap")

    assert {each["metadata"]["namespace"] for each in objects} == {"observability"}
    assert all(each["metadata"]["labels"].items() >= local.answers["labels"].items() for each in objects)
    assert dashboard["metadata"]["name"] == "dashboard-platform"
    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert json.loads(dashboard["data"]["platform.json"]) == local.dashboard


def test_the_dashboards_panels_do_not_lie_on_each_other(local: Repository) -> None:
    """Grafana would move them about."""
    taken: set[tuple[int, int]] = set()
    for panel in local.dashboard["panels"]:
        grid = panel["gridPos"]
        cells = {
            (x, y) for x in range(grid["x"], grid["x"] + grid["w"]) for y in range(grid["y"], grid["y"] + grid["h"])
        }

        assert not cells & taken, panel["title"]
        assert grid["x"] + grid["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in local.dashboard["panels"]}) == len(local.dashboard["panels"])


def expressions(made: Repository) -> list[str]:
    """What the dashboard and the links between data sources ask of Prometheus, without Grafana's variables."""
    panels = [target["expr"] for panel in made.dashboard["panels"] for target in panel.get("targets", [])]
    sources = made.values["kube-prometheus-stack"]["grafana"]["additionalDataSources"]
    links = [q["query"] for source in sources for q in source["jsonData"].get("tracesToMetrics", {}).get("queries", [])]
    variables = {"$$__tags": "", "$__rate_interval": "5m", "$service": ".*"}
    return [re.sub("|".join(map(re.escape, variables)), lambda m: variables[m[0]], text) for text in (*panels, *links)]


def test_every_query_is_one_that_prometheus_reads(local: Repository, tmp_path: Path) -> None:
    """A panel with a mistake stays empty, an alert with one never comes."""
    promtool = tool("promtool")
    (rules,) = local.manifests("rules")
    asked = [{"record": f"asked:{index}", "expr": text} for index, text in enumerate(expressions(local))]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules["spec"]))
    (tmp_path / "asked.yaml").write_text(yaml.safe_dump({"groups": [{"name": "asked", "rules": asked}]}))

    assert len(asked) == 10
    succeed(promtool, "check", "rules", "rules.yaml", "asked.yaml", cwd=tmp_path)


APPLICATION = 'argocd_app_info{name="rental-dev", dest_namespace="mobility-dev", '
CERTIFICATE = '{name="wildcard", exported_namespace="traefik"'
TRAEFIK = 'traefik_service_requests_total{service="rental-dev-http@kubernetes", '


@pytest.mark.parametrize(
    ("series", "alerts"),
    [
        pytest.param(
            {APPLICATION + 'sync_status="OutOfSync", health_status="Healthy"}': "1x60"},
            {"ApplicationNotSynced"},
            id="not synced",
        ),
        pytest.param(
            {APPLICATION + 'sync_status="Synced", health_status="Degraded"}': "1x60"},
            {"ApplicationUnhealthy"},
            id="degraded",
        ),
        pytest.param({APPLICATION + 'sync_status="Synced", health_status="Healthy"}': "1x60"}, set(), id="well"),
        pytest.param({}, {"ArgoCDNotScraped"}, id="Argo CD not scraped"),
        pytest.param(
            {f'certmanager_certificate_ready_status{CERTIFICATE}, condition="True"}}': "0x60"},
            {"CertificateNotReady"},
            id="certificate not ready",
        ),
        pytest.param(
            {f"certmanager_certificate_expiration_timestamp_seconds{CERTIFICATE}}}": "86400x120"},
            {"CertificateExpires"},
            id="expires",
        ),
        pytest.param(
            {'sealed_secrets_controller_unseal_errors_total{reason="unseal"}': "0+1x60"},
            {"SealedSecretDoesNotOpen"},
            id="does not open",
        ),
        pytest.param(
            {TRAEFIK + 'code="200"}': "0+60x60", TRAEFIK + 'code="502"}': "0+6x60"}, {"ServiceFails"}, id="9 % fail"
        ),
        pytest.param({TRAEFIK + 'code="200"}': "0+60x60", TRAEFIK + 'code="502"}': "0+2x60"}, set(), id="3 % fail"),
        pytest.param({TRAEFIK + 'code="502"}': "0+1x60"}, set(), id="hardly a request"),
        pytest.param(
            {'otelcol_exporter_send_failed_spans_total{namespace="observability", pod="otel-collector-1"}': "0+1x60"},
            {"TelemetryLost"},
            id="spans lost",
        ),
    ],
)
def test_an_alert_comes_when_it_should_and_not_before(
    local: Repository, tmp_path: Path, series: dict[str, str], alerts: set[str]
) -> None:
    """Prometheus' own evaluation, over an hour and a half."""
    promtool = tool("promtool")
    (rules,) = local.manifests("rules")
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules["spec"]))
    names = {rule["alert"] for group in rules["spec"]["groups"] for rule in group["rules"] if "alert" in rule}
    silent = {APPLICATION + 'sync_status="Synced", health_status="Healthy"}': "1x120"}
    given = series if not series or any(each.startswith("argocd") for each in series) else silent | series
    now = "90m" if "CertificateExpires" in alerts else "50m"
    expected = [{"eval_time": now, "alertname": name, "exp_alerts": []} for name in names - alerts]
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in given.items()],
        "alert_rule_test": expected,
        "promql_expr_test": [
            {
                "expr": f'count by (alertname) (ALERTS{{alertname="{name}", alertstate="firing"}})',
                "eval_time": now,
                "exp_samples": [{"labels": f'{{alertname="{name}"}}', "value": 1}],
            }
            for name in alerts
        ],
    }
    (tmp_path / "test.yaml").write_text(yaml.safe_dump({"rule_files": ["rules.yaml"], "tests": [test]}))

    succeed(promtool, "test", "rules", "test.yaml", cwd=tmp_path)
