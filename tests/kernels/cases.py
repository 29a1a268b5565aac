# SPDX-License-Identifier: Apache-2.0
"""Named edge cases of every operator, for every kernel that takes them.

A case appends one operator to a net at `net.last`. `graph_of` puts all cases of a kernel into one Graph with as many
outputs, so that a kernel is compiled and run once; their inputs have zero points all over int8.
"""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tests.graphs import STORAGES, GraphBuilder, float32
from toolchain.graph import ops
from toolchain.graph.graph import Graph
from toolchain.graph.tensor import DType, Grid, Quantisation, Tensor

Append = Callable[[GraphBuilder], object]
ZERO_POINTS = (0, -128, 127, 5, -77)


@dataclass(frozen=True)
class Case:
    """label: what is odd about it. shape: of its input."""

    label: str
    append: Append
    shape: tuple[int, ...] = (1, 7, 6, 5)


def _relu(net: GraphBuilder) -> dict[str, object]:
    return {"zero_point": -40, "activation": (-40, 90)}


def _far_apart(rows: int, size: int) -> np.ndarray:
    """Rows of small weights with four large ones side by side near their end."""
    weights = np.ones((rows, size), int)
    weights[:, -9:-5] = [-128, 127, 120, -110]
    return weights


def _clipped(net: GraphBuilder) -> dict[str, object]:
    """Outputs that begin at the zero point."""
    return {"zero_point": -128, "activation": (-128, 127)}


def _steep(net: GraphBuilder) -> dict[str, object]:
    """Factors from below 1/2 to above 1, of which the larger ones are not shifted to the right."""
    return {"bits": 1, "grid": Grid.MID_RISE, "gain": 3.0 * net.rng.uniform(0.8, 1.2), "bias": False}


INT32_EXTREMES = [2**31 - 1, -(2**31), 2**30, -(2**30), 1, -1, 0]
# With a factor near 2^-22 their sums become large outputs, and with the zero point pass an int32 in between.
NEAR_INT32_ENDS = [2**31 - 2**22, 2**22 - 2**31, 2**31 - 2**23, 2**23 - 2**31, 2**31 - 2**24, 2**30, -(2**30)]

# With one scale most channels are straight lines from sum to output.
_FLAT = {"zero_point": -128, "per_channel": False}

