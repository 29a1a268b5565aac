# SPDX-License-Identifier: Apache-2.0
"""check_graph: tensors must fit the roles that operators give them, and scales must have factors."""

from dataclasses import replace

import numpy as np
import pytest

from tests.graphs import GraphBuilder
from toolchain.errors import ModelError
from toolchain.graph.check import check_graph
from toolchain.graph.graph import Graph
from toolchain.graph.tensor import DType, Quantisation


def _with_tensor(graph: Graph, name: str, **changes: object) -> Graph:
    tensors = tuple(replace(tensor, **changes) if tensor.name == name else tensor for tensor in graph.tensors)
    return replace(graph, tensors=tensors)


def _conv() -> Graph:
    return GraphBuilder("net", (1, 4, 4, 2)).conv2d(3, (3, 3)).graph()


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("layer_0_weights", {"quantisation": Quantisation((0.1,), 3)}, "must be constant int8 with zero point 0"),
        ("layer_0_weights", {"quantisation": Quantisation((0.1, 0.1), 0, 3)}, "scales along axis 3"),
        ("input", {"dtype": DType.INT16}, "tensor input must be int8 with one scale"),
        ("input", {"quantisation": Quantisation((0.1, 0.2), 0, 3)}, "tensor input must be int8 with one scale"),
        ("conv2d_0_out", {"quantisation": Quantisation((1e-30,))}, "fixed point ends below 2\\^30"),
    ],
)
def test_a_tensor_out_of_its_role_is_named(name: str, changes: dict[str, object], message: str) -> None:
    with pytest.raises(ModelError, match=f"graph net: .*{message}"):
        check_graph(_with_tensor(_conv(), name, **changes))


@pytest.mark.parametrize("name", ["layer_0_weights", "layer_0_bias"])
def test_weights_and_biases_cannot_flow(name: str) -> None:
    graph = _with_tensor(_conv(), name, data=None)
    with pytest.raises(ModelError, match=f"{name} must be constant"):
        check_graph(replace(graph, inputs=("input", name)))


@pytest.mark.parametrize("operator", ["average_pool2d", "max_pool2d"])
def test_pools_need_one_grid(operator: str) -> None:
    net = GraphBuilder("net", (1, 4, 4, 2))
    graph = getattr(net, operator)((2, 2)).graph()
    with pytest.raises(ModelError, match="needs one quantisation for its inputs and its output"):
        check_graph(_with_tensor(graph, graph.outputs[0], quantisation=Quantisation((0.5,))))


def test_softmax_gives_256ths() -> None:
    graph = GraphBuilder("net", (1, 4)).softmax().graph()
    with pytest.raises(ModelError, match="scale 1/256 and zero point -128"):
        check_graph(_with_tensor(graph, graph.outputs[0], quantisation=Quantisation((1 / 128,), -128)))


def test_a_sound_graph_is_given_back() -> None:
    graph = _conv()
    assert check_graph(graph) is graph
    assert np.array_equal(graph.tensor("layer_0_bias").array.shape, [3])
