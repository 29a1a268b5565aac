# SPDX-License-Identifier: Apache-2.0
"""Context: what a handler may ask about the inputs of its node. Every refusal names the node and says what to do.

A handler is a function (node, context) -> Value for the node's first output. The walk over all nodes is walk.py.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toolchain.errors import ModelError
from toolchain.graph.onnx_in.builder import Builder, Tap
from toolchain.graph.onnx_in.grid_recovery import recovered
from toolchain.graph.onnx_in.layout import Layout, LayoutError
from toolchain.graph.onnx_in.node import Node
from toolchain.graph.onnx_in.values import (
    Activation,
    Constant,
    Integers,
    ModelInput,
    Pending,
    QuantisedConstant,
    Source,
    Value,
)
from toolchain.graph.tensor import Quantisation

CHANNELS_LAST = {3: (0, 2, 1), 4: (0, 2, 3, 1)}  # memory order of ONNX's [N, C, T] and [N, C, H, W]


# These may stand between QuantizeLinear and DequantizeLinear: they compute nothing new.
CHOOSES_INTEGERS = ("MaxPool", "GlobalMaxPool", "Concat", "Pad", "Slice")

# Of all constants behind DequantizeLinear and other operators together; memory is what it protects.
MAX_COMPUTED_ELEMENTS = 1 << 26


@dataclass(frozen=True)
class Entrance:
    """How an input of the file lies in the Graph: its shape there, and the layout of its ONNX axes."""

    shape: tuple[int, ...]
    layout: Layout


class Context:
    """Values of the tensors seen so far, the Graph under construction, and the version of ONNX's operators."""

    def __init__(self, builder: Builder, opset: int) -> None:
        self.builder = builder
        self.opset = opset
        self.values: dict[str, Value] = {}
        self._entrances: dict[str, Entrance] = {}
        self._entered: dict[str, str] = {}
        self._spent = 0

    def spend(self, node: Node, elements: int) -> None:
        """Account for a constant that is computed offline. Raises ModelError where a file asks for endless ones."""
        self._spent += elements
        if self._spent > MAX_COMPUTED_ELEMENTS:
            raise ModelError(f"{node}: constants of more than {MAX_COMPUTED_ELEMENTS} elements to be computed offline")

    def announce(self, name: str, dtype: str, entrance: "Entrance") -> None:
        """An input of the file; it becomes a Graph input once its grid is known."""
        self._entrances[name] = entrance
        self.values[name] = ModelInput(name, dtype, entrance.layout)

    def enter(self, value: ModelInput, quantisation: Quantisation, offset: int | None) -> str | None:
        """The Graph input of `value` on the given grid; None where that input was given another grid before.

        offset: the file's integer minus the Graph's; None where the file takes real numbers.
        """
        if value.name not in self._entered:
            entrance = self._entrances[value.name]
            tensor = self.builder.add_input(value.name, entrance.shape, quantisation)
            self.builder.taps[tensor] = Tap(value.name, entrance.layout, offset, value.gain)
            self._entered[value.name] = tensor
        tensor = self._entered[value.name]
        known = self.builder.tensors[tensor].quantisation, self.builder.taps[tensor].gain
        return tensor if known == (quantisation, value.gain) else None

    def unused_inputs(self) -> list[str]:
        """Inputs of the file that never became Graph inputs."""
        return [name for name in self._entrances if name not in self._entered]

    def value(self, node: Node, index: int, what: str = "input") -> Value:
        """The value of input `index`, which must be there."""
        return self.values[node.required(index, what)]

    def optional(self, node: Node, index: int) -> Value | None:
        """The value of input `index`, None where it is left out."""
        name = node.input(index)
        return self.values[name] if name else None

    def array(self, node: Node, index: int, what: str) -> NDArray[np.generic] | None:
        """A constant input as it stands in the file; None where it is left out."""
        value = self.optional(node, index)
        if value is None:
            return None
        if isinstance(value, QuantisedConstant):
            return value.real
        if not isinstance(value, Constant):
            raise ModelError(f"{node}: {what} ({node.input(index)}) must be a constant, not computed at run time")
        return value.array

    def integers(self, node: Node, index: int, what: str) -> list[int] | None:
        """A constant input that is a list of integers (axes, a shape, pads); None where it is left out."""
        array = self.array(node, index, what)
        if array is None:
            return None
        if array.ndim > 1 or array.dtype.kind not in "iu" or array.size > 64:
            raise ModelError(f"{node}: {what} must be a short list of integers")
        return [int(item) for item in array.reshape(-1)]

    def reals(self, node: Node, index: int, what: str) -> NDArray[np.float64] | None:
        """A constant input as finite float64; None where it is left out."""
        array = self.array(node, index, what)
        if array is None:
            return None
        return finite(node, array, f"{what} ({node.input(index)})")

    def scalar(self, node: Node, index: int, what: str) -> float | None:
        """A constant input that is one number, finite or not; None where it is left out."""
        array = self.array(node, index, what)
        if array is None:
            return None
        if array.size != 1 or array.dtype.kind not in "fiub" or np.isnan(array.astype(np.float64)).any():
            raise ModelError(f"{node}: {what} must be one number")
        return float(array.reshape(()).astype(np.float64))

    def weights(self, node: Node, index: int, out_axis: int) -> QuantisedConstant:
        """Weights: a constant behind DequantizeLinear, or a float one that lies on a grid for each output channel."""
        value = self.value(node, index, "weights")
        if isinstance(value, QuantisedConstant):
            return value
        name = node.input(index)
        if isinstance(value, Constant):
            real = finite(node, value.array, f"weights ({name})")
            on_grid = recovered(real, out_axis) if out_axis < real.ndim and real.size else None
            if on_grid is None:
                raise ModelError(
                    f"{node}: its weights {name} are float: a QuantizeLinear/DequantizeLinear pair is missing on them"
                )
            return QuantisedConstant(*on_grid, bits=8)
        raise ModelError(f"{node}: its weights {name} are computed at run time; only constant weights are supported")

    def source(self, node: Node, index: int) -> Source:
        """An activation, pending or not, for operators that commute with quantisation."""
        value = self._seen_by(node, index)
        if isinstance(value, Activation | Pending):
            return value
        raise self._not_quantised(node, index, value)

    def activation(self, node: Node, index: int) -> Activation:
        """A quantised activation. Raises ModelError that says where QuantizeLinear/DequantizeLinear are missing."""
        value = self._seen_by(node, index)
        if isinstance(value, Activation):
            return value
        if isinstance(value, Pending):
            grid = value.natural
            if grid is not None:
                tensor = self.builder.settle(value, grid)
                self.builder.taps.setdefault(tensor, Tap(node.input(index), value.layout, offset=None))
                return Activation(tensor, value.layout, grid)
        raise self._not_quantised(node, index, value)

    def _seen_by(self, node: Node, index: int) -> Value:
        """Input `index`; integers as the activation that they are, for operators that only choose among them."""
        value = self.value(node, index)
        if isinstance(value, Integers) and node.op in CHOOSES_INTEGERS:
            return Activation(value.tensor, value.layout, value.quantisation)
        return value

    def _not_quantised(self, node: Node, index: int, value: Value) -> ModelError:
        name = node.input(index)
        missing = "a QuantizeLinear/DequantizeLinear pair is missing there"
        match value:
            case Pending():
                return ModelError(f"activation {name} between {value.origin} and {node} is float: {missing}")
            case ModelInput():
                return ModelError(f"input {value.name} reaches {node} as float: {missing}")
            case Integers():
                return ModelError(f"{node}: reads the integers {name} without a DequantizeLinear")
            case _:
                return ModelError(f"{node}: input {index} ({name}) is a constant where an activation is needed")


