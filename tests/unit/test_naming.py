"""Names: what a rule accepts keeps every limit of every name that is made from it."""

# ruff: noqa: E501  a table
from __future__ import annotations

import re

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp import naming
from idp.naming import ENVIRONMENT, SERVICE, TEAM, GitHubAddress, NameRule

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
"""RFC 1123, as Kubernetes asks of namespaces, Services and label values."""
TOPIC = re.compile(r"[a-z0-9][a-z0-9-]{0,49}")
"""GitHub's rule for topics."""
RULES = [SERVICE, TEAM, ENVIRONMENT, naming.CLUSTER]


def names(rule: NameRule) -> st.SearchStrategy[str]:
    return st.from_regex(rule.pattern, fullmatch=True).map(str.strip) | st.just("a" * rule.longest)


@given(service=names(SERVICE), team=names(TEAM), environment=names(ENVIRONMENT))
def test_names_made_from_names_keep_every_limit(service: str, team: str, environment: str) -> None:
    """The longest of each together still fits."""
    made = [
        naming.application(service, environment),
        naming.team_namespace(team, environment),
        naming.discovered_namespace(environment),
        naming.team_project(team),
        service,
        environment,
    ]

    assert [name for name in made if not LABEL.fullmatch(name)] == []
    assert TOPIC.fullmatch(naming.team_topic(team))
    assert re.fullmatch(r"[-a-zA-Z0-9_.]{1,100}", service)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.kind)
@given(text=st.text(max_size=60) | st.from_regex(r"[A-Za-z0-9 _-]{1,60}", fullmatch=True))
def test_what_an_error_suggests_would_be_accepted(rule: NameRule, text: str) -> None:
    """A suggestion that is refused in turn would be a bad joke."""
    mistake = rule.mistake(text)

    if mistake and "; try `" in mistake:
        assert rule.mistake(mistake.rpartition("; try `")[2].rstrip("`")) is None


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.kind)
@given(text=st.from_regex(r"[a-zA-Z0-9-]{0,60}", fullmatch=True))
def test_a_rule_means_the_same_to_an_editor(rule: NameRule, text: str) -> None:
    """Editors read the pattern in JSON Schema, and Argo CD the service's in Go."""
    accepted = jsonschema.Draft202012Validator({"type": "string", "pattern": rule.pattern}).is_valid(text)

    assert accepted == (rule.mistake(text) is None)


@pytest.mark.parametrize(
    ("text", "better"),
    [
        pytest.param("Rental-Two", "rental-two", id="capitals"),
        pytest.param("rentalService", "rental-service", id="camel case"),
        pytest.param("rental_service v2", "rental-service-v2", id="other characters"),
        pytest.param("2rental", "rental", id="a digit first"),
        pytest.param("-rental-", "rental", id="hyphens at the ends"),
        pytest.param("42", "", id="nothing to save"),
    ],
)
def test_a_slug_is_the_nearest_name(text: str, better: str) -> None:
    """It is what a person would have typed next."""
    assert naming.slug(text) == better


@pytest.mark.parametrize(
    ("base_url", "api", "provider", "clone"),
    [
        pytest.param("", "https://api.github.com", "https://api.github.com/", "https://github.com/o/r.git", id="nothing"),
        pytest.param("https://api.github.com/", "https://api.github.com", "https://api.github.com/", "https://github.com/o/r.git", id="the provider's default"),
        pytest.param("https://github.com", "https://api.github.com", "https://api.github.com/", "https://github.com/o/r.git", id="the site"),
        pytest.param("https://ghe.example.com", "https://ghe.example.com/api/v3", "https://ghe.example.com/", "https://ghe.example.com/o/r.git", id="enterprise"),
        pytest.param("https://ghe.example.com/", "https://ghe.example.com/api/v3", "https://ghe.example.com/", "https://ghe.example.com/o/r.git", id="with a slash"),
        pytest.param("https://ghe.example.com/api/v3/", "https://ghe.example.com/api/v3", "https://ghe.example.com/", "https://ghe.example.com/o/r.git", id="with the API's path"),
        pytest.param("http://127.0.0.1:8080/", "http://127.0.0.1:8080/api/v3", "http://127.0.0.1:8080/", "http://127.0.0.1:8080/o/r.git", id="a port"),
    ],
)  # fmt: skip
def test_one_address_serves_provider_scaffold_and_argo_cd(base_url: str, api: str, provider: str, clone: str) -> None:
    """GITHUB_BASE_URL is read once, as the provider reads it."""
    address = GitHubAddress.of(base_url)

    assert (address.api, address.provider_url, address.clone("o", "r")) == (api, provider, clone)


@pytest.mark.parametrize(
    "text", ["ghe.example.com", "ghe.example.com:8443", "//ghe.example.com", "https://", "ssh://ghe.example.com"]
)
def test_what_is_no_address_is_not_taken_for_github(text: str) -> None:
    """The token would go there."""
    with pytest.raises(ValueError, match=r"is no address; write https://"):
        GitHubAddress.of(text)


def test_an_https_address_leaves_out_its_own_port() -> None:
    """As browsers write it; Argo CD compares its address with the browser's."""
    assert naming.Addresses(domain="idp.localhost").url("argocd.idp.localhost") == "https://argocd.idp.localhost"
    assert (
        naming.Addresses(domain="idp.localhost", port=8843).url("argocd.idp.localhost")
        == "https://argocd.idp.localhost:8843"
    )
