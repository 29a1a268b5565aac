# SPDX-License-Identifier: Apache-2.0
"""Conv2D: the reference interpreter equals tflite-micro (and LiteRT) to the last bit."""

import numpy as np
import pytest

from tests.graphs import GraphBuilder, random_inputs
from tests.ops.agreement import accumulators_next_to_halves, assert_runtimes_agree
from tests.ops.cases import CASES
from toolchain.graph.fixedpoint import multiply_rounding_twice
from toolchain.graph.reference import run, run_batch
from toolchain.graph.requantisation import conv_requantisation


@pytest.mark.parametrize("name", CASES["Conv2D"])
def test_every_case_agrees(name: str) -> None:
    assert_runtimes_agree(CASES["Conv2D"][name]())


@pytest.mark.parametrize("seed", range(12))
def test_random_layers_agree(seed: int) -> None:
    rng = np.random.default_rng(seed)
    height, width, channels = (int(size) for size in rng.integers(1, 14, 3))
    zero_point = int(rng.integers(-128, 128))
    net = GraphBuilder("net", (1, height, width, channels), zero_point=zero_point, seed=seed)
    kernel = (int(rng.integers(1, 6)), int(rng.integers(1, 6)))
    stride = (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
    dilation = (int(rng.integers(1, 3)), int(rng.integers(1, 3)))
    net.conv2d(int(rng.integers(1, 10)), kernel, stride=stride, dilation=dilation, gain=2.0)
    assert_runtimes_agree(net.graph(), seed=seed)


def test_padding_adds_the_zero_point_and_so_nothing() -> None:
    graph = GraphBuilder("net", (1, 1, 1, 1), zero_point=-7).conv2d(1, (3, 3), weights=range(9), bias=False).graph()
    lone = {"input": np.full((1, 1, 1, 1, 1), -7, np.int8)}
    output = graph.tensor(graph.outputs[0])
    assert run_batch(graph, lone)[output.name].item() == output.quantisation.zero_point


def test_it_equals_seven_nested_loops() -> None:
    net = GraphBuilder("net", (1, 5, 4, 2), zero_point=9, seed=3)
    graph = net.conv2d(3, (3, 2), stride=(2, 1), dilation=(1, 2), padding=(1, 2, 0, 3), activation=(-90, 100)).graph()
    op = graph.operators[0]
    x = random_inputs(graph, 3)["input"][2, 0]
    weights, bias = graph.tensor(op.weights).array, graph.tensor(op.bias).array
    factors = conv_requantisation(graph, op)
    _, rows, columns, channels = graph.tensor(op.output).shape
    expected = np.empty((rows, columns, channels), np.int8)
    for row in range(rows):
        for column in range(columns):
            for co in range(channels):
                acc = int(bias[co])
                for kh in range(3):
                    for kw in range(2):
                        h, w = row * 2 + kh - 1, column + kw * 2
                        for ci in range(2):
                            if 0 <= h < 5 and 0 <= w < 4:
                                acc += (int(x[h, w, ci]) - 9) * int(weights[co, kh, kw, ci])
                y = int(multiply_rounding_twice(acc, factors.multipliers[co], factors.shifts[co]))
                y += graph.tensor(op.output).quantisation.zero_point
                expected[row, column, co] = min(max(y, -90), 100)
    np.testing.assert_array_equal(run(graph, {"input": x[None]})[op.output][0], expected)


@pytest.mark.parametrize("name", ["saturates", "multiplier_above_one", "weights_at_both_ends"])
def test_the_case_reaches_both_ends_of_int8(name: str) -> None:
    outputs = next(iter(assert_runtimes_agree(CASES["Conv2D"][name]()).values()))
    assert outputs.min() == -128 and outputs.max() == 127


def test_the_case_multiplier_above_one_shifts_left() -> None:
    graph = CASES["Conv2D"]["multiplier_above_one"]()
    assert conv_requantisation(graph, graph.operators[0]).shifts.max() > 0


def test_the_case_flushed_to_zero_has_no_multiplier() -> None:
    graph = CASES["Conv2D"]["multiplier_flushed_to_zero"]()
    assert not conv_requantisation(graph, graph.operators[0]).multipliers.any()


@pytest.mark.parametrize("per_channel", [False, True])
def test_factors_agree_to_the_last_bit(per_channel: bool) -> None:
    def make(bias: np.ndarray, scale: float) -> GraphBuilder:
        net = GraphBuilder("net", (1, 1, 1, 1), scale=0.1, seed=1)
        weights = [0] * len(bias)
        return net.conv2d(len(bias), per_channel=per_channel, weights=weights, bias=bias, scale=scale, zero_point=0)

    assert_runtimes_agree(accumulators_next_to_halves(make))


ENDS = [2**31 - 1, -(2**31), 2**31 - 50, -(2**31) + 7]


def test_an_accumulator_that_overflows_wraps_as_compiled_kernels_do() -> None:
    """Undefined in C++, and two's complement in every build: no sound network comes near it."""
    net = GraphBuilder("net", (1, 6, 6, 4), zero_point=-128).conv2d(4, (3, 3), bias=ENDS, scale=4000.0)
    assert_runtimes_agree(net.graph())
