# SPDX-License-Identifier: Apache-2.0
"""assert_runtimes_agree: the reference interpreter against tflite-micro and LiteRT on one Graph."""

from collections.abc import Callable

import numpy as np

from tests.graphs import GraphBuilder, random_inputs
from toolchain.export.tflite import tflite_bytes
from toolchain.graph.graph import Graph
from toolchain.graph.reference import run, run_batch
from toolchain.verify.judge import Subject
from toolchain.verify.judges.litert import LiteRtJudge
from toolchain.verify.judges.tflm import TfliteMicroJudge


def assert_runtimes_agree(graph: Graph, count: int = 6, seed: int = 0) -> dict[str, np.ndarray]:
    """Outputs over `count` inputs (two of them extreme) and one inference's layers, exactly. Returns the outputs.

    LiteRT is held to it where the Graph has no operator that it is known to round otherwise.
    """
    subject = Subject(graph, tflite_bytes(graph))
    inputs = random_inputs(graph, count, seed)
    expected = run_batch(graph, inputs)
    for judge in (TfliteMicroJudge(subject), LiteRtJudge(subject)):
        if any(op.kind in judge.duty.exempt for op in graph.operators):
            continue
        answered = judge.run(inputs)
        for name in graph.outputs:
            np.testing.assert_array_equal(answered[name], expected[name], err_msg=f"{judge.name}, output {name}")
        last = {name: value[-1:] for name, value in inputs.items()}
        layers = judge.layers(last)
        for name, value in run(graph, {name: value[0] for name, value in last.items()}).items():
            np.testing.assert_array_equal(layers[name][0], value, err_msg=f"{judge.name}, layer {name}")
    return expected


def accumulators_next_to_halves(make: Callable[[np.ndarray, float], GraphBuilder], factor: float = 1e-6) -> Graph:
    """A layer whose accumulators lie where the last bits of its multipliers decide the output.

    `make(bias, scale)` builds the layer with weights of 0, so that the bias is the accumulator, and with `scale` as
    the output's scale. Each channel gets the bias that is nearest to a half of the output, give or take a few.
    """
    places = np.tile(np.arange(-12, 13), 254)
    halves = np.repeat(np.arange(-127, 127) + 0.5, 25)
    scales = make(np.zeros(places.size), 1.0).graph().tensor("layer_0_bias").quantisation.scales
    output_scale = float(np.float32(max(scales) / factor))
    bias = np.rint(halves * output_scale / np.resize(scales, places.size)) + places
    return make(bias, output_scale).graph()
