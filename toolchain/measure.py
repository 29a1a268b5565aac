# SPDX-License-Identifier: Apache-2.0
"""A number that carries its unit and its origin. No table column mixes two origins."""

from dataclasses import dataclass
from enum import StrEnum


class How(StrEnum):
    """Where a number comes from."""

    ESTIMATED = "estimated"  # computed from the Graph and the Plan, nothing compiled
    LINKED = "linked"  # read from the sections and symbols of a linked ELF
    EMULATED = "emulated"  # counted or observed in an emulator
    MEASURED = "measured"  # observed on a real board, or on this host where the name says so
    PUBLISHED = "published"  # what others report of theirs, by their own means


@dataclass(frozen=True)
class Measure:
    """One figure: `Measure("flash", 35210, "B", How.LINKED)`."""

    name: str
    value: float | int
    unit: str
    how: How
