# SPDX-License-Identifier: Apache-2.0
"""The same stream through a firmware on an emulated board: features and outputs, byte for byte against this machine's.

The firmware hears hop by hop, by frontend_stream.c, and runs the network on the newest rows at every decision. Where
every byte of every output is the same, so is every detection at every threshold.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toolchain.data.streams.stream import Stream
from toolchain.detect.hearing import Heard, rows_per_decision
from toolchain.detect.listener import Listener
from toolchain.device.emulated import EmulatedModel
from toolchain.frontend.streaming import FrontEndStream


@dataclass(frozen=True)
class BoardDifference:
    """A board's bytes against this machine's, over all decisions."""

    decisions: int
    feature_bytes: int
    features_differing: int
    output_bytes: int
    outputs_differing: int

    @property
    def ok(self) -> bool:
        """Whether not a byte differs."""
        return not (self.features_differing or self.outputs_differing)


def against_board(stream: Stream, heard: Heard, model: EmulatedModel, hop_ms: int) -> BoardDifference:
    """Let the board hear all of the stream at once; meant for minutes. Raises as EmulatedModel.run_stream does."""
    audio = np.concatenate(list(stream.scenes()))
    step = rows_per_decision(heard.listener.spec, hop_ms)
    features, outputs = model.run_stream(audio, step, len(heard.outputs))
    windows = _windows(heard.listener, audio, step)
    here = heard.outputs
    return BoardDifference(
        decisions=len(here),
        feature_bytes=windows.size,
        features_differing=_differing(features, windows),
        output_bytes=here.size,
        outputs_differing=_differing(outputs, here),
    )


def _windows(listener: Listener, audio: NDArray[np.int16], step: int) -> NDArray[np.int8]:
    """What this machine gives the network, int8 [N, T, F], computed in one piece."""
    rows = FrontEndStream(listener.spec, listener.normalisation).push(audio)
    n_frames = listener.spec.n_frames
    starts = range(0, len(rows) - n_frames + 1, step)
    return np.stack([rows[start : start + n_frames] for start in starts])


def _differing(there: NDArray[np.int8], here: NDArray[np.int8]) -> int:
    return int(np.count_nonzero(there.reshape(here.shape) != here))
