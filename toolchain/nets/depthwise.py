# SPDX-License-Identifier: Apache-2.0
"""Depthwise convolution whose weights' gradient is quick on a CPU also where the kernel is larger than 3 x 3.

oneDNN, torch's library for CPUs, has that gradient for depthwise kernels up to 3 x 3; a larger one it treats as a dense
convolution of 16 channels to 16. So the gradient is put together from smaller ones: the taps of a kernel that lie
`stride` apart read every `stride`-th pixel at stride 1, and 3 x 3 of these at a time are one call.

    5 x 5, stride 1    A A A B B        7 x 7, stride 2    a b a b a b a      all a: one 4 x 4 kernel over the even
                       A A A B B                           c d c d c d c      pixels, in blocks 3 x 3, 3 x 1, 1 x 3,
                       A A A B B                           a b a b a b a      1 x 1
                       C C C D D                           ...
                       C C C D D

Measured, 1 thread, 100 clips, 88 channels, 7 x 7: 15 ms become 4 (13 x 5 pixels), 20 become 7 (31 x 15, stride 2).
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

# Largest kernel side that the library has a depthwise gradient for.
_BLOCK = 3


def depthwise(
    x: Tensor, weight: Tensor, bias: Tensor | None, stride: tuple[int, int], padding: tuple[int, int]
) -> Tensor:
    """What F.conv2d gives. x: [N, C, H, W]. weight: [C, 1, KH, KW]. bias: [C]. padding: rows, columns at either end."""
    if x.device.type != "cpu" or max(weight.shape[2:]) <= _BLOCK:
        return F.conv2d(x, weight, bias, stride, padding, groups=len(weight))
    padded = F.pad(x, (padding[1], padding[1], padding[0], padding[0])) if any(padding) else x
    sums: Tensor = _InBlocks.apply(padded, weight, stride)  # type: ignore[no-untyped-call]
    return sums if bias is None else sums + bias[:, None, None]


class _InBlocks(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: tuple[int, int]) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride = stride
        return F.conv2d(x, weight, None, stride, groups=len(weight))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x, weight = ctx.saved_tensors
        (gradient,) = gradients
        for_x = _gradients(gradient, x, weight, ctx.stride, x_wanted=True)[0] if ctx.needs_input_grad[0] else None
        for_weight = _weight_gradient(gradient, x, weight, ctx.stride) if ctx.needs_input_grad[1] else None
        return for_x, for_weight, None


def _weight_gradient(gradient: Tensor, x: Tensor, weight: Tensor, stride: tuple[int, int]) -> Tensor:
    height, width = gradient.shape[2:]
    result = torch.empty_like(weight)
    for top in range(stride[0]):
        for left in range(stride[1]):
            pixels, taps = (
                x[:, :, top :: stride[0], left :: stride[1]],
                result[:, :, top :: stride[0], left :: stride[1]],
            )
            for row in range(0, taps.shape[2], _BLOCK):
                for column in range(0, taps.shape[3], _BLOCK):
                    block = taps[:, :, row : row + _BLOCK, column : column + _BLOCK]
                    high, wide = block.shape[2:]
                    read = pixels[:, :, row : row + height - 1 + high, column : column + width - 1 + wide]
                    read = read.contiguous(memory_format=torch.channels_last)
                    block.copy_(_gradients(gradient, read, block, (1, 1), x_wanted=False)[1])
    return result


def _gradients(gradient: Tensor, x: Tensor, weight: Tensor, stride: tuple[int, int], *, x_wanted: bool) -> list[Tensor]:
    """[of x, of weight, of the bias]: one of the first two."""
    found: list[Tensor] = torch.ops.aten.convolution_backward(
        gradient, x, weight, None, stride, (0, 0), (1, 1), False, (0, 0), len(weight), (x_wanted, not x_wanted, False)
    )
    return found
