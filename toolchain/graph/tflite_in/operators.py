# SPDX-License-Identifier: Apache-2.0
"""What each TFLite operator means as operators of the Graph: one function an operator.

Only what tflite-micro's int8 kernels compute is taken: where a kernel ignores a part of the file (RELU6 the
quantisation of its output), a file in which that part matters is refused.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from toolchain.errors import ModelError
from toolchain.graph import ops
from toolchain.graph.check import MAX_DIMENSION
from toolchain.graph.fused_activation import FusedActivation, activation_range
from toolchain.graph.ops import Clamp, Operator, Padding, Pair
from toolchain.graph.shapes import same_padding
from toolchain.graph.tensor import DType, Quantisation, Tensor
from toolchain.graph.tflite_in import schema
from toolchain.graph.tflite_in.container import RawOperator
from toolchain.graph.tflite_in.flatbuffer import Table
from toolchain.graph.tflite_in.folding import Border
from toolchain.graph.tflite_in.schema import Builtin, BuiltinOptions
from toolchain.graph.tflite_in.source import Source

Reader = Callable[[RawOperator, Source], list[Operator]]


def read_operator(op: RawOperator, source: Source) -> list[Operator]:
    """The Graph's operators for one of the file's. Raises ModelError for one that is unknown or misused."""
    code = None if op.custom_code else schema.member(Builtin, op.code)
    reader = None if code is None else READERS.get(code)
    if reader is None:
        known = ", ".join(sorted(code.name for code in READERS))
        raise ModelError(f"{op.where} is not supported; supported are {known}")
    return reader(op, source)


def _name(op: RawOperator) -> str:
    return f"{Builtin(op.code).name.lower().replace('_2d', '2d')}_{op.index}"


def _options(op: RawOperator, kind: BuiltinOptions) -> Table:
    if op.options is None or op.options_kind != kind:
        raise ModelError(f"{op.where} has no options of its kind")
    return op.options


def _positive(op: RawOperator, options: Table, field: int, default: int = 0) -> int:
    value = options.integer(field, "i", default)
    if not 1 <= value <= MAX_DIMENSION:
        raise ModelError(f"{op.where}: stride, dilation, window and multiplier must be 1..{MAX_DIMENSION}, not {value}")
    return value


def _clamp(op: RawOperator, options: Table, field: int, output: Quantisation) -> Clamp:
    value = options.integer(field, "b")
    activation = schema.member(FusedActivation, value)
    if activation is None:
        raise ModelError(f"{op.where}: fused activation {value} is not supported; NONE, RELU, RELU6, RELU_N1_TO_1 are")
    return activation_range(activation, output)


def _padding(op: RawOperator, options: Table, source: Tensor, kernel: Pair, stride: Pair, dilation: Pair) -> Padding:
    kind = options.integer(0, "b")
    if kind == schema.PaddingKind.VALID:
        return Padding()
    if kind != schema.PaddingKind.SAME:
        raise ModelError(f"{op.where}: padding {kind} is neither SAME nor VALID")
    _, height, width, _ = source.shape
    rows = same_padding(height, kernel.h, stride.h, dilation.h)
    return Padding(*rows, *same_padding(width, kernel.w, stride.w, dilation.w))


def _image(op: RawOperator, tensor: Tensor) -> Tensor:
    if len(tensor.shape) != 4:
        raise ModelError(f"{op.where}: tensor {tensor.name} must be [1, H, W, C], not {list(tensor.shape)}")
    return tensor


def _conv2d(op: RawOperator, source: Source) -> list[Operator]:
    at, options = schema.Conv2DOptions, _options(op, BuiltinOptions.CONV2D)
    name, weights, output = source.input(op, 0), source.weights(op, axis=0), source.output(op)
    stride = Pair(_positive(op, options, at.STRIDE_H), _positive(op, options, at.STRIDE_W))
    dilation = Pair(_positive(op, options, at.DILATION_H_FACTOR, 1), _positive(op, options, at.DILATION_W_FACTOR, 1))
    _, kh, kw, channels = _image(op, source.tensor(weights)).shape
    image = _image(op, source.tensor(name))
    if channels != image.shape[3] and channels and image.shape[3] % channels == 0:
        raise ModelError(
            f"{op.where}: {image.shape[3] // channels} groups of {channels} input channels: grouped convolutions are "
            "supported only as DEPTHWISE_CONV_2D; split it into one convolution a group and a concatenation"
        )
    return [
        ops.Conv2D(
            _name(op),
            name,
            weights,
            source.bias(op, name, weights),
            output,
            stride,
            dilation,
            _padding(op, options, image, Pair(kh, kw), stride, dilation),
            _clamp(op, options, at.FUSED_ACTIVATION_FUNCTION, source.tensor(output).quantisation),
        )
    ]


def _depthwise_conv2d(op: RawOperator, source: Source) -> list[Operator]:
    at, options = schema.DepthwiseConv2DOptions, _options(op, BuiltinOptions.DEPTHWISE_CONV2D)
    name, weights, output = source.input(op, 0), source.weights(op, axis=3), source.output(op)
    stride = Pair(_positive(op, options, at.STRIDE_H), _positive(op, options, at.STRIDE_W))
    dilation = Pair(_positive(op, options, at.DILATION_H_FACTOR, 1), _positive(op, options, at.DILATION_W_FACTOR, 1))
    _, kh, kw, channels = _image(op, source.tensor(weights)).shape
    image = _image(op, source.tensor(name))
    # Old files leave the multiplier 0; kernels take it from the shapes.
    multiplier = channels // max(image.shape[3], 1)
    return [
        ops.DepthwiseConv2D(
            _name(op),
            name,
            weights,
            source.bias(op, name, weights),
            output,
            stride,
            dilation,
            _padding(op, options, image, Pair(kh, kw), stride, dilation),
            _clamp(op, options, at.FUSED_ACTIVATION_FUNCTION, source.tensor(output).quantisation),
            multiplier,
        )
    ]


def _fully_connected(op: RawOperator, source: Source) -> list[Operator]:
    at, options = schema.FullyConnectedOptions, _options(op, BuiltinOptions.FULLY_CONNECTED)
    if options.integer(at.WEIGHTS_FORMAT, "b"):
        raise ModelError(f"{op.where}: shuffled weights are not supported")
    name, weights, output = source.input(op, 0), source.weights(op, axis=0), source.output(op)
    shape = source.tensor(weights).shape
    if len(shape) != 2:
        raise ModelError(f"{op.where}: weights {weights} must be [C_out, C_in], not {list(shape)}")
    clamp = _clamp(op, options, at.FUSED_ACTIVATION_FUNCTION, source.tensor(output).quantisation)
    bias = source.bias(op, name, weights)
    rows = (source.tensor(name).n_elements // max(shape[1], 1), shape[0])
    if source.tensor(output).shape == rows:
        return [ops.FullyConnected(_name(op), name, weights, bias, output, clamp)]
    # An output of more axes (keep_num_dims): the same bytes under another shape.
    flat = source.new(output, "rows", rows)
    return [
        ops.FullyConnected(_name(op), name, weights, bias, flat, clamp),
        ops.Reshape(f"{_name(op)}_reshape", flat, output),
    ]


def _pool2d(kind: type[ops.AveragePool2D] | type[ops.MaxPool2D]) -> Reader:
    def read(op: RawOperator, source: Source) -> list[Operator]:
        at, options = schema.Pool2DOptions, _options(op, BuiltinOptions.POOL2D)
        name, output = source.input(op, 0), source.output(op)
        window = Pair(_positive(op, options, at.FILTER_HEIGHT), _positive(op, options, at.FILTER_WIDTH))
        stride = Pair(_positive(op, options, at.STRIDE_H), _positive(op, options, at.STRIDE_W))
        padding = _padding(op, options, _image(op, source.tensor(name)), window, stride, Pair())
        clamp = _clamp(op, options, at.FUSED_ACTIVATION_FUNCTION, source.tensor(output).quantisation)
        return [kind(_name(op), name, output, window, stride, padding, clamp)]

    return read


def _reshaped(op: RawOperator, source: Source, name: str, shape: tuple[int, ...]) -> tuple[str, list[Operator]]:
    """The value `name` under another shape, and the operators that bring it there."""
    tensor = source.tensor(name)
    if tensor.shape == shape:
        return name, []
    other = source.new(name, "reshaped", shape)
    if tensor.data is not None:
        source.tensors[other] = replace(tensor, name=other, shape=shape, data=tensor.data.reshape(shape))
        return other, []
    return other, [ops.Reshape(f"{_name(op)}_{len(source.tensors)}_reshape", name, other)]


def _rows_as_image(op: RawOperator, source: Source, name: str) -> tuple[str, list[Operator]]:
    """A series [1, T, C], as layers over time have it, as the image [1, 1, T, C]: the same bytes."""
    shape = source.tensor(name).shape
    return _reshaped(op, source, name, (1, *shape) if len(shape) == 3 else shape)


def _mean(op: RawOperator, source: Source) -> list[Operator]:
    name, output = source.input(op, 0), source.output(op)
    shape, axes = source.tensor(name).shape, source.integers(op, 1)
    rank = len(shape)
    averaged = sorted({axis % rank for axis in axes if -rank <= axis < rank}) if rank else []
    if averaged != {3: [1], 4: [1, 2]}.get(rank) or len(axes) != len(averaged):
        raise ModelError(
            f"{op.where}: a mean over axes {axes[:8]} of {list(shape)} is not supported; "
            "over axes 1 and 2 of [1, H, W, C] it is, and over axis 1 of [1, T, C]"
        )
    image, before = _rows_as_image(op, source, name)
    if len(source.tensor(output).shape) != 3:
        return [*before, ops.Mean(_name(op), image, output)]
    flat = source.new(output, "flat", (1, shape[-1]))
    return [*before, ops.Mean(_name(op), image, flat), ops.Reshape(f"{_name(op)}_reshape", flat, output)]


def _add(op: RawOperator, source: Source) -> list[Operator]:
    options = _options(op, BuiltinOptions.ADD)
    name, other, output = source.input(op, 0), source.input(op, 1), source.output(op)
    name, other = _expanded(op, source, name, other), _expanded(op, source, other, name)
    clamp = _clamp(op, options, schema.AddOptions.FUSED_ACTIVATION_FUNCTION, source.tensor(output).quantisation)
    return [ops.Add(_name(op), name, other, output, clamp)]


def _expanded(op: RawOperator, source: Source, name: str, other: str) -> str:
    """A constant that TFLite would broadcast, written out in the other input's shape."""
    tensor, shape = source.tensor(name), source.tensor(other).shape
    if tensor.data is None or tensor.shape == shape:
        return name
    try:
        data = np.broadcast_to(tensor.data, shape)
    except ValueError:
        raise ModelError(f"{op.where}: {list(tensor.shape)} does not broadcast to {list(shape)}") from None
    expanded = source.new(name, "expanded", shape)
    source.tensors[expanded] = Tensor(expanded, shape, DType.INT8, tensor.quantisation, data=data)
    return expanded


