"""What catalog-info.yaml says of a service is what Backstage's own validators take, of every template."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.support.portal import PORTAL, node
from tests.templates.service import AWKWARD, LONGEST, SHORTEST, answers, rendered, toolchain

if TYPE_CHECKING:
    from pathlib import Path

VALIDATE = """
import { componentEntityV1alpha1Validator, DefaultNamespaceEntityPolicy, EntityPolicies, FieldFormatEntityPolicy,
  NoForeignRootFieldsEntityPolicy, SchemaValidEntityPolicy } from "@backstage/catalog-model";
const policy = EntityPolicies.allOf([new SchemaValidEntityPolicy(), new DefaultNamespaceEntityPolicy(),
  new NoForeignRootFieldsEntityPolicy(), new FieldFormatEntityPolicy()]);
let text = "";
for await (const part of process.stdin) text += part;
const said = [];
for (const entity of JSON.parse(text)) {
  try {
    said.push((await componentEntityV1alpha1Validator.check(await policy.enforce(entity))) ? "" : "no Component");
  } catch (error) {
    said.push(error.message);
  }
}
console.log(JSON.stringify(said));
"""
"""As the catalog's own processor asks; one line for each entity, which is empty where it is taken."""


def validated(entities: list[Any]) -> list[str]:
    """What Backstage says to each; the test is skipped without it."""
    program = node()
    if not program or not (PORTAL / "node_modules/@backstage/catalog-model").exists():
        pytest.skip("Backstage's packages are not in portal/node_modules; run tests/support/prepare-portal")
    done = subprocess.run(
        [str(program), "--input-type=module", "--eval", VALIDATE], cwd=PORTAL, input=json.dumps(entities), text=True,
        capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def component(template: str, service: str = "rental-2", **others: object) -> dict[str, Any]:
    return yaml.safe_load(rendered(template, service, **others).files["catalog-info.yaml"])


def test_backstage_takes_a_service_of_any_name(template: str) -> None:
    """And would say what it does not take."""
    edges = [
        component(template, SHORTEST, description="-"),
        component(template, "on", team="no", description=AWKWARD),
        component(template, LONGEST, team="a" * 30, description="x" * 200, calls=["no", LONGEST[1:], "e1"]),
    ]
    wrong = [
        component(template, "under_score_", calls=[]) | {"spec": {"type": "service"}},
        component(template) | {"metadata": {"name": "a/b"}},
        component(template) | {"kind": "Service"},
    ]

    said = validated([*edges, *wrong])

    assert said[:3] == ["", "", ""]
    assert all(said[3:]), said


def test_it_says_whose_the_service_is_and_where_things_are(template: str) -> None:
    """By the annotations that the portal's plugins look for."""
    made, given = component(template, calls=["vehicles"]), answers(template, "rental-2")
    noted = made["metadata"]["annotations"]

    assert made["spec"] == {
        "type": "service", "lifecycle": "production", "owner": "group:default/mobility", "system": "idp",
        "dependsOn": ["component:default/vehicles"],
    }  # fmt: skip
    assert made["metadata"]["tags"] == list(toolchain(template).tags)
    assert noted["github.com/project-slug"] == "acme/rental-2"
    assert (
        noted["argocd/app-selector"]
        == noted["backstage.io/kubernetes-label-selector"]
        == "app.kubernetes.io/name=rental-2"
    )
    assert noted["backstage.io/kubernetes-id"] == "rental-2"
    assert all(link["url"].startswith(given["repository_url"]) for link in made["metadata"]["links"])


def test_its_pages_are_where_it_says(template: str, tmp_path: Path) -> None:
    """The portal renders docs/ by mkdocs.yml, and a link leads to one of its pages."""
    made, files = component(template), rendered(template, "rental-2").files
    linked = [link["url"] for link in made["metadata"]["links"] if "/blob/main/" in link["url"]]

    assert made["metadata"]["annotations"]["backstage.io/techdocs-ref"] == "dir:."
    assert yaml.safe_load(files["mkdocs.yml"])["plugins"] == ["techdocs-core"]
    assert linked
    assert all(url.partition("/blob/main/")[2] in files for url in linked)
