# SPDX-License-Identifier: Apache-2.0
"""What the counting rules (graph/counting.py) ask of an architecture, layer by layer. Nothing is trained or built."""

from functools import singledispatch

from toolchain.arch.layer import Add, Conv, Dense, Depthwise, GlobalAveragePool, Layer
from toolchain.arch.spec import ArchSpec
from toolchain.graph.counting import Count, LayerFacts, Rule, count_facts


def arch_facts(arch: ArchSpec) -> tuple[LayerFacts, ...]:
    """Facts of each layer of `arch`, in order."""
    return tuple(_facts(layer) for layer in arch.layers())


def count_arch(arch: ArchSpec, rule: Rule) -> Count:
    """`arch` under `rule`."""
    return count_facts(arch_facts(arch), rule)


@singledispatch
def _facts(layer: Layer) -> LayerFacts:
    raise TypeError(f"no counting of {layer.kind}")


def _window_facts(layer: Conv | Depthwise, per_output: int) -> LayerFacts:
    """per_output: multiply-accumulates of one element of the output."""
    channels = layer.output_shape.c
    floored = (layer.input_shape.h // layer.stride.h) * (layer.input_shape.w // layer.stride.w) * channels
    return LayerFacts(
        name=layer.name,
        op=layer.kind,
        output_shape=layer.output_shape,
        macs=layer.output_shape.n_elements * per_output,
        macs_floored=floored * per_output,
        weights=channels * per_output,
        biases=channels,
        batch_norm_channels=channels if layer.batch_norm else 0,
        inputs=layer.input_shape.n_elements,
        outputs=layer.output_shape.n_elements,
        additions=layer.output_shape.n_elements,
    )


@_facts.register
def _(layer: Conv) -> LayerFacts:
    return _window_facts(layer, layer.kernel.h * layer.kernel.w * layer.input_shape.c)


@_facts.register
def _(layer: Depthwise) -> LayerFacts:
    return _window_facts(layer, layer.kernel.h * layer.kernel.w)


@_facts.register
def _(layer: Dense) -> LayerFacts:
    inputs, outputs = layer.input_shape.n_elements, layer.output_shape.n_elements
    return LayerFacts(
        name=layer.name,
        op=layer.kind,
        output_shape=layer.output_shape,
        macs=inputs * outputs,
        macs_floored=inputs * outputs,
        weights=inputs * outputs,
        biases=outputs,
        batch_norm_channels=outputs if layer.batch_norm else 0,
        inputs=inputs,
        outputs=outputs,
        additions=outputs,
    )


@_facts.register(Add)
@_facts.register(GlobalAveragePool)
def _(layer: Add | GlobalAveragePool) -> LayerFacts:
    outputs = layer.output_shape.n_elements
    return LayerFacts(
        name=layer.name,
        op=layer.kind,
        output_shape=layer.output_shape,
        macs=0,
        macs_floored=0,
        weights=0,
        biases=0,
        batch_norm_channels=0,
        inputs=layer.input_shape.n_elements * len(layer.reads),
        outputs=outputs,
        additions=outputs if isinstance(layer, Add) else 0,
    )
