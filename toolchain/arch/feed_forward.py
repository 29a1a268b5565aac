# SPDX-License-Identifier: Apache-2.0
"""The feed-forward family: dense layers with batch norm and ReLU over a window of log-mel frames. It keeps no state.

    hop  ...  t-48 ..................... t      the stream's last 49 frames (0.98 s heard, 20 ms a hop)
              [     20 bands each      ]
                        |  flattened: 980 values, as they lie in memory
              dense1 (batch norm, ReLU) .. dense<n>, classifier
                        |
              one decision a hop

All context lies in the input window, so a decision depends on the last second alone: nothing has to be reset, no
error can linger, and a window cut from anywhere is classified as the same window in a stream is. Such is the network
of Zeng et al. (arXiv 2207.06920: feed-forward, streaming, state-free, 250 k parameters); its layers, bands and window
are not published, so those of `stream_250k` are ours:

    49 frames x 20 bands   a word fits into a second; three quarters of all weights are then the first layer's, with 40
                           bands it would be nine tenths; no frame is skipped, so the window moves by one row a hop
    192, 128, 128, 128     multiples of 64, so that rows of hidden weights are whole words at every width, 1 bit too
"""

from dataclasses import dataclass
from typing import ClassVar

from toolchain.arch.build import Builder
from toolchain.arch.layer import Activation, Layer
from toolchain.arch.spec import MAX_BLOCKS, MAX_CHANNELS, ArchSpec, BatchNorm, Initialiser
from toolchain.errors import ModelError


@dataclass(frozen=True, kw_only=True)
class FeedForward(ArchSpec):
    """widths: outputs of each hidden layer."""

    family: ClassVar[str] = "feed_forward"
    # Ours: Glorot's bound suits what batch norm follows; the momentum is torch's usual one, the epsilon as elsewhere.
    initialiser: ClassVar[Initialiser] = Initialiser.XAVIER_UNIFORM
    batch_norm: ClassVar[BatchNorm] = BatchNorm(momentum=0.1, epsilon=1e-3)
    usual_features: ClassVar[str] = "log_mel"

    widths: tuple[int, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= len(self.widths) <= MAX_BLOCKS:
            raise ModelError(f"architecture {self.name}: {len(self.widths)} widths, must be 1..{MAX_BLOCKS}")
        for index, width in enumerate(self.widths, 1):
            self.check(f"widths[{index}]", width, 1, MAX_CHANNELS)

    def layers(self) -> tuple[Layer, ...]:
        """dense<i> with batch norm and ReLU, classifier."""
        build = Builder(self.frames, self.coefficients)
        for index, width in enumerate(self.widths, 1):
            build.hidden(f"dense{index}", width, Activation.RELU)
        build.dense("classifier", self.classes)
        return build.layers
