# SPDX-License-Identifier: Apache-2.0
"""What a Graph costs before anything is compiled: a row an operator, totals, and the named counting rules.

Everything here is arithmetic on shapes and widths; where the arena's bytes lie is the planner's answer, what the
linker made of it the ELF's. The named counting rules stand in graph/counting.py; here is what a Graph answers to
them. A Graph that came from an architecture (toolchain/arch/) gives its numbers, and tests hold them to it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import singledispatch

from toolchain.graph.counting import Count, LayerFacts, Rule, count_facts
from toolchain.graph.graph import Graph
from toolchain.graph.ops import (
    Add,
    AveragePool2D,
    Concatenation,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    JoinRows,
    MaxPool2D,
    Mean,
    Operator,
    Pad,
    Requantise,
    Reshape,
    Softmax,
    TakeRows,
)
from toolchain.graph.shapes import Shape
from toolchain.graph.tensor import Tensor

Lookup = Callable[[str], Tensor]

# A multiplier (int32) and a shift (int8) for every output channel, as the C kernels keep them (kernels/sb_kernels.h).
REQUANTISATION_BYTES_PER_CHANNEL = 5


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
@macs.register(TakeRows)
@macs.register(JoinRows)
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


def graph_facts(graph: Graph) -> tuple[LayerFacts, ...]:
    """What the counting rules ask, operator by operator: elements, whatever their width here.

    Batch norm is folded in a Graph: it shows as the bias that it left behind in a convolution. Behind a dense layer it
    cannot be told from the layer's own bias, and is taken for it.
    """
    rows = graph_cost(graph).rows
    return tuple(_facts(op, row, graph) for op, row in zip(graph.operators, rows, strict=True))


def count(graph: Graph, rule: Rule) -> Count:
    """Figures of `graph` under `rule`."""
    return count_facts(graph_facts(graph), rule)


def _facts(op: Operator, row: CostRow, graph: Graph) -> LayerFacts:
    reads = [graph.tensor(name) for name in op.reads]
    outputs = graph.tensor(op.writes[0]).n_elements
    convolution = isinstance(op, (Conv2D, DepthwiseConv2D))
    return LayerFacts(
        name=op.name,
        op=op.kind,
        output_shape=row.output_shape,
        macs=row.macs,
        macs_floored=_macs_floored(op, row, graph),
        weights=row.weights,
        biases=row.biases,
        batch_norm_channels=row.biases if convolution else 0,
        inputs=sum(tensor.n_elements for tensor in reads if not tensor.is_constant),
        outputs=outputs,
        additions=outputs if row.macs or isinstance(op, Add) else 0,
    )


def _macs_floored(op: Operator, row: CostRow, graph: Graph) -> int:
    """MACs with the output size of a convolution taken as size // stride, which a SAME convolution rounds up."""
    if not isinstance(op, (Conv2D, DepthwiseConv2D)):
        return row.macs
    _, height, width, _ = graph.tensor(op.input).shape
    _, rows, columns, _ = graph.tensor(op.output).shape
    if (rows, columns) != (-(-height // op.stride.h), -(-width // op.stride.w)):
        return row.macs
    return row.macs // (rows * columns) * (height // op.stride.h) * (width // op.stride.w)
