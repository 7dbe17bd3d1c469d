"""Every object of every kind of stack, as the real API server sees it that knows the pinned charts' kinds: strictly."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from idp.plan import SECRET, UNKNOWN, files
from tests.plan import schemas
from tests.plan.examples import EXAMPLES
from tests.support import apiserver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from idp.plan import Plan

GROUPS = ("argoproj.io", "cert-manager.io", "monitoring.coreos.com", "traefik.io", "bitnami.com")


@pytest.fixture(scope="module")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Of an API server with the CRDs of all pinned charts."""
    server = apiserver.start(tmp_path_factory.mktemp("strict") / "cluster")
    file = server.folder / "kubeconfig"
    file.write_text(server.kubeconfig("there"))
    crds = str(schemas.data() / "crds")
    kubectl(file, "apply", "--server-side", "--recursive", "--filename", crds)
    kubectl(file, "wait", "crd", "--all", "--for=condition=Established", "--timeout=60s")
    yield file
    server.stop()


def kubectl(kubeconfig: Path, *arguments: str, given: str | None = None) -> str:
    done = subprocess.run(
        ["kubectl", "--kubeconfig", kubeconfig, *arguments], input=given, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def declared(plan: Plan) -> list[dict[str, Any]]:
    """The custom resources that the program declares, and those that its GitOps folder holds."""
    own = [dict(node.inputs) for node in plan.nodes if node.type.startswith("kubernetes:") and "Patch" not in node.type]
    committed = [
        document
        for path, text in files.files(plan).items()
        if path.startswith("idp-gitops/clusters/") and path.endswith(".yaml")
        for document in yaml.safe_load_all(text)
    ]
    found = [one for one in (*own, *committed) if one and str(one.get("apiVersion")).partition("/")[0].endswith(GROUPS)]
    return [yaml.safe_load(yaml.safe_dump(plain(one))) for one in found]


def plain(value: Any) -> Any:
    """Without what is known at `up` only: here it counts as any text."""
    if value in (SECRET, UNKNOWN):
        return "known-later"
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_api_server_takes_every_custom_resource_strictly(
    name: str, kubeconfig: Path, plan_of: Callable[[str], Plan]
) -> None:
    """Dry run with validation: an unknown field, or a wrong one, is an error here and silence elsewhere."""
    objects = declared(plan_of(EXAMPLES[name]))
    homes = {one["metadata"]["namespace"] for one in objects if "namespace" in one["metadata"]}
    for home in homes:
        made = yaml.safe_dump({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": home}})
        kubectl(kubeconfig, "apply", "--filename", "-", given=made)

    said = kubectl(
        kubeconfig, "apply", "--server-side", "--dry-run=server", "--validate=strict", "--filename", "-",
        given=yaml.safe_dump_all(objects),
    )  # fmt: skip

    assert len(said.splitlines()) == len(objects) > 5


def test_a_typo_is_refused(kubeconfig: Path, plan_of: Callable[[str], Plan]) -> None:
    """A check that lets everything through would pass all the same."""
    application = next(one for one in declared(plan_of(EXAMPLES["kind, public"])) if one["kind"] == "Application")
    application["spec"]["sorce"] = {}

    with pytest.raises(AssertionError, match="sorce"):
        kubectl(
            kubeconfig, "apply", "--server-side", "--dry-run=server", "--validate=strict", "--filename", "-",
            given=yaml.safe_dump(application),
        )  # fmt: skip