CONV2D = (
    Case("1x1", lambda n: n.conv2d(6)),
    Case("1x1, one channel in and out", lambda n: n.conv2d(1), (1, 3, 5, 1)),
    Case("1x1, odd channels, odd pixels", lambda n: n.conv2d(3), (1, 3, 3, 9)),
    Case("1x1, one pixel", lambda n: n.conv2d(7), (1, 1, 1, 11)),
    Case("1x1, two pixels", lambda n: n.conv2d(5), (1, 1, 2, 6)),
    Case("1x1, three pixels", lambda n: n.conv2d(2), (1, 3, 1, 7)),
    Case("1x1, large weights far apart", lambda n: n.conv2d(3, weights=_far_apart(3, 700)), (1, 1, 6, 700)),
    Case("1x1, more channels out", lambda n: n.conv2d(16), (1, 5, 5, 4)),
    Case("1x1, one vector of channels", lambda n: n.conv2d(5), (1, 4, 4, 16)),
    Case("1x1, one channel more than a vector", lambda n: n.conv2d(3), (1, 1, 17, 17)),
    Case("1x1, three vectors, not all full", lambda n: n.conv2d(17), (1, 3, 11, 33)),
    Case("1x1, four full vectors", lambda n: n.conv2d(15), (1, 5, 7, 64)),
    Case("1x1, 80 channels in and out", lambda n: n.conv2d(80), (1, 3, 7, 80)),
    Case("3x3, 81 products, two pixels", lambda n: n.conv2d(3, (3, 3)), (1, 1, 2, 9)),
    Case("5x5, 825 products", lambda n: n.conv2d(5, (5, 5)), (1, 6, 5, 33)),
    Case("1x1, one channel more than four vectors", lambda n: n.conv2d(4), (1, 3, 5, 65)),
    Case("1x1, narrow activation", lambda n: n.conv2d(4, **_relu(n))),
    Case("1x1, 33 channels in, 17 out", lambda n: n.conv2d(17), (1, 2, 4, 33)),
    Case("1x1, two pixels, two channels", lambda n: n.conv2d(2), (1, 1, 2, 2)),
    Case(
        "1x1, a weight of -128 above a negative one", lambda n: n.conv2d(2, weights=[-1] * 5 + [-128] * 5), (1, 2, 2, 5)
    ),
    Case(
        "1x1, weights of -128 below others",
        lambda n: n.conv2d(3, weights=[-128] * 5 + [-127, 127, 0, 1, -1] * 2),
        (1, 2, 2, 5),
    ),
    Case("1x1, sums of 2^23", lambda n: n.conv2d(3, bias=[1 << 23, -(1 << 23), 5]), (1, 2, 2, 5)),
    Case(
        "1x1, sums just below 2^23",
        lambda n: n.conv2d(4, weights=[9, -9] * 10, bias=[8380000, -8380000] * 2),
        (1, 2, 2, 5),
    ),
    Case("1x1 with stride", lambda n: n.conv2d(4, stride=(2, 3))),
    Case("1x1 in a border", lambda n: n.conv2d(4, padding=(1, 0, 0, 2))),
    Case("3x3 same", lambda n: n.conv2d(8, (3, 3))),
    Case("3x3 valid", lambda n: n.conv2d(5, (3, 3), padding="valid")),
    Case("one channel in", lambda n: n.conv2d(6, (5, 3), stride=(2, 1)), (1, 9, 7, 1)),
    Case("one channel, 3x3", lambda n: n.conv2d(4, (3, 3)), (1, 5, 4, 1)),
    Case("two channels in", lambda n: n.conv2d(3, (3, 3), stride=(2, 2)), (1, 7, 7, 2)),
    Case("three channels in", lambda n: n.conv2d(8, (3, 3)), (1, 4, 3, 3)),
    Case("three channels in, 1x1", lambda n: n.conv2d(8), (1, 3, 2, 3)),
    Case("four channels in, 5x5", lambda n: n.conv2d(2, (5, 5)), (1, 4, 6, 4)),
    Case("stride above the kernel", lambda n: n.conv2d(3, (2, 2), stride=(3, 4), padding=(1, 0, 0, 1)), (1, 9, 9, 3)),
    Case("one column", lambda n: n.conv2d(3, (3, 3)), (1, 8, 1, 4)),
    Case("one pixel, 3x3", lambda n: n.conv2d(3, (3, 3)), (1, 1, 1, 6)),
    Case("asymmetric border", lambda n: n.conv2d(3, (3, 2), padding=(2, 0, 0, 1))),
    Case("border wider than the kernel", lambda n: n.conv2d(3, (2, 2), padding=(3, 2, 4, 3))),
    Case("dilation", lambda n: n.conv2d(4, (3, 2), dilation=(2, 3), padding=(1, 1, 1, 1))),
    Case("dilation of eight channels", lambda n: n.conv2d(5, (2, 3), dilation=(1, 2), stride=(2, 1)), (1, 4, 5, 8)),
    Case("stride and dilation", lambda n: n.conv2d(4, (2, 2), stride=(2, 2), dilation=(3, 2), padding=(2, 1, 0, 1))),
    Case("kernel as large as the image", lambda n: n.conv2d(5, (7, 6), padding="valid")),
    Case("flat kernel", lambda n: n.conv2d(5, (1, 6), padding="valid")),
    Case("tall kernel", lambda n: n.conv2d(5, (7, 1), padding="valid")),
    Case("no bias", lambda n: n.conv2d(4, (3, 3), bias=False)),
    Case("one scale", lambda n: n.conv2d(4, (3, 3), per_channel=False)),
    Case("ReLU of many channels", lambda n: n.conv2d(17, (3, 3), zero_point=-128), (1, 3, 4, 8)),
    Case("1x1, ReLU", lambda n: n.conv2d(33, zero_point=-128), (1, 2, 2, 64)),
    Case("1x1, ReLU6", lambda n: n.conv2d(7, zero_point=-128, activation=(-128, 100)), (1, 2, 3, 20)),
    Case("ReLU, saturating", lambda n: n.conv2d(6, (3, 3), zero_point=-128, gain=60.0), (1, 3, 4, 5)),
    Case(
        "ReLU, one channel in, one scale",
        lambda n: n.conv2d(8, (5, 3), zero_point=-128, per_channel=False),
        (1, 6, 4, 1),
    ),
    Case("saturating", lambda n: n.conv2d(6, (3, 3), gain=60.0)),
    Case("narrow activation", lambda n: n.conv2d(6, (3, 3), **_relu(n))),
    Case("activation of one value", lambda n: n.conv2d(2, (3, 3), activation=(9, 9))),
    Case("left shift", lambda n: n.conv2d(4, (2, 2), scale=2e-6)),
    Case("factor just below one half", lambda n: n.conv2d(2, weights=np.ones((2, 5), int), scale=1 / 15.9, gain=1.0)),
    *(
        Case(
            f"{label}, factors around 1",
            lambda n, kernel=kernel, more=more, scale=scale: n.conv2d(
                6, kernel, weights=np.arange(6 * 5 * kernel[0] * kernel[1]) % 3 - 1, scale=scale, gain=1.0, **more
            ),
        )
        for label, kernel, scale, more in (
            ("1x1", (1, 1), 1 / 20, {}),
            ("1x1, ReLU", (1, 1), 1 / 40, {"zero_point": -128}),
            ("3x2", (3, 2), 1 / 60, {}),
            ("3x2, ReLU", (3, 2), 1 / 20, {"zero_point": -128}),
        )
    ),
    Case("vanishing scale", lambda n: n.conv2d(4, (2, 2), scale=1e6)),
    Case("huge biases", lambda n: n.conv2d(7, (2, 2), bias=INT32_EXTREMES)),
    Case(
        "sums to the ends of int32, small factor",
        lambda n: n.conv2d(7, (2, 2), bias=NEAR_INT32_ENDS, scale=720.0, zero_point=-128),
    ),
    Case("weights of -128 and 127", lambda n: n.conv2d(2, (3, 3), weights=[-128] * 45 + [127] * 45)),
    Case("weights of 0", lambda n: n.conv2d(3, (3, 3), weights=np.zeros(135, int))),
    Case("2 bits", lambda n: n.conv2d(6, (3, 3), bits=2)),
    Case("1x1, seven pixels, odd channels, one scale", lambda n: n.conv2d(5, **_FLAT), (1, 7, 1, 7)),
    Case("1x1, nine pixels, 32 channels", lambda n: n.conv2d(6, **_FLAT), (1, 3, 3, 32)),
    Case("1x1, 19 pixels, 41 channels", lambda n: n.conv2d(16, **_FLAT), (1, 1, 19, 41)),
    Case("1x1, ten pixels to fewer channels", lambda n: n.conv2d(4, **_FLAT), (1, 2, 5, 12)),
    Case(
        "3x2 relu, stride, dilation",
        lambda n: n.conv2d(4, (3, 2), stride=(2, 1), dilation=(2, 1), **_FLAT),
        (1, 9, 8, 5),
    ),
    Case("2x2 relu, asymmetric border", lambda n: n.conv2d(7, (2, 2), padding=(1, 0, 2, 1), **_FLAT), (1, 3, 3, 2)),
)

