# SPDX-License-Identifier: Apache-2.0
"""MaxPool, AveragePool, their global forms, and means over axes.

A pool whose padding counts (count_include_pad) is a Pad and a pool without padding. A mean over axes is Mean where
those axes are the outer part of memory, an average along one axis where they lie inside.
Source: ONNX operator specification, MaxPool, AveragePool, GlobalAveragePool, GlobalMaxPool, ReduceMean.
"""

from math import prod

from toolchain.errors import ModelError
from toolchain.graph.onnx_in.context import CHANNELS_LAST, Context, channels_last, image_shape, must_move
from toolchain.graph.onnx_in.layout import Layout, LayoutError
from toolchain.graph.onnx_in.naming import layer_name
from toolchain.graph.onnx_in.node import Node
from toolchain.graph.onnx_in.recipes import Averages, Bordered, GlobalAverage, Maxima, Same
from toolchain.graph.onnx_in.values import Activation, Pending, Source, Value
from toolchain.graph.onnx_in.window import Window
from toolchain.graph.ops import Padding, Pair


def max_pool(node: Node, context: Context) -> Value:
    """MaxPool."""
    source = context.source(node, 0)
    image, window = _pool_window(node, source)
    return _maxima(node, source, image, window)


def global_max_pool(node: Node, context: Context) -> Value:
    """GlobalMaxPool."""
    source = context.source(node, 0)
    image = image_shape(channels_last(node, source.layout))
    return _maxima(node, source, image, _whole(image))


def average_pool(node: Node, context: Context) -> Value:
    """AveragePool."""
    source = context.activation(node, 0)
    image, window = _pool_window(node, source)
    if node.integer("count_include_pad", 0) and any(window.padding):
        if node.integer("ceil_mode", 0):
            raise ModelError(f"{node}: ceil_mode together with count_include_pad and padding is not supported")
        source, image = _bordered(node, context, source, image, window.padding)
        window = Window(window.kernel, window.stride, window.dilation, Padding())
    size = window.output(node, image)
    output = (1, *size, image[3])
    if window.kernel == Pair(image[1], image[2]) and not any(window.padding):
        recipe: GlobalAverage | Averages = GlobalAverage(source, image)
    else:
        recipe = Averages(source, image, output, window.kernel, window.stride, window.padding)
    return Pending(recipe, _result(source.layout, output), str(node), layer_name(node.name, "average_pool"))


def global_average_pool(node: Node, context: Context) -> Value:
    """GlobalAveragePool."""
    source = context.activation(node, 0)
    channels_last(node, source.layout)
    image = _whole_image(context, source, source.layout.shape[1])
    layout = _result(source.layout, (1, 1, 1, image[3]))
    return Pending(GlobalAverage(source, image), layout, str(node), layer_name(node.name, "mean"))


def reduce_mean(node: Node, context: Context) -> Value:
    """ReduceMean; the axes are an attribute up to opset 17 and an input from 18 on."""
    source = context.activation(node, 0)
    layout = source.layout
    rank = len(layout.axes)
    axes = node.integers("axes")
    if axes is None:
        axes = context.integers(node, 1, "axes")
    if not axes:
        axes = [] if node.integer("noop_with_empty_axes", 0) else list(range(rank))
    if not all(-rank <= axis < rank for axis in axes):
        raise ModelError(f"{node}: axes {axes} do not fit an input of shape {list(layout.shape)}")
    reduced = {axis % rank for axis in axes}
    kept = [1 if axis in reduced else size for axis, size in enumerate(layout.shape)]
    if not node.integer("keepdims", 1):
        kept = [size for axis, size in enumerate(layout.shape) if axis not in reduced]
    label = layer_name(node.name, "mean")
    atoms = sorted(atom for axis in reduced for atom in layout.axes[axis])
    if not atoms:
        return Pending(Same(source), layout.reshaped(kept), str(node), label)
    if atoms != list(range(atoms[0], atoms[0] + len(atoms))):
        raise must_move(node)
    outer, inner = prod(layout.sizes[: atoms[0]]), prod(layout.sizes[atoms[-1] + 1 :])
    middle = prod(layout.sizes[atoms[0] : atoms[-1] + 1])
    remaining = layout.without(reduced)
    remaining = remaining if not node.integer("keepdims", 1) else remaining.reshaped(kept)
    if outer == 1:
        recipe: GlobalAverage | Averages = GlobalAverage(source, _whole_image(context, source, inner))
        return Pending(recipe, remaining, str(node), label)
    if inner == 1:
        raise LayoutError(f"{node}: a mean over the channels, the innermost axis of memory, is not supported")
    image, window = (1, outer, middle, inner), Pair(1, middle)
    recipe = Averages(source, image, (1, outer, 1, inner), window, window, Padding())
    return Pending(recipe, remaining, str(node), label)


def _whole_image(context: Context, source: Activation, channels: int) -> tuple[int, int, int, int]:
    """[1, H, W, C] of a source whose H and W will be averaged: as it lies, else in one column."""
    shape = context.builder.tensors[source.tensor].shape
    if len(shape) == 4 and shape[0] == 1 and shape[3] == channels:
        return (1, *shape[1:])
    return (1, source.layout.n_elements // channels, 1, channels)


def _pool_window(node: Node, source: Source) -> tuple[tuple[int, int, int, int], Window]:
    """([1, H, W, C], window) of a pool. Raises ModelError for what no Graph pool does."""
    layout = channels_last(node, source.layout)
    image = image_shape(layout)
    kernel = node.integers("kernel_shape")
    if kernel is None or len(kernel) != len(layout.axes) - 2:
        raise ModelError(f"{node}: kernel_shape {kernel} does not fit an input of shape {list(layout.shape)}")
    window = Window.of(node, image, tuple(kernel))
    if window.dilation != Pair():
        raise ModelError(f"{node}: pools with dilations are not supported")
    if node.integer("ceil_mode", 0):
        window = window.with_ceiling(image)
    return image, window


def _maxima(node: Node, source: Source, image: tuple[int, int, int, int], window: Window) -> Pending:
    output = (1, *window.output(node, image), image[3])
    recipe = Maxima((source,), image, output, window.kernel, window.stride, window.padding)
    return Pending(recipe, _result(source.layout, output), str(node), layer_name(node.name, "max_pool"))


def _whole(image: tuple[int, int, int, int]) -> Window:
    size = Pair(image[1], image[2])
    return Window(size, size, Pair(), Padding())


def _bordered(
    node: Node, context: Context, source: Activation, image: tuple[int, int, int, int], padding: Padding
) -> tuple[Activation, tuple[int, int, int, int]]:
    """`source` with a border of zeros that will count as input."""
    shape = (1, image[1] + padding.top + padding.bottom, image[2] + padding.left + padding.right, image[3])
    layout = _result(source.layout, shape)
    recipe = Bordered((source,), image, shape, padding)
    pending = Pending(recipe, layout, str(node), f"{layer_name(node.name, 'average_pool')}_border")
    tensor = context.builder.settle(pending, source.quantisation)
    return Activation(tensor, layout, source.quantisation), shape


def _result(before: Layout, output: tuple[int, int, int, int]) -> Layout:
    """Layout of the ONNX tensor that lies in memory as `output` [1, H, W, C]; of the rank of `before`."""
    rank = len(before.axes)
    return Layout.of((1, output[3], output[1], output[2])[:rank], CHANNELS_LAST[rank])
