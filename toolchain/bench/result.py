# SPDX-License-Identifier: Apache-2.0
"""Result: everything that the benchmark says of one network on one core. Plain facts, no date, no host."""

from dataclasses import dataclass
from enum import StrEnum

from toolchain.bench.kinds import LayerWork


class Origin(StrEnum):
    """Where a network comes from, and with it what its figures are for."""

    NAMED = "named"  # a published, trained network from a file: it has peers' figures
    BUILT_IN = "built-in"  # a published architecture of arch/networks.toml, weights from a seed
    GENERATED = "generated"  # bench/generated.py, weights from a seed
    GIVEN = "given"  # a model that the user named
    LAYER = "layer"  # one layer alone, as the peers' study measured it


@dataclass(frozen=True)
class LayerCost:
    """One operator. work: None where it does not multiply. kernel: the C function that carries it out."""

    name: str
    kernel: str
    work: LayerWork | None
    instructions: int
    cycles: int


@dataclass(frozen=True)
class Exactness:
    """What was compared before anything was counted: outputs of `inputs` inferences against the reference.

    judges: who gave the same bytes, the board's own firmware among them.
    """

    inputs: int
    n_bytes: int
    judges: tuple[str, ...]


@dataclass(frozen=True)
class Result:
    """One network on one core.

    instructions: of one inference, emulated. cycles: estimated from them by the core's timing table.
    engine_flash: code, constants and weights of the network and its kernels, C library included; firmware_flash: of the
    whole verifying firmware with start-up and semihosting. static: RAM beside arena and stack that the engine takes.
    stack: most that was used. All bytes.
    """

    network: str
    title: str
    origin: Origin
    graph_sha256: str
    macs: int
    board: str
    core: str
    exactness: Exactness
    instructions: int
    cycles: int
    engine_flash: int
    firmware_flash: int
    arena: int
    static: int
    stack: int
    layers: tuple[LayerCost, ...]

    @property
    def ram(self) -> int:
        """Arena, static variables and the stack that is used: what a network asks of a chip."""
        return self.arena + self.static + self.stack


@dataclass(frozen=True)
class Bench:
    """A whole run. tools: versions of emulator and compiler. options: what the generator was told, "" for nothing."""

    tools: str
    options: str
    results: tuple[Result, ...]

    def find(self, network: str, core: str) -> Result | None:
        """The result of that network on that core, None where it was not measured."""
        return next((r for r in self.results if (r.network, r.core) == (network, core)), None)

    @property
    def cores(self) -> tuple[str, ...]:
        """Cores in the order in which they were measured."""
        return tuple(dict.fromkeys(result.core for result in self.results))

    @property
    def networks(self) -> tuple[str, ...]:
        """Networks in the order in which they were measured."""
        return tuple(dict.fromkeys(result.network for result in self.results))