DEPTHWISE = (
    Case("3x3 same", lambda n: n.depthwise_conv2d()),
    Case("3x3 valid", lambda n: n.depthwise_conv2d(padding="valid")),
    Case("3x3, one column of outputs", lambda n: n.depthwise_conv2d(padding="valid"), (1, 5, 3, 4)),
    Case("3x3, one pixel", lambda n: n.depthwise_conv2d(), (1, 1, 1, 3)),
    Case("3x3, one channel", lambda n: n.depthwise_conv2d(), (1, 6, 5, 1)),
    Case("3x3, 17 channels", lambda n: n.depthwise_conv2d(), (1, 6, 9, 17)),
    Case("3x3, a row of 90 columns", lambda n: n.depthwise_conv2d(), (1, 1, 90, 2)),
    Case("10x4, stride 2", lambda n: n.depthwise_conv2d((10, 4), stride=(2, 2)), (1, 21, 9, 2)),
    Case("3x3, stride 2", lambda n: n.depthwise_conv2d(stride=(2, 2))),
    Case("3x3, stride 2 along W, one column", lambda n: n.depthwise_conv2d(stride=(1, 2)), (1, 5, 2, 4)),
    Case("3x3, stride 3", lambda n: n.depthwise_conv2d(stride=(3, 3))),
    Case("3x3, multiplier 3", lambda n: n.depthwise_conv2d(multiplier=3)),
    Case("3x3, narrow activation", lambda n: n.depthwise_conv2d(**_relu(n))),
    Case("3x3, dilation along H", lambda n: n.depthwise_conv2d(dilation=(2, 1))),
    Case("3x3, dilation along W", lambda n: n.depthwise_conv2d(dilation=(1, 2))),
    Case("3x3, asymmetric border", lambda n: n.depthwise_conv2d(padding=(0, 2, 2, 1))),
    Case("3x3, border wider than the kernel", lambda n: n.depthwise_conv2d(padding=(4, 3, 5, 3))),
    Case("1x1", lambda n: n.depthwise_conv2d((1, 1))),
    Case("2x2", lambda n: n.depthwise_conv2d((2, 2))),
    Case("2x2, stride 2", lambda n: n.depthwise_conv2d((2, 2), stride=(2, 2))),
    Case("4x4, stride 2 along W", lambda n: n.depthwise_conv2d((4, 4), stride=(1, 2)), (1, 6, 9, 3)),
    Case("5x5", lambda n: n.depthwise_conv2d((5, 5))),
    Case("5x5, stride 2", lambda n: n.depthwise_conv2d((5, 5), stride=(2, 2)), (1, 9, 8, 3)),
    Case("7x6 valid", lambda n: n.depthwise_conv2d((7, 6), padding="valid")),
    Case("1x5, multiplier 2", lambda n: n.depthwise_conv2d((1, 5), multiplier=2)),
    Case("no bias", lambda n: n.depthwise_conv2d(bias=False)),
    Case("one scale", lambda n: n.depthwise_conv2d(per_channel=False)),
    Case("saturating", lambda n: n.depthwise_conv2d(gain=60.0)),
    Case("left shift", lambda n: n.depthwise_conv2d(scale=2e-6)),
    Case("vanishing scale", lambda n: n.depthwise_conv2d(scale=1e6)),
    Case("huge biases", lambda n: n.depthwise_conv2d(bias=INT32_EXTREMES[:5])),
    Case(
        "sums to the ends of int32, small factor",
        lambda n: n.depthwise_conv2d(bias=NEAR_INT32_ENDS[:5], scale=2160.0, zero_point=-128),
    ),
    Case("weights of -128 and 127", lambda n: n.depthwise_conv2d(weights=[-128, 127, -128, 127, -128] * 9)),
    *(
        Case(f"3x3 relu, {label}", lambda n, more=more: n.depthwise_conv2d(**_clipped(n), **more), shape)
        for label, more, shape in (
            ("same", {}, (1, 7, 6, 5)),
            ("eight channels, even sizes", {}, (1, 6, 8, 8)),
            ("seventeen channels", {}, (1, 5, 5, 17)),
            ("two channels", {}, (1, 5, 4, 2)),
            ("one channel", {}, (1, 4, 7, 1)),
            ("one pixel", {}, (1, 1, 1, 6)),
            ("one column of outputs", {"padding": "valid"}, (1, 6, 3, 4)),
            ("one row of outputs", {"padding": "valid"}, (1, 3, 8, 4)),
            ("stride 2", {"stride": (2, 2)}, (1, 9, 8, 6)),
            ("stride 2 along W", {"stride": (1, 2)}, (1, 5, 7, 4)),
            ("stride 2 along H", {"stride": (2, 1)}, (1, 8, 5, 4)),
            ("stride 3", {"stride": (3, 3)}, (1, 9, 8, 6)),
            ("dilation along H", {"dilation": (2, 1)}, (1, 9, 5, 4)),
            ("multiplier 2", {"multiplier": 2}, (1, 5, 6, 3)),
            ("multiplier 8", {"multiplier": 8}, (1, 5, 6, 1)),
            ("asymmetric border", {"padding": (0, 2, 2, 1)}, (1, 6, 5, 4)),
            ("border wider than the kernel", {"padding": (4, 3, 5, 3)}, (1, 6, 5, 4)),
            ("no bias", {"bias": False}, (1, 6, 5, 4)),
        )
    ),
    Case(
        "3x3 relu, narrow", lambda n: n.depthwise_conv2d(**(_clipped(n) | {"activation": (-3, 90), "zero_point": -9}))
    ),
    Case("3x3 relu, weights of 0", lambda n: n.depthwise_conv2d(**_clipped(n), weights=np.zeros(45, int))),
    Case("3x3 relu, vanishing scale", lambda n: n.depthwise_conv2d(**(_clipped(n) | {"scale": 1e6}))),
    Case(
        "3x3 relu, sums that wrap, vanishing scale",
        lambda n: n.depthwise_conv2d(**(_clipped(n) | {"scale": 3e5, "bias": INT32_EXTREMES[:5]})),
    ),
    *(
        Case(f"{label}, factors about 1", lambda n, more=more: n.depthwise_conv2d(**_steep(n), **more), shape)
        for label, more, shape in (
            ("3x3", {}, (1, 7, 6, 5)),
            ("3x3, 17 channels", {"zero_point": -60}, (1, 6, 9, 17)),
            ("3x3 relu", {"zero_point": -128}, (1, 4, 5, 6)),
            ("3x3, stride 2", {"stride": (2, 2), "zero_point": 127}, (1, 5, 6, 4)),
            ("5x5", {"kernel": (5, 5)}, (1, 7, 8, 4)),
            ("4x2, multiplier 3", {"kernel": (4, 2), "multiplier": 3}, (1, 6, 5, 3)),
            ("3x3, dilation", {"dilation": (2, 1)}, (1, 7, 5, 2)),
        )
    ),
    Case("3x3 dilation", lambda n: n.depthwise_conv2d(dilation=(2, 2)), (1, 9, 8, 6)),
    Case("10x4", lambda n: n.depthwise_conv2d((10, 4), stride=(2, 2), multiplier=8), (1, 21, 10, 1)),
    Case("4x6", lambda n: n.depthwise_conv2d((4, 6)), (1, 9, 8, 17)),
    Case("3x1 and 1x3 in turn", lambda n: n.depthwise_conv2d((3, 1)).depthwise_conv2d((1, 3)), (1, 7, 8, 4)),
    Case("5x5, dilation", lambda n: n.depthwise_conv2d((5, 5), dilation=(2, 3)), (1, 13, 14, 4)),
    Case(
        "5x5, stride 3, multiplier 2", lambda n: n.depthwise_conv2d((5, 5), stride=(3, 3), multiplier=2), (1, 11, 9, 3)
    ),
    Case("2x3, two channels", lambda n: n.depthwise_conv2d((2, 3), stride=(2, 1)), (1, 6, 7, 2)),
)

