# SPDX-License-Identifier: Apache-2.0
"""What a tensor of an ONNX file can be while it is read: the kinds of value that handlers take and give.

    Constant              a known array: an initialiser, or computed from some
    QuantisedConstant     a known array as integers and scales: weights behind DequantizeLinear
    ModelInput            an input of the file, before its QuantizeLinear
    Integers              behind QuantizeLinear: the bytes of a Graph tensor
    Activation            behind DequantizeLinear: the same tensor, as the real numbers it stands for
    Pending               a float result that waits for a QuantizeLinear to say on which grid (recipes.py)

Integer operators in float clothes: a float operator between DequantizeLinear and QuantizeLinear *is* the integer
operator of the Graph, and nothing is computed in float.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from toolchain.graph.onnx_in.integer_types import IntegerType
from toolchain.graph.onnx_in.layout import Layout
from toolchain.graph.ops import Clamp
from toolchain.graph.tensor import Grid, Quantisation

if TYPE_CHECKING:
    from toolchain.graph.onnx_in.builder import Builder


@dataclass(frozen=True, eq=False)
class Constant:
    """A known array. bits: width of its integers where QuantizeLinear, Clip, a narrow type or metadata set one."""

    array: NDArray[np.generic]
    bits: int | None = None
    grid: Grid = Grid.MID_TREAD


@dataclass(frozen=True, eq=False)
class QuantisedConstant:
    """real = integers * scales. Both int64 / float32 of one shape (scales often a broadcast view).

    integers are what is left when the zero point has been subtracted. bits, grid: storage of one integer.
    """

    integers: NDArray[np.int64]
    scales: NDArray[np.float32]
    bits: int
    grid: Grid = Grid.MID_TREAD

    @property
    def real(self) -> NDArray[np.float64]:
        """The numbers that the integers stand for."""
        return self.integers.astype(np.float64) * self.scales.astype(np.float64)


@dataclass(frozen=True, eq=False)
class ModelInput:
    """An input of the file, float (dtype "float32") or already int8/uint8.

    gain: real value at this place / real value at the input; a positive factor in front of QuantizeLinear.
    """

    name: str
    dtype: str
    layout: Layout
    gain: float = 1.0


@dataclass(frozen=True, eq=False)
class Integers:
    """The bytes of Graph tensor `tensor`. type: of the file's integers, which are the Graph's plus its offset."""

    tensor: str
    layout: Layout
    quantisation: Quantisation
    type: IntegerType


@dataclass(frozen=True, eq=False)
class Activation:
    """The real numbers that Graph tensor `tensor` stands for."""

    tensor: str
    layout: Layout
    quantisation: Quantisation


class Recipe(ABC):
    """How the Graph computes a Pending, whatever grid it is asked for. One class an operator, in recipes.py."""

    @property
    def natural(self) -> Quantisation | None:
        """The grid on which the result lies exactly without any QuantizeLinear; None where there is none."""
        return None

    @property
    def depth(self) -> int:
        """How many Pendings stand behind one another here, this one included."""
        return 1

    @abstractmethod
    def emit(self, builder: "Builder", label: str, quantisation: Quantisation, clamp: Clamp) -> str:
        """Append the operator; return the name of the tensor it writes, which has `quantisation`."""


@dataclass(frozen=True, eq=False)
class Pending:
    """A float result, to be computed by `recipe` once its grid is known, then held within low..high (real numbers).

    origin: the ONNX node, for messages. label: what the Graph's operator will be called.
    """

    recipe: Recipe
    layout: Layout
    origin: str
    label: str
    low: float = -np.inf
    high: float = np.inf

    def clamped(self, low: float, high: float) -> "Pending":
        """Within low..high on top of what it was; as ONNX's Clip, the upper bound wins where the two cross."""
        return replace(self, low=min(max(self.low, low), high), high=min(max(self.high, low), high))

    @property
    def is_clamped(self) -> bool:
        """Whether any bound is set."""
        return self.low > -np.inf or self.high < np.inf

    @property
    def natural(self) -> Quantisation | None:
        """The recipe's own grid, if the bounds lie on it or beyond it: then the result is exact there."""
        grid = self.recipe.natural
        if grid is None:
            return None
        for bound in (self.low, self.high):
            integer = quantised(bound, grid)
            if -128 < integer < 127 and np.float32((integer - grid.zero_point) * grid.scale) != np.float32(bound):
                return None
        return grid


def quantised(real: float, quantisation: Quantisation) -> int:
    """QuantizeLinear of one number: float32 division, round half to even, saturate to int8.

    >>> quantised(6.0, Quantisation((0.1,), -128))
    -68
    """
    if np.isinf(real):
        return 127 if real > 0 else -128
    with np.errstate(over="ignore"):
        steps = np.rint(np.float32(real) / np.float32(quantisation.scale))
    return int(np.clip(steps + quantisation.zero_point, -128, 127))


Known = Constant | QuantisedConstant
Source = Activation | Pending
Value = Known | Source | ModelInput | Integers
