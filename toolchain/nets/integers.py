# SPDX-License-Identifier: Apache-2.0
"""IntegerNetwork: what training hands to the ONNX writer. Layers and their integers, numpy only."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toolchain.arch.layer import Layer
from toolchain.arch.spec import ArchSpec
from toolchain.arch.weights import EIGHT_BITS, WeightSpec


@dataclass(frozen=True, eq=False)
class IntegerWeights:
    """weights: int8 [C', C / groups, KH, KW] or [C', C]. scales: float32 [C']. bias: int32 [C'].

    bias_scales: float32 [C'], input scale * scales, rounded once to float32. spec: the grid that `weights` are on.
    """

    weights: NDArray[np.int8]
    scales: NDArray[np.float32]
    bias: NDArray[np.int32]
    bias_scales: NDArray[np.float32]
    spec: WeightSpec = EIGHT_BITS


@dataclass(frozen=True, eq=False)
class IntegerLayer:
    """One layer; scale and zero point of its int8 output; weights where it has any."""

    layer: Layer
    scale: float
    zero_point: int
    weights: IntegerWeights | None = None


@dataclass(frozen=True, eq=False)
class IntegerNetwork:
    """An architecture with every integer that is deployed. Its input is int8, scale and zero point as given."""

    arch: ArchSpec
    input_scale: float
    input_zero_point: int
    layers: tuple[IntegerLayer, ...]