Handler = Callable[[Node, Context], Value]


def finite(node: Node, array: NDArray[np.generic], what: str) -> NDArray[np.float64]:
    """`array` as float64. Raises ModelError where it is no array of finite numbers."""
    if array.dtype.kind not in "fiub":
        raise ModelError(f"{node}: {what} must hold numbers, not {array.dtype}")
    real = array.astype(np.float64)
    if not np.isfinite(real).all():
        raise ModelError(f"{node}: {what} holds values that are not finite")
    return real


def channels_last(node: Node, layout: Layout) -> Layout:
    """`layout` of [N, C, H, W] or [N, C, T], in memory with the channels last and a batch of 1; else LayoutError."""
    rank = len(layout.axes)
    if rank not in CHANNELS_LAST:
        raise ModelError(f"{node}: its input has shape {list(layout.shape)}; supported are [N, C, H, W] and [N, C, T]")
    if layout.shape[0] != 1:
        raise ModelError(f"{node}: its input has a batch of {layout.shape[0]}; the batch must be 1")
    if not layout.lies_in(CHANNELS_LAST[rank]):
        raise must_move(node)
    return layout


def must_move(node: Node) -> LayoutError:
    """The error of an operator whose input would have to be transposed when the network runs."""
    return LayoutError(
        f"{node}: its input would have to be transposed while the network runs. Activations lie in memory as "
        "[N, H, W, C]; only transpositions that cancel out, or that meet constant weights, can be taken away"
    )


def image_shape(layout: Layout) -> tuple[int, int, int, int]:
    """[1, H, W, C] of a [N, C, H, W] or [N, C, T] (then H = T, W = 1)."""
    _, channels, *space = layout.shape
    return (1, space[0], space[1] if len(space) > 1 else 1, channels)
