# SPDX-License-Identifier: Apache-2.0
"""DepthwiseConv2D: the reference interpreter equals tflite-micro (and LiteRT) to the last bit."""

import numpy as np
import pytest

from tests.graphs import GraphBuilder
from tests.ops.agreement import accumulators_next_to_halves, assert_runtimes_agree
from tests.ops.cases import CASES
from toolchain.graph.reference import run


@pytest.mark.parametrize("name", CASES["DepthwiseConv2D"])
def test_every_case_agrees(name: str) -> None:
    assert_runtimes_agree(CASES["DepthwiseConv2D"][name]())


@pytest.mark.parametrize("seed", range(12))
def test_random_layers_agree(seed: int) -> None:
    rng = np.random.default_rng(seed)
    height, width, channels = (int(size) for size in rng.integers(1, 14, 3))
    zero_point = int(rng.integers(-128, 128))
    net = GraphBuilder("net", (1, height, width, channels), zero_point=zero_point, seed=seed)
    kernel = (int(rng.integers(1, 6)), int(rng.integers(1, 6)))
    stride = (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
    dilation = (int(rng.integers(1, 3)), int(rng.integers(1, 3)))
    net.depthwise_conv2d(kernel, multiplier=int(rng.integers(1, 4)), stride=stride, dilation=dilation)
    assert_runtimes_agree(net.graph(), seed=seed)


def test_output_channels_read_their_own_input_channel() -> None:
    net = GraphBuilder("net", (1, 1, 1, 2), scale=1.0)
    graph = net.depthwise_conv2d((1, 1), multiplier=2, weights=[1, 1, 1, 1], bias=False, zero_point=0).graph()
    lone = {"input": np.array([0, 50], np.int8).reshape(1, 1, 1, 2)}
    output = run(graph, lone)[graph.outputs[0]].reshape(-1)
    assert output[:2].tolist() == [0, 0] and output[2:].all()


@pytest.mark.parametrize("per_channel", [False, True])
def test_factors_agree_to_the_last_bit(per_channel: bool) -> None:
    def make(bias: np.ndarray, scale: float) -> GraphBuilder:
        net = GraphBuilder("net", (1, 1, 1, 1), scale=0.1, seed=1)
        weights = [0] * len(bias)
        return net.depthwise_conv2d(
            (1, 1), multiplier=len(bias), per_channel=per_channel, weights=weights, bias=bias, scale=scale, zero_point=0
        )

    assert_runtimes_agree(accumulators_next_to_halves(make))


ENDS = [2**31 - 1, -(2**31), 2**31 - 50, -(2**31) + 7]


def test_an_accumulator_that_overflows_wraps_as_compiled_kernels_do() -> None:
    """Undefined in C++, and two's complement in every build: no sound network comes near it."""
    net = GraphBuilder("net", (1, 6, 6, 4), zero_point=-128).depthwise_conv2d((3, 3), bias=ENDS, scale=4000.0)
    assert_runtimes_agree(net.graph())
