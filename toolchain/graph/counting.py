# SPDX-License-Identifier: Apache-2.0
"""The named counting rules: what one network costs in operations and bytes, according to whom (design.md).

    rule         operations                                  memory
    macs         exact multiply-accumulates                  none
    hello_edge   2 * MAC + 1 per output (bias or residual)   weights + biases (batch norm folded) at 8 bits
                                                             + max over layers of (inputs + outputs)
    peter2020    MACs, output size of a strided convolution  2 * weights + 2 * batch-norm channels + biases
                 rounded down

A rule sees only LayerFacts, so that an architecture that was never trained (arch/counting.py) and a Graph
(graph/cost.py) are counted by the same lines. kB is 1000 bytes in both papers.

Sources: Hello Edge (arXiv 1711.07128), reproduced exactly for its DNN, CNN and DS-CNN tables; Peter et al. (arXiv
2012.10138): their counter divides map sizes by the stride and drops the remainder, and their memory sums every
tensor that is trained, in which a quantised layer holds its weights twice and trains only the biases without batch
norm (the dense layer's).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Rule(StrEnum):
    """A named way of counting, of those that need no firmware. A figure without its rule means nothing."""

    MACS = "macs"
    HELLO_EDGE = "hello_edge"
    PETER2020 = "peter2020"


@dataclass(frozen=True)
class LayerFacts:
    """What a rule may ask of one layer.

    macs: exact, padding included, as every framework counts. macs_floored: the same with each strided output size
    rounded down. weights, biases: numbers of them once batch norm is folded. batch_norm_channels: channels that are
    normalised before folding. inputs, outputs: elements read and written; an addition reads two maps. additions: one
    for each output that adds a bias or a residual, none for pooling.
    """

    name: str
    op: str
    output_shape: tuple[int, ...]
    macs: int
    macs_floored: int
    weights: int
    biases: int
    batch_norm_channels: int
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
    """A network under one rule. memory_bytes: None where the rule does not define memory.

    parameters: numbers that training finds, under peter2020 before batch norm is folded, otherwise after.
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


def count_facts(facts: Sequence[LayerFacts], rule: Rule) -> Count:
    """A network counted under `rule`."""
    return _RULES[rule](facts)


def _macs(facts: Sequence[LayerFacts]) -> Count:
    rows = tuple(LayerCount(f.name, f.op, f.macs, f.macs, None) for f in facts)
    macs = sum(row.macs for row in rows)
    return Count(Rule.MACS, macs, macs, None, sum(f.weights + f.biases for f in facts), rows)


def _hello_edge(facts: Sequence[LayerFacts]) -> Count:
    rows = tuple(LayerCount(f.name, f.op, f.macs, 2 * f.macs + f.additions, f.weights + f.biases) for f in facts)
    stored = sum(f.weights + f.biases for f in facts)
    widest = max(facts, key=lambda f: f.inputs + f.outputs, default=None)
    peak = widest.inputs + widest.outputs if widest else 0
    return Count(
        Rule.HELLO_EDGE,
        sum(row.macs for row in rows),
        sum(row.operations for row in rows),
        stored + peak,
        stored,
        rows,
        activation_bytes=peak,
        activation_layer=widest.name if widest else None,
    )


def _peter2020(facts: Sequence[LayerFacts]) -> Count:
    rows: list[LayerCount] = []
    parameters = 0
    for f in facts:
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
