"""The portal in a stack's plan: which one, with what in its hands, and who reaches its database."""

from __future__ import annotations

import json
import re
from ipaddress import IPv4Address, ip_network
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from jsonschema import Draft7Validator
from pydantic import TypeAdapter, ValidationError

from components.database import PREPARE
from idp import recorder
from idp.errors import MistakesError
from idp.plan import SECRET, UNKNOWN
from idp.portal import forms
from idp.portal.entities import SHARD
from idp.words import PUBLIC, Call
from tests.plan.conftest import PROJECT
from tests.plan.examples import EXAMPLES

if TYPE_CHECKING:
    from collections.abc import Callable

    from idp.plan import Plan

PORTAL = "idp:index:Portal"
CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
REPOSITORY = "github:index/repository:Repository"
OWN, THEIRS = EXAMPLES["a portal of our own"], EXAMPLES["a portal with a database of somebody's"]


def values(plan: Plan) -> Any:
    """Of the chart."""
    return plan.one("kubernetes:helm.sh/v3:Release", "backstage").at("values")


def test_a_laptop_has_backstages_own_image_until_ours_is_built() -> None:
    """With guests and the catalog, without what that image cannot do; a warning says so."""
    plan = recorder.record(PROJECT, "dev")
    config = values(plan)["backstage"]["appConfig"]

    assert values(plan)["backstage"]["image"]["repository"] == "backstage/backstage"
    assert values(plan)["backstage"]["image"]["digest"].startswith("sha256:")
    assert config["auth"]["providers"] == {"guest": {"dangerouslyAllowOutsideDevelopment": True}}
    assert "integrations" not in config
    assert any("idp:portal.image" in message for message in plan.messages)


def test_elsewhere_there_is_none_and_a_warning(plan_of: Callable[[str], Plan]) -> None:
    """Guests have no business there."""
    plan = plan_of(EXAMPLES["existing cluster"])

    assert not plan.of(PORTAL)
    assert "backstage" not in plan.outputs["urls"]
    assert any("no portal" in message for message in plan.messages)


def test_a_stack_may_do_without(plan_of: Callable[[str], Plan]) -> None:
    """And is not warned."""
    plan = plan_of(EXAMPLES["no portal"])

    assert not plan.of(PORTAL)
    assert not [message for message in plan.messages if "portal" in message]


def test_our_image_lets_members_in_and_nobody_else(plan_of: Callable[[str], Plan]) -> None:
    """By the OAuth app, with secrets by name only: the config is a ConfigMap."""
    config = values(plan_of(OWN))["backstage"]["appConfig"]

    assert config["platform"]["signIn"] == ["github"]
    assert config["platform"]["reserved"] == ["acme/idp", "acme/idp-gitops"]
    assert set(config["auth"]["providers"]) == {"github"}
    hidden = re.compile(r"(?i)secret|password|token|clientid")
    found = [value for key, value in leaves(config) if hidden.search(key) and isinstance(value, str)]
    assert len(found) == 4
    assert all(re.fullmatch(r"\$\{[A-Z_]+\}", value) for value in found)


def leaves(node: Any, key: str = "") -> list[tuple[str, Any]]:
    """Every value that is not an object or a list, with its key."""
    if isinstance(node, dict):
        return [leaf for name, value in node.items() for leaf in leaves(value, name)]
    if isinstance(node, list):
        return [leaf for value in node for leaf in leaves(value, key)]
    return [(key, node)]


def test_discovery_leaves_declared_services_alone(plan_of: Callable[[str], Plan]) -> None:
    """Their entities come from their entries."""
    config = values(plan_of(OWN))["backstage"]["appConfig"]
    chosen = config["catalog"]["providers"]["github"]["discovered"]["filters"]["repository"]

    assert [name for name in ("rental", "billing", "rental-two", "legacy") if re.match(chosen, name)] == [
        "rental-two",
        "legacy",
    ]


