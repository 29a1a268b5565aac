# SPDX-License-Identifier: Apache-2.0
"""What an architecture expands to: shapes, strides, paddings, residuals."""

from dataclasses import replace

import pytest

from toolchain.arch import builtin_names, layers, load_arch
from toolchain.arch.layer import NETWORK_INPUT, Activation, Add, Conv, Dense, Depthwise, MapShape
from toolchain.arch.peter2020 import CANDIDATES, Peter2020
from toolchain.graph.ops import Padding, Pair
from toolchain.graph.shapes import conv_extent, same_padding


@pytest.mark.parametrize("name", builtin_names())
def test_layers_fit_each_other(name: str) -> None:
    shapes = {NETWORK_INPUT: MapShape(load_arch(name).frames, load_arch(name).coefficients, 1)}
    for layer in layers(load_arch(name)):
        assert layer.name not in shapes, "names are unique"
        for source in layer.reads:
            assert shapes[source] == layer.input_shape
        if isinstance(layer, Conv | Depthwise):
            p = layer.padding
            assert (p.top, p.bottom) == same_padding(layer.input_shape.h, layer.kernel.h, layer.stride.h)
            assert (p.left, p.right) == same_padding(layer.input_shape.w, layer.kernel.w, layer.stride.w)
            assert layer.output_shape.h == conv_extent(
                layer.input_shape.h, p.top, p.bottom, layer.kernel.h, layer.stride.h
            )
        shapes[layer.name] = layer.output_shape
    assert isinstance(layer, Dense) and layer.output_shape == (1, 1, 12)


def test_ds_cnn_s_begins_with_an_asymmetric_window() -> None:
    stem, first = layers(load_arch("ds_cnn_s"))[:2]
    assert isinstance(stem, Conv) and (stem.kernel, stem.stride) == (Pair(10, 4), Pair(2, 2))
    assert stem.padding == Padding(4, 5, 1, 1)
    assert stem.output_shape == (25, 5, 64) and stem.activation is Activation.RELU
    assert isinstance(first, Depthwise) and first.padding == Padding(1, 1, 1, 1)


def test_peter2020_is_the_original_transposed() -> None:
    """5x11 with stride (1,2) over (frequency, time) is 11x5 with stride (2,1) over (time, frequency)."""
    found = {layer.name: layer for layer in layers(load_arch("pless_sweep_wm0.75_5"))}
    stem = found["stem"]
    assert isinstance(stem, Conv) and (stem.kernel, stem.stride) == (Pair(11, 5), Pair(2, 1))
    assert stem.output_shape == (26, 10, 56) and stem.activation is Activation.RELU6
    first = found["block1_depthwise"]
    assert isinstance(first, Depthwise) and first.stride == Pair(2, 2)
    assert first.padding == Padding(2, 3, 2, 3), "the odd row and column come after"
    assert first.output_shape == (13, 5, 112)
    project = found["block1_project"]
    assert isinstance(project, Conv) and project.activation is Activation.NONE
    assert "block1_add" not in found
    residual = found["block2_add"]
    assert isinstance(residual, Add) and residual.reads == ("block2_project", "block1_project")
    assert "block2_expand" not in found, "expansion 1 has no expanding convolution"
    assert not any(name.startswith("block4") for name in found), "an identity has no layers"
    assert found["last"].output_shape == (13, 5, 112)


@pytest.mark.parametrize("candidate", CANDIDATES)
def test_every_candidate_of_the_space_expands(candidate: str) -> None:
    base = load_arch("pless_sweep_5")
    assert isinstance(base, Peter2020)
    arch = replace(base, blocks=(base.blocks[0], candidate, *base.blocks[2:]))
    names = [layer.name for layer in layers(arch) if layer.name.startswith("block2_")]
    if candidate == "id":
        assert names == []
    else:
        assert names[-3:] == ["block2_depthwise", "block2_project", "block2_add"]
        assert ("block2_expand" in names) == (candidate[-1] != "1")


def test_a_feed_forward_network_flattens_its_window_and_normalises_hidden_layers_only() -> None:
    first, *others, classifier = layers(load_arch("stream_250k"))
    assert first.input_shape == (49, 20, 1) and first.output_shape == (1, 1, 192)
    assert [layer.output_shape.c for layer in others] == [128, 128, 128]
    for layer in (first, *others):
        assert isinstance(layer, Dense) and layer.batch_norm and layer.activation is Activation.RELU
    assert isinstance(classifier, Dense) and not classifier.batch_norm and classifier.activation is Activation.NONE
