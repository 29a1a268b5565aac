# SPDX-License-Identifier: Apache-2.0
"""Simulation: what a Graph answers to many clips, in seconds: its sums by torch, everything else by the reference.

Integers are kept in floats. A sum of products is exact as long as it stays below 2^24, and it is scaled by one float
factor where the device rounds in fixed point: an output in a thousand falls to the other side of a step. Who needs the
device's own bytes asks the reference interpreter or the generated C; who compares a hundred networks asks here.

Networks that are scored one after the other often begin alike, as in a scan that changes one layer after the other.
The values in front of the first layer that differed last are kept, and networks that share what leads there go on
from them.

    scored before    a b c d e          kept: what c reads
    scored now       a b c'd e              -> from c'
    scored next      a b c"d e                 from c" at once
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from toolchain.graph.graph import Graph
from toolchain.graph.ops import Conv2D, DepthwiseConv2D, FullyConnected, Operator
from toolchain.graph.reference.interpreter import OPERATOR_RULES

# Clips that run together: few enough for the caches, many enough that calls cost nothing.
_BATCH = 125

_Values = dict[str, NDArray[np.int8]]
_Sums = Conv2D | DepthwiseConv2D | FullyConnected


class Simulation:
    """features: int8 [N, *shape of the network's input]; labels: int64 [N]. threads: of torch."""

    def __init__(self, features: NDArray[np.int8], labels: NDArray[np.int64], threads: int) -> None:
        torch.set_num_threads(threads)
        self._features, self._labels = features, labels
        self._scored: list[bytes] = []
        self._kept_steps: list[bytes] = []
        self._kept: list[_Values] = []

    @torch.no_grad()
    def scores(self, graph: Graph) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Cross-entropy float64 [N] of each clip, and whether its largest output is its label."""
        logits = self._logits(graph)
        labels = torch.from_numpy(self._labels)
        losses = F.cross_entropy(torch.from_numpy(logits), labels, reduction="none")
        return losses.numpy(), np.asarray(logits.argmax(1) == self._labels)

    def _logits(self, graph: Graph) -> NDArray[np.float64]:
        """Real outputs [N, classes]."""
        steps = [_fingerprint(graph, op) for op in graph.operators]
        first = len(self._kept_steps) if steps[: len(self._kept_steps)] == self._kept_steps else 0
        if not first:
            self._kept = [{} for _ in range(0, len(self._features), _BATCH)]
        keep_at = max(first, _in_common(steps, self._scored))
        found = []
        for index, start in enumerate(range(0, len(self._features), _BATCH)):
            values = dict(self._kept[index]) or {graph.inputs[0]: self._features[start : start + _BATCH]}
            for at in range(first, len(steps)):
                if at == keep_at:
                    self._kept[index] = dict(values)
                _step(graph, at, values)
            found.append(values[graph.outputs[0]].reshape(len(values[graph.outputs[0]]), -1))
        self._scored, self._kept_steps = steps, steps[:keep_at]
        output = graph.tensor(graph.outputs[0]).quantisation
        return (np.concatenate(found).astype(np.float64) - output.zero_point) * output.scale


def _in_common(steps: Sequence[bytes], others: Sequence[bytes]) -> int:
    """How many of the first are equal; never all of them."""
    alike = [one == other for one, other in zip(steps, others, strict=False)]
    return min(alike.index(False) if False in alike else len(alike), len(steps) - 1)


def _fingerprint(graph: Graph, op: Operator) -> bytes:
    """What the operator computes: itself, and the constants that it reads."""
    constants = [graph.tensor(name) for name in op.reads if graph.tensor(name).is_constant]
    return repr((op, [tensor.quantisation for tensor in constants])).encode() + b"".join(
        tensor.array.tobytes() for tensor in constants
    )


def _step(graph: Graph, at: int, values: _Values) -> None:
    """Carry out operator `at`; forget what nobody reads any more."""
    op = graph.operators[at]
    if isinstance(op, _Sums):
        values[op.output] = _sums(graph, op, values)
    else:
        values[op.writes[0]] = OPERATOR_RULES[type(op)](graph, op, _with_constants(graph, op, values))
    later = {name for after in graph.operators[at + 1 :] for name in after.reads} | set(graph.outputs)
    for name in [name for name in values if name not in later]:
        del values[name]


def _with_constants(graph: Graph, op: Operator, values: _Values) -> Mapping[str, NDArray[np.int8]]:
    """The values that `op` reads; constants once for each clip."""
    count = len(next(iter(values.values())))
    constants = {
        name: np.broadcast_to(graph.tensor(name).array, (count, *graph.tensor(name).shape)).astype(np.int8, copy=False)
        for name in op.reads
        if graph.tensor(name).is_constant
    }
    return values | constants


def _sums(graph: Graph, op: _Sums, values: _Values) -> NDArray[np.int8]:
    """int8 [N, *input] -> int8 [N, *output] of a layer with weights."""
    source, output, weights = graph.tensor(op.input), graph.tensor(op.output), graph.tensor(op.weights)
    x = torch.from_numpy(values[op.input]).to(torch.float32) - source.quantisation.zero_point
    w = torch.from_numpy(weights.array.astype(np.float32))
    bias = None if op.bias is None else torch.from_numpy(graph.tensor(op.bias).array.astype(np.float32))
    if isinstance(op, FullyConnected):
        sums = F.linear(x.reshape(len(x), output.shape[0], -1), w, bias)
    else:
        sums = _convolved(op, x[:, 0].permute(0, 3, 1, 2), w, bias).permute(0, 2, 3, 1).unsqueeze(1)
    scales = np.array(weights.quantisation.scales) * source.quantisation.scale / output.quantisation.scale
    steps = (sums * torch.from_numpy(scales.astype(np.float32))).round_() + output.quantisation.zero_point
    return steps.clamp_(*op.activation).to(torch.int8).contiguous().numpy()


def _convolved(op: Conv2D | DepthwiseConv2D, x: Tensor, weights: Tensor, bias: Tensor | None) -> Tensor:
    """x: [N, C, H, W] with channels last in memory. weights: as in the Graph."""
    groups = x.shape[1] if isinstance(op, DepthwiseConv2D) else 1
    order = (3, 0, 1, 2) if isinstance(op, DepthwiseConv2D) else (0, 3, 1, 2)
    top, bottom, left, right = op.padding
    if any(op.padding):
        x = F.pad(x, (left, right, top, bottom))
    kernel = weights.permute(order).contiguous(memory_format=torch.channels_last)
    x = x.contiguous(memory_format=torch.channels_last)
    return F.conv2d(x, kernel, bias, tuple(op.stride), 0, tuple(op.dilation), groups)
