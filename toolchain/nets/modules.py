# SPDX-License-Identifier: Apache-2.0
"""FloatNetwork: the torch module of an ArchSpec, one unit for each primitive layer that `layers(arch)` lists.

What is quantised stands in quantised.py. Maps are NCHW in torch's words, stored channels-last, which makes
depthwise convolution and batch norm twice as fast on a CPU; H is time, W is frequency.
"""

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from toolchain.arch.layer import (
    NETWORK_INPUT,
    Activation,
    Add,
    Conv,
    Dense,
    Depthwise,
    GlobalAveragePool,
    Layer,
)
from toolchain.arch.spec import ArchSpec, BatchNorm, Initialiser
from toolchain.nets.depthwise import depthwise


class Window(nn.Module):
    """Explicit padding, convolution, batch norm, activation: the unit of Conv and Depthwise."""

    def __init__(self, layer: Conv | Depthwise, batch_norm: BatchNorm) -> None:
        super().__init__()
        self.layer = layer
        channels = layer.output_shape.c
        self.conv = nn.Conv2d(
            layer.input_shape.c,
            channels,
            (layer.kernel.h, layer.kernel.w),
            (layer.stride.h, layer.stride.w),
            groups=channels if isinstance(layer, Depthwise) else 1,
            bias=not layer.batch_norm,
        )
        self.norm = (
            nn.BatchNorm2d(channels, eps=batch_norm.epsilon, momentum=batch_norm.momentum)
            if layer.batch_norm
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        """x: [N, C, H, W] -> [N, C', H', W']."""
        return activate(self.norm(convolve(x, self.layer, self.conv.weight, self.conv.bias)), self.layer.activation)


class Sum(nn.Module):
    """The unit of Add."""

    def __init__(self, layer: Add) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor, other: Tensor) -> Tensor:
        """Two maps of one shape -> their sum."""
        return activate(x + other, self.layer.activation)


class Pool(nn.Module):
    """The unit of GlobalAveragePool: [N, C, H, W] -> [N, C]."""

    def forward(self, x: Tensor) -> Tensor:
        """Mean over H and W."""
        return x.mean((2, 3))


class Connected(nn.Module):
    """The unit of Dense: sums over a whole map, batch norm if the layer has it, activation."""

    def __init__(self, layer: Dense, batch_norm: BatchNorm) -> None:
        super().__init__()
        self.layer = layer
        outputs = layer.output_shape.n_elements
        self.linear = nn.Linear(layer.input_shape.n_elements, outputs, bias=not layer.batch_norm)
        self.norm = (
            nn.BatchNorm1d(outputs, eps=batch_norm.epsilon, momentum=batch_norm.momentum)
            if layer.batch_norm
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        """x: [N, C] or [N, C, H, W], weights in that order -> [N, C']."""
        return activate(self.norm(self.linear(x.flatten(1))), self.layer.activation)


def convolve(x: Tensor, layer: Conv | Depthwise, weight: Tensor, bias: Tensor | None) -> Tensor:
    """The convolution that `layer` describes, with TFLite's explicit, possibly asymmetric padding.

    The sums lie channels last, in which order training takes two thirds of the time. Torch goes by the strides; those
    of one channel, and of a weight that a quantiser made for it, do not tell the order, and it took the other one.
    """
    top, bottom, left, right = layer.padding
    if top == bottom and left == right:
        padding = (top, left)
    else:
        x, padding = F.pad(x, (left, right, top, bottom)), (0, 0)
    if isinstance(layer, Depthwise):
        sums = depthwise(x, weight, bias, layer.stride, padding)
    else:
        sums = F.conv2d(x, weight, bias, tuple(layer.stride), padding)
    return sums.contiguous(memory_format=torch.channels_last)


def activate(x: Tensor, activation: Activation) -> Tensor:
    """The activation, in place: nothing else reads what it is given."""
    match activation:
        case Activation.NONE:
            return x
        case Activation.RELU:
            return F.relu(x, inplace=True)
        case Activation.RELU6:
            return F.relu6(x, inplace=True)


class Walk:
    """The order in which units run, and when a value was read for the last time."""

    def __init__(self, layers: tuple[Layer, ...]) -> None:
        last_reader = {name: layer.name for layer in layers for name in layer.reads}
        self._steps = tuple(
            (layer, tuple(name for name in dict.fromkeys(layer.reads) if last_reader[name] == layer.name))
            for layer in layers
        )

    def __iter__(self) -> Iterator[tuple[Layer, tuple[str, ...]]]:
        """(layer, names of the values that nobody needs once it has run)."""
        return iter(self._steps)


class FloatNetwork(nn.Module):
    """An architecture with batch norm and float weights. Raises nothing: the ArchSpec has been checked."""

    def __init__(self, arch: ArchSpec) -> None:
        super().__init__()
        self.arch = arch
        self.layers = arch.layers()
        self.units = nn.ModuleDict({layer.name: _unit(layer, arch.batch_norm) for layer in self.layers})
        self._walk = Walk(self.layers)

    def initialise(self, generator: torch.Generator) -> None:
        """Draw first weights as the family's authors did; batch norm 1 and 0, biases 0."""
        for unit in self.units.values():
            if isinstance(unit, Window):
                _initialise(unit.conv.weight, self.arch.initialiser, generator)
                if unit.conv.bias is not None:
                    nn.init.zeros_(unit.conv.bias)
            elif isinstance(unit, Connected):
                _initialise(unit.linear.weight, self.arch.initialiser, generator)
                if not unit.layer.batch_norm:
                    nn.init.zeros_(unit.linear.bias)

    def forward(self, features: Tensor) -> Tensor:
        """features: float32 [N, 1, T, F], int8 features / 32 -> logits [N, classes]."""
        values = {NETWORK_INPUT: features}
        result = features
        for layer, spent in self._walk:
            result = self.units[layer.name](*(values[name] for name in layer.reads))
            values[layer.name] = result
            for name in spent:
                del values[name]
        return result


def _unit(layer: Layer, batch_norm: BatchNorm) -> nn.Module:
    match layer:
        case Conv() | Depthwise():
            return Window(layer, batch_norm)
        case Add():
            return Sum(layer)
        case GlobalAveragePool():
            return Pool()
        case Dense():
            return Connected(layer, batch_norm)
    raise TypeError(f"no torch unit for {layer.kind}")


def _initialise(weight: Tensor, initialiser: Initialiser, generator: torch.Generator) -> None:
    """weight: [C', C / groups, KH, KW] or [C', C]."""
    match initialiser:
        case Initialiser.XAVIER_UNIFORM:
            nn.init.xavier_uniform_(weight, generator=generator)
        case Initialiser.HE_FAN_OUT if weight.dim() == 4:
            # Fan out as the authors count it: not divided by the groups of a depthwise convolution.
            fan_out = weight.shape[0] * weight.shape[2] * weight.shape[3]
            nn.init.normal_(weight, 0.0, math.sqrt(2 / fan_out), generator=generator)
        case Initialiser.HE_FAN_OUT:
            bound = 1 / math.sqrt(weight.shape[1])
            nn.init.uniform_(weight, -bound, bound, generator=generator)
