"""Plans to assert on: the dev stack's, and those of other kinds of stack."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from idp import recorder

if TYPE_CHECKING:
    from idp.plan import Plan

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def dev() -> Plan:
    """The plan of the committed dev stack."""
    return recorder.record(PROJECT, "dev")
