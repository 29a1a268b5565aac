# SPDX-License-Identifier: Apache-2.0
"""Named small Graphs for each operator: edge sizes and edge numbers that every implementation must get right.

CASES[kind][name]() is a Graph. tests/ops/ holds the reference interpreter against tflite-micro on them; whoever
implements operators elsewhere (C kernels) loops over the same table.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.graphs import GraphBuilder
from toolchain.graph.graph import Graph

Case = Callable[[], Graph]


def _net(shape: tuple[int, ...] = (1, 9, 7, 5), *, zero_point: int = 11, scale: float = 0.05) -> GraphBuilder:
    return GraphBuilder("net", shape, scale=scale, zero_point=zero_point, seed=5)


def _conv(channels: int = 6, kernel: tuple[int, int] = (3, 3), **options: Any) -> Case:
    source = options.pop("source", {})
    return lambda: _net(**source).conv2d(channels, kernel, **options).graph()


def _depthwise(kernel: tuple[int, int] = (3, 3), **options: Any) -> Case:
    source = options.pop("source", {})
    return lambda: _net(**source).depthwise_conv2d(kernel, **options).graph()


def _dense(channels: int = 7, **options: Any) -> Case:
    source = options.pop("source", {})
    return lambda: _net(**source).fully_connected(channels, **options).graph()


def _extremes(shape: tuple[int, ...]) -> np.ndarray:
    """Weights of -128 and 127 only."""
    return np.where(np.random.default_rng(3).integers(0, 2, shape) > 0, 127, -128)


_HUGE = np.array([2**31 - 1 - 2**21, -(2**31) + 2**21, 0, 1, -1, 2**30])  # near int32's ends, without overflow

CONVOLUTION: dict[str, dict[str, Any]] = {
    "same_padding": {},
    "valid_padding": {"padding": "valid"},
    "asymmetric_padding": {"padding": (2, 0, 1, 2)},
    "padding_on_one_side_only": {"padding": (0, 2, 0, 0)},
    "stride_2": {"stride": (2, 2)},
    "stride_3_by_1": {"stride": (3, 1)},
    "stride_1_by_3": {"stride": (1, 3)},
    "stride_larger_than_the_window": {"kernel": (2, 1), "stride": (3, 2)},
    "dilation_2": {"dilation": (2, 2)},
    "dilation_3_by_2_without_padding": {"dilation": (3, 2), "padding": "valid"},
    "window_larger_than_the_input": {"kernel": (11, 9)},
    "window_of_one": {"kernel": (1, 1)},
    "window_of_one_row": {"kernel": (1, 5)},
    "window_of_one_column": {"kernel": (5, 1)},
    "one_pixel": {"source": {"shape": (1, 1, 1, 5)}},
    "one_input_channel": {"source": {"shape": (1, 9, 7, 1)}},
    "lowest_zero_points": {"source": {"zero_point": -128}, "zero_point": -128},
    "highest_zero_points": {"source": {"zero_point": 127}, "zero_point": 127},
    "one_scale_for_all_channels": {"per_channel": False},
    "no_bias": {"bias": False},
    "relu": {"zero_point": -20, "activation": (-20, 127)},
    "relu6": {"zero_point": -20, "scale": 6 / 100, "activation": (-20, 80)},
    "clamp_of_its_own": {"activation": (-77, 33)},
    "clamp_to_one_value": {"activation": (5, 5)},
    "saturates": {"gain": 30.0},
    "multiplier_above_one": {"gain": 1.0, "scale": 0.05 / 400},
    "multiplier_flushed_to_zero": {"scale": 1e12},
}


def _convolutions(make: Callable[..., Case], channels: int, weights_shape: tuple[int, ...]) -> dict[str, Case]:
    cases = {name: make(**dict(options)) for name, options in CONVOLUTION.items()}
    cases["weights_at_both_ends"] = make(weights=_extremes(weights_shape))
    bias = np.resize(_HUGE, channels)
    cases["bias_near_the_ends_of_int32"] = make(bias=bias, scale=4000.0, zero_point=3)
    return cases


def _two_inputs(other_scale: float, other_zero_point: int, **options: Any) -> Case:
    """Add of two inputs, the first of scale 0.05 and zero point 11."""

    def make() -> Graph:
        net = _net()
        other = net.input("other", (1, 9, 7, 5), scale=other_scale, zero_point=other_zero_point)
        return net.back_to("input").add(other, **options).graph()

    return make


def _add_itself() -> Graph:
    net = _net()
    return net.add(net.last, scale=0.1, zero_point=-3).graph()


def _join(*channels: int) -> Case:
    def make() -> Graph:
        net = _net((1, 4, 3, channels[0]))
        others = [
            net.input(f"input_{index}", (1, 4, 3, count), scale=0.05, zero_point=11)
            for index, count in enumerate(channels[1:], start=1)
        ]
        return net.back_to("input").concatenation(*others).graph()

    return make


def _join_vectors() -> Graph:
    net = _net((1, 5))
    return net.concatenation(net.last).graph()


POOLS: dict[str, dict[str, Any]] = {
    "window_2": {"window": (2, 2)},
    "whole_input": {"window": (9, 7)},
    "one_element": {"window": (1, 1)},
    "overlapping": {"window": (3, 3), "stride": (1, 2)},
    "gaps_between_windows": {"window": (2, 1), "stride": (3, 3)},
    "same_padding": {"window": (3, 4), "stride": (2, 2), "padding": "same"},
    "same_padding_larger_than_the_input": {"window": (12, 10), "stride": (1, 1), "padding": "same"},
    "clamped": {"window": (2, 2), "activation": (-30, 40)},
}


def _average(**options: Any) -> Case:
    return lambda: _net().average_pool2d(**options).graph()


def _maximum(**options: Any) -> Case:
    return lambda: _net().max_pool2d(**options).graph()


def _mean(shape: tuple[int, ...] = (1, 9, 7, 5), **options: Any) -> Case:
    return lambda: _net(shape).mean(**options).graph()


def _take_rows(first: int, rows: int, shape: tuple[int, ...] = (1, 9, 7, 5)) -> Case:
    return lambda: _net(shape).take_rows(first, rows).graph()


def _join_rows(*heights: int) -> Case:
    def make() -> Graph:
        net = _net((1, heights[0], 3, 5))
        others = [
            net.input(f"input_{index}", (1, height, 3, 5), scale=0.05, zero_point=11)
            for index, height in enumerate(heights[1:], start=1)
        ]
        return net.back_to("input").join_rows(*others).graph()

    return make


def _pad(*amounts: int, zero_point: int = 11) -> Case:
    return lambda: _net(zero_point=zero_point).pad(amounts).graph()


def _requantise(**options: Any) -> Case:
    source = options.pop("source", {})
    return lambda: _net((1, 16, 16, 4), **source).requantise(**options).graph()


def _reshape(*shape: int) -> Case:
    return lambda: _net().reshape(shape).graph()


def _softmax(shape: tuple[int, ...], scale: float = 0.05, beta: float = 1.0) -> Case:
    return lambda: _net(shape, scale=scale).softmax(beta).graph()


CASES: dict[str, dict[str, Case]] = {
    "Conv2D": {
        **_convolutions(_conv, 6, (6, 3, 3, 5)),
        "one_output_channel": _conv(1),
        "many_channels": _conv(33, (5, 5), source={"shape": (1, 6, 5, 65)}),
    },
    "DepthwiseConv2D": {
        **_convolutions(_depthwise, 5, (1, 3, 3, 5)),
        "multiplier_2": _depthwise(multiplier=2),
        "multiplier_3_of_one_channel": _depthwise(multiplier=3, source={"shape": (1, 8, 6, 1)}),
        "many_channels": _depthwise((7, 5), source={"shape": (1, 6, 5, 67)}),
    },
    "FullyConnected": {
        "of_an_image": _dense(),
        "one_scale_for_all_channels": _dense(per_channel=False),
        "one_input": _dense(source={"shape": (1, 1)}),
        "one_output": _dense(1),
        "several_rows": _dense(inputs=5),
        "odd_length": _dense(3, source={"shape": (1, 1023)}),
        "no_bias": _dense(bias=False),
        "lowest_zero_points": _dense(source={"zero_point": -128}, zero_point=-128),
        "highest_zero_points": _dense(source={"zero_point": 127}, zero_point=127),
        "relu": _dense(zero_point=-20, activation=(-20, 127)),
        "clamp_of_its_own": _dense(activation=(-77, 33)),
        "saturates": _dense(gain=30.0),
        "multiplier_above_one": _dense(scale=0.05 / 400),
        "multiplier_flushed_to_zero": _dense(scale=1e12),
        "weights_at_both_ends": _dense(7, weights=_extremes((7, 315))),
        "bias_near_the_ends_of_int32": _dense(6, bias=_HUGE, scale=4000.0, source={"shape": (1, 12)}),
    },
    "AveragePool2D": {name: _average(**options) for name, options in POOLS.items()},
    "MaxPool2D": {
        **{name: _maximum(**options) for name, options in POOLS.items()},
        "irregular_padding": _maximum(window=(3, 3), stride=(2, 2), padding=(2, 0, 1, 2)),
    },
    "Mean": {
        "to_a_vector": _mean(scale=0.03, zero_point=-5),
        "to_an_image_of_one_pixel": _mean(keep=True, scale=0.03, zero_point=-5),
        "on_the_same_grid": _mean(),
        "of_one_pixel": _mean((1, 1, 1, 5), scale=0.03, zero_point=4),
        "of_a_power_of_two": _mean((1, 16, 8, 3), scale=0.04),
        "saturates": _mean((1, 3, 2, 5), scale=0.001, zero_point=100),
        "coarse": _mean(scale=20.0),
    },
    "Add": {
        "of_two_grids": _two_inputs(0.02, -100, scale=0.06, zero_point=8),
        "of_one_grid": _two_inputs(0.05, 11),
        "of_scales_far_apart": _two_inputs(0.05e-4, 127, scale=0.05, zero_point=-128),
        "of_one_input_twice": _add_itself,
        "saturates": _two_inputs(0.05, -128, scale=0.01, zero_point=127),
        "relu": _two_inputs(0.03, 0, scale=0.07, zero_point=-50, activation=(-50, 127)),
        "clamp_of_its_own": _two_inputs(0.03, 0, scale=0.07, zero_point=-50, activation=(-60, 60)),
    },
    "Pad": {
        "on_every_side": _pad(1, 2, 3, 1),
        "on_one_side": _pad(0, 0, 0, 2),
        "nowhere": _pad(0, 0, 0, 0),
        "with_the_lowest_zero_point": _pad(2, 2, 2, 2, zero_point=-128),
    },
    "Concatenation": {
        "of_two": _join(5, 3),
        "of_four": _join(1, 2, 3, 4),
        "of_one": _join(5),
        "of_vectors": _join_vectors,
    },
    "TakeRows": {
        "from_the_first": _take_rows(0, 4),
        "from_the_middle": _take_rows(3, 1),
        "to_the_last": _take_rows(5, 4),
        "all": _take_rows(0, 9),
        "of_one_pixel": _take_rows(0, 1, (1, 1, 1, 1)),
    },
    "JoinRows": {
        "of_two": _join_rows(5, 3),
        "of_four": _join_rows(1, 2, 3, 4),
        "of_one": _join_rows(5),
    },
    "Requantise": {
        "to_a_coarser_grid": _requantise(scale=0.11, zero_point=-4),
        "to_a_finer_grid": _requantise(scale=0.013, zero_point=90),
        "to_the_same_grid": _requantise(),
        "to_another_zero_point": _requantise(zero_point=-128),
        "halves": _requantise(scale=0.1, source={"zero_point": 0}, zero_point=0),
        "with_relu": _requantise(scale=0.07, zero_point=-10, activation=(-10, 127)),
        "with_relu6": _requantise(scale=0.07, zero_point=-10, activation=(-10, 76)),
        "with_a_clamp_of_its_own": _requantise(scale=0.07, zero_point=-10, activation=(-100, 50)),
        "lone_relu": _requantise(activation=(11, 127)),
        "lone_relu6": _requantise(source={"scale": 0.0625}, activation=(11, 107)),
        "lone_clamp": _requantise(activation=(-5, 60)),
    },
    "Reshape": {
        "to_a_vector": _reshape(1, 315),
        "to_another_image": _reshape(1, 5, 9, 7),
    },
    "Softmax": {
        "of_twelve": _softmax((1, 12)),
        "of_one": _softmax((1, 1)),
        "of_two": _softmax((1, 2), scale=0.02),
        "of_511": _softmax((1, 511)),
        "of_rows": _softmax((1, 4, 6)),
        "of_a_fine_grid": _softmax((1, 10), scale=1e-4),
        "of_a_coarse_grid": _softmax((1, 10), scale=5.0),
        "of_a_grid_too_coarse_for_two_levels": _softmax((1, 10), scale=500.0),
        "with_beta": _softmax((1, 10), beta=2.5),
    },
}

# Defined by the reference, but tflite-micro aborts on some inputs: here on 1000 equal ones (see reference/softmax.py).
BEYOND_TFLITE_MICRO: dict[str, dict[str, Case]] = {
    "Softmax": {"of_a_thousand": _softmax((1, 1000))},
}
