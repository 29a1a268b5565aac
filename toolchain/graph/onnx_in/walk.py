# SPDX-License-Identifier: Apache-2.0
"""The walk over the nodes: each is folded, or handed to its handler, and the outputs are settled at the end.

The memory order of a multi-dimensional input is not in the file: [1, 3, 32, 32] may have its channels in front, with
bytes to be fed as [32, 32, 3], or be what a Transpose behind it puts in order. So the walk is tried with both, the
likelier one first; what would have to move bytes fails with a LayoutError.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, product

import numpy as np

from toolchain.errors import ModelError
from toolchain.graph.graph import Graph
from toolchain.graph.onnx_in.builder import Builder, Tap
from toolchain.graph.onnx_in.context import CHANNELS_LAST, CHOOSES_INTEGERS, Context, Entrance
from toolchain.graph.onnx_in.folding import FOLDED, clip_constant, fold
from toolchain.graph.onnx_in.handlers import SHAPING, handler_of
from toolchain.graph.onnx_in.layout import Layout, LayoutError
from toolchain.graph.onnx_in.node import Literal, Network, Node, Port
from toolchain.graph.onnx_in.values import (
    Activation,
    Constant,
    Integers,
    ModelInput,
    Pending,
    QuantisedConstant,
    Value,
)

# With several inputs the memory orders multiply; a network that needs the 65th is not tried.
MAX_TRIALS = 64


@dataclass(frozen=True, eq=False)
class Walked:
    """The Graph as the file has it, rules on equal grids still to be established, and where each value stands."""

    graph: Graph
    taps: dict[str, Tap]


def walked(network: Network, name: str) -> Walked:
    """The network as a Graph called `name`. Raises ModelError (without the file's name)."""
    first: LayoutError | None = None
    for entrances in islice(product(*(list(_entrances(port)) for port in network.inputs)), MAX_TRIALS):
        try:
            return _walked(network, name, entrances)
        except LayoutError as error:
            first = first or error
    assert first is not None
    raise first


def _entrances(port: Port) -> Iterator[Entrance]:
    """The ways in which an input can lie in memory, the likelier one first: channels are fewer than rows or columns."""
    plain = Layout.of(port.shape)
    order = CHANNELS_LAST.get(len(port.shape))
    if order is None:
        yield Entrance(port.shape, plain)
        return
    last = Layout.of(port.shape, order)
    shape = tuple(port.shape[axis] for axis in order)
    if last == plain:
        yield Entrance(shape if len(port.shape) == 4 else port.shape, plain)
        return
    ways = [Entrance(port.shape, plain), Entrance(shape, last)]
    channels_in_front = len(port.shape) == 4 and port.shape[1] <= port.shape[3]
    yield from ways[::-1] if channels_in_front else ways


def _walked(network: Network, name: str, entrances: tuple[Entrance, ...]) -> Walked:
    builder = Builder((*(port.name for port in network.inputs), *network.outputs))
    context = Context(builder, network.opset)
    for constant, literal in network.constants.items():
        context.values[constant] = Constant(literal.array, literal.bits, literal.grid)
    for port, entrance in zip(network.inputs, entrances, strict=True):
        context.announce(port.name, port.dtype, entrance)
    for node in network.nodes:
        try:
            context.values[node.outputs[0]] = _value(node, context)
        except ModelError as error:
            if str(node) in str(error):
                raise
            raise type(error)(f"{node}: {error}") from error
    outputs = _outputs(network, context)
    if context.unused_inputs():
        raise ModelError(f"input {context.unused_inputs()[0]}: nothing quantises it, so nothing can depend on it")
    return Walked(builder.graph(name, outputs), builder.taps)


def _value(node: Node, context: Context) -> Value:
    """The value of the first output of `node`."""
    for used in filter(None, node.inputs):
        if used not in context.values:
            raise ModelError(f"{node}: reads {used}, an output that is not supported (masks, indices, …)")
    if node.op == "Constant" and not node.domain:
        return _constant(node)
    values = [context.values[used] for used in node.inputs if used]
    known = bool(values) and all(isinstance(value, Constant | QuantisedConstant) for value in values)
    if known and not node.domain and node.op not in SHAPING:
        first = context.values[node.inputs[0]] if node.inputs[0] else None
        if node.op == "Clip" and isinstance(first, Constant):
            return clip_constant(node, context, first)
        if node.op in FOLDED:
            return fold(node, context)
    result = handler_of(node)(node, context)
    if node.op in CHOOSES_INTEGERS and isinstance(values[0], Integers) and isinstance(result, Pending):
        return _as_integers(node, context, values[0], result)
    return result


def _constant(node: Node) -> Constant:
    """The array of a Constant node, however it is written."""
    match next((node.attributes[name] for name in _CONSTANT_ATTRIBUTES if name in node.attributes), None):
        case Literal() as literal:
            return Constant(literal.array, literal.bits)
        case float() as number:
            return Constant(np.array(number, np.float32))
        case int() as number:
            return Constant(np.array(number, np.int64))
        case list() as numbers if all(isinstance(number, int) for number in numbers):
            return Constant(np.array(numbers, np.int64))
        case list() as numbers if all(isinstance(number, float) for number in numbers):
            return Constant(np.array(numbers, np.float32))
        case _:
            raise ModelError(f"{node}: holds neither a tensor nor numbers")


_CONSTANT_ATTRIBUTES = ("value", "value_float", "value_floats", "value_int", "value_ints")


def _as_integers(node: Node, context: Context, before: Integers, result: Pending) -> Integers:
    """What an operator between QuantizeLinear and DequantizeLinear makes of the integers there."""
    grid = result.natural
    if grid is None:
        raise ModelError(f"{node}: its inputs are integers on different grids")
    tensor = context.builder.settle(result, grid)
    context.builder.taps.setdefault(tensor, Tap(node.outputs[0], result.layout, before.type.offset))
    return Integers(tensor, result.layout, grid, before.type)


def _outputs(network: Network, context: Context) -> tuple[str, ...]:
    """The Graph's outputs: tensors under the names that the file gives its outputs."""
    builder = context.builder
    names: dict[str, str] = {}
    for output in network.outputs:
        if output not in context.values:
            raise ModelError(f"output {output}: nothing writes it")
        tensor, layout = _output_tensor(output, context)
        if tensor in builder.inputs:
            raise ModelError(f"output {output}: is an input, with nothing computed in between")
        tensor = _as_the_file_counts(tensor, layout, builder)
        names.setdefault(tensor, output)
    return tuple(builder.rename_output(tensor, name) for tensor, name in names.items())


def _as_the_file_counts(tensor: str, layout: Layout, builder: Builder) -> str:
    """`tensor` in the shape that the file gives it, unless that is one with the channels in front."""
    rank = len(layout.axes)
    channels_last = rank in CHANNELS_LAST and layout.lies_in(CHANNELS_LAST[rank])
    if channels_last or not layout.lies_in(range(rank)):
        return tensor
    reshaped = builder.image(tensor, layout.shape)
    if reshaped != tensor and tensor in builder.taps:
        builder.taps[reshaped] = builder.taps[tensor]
    return reshaped


def _output_tensor(output: str, context: Context) -> tuple[str, Layout]:
    """(tensor, how the output's axes lie in it)."""
    value = context.values[output]
    match value:
        case Activation() | Integers():
            return value.tensor, value.layout
        case Pending():
            if value.natural is None:
                raise ModelError(
                    f"output {output} is float: {value.origin} has no QuantizeLinear behind it; "
                    "quantise the outputs too"
                )
            tensor = context.builder.settle(value, value.natural)
            context.builder.taps.setdefault(tensor, Tap(output, value.layout, offset=None))
            return tensor, value.layout
        case ModelInput():
            raise ModelError(f"output {output}: is input {value.name} in float, with nothing computed in between")
        case _:
            raise ModelError(f"output {output}: is a constant")
