# SPDX-License-Identifier: Apache-2.0
"""The size of TFLite Micro's arena for one .tflite file and core: an upper bound, found without running anything.

    | plan: activations and scratch, by lifetime ->          <- persistent: structures of the runtime |
      before the plan is made, the same place holds temporary structures of the preparation

So the arena must hold the persistent part and the larger of plan and temporaries. The plan is TFLite Micro's own
(its greedy planner, repeated here exactly), over the activations and over the scratch buffers that CMSIS-NN's kernels
ask for on that core. The structures are counted with their sizes on a 64-bit machine, as the `tflite-micro` wheel
reports them: they hold pointers and 32-bit numbers, so on a 32-bit core they are smaller. Tests hold the plan to the
wheel's figure exactly, and run networks in arenas of exactly this size.

Sources: tflite-micro, tensorflow/lite/micro/{micro_allocator,micro_allocation_info}.cc and
memory_planner/greedy_memory_planner.cc; CMSIS-NN, Source/*/arm_*_get_buffer_sizes_{s8,s4}.c (2023, V.1.x).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from toolchain.core import Core
from toolchain.graph.tflite_in.container import RawModel, RawOperator, RawTensor
from toolchain.graph.tflite_in.schema import (
    Builtin,
    Conv2DOptions,
    DepthwiseConv2DOptions,
    PaddingKind,
    TensorType,
)

ALIGNMENT = 16  # micro_arena_constants.h: MicroArenaBufferAlignment

# Persistent structures, bytes on a 64-bit machine, as the wheel's RecordingMicroAllocator reports them.
RUNTIME = 640  # allocator, planner, graph and context: 528 in all, and their alignment
EVAL_TENSOR = 24  # one a tensor of the file
NODE = 64  # one an operator
END_TENSOR = 64 + 32 + 2 * ALIGNMENT  # one an input or output: TfLiteTensor and quantisation
SCRATCH_HANDLE = 8  # one a scratch buffer
CHANNEL_DATA = 4  # each of multiplier and shift of an output channel

# Temporary structures: during preparation the tensors of one operator, then the list from which the plan is made.
TEMPORARY_TENSOR = 64 + 32 + 2 * ALIGNMENT
SCRATCH_REQUEST = 24
MAX_SCRATCH_REQUESTS = 12  # kMaxScratchBuffersPerOp: room for so many more is kept while operators prepare
ALLOCATION_INFO = 32
PLANNER_ENTRY = 40  # GreedyMemoryPlanner::per_buffer_size


@dataclass(frozen=True)
class ArenaSize:
    """plan, temporary: they share one place. persistent: beside them."""

    plan_bytes: int
    temporary_bytes: int
    persistent_bytes: int

    @property
    def total_bytes(self) -> int:
        """Bytes of an arena that begins at a multiple of 16."""
        return _aligned(max(self.plan_bytes, self.temporary_bytes)) + _aligned(self.persistent_bytes)

    @property
    def how(self) -> str:
        """One sentence for whoever reads the number."""
        return (
            f"{self.plan_bytes} B of activations and CMSIS-NN scratch as TFLite Micro's greedy planner lays them out, "
            f"{self.persistent_bytes} B of its structures at their 64-bit sizes, an upper bound for a 32-bit core"
            + (
                f" (while it prepares, {self.temporary_bytes} B take the plan's place)"
                if self.temporary_bytes > self.plan_bytes
                else ""
            )
        )


def arena_size(model: RawModel, core: Core) -> ArenaSize:
    """The arena for a file's content (tflite_in.container.unpack) on `core`."""
    scratch = [_scratch_bytes(model, op, core) for op in model.operators]
    return ArenaSize(
        plan_bytes(model, scratch), _temporary_bytes(model, scratch), _persistent_bytes(model, scratch, core)
    )


def plan_bytes(model: RawModel, scratch: Sequence[Sequence[int]]) -> int:
    """What GreedyMemoryPlanner needs for the activations and for `scratch`, the requests of each operator.

    Buffers are placed in the order of falling size, each at the lowest offset where it meets none that lives at the
    same time; of equal ones, the one that was added later comes first.
    """
    buffers = [lifetime for lifetime in _lifetimes(model) if lifetime is not None]
    for index, requests in enumerate(scratch):
        buffers += [_Buffer(_aligned(size), index + 1, index + 1) for size in requests]
    placed: list[tuple[int, _Buffer]] = []  # by offset
    for wanted in sorted(reversed(buffers), key=lambda buffer: -buffer.size):
        offset = 0
        for start, buffer in sorted((pair for pair in placed if pair[1].meets(wanted)), key=lambda pair: pair[0]):
            if start - offset >= wanted.size:
                break
            offset = max(offset, start + buffer.size)
        placed.append((offset, wanted))
    return max((offset + buffer.size for offset, buffer in placed), default=0)


