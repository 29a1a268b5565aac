# SPDX-License-Identifier: Apache-2.0
"""Tally: how many instructions of each kind ran, and the cycles that they are estimated to take."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from toolchain.device.profile.instructions import Kind


@dataclass(frozen=True)
class Tally:
    """kinds: instructions carried out, exact. kind_cycles: their cycles by the core's timing table, an estimate."""

    kinds: Mapping[Kind, int] = field(default_factory=dict)
    kind_cycles: Mapping[Kind, int] = field(default_factory=dict)

    @property
    def instructions(self) -> int:
        """All of them."""
        return sum(self.kinds.values())

    @property
    def cycles(self) -> int:
        """Of all of them."""
        return sum(self.kind_cycles.values())


def summed(tallies: Iterable[Tally]) -> Tally:
    """All of them together; kinds in the order of Kind."""
    kinds, cycles = dict.fromkeys(Kind, 0), dict.fromkeys(Kind, 0)
    for tally in tallies:
        for kind, count in tally.kinds.items():
            kinds[kind] += count
            cycles[kind] += tally.kind_cycles[kind]
    ran = [kind for kind in Kind if kinds[kind]]
    return Tally({kind: kinds[kind] for kind in ran}, {kind: cycles[kind] for kind in ran})
