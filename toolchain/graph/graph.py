# SPDX-License-Identifier: Apache-2.0
"""Graph: the one type that every stage after training speaks. Immutable; changed with dataclasses.replace.

Operators stand in an order in which they can run. `check_graph` (graph/check.py) is called by whatever makes a
Graph, after reading and after every pass.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cached_property

from toolchain.graph.ops import Operator
from toolchain.graph.tensor import Tensor


@dataclass(frozen=True, eq=False)
class Graph:
    """name: a C identifier. tensors: all of them, names unique. inputs, outputs: names of activations."""

    name: str
    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    @cached_property
    def _by_name(self) -> dict[str, Tensor]:
        return {tensor.name: tensor for tensor in self.tensors}

    def tensor(self, name: str) -> Tensor:
        """The tensor of that name. Raises KeyError."""
        return self._by_name[name]

    def producer(self, name: str) -> Operator | None:
        """The operator that writes `name`; None for inputs and constants."""
        return next((op for op in self.operators if name in op.writes), None)

    def consumers(self, name: str) -> tuple[Operator, ...]:
        """The operators that read `name`, in order."""
        return tuple(op for op in self.operators if name in op.reads)

    def activations(self) -> Iterator[Tensor]:
        """The tensors that are no constants, in the order in which they stand."""
        return (tensor for tensor in self.tensors if not tensor.is_constant)

    def constants(self) -> Iterator[Tensor]:
        """The constant tensors, in the order in which they stand."""
        return (tensor for tensor in self.tensors if tensor.is_constant)

    @cached_property
    def sha256(self) -> str:
        """Hash of everything that the Graph computes: operators, tensors, data. Not of its name."""
        digest = hashlib.sha256()
        for tensor in self.tensors:
            q, where = tensor.quantisation, (tensor.name, tensor.shape, tensor.dtype.value)
            described = (*where, q, tensor.bits, tensor.grid.value)
            digest.update(repr(described).encode())
            if tensor.data is not None:
                digest.update(tensor.data.tobytes())
        for op in self.operators:
            digest.update(repr((op.kind, [(f.name, getattr(op, f.name)) for f in fields(op)])).encode())
        digest.update(repr((self.inputs, self.outputs)).encode())
        return digest.hexdigest()
