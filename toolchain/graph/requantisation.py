# SPDX-License-Identifier: Apache-2.0
"""The integers that an operator needs beside its tensors: multipliers, shifts, limits.

They follow from the scales by TFLite Micro's formulas, each written once here; the reference interpreter and the
generator of C both take them from here. The sign rule of shifts stands in fixedpoint.py.

The formulas are evaluated in double on float32 scales, as the `Prepare` functions of the kernels do.
Source of all: tflite-micro, tensorflow/lite/micro/kernels/*_common.cc and tensorflow/lite/kernels/kernel_util.cc.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toolchain.errors import ModelError
from toolchain.graph.fixedpoint import quantise_multiplier
from toolchain.graph.graph import Graph
from toolchain.graph.ops import Add, Conv2D, DepthwiseConv2D, FullyConnected, Mean, Operator, Requantise, Softmax


@dataclass(frozen=True, eq=False)
class Requantisation:
    """One factor an output channel: multipliers int32 [C], shifts int32 [C] (see fixedpoint.py for their sign)."""

    multipliers: NDArray[np.int32]
    shifts: NDArray[np.int32]


@dataclass(frozen=True)
class Factor:
    """One fixed-point factor for a whole tensor."""

    multiplier: int
    shift: int


@dataclass(frozen=True)
class AddFactors:
    """What Add scales by: each input, shifted left by `left_shift`, by its own factor; their sum by `output`."""

    left_shift: int
    input: Factor
    other: Factor
    output: Factor


@dataclass(frozen=True)
class SoftmaxFactor:
    """`factor` takes a difference of inputs to Q5.26. Differences below `diff_min` (<= 0) give probability 0."""

    factor: Factor
    diff_min: int


# An int32 shifted further left has no bit left of a value of 1.
MAX_LEFT_SHIFT = 30


def _factor(op: Operator, real: float) -> Factor:
    if not real < 1 << MAX_LEFT_SHIFT:
        raise ModelError(
            f"operator {op.name}: its scales ask for a factor of {real:g} from accumulator to output; "
            f"fixed point ends below 2^{MAX_LEFT_SHIFT}: the output's scale is far too small"
        )
    return Factor(*quantise_multiplier(real))


def conv_requantisation(graph: Graph, op: Conv2D | DepthwiseConv2D) -> Requantisation:
    """Factors input scale * weight scale / output scale of a convolution, one for each output channel."""
    return _per_channel(graph, op, graph.tensor(op.output).shape[-1])


def fully_connected_requantisation(graph: Graph, op: FullyConnected) -> Requantisation:
    """Factors of a fully connected layer, as for a convolution.

    Sources of tflite-micro up to 2025 (GetQuantizedConvolutionMultipler) take the product of the scales in float32
    where there is one weight scale; the wheel that judges us takes it in double, as for several. The multipliers
    differ in their last bits, outputs by 1 where they lie next to a half: tests/ops/test_fully_connected.py.
    """
    return _per_channel(graph, op, graph.tensor(op.weights).shape[0])


def _per_channel(graph: Graph, op: Conv2D | DepthwiseConv2D | FullyConnected, channels: int) -> Requantisation:
    input_scale, output_scale = graph.tensor(op.input).quantisation.scale, graph.tensor(op.output).quantisation.scale
    scales = graph.tensor(op.weights).quantisation.scales
    factors = [_factor(op, input_scale * scale / output_scale) for scale in scales]
    if len(factors) == 1:
        factors = factors * channels
    multipliers, shifts = np.array([(factor.multiplier, factor.shift) for factor in factors], np.int32).T
    return Requantisation(multipliers=np.ascontiguousarray(multipliers), shifts=np.ascontiguousarray(shifts))


ADD_LEFT_SHIFT = 20  # add_common.cc: headroom for int8 inputs


def add_factors(graph: Graph, op: Add) -> AddFactors:
    """Factors of Add. Raises ModelError where the output scale is so small that TFLite Micro cannot take it."""
    first, second = graph.tensor(op.input).quantisation.scale, graph.tensor(op.other).quantisation.scale
    output = graph.tensor(op.output).quantisation.scale
    twice_larger = 2 * max(first, second)
    real_output = twice_larger / ((1 << ADD_LEFT_SHIFT) * output)
    if real_output >= 1:
        raise ModelError(
            f"operator {op.name}: the output's scale {output:g} is less than 2^-19 of an input's scale; "
            "Add has no fixed-point factor for that: give the output a scale near its inputs'"
        )
    return AddFactors(
        left_shift=ADD_LEFT_SHIFT,
        input=Factor(*quantise_multiplier(first / twice_larger)),
        other=Factor(*quantise_multiplier(second / twice_larger)),
        output=Factor(*quantise_multiplier(real_output)),
    )


def mean_factor(graph: Graph, op: Mean) -> Factor:
    """Factor input scale / output scale / (H * W), the division by H * W done on the multiplier, rounded down.

    Source: QuantizedMeanOrSum, reference/reduce.h. The multiplier is first shifted left by floor(log2(H * W)), so
    that it keeps 30 bits; the two limits keep it in 63 bits and the shift within -31.
    """
    _, height, width, _ = graph.tensor(op.input).shape
    scale = graph.tensor(op.input).quantisation.scale / graph.tensor(op.output).quantisation.scale
    factor = _factor(op, scale)
    raised = min((height * width).bit_length() - 1, 32, 31 + factor.shift)
    return Factor((factor.multiplier << raised) // (height * width), factor.shift - raised)


def requantise_factor(graph: Graph, op: Requantise) -> Factor:
    """Factor input scale / output scale. Source: quantize_common.cc."""
    scale = graph.tensor(op.input).quantisation.scale / graph.tensor(op.output).quantisation.scale
    return _factor(op, scale)


SOFTMAX_INTEGER_BITS = 5  # softmax_common.cc: kScaledDiffIntegerBits
# So many exponentials of at most 1 fit an int32 with 12 integer bits (softmax.h: kAccumulationIntegerBits).
SOFTMAX_MAX_ELEMENTS = 4095


def softmax_factor(graph: Graph, op: Softmax) -> SoftmaxFactor:
    """Factor of Softmax. Source: PreprocessSoftmaxScaling and CalculateInputRadius, quantization_util.cc.

    Raises ModelError where beta * scale is so small that TFLite Micro has no factor for it, and where a row is so
    long that the sum of its exponentials can overflow.
    """
    row = graph.tensor(op.input).shape[-1]
    if row > SOFTMAX_MAX_ELEMENTS:
        raise ModelError(
            f"operator {op.name}: Softmax over {row} elements; at most {SOFTMAX_MAX_ELEMENTS} can be summed"
        )
    fraction_bits = 31 - SOFTMAX_INTEGER_BITS
    beta = float(np.float32(op.beta))
    real = min(beta * graph.tensor(op.input).quantisation.scale * (1 << fraction_bits), (1 << 31) - 1.0)
    if not real > 1:
        raise ModelError(
            f"operator {op.name}: beta times the input's scale must be above 2^-{fraction_bits}, "
            f"not {real / (1 << fraction_bits):g}"
        )
    multiplier, shift = quantise_multiplier(real)
    radius = (((1 << SOFTMAX_INTEGER_BITS) - 1) << fraction_bits) >> shift
    return SoftmaxFactor(Factor(multiplier, shift), diff_min=-radius)
