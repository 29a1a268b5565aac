# SPDX-License-Identifier: Apache-2.0
"""How real numbers become integers while training: weights per channel, biases, activations per tensor.

Each definition stands here once; quantised.py uses it in the forward pass and takes the very same integers out of it
when the network is written. A gradient passes rounding as if it were not there (straight-through estimator, Bengio et
al. 1308.3432) and stops where a value is clamped.

    real = scale * (integer - zero_point)

    weights      symmetric, one scale a channel, zero point 0, mid-tread: -127..127 at 8 bits
    bias         int32, scale = input scale * weight scale of the channel, zero point 0
    activations  asymmetric, one scale a tensor, -128..127; the range always holds 0

A grid of other widths or without a zero is one more class beside MidTread, chosen by `weight_grid`.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from toolchain.arch.layer import Activation
from toolchain.errors import ModelError

# The front end's fixed grid: int8 features / 32, zero point 0.
INPUT_SCALE = 1 / 32
INPUT_ZERO_POINT = 0

ACTIVATION_LOW, ACTIVATION_HIGH = -128, 127

# A bias keeps within a quarter of int32, so that adding the accumulator cannot overflow.
_LARGEST_BIAS = 1 << 29
# Scales stay normal float32 numbers, also when two are multiplied.
_SMALLEST_SCALE = 2.0**-40

# Weight of the newest batch in the averaged range.
RANGE_MOMENTUM = 0.05


@dataclass(frozen=True)
class MidTread:
    """Symmetric grid with a zero: integers -(2^(bits-1) - 1) .. 2^(bits-1) - 1, largest magnitude on the last step."""

    bits: int

    @property
    def limit(self) -> int:
        """Largest integer."""
        return int((1 << (self.bits - 1)) - 1)

    def scales(self, weight: Tensor) -> Tensor:
        """weight: [C', ...] -> one scale a channel, [C']; 0 for a channel of zeros."""
        return weight.detach().flatten(1).abs().amax(1) / self.limit

    def integers(self, weight: Tensor, scales: Tensor) -> Tensor:
        """Integers of `weight`, as floats: rounded half to even, within the grid."""
        return torch.clamp(torch.round(weight / _per_channel(scales, weight)), -self.limit, self.limit)


def weight_grid(bits: int) -> MidTread:
    """The grid of weights of `bits` bits. Raises ModelError for a width that cannot be trained."""
    if bits != 8:
        raise ModelError(f"weights of {bits} bits cannot be trained by this version; --weight-bits must be 8")
    return MidTread(bits)


def channel_scales(grid: MidTread, weight: Tensor, bias: Tensor, input_scale: Tensor) -> Tensor:
    """One scale a channel: as fine as the weights allow, coarse enough for the bias to fit int32.

    A channel whose weights have died still has a bias, which a scale taken from the weights alone would overflow.
    """
    for_bias = bias.detach().abs() / (input_scale * _LARGEST_BIAS)
    return torch.maximum(grid.scales(weight), for_bias).clamp_min(_SMALLEST_SCALE)


def quantise_weight(grid: MidTread, weight: Tensor, scales: Tensor) -> Tensor:
    """The reals that `weight` becomes on the grid; gradients pass unchanged."""
    with torch.no_grad():
        on_grid = grid.integers(weight, scales) * _per_channel(scales, weight)
    return _through(weight, on_grid)


def bias_integers(bias: Tensor, scales: Tensor) -> Tensor:
    """bias [C'] on the int32 grid of `scales` [C'] (input scale * weight scale), integers as floats."""
    return torch.round(bias / scales)


def quantise_bias(bias: Tensor, scales: Tensor) -> Tensor:
    """The reals that `bias` becomes; gradients pass unchanged."""
    with torch.no_grad():
        on_grid = bias_integers(bias, scales) * scales
    return _through(bias, on_grid)


def _per_channel(scales: Tensor, weight: Tensor) -> Tensor:
    return scales.view(-1, *(1,) * (weight.dim() - 1))


def _through(value: Tensor, on_grid: Tensor) -> Tensor:
    """on_grid forward, the gradient of `value` backward."""
    return _StraightThrough.apply(value, on_grid)  # type: ignore[no-any-return, no-untyped-call]


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor, on_grid: Tensor) -> Tensor:
        return on_grid

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None


class _OnActivationGrid(torch.autograd.Function):
    """round(x / scale) + zero point, clamped, and back to reals: QuantizeLinear and DequantizeLinear of ONNX.

    A written-out Function is nearly twice as fast on a CPU as torch's own fake quantiser, and divides as ONNX does,
    where torch multiplies by the reciprocal.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, zero_point: Tensor) -> Tensor:
        steps = (x / scale).round_().add_(zero_point)
        ctx.save_for_backward((steps >= ACTIVATION_LOW) & (steps <= ACTIVATION_HIGH))
        return steps.clamp_(ACTIVATION_LOW, ACTIVATION_HIGH).sub_(zero_point).mul_(scale)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (inside,) = ctx.saved_tensors
        return gradients[0] * inside, None, None


class ActivationGrid(nn.Module):
    """Range of one activation: averaged over batches while it `learns`, fixed afterwards.

    ReLU and ReLU6 are part of it: the range starts at 0 (zero point -128), so that clamping to int8 is the ReLU, and
    ends at 6 or below. State: low and high (averaged extremes), scale and zero_point (what is deployed).
    """

    low: Tensor
    high: Tensor
    scale: Tensor
    zero_point: Tensor
    batches: Tensor

    def __init__(self, activation: Activation) -> None:
        super().__init__()
        self.activation = activation
        self.register_buffer("low", torch.zeros(()))
        self.register_buffer("high", torch.zeros(()))
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("zero_point", torch.zeros(()))
        self.register_buffer("batches", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def observe(self, x: Tensor) -> None:
        """Take the extremes of one batch, before its activation, into the averages."""
        low, high = torch.aminmax(x.detach())
        low = low.clamp_max(0) if self.activation is Activation.NONE else torch.zeros_like(low)
        high = high.clamp(0, 6) if self.activation is Activation.RELU6 else high.clamp_min(0)
        weight = torch.where(self.batches == 0, 1.0, RANGE_MOMENTUM)
        self.low += weight * (low - self.low)
        self.high += weight * (high - self.high)
        self.batches += 1
        span = self.high - self.low
        self.scale.copy_((span / (ACTIVATION_HIGH - ACTIVATION_LOW)).clamp_min(_SMALLEST_SCALE))
        self.zero_point.copy_(
            torch.round(ACTIVATION_LOW - self.low / self.scale).clamp_(ACTIVATION_LOW, ACTIVATION_HIGH)
        )

    def forward(self, x: Tensor) -> Tensor:
        """x before its activation -> the reals of its int8 integers, activation included."""
        return _OnActivationGrid.apply(x, self.scale, self.zero_point)  # type: ignore[no-any-return, no-untyped-call]
