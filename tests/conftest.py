"""What every kind of test may ask for."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from xdist.scheduler.loadscope import LoadScopeScheduling

from idp import recorder
from idp.settings import SECRETS

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from _pytest.terminal import TerminalReporter

    from idp.plan import Plan

PROJECT = Path(__file__).resolve().parents[1]
STACK = """config:
  idp:organization: acme
  idp:visibility: public
  idp:local: true
  idp:cluster: {mode: kind, name: acme-dev, workers: 2, httpPort: 8880, httpsPort: 8843}
  idp:teams: {mobility: {github: mobility, members: [ada, grace]}}
  idp:services:
    rental: {team: mobility, template: node, description: Rents vehicles}
"""
KILLED = "test_killed"
"""The module whose tests take half a minute each."""

os.environ["PULUMI_ERROR_OUTPUT_STRING"] = "1"  # text made from an Output is an error, and not a text about the error
os.environ["KUBECACHEDIR"] = str(
    Path(tempfile.gettempdir()) / "idp-tests-kubectl"
)  # every cluster of a test is a new one


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first, so that no worker is left with them at the end."""
    items.sort(key=lambda item: ("kind" not in item.path.parts, item.path.stem != KILLED))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """What several workers share out."""
    return Scheduling(config, log)


class Scheduling(LoadScopeScheduling):
    """Whole modules, as their tests follow each other like chapters.

    Real clusters are made one after the other: three at once do not come up on two cores. Killed runs have nothing in common.
    """

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.partition("::")[0]
        if "/kind/" in module:
            return "kind"
        return nodeid if module.endswith(f"/{KILLED}.py") else module


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """What this machine lacks for some of the tests: a line a reason, and not one a test."""
    reasons = Counter(
        report.longrepr[2].removeprefix("Skipped: ") for report in terminalreporter.stats.get("skipped", ())
    )
    for reason, number in sorted(reasons.items()):
        terminalreporter.write_line(f"skipped {number}: {reason}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where everything is there that tests need, as in CI, a skipped test is a failed one."""
    report = yield
    if report.skipped and os.environ.get("IDP_TESTS_MUST_RUN"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome, report.longrepr = "failed", f"{reason}: IDP_TESTS_MUST_RUN is set"
    return report


@pytest.fixture(autouse=True)
def _no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """The developer's own tokens and addresses play no part."""
    for name in (*SECRETS.values(), "GITHUB_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with this project's Pulumi.yaml, and a dev stack that needs no other file, to change and to plan."""
    shutil.copy(PROJECT / "Pulumi.yaml", tmp_path)
    (tmp_path / "services").mkdir()
    (tmp_path / "Pulumi.dev.yaml").write_text(STACK)
    return tmp_path


@pytest.fixture
def plan_of(project: Path) -> Callable[[str], Plan]:
    """The plan of a stack file's text."""

    def planned(text: str) -> Plan:
        (project / "Pulumi.dev.yaml").write_text(text)
        return recorder.record(project, "dev")

    return planned
