# SPDX-License-Identifier: Apache-2.0
"""Tally: how many instructions of each kind ran, and the cycles that they are estimated to take."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from toolchain.device.profile.instructions import Kind


@dataclass(frozen=True)
class Tally:
    """kinds: instructions carried out, exact. cycles: by the core's timing table, an estimate."""

    kinds: Mapping[Kind, int] = field(default_factory=dict)
    cycles: int = 0

    @property
    def instructions(self) -> int:
        """All of them."""
        return sum(self.kinds.values())


def summed(tallies: Iterable[Tally]) -> Tally:
    """All of them together; kinds in the order of Kind."""
    parts = tuple(tallies)
    counts = {kind: sum(part.kinds.get(kind, 0) for part in parts) for kind in Kind}
    return Tally({kind: n for kind, n in counts.items() if n}, sum(part.cycles for part in parts))