def _pad(op: RawOperator, source: Source) -> list[Operator]:
    name, output, amounts = source.input(op, 0), source.output(op), source.integers(op, 1)
    rank = len(source.tensor(name).shape)
    if (
        rank not in (3, 4)
        or len(amounts) != 2 * rank
        or any((*amounts[:2], *amounts[-2:]))
        or min(amounts) < 0
        or len(source.tensor(output).shape) != rank
    ):
        raise ModelError(
            f"{op.where}: paddings {amounts[:16]} are not supported; those of H and W are, in [1, H, W, C], "
            "and those of T in [1, T, C]"
        )
    image, before = _rows_as_image(op, source, name)
    padding = Padding(*amounts[2:6]) if rank == 4 else Padding(left=amounts[2], right=amounts[3])
    zero_point = source.tensor(name).quantisation.zero_point
    value = source.byte(op, 2) if op.code == Builtin.PADV2 and len(op.inputs) > 2 else zero_point
    padded, after = output, []
    if rank == 3:
        padded = source.new(output, "image", (1, *source.tensor(output).shape))
        after = [ops.Reshape(f"{_name(op)}_reshape", padded, output)]
    if value != zero_point:
        return [*before, Border(_name(op), image, padded, padding, value, op.where), *after]
    return [*before, ops.Pad(_name(op), image, padded, padding), *after]


