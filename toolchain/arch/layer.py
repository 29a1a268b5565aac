# SPDX-License-Identifier: Apache-2.0
"""Layer: one primitive step of a network, with every shape written down. Plain data, no torch.

`layers(arch)` (toolchain/arch/__init__.py) gives a tuple of these. Counting rules, torch modules and the ONNX
export all walk that one tuple, so none of them can disagree about a stride or a padding.

Shapes are (H, W, C) without the batch axis: H is time, W is frequency, as in the Graph. A layer reads the output
of the layer named `input`; NETWORK_INPUT names the features themselves. The tuple is in an order that can run.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from toolchain.graph.ops import Padding, Pair

NETWORK_INPUT = "input"


class Activation(StrEnum):
    """What follows the sum, before the next layer reads it."""

    NONE = "none"
    RELU = "relu"
    RELU6 = "relu6"


class MapShape(NamedTuple):
    """Size of an activation map: H positions in time, W in frequency, C channels."""

    h: int
    w: int
    c: int

    @property
    def n_elements(self) -> int:
        """Product of the three."""
        return self.h * self.w * self.c


@dataclass(frozen=True, kw_only=True)
class Layer:
    """Base: a unique name, what is read, both shapes, and the activation at the end."""

    name: str
    input: str
    input_shape: MapShape
    output_shape: MapShape
    activation: Activation = Activation.NONE

    @property
    def kind(self) -> str:
        """The layer's one name: `Conv`, `Depthwise`, …"""
        return type(self).__name__

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the layers whose outputs are read."""
        return (self.input,)


@dataclass(frozen=True, kw_only=True)
class _Window(Layer):
    """What Conv and Depthwise share. With `batch_norm` the sum itself has no bias: folding gives it one."""

    kernel: Pair
    stride: Pair
    padding: Padding
    batch_norm: bool


@dataclass(frozen=True, kw_only=True)
class Conv(_Window):
    """Convolution over all input channels."""


@dataclass(frozen=True, kw_only=True)
class Depthwise(_Window):
    """Convolution of each channel with its own kernel."""


@dataclass(frozen=True, kw_only=True)
class Add(Layer):
    """Sum of `input` and `other`, element by element (a residual connection)."""

    other: str

    @property
    def reads(self) -> tuple[str, ...]:
        """Both summands."""
        return (self.input, self.other)


@dataclass(frozen=True, kw_only=True)
class GlobalAveragePool(Layer):
    """Mean over H and W."""


@dataclass(frozen=True, kw_only=True)
class Dense(Layer):
    """Fully connected layer over a whole map, read as one vector. With `batch_norm` the sum itself has no bias."""

    batch_norm: bool = False
