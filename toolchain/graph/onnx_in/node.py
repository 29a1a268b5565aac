# SPDX-License-Identifier: Apache-2.0
"""Node and Network: an ONNX file as plain Python data, protobuf left behind.

Attributes are decoded (int, float, str, list, numpy array), operators stand in an order in which they can run, the
batch is 1. What the operators mean is left to the handlers (convolution.py, dense.py, …).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from toolchain.errors import ModelError
from toolchain.graph.tensor import Grid


@dataclass(frozen=True, eq=False)
class Literal:
    """An array that the file holds. bits: width of its integers where type or metadata say less than the container."""

    array: NDArray[np.generic]
    bits: int | None = None
    grid: Grid = Grid.MID_TREAD


Attribute = int | float | str | list[int] | list[float] | list[str] | Literal | None


@dataclass(frozen=True, eq=False)
class Node:
    """One operator. inputs: tensor names, "" for one left out. outputs: likewise. domain: "" for ONNX's own."""

    op: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    domain: str = ""

    def __str__(self) -> str:
        called = self.name or (f"that writes {self.outputs[0]}" if self.outputs else "without a name")
        return f"{self.op} {called}"

    def input(self, index: int) -> str:
        """Name of input `index`; "" where it is left out."""
        return self.inputs[index] if index < len(self.inputs) else ""

    def required(self, index: int, what: str) -> str:
        """Name of input `index`. Raises ModelError where it is left out."""
        if not self.input(index):
            raise ModelError(f"{self}: input {index} ({what}) is missing")
        return self.inputs[index]

    def integer(self, name: str, default: int) -> int:
        """An integer attribute."""
        value = self.attributes.get(name, default)
        if not isinstance(value, int):
            raise self._wrong(name, "an integer")
        return value

    def number(self, name: str, default: float) -> float:
        """A finite float attribute."""
        value = self.attributes.get(name, default)
        if not isinstance(value, int | float) or not np.isfinite(value):
            raise self._wrong(name, "a finite number")
        return float(value)

    def bound(self, name: str, default: float) -> float:
        """A float attribute that may be infinite, but not NaN."""
        value = self.attributes.get(name, default)
        if not isinstance(value, int | float) or np.isnan(value):
            raise self._wrong(name, "a number")
        return float(value)

    def text(self, name: str, default: str) -> str:
        """A string attribute."""
        value = self.attributes.get(name, default)
        if not isinstance(value, str):
            raise self._wrong(name, "a string")
        return value

    def integers(self, name: str) -> list[int] | None:
        """A list of integers; None where it is not given."""
        value = self.attributes.get(name)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(item, int) for item in value):
            raise self._wrong(name, "a list of integers")
        return [int(item) for item in value]

    def _wrong(self, name: str, wanted: str) -> ModelError:
        return ModelError(f"{self}: attribute {name} must be {wanted}")


@dataclass(frozen=True)
class Port:
    """An input of the network. dtype: ONNX's name of it (`float32`, `int8`, `uint8`)."""

    name: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True, eq=False)
class Network:
    """The whole file. constants: initialisers. opset: version of ONNX's own operators."""

    nodes: tuple[Node, ...]
    inputs: tuple[Port, ...]
    outputs: tuple[str, ...]
    constants: Mapping[str, Literal]
    metadata: Mapping[str, str]
    opset: int


def in_running_order(nodes: tuple[Node, ...], known: set[str]) -> tuple[Node, ...]:
    """The nodes so that each comes after those that write what it reads; otherwise as they stood.

    `known`: names that have a value before anything runs. Raises ModelError for a tensor that two nodes write, one
    that nothing writes, and a cycle.
    """
    writer: dict[str, int] = {}
    for index, node in enumerate(nodes):
        for name in filter(None, node.outputs):
            if name in writer or name in known:
                raise ModelError(f"{node}: writes {name}, which already has a value")
            writer[name] = index
    waiting: list[int] = []
    readers: dict[int, list[int]] = {}
    for index, node in enumerate(nodes):
        sources = {writer[name] for name in node.inputs if name in writer}
        for name in filter(None, node.inputs):
            if name not in known and name not in writer:
                raise ModelError(f"{node}: reads {name}, which nothing writes and no initialiser holds")
        waiting.append(len(sources))
        for source in sources:
            readers.setdefault(source, []).append(index)
    ready = [index for index in range(len(nodes) - 1, -1, -1) if not waiting[index]]
    order: list[int] = []
    while ready:
        index = ready.pop()
        order.append(index)
        for reader in sorted(readers.get(index, ()), reverse=True):
            waiting[reader] -= 1
            if not waiting[reader]:
                ready.append(reader)
    if len(order) < len(nodes):
        stuck = next(node for index, node in enumerate(nodes) if waiting[index])
        raise ModelError(f"{stuck}: waits for its own result: the graph has a cycle")
    return tuple(nodes[index] for index in order)