FULLY_CONNECTED = (
    Case("one output", lambda n: n.fully_connected(1)),
    Case("three outputs", lambda n: n.fully_connected(3)),
    Case("four outputs", lambda n: n.fully_connected(4)),
    Case("nine outputs", lambda n: n.fully_connected(9)),
    Case("one input", lambda n: n.fully_connected(5), (1, 1)),
    Case("three inputs", lambda n: n.fully_connected(5), (1, 3)),
    Case("several rows", lambda n: n.fully_connected(6, inputs=10)),
    Case("several rows of one input", lambda n: n.fully_connected(2, inputs=1), (1, 5)),
    Case("no bias", lambda n: n.fully_connected(4, bias=False)),
    Case("one scale", lambda n: n.fully_connected(5, per_channel=False)),
    Case("narrow activation", lambda n: n.fully_connected(5, **_relu(n))),
    Case("left shift", lambda n: n.fully_connected(5, scale=2e-6)),
    Case("vanishing scale", lambda n: n.fully_connected(5, scale=1e6)),
    Case("saturating", lambda n: n.fully_connected(5, gain=60.0)),
    Case("huge biases", lambda n: n.fully_connected(7, bias=INT32_EXTREMES)),
    Case(
        "sums to the ends of int32, small factor",
        lambda n: n.fully_connected(7, bias=NEAR_INT32_ENDS, scale=226.0, zero_point=-128),
    ),
    Case("weights of -128 and 127", lambda n: n.fully_connected(2, weights=[-128] * 210 + [127] * 210)),
    Case("long", lambda n: n.fully_connected(2), (1, 3001)),
    Case("five inputs, six outputs, rows", lambda n: n.fully_connected(6, inputs=5), (7, 5)),
    Case("seven inputs, five outputs", lambda n: n.fully_connected(5), (1, 7)),
    Case("four inputs", lambda n: n.fully_connected(11), (1, 4)),
)

