# SPDX-License-Identifier: Apache-2.0
"""Requantise: the reference interpreter equals tflite-micro (and LiteRT) to the last bit."""

import numpy as np
import pytest

from tests.graphs import GraphBuilder
from tests.ops.agreement import assert_runtimes_agree
from tests.ops.cases import CASES
from toolchain.export.tflite import tflite_bytes
from toolchain.graph.fixedpoint import multiply_rounding_twice, quantise_multiplier
from toolchain.graph.reference import run_batch
from toolchain.verify.judge import Subject
from toolchain.verify.judges.tflm import TfliteMicroJudge


@pytest.mark.parametrize("name", CASES["Requantise"])
def test_every_case_agrees(name: str) -> None:
    assert_runtimes_agree(CASES["Requantise"][name]())


@pytest.mark.parametrize("seed", range(24))
def test_random_grids_agree_on_all_inputs(seed: int) -> None:
    """Without and with a ReLU, which tflite-micro computes in another kernel."""
    rng = np.random.default_rng(seed)
    zero_points = rng.integers(-128, 128, 2).tolist()
    net = GraphBuilder("net", (1, 256), scale=float(rng.uniform(0.01, 1)), zero_point=zero_points[0])
    low = zero_points[1] if seed % 2 else -128
    net.requantise(scale=float(rng.uniform(0.01, 1)), zero_point=zero_points[1], activation=(low, 127))
    graph = net.graph()
    expected = assert_runtimes_agree(graph, seed=seed)
    assert len(expected[graph.outputs[0]]) == 6
    everything = {"input": np.arange(-128, 128, dtype=np.int8).reshape(1, 1, 256)}
    answered = TfliteMicroJudge(Subject(graph, tflite_bytes(graph))).run(everything)
    np.testing.assert_array_equal(answered[graph.outputs[0]], run_batch(graph, everything)[graph.outputs[0]])


@pytest.mark.parametrize("low", [-128, 0])
def test_the_ratio_of_scales_is_taken_in_double(low: int) -> None:
    """Both kernels (QUANTIZE, and RELU where the clamp begins at the zero point), on ratios where float32 differs."""
    rng = np.random.default_rng(0)
    everything = np.arange(-128, 128)
    telling = []
    while len(telling) < 5:
        first, second = (float(np.float32(scale)) for scale in rng.uniform(0.01, 1, 2))
        in_double = multiply_rounding_twice(everything, *quantise_multiplier(first / second))
        in_float32 = multiply_rounding_twice(everything, *quantise_multiplier(float(np.float32(first / second))))
        if np.any(np.clip(in_double, low, 127) != np.clip(in_float32, low, 127)):
            telling.append((first, second))
    for first, second in telling:
        net = GraphBuilder("net", (1, 256), scale=first)
        graph = net.requantise(scale=second, zero_point=0, activation=(low, 127)).graph()
        x = {"input": everything.astype(np.int8).reshape(1, 1, 256)}
        answered = TfliteMicroJudge(Subject(graph, tflite_bytes(graph))).run(x)
        np.testing.assert_array_equal(answered[graph.outputs[0]], run_batch(graph, x)[graph.outputs[0]])
