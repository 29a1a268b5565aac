# SPDX-License-Identifier: Apache-2.0
"""What a Graph costs before anything is compiled: a row an operator, totals, and the named counting rules.

Everything here is arithmetic on shapes and widths; where the arena's bytes lie is the planner's answer, what the
linker made of it the ELF's. The same rules on an architecture that was never trained stand in toolchain/arch/;
for a network that came from there both give the same numbers, and tests hold them to it.

    rule        operations                        memory
    macs        multiply-accumulates              -
    hello_edge  2 * MAC + 1 per output element    1 B a weight + 1 B a bias + max over layers of (input + output)
    peter2020   MACs, first convolution floored   2 * weights + 2 * batch-norm channels + biases of the dense layer

Sources: hello_edge: Zhang et al., "Hello Edge: Keyword Spotting on Microcontrollers", arXiv 1711.07128, reproduced
from its published table; peter2020: Peter, Roth, Pernkopf, arXiv 2012.10138, reproduced from its published code.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import singledispatch

from toolchain.errors import ModelError
from toolchain.graph.graph import Graph
from toolchain.graph.ops import (
    Add,
    AveragePool2D,
    Concatenation,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    MaxPool2D,
    Mean,
    Operator,
    Pad,
    Requantise,
    Reshape,
    Softmax,
)
from toolchain.graph.shapes import Shape
from toolchain.graph.tensor import Tensor

Lookup = Callable[[str], Tensor]

# A multiplier and a shift, int32 each, for every output channel: what any kernel with TFLite's rounding has to know.
REQUANTISATION_BYTES_PER_CHANNEL = 8


@dataclass(frozen=True)
class CostRow:
    """One operator. Bytes of constants that two operators share stand at the first one.

    input_shapes: of the activations read. weight_bits: widest storage width of its weights, None without weights.
    weight_storage_bytes: elements at their bits, packed; weight_container_bytes: in whole int8 (int16, int32) cells.
    input_bytes, output_bytes: activations in their containers, as they lie in the arena.
    """

    name: str
    op: str
    input_shapes: tuple[Shape, ...]
    output_shape: Shape
    macs: int
    weights: int
    weight_bits: int | None
    weight_storage_bytes: int
    weight_container_bytes: int
    biases: int
    bias_bytes: int
    requantisation_bytes: int
    input_bytes: int
    output_bytes: int

    @property
    def activation_bytes(self) -> int:
        """Bytes that must exist at once while this operator runs: everything it reads and what it writes."""
        return self.input_bytes + self.output_bytes

    @property
    def constant_bytes(self) -> int:
        """Flash of this operator: weights in their containers, biases, requantisation table."""
        return self.weight_container_bytes + self.bias_bytes + self.requantisation_bytes


@dataclass(frozen=True)
class Cost:
    """The rows of a Graph in the order in which they run, and their sums."""

    rows: tuple[CostRow, ...]

    @property
    def macs(self) -> int:
        """Exact multiply-accumulates of convolution, depthwise convolution and fully connected layers."""
        return sum(row.macs for row in self.rows)

    @property
    def parameters(self) -> int:
        """Weights and biases, one by one, whatever their width."""
        return sum(row.weights + row.biases for row in self.rows)

    @property
    def weight_storage_bytes(self) -> int:
        """Weights at their bits."""
        return sum(row.weight_storage_bytes for row in self.rows)

    @property
    def weight_container_bytes(self) -> int:
        """Weights in whole containers."""
        return sum(row.weight_container_bytes for row in self.rows)

    @property
    def bias_bytes(self) -> int:
        """Biases in their containers (int32)."""
        return sum(row.bias_bytes for row in self.rows)

    @property
    def requantisation_bytes(self) -> int:
        """Multipliers and shifts."""
        return sum(row.requantisation_bytes for row in self.rows)

    @property
    def constant_bytes(self) -> int:
        """Weights in containers, biases and requantisation tables."""
        return sum(row.constant_bytes for row in self.rows)

    @property
    def peak_activation_bytes(self) -> int:
        """The largest input + output of one operator: no planner can do with less, unless it works in place."""
        return max((row.activation_bytes for row in self.rows), default=0)


class Rule(StrEnum):
    """A named way of counting. A figure without its rule means nothing."""

    MACS = "macs"
    HELLO_EDGE = "hello_edge"
    PETER2020 = "peter2020"


@dataclass(frozen=True)
class Count:
    """Figures of one network under one rule. memory_bytes: None where the rule does not define memory."""

    rule: Rule
    macs: int
    operations: int
    memory_bytes: int | None
    parameters: int


@singledispatch
def macs(op: Operator, tensor: Lookup) -> int:
    """Exact multiply-accumulates of one operator; padding counts like data. `tensor` finds a tensor by name."""
    raise TypeError(f"no cost rule for {op.kind}")


@macs.register
def _(op: Conv2D, tensor: Lookup) -> int:
    _, kernel_h, kernel_w, channels = tensor(op.weights).shape
    return tensor(op.output).n_elements * kernel_h * kernel_w * channels


@macs.register
def _(op: DepthwiseConv2D, tensor: Lookup) -> int:
    _, kernel_h, kernel_w, _ = tensor(op.weights).shape
    return tensor(op.output).n_elements * kernel_h * kernel_w


@macs.register
def _(op: FullyConnected, tensor: Lookup) -> int:
    return tensor(op.output).n_elements * tensor(op.weights).shape[1]


@macs.register(AveragePool2D)
@macs.register(MaxPool2D)
@macs.register(Mean)
@macs.register(Add)
@macs.register(Pad)
@macs.register(Concatenation)
@macs.register(Requantise)
@macs.register(Reshape)
@macs.register(Softmax)
def _(op: Operator, tensor: Lookup) -> int:
    return 0


def graph_cost(graph: Graph) -> Cost:
    """A row for each operator of `graph`, in order."""
    counted: set[str] = set()
    rows = []
    for op in graph.operators:
        reads = [graph.tensor(name) for name in op.reads]
        fresh = [tensor for tensor in reads if tensor.is_constant and tensor.name not in counted]
        counted.update(tensor.name for tensor in fresh)
        rows.append(_row(op, graph, reads, fresh))
    return Cost(tuple(rows))


def _row(op: Operator, graph: Graph, reads: list[Tensor], fresh: list[Tensor]) -> CostRow:
    bias = getattr(op, "bias", None)
    weights = [tensor for tensor in fresh if tensor.name != bias]
    biases = [tensor for tensor in fresh if tensor.name == bias]
    activations = [tensor for tensor in reads if not tensor.is_constant]
    output = graph.tensor(op.writes[0])
    multiplies = macs(op, graph.tensor)
    return CostRow(
        name=op.name,
        op=op.kind,
        input_shapes=tuple(tensor.shape for tensor in activations),
        output_shape=output.shape,
        macs=multiplies,
        weights=sum(tensor.n_elements for tensor in weights),
        weight_bits=max((tensor.bits for tensor in weights), default=None),
        weight_storage_bytes=sum(tensor.storage_bytes for tensor in weights),
        weight_container_bytes=sum(tensor.container_bytes for tensor in weights),
        biases=sum(tensor.n_elements for tensor in biases),
        bias_bytes=sum(tensor.container_bytes for tensor in biases),
        requantisation_bytes=REQUANTISATION_BYTES_PER_CHANNEL * output.shape[-1] if multiplies else 0,
        # The same tensor read twice lies in the arena once.
        input_bytes=sum({tensor.name: tensor.container_bytes for tensor in activations}.values()),
        output_bytes=output.container_bytes,
    )


def count(graph: Graph, rule: Rule) -> Count:
    """Figures of `graph` under `rule`. Raises ModelError where the rule says nothing about such a network."""
    cost = graph_cost(graph)
    match rule:
        case Rule.MACS:
            return Count(rule, cost.macs, cost.macs, None, cost.parameters)
        case Rule.HELLO_EDGE:
            return _hello_edge(graph, cost)
        case Rule.PETER2020:
            return _peter2020(graph, cost)


def _hello_edge(graph: Graph, cost: Cost) -> Count:
    """Elements, not bytes: the rule takes every weight, bias and activation as 8 bits whatever they are here."""
    operations = 0
    largest = 0
    for op, row in zip(graph.operators, cost.rows, strict=True):
        outputs = graph.tensor(op.writes[0]).n_elements
        inputs = sum(graph.tensor(n).n_elements for n in dict.fromkeys(op.reads) if not graph.tensor(n).is_constant)
        operations += 2 * row.macs + outputs if row.macs else 0
        largest = max(largest, inputs + outputs)
    return Count(Rule.HELLO_EDGE, cost.macs, operations, cost.parameters + largest, cost.parameters)


def _peter2020(graph: Graph, cost: Cost) -> Count:
    """The paper's counts, read backwards from a folded network.

    A convolution's batch norm shows as its bias, so each output channel with a bias had two batch-norm parameters;
    the dense layer has plain biases. Their code takes the first convolution's output size as size // stride.
    """
    layers = [op for op, row in zip(graph.operators, cost.rows, strict=True) if row.macs]
    convolutions = [op for op in layers if isinstance(op, (Conv2D, DepthwiseConv2D))]
    dense = [op for op in layers if isinstance(op, FullyConnected)]
    if not convolutions or layers[0] is not convolutions[0] or not isinstance(layers[0], Conv2D):
        raise _not_peter(graph, "it does not begin with a convolution")
    if len(dense) != 1 or layers[-1] is not dense[0]:
        raise _not_peter(graph, "it does not end in its one fully connected layer")
    without = next((op.name for op in layers if op.bias is None), None)  # type: ignore[attr-defined]
    if without is not None:
        raise _not_peter(graph, f"{without} has no bias, so whether it had a batch norm cannot be told")
    first = layers[0]
    floored = macs(first, graph.tensor) // _positions(first, graph.tensor) * _floored_positions(first, graph.tensor)
    operations = cost.macs - macs(first, graph.tensor) + floored
    channels = sum(graph.tensor(op.output).shape[-1] for op in convolutions)
    weights = sum(row.weights for row in cost.rows if row.macs)
    memory = 2 * weights + 2 * channels + graph.tensor(dense[0].output).shape[-1]
    return Count(Rule.PETER2020, operations, operations, memory, cost.parameters)


def _positions(op: Conv2D, tensor: Lookup) -> int:
    _, rows, columns, _ = tensor(op.output).shape
    return rows * columns


def _floored_positions(op: Conv2D, tensor: Lookup) -> int:
    _, height, width, _ = tensor(op.input).shape
    return (height // op.stride.h) * (width // op.stride.w)


def _not_peter(graph: Graph, why: str) -> ModelError:
    return ModelError(
        f"graph {graph.name}: rule peter2020 counts networks of that paper's search space, and this is none: {why}; "
        "use the rule macs or hello_edge"
    )
