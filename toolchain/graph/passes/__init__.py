# SPDX-License-Identifier: Apache-2.0
"""Passes: small pure functions Graph -> Graph, one noun a file, each checked afterwards.

`run_passes` is what a reader of a foreign format calls on the Graph that says what the file says.
"""

from collections.abc import Callable

from toolchain.graph.check import check_graph
from toolchain.graph.graph import Graph
from toolchain.graph.passes.clamp_fusion import fuse_clamps
from toolchain.graph.passes.dead_code import drop_dead_code
from toolchain.graph.passes.padding_fusion import fuse_padding
from toolchain.graph.passes.requantise_insertion import insert_requantise
from toolchain.graph.passes.reshape_elimination import drop_reshapes

Pass = Callable[[Graph], Graph]

# In this order: the first establishes the rules on equal grids, the rest only take things away.
PASSES: tuple[Pass, ...] = (insert_requantise, fuse_clamps, fuse_padding, drop_reshapes, drop_dead_code)


def run_passes(graph: Graph) -> Graph:
    """All passes in order, the Graph checked after each. Raises ModelError where it is not sound."""
    for each in PASSES:
        graph = check_graph(each(graph))
    return graph
