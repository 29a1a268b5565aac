# SPDX-License-Identifier: Apache-2.0
"""Every layer's output from generated C, which tells them for one inference at a time."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from toolchain.graph.bands import Banded
from toolchain.verify.judge import Batch

Int8 = NDArray[np.int8]


def traced_layers(banded: Banded, inputs: Batch, layers: Callable[[Batch], list[Int8]]) -> dict[str, Int8]:
    """The output of each operator of banded.source that exists as a whole, by tensor: int8 [N, *shape].

    inputs: int8 [N, *shape] by name. layers: from one inference, its inputs int8 [*shape] by name, to the output of
    each operator of banded.graph in order.
    """
    graph = banded.graph
    traced = [
        layers({name: inputs[name][index] for name in graph.inputs}) for index in range(len(inputs[graph.inputs[0]]))
    ]
    shown = {op.writes[0]: np.stack([one[step] for one in traced]) for step, op in enumerate(graph.operators)}
    return banded.with_whole_images(shown)
