# SPDX-License-Identifier: Apache-2.0
"""FullyConnected: the reference interpreter equals tflite-micro (and LiteRT where it is known to) to the last bit."""

import numpy as np
import pytest

from tests.graphs import GraphBuilder, random_inputs
from tests.ops.agreement import accumulators_next_to_halves, assert_runtimes_agree
from tests.ops.cases import CASES
from toolchain.export.tflite import tflite_bytes
from toolchain.graph.fixedpoint import multiply_rounding_once
from toolchain.graph.reference import common, run_batch
from toolchain.verify.judge import Subject
from toolchain.verify.judges.litert import LiteRtJudge


@pytest.mark.parametrize("name", CASES["FullyConnected"])
def test_every_case_agrees(name: str) -> None:
    assert_runtimes_agree(CASES["FullyConnected"][name]())


@pytest.mark.parametrize("seed", range(12))
def test_random_layers_agree(seed: int) -> None:
    rng = np.random.default_rng(seed)
    net = GraphBuilder("net", (1, int(rng.integers(1, 300))), zero_point=int(rng.integers(-128, 128)), seed=seed)
    net.fully_connected(int(rng.integers(1, 40)), per_channel=bool(seed % 2), gain=2.0)
    assert_runtimes_agree(net.graph(), seed=seed)


@pytest.mark.parametrize("per_channel", [False, True])
def test_factors_agree_to_the_last_bit(per_channel: bool) -> None:
    """Accumulators next to halves of the output tell a product of scales in double from one in float32."""

    def make(bias: np.ndarray, scale: float) -> GraphBuilder:
        net = GraphBuilder("net", (1, 1), scale=0.1, seed=1)
        weights = [0] * len(bias)
        return net.fully_connected(
            len(bias), per_channel=per_channel, weights=weights, bias=bias, scale=scale, zero_point=0
        )

    assert_runtimes_agree(accumulators_next_to_halves(make))


def test_litert_rounds_once_and_nothing_else_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    bias = np.arange(-20_000, 20_000)
    net = GraphBuilder("net", (1, 1), seed=1)
    weights = [0] * len(bias)
    graph = net.fully_connected(len(bias), per_channel=False, weights=weights, bias=bias, scale=0.1).graph()
    inputs = random_inputs(graph, 1)
    name = graph.outputs[0]
    answered = LiteRtJudge(Subject(graph, tflite_bytes(graph))).run(inputs)[name]
    twice = run_batch(graph, inputs)[name]
    monkeypatch.setattr(common, "multiply_rounding_twice", multiply_rounding_once)
    np.testing.assert_array_equal(answered, run_batch(graph, inputs)[name])
    assert 0 < np.count_nonzero(answered != twice) < answered.size / 100
    assert np.abs(answered.astype(int) - twice).max() == 1


ENDS = [2**31 - 1, -(2**31), 2**31 - 50, -(2**31) + 7]


def test_an_accumulator_that_overflows_wraps_as_compiled_kernels_do() -> None:
    """Undefined in C++, and two's complement in every build: no sound network comes near it."""
    net = GraphBuilder("net", (1, 16), zero_point=-128).fully_connected(4, bias=ENDS, scale=4000.0)
    assert_runtimes_agree(net.graph())