def _concatenation(op: RawOperator, source: Source) -> list[Operator]:
    at, options = schema.ConcatenationOptions, _options(op, BuiltinOptions.CONCATENATION)
    names, output = tuple(source.input(op, position) for position in range(len(op.inputs))), source.output(op)
    if not names:
        raise ModelError(f"{op.where} has no inputs")
    rank, axis = len(source.tensor(names[0]).shape), options.integer(at.AXIS, "i")
    if options.integer(at.FUSED_ACTIVATION_FUNCTION, "b"):
        raise ModelError(f"{op.where}: a fused activation is not supported here")
    if axis in (-1, rank - 1):
        return [ops.Concatenation(_name(op), names, output)]
    shapes = [source.tensor(name).shape for name in names]
    place = axis % rank if -rank <= axis < rank else rank
    # Without the joined axis: the same for all where they fit.
    others = {(len(shape), *shape[:place], *shape[place + 1 :]) for shape in shapes}
    joined = (*shapes[0][:place], sum(sum(shape[place : place + 1]) for shape in shapes), *shapes[0][place + 1 :])
    if len(others) != 1 or set(shapes[0][:place]) - {1} or source.tensor(output).shape != joined:
        raise ModelError(
            f"{op.where}: shapes {[list(shape) for shape in shapes]} along axis {axis} are not supported; "
            "along the last axis they are, and along one before which all axes are 1"
        )
    if rank == 4 and place == 1:
        return [ops.JoinRows(_name(op), names, output)]
    # Whole blocks in a row: the same bytes as flat inputs along the last axis.
    operators: list[Operator] = []
    flat = []
    for name, shape in zip(names, shapes, strict=True):
        rows, before = _reshaped(op, source, name, (1, math.prod(shape)))
        operators += before
        flat.append(rows)
    row = source.new(output, "flat", (1, math.prod(joined)))
    return [
        *operators,
        ops.Concatenation(_name(op), tuple(flat), row),
        ops.Reshape(f"{_name(op)}_reshape", row, output),
    ]


