# SPDX-License-Identifier: Apache-2.0
"""Tensor: the integers of one value of the Graph, and what they stand for.

real = scale * (integer - zero_point). Layouts are TFLite's:

    activations            [N, H, W, C]   N = 1; for audio H is time, W is frequency
    Conv2D weights         [C_out, KH, KW, C_in]     one scale per C_out (axis 0)
    DepthwiseConv2D        [1, KH, KW, C_in * multiplier]   one scale per channel (axis 3)
    FullyConnected         [C_out, C_in]             one scale per C_out or one for all (axis 0)
    bias                   [C_out] int32, scale = input scale * weight scale
"""

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray


class DType(StrEnum):
    """Container of one element."""

    INT8 = "int8"
    INT16 = "int16"
    INT32 = "int32"

    @property
    def numpy(self) -> np.dtype[np.signedinteger]:
        """The numpy dtype of the same name."""
        return np.dtype(self.value)

    @property
    def n_bytes(self) -> int:
        """Bytes of one element in its container."""
        return self.numpy.itemsize


class Grid(StrEnum):
    """Which integers a weight of b bits may take (design.md, Numerics)."""

    MID_TREAD = "mid-tread"  # -(2^(b-1)-1) .. 2^(b-1)-1, with a zero
    MID_RISE = "mid-rise"  # odd integers -(2^b-1) .. 2^b-1, no zero


def fits(integers: NDArray[np.signedinteger], bits: int, grid: Grid) -> bool:
    """Whether all of `integers` can stand in a weight of `bits` bits on `grid`.

    Mid-tread takes the lowest integer of two's complement as well, which other people's files use.

    >>> fits(np.array([-3, 1]), 2, Grid.MID_RISE), fits(np.array([-2, 1]), 2, Grid.MID_TREAD)
    (True, True)
    """
    if not integers.size:
        return True
    low, high = int(integers.min()), int(integers.max())
    if grid is Grid.MID_RISE:
        limit = (1 << bits) - 1
        return -limit <= low and high <= limit and bool(np.all(integers & 1))
    return -(1 << (bits - 1)) <= low and high <= (1 << (bits - 1)) - 1


@dataclass(frozen=True)
class Quantisation:
    """Scale and zero point, per tensor (axis None, one entry) or per channel of `axis`.

    scales: float32 values held as Python floats, each > 0.
    zero_point: one integer for the whole tensor; 0 for weights and biases.
    """

    scales: tuple[float, ...]
    zero_point: int = 0
    axis: int | None = None

    @property
    def scale(self) -> float:
        """The one scale of a per-tensor quantisation. Raises ValueError where there are several."""
        if len(self.scales) != 1:
            raise ValueError("a per-channel quantisation has no single scale")
        return self.scales[0]


@dataclass(frozen=True, eq=False)
class Tensor:
    """One value of the Graph: an activation (data None) or a constant.

    bits: 1..8 for weights (the storage width; the container is `dtype`), 8, 16 or 32 otherwise.
    data: C-contiguous, read-only, of `dtype` and `shape`; values on the grid of `bits`.
    """

    name: str
    shape: tuple[int, ...]
    dtype: DType
    quantisation: Quantisation
    bits: int = 8
    grid: Grid = Grid.MID_TREAD
    data: NDArray[np.signedinteger] | None = None

    def __post_init__(self) -> None:
        if self.data is not None:
            fixed = np.ascontiguousarray(self.data, dtype=self.dtype.numpy)
            if fixed is self.data or fixed.base is not None:
                fixed = fixed.copy()
            fixed.flags.writeable = False
            object.__setattr__(self, "data", fixed)

    @property
    def is_constant(self) -> bool:
        """Whether the value is known before the network runs."""
        return self.data is not None

    @property
    def n_elements(self) -> int:
        """Product of the shape."""
        return math.prod(self.shape)

    @property
    def container_bytes(self) -> int:
        """Bytes in whole containers: what RAM holds, and flash where nothing is packed."""
        return self.n_elements * self.dtype.n_bytes

    @property
    def storage_bytes(self) -> int:
        """Bytes when each element takes `bits` bits and the tensor is padded to a whole byte."""
        return (self.n_elements * self.bits + 7) // 8

    @property
    def array(self) -> NDArray[np.signedinteger]:
        """The data of a constant. Raises ValueError for an activation."""
        if self.data is None:
            raise ValueError(f"tensor {self.name} is no constant")
        return self.data
