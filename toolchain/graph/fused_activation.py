# SPDX-License-Identifier: Apache-2.0
"""TFLite's fused activations as ranges of integers, and back. The Graph itself knows ranges only (ops.Clamp).

Source: CalculateActivationRangeQuantized, tflite-micro, tensorflow/lite/kernels/kernel_util.cc: a bound b becomes
zero point + round(b / scale), the division in float32, halves away from zero, held within int8.
"""

import math
from enum import IntEnum

import numpy as np

from toolchain.graph.ops import Clamp
from toolchain.graph.tensor import Quantisation


class FusedActivation(IntEnum):
    """Values of ActivationFunctionType in TFLite's schema.fbs. TANH and SIGN_BIT are no clamps."""

    NONE = 0
    RELU = 1
    RELU_N1_TO_1 = 2
    RELU6 = 3


_BOUNDS = {
    FusedActivation.NONE: (-math.inf, math.inf),
    FusedActivation.RELU: (0.0, math.inf),
    FusedActivation.RELU_N1_TO_1: (-1.0, 1.0),
    FusedActivation.RELU6: (0.0, 6.0),
}


def activation_range(activation: FusedActivation, output: Quantisation) -> Clamp:
    """The integers that `activation` lets through, on the grid `output`.

    >>> activation_range(FusedActivation.RELU6, Quantisation((1 / 16,), zero_point=-8))
    Clamp(low=-8, high=88)
    """
    low, high = (_quantised(bound, output) for bound in _BOUNDS[activation])
    return Clamp(low, high)


def activation_of_range(clamp: Clamp, output: Quantisation) -> FusedActivation | None:
    """The activation whose range is `clamp` on the grid `output`, the simplest first; None if there is none."""
    simplest_first = (FusedActivation.NONE, FusedActivation.RELU, FusedActivation.RELU6, FusedActivation.RELU_N1_TO_1)
    return next((each for each in simplest_first if activation_range(each, output) == clamp), None)


def _quantised(bound: float, output: Quantisation) -> int:
    if math.isinf(bound):
        return 127 if bound > 0 else -128
    steps = float(np.float32(bound) / np.float32(output.scale))
    rounded = math.floor(abs(steps) + 0.5) * (1 if steps > 0 else -1)
    return max(-128, min(127, output.zero_point + rounded))
