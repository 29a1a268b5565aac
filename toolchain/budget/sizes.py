# SPDX-License-Identifier: Apache-2.0
"""Sizes: what a firmware is made of, each part twice: as known before linking, and as the linker placed it.

    flash   code | constants | weights | initial values
    RAM     arena | stack | rest

Before linking only those parts are known that Graph, Plan and board determine: weights, arena, stack. They must agree
to the byte with the linked ones. `weights` are all constants of the network: weights, biases, rescaling tables and
each layer's parameters; `constants` is everything else that is read-only and not code.
"""

from dataclasses import dataclass
from enum import StrEnum

from toolchain.device.build import Build
from toolchain.measure import How, Measure


class Region(StrEnum):
    """Kind of memory a part takes space in."""

    FLASH = "flash"
    RAM = "RAM"


@dataclass(frozen=True)
class Part:
    """One part of a firmware. None where nobody knows: no estimate exists, or nothing was linked.

    within: the part that this one is a share of, "" for a part of its own; shares are not added up.
    """

    name: str
    region: Region
    estimated: int | None
    linked: int | None
    meaning: str
    within: str = ""


@dataclass(frozen=True)
class Sizes:
    """The parts of one firmware; those of a region add up to all the bytes that it takes there. notes: sentences."""

    parts: tuple[Part, ...]
    notes: tuple[str, ...] = ()

    def part(self, name: str) -> Part:
        """The part of that name. Raises KeyError."""
        for part in self.parts:
            if part.name == name:
                return part
        raise KeyError(name)

    def linked_bytes(self, region: Region) -> int | None:
        """Bytes of the linked firmware in `region`; None where nothing was linked."""
        found = [part.linked for part in self.parts if part.region is region and not part.within]
        known = [size for size in found if size is not None]
        return sum(known) if len(known) == len(found) else None

    def measures(self) -> dict[str, Measure]:
        """The figures that limits are about: linked ones where they exist, else estimated ones.

        stack_bytes is the deepest way of calls where it is known, else what is reserved.
        """
        found: dict[str, Measure] = {}
        for name, value in (
            ("flash_bytes", self.linked_bytes(Region.FLASH)),
            ("ram_bytes", self.linked_bytes(Region.RAM)),
            ("stack_bytes", self.part("deepest calls").linked),
        ):
            if value is not None:
                found[name] = Measure(name, value, "B", How.LINKED)
        for name, part in (("stack_bytes", "stack"), ("arena_bytes", "arena"), ("weight_bytes", "weights")):
            sized = self.part(part)
            if name not in found and sized.linked is not None:
                found[name] = Measure(name, sized.linked, "B", How.LINKED)
            elif name not in found and sized.estimated is not None:
                found[name] = Measure(name, sized.estimated, "B", How.ESTIMATED)
        return found


@dataclass(frozen=True)
class Expected:
    """What is known before linking, in bytes. scratch: the largest working memory of one layer, in the arena."""

    weights: int
    arena: int
    scratch: int
    stack: int


def sizes_of(expected: Expected, build: Build | None) -> Sizes:
    """Both sides by side; without `build` the linked one is empty."""
    linked = build.sizes if build else None
    bound = build.stack if build else None

    def of(name: str) -> int | None:
        return getattr(linked, name) if linked else None

    notes: tuple[str, ...] = ()
    if bound:
        notes = (f"Deepest calls: {' > '.join(name.rpartition(':')[2] for name in bound.path)}.",)
    elif build:
        notes = ("Deepest calls: not known, since functions are called through pointers.",)
    return Sizes(
        (
            Part("code", Region.FLASH, None, of("code"), "network, kernels, front end, start-up, console"),
            Part("constants", Region.FLASH, None, of("constants"), "tables of the front end, known answers, padding"),
            Part("weights", Region.FLASH, expected.weights, of("weights"), "weights, biases, rescaling, parameters"),
            Part("initial values", Region.FLASH, None, of("initial_values"), "of variables, copied at start"),
            Part("arena", Region.RAM, expected.arena, of("arena"), "activations and scratch"),
            Part("scratch", Region.RAM, expected.scratch, None, "most that one layer works in", "arena"),
            Part("stack", Region.RAM, expected.stack, of("stack"), "reserved by the board file"),
            Part("deepest calls", Region.RAM, None, bound.n_bytes if bound else None, "most that is used", "stack"),
            Part("rest", Region.RAM, None, of("rest"), "variables of front end and application"),
        ),
        notes,
    )
