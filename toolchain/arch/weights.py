# SPDX-License-Identifier: Apache-2.0
"""WeightPlan: how many bits each layer's weights take, and on which grid, as plain data.

Written as TOML, one line a layer or a group of layers; of several lines that fit a layer the last one counts:

    "*" = 4                           # four bits, the usual grid
    "*_depthwise" = "4 mid-rise"
    "stem" = 8

    real = scale * integer            1 bit   2 bits        3 bits              4 bits     b bits
    mid-tread, with a zero            -       -1 0 1        -3 .. 3             -7 .. 7    every integer of the range
    mid-rise, odd integers only       -1 1    -3 -1 1 3     -7 -5 .. 5 7        -15 .. 15  -(2^b - 1) .. 2^b - 1

The usual grid of a width is mid-rise for 1 and 2 bits, where a level spent on zero is a quarter of them or more, and
mid-tread above (design.md, Numerics). Mid-rise of 8 bits does not fit int8; mid-tread takes its place.
"""

import difflib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

import tomli_w

from toolchain.arch.layer import Conv, Dense, Depthwise, Layer
from toolchain.errors import ModelError
from toolchain.files import write_text
from toolchain.graph.tensor import Grid
from toolchain.toml_files import read_toml

MAX_BITS = 8
_EVERY_LAYER = "*"


def usual_grid(bits: int) -> Grid:
    """The grid of weights of `bits` bits where nobody asks for another."""
    return Grid.MID_RISE if bits <= 2 else Grid.MID_TREAD


@dataclass(frozen=True)
class WeightSpec:
    """bits: 1..8. grid: mid-tread from 2 bits on, mid-rise up to 7. Raises ModelError for what does not exist.

    >>> WeightSpec.of(2), str(WeightSpec.of(4, Grid.MID_RISE))
    (WeightSpec(bits=2, grid=<Grid.MID_RISE: 'mid-rise'>), '4 mid-rise')
    """

    bits: int = MAX_BITS
    grid: Grid = Grid.MID_TREAD

    def __post_init__(self) -> None:
        if not 1 <= self.bits <= MAX_BITS:
            raise ModelError(f"weights of {self.bits} bits: must be 1..{MAX_BITS}")
        if self.bits == 1 and self.grid is Grid.MID_TREAD:
            raise ModelError("1 bit mid-tread has no value but zero: take 1 bit mid-rise (-1 and 1)")
        if self.bits == MAX_BITS and self.grid is Grid.MID_RISE:
            raise ModelError(f"{MAX_BITS} bits mid-rise reach 255, which no int8 holds: take {MAX_BITS} bits mid-tread")

    @classmethod
    def of(cls, bits: int, grid: Grid | None = None) -> "WeightSpec":
        """The spec of a width: on its usual grid, or on `grid`; 8 bits are mid-tread whatever is asked."""
        wanted = usual_grid(bits) if grid is None else grid
        return cls(bits, Grid.MID_TREAD if bits == MAX_BITS else wanted)

    @classmethod
    def parse(cls, value: object) -> "WeightSpec":
        """From a number of bits, or a text of bits and grid: 4, `4`, `4 mid-rise`. Raises ModelError."""
        words = value.split() if isinstance(value, str) else [str(value)] if type(value) is int else []
        grids = [grid.value for grid in Grid]
        if not 1 <= len(words) <= 2 or not words[0].isdecimal() or (words[1:] and words[1] not in grids):
            raise ModelError(
                f'{value!r} is no width of weights: write 1..{MAX_BITS}, or a text such as "4 mid-rise" '
                f"({' or '.join(grids)})"
            )
        return cls.of(int(words[0]), Grid(words[1]) if words[1:] else None)

    @property
    def limit(self) -> int:
        """The largest integer of the grid; the smallest is its negative."""
        return (1 << self.bits) - 1 if self.grid is Grid.MID_RISE else (1 << (self.bits - 1)) - 1

    @property
    def usual(self) -> bool:
        """Whether the width alone says it all."""
        return self.grid is usual_grid(self.bits)

    def __str__(self) -> str:
        return f"{self.bits} {self.grid.value}"


