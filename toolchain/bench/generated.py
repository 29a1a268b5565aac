# SPDX-License-Identifier: Apache-2.0
"""Networks of no one's making: shapes that nobody tunes a kernel to, with the layers of well-known networks.

Odd channel counts (no multiple of 2, 4, 8 or 16), maps that are not square, one to three channels in, strides along
one axis or both, depthwise windows of 3x3, 5x5 and others, residual branches with and without a 1x1 on the way. If a
kernel were fast on the published shapes alone, these networks would show it (likeness.py).
"""

from collections.abc import Callable, Mapping

from toolchain.arch.build import Builder, inverted_bottleneck, separable
from toolchain.arch.layer import Activation, Layer
from toolchain.graph.ops import Pair

_ONE, _TWO, _THREE, _FIVE = Pair(), Pair(2, 2), Pair(3, 3), Pair(5, 5)
_RELU, _RELU6, _NONE = Activation.RELU, Activation.RELU6, Activation.NONE


def _mobile_picture() -> Builder:
    """MobileNet v1 over a small colour picture, channels 15 to 118."""
    build = Builder(46, 42, 3)
    build.conv("stem", 15, _RELU6, _THREE, _TWO)
    widths = (19, 37, 37, 59, 59, 118)
    for index, width in enumerate(widths, 1):
        stride = _TWO if index in (2, 4, 6) else _ONE
        separable(build, f"block{index}", width, _THREE, stride, _RELU6)
    build.classifier(10)
    return build


def _mobile_grey() -> Builder:
    """MobileNet v1 over a grey picture of odd size, strides that differ by axis."""
    build = Builder(33, 51, 1)
    build.conv("stem", 14, _RELU, Pair(7, 5), _TWO)
    separable(build, "block1", 34, _THREE, Pair(1, 2), _RELU)
    separable(build, "block2", 67, _THREE, Pair(2, 1), _RELU)
    separable(build, "block3", 67, _FIVE, _ONE, _RELU)
    separable(build, "block4", 131, _THREE, _TWO, _RELU)
    separable(build, "block5", 131, _THREE, _ONE, _RELU)
    build.classifier(7)
    return build


def _inverted() -> Builder:
    """MobileNet v2 blocks over two channels, expansions 1, 3 and 4, windows 3x3, 5x5 and 7x7."""
    build = Builder(30, 22, 2)
    build.conv("stem", 23, _RELU6, Pair(5, 3), _TWO)
    for index, (channels, expansion, kernel, stride) in enumerate(
        [(19, 1, 3, _ONE), (29, 4, 3, _TWO), (29, 4, 3, _ONE), (45, 3, 5, _ONE), (45, 3, 7, _ONE), (77, 4, 3, _TWO)], 1
    ):
        inverted_bottleneck(build, f"block{index}", channels, expansion, Pair(kernel, kernel), stride, _RELU6)
    build.conv("last", 101, _RELU6)
    build.classifier(5)
    return build


def _sound() -> Builder:
    """Keyword spotting on 61 frames of 13 coefficients, 83 channels, windows of no square."""
    build = Builder(61, 13, 1)
    build.conv("stem", 83, _RELU, Pair(9, 5), _TWO)
    separable(build, "block1", 83, _THREE, _ONE, _RELU)
    separable(build, "block2", 83, Pair(5, 3), _ONE, _RELU)
    separable(build, "block3", 95, _THREE, Pair(2, 1), _RELU)
    separable(build, "block4", 95, _THREE, _ONE, _RELU)
    build.classifier(12)
    return build


def _residual_block(build: Builder, name: str, channels: int, stride: Pair) -> None:
    """Two 3x3 convolutions, and a 1x1 around them where the shape changes (He et al. 1512.03385, option B)."""
    source, shape = build.last, build.shape
    build.conv(f"{name}_conv1", channels, _RELU, _THREE, stride)
    build.conv(f"{name}_conv2", channels, _NONE, _THREE)
    body = build.last
    if (stride, channels) == (_ONE, shape.c):
        build.add(f"{name}_add", source, _RELU)
        return
    build.back_to(source)
    build.conv(f"{name}_shortcut", channels, _NONE, _ONE, stride)
    build.add(f"{name}_add", body, _RELU)


def _residual_picture() -> Builder:
    """ResNet-8's shape with channels 13, 27 and 54 over a colour picture of 30x26."""
    build = Builder(30, 26, 3)
    build.conv("stem", 13, _RELU, _THREE)
    for index, (channels, stride) in enumerate([(13, _ONE), (27, _TWO), (54, _TWO)], 1):
        _residual_block(build, f"block{index}", channels, stride)
    build.classifier(10)
    return build


def _residual_grey() -> Builder:
    """A residual network over one channel: 5x5 at the start, channels 21 and 39, a stride along one axis."""
    build = Builder(25, 37, 1)
    build.conv("stem", 21, _RELU, _FIVE, _TWO)
    _residual_block(build, "block1", 21, _ONE)
    _residual_block(build, "block2", 39, Pair(2, 1))
    _residual_block(build, "block3", 39, _ONE)
    build.conv("last", 71, _RELU)
    build.classifier(6)
    return build


_MAKERS: Mapping[str, Callable[[], Builder]] = {
    "mobile_picture": _mobile_picture,
    "mobile_grey": _mobile_grey,
    "inverted": _inverted,
    "sound": _sound,
    "residual_picture": _residual_picture,
    "residual_grey": _residual_grey,
}

GENERATED: tuple[str, ...] = tuple(_MAKERS)


def generated_layers(name: str) -> tuple[Layer, ...]:
    """The layers of a network of GENERATED.

    >>> [layer.name for layer in generated_layers("sound")][:2]
    ['stem', 'block1_depthwise']
    """
    return _MAKERS[name]().layers


def generated_title(name: str) -> str:
    """What a network of GENERATED is, in one line.

    >>> generated_title("inverted")
    'MobileNet v2 blocks over two channels, expansions 1, 3 and 4, windows 3x3, 5x5 and 7x7'
    """
    return (_MAKERS[name].__doc__ or name).strip().rstrip(".")