AVERAGE_POOL = (
    Case("whole image", lambda n: n.average_pool2d((7, 6))),
    Case("overlapping", lambda n: n.average_pool2d((3, 3), stride=(1, 1))),
    Case("gaps between", lambda n: n.average_pool2d((2, 2), stride=(3, 4))),
    Case("same", lambda n: n.average_pool2d((3, 4), stride=(2, 2), padding="same")),
    Case("asymmetric border", lambda n: n.average_pool2d((3, 3), stride=(1, 2), padding=(2, 0, 0, 1))),
    Case("narrow activation", lambda n: n.average_pool2d((2, 2), activation=(-20, 30))),
    Case("one pixel", lambda n: n.average_pool2d((1, 1))),
    Case("more elements than 2800", lambda n: n.average_pool2d((57, 50)), (1, 57, 50, 2)),
    Case("three channels", lambda n: n.average_pool2d((2, 3)), (1, 5, 6, 3)),
    Case("eight channels", lambda n: n.average_pool2d((3, 5), stride=(1, 1)), (1, 5, 6, 8)),
    Case("more pixels than an int16 sums", lambda n: n.average_pool2d((17, 31)), (1, 17, 31, 6)),
    Case("rows wider than an int16 sums", lambda n: n.average_pool2d((3, 300)), (1, 3, 301, 5)),
)

