# SPDX-License-Identifier: Apache-2.0
"""Weights and bias of one layer on the way from the file to the Graph: exact, as long as the Graph can say it.

What a file has between the product and QuantizeLinear (batch norm, a bias added later, alpha and beta of Gemm) is an
affine map of each output channel. It never touches the integers of the weights, but for a sign: the factor goes into
the channel's scale, the rest into the bias. So folding is exact, where folding float weights and quantising again
would not be.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from toolchain.errors import ModelError
from toolchain.graph.onnx_in.node import Node
from toolchain.graph.onnx_in.values import QuantisedConstant
from toolchain.graph.tensor import Grid, fits

INT32_MAX = (1 << 31) - 1

# How far (in steps of the output) a weight may be off after its channel's scale had to be raised, see `_refitted`.
REFIT_TOLERANCE = 2.0**-10


# How far (in steps of the output) a bias may be off on its grid before the grid is made finer, see `_refined`.
BIAS_TOLERANCE = 1 / 8


@dataclass(frozen=True, eq=False)
class Weights:
    """integers: int64, on the grid of `bits` and `grid`; `axis` is the output channel. scales: float64 [C].

    bias: real numbers, float64 [C], or None.
    """

    integers: NDArray[np.int64]
    axis: int
    scales: NDArray[np.float64]
    bits: int
    bias: NDArray[np.float64] | None = None
    grid: Grid = Grid.MID_TREAD

    @property
    def channels(self) -> int:
        """Number of output channels."""
        return int(self.integers.shape[self.axis])

    @property
    def _column(self) -> tuple[int, ...]:
        """Shape in which a value per channel broadcasts against the integers."""
        return tuple(self.channels if axis == self.axis else 1 for axis in range(self.integers.ndim))

    def reshaped(self, shape: tuple[int, ...]) -> "Weights":
        """The same integers with axes of size 1 added or taken away behind the output channel's."""
        return replace(self, integers=self.integers.reshape(shape))

    def transposed(self, permutation: tuple[int, ...]) -> "Weights":
        """The same with its axes in another order."""
        return replace(self, integers=self.integers.transpose(permutation), axis=permutation.index(self.axis))

    def reordered(self, order: NDArray[np.intp]) -> "Weights":
        """The same with its last axis permuted: step i along it was `order[i]`."""
        return replace(self, integers=self.integers[..., order])

    def with_bias(self, bias: NDArray[np.float64] | None) -> "Weights":
        """The same with a bias of real numbers [C]."""
        return replace(self, bias=bias)

    def with_affine(self, gain: NDArray[np.float64], shift: NDArray[np.float64]) -> "Weights":
        """The layer that computes gain * (what it was) + shift; both [C], finite.

        A negative gain flips the integers; a gain of 0 empties the channel. Raises ModelError where a flipped
        integer does not fit its bits.
        """
        integers = self.integers * np.sign(gain).astype(np.int64).reshape(self._column)
        if self.grid is Grid.MID_TREAD and integers.max(initial=0) > (1 << (self.bits - 1)) - 1:
            raise ModelError(
                f"a negative factor behind weights that use {-(1 << (self.bits - 1))}: the flipped weight does not fit "
                f"{self.bits} bits; quantise the weights to a symmetric range"
            )
        scales = np.where(gain == 0, self.scales, self.scales * np.abs(gain))
        bias = shift if self.bias is None else self.bias * gain + shift
        return replace(self, scales=scales, bias=bias if np.any(bias) else None)._with_integers(integers)

    def _with_integers(self, integers: NDArray[np.int64]) -> "Weights":
        """The same with other integers, on the same grid where they lie on it, else on the narrowest with a zero."""
        if fits(integers, self.bits, self.grid):
            return replace(self, integers=integers)
        return replace(self, integers=integers, bits=max(self.bits, signed_bits(integers)), grid=Grid.MID_TREAD)

    def on_grid(self, input_scale: float, output_scale: float) -> tuple["Weights", NDArray[np.int64] | None]:
        """(weights with float32 scales, bias as int32 at input scale * weight scale), ready for the Graph.

        The bias is rounded half to even. Narrow weights may come out wider (see `_refined`). Raises ModelError naming
        the channel whose accumulator cannot be held in 32 bits.
        """
        scales = self.scales.astype(np.float32).astype(np.float64)
        if not np.all(np.isfinite(scales) & (scales > 0)):
            raise ModelError("a weight scale is not a finite number above 0 once the factors behind it are folded in")
        weights = replace(self, scales=scales)._refined(input_scale, output_scale)
        for channel in np.flatnonzero(weights._reach(input_scale) > INT32_MAX):
            weights = weights._refitted(int(channel), input_scale, output_scale)
        if weights.bias is None:
            return weights, None
        if not weights.bias_scales(input_scale).all():
            raise ModelError("input scale times weight scale is too small for float32, so the bias has no grid")
        return weights, np.rint(weights.bias / weights.bias_scales(input_scale)).astype(np.int64)

    def bias_scales(self, input_scale: float) -> NDArray[np.float64]:
        """Scale of each channel's bias: input scale * weight scale, in float32 as producers of int32 biases write it.

        So integers that a file has on that scale come through as they are.
        """
        return (np.float32(input_scale) * self.scales.astype(np.float32)).astype(np.float64)

    def _refined(self, input_scale: float, output_scale: float) -> "Weights":
        """The same numbers with weights times 2^k and scales by 2^-k, where the bias needs a finer grid.

        A file may have a float bias beside weights of 2 or 4 bits. On the grid input scale * weight scale it can then
        be off by whole steps of the output. k is the smallest that brings it within BIAS_TOLERANCE, as far as int8 has
        room; a bias that lies on its grid already (int32 in the file) never moves.
        """
        if self.bias is None:
            return self
        room = max(127 // max(int(np.abs(self.integers).max(initial=1)), 1), 1).bit_length() - 1
        for k in range(room + 1):
            step = input_scale * self.scales * 0.5**k
            error = np.abs(self.bias - np.rint(self.bias / step) * step).max(initial=0) / output_scale
            if error <= BIAS_TOLERANCE:
                break
        if not k:
            return self
        return replace(self, scales=self.scales * 0.5**k)._with_integers(self.integers << k)

    def _reach(self, input_scale: float) -> NDArray[np.float64]:
        """Per channel, the largest magnitude that bias plus products can have, in units of the accumulator."""
        others = tuple(axis for axis in range(self.integers.ndim) if axis != self.axis)
        products = np.abs(self.integers).sum(axis=others) * 255.0
        bias = np.zeros(self.channels) if self.bias is None else self.bias
        return np.asarray(products + np.abs(bias) / (input_scale * self.scales))

    def _refitted(self, channel: int, input_scale: float, output_scale: float) -> "Weights":
        """The same with a larger scale for one channel, so that its bias fits.

        Trained networks have channels whose weights have died (1e-20 and the like) and whose bias lives on. The
        weights are then rounded to the larger scale, which is allowed as long as the output cannot notice.
        """
        row = np.take(self.integers, channel, axis=self.axis)
        bias, old = 0.0 if self.bias is None else float(self.bias[channel]), float(self.scales[channel])
        headroom = INT32_MAX / 2 - np.abs(row).sum() * 255.0
        raised = float(np.float32(max(abs(bias) / (input_scale * max(headroom, 1.0)), old)))
        rounded = np.rint(row * (old / raised)).astype(np.int64)
        noticed = np.abs(rounded * raised - row * old).sum() * 255 * input_scale / output_scale
        integers, scales = self.integers.copy(), self.scales.copy()
        np.moveaxis(integers, self.axis, 0)[channel] = rounded
        scales[channel] = raised
        refitted = replace(self, scales=scales)._with_integers(integers)
        if not (headroom >= 1 and noticed <= REFIT_TOLERANCE and refitted._reach(input_scale)[channel] <= INT32_MAX):
            raise ModelError(
                f"output channel {channel}: bias {bias:g} at input scale {input_scale:g} and weight scale {old:g} does "
                "not fit a 32-bit accumulator"
            )
        return refitted


def signed_bits(integers: NDArray[np.int64]) -> int:
    """The smallest number of bits, in two's complement, that holds all of `integers`.

    >>> signed_bits(np.array([-8, 7])), signed_bits(np.array([8]))
    (4, 5)
    """
    low, high = int(integers.min(initial=0)), int(integers.max(initial=0))
    return max((-low - 1).bit_length() if low < 0 else 0, high.bit_length()) + 1


def layer_weights(node: Node, constant: QuantisedConstant, out_axis: int) -> Weights:
    """Weights of a layer, one scale per output channel, axes as in the file.

    Raises ModelError for asymmetric weights that do not fit int8, and for scales that vary within an output channel.
    """
    integers, grid = constant.integers, constant.grid
    bits = min(constant.bits, 8)
    if not fits(integers, bits, grid):  # a zero point has moved them, or their type is wider than 8 bits
        bits, grid = max(bits, signed_bits(integers)), Grid.MID_TREAD
    if bits > 8:
        raise ModelError(
            f"{node}: its weights are asymmetric: less their zero point they reach {integers.min()}..{integers.max()}, "
            "outside int8. "
            "Quantise weights symmetrically (int8 with zero point 0, or uint8 with zero point 128)"
        )
    rows = np.moveaxis(constant.scales, out_axis, 0).reshape(integers.shape[out_axis], -1)
    if not np.all(rows == rows[:, :1]):
        raise ModelError(
            f"{node}: its weights have several scales within one output channel (along another axis, or in blocks); "
            "supported are one scale for all, or one for each output channel"
        )
    return Weights(integers, out_axis, rows[:, 0].astype(np.float64), bits, grid=grid)


def bias_of(node: Node, bias: NDArray[np.float64] | None, channels: int) -> NDArray[np.float64] | None:
    """A bias as [channels], from whatever shape broadcasts to that; None where it is None or all 0."""
    if bias is None:
        return None
    if bias.size not in (1, channels) or max(bias.shape, default=1) != bias.size:
        raise ModelError(f"{node}: a bias of shape {list(bias.shape)} does not fit {channels} output channels")
    flat = np.broadcast_to(bias.reshape(-1), (channels,))
    return flat if np.any(flat) else None
