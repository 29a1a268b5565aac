# SPDX-License-Identifier: Apache-2.0
"""The counting rules: what one network costs in operations and bytes, according to whom (design.md).

    rule         operations                                  memory
    macs         exact multiply-accumulates                  none
    hello_edge   2 * MAC + 1 per output (bias or residual)   weights + biases (batch norm folded) at 8 bits
                                                             + max over layers of (inputs + outputs)
    peter2020    MACs, output size of a strided convolution  2 * weights + 2 * batch-norm channels + biases
                 rounded down

A rule sees only LayerFacts, so that a network known as an architecture and one known only as a Graph are
counted by the same lines. kB is 1000 bytes in both papers.

Sources: Hello Edge (arXiv 1711.07128), reproduced exactly for its DNN, CNN and DS-CNN tables; Peter et al. (arXiv
2012.10138): their counter divides map sizes by the stride and drops the remainder, and their memory sums every
tensor that is trained, in which a quantised layer holds its weights twice and trains only the biases without batch
norm (the dense layer's).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import singledispatch

from toolchain.arch.layer import Add, Conv, Dense, Depthwise, GlobalAveragePool, Layer
from toolchain.arch.spec import ArchSpec
from toolchain.errors import ModelError


class Rule(StrEnum):
    """Names of the rules that need no firmware."""

    MACS = "macs"
    HELLO_EDGE = "hello_edge"
    PETER2020 = "peter2020"


@dataclass(frozen=True)
class LayerFacts:
    """What a rule may ask of one layer.

    macs: exact, padding included, as every framework counts. macs_floored: the same with each strided output size
    rounded down; None where the source does not know the network before batch norm was folded. weights, biases:
    numbers of them once batch norm is folded. batch_norm_channels: channels normalised before folding; None as above.
    inputs, outputs: elements read and written; an addition reads two maps. additions: one for each output that adds
    a bias or a residual, none for pooling.
    """

    name: str
    op: str
    output_shape: tuple[int, ...]
    macs: int
    macs_floored: int | None
    weights: int
    biases: int
    batch_norm_channels: int | None
    inputs: int
    outputs: int
    additions: int


@dataclass(frozen=True)
class LayerCount:
    """One layer under one rule. memory_bytes: without activations, which a rule takes once for the network."""

    name: str
    op: str
    macs: int
    operations: int
    memory_bytes: int | None


@dataclass(frozen=True)
class Count:
    """A network under one rule. memory_bytes None where the rule defines none.

    parameters: numbers that training finds: under peter2020 before batch norm is folded, otherwise after.
    activation_bytes: share of memory_bytes that is activations, and the layer that needs it.
    """

    rule: Rule
    macs: int
    operations: int
    memory_bytes: int | None
    parameters: int
    layers: tuple[LayerCount, ...]
    activation_bytes: int | None = None
    activation_layer: str | None = None


def arch_facts(arch: ArchSpec) -> tuple[LayerFacts, ...]:
    """Facts of each layer of an architecture."""
    return tuple(_facts(layer) for layer in arch.layers())


def count(facts: Sequence[LayerFacts], rule: Rule) -> Count:
    """Count under `rule`. Raises ModelError where `facts` do not say what the rule needs."""
    return _RULES[rule](facts)


def _macs(facts: Sequence[LayerFacts]) -> Count:
    rows = tuple(LayerCount(f.name, f.op, f.macs, f.macs, None) for f in facts)
    macs = sum(row.macs for row in rows)
    return Count(Rule.MACS, macs, macs, None, sum(f.weights + f.biases for f in facts), rows)


def _hello_edge(facts: Sequence[LayerFacts]) -> Count:
    rows = tuple(
        LayerCount(f.name, f.op, f.macs, 2 * f.macs + f.additions, f.weights + f.biases)
        for f in facts
    )
    stored = sum(f.weights + f.biases for f in facts)
    widest = max(facts, key=lambda f: f.inputs + f.outputs)
    peak = widest.inputs + widest.outputs
    return Count(
        Rule.HELLO_EDGE,
        sum(row.macs for row in rows),
        sum(row.operations for row in rows),
        stored + peak,
        stored,
        rows,
        activation_bytes=peak,
        activation_layer=widest.name,
    )


def _peter2020(facts: Sequence[LayerFacts]) -> Count:
    rows: list[LayerCount] = []
    parameters = 0
    for f in facts:
        if f.macs_floored is None or f.batch_norm_channels is None:
            raise ModelError(
                f"rule {Rule.PETER2020} counts batch norm, which is folded away in a model file: "
                f"count the architecture (a name, a .toml or the run folder) instead"
            )
        # A batch norm trains two numbers a channel and takes the bias's place.
        trained = 2 * f.batch_norm_channels if f.batch_norm_channels else f.biases
        rows.append(LayerCount(f.name, f.op, f.macs_floored, f.macs_floored, 2 * f.weights + trained))
        parameters += f.weights + trained
    macs = sum(row.macs for row in rows)
    memory = sum(row.memory_bytes or 0 for row in rows)
    return Count(Rule.PETER2020, macs, macs, memory, parameters, tuple(rows))


_RULES: dict[Rule, Callable[[Sequence[LayerFacts]], Count]] = {
    Rule.MACS: _macs,
    Rule.HELLO_EDGE: _hello_edge,
    Rule.PETER2020: _peter2020,
}


@singledispatch
def _facts(layer: Layer) -> LayerFacts:
    raise TypeError(f"no counting of {layer.kind}")


def _window_facts(layer: Conv | Depthwise, per_output: int) -> LayerFacts:
    """per_output: multiply-accumulates of one element of the output."""
    channels = layer.output_shape.c
    floored = (layer.input_shape.h // layer.stride.h) * (layer.input_shape.w // layer.stride.w) * channels
    return LayerFacts(
        name=layer.name,
        op=layer.kind,
        output_shape=layer.output_shape,
        macs=layer.output_shape.n_elements * per_output,
        macs_floored=floored * per_output,
        weights=channels * per_output,
        biases=channels,
        batch_norm_channels=channels if layer.batch_norm else 0,
        inputs=layer.input_shape.n_elements,
        outputs=layer.output_shape.n_elements,
        additions=layer.output_shape.n_elements,
    )


@_facts.register
def _(layer: Conv) -> LayerFacts:
    return _window_facts(layer, layer.kernel.h * layer.kernel.w * layer.input_shape.c)


@_facts.register
def _(layer: Depthwise) -> LayerFacts:
    return _window_facts(layer, layer.kernel.h * layer.kernel.w)


@_facts.register
def _(layer: Dense) -> LayerFacts:
    inputs, outputs = layer.input_shape.n_elements, layer.output_shape.n_elements
    return LayerFacts(
        name=layer.name,
        op=layer.kind,
        output_shape=layer.output_shape,
        macs=inputs * outputs,
        macs_floored=inputs * outputs,
        weights=inputs * outputs,
        biases=outputs,
        batch_norm_channels=0,
        inputs=inputs,
        outputs=outputs,
        additions=outputs,
    )


@_facts.register(Add)
@_facts.register(GlobalAveragePool)
def _(layer: Add | GlobalAveragePool) -> LayerFacts:
    outputs = layer.output_shape.n_elements
    return LayerFacts(
        name=layer.name,
        op=layer.kind,
        output_shape=layer.output_shape,
        macs=0,
        macs_floored=0,
        weights=0,
        biases=0,
        batch_norm_channels=0,
        inputs=layer.input_shape.n_elements * len(layer.reads),
        outputs=outputs,
        additions=outputs if isinstance(layer, Add) else 0,
    )