def test_the_catalog_is_in_config_maps_that_the_pod_mounts(plan_of: Callable[[str], Plan]) -> None:
    """All of them, each within its size, each a stream of whole entities; the forms among them."""
    plan = plan_of(OWN)
    maps = [node for node in plan.of(CONFIG_MAP) if node.name.startswith("portal-catalog-")]
    texts = [text for node in maps for text in node.at("data").values()]
    sources = next(v for v in values(plan)["backstage"]["extraVolumes"] if v["name"] == "catalog")["projected"][
        "sources"
    ]

    assert [one["configMap"]["name"] for one in sources] == [node.at("metadata", "name") for node in maps]
    assert all(len(text.encode()) <= SHARD for text in texts)
    found = {(one["kind"], one["metadata"]["name"]) for text in texts for one in yaml.safe_load_all(text)}
    assert {("Component", "rental"), ("Group", "payments"), ("Template", "new-service")} <= found


def test_the_form_takes_an_address_where_validate_does() -> None:
    """On both sides of every border of what is public."""
    form, entry = Draft7Validator(forms.address()), TypeAdapter(Call)
    ends = [end for each in map(ip_network, PUBLIC["0.0.0.0/0"]) for end in (each[0], each[-1])]
    hosts = [IPv4Address(min(max(int(end) + step, 0), 2**32 - 1)) for end in ends for step in (-1, 0, 1)]
    addresses = [
        f"https://{host}{rest}" for host in [*hosts, "10.example", "127.0.0.1.example"] for rest in ("", ":8443", "/v1")
    ]
    addresses += [
        f"http://a.example:{port}"
        for port in (0, 1, 9, 10, 80, 9999, 10000, 65529, 65535, 65536, 65540, 70000, 99999, 100000)
    ]
    addresses += [
        f"https://{host}{rest}"
        for host in (
            "localhost",
            "x.localhost",
            "a.local",
            "*.a.example",
            "a..example",
            "127.1",
            "0x7f.1",
            "256.1.1.1",
            "x y",
            "-a.example",
        )
        for rest in ("", ":8443", "/v1")
    ]
    addresses += ["https://a.example/x.local/", "https://a.example/a b", "https://a.example/?q", "https://a.example/#x"]

    assert [each for each in addresses if form.is_valid(each) is not takes(entry, each)] == []
    assert {form.is_valid(each) for each in addresses} == {True, False}


def takes(entry: TypeAdapter[str], call: str) -> bool:
    """Whether an entry may call that."""
    try:
        return entry.validate_python(call) == call
    except ValidationError:
        return False


def test_docs_are_read_from_the_branch_that_there_is(plan_of: Callable[[str], Plan]) -> None:
    """Scaffolds make `main`; an adopted repository's branch is whatever it is, which Backstage asks for."""
    plan = plan_of(OWN.replace("template: node", "adopted: true", 1))
    maps = [node for node in plan.of(CONFIG_MAP) if node.name.startswith("portal-catalog-")]
    found = [one for node in maps for text in node.at("data").values() for one in yaml.safe_load_all(text)]
    read = {
        one["metadata"]["name"]: one["metadata"]["annotations"]["backstage.io/techdocs-ref"]
        for one in found
        if one["kind"] == "Component"
    }

    assert sorted(read.values()) == [
        "url:https://github.com/acme/billing/tree/main/",
        "url:https://github.com/acme/rental/",
    ]


@pytest.mark.parametrize("topic", ["event--driven", "ends-", "a---b--", "2fast", "money"])
def test_every_tag_is_one_that_backstage_takes(topic: str, plan_of: Callable[[str], Plan]) -> None:
    """It refuses an entity with another one as a whole; the repository has the topic as the entry says it."""
    plan = plan_of(OWN.replace("template: node", f"template: node, topics: [{topic}, a-b]", 1))
    maps = [node for node in plan.of(CONFIG_MAP) if node.name.startswith("portal-catalog-")]
    found = [one for node in maps for text in node.at("data").values() for one in yaml.safe_load_all(text)]
    tags = [tag for one in found for tag in one["metadata"].get("tags", ())]

    assert "a-b" in tags
    assert [tag for tag in tags if len(tag) > 63 or not re.fullmatch(r"[a-z0-9:+#]+(-[a-z0-9:+#]+)*", tag)] == []
    assert topic in [each for node in plan.of(REPOSITORY) for each in node.inputs.get("topics", ())]


