"""The portal on a real cluster, by the program's own `up` and an image made from portal/, as a person sees it in a browser."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING

import pytest
from github import Auth, Github

from tests.engine.conftest import GITHUB_TOKEN
from tests.kind.conftest import PORTAL_TOKEN
from tests.support.engine import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

    from tests.kind.platform import Platform

pytestmark = pytest.mark.timeout(1200)  # the first makes the image, and is an `up` of everything
CHROMIUM = which("chromium")
ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
ASKS = f"""
set -eu
test -s {ACCOUNT}/token
test -n "$POSTGRES_PASSWORD"
mkdir -p /tmp/asking/docs /tmp/asking/part
cd /tmp/asking
echo '# Ours' > docs/index.md
printf 'site_name: part\\ndocs_dir: {ACCOUNT}\\nnav: [{{Token: token}}]\\n' > part/mkdocs.yml
printf 'site_name: !ENV [POSTGRES_PASSWORD, none]\\nplugins: [techdocs-core]\\n' > mkdocs.yml
mkdocs build -d /tmp/asked
cat /tmp/asked/techdocs_metadata.json
echo "nav: [{{Home: index.md}}, {{Part: '!include ./part/mkdocs.yml'}}]" >> mkdocs.yml
mkdocs build -d /tmp/asked 2>&1 || echo refused
"""
"""Docs that ask for what their pod has, in a shell there."""
SECONDS = 60_000
"""Milliseconds for a page to show something; the first page of a fresh pod is made while its catalog is read."""


@pytest.fixture(scope="module")
def repository(portal: Platform) -> Github:
    """The platform's own repository, with what this stack's project holds."""
    client = Github(base_url=portal.github.api_url, auth=Auth.Token(GITHUB_TOKEN), retry=None)
    made = client.get_organization("acme").create_repo("idp", auto_init=True)
    project = portal.stack.engine.project
    for file in (project / "Pulumi.yaml", project / "Pulumi.dev.yaml", *sorted((project / "services").glob("*.yaml"))):
        made.create_file(str(file.relative_to(project)), f"Add {file.name}", file.read_text())
    return client


@pytest.fixture(scope="module")
def page(portal: Platform, repository: Github) -> Iterator[Page]:
    """A browser on the portal's https address, signed in as a guest."""
    del repository
    if CHROMIUM is None:
        pytest.skip("not here, to look at pages: chromium (Debian: chromium)")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-quic"])
        seen = browser.new_page(ignore_https_errors=True, viewport={"width": 1400, "height": 1000})
        seen.set_default_timeout(SECONDS)
        seen.goto(address(portal))
        seen.get_by_role("button", name="Enter").click()
        seen.get_by_role("link", name="Settings").first.wait_for()
        yield seen
        browser.close()


def address(portal: Platform, path: str = "") -> str:
    """Of the portal, as the stack exports it."""
    return f"https://backstage.idp.localhost:{portal.cluster.ports['https']}{path}"


def shot(page: Page, name: str) -> None:
    """Keep what is seen, where IDP_SCREENSHOTS names a folder for it."""
    if folder := os.environ.get("IDP_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(folder) / f"{name}.png")


def test_its_pods_run_as_the_namespace_asks(portal: Platform) -> None:
    """Backstage and its database, with the program's values, in a namespace of the standard `restricted`."""
    portal.cluster.roll_out("backstage")

    pods = portal.cluster.get("pods", "-n", "backstage")["items"]
    assert {pod["status"]["phase"] for pod in pods} == {"Running"}
    assert sum(s["restartCount"] for pod in pods for s in pod["status"]["containerStatuses"]) == 0


def test_a_guest_sees_the_services_and_their_owners(portal: Platform, page: Page) -> None:
    """The three of the stack, and the team that owns them."""
    page.goto(address(portal, "/catalog?filters%5Bkind%5D=component&filters%5Buser%5D=all"))
    for service in ("rental", "vehicles", "platform"):
        row = page.get_by_role("row").filter(has=page.get_by_role("link", name=service, exact=True))
        row.get_by_role("link", name="mobility").first.wait_for()
    shot(page, "catalog")


def test_a_guest_sees_what_argo_cd_says_of_a_service(portal: Platform, page: Page) -> None:
    """Read from the cluster's API with the rights of the portal's own account."""
    page.goto(address(portal, "/catalog/default/component/rental/argocd"))

    page.get_by_role("link", name="rental-dev").wait_for()
    page.get_by_text("Healthy").first.wait_for()
    shot(page, "argocd")


def test_a_guest_opens_the_docs_of_a_service(portal: Platform, page: Page) -> None:
    """Made from its repository, in the pod, and seen where a browser reaches nothing but the portal."""
    page.goto(address(portal, "/docs/default/component/rental"))

    page.get_by_text("Owned by team mobility").wait_for()  # of docs/index.md; the page around it has the name by itself
    whole = page.locator("[data-testid=techdocs-native-shadowroot] html")
    expect = pytest.importorskip("playwright.sync_api").expect
    expect(whole).to_have_css("opacity", "1", timeout=SECONDS)  # Backstage shows it when all its styles are there
    shot(page, "docs")


def test_docs_get_at_nothing_of_their_pods(portal: Platform) -> None:
    """By the image's own command: neither a variable nor the ServiceAccount's token."""
    said = portal.cluster.kubectl("exec", "deployment/backstage", "-n", "backstage", "--", "sh", "-c", ASKS)

    assert '"site_name": "none"' in said
    assert "serviceaccount is none of the docs' files" in said
    assert said.endswith("refused\n")


def test_a_guest_sends_the_form_and_its_request_is_a_service(
    portal: Platform, page: Page, repository: Github, tmp_path: Path
) -> None:
    """The pull request's file passes `validate`, and its plan has the new service."""
    page.goto(address(portal, "/create/templates/default/new-service"))
    page.get_by_label("Name", exact=False).first.fill("billing")
    for label, choice in (("Team", "mobility"), ("Template", "node")):
        page.get_by_label(label, exact=False).first.click()
        page.get_by_role("option", name=choice).click()
    page.get_by_label("Description", exact=False).first.fill("Bills for rentals")
    page.get_by_role("listbox").wait_for(state="detached")
    shot(page, "form")
    page.get_by_role("button", name="Review").click()
    page.get_by_role("button", name="Create").click()
    page.get_by_role("link", name="Pull request").wait_for()

    (pull,) = repository.get_repo("acme/idp").get_pulls(state="open")
    merged = portal.github.clone("idp", tmp_path / "merged", PORTAL_TOKEN)
    subprocess.run(["git", "-C", str(merged), "checkout", "--quiet", pull.head.ref], check=True)
    for command in (["validate"], ["preview", "--format", "json"]):
        line = [sys.executable, "-m", "idp", *command, "--project", str(merged)]
        done = subprocess.run(line, cwd=PROJECT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    found = {(one["type"], one["name"]) for one in json.loads(done.stdout)["resources"]}
    assert ("github:index/repository:Repository", "billing") in found


def test_a_second_up_changes_nothing(portal: Platform) -> None:
    """What the portal writes is in its database."""
    assert portal.stack.engine.changes("up", "--skip-preview") == {}
