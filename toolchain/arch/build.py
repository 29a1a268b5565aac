# SPDX-License-Identifier: Apache-2.0
"""Builder: strings primitive layers together, and the blocks that families of networks are made of.

A family (ds_cnn.py, peter2020.py, feed_forward.py) says which blocks in which order; a new block is one more function
here that calls `conv`, `depthwise`, `add` and `hidden`. Padding is TFLite's SAME everywhere: the odd row or column goes
after.
"""

from toolchain.arch.layer import (
    NETWORK_INPUT,
    Activation,
    Add,
    Conv,
    Dense,
    Depthwise,
    GlobalAveragePool,
    Layer,
    MapShape,
)
from toolchain.graph.ops import Padding, Pair
from toolchain.graph.shapes import conv_extent, same_padding


class Builder:
    """Appends layers; each one reads the last one's output, or that of the layer that `back_to` names."""

    def __init__(self, frames: int, coefficients: int, channels: int = 1) -> None:
        """The network's input is a map [frames, coefficients, channels]; sound has one channel, a picture three."""
        self._layers: list[Layer] = []
        self._last = NETWORK_INPUT
        self._shapes = {NETWORK_INPUT: MapShape(frames, coefficients, channels)}

    @property
    def layers(self) -> tuple[Layer, ...]:
        """What has been built, in an order that can run."""
        return tuple(self._layers)

    @property
    def last(self) -> str:
        """Name of the layer that the next one will read."""
        return self._last

    @property
    def shape(self) -> MapShape:
        """Shape of what the next layer will read."""
        return self._shapes[self._last]

    def back_to(self, name: str) -> None:
        """Let the next layer read the earlier layer `name` instead of the last one: a branch begins."""
        self._last = name

    def _append(self, layer: Layer) -> None:
        self._layers.append(layer)
        self._last = layer.name
        self._shapes[layer.name] = layer.output_shape

    def _window(
        self, kind: type[Conv | Depthwise], name: str, channels: int, activation: Activation, kernel: Pair, stride: Pair
    ) -> None:
        top, bottom = same_padding(self.shape.h, kernel.h, stride.h)
        left, right = same_padding(self.shape.w, kernel.w, stride.w)
        rows = conv_extent(self.shape.h, top, bottom, kernel.h, stride.h)
        columns = conv_extent(self.shape.w, left, right, kernel.w, stride.w)
        self._append(
            kind(
                name=name,
                input=self.last,
                input_shape=self.shape,
                output_shape=MapShape(rows, columns, channels),
                kernel=kernel,
                stride=stride,
                padding=Padding(top, bottom, left, right),
                batch_norm=True,
                activation=activation,
            )
        )

    def conv(
        self, name: str, channels: int, activation: Activation, kernel: Pair = Pair(), stride: Pair = Pair()
    ) -> None:
        """Convolution, batch norm, activation."""
        self._window(Conv, name, channels, activation, kernel, stride)

    def depthwise(self, name: str, activation: Activation, kernel: Pair, stride: Pair = Pair()) -> None:
        """Depthwise convolution, batch norm, activation."""
        self._window(Depthwise, name, self.shape.c, activation, kernel, stride)

    def add(self, name: str, other: str, activation: Activation = Activation.NONE) -> None:
        """Sum with the earlier layer `other`, whose shape must be the current one."""
        self._append(
            Add(
                name=name,
                input=self.last,
                other=other,
                input_shape=self.shape,
                output_shape=self.shape,
                activation=activation,
            )
        )

    def classifier(self, classes: int) -> None:
        """Global average pooling and the dense layer that gives one logit a class."""
        pooled = MapShape(1, 1, self.shape.c)
        self._append(GlobalAveragePool(name="pool", input=self.last, input_shape=self.shape, output_shape=pooled))
        self.dense("classifier", classes)

    def dense(self, name: str, outputs: int) -> None:
        """Dense layer with bias over the whole map: what gives logits."""
        self._append(Dense(name=name, input=self.last, input_shape=self.shape, output_shape=MapShape(1, 1, outputs)))

    def hidden(self, name: str, outputs: int, activation: Activation) -> None:
        """Dense layer over the whole map, batch norm, activation."""
        self._append(
            Dense(
                name=name,
                input=self.last,
                input_shape=self.shape,
                output_shape=MapShape(1, 1, outputs),
                batch_norm=True,
                activation=activation,
            )
        )


def separable(build: Builder, name: str, channels: int, kernel: Pair, stride: Pair, activation: Activation) -> None:
    """Depthwise-separable block: depthwise, then 1x1, each with batch norm and activation (Hello Edge, 1711.07128)."""
    build.depthwise(f"{name}_depthwise", activation, kernel, stride)
    build.conv(f"{name}_pointwise", channels, activation)


def inverted_bottleneck(
    build: Builder, name: str, channels: int, expansion: int, kernel: Pair, stride: Pair, activation: Activation
) -> None:
    """MBC block: 1x1 expand (left out at expansion 1), depthwise, 1x1 project without activation.

    The input is added to the output where stride and channels allow it (MobileNetV2, 1801.04381, section 3.3).
    """
    source, before = build.last, build.shape
    if expansion > 1:
        build.conv(f"{name}_expand", before.c * expansion, activation)
    build.depthwise(f"{name}_depthwise", activation, kernel, stride)
    build.conv(f"{name}_project", channels, Activation.NONE)
    if stride == Pair() and channels == before.c:
        build.add(f"{name}_add", source)