MAX_POOL = (
    Case("whole image", lambda n: n.max_pool2d((7, 6))),
    Case("overlapping", lambda n: n.max_pool2d((3, 3), stride=(1, 1))),
    Case("gaps between", lambda n: n.max_pool2d((2, 2), stride=(3, 4))),
    Case("same", lambda n: n.max_pool2d((3, 4), stride=(2, 2), padding="same")),
    Case("asymmetric border", lambda n: n.max_pool2d((3, 3), stride=(1, 2), padding=(2, 0, 0, 1))),
    Case("33 channels", lambda n: n.max_pool2d((2, 3)), (1, 5, 6, 33)),
    Case("narrow activation", lambda n: n.max_pool2d((2, 2), activation=(-20, 30))),
    Case("three channels", lambda n: n.max_pool2d((2, 3)), (1, 5, 6, 3)),
    Case("eight channels", lambda n: n.max_pool2d((3, 5), stride=(1, 1)), (1, 5, 6, 8)),
)

MEAN = (
    Case("same scale", lambda n: n.mean()),
    Case("other scale", lambda n: n.mean(scale=0.011, zero_point=-13)),
    Case("kept axes", lambda n: n.mean(keep=True, scale=0.05, zero_point=127)),
    Case("one pixel", lambda n: n.mean(scale=0.02), (1, 1, 1, 5)),
    Case("many pixels", lambda n: n.mean(scale=0.004), (1, 31, 33, 2)),
    Case("many pixels, seven channels", lambda n: n.mean(scale=0.004), (1, 31, 33, 7)),
    Case("eight channels", lambda n: n.mean(scale=0.03), (1, 5, 4, 8)),
    Case("left shift", lambda n: n.mean(scale=1e-5)),
    Case("vanishing scale", lambda n: n.mean(scale=1e6)),
)

