"""The service's own routes."""

import httpx
import pytest

from service import chaos
from service.config import SERVICE

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """No faults here."""
    monkeypatch.setattr(chaos, "chaos", {"errorRate": 0, "latencyMax": 0})


async def test_the_root_says_which_service_in_which_version_answers(client: httpx.AsyncClient) -> None:
    """One look tells what runs here."""
    assert (await client.get("/")).json() == {"service": SERVICE, "version": "test"}


async def test_the_fleet_is_a_hundred_vehicles_each_at_its_address(client: httpx.AsyncClient) -> None:
    """The same as the one in TypeScript."""
    fleet = (await client.get("/vehicles")).json()

    assert len(fleet) == 100
    assert fleet[7] == (await client.get("/vehicles/7")).json() == {"id": "7", "kind": "scooter"}


@pytest.mark.parametrize("number", ["100", "-1", "07", "one"])
async def test_another_vehicle_is_not_found(number: str, client: httpx.AsyncClient) -> None:
    """Whatever it looks like."""
    response = await client.get(f"/vehicles/{number}")

    assert (response.status_code, response.json()) == (404, {"error": "no such vehicle"})
