# SPDX-License-Identifier: Apache-2.0
"""What several operators of the reference interpreter share: borders, windows, the step from int32 to int8.

Every value carries one more axis in front, the inputs of a batch: int8 [N, *tensor.shape].
"""

from collections.abc import Iterator, Mapping
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from toolchain.graph.fixedpoint import Int64, multiply_rounding_twice, wrap_int32
from toolchain.graph.graph import Graph
from toolchain.graph.ops import AveragePool2D, Conv2D, DepthwiseConv2D, FullyConnected, MaxPool2D, Padding, Pair
from toolchain.graph.requantisation import Requantisation

Batch = NDArray[np.int8]
Values = Mapping[str, Batch]

Number = TypeVar("Number", bound=np.generic)


def bordered(x: NDArray[Number], padding: Padding, value: int) -> NDArray[Number]:
    """[N, 1, H, W, C] with a border of `value`."""
    around = ((0, 0), (0, 0), (padding.top, padding.bottom), (padding.left, padding.right), (0, 0))
    return np.pad(x, around, constant_values=value)


def padded_with_zero_point(graph: Graph, name: str, padding: Padding, values: Values) -> Int64:
    """The input of a convolution less its zero point, int64 [N, 1, H', W', C]: the border is 0."""
    return bordered(values[name].astype(np.int64) - graph.tensor(name).quantisation.zero_point, padding, 0)


def windows(
    x: NDArray[Number], kernel: tuple[int, ...], positions: tuple[int, int], stride: Pair, dilation: Pair
) -> Iterator[tuple[int, int, NDArray[Number]]]:
    """For each (kh, kw) of the kernel the elements of x [N, H, W, C] that it meets: [N, OH, OW, C]."""
    for kh in range(kernel[0]):
        for kw in range(kernel[1]):
            top, left = kh * dilation.h, kw * dilation.w
            bottom, right = top + (positions[0] - 1) * stride.h + 1, left + (positions[1] - 1) * stride.w + 1
            yield kh, kw, x[:, top : bottom : stride.h, left : right : stride.w]


def pool_windows(
    x: NDArray[Number], op: AveragePool2D | MaxPool2D, positions: tuple[int, int]
) -> Iterator[tuple[int, int, NDArray[Number]]]:
    """For each output position the part of its window that lies inside x [N, H, W, C]: [N, h, w, C]."""
    for row in range(positions[0]):
        for column in range(positions[1]):
            top, left = row * op.stride.h - op.padding.top, column * op.stride.w - op.padding.left
            yield row, column, x[:, max(top, 0) : top + op.window.h, max(left, 0) : left + op.window.w]


def requantised(
    graph: Graph, op: Conv2D | DepthwiseConv2D | FullyConnected, acc: Int64, requantisation: Requantisation
) -> Batch:
    """Accumulators [..., C] without bias -> int8: bias, factor of the channel, output zero point, clamp."""
    bias = 0 if op.bias is None else graph.tensor(op.bias).array.astype(np.int64)
    y = multiply_rounding_twice(wrap_int32(acc + bias), requantisation.multipliers, requantisation.shifts)
    y = wrap_int32(y + graph.tensor(op.output).quantisation.zero_point)
    return np.clip(y, *op.activation).astype(np.int8)
