# SPDX-License-Identifier: Apache-2.0
"""The DS-CNN family of Hello Edge (Zhang et al., arXiv 1711.07128): a convolution, then depthwise-separable blocks.

The S, M and L networks of the paper are built in (networks.toml); a TOML file may have other channels, kernels,
strides and numbers of blocks. Sizes: ML-KWS-for-MCU, train_commands.txt.
"""

from dataclasses import dataclass
from typing import ClassVar

from toolchain.arch.build import Builder, separable
from toolchain.arch.layer import Activation, Layer
from toolchain.arch.spec import (
    MAX_BLOCKS,
    MAX_CHANNELS,
    MAX_KERNEL,
    MAX_STRIDE,
    ArchSpec,
    BatchNorm,
    Initialiser,
)
from toolchain.errors import ModelError
from toolchain.graph.ops import Pair


@dataclass(frozen=True)
class Stage:
    """One convolution or block: output channels, kernel and stride as (time, frequency)."""

    channels: int
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)


@dataclass(frozen=True, kw_only=True)
class DsCnn(ArchSpec):
    """stem: plain convolution. blocks: depthwise-separable, each with ReLU after both of its convolutions."""

    family: ClassVar[str] = "ds_cnn"
    # The paper: Xavier, and slim's batch norm with decay 0.96 (research: ML-KWS-for-MCU models.py).
    initialiser: ClassVar[Initialiser] = Initialiser.XAVIER_UNIFORM
    batch_norm: ClassVar[BatchNorm] = BatchNorm(momentum=0.04, epsilon=1e-3)
    usual_features: ClassVar[str] = "hello_edge"

    stem: Stage
    blocks: tuple[Stage, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.blocks) > MAX_BLOCKS:
            raise ModelError(f"architecture {self.name}: {len(self.blocks)} blocks, at most {MAX_BLOCKS}")
        stages = {"stem": self.stem} | {f"blocks[{i}]": block for i, block in enumerate(self.blocks, 1)}
        for where, stage in stages.items():
            self.check(f"{where}.channels", stage.channels, 1, MAX_CHANNELS)
            for extent in stage.kernel:
                self.check(f"{where}.kernel", extent, 1, MAX_KERNEL)
            for step in stage.stride:
                self.check(f"{where}.stride", step, 1, MAX_STRIDE)

    def layers(self) -> tuple[Layer, ...]:
        """stem, block<i>_depthwise, block<i>_pointwise, pool, classifier."""
        build = Builder(self.frames, self.coefficients)
        stem = self.stem
        build.conv("stem", stem.channels, Activation.RELU, Pair(*stem.kernel), Pair(*stem.stride))
        for index, block in enumerate(self.blocks, 1):
            kernel, stride = Pair(*block.kernel), Pair(*block.stride)
            separable(build, f"block{index}", block.channels, kernel, stride, Activation.RELU)
        build.classifier(self.classes)
        return build.layers
