# SPDX-License-Identifier: Apache-2.0
"""The whole space of Peter, Roth and Pernkopf (arXiv 2012.10138): 12 inverted-bottleneck blocks, 18 * 19^11 networks.

Their map is coefficients x frames; ours is frames x coefficients, so their first convolution of 5x11 with stride
(1,2) is 11x5 with stride (2,1) here. It is the same network transposed.

A documented departure: their strided convolutions pad k//2 on both sides, ours as TFLite's SAME does (one less
before where the total is odd). Output sizes, weights and counts are the same, and TFLite then needs no PAD
operator. Facts: research of the authors' code (kws-master, models/modules), sections 1.3 and 1.4 of papers.md.
"""

import re
from dataclasses import dataclass
from typing import ClassVar

from toolchain.arch.build import Builder, inverted_bottleneck
from toolchain.arch.layer import Activation, Layer
from toolchain.arch.spec import ArchSpec, BatchNorm, Initialiser
from toolchain.errors import ModelError
from toolchain.graph.ops import Pair

N_BLOCKS = 12
WIDTHS = (0.75, 1.0, 1.25)
KERNELS = (3, 5, 7)
EXPANSIONS = (1, 2, 3, 4, 5, 6)
IDENTITY = "id"
# Every choice of one block; block 1 has all but the identity.
CANDIDATES = (*(f"k{k}e{e}" for k in KERNELS for e in EXPANSIONS), IDENTITY)

_BASE_CHANNELS = 72
_BASE_LAST_CHANNELS = 144


def make_divisible(value: float, divisor: int = 8) -> int:
    """Nearest multiple of `divisor` that is not over 10 % below `value` (MobileNet's rule).

    >>> [make_divisible(72 * w) for w in (0.75, 1.0, 1.25)]
    [56, 72, 88]
    >>> [make_divisible(144 * w) for w in (0.75, 1.0, 1.25)]
    [112, 144, 184]
    """
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded


@dataclass(frozen=True, kw_only=True)
class Peter2020(ArchSpec):
    """width: multiplier of all channels. blocks: 12 of `k<kernel>e<expansion>` or `id` (the block is left out)."""

    family: ClassVar[str] = "peter2020"
    initialiser: ClassVar[Initialiser] = Initialiser.HE_FAN_OUT
    batch_norm: ClassVar[BatchNorm] = BatchNorm(momentum=0.1, epsilon=1e-3)
    usual_features: ClassVar[str] = "peter2020"

    frames: int = 51
    width: float = 1.0
    blocks: tuple[str, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width not in WIDTHS:
            raise ModelError(f"architecture {self.name}: width is {self.width}, must be one of {list(WIDTHS)}")
        if len(self.blocks) != N_BLOCKS:
            raise ModelError(f"architecture {self.name}: {len(self.blocks)} blocks, must be {N_BLOCKS}")
        for index, block in enumerate(self.blocks, 1):
            if block not in CANDIDATES:
                raise ModelError(
                    f"architecture {self.name}: block {index} is {block!r}, must be {IDENTITY!r} or "
                    f"k<kernel>e<expansion> with kernel 3, 5 or 7 and expansion 1..6"
                )
        if self.blocks[0] == IDENTITY:
            raise ModelError(f"architecture {self.name}: block 1 has stride 2x2 and cannot be {IDENTITY!r}")

    def layers(self) -> tuple[Layer, ...]:
        """stem; block<i>_expand, _depthwise, _project, _add of each block but identities; last, pool, classifier."""
        channels = make_divisible(_BASE_CHANNELS * self.width)
        build = Builder(self.frames, self.coefficients)
        build.conv("stem", channels, Activation.RELU6, Pair(11, 5), Pair(2, 1))
        for index, block in enumerate(self.blocks, 1):
            if block == IDENTITY:
                continue
            kernel, expansion = (int(digits) for digits in re.findall(r"\d+", block))
            stride = Pair(2, 2) if index == 1 else Pair()
            inverted_bottleneck(
                build, f"block{index}", channels, expansion, Pair(kernel, kernel), stride, Activation.RELU6
            )
        build.conv("last", make_divisible(_BASE_LAST_CHANNELS * self.width), Activation.RELU6)
        build.classifier(self.classes)
        return build.layers