ADD = (
    Case("to itself", lambda n: n.add(n.last, scale=0.05)),
    Case("to another scale", lambda n: n.add(_other(n, 0.003, 17), scale=0.02, zero_point=-128)),
    Case("narrow activation", lambda n: n.add(_other(n, 0.09, 17), scale=0.05, activation=(-10, 20))),
    Case("saturating", lambda n: n.add(_other(n, 0.5, -128), scale=0.001, zero_point=127)),
    Case("vanishing scale", lambda n: n.add(_other(n, 0.5, -128), scale=1e5, zero_point=3)),
    Case("of odd size", lambda n: n.add(_other(n, 0.03, 5), scale=0.04), (1, 3, 3, 1)),
    Case("to a constant", lambda n: n.add(_constant(n, n.shape), scale=0.05)),
)

CONCATENATION = (
    Case("with itself", lambda n: n.concatenation(n.last)),
    Case("of three", lambda n: n.concatenation(n.last, n.last)),
    Case("of different widths", lambda n: _wider(n)),
    Case("of one row", lambda n: n.concatenation(n.last), (1, 9)),
)

TAKE_ROWS = (
    Case("from the first", lambda n: n.take_rows(0, 3)),
    Case("to the last", lambda n: n.take_rows(5, 2)),
    Case("all", lambda n: n.take_rows(0, 7)),
    Case("of a constant", lambda n: n.back_to(_constant(n, n.shape)).take_rows(3, 2)),
)

JOIN_ROWS = (
    Case("with itself", lambda n: n.join_rows(n.last)),
    Case("of three", lambda n: n.join_rows(n.last, n.last)),
    Case("of one", lambda n: n.join_rows()),
    Case("of different heights", lambda n: _taller(n)),
    Case("with a constant", lambda n: _join_constant(n)),
)

PAD = (
    Case("all around", lambda n: n.pad((1, 2, 3, 4))),
    Case("above", lambda n: n.pad((2, 0, 0, 0))),
    Case("to the right", lambda n: n.pad((0, 0, 0, 1))),
    Case("nowhere", lambda n: n.pad((0, 0, 0, 0))),
)

REQUANTISE = (
    Case("lone clamp", lambda n: n.requantise(activation=(-5, 60))),
    Case("other scale", lambda n: n.requantise(scale=0.07, zero_point=-31)),
    Case("finer scale", lambda n: n.requantise(scale=0.0009, zero_point=100)),
    Case("factor above one", lambda n: n.requantise(scale=1e-7, zero_point=127)),
    Case("vanishing scale", lambda n: n.requantise(scale=1e6, zero_point=-128)),
)

