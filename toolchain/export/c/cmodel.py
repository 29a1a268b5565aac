# SPDX-License-Identifier: Apache-2.0
"""CModel: the generated C of one Graph for one core, and everything that is known of it before a compiler runs."""

from dataclasses import dataclass
from typing import Any

from toolchain.core import Core
from toolchain.export.c.aims import Aims
from toolchain.export.c.costs import Estimate, total
from toolchain.graph.bands import Banded
from toolchain.graph.graph import Graph
from toolchain.graph.ops import Operator
from toolchain.graph.plan import Plan


@dataclass(frozen=True)
class Constant:
    """One constant symbol in flash.

    role: weights, channels (bias and multiplier), shifts, layer (the struct of parameters) or values (a constant
    activation). n_bytes: as on a 32-bit Arm, the size of that symbol in the linked ELF.
    """

    symbol: str
    role: str
    n_bytes: int


@dataclass(frozen=True)
class CLayer:
    """One operator in the generated model.

    origin: the operator of the network that it is, or of which it is a band of rows. kernel: the C function, "" where
    nothing is called. files: names of the C files in kernels/ that it needs. passed_over: better kernels and why they
    could not be taken.
    constants: symbols that stand here first; one that an earlier layer has already is not repeated.
    in_place: the inputs whose bytes the output takes: overwritten, viewed, or joined where they lie. estimate: what it
    takes by the measured costs of its kernel, at GCC's -O2; None where that was not measured.
    """

    name: str
    origin: str
    kind: str
    kernel: str
    files: tuple[str, ...]
    passed_over: tuple[tuple[str, str], ...]
    rounding: str
    macs: int
    constants: tuple[Constant, ...]
    scratch_bytes: int
    in_place: tuple[str, ...]
    estimate: Estimate | None

    @property
    def constant_bytes(self) -> int:
        """Flash of its own constants."""
        return sum(constant.n_bytes for constant in self.constants)


@dataclass(frozen=True, eq=False)
class CModel:
    """Sources and what is known of them.

    banded: the network, and the Graph as it is executed. plain_arena_bytes: what the arena would be without bands.
    prefix: beginning of every external identifier. sources: path -> text, to be compiled with the folder that they
    are written to as the one include path. host: one more C file, which calls the model on the host
    (device/host.py). kernels: names of the C files in kernels/. plan: the arena `<prefix>_arena`.
    """

    banded: Banded
    plain_arena_bytes: int
    core: Core
    aims: Aims
    prefix: str
    sources: dict[str, str]
    host: str
    plan: Plan
    layers: tuple[CLayer, ...]
    kernels: tuple[str, ...]

    @property
    def graph(self) -> Graph:
        """As it is executed: one operator a layer, some of them bands."""
        return self.banded.graph

    @property
    def whole_layers(self) -> tuple[CLayer, ...]:
        """One for each operator of the network, with its bands taken together."""
        bands: dict[str, list[CLayer]] = {op.name: [] for op in self.banded.source.operators}
        for layer in self.layers:
            bands[layer.origin].append(layer)
        return tuple(_together(op, bands[op.name]) for op in self.banded.source.operators)

    @property
    def c_files(self) -> tuple[str, ...]:
        """What has to be compiled, in the order of the sources."""
        return tuple(name for name in self.sources if name.endswith(".c"))

    @property
    def constants(self) -> tuple[Constant, ...]:
        """Every constant symbol once."""
        return tuple(constant for layer in self.layers for constant in layer.constants)

    @property
    def constant_bytes(self) -> int:
        """Flash of all constants."""
        return sum(constant.n_bytes for constant in self.constants)

    @property
    def arena_bytes(self) -> int:
        """RAM of the arena."""
        return self.plan.arena_bytes

    @property
    def manifest(self) -> dict[str, Any]:
        """What was made of what, JSON-able: Graph, core, kernel and rounding of each layer, bytes."""
        return {
            "name": self.graph.name,
            "prefix": self.prefix,
            "graph_sha256": self.banded.source.sha256,
            "core": self.core.name,
            "dsp": self.core.dsp,
            "optimise": self.aims.optimise.value,
            "arena_bytes": self.plan.arena_bytes,
            "arena_peak_bytes": self.plan.peak_bytes,
            "arena_lower_bound_bytes": self.plan.lower_bound_bytes,
            "arena_bytes_without_bands": self.plain_arena_bytes,
            "extra_macs": self.banded.extra_macs,
            "stages_in_bands": [
                {
                    "layers": [op.name for op in self.banded.source.operators[stage.first : stage.end]],
                    "band_rows": stage.band_rows,
                    "halo": stage.halo.value,
                }
                for stage in self.banded.stages
            ],
            "constant_bytes": self.constant_bytes,
            "kernels": list(self.kernels),
            "layers": [
                {
                    "name": layer.name,
                    "op": layer.kind,
                    "kernel": layer.kernel,
                    "rounding": layer.rounding,
                    "macs": layer.macs,
                    "constant_bytes": layer.constant_bytes,
                    "scratch_bytes": layer.scratch_bytes,
                    "in_place": list(layer.in_place),
                    "cycles": layer.estimate and layer.estimate.cycles,
                    "passed_over": [{"kernel": kernel, "because": reason} for kernel, reason in layer.passed_over],
                }
                for layer in self.whole_layers
            ],
        }


def _together(op: Operator, bands: list[CLayer]) -> CLayer:
    """The layers that compute `op`, as one."""
    if len(bands) == 1:
        return bands[0]
    computing = [band for band in bands if band.kind == op.kind]
    kernels = dict.fromkeys(band.kernel for band in computing)
    return CLayer(
        name=op.name,
        origin=op.name,
        kind=op.kind,
        kernel=", ".join(kernels),
        files=tuple(sorted({file for band in bands for file in band.files})),
        passed_over=computing[0].passed_over,
        rounding=computing[0].rounding,
        macs=sum(band.macs for band in bands),
        constants=tuple(constant for band in bands for constant in band.constants),
        scratch_bytes=max(band.scratch_bytes for band in bands),
        in_place=(),
        estimate=total([band.estimate for band in computing]),
    )
