# SPDX-License-Identifier: Apache-2.0
"""Listener: a network that is given windows of features and says how likely each class is.

From outputs to posteriors, where the network is a Graph:

    real = scale * (output - zero point);    posterior = softmax(real), or real itself where the network ends in Softmax
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolchain.errors import ModelError
from toolchain.frontend import FeatureSpec, Normalisation
from toolchain.graph.graph import Graph
from toolchain.graph.ops import Softmax

# int8 windows [N, T, F] -> outputs [N, classes]: int8 of a Graph, float32 of a float network.
Outputs = NDArray[Any]
Run = Callable[[NDArray[np.int8]], Outputs]


@dataclass(frozen=True, eq=False)
class Listener:
    """name: as reports show it. labels: of the classes; the keywords come first, then silence and unknown.

    posteriors: outputs [N, classes] -> float64 [N, classes], each row adding up to about 1.
    """

    name: str
    labels: tuple[str, ...]
    spec: FeatureSpec
    normalisation: Normalisation
    run: Run
    posteriors: Callable[[Outputs], NDArray[np.float64]]

    @property
    def keywords(self) -> tuple[str, ...]:
        """The classes that are to be detected."""
        return self.labels[:-2]


def graph_posteriors(graph: Graph) -> Callable[[Outputs], NDArray[np.float64]]:
    """How the outputs of `graph` are read. Raises ModelError where it has several."""
    if len(graph.outputs) != 1:
        raise ModelError(f"graph {graph.name}: has {len(graph.outputs)} outputs; a detector reads one")
    (name,) = graph.outputs
    quantisation = graph.tensor(name).quantisation
    finished = isinstance(graph.producer(name), Softmax)

    def posteriors(outputs: Outputs) -> NDArray[np.float64]:
        real = (outputs.astype(np.float64) - quantisation.zero_point) * quantisation.scale
        return real if finished else softmax(real)

    return posteriors


def softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Of each row; float64.

    >>> softmax(np.array([[0.0, 0.0], [1000.0, 0.0]])).tolist()
    [[0.5, 0.5], [1.0, 0.0]]
    """
    powers = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def side_by_side(runs: Sequence[Run]) -> Run:
    """One Run of several that may work at the same time: each gets its share of every batch of one window or more."""

    def run(windows: NDArray[np.int8]) -> Outputs:
        shares = np.array_split(windows, min(len(runs), len(windows)))
        with ThreadPoolExecutor(len(shares)) as pool:
            return np.concatenate(list(pool.map(lambda pair: pair[0](pair[1]), zip(runs, shares, strict=False))))

    return runs[0] if len(runs) == 1 else run
