# SPDX-License-Identifier: Apache-2.0
"""Window: where the kernel of a convolution or a pool stands, out of ONNX's attributes.

ONNX lists an attribute per spatial axis: `pads` all starts and then all ends. One spatial axis becomes H, with W = 1.
Source: ONNX operator specification, Conv and AveragePool; the rule for the last window under ceil_mode as in
ONNX Runtime's and PyTorch's pooling: it must start inside the input or the padding before it.
"""

from dataclasses import dataclass, replace

from toolchain.errors import ModelError
from toolchain.graph.onnx_in.node import Node
from toolchain.graph.ops import Padding, Pair
from toolchain.graph.shapes import conv_extent, same_padding

# As in graph/check.py; also keeps hostile products small before that check runs.
MAX_EXTENT = 1 << 20


@dataclass(frozen=True)
class Window:
    """Kernel size, steps and borders of one operator."""

    kernel: Pair
    stride: Pair
    dilation: Pair
    padding: Padding

    @staticmethod
    def of(node: Node, image: tuple[int, int, int, int], kernel: tuple[int, ...]) -> "Window":
        """The window of `node` over an input [1, H, W, C]. kernel: one size per spatial axis.

        Raises ModelError for attributes that do not fit, or that no Graph operator has.
        """
        spatial = len(kernel)
        size = _pair(node, "kernel_shape", list(kernel), spatial)
        stride = _pair(node, "strides", node.integers("strides"), spatial)
        dilation = _pair(node, "dilations", node.integers("dilations"), spatial)
        window = Window(size, stride, dilation, Padding())
        return replace(window, padding=window._padding(node, image, spatial))

    def output(self, node: Node, image: tuple[int, int, int, int]) -> tuple[int, int]:
        """Positions along H and W. Raises ModelError where the window does not fit at all."""
        _, height, width, _ = image
        pads = self.padding
        rows = conv_extent(height, pads.top, pads.bottom, self.kernel.h, self.stride.h, self.dilation.h)
        columns = conv_extent(width, pads.left, pads.right, self.kernel.w, self.stride.w, self.dilation.w)
        if rows < 1 or columns < 1:
            raise ModelError(
                f"{node}: a {self.kernel.h}x{self.kernel.w} window does not fit an input of {height}x{width} "
                f"with padding {tuple(pads)}"
            )
        return rows, columns

    def with_ceiling(self, image: tuple[int, int, int, int]) -> "Window":
        """The same under ceil_mode: the borders behind are what the last, partly empty windows need."""
        _, height, width, _ = image
        p = self.padding
        bottom = _ceiled(height, p.top, p.bottom, self.kernel.h, self.stride.h)
        right = _ceiled(width, p.left, p.right, self.kernel.w, self.stride.w)
        return replace(self, padding=Padding(p.top, bottom, p.left, right))

    def _padding(self, node: Node, image: tuple[int, int, int, int], spatial: int) -> Padding:
        mode = node.text("auto_pad", "NOTSET")
        if mode == "VALID":
            return Padding()
        if mode in ("SAME_UPPER", "SAME_LOWER"):
            rows = same_padding(image[1], self.kernel.h, self.stride.h, self.dilation.h)
            columns = same_padding(image[2], self.kernel.w, self.stride.w, self.dilation.w)
            if mode == "SAME_LOWER":
                rows, columns = rows[::-1], columns[::-1]
            return Padding(*rows, *columns)
        if mode != "NOTSET":
            raise ModelError(f"{node}: auto_pad {mode} is not known")
        pads = node.integers("pads") or [0] * (2 * spatial)
        if len(pads) != 2 * spatial or not all(0 <= pad <= MAX_EXTENT for pad in pads):
            raise ModelError(f"{node}: pads {pads} must be {2 * spatial} sizes, none negative")
        starts, ends = pads[:spatial], pads[spatial:]
        if spatial == 1:
            return Padding(top=starts[0], bottom=ends[0])
        return Padding(starts[0], ends[0], starts[1], ends[1])


def _pair(node: Node, name: str, values: list[int] | None, spatial: int) -> Pair:
    if values is None:
        return Pair()
    if len(values) != spatial or not all(1 <= value <= MAX_EXTENT for value in values):
        raise ModelError(f"{node}: {name} {values} must be {spatial} sizes of at least 1")
    return Pair(*values)


def _ceiled(size: int, before: int, after: int, kernel: int, stride: int) -> int:
    positions = -(-(size + before + after - kernel) // stride) + 1
    if (positions - 1) * stride >= size + before:
        positions -= 1
    return max((positions - 1) * stride + kernel - size - before, 0)
