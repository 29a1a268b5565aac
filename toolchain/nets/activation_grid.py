# SPDX-License-Identifier: Apache-2.0
"""ActivationGrid: the integers of one activation, asymmetric, one scale a tensor, -128..127; the range holds 0.

    real = scale * (integer - zero_point)

The gradient passes rounding as if it were not there (straight-through estimator, Bengio et al. 1308.3432) and stops
where a value is clamped.
"""

from typing import Any

import torch
from torch import Tensor, nn

from toolchain.arch.layer import Activation

# The front end's fixed grid: int8 features / 32, zero point 0.
INPUT_SCALE = 1 / 32
INPUT_ZERO_POINT = 0

ACTIVATION_LOW, ACTIVATION_HIGH = -128, 127

# Scales stay normal float32 numbers, also when two are multiplied.
SMALLEST_SCALE = 2.0**-40

# Weight of the newest batch in the averaged range.
RANGE_MOMENTUM = 0.05


class _OnActivationGrid(torch.autograd.Function):
    """round(x / scale) + zero point, clamped, and back to reals: QuantizeLinear and DequantizeLinear of ONNX.

    A written-out Function is many times faster on a CPU than torch's own fake quantiser, and divides as ONNX does,
    where torch multiplies by the reciprocal. The backward pass is hardtanh's, whose bounds are the first integers
    beyond the grid: one quick pass, where a mask of bools takes ten times as long.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, zero_point: Tensor) -> Tensor:
        steps = (x / scale).round_().add_(zero_point)
        ctx.save_for_backward(steps)
        return steps.clamp(ACTIVATION_LOW, ACTIVATION_HIGH).sub_(zero_point).mul_(scale)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (steps,) = ctx.saved_tensors
        passed = torch.ops.aten.hardtanh_backward(gradients[0], steps, ACTIVATION_LOW - 1, ACTIVATION_HIGH + 1)
        return passed, None, None


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
        low, high = x.detach().amin(), x.detach().amax()  # aminmax is ten times slower on channels-last maps
        low = low.clamp_max(0) if self.activation is Activation.NONE else torch.zeros_like(low)
        high = high.clamp(0, 6) if self.activation is Activation.RELU6 else high.clamp_min(0)
        weight = torch.where(self.batches == 0, 1.0, RANGE_MOMENTUM)
        self.low += weight * (low - self.low)
        self.high += weight * (high - self.high)
        self.batches += 1
        span = self.high - self.low
        self.scale.copy_((span / (ACTIVATION_HIGH - ACTIVATION_LOW)).clamp_min(SMALLEST_SCALE))
        self.zero_point.copy_(
            torch.round(ACTIVATION_LOW - self.low / self.scale).clamp_(ACTIVATION_LOW, ACTIVATION_HIGH)
        )

    def forward(self, x: Tensor) -> Tensor:
        """x before its activation -> the reals of its int8 integers, activation included."""
        return _OnActivationGrid.apply(x, self.scale, self.zero_point)  # type: ignore[no-any-return, no-untyped-call]