def _slice(op: RawOperator, source: Source) -> list[Operator]:
    sizes = source.tensor(source.input(op, 0)).shape
    begin, extent = source.integers(op, 1), source.integers(op, 2)
    whole = [size - first if n == -1 else n for size, first, n in zip(sizes, begin, extent, strict=False)]
    return _take_rows(op, source, begin, whole)


def _strided_slice(op: RawOperator, source: Source) -> list[Operator]:
    at, options = schema.StridedSliceOptions, _options(op, BuiltinOptions.STRIDED_SLICE)
    sizes = source.tensor(source.input(op, 0)).shape
    begin, end, strides = (source.integers(op, position) for position in (1, 2, 3))
    others = (at.ELLIPSIS_MASK, at.NEW_AXIS_MASK, at.SHRINK_AXIS_MASK)
    if any(options.integer(mask, "i") for mask in others) or options.integer(at.OFFSET, "b") or set(strides) - {1}:
        raise ModelError(f"{op.where}: only a slice with strides of 1 that keeps its axes is supported")
    no_begin, no_end = (options.integer(mask, "i") for mask in (at.BEGIN_MASK, at.END_MASK))
    bounds = []
    for axis, (size, first, last) in enumerate(zip(sizes, begin, end, strict=False)):
        start = 0 if no_begin >> axis & 1 else first + size * (first < 0)
        stop = size if no_end >> axis & 1 else min(last + size * (last < 0), size)
        bounds.append((start, stop - start))
    return _take_rows(op, source, [start for start, _ in bounds], [extent for _, extent in bounds])


def _take_rows(op: RawOperator, source: Source, begin: list[int], extent: list[int]) -> list[Operator]:
    """Elements begin .. begin + extent - 1 of each axis, where those are whole rows of the outermost one."""
    name, output = source.input(op, 0), source.output(op)
    shape = source.tensor(name).shape
    cut = [axis for axis, (size, n) in enumerate(zip(shape, extent, strict=False)) if n != size] or [len(shape) - 3]
    axis = max(cut[0], 0)
    if (
        not len(shape) == len(begin) == len(extent) > 0
        or len(cut) > 1
        or set(shape[:axis]) - {1}
        or any(first < 0 or n < 1 or first + n > size for first, n, size in zip(begin, extent, shape, strict=True))
        or source.tensor(output).shape != tuple(extent)
    ):
        raise ModelError(
            f"{op.where}: a slice from {begin[:8]} of size {extent[:8]} out of {list(shape)} is not supported; "
            "one along a single axis is, where all axes before that are 1"
        )
    rest = math.prod(shape[axis + 1 :])
    if len(shape) == 4 and axis == 1:
        return [ops.TakeRows(_name(op), name, output, begin[axis])]
    image, before = _reshaped(op, source, name, (1, shape[axis], 1, rest))
    rows = source.new(output, "rows", (1, extent[axis], 1, rest))
    take, reshape = ops.TakeRows(_name(op), image, rows, begin[axis]), ops.Reshape(f"{_name(op)}_reshape", rows, output)
    return [*before, take, reshape]


