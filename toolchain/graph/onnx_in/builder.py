# SPDX-License-Identifier: Apache-2.0
"""Builder: the Graph while it grows. It names things, appends operators, and turns a Pending into one.

Not immutable on purpose: it is the one accumulator of the reader, and `graph()` freezes it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolchain.graph.graph import Graph
from toolchain.graph.onnx_in.layout import Layout
from toolchain.graph.onnx_in.naming import Names
from toolchain.graph.onnx_in.values import Activation, Pending, Source, quantised
from toolchain.graph.onnx_in.weights import Weights
from toolchain.graph.ops import Clamp, Operator, Requantise, Reshape
from toolchain.graph.passes.rewriting import with_tensors
from toolchain.graph.tensor import DType, Quantisation, Tensor

FULL = Clamp()


@dataclass(frozen=True)
class Tap:
    """Where the ONNX file has the value of a Graph activation.

    name: the ONNX tensor. layout: how its axes lie in the Graph's memory. offset: ONNX's integer minus the Graph's;
    None where the ONNX tensor is float: it then holds, divided by `gain`, what the Graph's integers stand for.
    """

    name: str
    layout: Layout
    offset: int | None
    gain: float = 1.0


class Builder:
    """Collects tensors and operators. Their names are one name space.

    reserved: ONNX names of inputs and outputs, which keep them whatever the layers are called.
    """

    def __init__(self, reserved: Iterable[str] = ()) -> None:
        self.tensors: dict[str, Tensor] = {}
        self.operators: list[Operator] = []
        self.inputs: list[str] = []
        self.taps: dict[str, Tap] = {}
        self._names = Names()
        self._reserved = {name: self._names.claim(name) for name in reserved}
        # Keyed by identity, so the recipe is kept alive beside its result.
        self._emitted: dict[tuple[int, Quantisation, Clamp], tuple[Pending, str]] = {}
        self._reshaped: dict[tuple[str, tuple[int, ...]], str] = {}

    def add_input(self, name: str, shape: tuple[int, ...], quantisation: Quantisation) -> str:
        """The Graph input for the file's input `name`; returns its name."""
        tensor = self._add(Tensor(self._reserved[name], shape, DType.INT8, quantisation))
        self.inputs.append(tensor)
        return tensor

    def weights(self, label: str, weights: Weights) -> str:
        """Constant int8 weights; one scale for all where they are equal, else one per output channel."""
        quantisation = _scales(weights.scales, weights.axis)
        name, data = self._names.claim(f"{label}_weights"), weights.integers.astype(np.int8)
        return self._add(Tensor(name, data.shape, DType.INT8, quantisation, weights.bits, weights.grid, data))

    def bias(self, label: str, data: NDArray[np.int64], scales: NDArray[np.float64]) -> str:
        """Constant int32 bias with scale input scale * weight scale."""
        name = self._names.claim(f"{label}_bias")
        return self._add(Tensor(name, data.shape, DType.INT32, _scales(scales, 0), 32, data=data.astype(np.int32)))

    def append(
        self, kind: type[Operator], label: str, shape: tuple[int, ...], quantisation: Quantisation, **fields: Any
    ) -> str:
        """Append an operator of `kind` with the given fields and a fresh output; returns the output's name."""
        name = self._names.claim(label)
        output = self._add(Tensor(self._names.claim(f"{name}_out"), shape, DType.INT8, quantisation))
        self.operators.append(kind(name, output=output, **fields))  # type: ignore[call-arg]
        return output

    def image(self, tensor: str, shape: tuple[int, ...]) -> str:
        """The same bytes as a tensor of `shape`: itself, or behind a Reshape (one for all who ask)."""
        if self.tensors[tensor].shape == shape:
            return tensor
        key = (tensor, shape)
        if key not in self._reshaped:
            quantisation = self.tensors[tensor].quantisation
            self._reshaped[key] = self.append(Reshape, f"{_stem(tensor)}_reshaped", shape, quantisation, input=tensor)
        return self._reshaped[key]

    def clamped(self, tensor: str, label: str, clamp: Clamp) -> str:
        """`tensor` within `clamp`, by a Requantise on its own grid where the clamp excludes anything."""
        if clamp == FULL:
            return tensor
        source = self.tensors[tensor]
        return self.append(
            Requantise, f"{label}_clamp", source.shape, source.quantisation, input=tensor, activation=clamp
        )

    def settle(self, source: Source, quantisation: Quantisation, within: Clamp = FULL) -> str:
        """The tensor that holds `source` on the given grid, its integers `within`. One operator for all who ask alike.

        An Activation is returned as it stands: what reads it takes care of a differing grid.
        """
        if isinstance(source, Activation):
            return source.tensor
        low, high = (int(np.clip(quantised(bound, quantisation), *within)) for bound in (source.low, source.high))
        key = (id(source.recipe), quantisation, Clamp(low, high))
        if key not in self._emitted:
            tensor = source.recipe.emit(self, source.label, quantisation, Clamp(low, high))
            self._emitted[key] = (source, tensor)
        return self._emitted[key][1]

    def rename_output(self, old: str, output: str) -> str:
        """Give the activation `old` the name of the file's output `output`; returns it."""
        name = self._reserved[output]
        self.tensors[name] = replace(self.tensors.pop(old), name=name)
        self.operators = [with_tensors(op, {old: name}, {old: name}) for op in self.operators]
        if old in self.taps:
            self.taps[name] = self.taps.pop(old)
        return name

    def graph(self, name: str, outputs: tuple[str, ...]) -> Graph:
        """The Graph so far, not yet checked: rules on equal grids are for the passes to establish."""
        return Graph(name, tuple(self.tensors.values()), tuple(self.operators), tuple(self.inputs), outputs)

    def _add(self, tensor: Tensor) -> str:
        self.tensors[tensor.name] = tensor
        return tensor.name


def _stem(tensor: str) -> str:
    return tensor.removesuffix("_out")


def _scales(scales: NDArray[np.float64], axis: int) -> Quantisation:
    if np.all(scales == scales[0]):
        return Quantisation((float(scales[0]),))
    return Quantisation(tuple(float(scale) for scale in scales), axis=axis)