@dataclass(frozen=True)
class _Buffer:
    """Bytes, and the first and last operator (counted from 1; 0 is the start) for which it lives."""

    size: int
    first: int
    last: int

    def meets(self, other: "_Buffer") -> bool:
        return self.first <= other.last and other.first <= self.last


def _lifetimes(model: RawModel) -> list[_Buffer | None]:
    """For each tensor its buffer in the plan; None for constants and for tensors that nothing touches."""
    first: dict[int, int] = dict.fromkeys(model.inputs, 0)
    last: dict[int, int] = dict.fromkeys(model.inputs, 0)
    for time, op in enumerate(model.operators, start=1):
        for tensor in op.outputs:
            first.setdefault(tensor, time)
            last[tensor] = time
        for read in op.inputs:
            if read is not None:
                last[read] = time
    last |= dict.fromkeys(model.outputs, len(model.operators))
    return [
        _Buffer(_aligned(_bytes(tensor)), first[index], last[index]) if index in first and not tensor.has_data else None
        for index, tensor in enumerate(model.tensors)
    ]


def _persistent_bytes(model: RawModel, scratch: Sequence[Sequence[int]], core: Core) -> int:
    total = RUNTIME + EVAL_TENSOR * len(model.tensors) + END_TENSOR * (len(model.inputs) + len(model.outputs))
    total += SCRATCH_HANDLE * sum(len(requests) for requests in scratch)
    for op in model.operators:
        total += NODE + _OPERATOR_DATA[Builtin(op.code)]
        if op.code in _WEIGHTED:
            channels = model.tensors[op.outputs[0]].shape[-1]
            # Multipliers and shifts; on Helium also the sums of the weights, which newer kernels keep.
            total += (3 if core.mve else 2) * _aligned(CHANNEL_DATA * channels)
    return total


def _temporary_bytes(model: RawModel, scratch: Sequence[Sequence[int]]) -> int:
    requests = sum(len(each) for each in scratch)
    preparing = max(
        (sum(_temporary_tensor(model, index) for index in _touched(op)) for op in model.operators), default=0
    )
    planning = (ALLOCATION_INFO + PLANNER_ENTRY) * (len(model.tensors) + requests) + 4 * ALIGNMENT
    return SCRATCH_REQUEST * (requests + MAX_SCRATCH_REQUESTS) + max(preparing, planning)


def _touched(op: RawOperator) -> list[int]:
    return [index for index in (*op.inputs, *op.outputs) if index is not None]


def _temporary_tensor(model: RawModel, index: int) -> int:
    """A tensor's description with its zero points, one a scale."""
    return TEMPORARY_TENSOR + 4 * (1 + len(model.tensors[index].scales))


_WEIGHTED = (Builtin.CONV_2D, Builtin.DEPTHWISE_CONV_2D, Builtin.FULLY_CONNECTED)

# What an operator keeps beside its node: the kernel's data and the parsed options. Measured in the wheel (112 for
# those with weights, 88, 72, 72, 64, 36, 32, 32, 0), with room for the fields that CMSIS-NN's kernels add.
_OPERATOR_DATA = {
    **dict.fromkeys(_WEIGHTED, 144),
    Builtin.CUSTOM: 112,  # TFLM_DECODE
    Builtin.CONCATENATION: 112,
    Builtin.MEAN: 112,
    Builtin.SOFTMAX: 112,
    Builtin.ADD: 96,
    Builtin.AVERAGE_POOL_2D: 96,
    Builtin.MAX_POOL_2D: 96,
    Builtin.PAD: 96,
    Builtin.PADV2: 96,
    Builtin.RESHAPE: 48,
    Builtin.SLICE: 48,
    Builtin.QUANTIZE: 48,
    Builtin.RELU: 48,
    Builtin.RELU6: 48,
    Builtin.MAXIMUM: 16,
    Builtin.MINIMUM: 16,
}


