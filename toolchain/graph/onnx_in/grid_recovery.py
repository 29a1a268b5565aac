# SPDX-License-Identifier: Apache-2.0
"""Grid recovery: integer weights out of float ones that lie exactly on a grid.

Tools that fold constants (onnxsim, tf2onnx, ONNX Runtime's optimiser) compute QuantizeLinear -> DequantizeLinear on
constant weights and leave the float result: scale * integer, the scale lost. Where every weight of an output channel
is such a multiple, the integers are found again, and mean the same numbers; float weights that were never quantised
have no such grid and are refused.
"""

import numpy as np
from numpy.typing import NDArray

# Largest integer that symmetric 8-bit quantisers use, and one more for those that use -128.
LARGEST = 128

MAX_ELEMENTS = 1 << 22

# A product in float32 and the division that recovers its scale each round once, by at most 2^-24 of the value.
TOLERANCE = 2.0**-22


def recovered(weights: NDArray[np.float64], out_axis: int) -> tuple[NDArray[np.int64], NDArray[np.float32]] | None:
    """(integers, scales) of the shape of `weights`, one scale for each index of `out_axis`; None if there is none.

    `weights`: finite. More than MAX_ELEMENTS are not searched.
    """
    if weights.size > MAX_ELEMENTS:
        return None
    rows = np.moveaxis(weights, out_axis, 0)
    found = [_channel(row.reshape(-1)) for row in rows]
    integers = np.empty(rows.shape, np.int64)
    scales = np.empty(rows.shape, np.float32)
    for index, channel in enumerate(found):
        if channel is None:
            return None
        integers[index] = channel[0].reshape(rows.shape[1:])
        scales[index] = channel[1]
    return np.moveaxis(integers, 0, out_axis), np.moveaxis(scales, 0, out_axis)


def _channel(values: NDArray[np.float64]) -> tuple[NDArray[np.int64], float] | None:
    """(integers, scale) of one channel, by the coarsest grid on which all its values lie."""
    largest = float(np.abs(values).max(initial=0))
    if largest == 0:
        return np.zeros(values.shape, np.int64), 1.0
    for steps in range(1, LARGEST + 1):
        scale = largest / steps
        integers = np.rint(values / scale)
        if np.all(np.abs(integers * scale - values) <= TOLERANCE * np.abs(values)) and integers.max() < LARGEST:
            return integers.astype(np.int64), scale
    return None
