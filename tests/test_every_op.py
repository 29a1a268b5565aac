# SPDX-License-Identifier: Apache-2.0
"""Every operator of toolchain/graph/ops.py has each of its parts, so that a forgotten one fails here by name.

"To add an operator" (README) is the list of these tests.
"""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.graphs import GraphBuilder, random_inputs
from toolchain.core import known_core
from toolchain.device.host import HostModel
from toolchain.export.c import c_sources
from toolchain.export.c.kernel_table import KERNELS
from toolchain.export.manifest import rounding_of
from toolchain.export.tflite import tflite_bytes
from toolchain.graph import cost, shapes
from toolchain.graph.graph import Graph
from toolchain.graph.ops import OPERATORS, Operator
from toolchain.graph.reference import run, run_batch
from toolchain.graph.reference.interpreter import OPERATOR_RULES


def _net() -> GraphBuilder:
    return GraphBuilder("net", (1, 6, 5, 4), seed=11)


# One smallest Graph an operator; a new operator needs a line here.
EXAMPLES: dict[str, Callable[[], GraphBuilder]] = {
    "Conv2D": lambda: _net().conv2d(3, (3, 3)),
    "DepthwiseConv2D": lambda: _net().depthwise_conv2d((3, 3)),
    "FullyConnected": lambda: _net().fully_connected(5),
    "AveragePool2D": lambda: _net().average_pool2d((2, 2)),
    "MaxPool2D": lambda: _net().max_pool2d((2, 2)),
    "Mean": lambda: _net().mean(scale=0.02),
    "Add": lambda: _net().conv2d(4).add("input", scale=0.05),
    "Pad": lambda: _net().pad((1, 0, 2, 1)),
    "Concatenation": lambda: _net().pad((0, 0, 0, 0)).concatenation("input"),
    "TakeRows": lambda: _net().take_rows(2, 3),
    "JoinRows": lambda: _net().take_rows(1, 2).join_rows("input"),
    "Requantise": lambda: _net().requantise(scale=0.05, zero_point=3),
    "Reshape": lambda: _net().reshape((1, 120)),
    "Softmax": lambda: _net().reshape((1, 120)).softmax(),
}

every_op = pytest.mark.parametrize("kind", OPERATORS, ids=lambda kind: kind.__name__)


def _example(kind: type[Operator]) -> Graph:
    graph = EXAMPLES[kind.__name__]().graph()
    assert any(isinstance(op, kind) for op in graph.operators)
    return graph


@every_op
def test_it_is_listed_once_and_documented(kind: type[Operator]) -> None:
    assert OPERATORS.count(kind) == 1
    assert kind.__doc__ and not kind.__doc__.startswith(f"{kind.__name__}(")


def test_no_operator_is_left_out_of_the_list() -> None:
    assert set(OPERATORS) == set(Operator.__subclasses__())


@every_op
def test_it_has_a_shape_rule(kind: type[Operator]) -> None:
    assert shapes.output_shape.dispatch(kind) is not shapes.output_shape.dispatch(Operator)


@every_op
def test_it_has_a_cost_row(kind: type[Operator]) -> None:
    assert cost.macs.dispatch(kind) is not cost.macs.dispatch(Operator)
    assert kind.__name__ in [row.op for row in cost.graph_cost(_example(kind)).rows]


@every_op
def test_it_has_a_reference(kind: type[Operator]) -> None:
    assert kind in OPERATOR_RULES
    graph = _example(kind)
    values = run(graph, {name: value[0] for name, value in random_inputs(graph, 1).items()})
    output = graph.tensor(graph.outputs[0])
    assert values[output.name].shape == output.shape and values[output.name].dtype == np.int8


@every_op
def test_it_is_written_as_tflite(kind: type[Operator]) -> None:
    assert tflite_bytes(_example(kind))[4:8] == b"TFL3"


@every_op
def test_it_has_a_c_kernel_whose_bytes_are_the_reference_s(kind: type[Operator]) -> None:
    assert any(kernel.operator is kind for kernel in KERNELS)
    graph = _example(kind)
    inputs = random_inputs(graph, 4, seed=2)
    expected = run_batch(graph, inputs)
    for core in ("cortex-m0", "cortex-m4"):
        answered = HostModel(c_sources(graph, known_core(core))).run(inputs)
        for name in graph.outputs:
            assert np.array_equal(answered[name], expected[name]), (core, name)


@every_op
def test_its_rounding_is_stated(kind: type[Operator]) -> None:
    assert rounding_of(kind).split(",")[0] in ("never", "once", "twice")


@every_op
def test_it_has_tests_of_its_own(kind: type[Operator]) -> None:
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind.__name__).lower().replace("2_d", "2d")
    assert (Path(__file__).parent / "ops" / f"test_{name}.py").is_file()
