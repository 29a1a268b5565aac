# SPDX-License-Identifier: Apache-2.0
"""Concat, Slice and Pad.

Concat along any axis is a concatenation along the last one once everything inside that axis is one axis with it, and
along what is H of an image it is JoinRows. Slice takes rows of the axis that is outermost in memory.
Pad adds zeros along what are H and W in memory, whichever axes of the file those are.
Source: ONNX operator specification, Concat, Slice, Pad.
"""

from dataclasses import dataclass
from itertools import permutations
from math import prod

from toolchain.errors import ModelError
from toolchain.graph.onnx_in.context import CHANNELS_LAST, Context, image_shape, must_move
from toolchain.graph.onnx_in.layout import Layout
from toolchain.graph.onnx_in.naming import layer_name
from toolchain.graph.onnx_in.node import Node
from toolchain.graph.onnx_in.recipes import Bordered, Joined, Taken
from toolchain.graph.onnx_in.values import Integers, Pending, Value
from toolchain.graph.onnx_in.window import MAX_EXTENT
from toolchain.graph.ops import Concatenation, JoinRows, Padding

MAX_RANK = 6  # of tensors whose order of axes is searched for


def concat(node: Node, context: Context) -> Value:
    """Concat."""
    sources = tuple(context.source(node, index) for index in range(len(node.inputs)))
    if not sources:
        raise ModelError(f"{node}: has no inputs")
    shapes = [source.layout.shape for source in sources]
    rank = len(shapes[0])
    axis = node.integer("axis", 1)
    if not -rank <= axis < rank or any(len(shape) != rank for shape in shapes):
        raise ModelError(f"{node}: axis {axis} does not fit inputs of shapes {[list(shape) for shape in shapes]}")
    axis %= rank
    outside = {shape[:axis] + shape[axis + 1 :] for shape in shapes}
    if len(outside) != 1:
        raise ModelError(f"{node}: inputs of shapes {[list(shape) for shape in shapes]} differ beside axis {axis}")
    order = _common_order(node, [source.layout for source in sources])
    place = order.index(axis)
    joined = tuple(sum(shape[axis] for shape in shapes) if each == axis else shapes[0][each] for each in range(rank))
    as_images = order == CHANNELS_LAST.get(rank) and axis in (1, 2) and joined[0] == 1
    kind = JoinRows if as_images and axis == 2 else Concatenation
    if as_images:
        parts: list[tuple[int, ...]] = [image_shape(Layout.of(shape, order)) for shape in (*shapes, joined)]
    else:
        in_memory = [tuple(shape[each] for each in order) for shape in (*shapes, joined)]
        parts = [(prod(part[:place]), prod(part[place:])) for part in in_memory]
    recipe = Joined(sources, kind, tuple(parts[:-1]), parts[-1])
    return Pending(recipe, Layout.of(joined, order), str(node), layer_name(node.name, "concat"))


def slice_rows(node: Node, context: Context) -> Value:
    """Slice with a step of 1; starts and ends are attributes up to opset 9 and inputs from 10 on."""
    source = context.source(node, 0)
    shape = source.layout.shape
    starts, ends = (
        node.integers(name) if node.integers(name) is not None else context.integers(node, index, f"the {name}")
        for index, name in ((1, "starts"), (2, "ends"))
    )
    axes = node.integers("axes") if node.integers("axes") is not None else context.integers(node, 3, "the axes")
    steps = context.integers(node, 4, "the steps")
    axes = list(range(len(starts or ()))) if axes is None else axes
    if starts is None or ends is None or not len(starts) == len(ends) == len(axes) or set(steps or [1]) != {1}:
        raise ModelError(f"{node}: starts {starts}, ends {ends}, axes {axes}, steps {steps}: not a slice with step 1")
    if not all(-len(shape) <= axis < len(shape) for axis in axes):
        raise ModelError(f"{node}: axes {axes} do not fit an input of shape {list(shape)}")
    bounds = {}
    for axis, start, end in zip(axes, starts, ends, strict=True):
        size = shape[axis]
        first, last = (min(max(bound + size * (bound < 0), 0), size) for bound in (start, end))
        if first >= last:
            raise ModelError(f"{node}: takes nothing of axis {axis}: {start}..{end} of {size}")
        if last - first < size:
            bounds[axis % len(shape)] = (first, last)
    if not bounds:
        return context.value(node, 0)
    order = _common_order(node, [source.layout])
    outermost = next(axis for axis in order if shape[axis] > 1)
    if list(bounds) != [outermost]:
        raise ModelError(
            f"{node}: takes a part of axes {sorted(bounds)} of {list(shape)}; supported is a part of the axis that is "
            f"outermost in memory, which is axis {outermost}"
        )
    first, last = bounds[outermost]
    taken = tuple(last - first if axis == outermost else size for axis, size in enumerate(shape))
    if order == CHANNELS_LAST.get(len(shape)) and outermost == 2:
        image, output = (image_shape(Layout.of(each, order)) for each in (shape, taken))
    else:
        rest = prod(shape) // shape[outermost]
        image, output = (1, shape[outermost], 1, rest), (1, last - first, 1, rest)
    recipe = Taken((source,), image, output, first)
    return Pending(recipe, Layout.of(taken, order), str(node), layer_name(node.name, "slice"))


