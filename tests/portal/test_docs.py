"""Docs through the real backend and the image's MkDocs: pages of what their authors wrote, and of nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import venv
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from github import Auth, Github

from idp.portal.entities import entities
from tests.conftest import PROJECT
from tests.portal.stacks import TOKEN, config, ingested, refs, stack_of
from tests.support.github import PERMISSIONS, GitHubServer
from tests.support.portal import PORTAL, Portal, Postgres

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(300)
HOME = "/opt/mkdocs"
"""Where the image has MkDocs."""
ACCOUNT = "token-of-the-serviceaccount"
CORE = "site_name: Ours\nplugins: [techdocs-core]\n"
READ = {
    "readme": {"README.md": "# Ours\n\nA README alone.\n"},
    "folder": {"mkdocs.yml": CORE, "docs/index.md": "# Ours\n\nA folder.\n", "README.md": "Not this.\n"},
    "several": {
        "mkdocs.yml": f"{CORE}nav: [{{Home: index.md}}, {{Part: '!include ./part/mkdocs.yml'}}]\n",
        "docs/index.md": "# Ours\n\nSeveral parts.\n",
        "part/mkdocs.yml": "site_name: part\n",
        "part/docs/index.md": "# Part\n\nAnother part.\n",
    },
}
"""Service -> files of its repository, which make pages."""
ASKED = {
    "a-file-for-plantuml": {
        "mkdocs.yml": CORE + "markdown_extensions: [{plantuml_markdown: {servers: ['@server'], format: txt}}]\n",
        "docs/index.md": '# Ours\n\n```plantuml source="/proc/self/environ"\n```\n',
    },
    "a-server-for-plantuml": {
        "mkdocs.yml": CORE + "markdown_extensions: [{plantuml_markdown: {servers: ['@server'], format: txt}}]\n",
        "docs/index.md": "# Ours\n\n```plantuml\nA -> B\n```\n",
    },
    "an-included-folder": {
        "mkdocs.yml": f"{CORE}nav: [{{Home: index.md}}, {{Part: '!include ./part/mkdocs.yml'}}]\n",
        "docs/index.md": "# Ours\n",
        "part/mkdocs.yml": "site_name: part\ndocs_dir: @outside\nnav: [{Token: token}]\n",
    },
    "a-variable": {"mkdocs.yml": CORE.replace("Ours", "!ENV GITHUB_TOKEN"), "docs/index.md": "# Ours\n"},
    "a-page-elsewhere": {
        "mkdocs.yml": CORE.replace("core]", "core, {redirects: {redirect_maps: {@outside/page.md: 'https://other.example'}}}]"),
        "docs/index.md": "# Ours\n",
    },
}  # fmt: skip
"""Service -> files of its repository, which ask for what is not its own; Backstage takes none of it out."""


class Server(BaseHTTPRequestHandler):
    """Somebody's, who waits for what docs send; `asked` is what came."""

    asked: list[str]

    def do_GET(self) -> None:
        """Remember it."""
        self.asked.append(self.path)
        self.send_response(200)
        self.end_headers()

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def asked() -> Iterator[tuple[str, list[str]]]:
    """An address, and the requests that came there."""
    handler = type("Handler", (Server,), {"asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", handler.asked
    server.shutdown()


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the pod's that is none of the docs'."""
    folder = tmp_path_factory.mktemp("serviceaccount")
    (folder / "token").write_text(ACCOUNT)
    return folder


@pytest.fixture(scope="module")
def mkdocs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The image's MkDocs in a folder of the tests': its packages, and our command in place of theirs."""
    folder = tmp_path_factory.mktemp("mkdocs") / "venv"
    venv.create(folder, with_pip=True)
    pip = [str(folder / "bin" / "pip"), "install", "--quiet", "--requirement", str(PORTAL / "requirements.txt")]
    done = subprocess.run(pip, capture_output=True, text=True, check=False, timeout=200)
    if done.returncode:
        pytest.skip(f"not here, for docs: {done.stderr[-200:]}")
    command = folder / "bin" / "mkdocs"
    shutil.copy(PORTAL / "mkdocs.py", command)
    command.write_text(command.read_text().replace(HOME, str(folder)))
    return command.parent


@pytest.fixture(scope="module")
def portal(
    asked: tuple[str, list[str]],
    outside: Path,
    mkdocs: Path,
    database: Postgres,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Portal]:
    """A portal with a service for each of these repositories."""
    root, home = tmp_path_factory.mktemp("root"), tmp_path_factory.mktemp("portal")
    entries = [f"    {name}: {{team: mobility, adopted: true, description: Docs}}\n" for name in READ | ASKED]
    head, _, _ = (PROJECT / "Pulumi.dev.yaml").read_text().partition("  idp:services:\n")
    shutil.copy(PROJECT / "Pulumi.yaml", root)
    (root / "Pulumi.dev.yaml").write_text(head + "  idp:services:\n" + "".join(entries))
    made = stack_of(root, "dev")
    with GitHubServer(home / "github", organization="acme", tokens={TOKEN: PERMISSIONS}) as github:
        client = Github(auth=Auth.Token(TOKEN), base_url=github.api_url, retry=None, seconds_between_writes=0)
        for name, files in (READ | ASKED).items():
            repository = client.get_organization("acme").create_repo(name, auto_init=False)
            for path, text in files.items():
                filled = text.replace("@server", asked[0]).replace("@outside", str(outside))
                repository.create_file(path, f"Add {path}", filled)
        given = config(home / "catalog", made, database, github.url)
        path = {"PATH": f"{mkdocs}:{os.environ['PATH']}"}
        with Portal(folder=home / "run", config=given, database=database, token=TOKEN, environment=path) as started:
            ingested(started, refs([*entities(made)]))
            yield started


def open_docs(portal: Portal, name: str) -> tuple[str, dict[str, str]]:
    """What is said while a service's docs are made for somebody who opens them, and the files that there are then."""
    token = {"Authorization": f"Bearer {portal.guest()}"}
    _, said = portal.fetch("GET", f"/api/techdocs/sync/default/component/{name}", token)
    folder = portal.folder.with_name("catalog-docs") / "default" / "component" / name
    files = (file for file in folder.rglob("*") if file.is_file())
    return said, {str(file.relative_to(folder)): file.read_text(errors="replace") for file in files}


@pytest.mark.parametrize(
    ("name", "pages"),
    [
        ("readme", {"index.html": "A README alone."}),
        ("folder", {"index.html": "A folder."}),
        ("several", {"index.html": "Several parts.", "part/index.html": "Another part."}),
    ],
)
def test_docs_become_pages(portal: Portal, name: str, pages: dict[str, str]) -> None:
    """Of a folder, of parts that it includes, and of a README where there is nothing else."""
    said, files = open_docs(portal, name)

    assert "event: finish" in said, said
    assert all(text in files[page] for page, text in pages.items())


@pytest.mark.parametrize("name", ASKED)
def test_docs_get_at_nothing_of_the_portals(
    portal: Portal, asked: tuple[str, list[str]], outside: Path, name: str
) -> None:
    """Neither its environment nor its files, neither into a page nor to a server; and they write in no other's folder."""
    asked[1].clear()
    said, files = open_docs(portal, name)

    assert "event: finish" in said or "event: error" in said, said
    assert not [page for page, text in {**files, "log": said}.items() if TOKEN in text or ACCOUNT in text]
    assert asked[1] == []
    assert [file.name for file in outside.iterdir()] == ["token"]


def test_the_image_has_this_command() -> None:
    """In place of the one that its packages bring."""
    lines, (first, *_) = ((PORTAL / name).read_text().splitlines() for name in ("Dockerfile", "mkdocs.py"))
    (ours,) = [number for number, line in enumerate(lines) if line == f"COPY mkdocs.py {HOME}/bin/mkdocs"]
    (theirs,) = [number for number, line in enumerate(lines) if "pip install" in line]

    assert theirs < ours
    assert any(line.startswith("ENV") and f"PATH={HOME}/bin:$PATH" in line for line in lines)
    assert first == f"#!/usr/bin/env -S -i PATH=/usr/bin:/bin HOME=/tmp LANG=C.UTF-8 {HOME}/bin/python -IB"
    assert os.access(PORTAL / "mkdocs.py", os.X_OK)