def _scratch_bytes(model: RawModel, op: RawOperator, core: Core) -> tuple[int, ...]:
    """Scratch buffers that the kernel requests: CMSIS-NN's formulas where it has a kernel, else the reference's."""
    if op.code == Builtin.MEAN:
        channels = model.tensors[op.outputs[0]].shape[-1]
        return (4 * channels, ALIGNMENT, ALIGNMENT)
    unpacked = _unpacked_bytes(model, op)
    if op.code == Builtin.CONV_2D:
        size = _conv2d_scratch(model, op, core)
    elif op.code == Builtin.DEPTHWISE_CONV_2D:
        size = _depthwise_scratch(model, op, core)
    elif op.code == Builtin.FULLY_CONNECTED:
        size = 4 * model.tensors[op.outputs[0]].shape[-1] if core.mve else 0
    elif op.code == Builtin.AVERAGE_POOL_2D:
        size = 4 * model.tensors[op.outputs[0]].shape[-1] if core.dsp and not core.mve else 0
    else:
        size = 0
    return tuple(each for each in (unpacked, size) if each)


def _unpacked_bytes(model: RawModel, op: RawOperator) -> int:
    """Int4 weights as int8: TFLite Micro asks for them with its own kernels, and did with CMSIS-NN's until 2024."""
    if op.code not in _WEIGHTED:
        return 0
    _, weights = _inputs(model, op)
    return prod(weights.shape) if weights.type == TensorType.INT4 else 0


def _conv2d_scratch(model: RawModel, op: RawOperator, core: Core) -> int:
    """arm_convolve_wrapper_s8_get_buffer_size. A pointwise layer needs none, a strip (H = 1) of int8 none on Helium."""
    source, weights = _inputs(model, op)
    _, kernel_h, kernel_w, channels = weights.shape
    at = Conv2DOptions
    strides, dilations = (
        _pair(op, at.STRIDE_H, at.STRIDE_W, 0),
        _pair(op, at.DILATION_H_FACTOR, at.DILATION_W_FACTOR, 1),
    )
    if (kernel_h, kernel_w) == (1, 1) and dilations == (1, 1) and not _pads(model, op, weights, strides, dilations):
        return 0
    strip = source.shape[1] == kernel_h == dilations[1] == 1 and strides[1] * channels % 4 == 0
    strip = strip and weights.type == TensorType.INT8
    column = kernel_h * kernel_w * channels
    if core.mve:
        return 0 if strip else 4 * _up(column, 8)
    return 2 * _up(column, 4) * 2


def _depthwise_scratch(model: RawModel, op: RawOperator, core: Core) -> int:
    """arm_depthwise_conv_wrapper_s8_get_buffer_size."""
    source, weights = _inputs(model, op)
    _, kernel_h, kernel_w, channels = weights.shape
    at = DepthwiseConv2DOptions
    if channels != source.shape[3] or _pair(op, at.DILATION_H_FACTOR, at.DILATION_W_FACTOR, 1) != (1, 1):
        return 0
    if core.mve:
        return 4 * 124 * kernel_h * kernel_w  # CH_IN_BLOCK_MVE is 124
    # A 3x3 window with a border of at most 1 has a kernel without a buffer; which border that is, newer and older
    # versions see differently, so the buffer is counted in any case.
    return 2 * channels * kernel_h * kernel_w if core.dsp or weights.type == TensorType.INT4 else 0


def _inputs(model: RawModel, op: RawOperator) -> tuple[RawTensor, RawTensor]:
    source, weights = op.inputs[0], op.inputs[1]
    assert source is not None and weights is not None  # a file of ours
    return model.tensors[source], model.tensors[weights]


def _pair(op: RawOperator, h: int, w: int, default: int) -> tuple[int, int]:
    assert op.options is not None
    return op.options.integer(h, "i", default), op.options.integer(w, "i", default)


def _pads(
    model: RawModel, op: RawOperator, weights: RawTensor, strides: tuple[int, int], dilations: tuple[int, int]
) -> bool:
    """Whether SAME means any border at all."""
    assert op.options is not None
    source, _ = _inputs(model, op)
    if op.options.integer(Conv2DOptions.PADDING, "b") != PaddingKind.SAME:
        return False
    reaches = [(weights.shape[1 + axis] - 1) * dilations[axis] + 1 for axis in range(2)]
    return any(
        (-(-source.shape[1 + axis] // strides[axis]) - 1) * strides[axis] + reaches[axis] > source.shape[1 + axis]
        for axis in range(2)
    )


_TYPE_BYTES: dict[int, int] = {TensorType.INT8: 1, TensorType.INT32: 4}


def _bytes(tensor: RawTensor) -> int:
    return _TYPE_BYTES[tensor.type] * prod(tensor.shape)


def _up(value: int, step: int) -> int:
    return -(-value // step) * step


def _aligned(value: int) -> int:
    return _up(value, ALIGNMENT)
