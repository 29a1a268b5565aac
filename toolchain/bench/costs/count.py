# SPDX-License-Identifier: Apache-2.0
"""count_kernel: what one kernel takes for each layer that it can compute, counted on an emulated core."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from toolchain.arch.layer import Layer
from toolchain.arch.weights import WeightPlan
from toolchain.bench.costs.shapes import few_bit_layers, large_factor_layers, together
from toolchain.boards import Board
from toolchain.device.profile import profile_model
from toolchain.export.c.costs.features import UNPACK, features, unpacking
from toolchain.export.c.kernel import Kernel
from toolchain.export.c.kernel_table import KERNELS, candidates
from toolchain.graph.ops import Conv2D, FullyConnected


@dataclass(frozen=True)
class Sample:
    """One layer: its features, and what was counted."""

    layer: str
    features: Mapping[str, int]
    instructions: int
    cycles: int


@dataclass(frozen=True)
class Counted:
    """One kernel on one core. file_bytes: of it and of the files that it brings along."""

    kernel: str
    samples: tuple[Sample, ...]
    file_bytes: Mapping[str, int]


def count_kernel(kernel: Kernel, board: Board, layers: Sequence[Layer]) -> Counted | None:
    """Every layer that `kernel` takes on the board's core; None where it takes none, or has no features.

    One for weights of fewer than 8 bits gets layers of its own, with the weights that it takes; and one for the large
    factors that these have gets its own.
    """
    plans: Sequence[WeightPlan] = (WeightPlan(),) * len(layers)
    if kernel.few_bits:
        layers, plans = few_bit_layers()
        specs = dict.fromkeys(plans[index].default for index in _taken(kernel, board, layers, plans))
        if specs:
            layers, plans = few_bit_layers(specs=tuple(specs))
    taken = _taken(kernel, board, layers, plans)
    if not taken and kernel.operator is Conv2D:
        layers, plans = large_factor_layers()
        taken = _taken(kernel, board, layers, plans)
    if not taken:
        return None
    graph = together([layers[index] for index in taken], [plans[index] for index in taken])
    profile = profile_model(graph, board, table=(kernel, *KERNELS))
    samples = []
    for op, counted in zip(graph.operators, profile.layers, strict=True):
        if counted.kernel != kernel.function:
            continue
        found = features(graph, op, kernel.function, kernel.code(graph, op))
        if found is not None:
            samples.append(Sample(op.name, found, counted.tally.instructions, counted.tally.cycles))
    return Counted(kernel.function, tuple(samples), profile.memory.kernel_files) if samples else None


def _taken(kernel: Kernel, board: Board, layers: Sequence[Layer], plans: Sequence[WeightPlan]) -> list[int]:
    """Indices of the layers that `kernel` takes on the board's core."""
    every = together(layers, plans)
    return [
        index
        for index, layer in enumerate(layers)
        for op in every.operators
        if op.name == f"n{index}_{layer.name}" or op.name == f"n{index}_{layer.name}_map"
        if isinstance(op, kernel.operator) and kernel.refuses(every, op, board.core) is None
    ]


def count_unpacking(board: Board) -> Counted:
    """What unpacks weights, by layers of all widths; and the files of every kernel that it unpacks for."""
    table = tuple(kernel for kernel in KERNELS if kernel.unpacks)
    layers, plans = few_bit_layers()
    graph = together(layers, plans)
    profile = profile_model(graph, board, table=table)
    samples = []
    for op, counted in zip(graph.operators, profile.layers, strict=True):
        code = candidates(graph, op, board.core, table).taking[0].code(graph, op)
        took = [call.total for calls in counted.calls for call in calls.walk() if call.function == UNPACK]
        instructions, cycles = sum(tally.instructions for tally in took), sum(tally.cycles for tally in took)
        samples.append(Sample(op.name, unpacking(code), instructions, cycles))
    file_bytes = dict(profile.memory.kernel_files)
    dense = together(*few_bit_layers(("Dense",)))
    for kernel in table:
        if kernel.operator is FullyConnected and kernel.refuses(dense, dense.operators[0], board.core) is None:
            file_bytes |= profile_model(dense, board, table=(kernel, *table)).memory.kernel_files
    return Counted(UNPACK, tuple(samples), {name: n for name, n in file_bytes.items() if "pack" in name})
