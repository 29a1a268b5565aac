# SPDX-License-Identifier: Apache-2.0
"""Sizes: what a firmware is made of, each part twice: as computed from Graph and Plan, and as the linker placed it.

    flash   code | constants | weights | initial values of .data
    RAM     arena | stack | rest

Estimated figures need no compiler, so only the parts that Graph and Plan determine have one: weights and arena.
These two must agree to the byte with the linked ones. `weights` are the model's weights, biases and requantisation
tables; `constants` is everything else that is read-only and not code.
"""

from dataclasses import dataclass
from enum import StrEnum

from toolchain.measure import How, Measure


class Region(StrEnum):
    """Kind of memory a part takes space in."""

    FLASH = "flash"
    RAM = "RAM"


@dataclass(frozen=True)
class Part:
    """One part of a firmware. None where nobody knows: no estimate exists, or nothing was linked."""

    name: str
    region: Region
    estimated: int | None
    linked: int | None
    meaning: str


@dataclass(frozen=True)
class Sizes:
    """The parts of one firmware; those of a region add up to all the bytes that it takes there."""

    parts: tuple[Part, ...]

    def part(self, name: str) -> Part:
        """The part of that name. Raises KeyError."""
        for part in self.parts:
            if part.name == name:
                return part
        raise KeyError(name)

    def linked_bytes(self, region: Region) -> int | None:
        """Bytes of the linked firmware in `region`; None where nothing was linked."""
        found = [part.linked for part in self.parts if part.region is region]
        known = [size for size in found if size is not None]
        return sum(known) if len(known) == len(found) else None

    def measures(self) -> dict[str, Measure]:
        """The figures that limits are about: linked ones where they exist, else estimated ones."""
        found: dict[str, Measure] = {}
        for name, value in (
            ("flash_bytes", self.linked_bytes(Region.FLASH)),
            ("ram_bytes", self.linked_bytes(Region.RAM)),
        ):
            if value is not None:
                found[name] = Measure(name, value, "B", How.LINKED)
        for name, part in (("stack_bytes", "stack"), ("arena_bytes", "arena"), ("weight_bytes", "weights")):
            sized = self.part(part)
            if sized.linked is not None:
                found[name] = Measure(name, sized.linked, "B", How.LINKED)
            elif sized.estimated is not None:
                found[name] = Measure(name, sized.estimated, "B", How.ESTIMATED)
        return found
