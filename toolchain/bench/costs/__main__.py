# SPDX-License-Identifier: Apache-2.0
"""`python -m toolchain.bench.costs [CORE ...]`: measure the kernels and write their cost tables; all cores without."""

import sys
from collections.abc import Mapping

import tomli_w

from toolchain.bench.costs.count import Counted, count_kernel, count_unpacking
from toolchain.bench.costs.fit import fit
from toolchain.bench.costs.shapes import measured_layers
from toolchain.bench.measure import benchmark_boards
from toolchain.boards import Board
from toolchain.device.emulated import emulator_version
from toolchain.errors import SubbyteError
from toolchain.export.c.costs import FOLDER, KernelCost
from toolchain.export.c.kernel_table import KERNELS
from toolchain.files import write_text

_HEAD = """\
# SPDX-License-Identifier: Apache-2.0
# What each kernel costs on the {core}: counted on {board} ({tools}), fitted to generated layers.
# Written by `make costs`; see toolchain/export/c/costs/__init__.py. Measured, not edited.
"""


def main(cores: list[str]) -> None:
    """Measure and write."""
    for board in benchmark_boards():
        if not cores or board.core.name in cores:
            costs, file_bytes = measured(board)
            _write(board, costs, file_bytes)


def measured(board: Board) -> tuple[dict[str, KernelCost], dict[str, int]]:
    """Every kernel that the board's core runs, fitted; and the bytes of their files."""
    layers = measured_layers()
    costs, file_bytes = {}, {}
    for kernel in KERNELS:
        counted: Counted | None = (
            count_kernel(kernel, board, layers) if kernel.function and not kernel.unpacks else None
        )
        if counted is not None:
            costs[kernel.function] = fit(counted.samples)
            file_bytes.update({name: counted.file_bytes[name] for name in kernel.files})
            cost = costs[kernel.function]
            _say(board, kernel.function, cost)
    unpacking = count_unpacking(board)
    costs[unpacking.kernel] = fit(unpacking.samples)
    file_bytes.update(unpacking.file_bytes)
    _say(board, unpacking.kernel, costs[unpacking.kernel])
    return costs, dict(sorted(file_bytes.items()))


def _say(board: Board, function: str, cost: KernelCost) -> None:
    print(f"{board.core.name}  {function}: {cost.n_layers} layers, within {cost.residual:.1%}")


def _write(board: Board, costs: Mapping[str, KernelCost], file_bytes: Mapping[str, int]) -> None:
    table = {
        "file_bytes": dict(file_bytes),
        "kernels": {
            name: {
                "residual": cost.residual,
                "n_layers": cost.n_layers,
                "cycles": dict(cost.cycles),
                "instructions": dict(cost.instructions),
            }
            for name, cost in sorted(costs.items())
        },
    }
    head = _HEAD.format(core=board.core.name, board=board.id, tools=emulator_version())
    write_text(FOLDER / f"{board.core.name}.toml", f"{head}\n{tomli_w.dumps(table)}")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except SubbyteError as error:
        sys.exit(f"error: {error}")
