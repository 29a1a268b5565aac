# SPDX-License-Identifier: Apache-2.0
"""FrontEndStream: the device's front end in its streaming form, on this machine, fed any number of samples at a time.

The rows come from firmware_templates/frontend/frontend_stream.c itself, compiled for the host, so they are the board's
bytes by construction. Row r is complete when `samples_before(r)` samples have been heard:

    |<-- ring: whole hops that hold one window -->|
    [window of row 0                ]             ^ row 0 is there
        [window of row 1                ]             ^ row 1, one hop later
"""

import ctypes

import numpy as np
from numpy.typing import NDArray

from toolchain.errors import DataError
from toolchain.frontend.build import load_library
from toolchain.frontend.normalisation import Normalisation
from toolchain.frontend.spec import FeatureSpec


def samples_before(spec: FeatureSpec, row: int) -> int:
    """Samples since the start that a stream has heard when row 0, 1, 2 ... comes out."""
    ring_hops = -(-spec.window_samples // spec.hop_samples)
    return (ring_hops + row) * spec.hop_samples


class FrontEndStream:
    """One stream. Streams of equal spec and normalisation share their scratch: use them from one thread."""

    def __init__(self, spec: FeatureSpec, normalisation: Normalisation) -> None:
        """Raises as load_library does: SubbyteError where the two do not fit, ToolError without a C compiler."""
        self.spec = spec
        library = load_library(spec, normalisation)
        self._push = library.frontend_host_stream
        self._push.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p]
        self._push.restype = ctypes.c_int64
        self._state = np.empty(int(library.frontend_host_stream_bytes()) // 4 + 1, np.int32)
        library.frontend_host_stream_start(ctypes.c_void_p(self._state.ctypes.data))
        self._left = np.empty(0, np.int16)  # samples of a hop that is not complete

    def push(self, audio: NDArray[np.int16]) -> NDArray[np.int8]:
        """Hear more. audio: int16 [n], any n; returns the rows that became complete, int8 [rows, F].

        Raises DataError for another type or shape.
        """
        if audio.dtype != np.int16 or audio.ndim != 1:
            raise DataError(f"a stream is int16 [n], not {audio.dtype} {list(audio.shape)}")
        heard = np.concatenate([self._left, audio])
        hops = len(heard) // self.spec.hop_samples
        rows = np.empty((hops, self.spec.n_features), np.int8)
        n = self._push(self._state.ctypes.data, heard.ctypes.data, hops, rows.ctypes.data)
        self._left = heard[hops * self.spec.hop_samples :].copy()
        return rows[:n]
