# SPDX-License-Identifier: Apache-2.0
"""The depthwise convolution put together from blocks has torch's own values and gradients."""

import pytest
import torch
import torch.nn.functional as F

from toolchain.nets.depthwise import depthwise


@pytest.mark.parametrize("kernel", [(5, 5), (7, 7), (4, 1), (1, 9), (7, 2), (3, 3)])
@pytest.mark.parametrize("stride", [(1, 1), (2, 2), (1, 3), (2, 1)])
@pytest.mark.parametrize("padding", [(0, 0), (3, 2)])
@pytest.mark.parametrize("biased", [False, True])
def test_depthwise_has_the_values_and_gradients_of_torch(kernel, stride, padding, biased):
    draw = torch.Generator().manual_seed(7)
    x = torch.randn(3, 6, 11, 13, generator=draw, dtype=torch.float64).to(memory_format=torch.channels_last)
    weight = torch.randn(6, 1, *kernel, generator=draw, dtype=torch.float64)
    bias = torch.randn(6, generator=draw, dtype=torch.float64) if biased else None
    inputs = [value.requires_grad_() for value in (x, weight, bias) if value is not None]

    found = depthwise(x, weight, bias, stride, padding)
    expected = F.conv2d(x, weight, bias, stride, padding, groups=6)
    torch.testing.assert_close(found, expected)

    wanted = torch.randn(expected.shape, generator=draw, dtype=torch.float64)
    torch.testing.assert_close(
        torch.autograd.grad(found, inputs, wanted), torch.autograd.grad(expected, inputs, wanted)
    )
