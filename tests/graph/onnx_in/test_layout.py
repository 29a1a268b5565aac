# SPDX-License-Identifier: Apache-2.0
"""Layout: axes are moved, cut and joined on paper, and numpy, which moves bytes, agrees."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolchain.errors import ModelError
from toolchain.graph.onnx_in.layout import MAX_ACTIVATION_ELEMENTS, Layout, LayoutError

SHAPES = st.lists(st.sampled_from([1, 2, 3, 4, 6]), min_size=1, max_size=4)


@given(SHAPES, st.data())
@settings(max_examples=200, deadline=None)
def test_transposing_and_reshaping_on_paper_is_what_numpy_does(shape: list[int], data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(shape))))
    layout = Layout.of(shape, order)
    memory = np.arange(layout.n_elements)
    tensor = layout.from_memory(memory)
    assert tensor.shape == tuple(shape)
    for _ in range(4):
        if data.draw(st.booleans()):
            permutation = data.draw(st.permutations(range(tensor.ndim)))
            layout, tensor = layout.transposed(permutation), tensor.transpose(permutation)
        else:
            wanted = data.draw(SHAPES)
            wanted = [*wanted[:-1], max(tensor.size // int(np.prod(wanted[:-1])), 1)]
            if np.prod(wanted) != tensor.size:
                continue
            try:
                layout = layout.reshaped(wanted)
            except LayoutError:
                continue
            tensor = tensor.reshape(wanted)
        assert layout.shape == tensor.shape
        assert np.array_equal(layout.from_memory(memory), tensor)
        assert np.array_equal(layout.to_memory(tensor), memory)


def test_flatten_of_an_image_remembers_the_order_of_memory() -> None:
    layout = Layout.of((1, 4, 3, 2), order=(0, 2, 3, 1)).reshaped((1, 24))
    onnx_index_of_each_byte = layout.memory_order(1)
    expected = np.arange(24).reshape(4, 3, 2).transpose(1, 2, 0).reshape(-1)
    assert np.array_equal(onnx_index_of_each_byte, expected)


def test_unit_axes_can_be_moved_anywhere() -> None:
    assert Layout.of((1, 1, 7, 5)).lies_in((0, 2, 3, 1))
    assert Layout.of((1, 7, 1, 5)).transposed((0, 2, 1, 3)) == Layout.of((1, 1, 7, 5))


def test_two_layouts_are_equal_exactly_if_shape_and_memory_are() -> None:
    flat = Layout.of((1, 12))
    assert flat.reshaped((3, 4)).reshaped((1, 12)) == flat
    assert Layout.of((3, 4)) != Layout.of((3, 4), order=(1, 0))


def test_an_axis_that_would_mix_memory_is_refused() -> None:
    channels_last = Layout.of((1, 6, 5, 1), order=(0, 2, 3, 1))
    with pytest.raises(LayoutError, match="cannot be cut into"):
        channels_last.reshaped((1, 10, 3))


@pytest.mark.parametrize("shape", [(1, 0), (1, -3), (MAX_ACTIVATION_ELEMENTS, 2)])
def test_impossible_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelError, match="each size must be at least 1"):
        Layout.of(shape)


def test_the_innermost_axis_can_take_another_size() -> None:
    layout = Layout.of((1, 5, 8)).with_axis(2, 3)
    assert layout == Layout.of((1, 5, 3))
    assert Layout.of((1, 5, 1)).with_axis(2, 3) == Layout.of((1, 5, 3))
    assert Layout.of((1, 5, 8)).with_axis(2, 1) == Layout.of((1, 5, 1))