def pad(node: Node, context: Context) -> Value:
    """Pad with zeros; the pads are an attribute up to opset 10 and an input from 11 on, with axes from 18 on."""
    if node.text("mode", "constant") != "constant":
        raise ModelError(f"{node}: mode {node.text('mode', '')} is not supported; only a border of zeros is")
    source = context.source(node, 0)
    layout = source.layout
    before, after = _pads(node, context, len(layout.axes))
    _check_border(node, context)
    if not any(before) and not any(after):
        return context.value(node, 0)
    reading = next((each for each in _READINGS if each.fits(layout, before, after)), None)
    if reading is None:
        raise must_move(node)
    h, w, c = ((axis,) if axis is not None else () for axis in (reading.h, reading.w, reading.c))
    padding = Padding(*(sum(side[axis] for axis in axes) for axes in (h, w) for side in (before, after)))
    image = (1, *(prod(layout.shape[axis] for axis in axes) for axes in (h, w, c)))
    output = (1, image[1] + padding.top + padding.bottom, image[2] + padding.left + padding.right, image[3])
    shape = [size + first + last for size, first, last in zip(layout.shape, before, after, strict=True)]
    recipe = Bordered((source,), image, output, padding)
    return Pending(recipe, Layout.of(shape, reading.order), str(node), layer_name(node.name, "pad"))


@dataclass(frozen=True)
class _Reading:
    """Which axes of the file are H, W and C, and how they lie in memory."""

    order: tuple[int, ...]
    h: int
    w: int | None
    c: int | None

    def fits(self, layout: Layout, before: list[int], after: list[int]) -> bool:
        """Whether memory is like that and only H and W get a border."""
        if len(layout.axes) != len(self.order) or layout.shape[0] != 1 or not layout.lies_in(self.order):
            return False
        bordered = {axis for axis, pads in enumerate(zip(before, after, strict=True)) if any(pads)}
        return bordered <= {self.h, self.w}


_READINGS = (
    _Reading(CHANNELS_LAST[4], h=2, w=3, c=1),
    _Reading((0, 1, 2, 3), h=1, w=2, c=3),
    _Reading(CHANNELS_LAST[3], h=2, w=None, c=1),
    _Reading((0, 1, 2), h=1, w=None, c=2),
    _Reading((0, 1, 2), h=1, w=2, c=None),
)


def _common_order(node: Node, layouts: list[Layout]) -> tuple[int, ...]:
    """An order of the axes in which memory holds all of `layouts`; channels last where that is one."""
    rank = len(layouts[0].axes)
    if rank <= MAX_RANK:
        candidates: list[tuple[int, ...]] = [CHANNELS_LAST[rank]] if rank in CHANNELS_LAST else []
        for order in (*candidates, *permutations(range(rank))):
            if all(layout.lies_in(order) for layout in layouts):
                return order
    raise must_move(node)


def _pads(node: Node, context: Context, rank: int) -> tuple[list[int], list[int]]:
    """(before, after) for each axis of the input."""
    pads = context.integers(node, 1, "pads")
    if pads is None:
        pads = node.integers("pads")
    axes = context.integers(node, 3, "axes")
    axes = list(range(rank)) if axes is None else axes
    if pads is None or len(pads) != 2 * len(axes) or not all(-rank <= axis < rank for axis in axes):
        raise ModelError(f"{node}: pads {pads} on axes {axes} do not fit an input of {rank} axes")
    if not all(0 <= size <= MAX_EXTENT for size in pads):
        raise ModelError(f"{node}: pads {pads}: negative pads (cropping) are not supported")
    before, after = [0] * rank, [0] * rank
    for index, axis in enumerate(axes):
        before[axis], after[axis] = pads[index], pads[len(axes) + index]
    return before, after


def _check_border(node: Node, context: Context) -> None:
    """The border must be what stands for 0."""
    given = context.scalar(node, 2, "the border's value")
    border = node.number("value", 0.0) if given is None else given
    value = context.value(node, 0)
    wanted = value.quantisation.zero_point + value.type.offset if isinstance(value, Integers) else 0
    if border != wanted:
        raise ModelError(f"{node}: a border of {border:g}; supported is {wanted}, which stands for 0")