@dataclass(frozen=True)
class WeightPlan:
    """default: of every layer that no entry fits. layers: a layer's name, or a pattern such as `*_depthwise` -> spec.

    >>> plan = WeightPlan.from_dict({"*": 4, "block*": "1 mid-rise", "block2": 8}, "here")
    >>> [str(plan.of(name)) for name in ("stem", "block1", "block2")]
    ['4 mid-tread', '1 mid-rise', '8 mid-tread']
    """

    default: WeightSpec = WeightSpec()
    layers: Mapping[str, WeightSpec] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if _EVERY_LAYER in self.layers:  # it overrules the default and all entries before it
            patterns = list(self.layers)
            later = patterns[patterns.index(_EVERY_LAYER) + 1 :]
            object.__setattr__(self, "default", self.layers[_EVERY_LAYER])
            object.__setattr__(self, "layers", {pattern: self.layers[pattern] for pattern in later})

    def of(self, layer_name: str) -> WeightSpec:
        """The spec of a layer: of the last entry that fits its name."""
        for pattern, spec in reversed(list(self.layers.items())):
            if fnmatchcase(layer_name, pattern):
                return spec
        return self.default

    def resolved(self, layers: Sequence[Layer]) -> "WeightPlan":
        """The same for a network: the spec of most of its layers with weights, and an entry for each of the others.

        Plans that mean the same give equal values. Raises ModelError where an entry fits no layer with weights.
        """
        names = [layer.name for layer in weighted_layers(layers)]
        for pattern in self.layers:
            if not any(fnmatchcase(name, pattern) for name in names):
                nearest = difflib.get_close_matches(pattern, names, n=3, cutoff=0.5) or names
                raise ModelError(
                    f"bits of the weights: no layer with weights is called {pattern!r}; there are: {_some(nearest)}"
                )
        specs = {name: self.of(name) for name in names}
        default = Counter(specs.values()).most_common(1)[0][0]
        return WeightPlan(default, {name: spec for name, spec in specs.items() if spec != default})

    def overruled_by(self, later: Mapping[str, WeightSpec]) -> "WeightPlan":
        """This plan with `later` entries after its own."""
        first = {pattern: spec for pattern, spec in self.layers.items() if pattern not in later}
        return WeightPlan(self.default, first | dict(later))

    def to_dict(self) -> dict[str, int | str]:
        """The lines: pattern -> bits, or bits and grid where the grid is not the usual one."""
        lines = {_EVERY_LAYER: self.default} | dict(self.layers)
        return {pattern: spec.bits if spec.usual else str(spec) for pattern, spec in lines.items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, object], where: str, base: "WeightPlan | None" = None) -> "WeightPlan":
        """The inverse of to_dict; what no line fits is as in `base`, or has 8 bits.

        Raises ModelError that begins with `where`.
        """
        plan = base or cls()
        for pattern, value in values.items():
            try:
                spec = WeightSpec.parse(value)
            except ModelError as error:
                raise ModelError(f"{where}: {pattern}: {error}") from error
            plan = plan.overruled_by({pattern: spec})
        return plan


EIGHT_BITS = WeightSpec()
ALL_EIGHT_BITS = WeightPlan()


def weighted_layers(layers: Sequence[Layer]) -> tuple[Conv | Depthwise | Dense, ...]:
    """Those that have weights, in order."""
    return tuple(layer for layer in layers if isinstance(layer, Conv | Depthwise | Dense))


def first_and_last(layers: Sequence[Layer], spec: WeightSpec) -> dict[str, WeightSpec]:
    """Entries that give the first and the last layer with weights `spec`."""
    weighted = weighted_layers(layers)
    return {weighted[0].name: spec, weighted[-1].name: spec}


def load_weight_plan(path: Path, base: WeightPlan | None = None) -> WeightPlan:
    """Read a TOML file of such lines, on top of `base`. Raises ModelError: as read_toml, a wrong line."""
    return WeightPlan.from_dict(read_toml(path, "list of layers' bits", ModelError), str(path), base)


def save_weight_plan(plan: WeightPlan, path: Path) -> None:
    """Write `plan` as TOML, atomically; `load_weight_plan` gives back an equal value."""
    write_text(path, tomli_w.dumps(plan.to_dict()))


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:6])
    return f"{shown} and {len(names) - 6} more" if len(names) > 6 else shown
