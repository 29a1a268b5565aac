# SPDX-License-Identifier: Apache-2.0
"""output_shape: the shape that an operator gives, from the shapes that it reads. One function an operator."""

from collections.abc import Callable
from functools import singledispatch

from toolchain.errors import ModelError
from toolchain.graph.ops import (
    Add,
    AveragePool2D,
    Concatenation,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    JoinRows,
    MaxPool2D,
    Mean,
    Operator,
    Pad,
    Padding,
    Pair,
    Requantise,
    Reshape,
    Softmax,
    TakeRows,
)
from toolchain.graph.tensor import Tensor

Shape = tuple[int, ...]
Lookup = Callable[[str], Tensor]


def conv_extent(size: int, before: int, after: int, kernel: int, stride: int, dilation: int = 1) -> int:
    """Output positions along one axis.

    >>> conv_extent(49, 4, 5, kernel=10, stride=2)
    25
    """
    reach = dilation * (kernel - 1) + 1
    return (size + before + after - reach) // stride + 1


def same_padding(size: int, kernel: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """TFLite's SAME padding along one axis as (before, after): the odd one goes after.

    >>> same_padding(49, kernel=10, stride=2)
    (4, 5)
    """
    positions = -(-size // stride)
    total = max((positions - 1) * stride + dilation * (kernel - 1) + 1 - size, 0)
    return total // 2, total - total // 2


@singledispatch
def output_shape(op: Operator, tensor: Lookup) -> Shape:
    """Shape of the operator's output. `tensor` finds a tensor by name. Raises ModelError where shapes do not fit."""
    raise TypeError(f"no shape rule for {op.kind}")


def _image(tensor: Tensor) -> tuple[int, int, int]:
    if len(tensor.shape) != 4 or tensor.shape[0] != 1:
        raise ModelError(f"{tensor.name} must be [1, H, W, C], not {list(tensor.shape)}")
    return tensor.shape[1], tensor.shape[2], tensor.shape[3]


def _window(size: tuple[int, int], kernel: Pair, stride: Pair, dilation: Pair, padding: Padding) -> tuple[int, int]:
    rows = conv_extent(size[0], padding.top, padding.bottom, kernel.h, stride.h, dilation.h)
    columns = conv_extent(size[1], padding.left, padding.right, kernel.w, stride.w, dilation.w)
    if rows < 1 or columns < 1:
        raise ModelError(
            f"a {kernel.h}x{kernel.w} window does not fit an input of {size[0]}x{size[1]} with its padding"
        )
    return rows, columns


def _check_bias(bias: str | None, channels: int, tensor: Lookup) -> None:
    if bias is not None and tensor(bias).shape != (channels,):
        raise ModelError(f"bias {bias} must be [{channels}], not {list(tensor(bias).shape)}")


@output_shape.register
def _(op: Conv2D, tensor: Lookup) -> Shape:
    height, width, channels = _image(tensor(op.input))
    weights = tensor(op.weights).shape
    if len(weights) != 4 or weights[3] != channels:
        raise ModelError(f"weights {list(weights)} do not fit an input of {channels} channels")
    _check_bias(op.bias, weights[0], tensor)
    rows, columns = _window((height, width), Pair(weights[1], weights[2]), op.stride, op.dilation, op.padding)
    return (1, rows, columns, weights[0])


@output_shape.register
def _(op: DepthwiseConv2D, tensor: Lookup) -> Shape:
    height, width, channels = _image(tensor(op.input))
    weights = tensor(op.weights).shape
    if len(weights) != 4 or weights[0] != 1 or op.multiplier < 1 or weights[3] != channels * op.multiplier:
        raise ModelError(f"weights {list(weights)} do not fit {channels} channels times {op.multiplier}")
    _check_bias(op.bias, weights[3], tensor)
    rows, columns = _window((height, width), Pair(weights[1], weights[2]), op.stride, op.dilation, op.padding)
    return (1, rows, columns, weights[3])


@output_shape.register
def _(op: FullyConnected, tensor: Lookup) -> Shape:
    weights = tensor(op.weights).shape
    elements = tensor(op.input).n_elements
    if len(weights) != 2 or elements % weights[1]:
        raise ModelError(f"weights {list(weights)} do not fit an input of {elements} elements")
    _check_bias(op.bias, weights[0], tensor)
    return (elements // weights[1], weights[0])


@output_shape.register(AveragePool2D)
@output_shape.register(MaxPool2D)
def _(op: AveragePool2D | MaxPool2D, tensor: Lookup) -> Shape:
    height, width, channels = _image(tensor(op.input))
    if max(op.padding.top, op.padding.bottom) >= op.window.h or max(op.padding.left, op.padding.right) >= op.window.w:
        raise ModelError(f"padding {tuple(op.padding)} leaves a window {tuple(op.window)} without any input")
    rows, columns = _window((height, width), op.window, op.stride, Pair(), op.padding)
    return (1, rows, columns, channels)


@output_shape.register
def _(op: Mean, tensor: Lookup) -> Shape:
    channels = _image(tensor(op.input))[2]
    declared = tensor(op.output).shape
    if declared not in ((1, channels), (1, 1, 1, channels)):
        raise ModelError(f"the mean over H and W of {channels} channels cannot have shape {list(declared)}")
    return declared


@output_shape.register
def _(op: Add, tensor: Lookup) -> Shape:
    if tensor(op.input).shape != tensor(op.other).shape:
        raise ModelError(f"shapes {list(tensor(op.input).shape)} and {list(tensor(op.other).shape)} differ")
    return tensor(op.input).shape


@output_shape.register
def _(op: Pad, tensor: Lookup) -> Shape:
    height, width, channels = _image(tensor(op.input))
    p = op.padding
    return (1, height + p.top + p.bottom, width + p.left + p.right, channels)


@output_shape.register
def _(op: Concatenation, tensor: Lookup) -> Shape:
    shapes = [tensor(name).shape for name in op.inputs]
    if not shapes or any(shape[:-1] != shapes[0][:-1] for shape in shapes):
        raise ModelError(f"shapes {[list(shape) for shape in shapes]} differ before the last axis")
    return (*shapes[0][:-1], sum(shape[-1] for shape in shapes))


@output_shape.register
def _(op: TakeRows, tensor: Lookup) -> Shape:
    height, width, channels = _image(tensor(op.input))
    rows = _image(tensor(op.output))[0]
    if op.first < 0 or op.first + rows > height:
        raise ModelError(f"rows {op.first}..{op.first + rows - 1} do not lie within an image of {height} rows")
    return (1, rows, width, channels)


@output_shape.register
def _(op: JoinRows, tensor: Lookup) -> Shape:
    images = [_image(tensor(name)) for name in op.inputs]
    if not images or any(image[1:] != images[0][1:] for image in images):
        raise ModelError(f"images {[list(image) for image in images]} differ in width or channels")
    return (1, sum(image[0] for image in images), *images[0][1:])


@output_shape.register
def _(op: Reshape, tensor: Lookup) -> Shape:
    source, declared = tensor(op.input), tensor(op.output)
    if source.n_elements != declared.n_elements:
        raise ModelError(f"{source.n_elements} elements cannot become {list(declared.shape)}")
    return declared.shape


@output_shape.register(Requantise)
@output_shape.register(Softmax)
def _(op: Requantise | Softmax, tensor: Lookup) -> Shape:
    return tensor(op.input).shape
