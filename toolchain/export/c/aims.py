# SPDX-License-Identifier: Apache-2.0
"""Aims: what the user wants of the generated firmware. What the hardware is stands in Core and Board."""

from dataclasses import dataclass
from enum import StrEnum


class Optimise(StrEnum):
    """What counts where time and flash disagree, in the choice of kernels and in the compiler's level."""

    SPEED = "speed"
    BALANCED = "balanced"
    SIZE = "size"

    @property
    def gcc_flag(self) -> str:
        """GCC's level of optimisation for the firmware."""
        return {Optimise.SPEED: "-O3", Optimise.BALANCED: "-O2", Optimise.SIZE: "-Os"}[self]


@dataclass(frozen=True)
class Aims:
    """optimise: see Optimise. max_ram_bytes: what the whole firmware may take of RAM, None where the board decides."""

    optimise: Optimise = Optimise.BALANCED
    max_ram_bytes: int | None = None

    @property
    def options(self) -> str:
        """The command-line options that say the same, each with a space before it; "" for the defaults.

        >>> Aims(Optimise.SIZE, 20_000).options
        ' --optimise size --max-ram 20000'
        """
        said = "" if self.optimise is Optimise.BALANCED else f" --optimise {self.optimise.value}"
        return said if self.max_ram_bytes is None else f"{said} --max-ram {self.max_ram_bytes}"