def test_its_database_is_reached_by_its_own_pods_alone(plan_of: Callable[[str], Plan]) -> None:
    """Under a generated password."""
    plan = plan_of(OWN)
    policy = plan.one("kubernetes:networking.k8s.io/v1:NetworkPolicy", "portal-database")
    release = plan.one("kubernetes:helm.sh/v3:Release", "backstage")

    (rule,) = policy.at("spec", "ingress")
    assert rule["from"][0]["podSelector"]["matchLabels"]["app.kubernetes.io/name"] == "backstage"
    assert policy.at("spec", "egress") is None
    assert plan.one("kubernetes:core/v1:Secret", "portal-database").at("stringData", "password") in {SECRET, UNKNOWN}
    assert release.needs(plan.one("kubernetes:apps/v1:StatefulSet", "portal-database"))
    assert release.needs(plan.one("kubernetes:core/v1:Secret", "portal-secret"))


def test_its_databases_volume_grows_with_the_config(plan_of: Callable[[str], Plan]) -> None:
    """By a claim of its own: those in a StatefulSet are never changed."""
    plan = plan_of(OWN.replace("'}\n", "', database: {mode: own, size: 5Gi}}\n"))
    claim = plan.one("kubernetes:core/v1:PersistentVolumeClaim", "portal-database")
    database = plan.one("kubernetes:apps/v1:StatefulSet", "portal-database")

    assert claim.at("spec", "resources", "requests", "storage") == "5Gi"
    assert "volumeClaimTemplates" not in database.at("spec")
    assert database.needs(claim)
    assert claim.at("metadata", "name") in str(database.at("spec", "template", "spec", "volumes"))


def test_its_database_takes_the_password_from_the_state_at_each_start(plan_of: Callable[[str], Plan]) -> None:
    """Its volume may be older than the password: `own` again after `external` makes a new one."""
    (database,) = plan_of(OWN).of("kubernetes:apps/v1:StatefulSet")
    pod = database.at("spec", "template", "spec")
    (prepare,), (server,) = pod["initContainers"], pod["containers"]

    assert prepare["command"] == ["sh", "-c", PREPARE]
    assert {key: prepare[key] for key in ("image", "env", "volumeMounts")} == {
        key: server[key] for key in ("image", "env", "volumeMounts")
    }


def test_another_ones_database_is_asked_for_over_tls(plan_of: Callable[[str], Plan]) -> None:
    """And no database is made."""
    plan = plan_of(THEIRS)
    connection = values(plan)["backstage"]["appConfig"]["backend"]["database"]["connection"]

    assert connection["host"] == "db.acme.example"
    assert connection["ssl"] == {"rejectUnauthorized": True}
    assert not plan.of("kubernetes:apps/v1:StatefulSet")


def test_forms_want_a_repository_to_send_to(plan_of: Callable[[str], Plan]) -> None:
    """Before anything is declared."""
    with pytest.raises(MistakesError, match="idp:repository"):
        plan_of(OWN.replace("  idp:repository: acme/idp\n", ""))


def test_a_thousand_services_fit(plan_of: Callable[[str], Plan]) -> None:
    """In several objects, none of which Kubernetes refuses."""
    many = "".join(f"    s{n:04}: {{team: payments, template: node, description: {'d' * 190}}}\n" for n in range(1000))
    head, tail = OWN.split("  idp:repository", 1)
    plan = plan_of(head + many + "  idp:repository" + tail)
    maps = [node for node in plan.of(CONFIG_MAP) if node.name.startswith("portal-catalog-")]

    assert len(maps) > 2
    assert max(len(json.dumps(node.inputs)) for node in maps) < 1024 * 1024