def _requantise(op: RawOperator, source: Source) -> list[Operator]:
    return [ops.Requantise(_name(op), source.input(op, 0), source.output(op))]


def _activation(activation: FusedActivation) -> Reader:
    def read(op: RawOperator, source: Source) -> list[Operator]:
        name, output = source.input(op, 0), source.output(op)
        before, after = source.tensor(name).quantisation, source.tensor(output).quantisation
        if activation is FusedActivation.RELU6 and before != after:
            raise ModelError(
                f"{op.where}: input and output have different quantisations; tflite-micro's kernel only clamps, "
                "so such a file does not mean what it says: fuse the activation into the layer before"
            )
        return [ops.Requantise(_name(op), name, output, activation_range(activation, after))]

    return read


def _extremum(op: RawOperator, source: Source) -> list[Operator]:
    """MAXIMUM or MINIMUM with a constant: one bound of a clamp."""
    constants = [p for p in range(len(op.inputs)) if source.raw(op, p).has_data]
    if len(op.inputs) != 2 or len(constants) != 1:
        raise ModelError(f"{op.where} is supported with one constant only")
    bound, name, output = source.byte(op, constants[0]), source.input(op, 1 - constants[0]), source.output(op)
    grids = {
        source.tensor(name).quantisation,
        source.tensor(output).quantisation,
        source.tensor(source.input(op, constants[0])).quantisation,
    }
    if len(grids) != 1:
        raise ModelError(f"{op.where}: its tensors have different quantisations")
    clamp = Clamp(low=bound) if op.code == Builtin.MAXIMUM else Clamp(high=bound)
    return [ops.Requantise(_name(op), name, output, clamp)]


def _reshape(op: RawOperator, source: Source) -> list[Operator]:
    """The shape is the output's: converters state it, with 1 for each size that they leave open."""
    name, output = source.input(op, 0), source.output(op)
    before, after = source.tensor(name), source.tensor(output)
    if before.n_elements != after.n_elements:
        raise ModelError(
            f"{op.where}: {before.n_elements} elements cannot become {list(after.shape)}; "
            "where the model's batch was left open, convert it with a batch of 1"
        )
    return [ops.Reshape(_name(op), name, output)]


def _softmax(op: RawOperator, source: Source) -> list[Operator]:
    beta = float(_options(op, BuiltinOptions.SOFTMAX).number(schema.SoftmaxOptions.BETA, "f", 0.0))
    if not (math.isfinite(beta) and beta > 0):
        raise ModelError(f"{op.where}: beta {beta} must be greater than 0")
    return [ops.Softmax(_name(op), source.input(op, 0), source.output(op), beta)]


READERS: Mapping[Builtin, Reader] = {
    Builtin.ADD: _add,
    Builtin.AVERAGE_POOL_2D: _pool2d(ops.AveragePool2D),
    Builtin.CONCATENATION: _concatenation,
    Builtin.CONV_2D: _conv2d,
    Builtin.DEPTHWISE_CONV_2D: _depthwise_conv2d,
    Builtin.EXPAND_DIMS: _reshape,
    Builtin.FULLY_CONNECTED: _fully_connected,
    Builtin.MAXIMUM: _extremum,
    Builtin.MAX_POOL_2D: _pool2d(ops.MaxPool2D),
    Builtin.MEAN: _mean,
    Builtin.MINIMUM: _extremum,
    Builtin.PAD: _pad,
    Builtin.PADV2: _pad,
    Builtin.QUANTIZE: _requantise,
    Builtin.RELU: _activation(FusedActivation.RELU),
    Builtin.RELU6: _activation(FusedActivation.RELU6),
    Builtin.RELU_N1_TO_1: _activation(FusedActivation.RELU_N1_TO_1),
    Builtin.RESHAPE: _reshape,
    Builtin.SLICE: _slice,
    Builtin.SOFTMAX: _softmax,
    Builtin.SQUEEZE: _reshape,
    Builtin.STRIDED_SLICE: _strided_slice,
}
