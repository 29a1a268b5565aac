# SPDX-License-Identifier: Apache-2.0
"""Softmax: the reference interpreter equals tflite-micro (and LiteRT) to the last bit."""

import numpy as np
import pytest

from tests.graphs import GraphBuilder, random_inputs
from tests.ops.agreement import assert_runtimes_agree
from tests.ops.cases import BEYOND_TFLITE_MICRO, CASES
from toolchain.errors import ModelError
from toolchain.export.tflite import tflite_bytes
from toolchain.graph.reference import run, run_batch
from toolchain.verify.judge import Subject
from toolchain.verify.judges.tflm import TfliteMicroJudge


@pytest.mark.parametrize("name", CASES["Softmax"])
def test_every_case_agrees(name: str) -> None:
    assert_runtimes_agree(CASES["Softmax"][name]())


@pytest.mark.parametrize("seed", range(12))
def test_random_rows_agree(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = (1, int(rng.integers(1, 20)), int(rng.integers(1, 40)))
    net = GraphBuilder("net", shape, scale=float(np.exp2(rng.uniform(-9, 2))), zero_point=int(rng.integers(-128, 128)))
    assert_runtimes_agree(net.softmax(float(rng.uniform(0.1, 4))).graph(), seed=seed)


def test_a_thousand_classes_agree_where_tflite_micro_runs() -> None:
    graph = BEYOND_TFLITE_MICRO["Softmax"]["of_a_thousand"]()
    inputs = {"input": random_inputs(graph, 5)["input"][2:]}
    answered = TfliteMicroJudge(Subject(graph, tflite_bytes(graph))).run(inputs)
    np.testing.assert_array_equal(answered[graph.outputs[0]], run_batch(graph, inputs)[graph.outputs[0]])


def test_a_thousand_equal_inputs_have_probability_zero() -> None:
    """1/1000 of 256 rounds to 0. tflite-micro would stop the program here."""
    graph = BEYOND_TFLITE_MICRO["Softmax"]["of_a_thousand"]()
    assert (run(graph, {"input": np.full((1, 1000), 3, np.int8)})[graph.outputs[0]] == -128).all()


def test_the_result_is_near_the_real_softmax() -> None:
    graph = GraphBuilder("net", (1, 12), scale=0.1).softmax().graph()
    x = random_inputs(graph, 50)["input"]
    real = np.exp(x * 0.1) / np.exp(x * 0.1).sum(axis=-1, keepdims=True)
    y = run_batch(graph, {"input": x})[graph.outputs[0]].astype(np.float64)
    assert np.abs((y + 128) - 256 * real).max() < 1


@pytest.mark.parametrize("beta", [0.0, -1.0, float("nan"), 1e-12])
def test_a_beta_without_a_factor_is_refused(beta: float) -> None:
    with pytest.raises(ModelError, match="beta times the input's scale"):
        GraphBuilder("net", (1, 4)).softmax(beta).graph()


def test_a_row_whose_sum_could_overflow_is_refused() -> None:
    with pytest.raises(ModelError, match="Softmax over 4096 elements; at most 4095 can be summed"):
        GraphBuilder("net", (1, 4096)).softmax().graph()
