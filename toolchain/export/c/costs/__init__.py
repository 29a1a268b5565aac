# SPDX-License-Identifier: Apache-2.0
"""What each kernel costs on a core, measured: cycles as a linear form of a layer's features, code in bytes a file.

`make costs` counts generated layers of many shapes with every kernel under the profiler (toolchain/bench/costs/), fits
the forms, and writes costs/<core>.toml; nothing in there is written by hand. features.py says what the features are,
choice.py what is made of them. A kernel that is not in the table is not estimated.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from toolchain.export.c.code import LayerCode
from toolchain.export.c.costs.features import UNPACK, features, unpacking
from toolchain.export.c.kernel import Kernel
from toolchain.graph.graph import Graph
from toolchain.graph.ops import Operator

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Estimate:
    """Of one layer by one kernel."""

    instructions: int
    cycles: int


def total(estimates: Sequence[Estimate | None]) -> Estimate | None:
    """Of all of them; None where one is missing."""
    there = [estimate for estimate in estimates if estimate is not None]
    if len(there) < len(estimates):
        return None
    return Estimate(sum(estimate.instructions for estimate in there), sum(estimate.cycles for estimate in there))


@dataclass(frozen=True)
class KernelCost:
    """cycles, instructions: coefficient of each feature. residual: largest |estimate / count - 1| of the cycles of all
    n_layers layers that it was fitted to."""

    instructions: Mapping[str, float]
    cycles: Mapping[str, float]
    residual: float
    n_layers: int


@dataclass(frozen=True)
class CostTable:
    """Of one core. kernels: by function. file_bytes: code of each file of kernels/, as GCC makes it at -O2."""

    core: str
    kernels: Mapping[str, KernelCost]
    file_bytes: Mapping[str, int]

    def knows(self, kernel: Kernel) -> bool:
        """Whether that row was measured; what unpacks weights is measured apart from what reads them."""
        forms = {UNPACK, kernel.unpacks} if kernel.unpacks else {kernel.function}
        return forms <= self.kernels.keys() and set(kernel.files) <= self.file_bytes.keys()

    def estimate(self, graph: Graph, op: Operator, kernel: Kernel, code: LayerCode) -> Estimate | None:
        """What `op` takes by that kernel; None where that was not measured. code: of the kernel for `op`."""
        if not self.knows(kernel):
            return None
        reads = self._of(
            kernel.unpacks or kernel.function, features(graph, op, kernel.unpacks or kernel.function, code)
        )
        if not kernel.unpacks:
            return reads
        return total((reads, self._of(UNPACK, unpacking(code))))

    def _of(self, function: str, found: Mapping[str, int] | None) -> Estimate | None:
        cost = self.kernels[function]
        if found is None or not set(cost.cycles) | set(cost.instructions) <= found.keys():
            return None
        return Estimate(_form(cost.instructions, found), _form(cost.cycles, found))


def _form(coefficients: Mapping[str, float], found: Mapping[str, int]) -> int:
    return round(sum(coefficient * found[name] for name, coefficient in coefficients.items()))


@cache
def cost_table(core: str) -> CostTable | None:
    """The measured table of that core; None where nothing was measured on it."""
    path = FOLDER / f"{core}.toml"
    if not path.is_file():
        return None
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    kernels = {
        name: KernelCost(row["instructions"], row["cycles"], row["residual"], row["n_layers"])
        for name, row in table["kernels"].items()
    }
    return CostTable(core, kernels, table["file_bytes"])
