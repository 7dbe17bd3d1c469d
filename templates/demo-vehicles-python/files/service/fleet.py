"""The fleet, in memory: a hundred vehicles that are the same after every start."""

from typing import Literal

from pydantic import BaseModel

Kind = Literal["bike", "scooter", "car"]
KINDS: tuple[Kind, ...] = ("bike", "scooter", "car")


class Vehicle(BaseModel):
    """Something to rent."""

    id: str
    kind: Kind


FLEET = {str(number): Vehicle(id=str(number), kind=KINDS[number % len(KINDS)]) for number in range(100)}