SOFTMAX = (
    Case("row of 12", lambda n: n.softmax(), (1, 12)),
    Case("row of one", lambda n: n.softmax(), (1, 1)),
    Case("several rows", lambda n: n.softmax()),
    Case("beta", lambda n: n.softmax(beta=0.1), (1, 12)),
    Case("steep", lambda n: n.softmax(beta=40.0), (1, 12)),
    Case("flat", lambda n: n.softmax(beta=1e-6), (1, 12)),
    Case("long row", lambda n: n.softmax(beta=0.01), (1, 4095)),
)

RESHAPE = (
    Case("to a row", lambda n: n.reshape((1, 210))),
    Case("of a constant", lambda n: n.back_to(_constant(n, (1, 6, 5))).reshape((5, 6))),
)

CASES: dict[type[ops.Operator], tuple[Case, ...]] = {
    ops.Conv2D: CONV2D,
    ops.DepthwiseConv2D: DEPTHWISE,
    ops.FullyConnected: FULLY_CONNECTED,
    ops.AveragePool2D: AVERAGE_POOL,
    ops.MaxPool2D: MAX_POOL,
    ops.Mean: MEAN,
    ops.Add: ADD,
    ops.Concatenation: CONCATENATION,
    ops.TakeRows: TAKE_ROWS,
    ops.JoinRows: JOIN_ROWS,
    ops.Pad: PAD,
    ops.Requantise: REQUANTISE,
    ops.Softmax: SOFTMAX,
    ops.Reshape: RESHAPE,
}


def _other(net: GraphBuilder, scale: float, zero_point: int) -> str:
    """A second input of the shape of the last value."""
    last = net.last
    name = net.input(f"other_{len(net._tensors)}", net.shape, scale=scale, zero_point=zero_point)
    net.back_to(last)
    return name


def _constant(net: GraphBuilder, shape: tuple[int, ...]) -> str:
    """A constant of random bytes, to be read as an activation."""
    name = f"constant_{len(net._tensors)}"
    quantisation = Quantisation((float32(0.04),), 11)
    data = net.rng.integers(-128, 128, shape).astype(np.int8)
    net._tensors[name] = Tensor(name, shape, DType.INT8, quantisation, data=data)
    return name


def _taller(net: GraphBuilder) -> GraphBuilder:
    whole = net.last
    net.take_rows(2, 1)
    return net.join_rows(whole, net.last)


def _join_constant(net: GraphBuilder) -> GraphBuilder:
    """On the constant's grid."""
    net.requantise(scale=0.04, zero_point=11)
    return net.join_rows(_constant(net, net.shape))


def _wider(net: GraphBuilder) -> GraphBuilder:
    left = net.last
    before = net._tensors[left].quantisation
    net.conv2d(3, scale=before.scale, zero_point=before.zero_point)
    return net.concatenation(left, net.last)


def graph_of(cases: Sequence[Case], seed: int = 0, *, packed: bool = False) -> Graph:
    """All cases side by side, each with an input and an output of its own, the same as it is among any others.

    packed: the weights of each have fewer than 8 bits, of one width and grid or another.
    """
    net = GraphBuilder("cases", cases[0].shape, scale=0.05, zero_point=_zero_point(cases[0]), seed=seed)
    outputs = []
    for index, case in enumerate(cases):
        if index > 0:
            net.input(f"input_{index}", case.shape, scale=0.05, zero_point=_zero_point(case))
        net.rng = np.random.default_rng([seed, zlib.crc32(case.label.encode())])
        net.storage = STORAGES[zlib.crc32(case.label.encode()) % len(STORAGES)] if packed else None
        case.append(net)
        outputs.append(net.last)
    return net.graph(*outputs)


def _zero_point(case: Case) -> int:
    return ZERO_POINTS[zlib.crc32(case.label.encode()) % len(ZERO_POINTS)]
