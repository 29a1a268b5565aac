# SPDX-License-Identifier: Apache-2.0
"""Frontend: the device's C code, called on the host for whole batches. The source of every training feature."""

import ctypes
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from toolchain.errors import SubbyteError
from toolchain.frontend.build import load_library
from toolchain.frontend.normalisation import Normalisation
from toolchain.frontend.numpy_frontend import check_audio
from toolchain.frontend.spec import FeatureSpec
from toolchain.frontend.tables import make_tables

CLIPS_PER_CALL = 64  # a few milliseconds of work: enough to hide a thread's start, small enough to share evenly


class Frontend:
    """One spec, compiled. Calls may come from several threads at once.

    Raises SubbyteError where spec and normalisation do not fit each other, ToolError without a C compiler.
    """

    def __init__(self, spec: FeatureSpec, normalisation: Normalisation | None = None) -> None:
        self.spec = spec
        self.normalisation = normalisation
        self.fraction_bits = make_tables(spec).fraction_bits
        self._library = load_library(spec, normalisation or Normalisation.identity(spec.n_features))
        self._scratch_bytes = int(self._library.frontend_host_scratch_bytes())
        for name in ("frontend_host_raw", "frontend_host_features"):
            function = getattr(self._library, name)
            function.argtypes = [ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p]
            function.restype = None

    def raw(self, audio: NDArray[np.int16], *, threads: int | None = None) -> NDArray[np.int16]:
        """Raw features, `fraction_bits` fraction bits of the spec's log unit.

        audio: int16 [N, clip_samples]; returns int16 [N, T, F]. threads: None for one per core.
        Raises DataError where the audio has another type or shape.
        """
        check_audio(self.spec, audio)
        raw = np.empty((len(audio), *self.spec.shape), np.int16)
        self._run(self._library.frontend_host_raw, audio, raw, threads)
        return raw

    def features(self, audio: NDArray[np.int16], *, threads: int | None = None) -> NDArray[np.int8]:
        """The network's input, scale 1/32, zero point 0.

        audio: int16 [N, clip_samples]; returns int8 [N, T, F]. threads: None for one per core.
        Raises DataError where the audio has another type or shape, SubbyteError without a normalisation.
        """
        if self.normalisation is None:
            raise SubbyteError(
                "this front end has no normalisation yet: take it from training statistics "
                "(Normalisation.from_statistics) before asking for int8 features"
            )
        check_audio(self.spec, audio)
        features = np.empty((len(audio), *self.spec.shape), np.int8)
        self._run(self._library.frontend_host_features, audio, features, threads)
        return features

    def _run(
        self,
        function: Callable[..., None],
        audio: NDArray[np.int16],
        out: NDArray[np.int16] | NDArray[np.int8],
        threads: int | None,
    ) -> None:
        if threads is not None and threads < 1:
            raise SubbyteError(f"threads {threads}: at least one is needed")
        audio = np.ascontiguousarray(audio)
        starts = range(0, len(audio), CLIPS_PER_CALL)

        def work(start: int) -> None:
            count = min(CLIPS_PER_CALL, len(audio) - start)
            scratch = np.empty(self._scratch_bytes // 4 + 1, np.int32)  # this thread's own
            function(audio[start:].ctypes.data, count, out[start:].ctypes.data, scratch.ctypes.data)

        workers = min(threads or len(os.sched_getaffinity(0)), len(starts))
        if workers <= 1:
            for start in starts:
                work(start)
            return
        with ThreadPoolExecutor(workers) as pool:  # ctypes lets the interpreter go while C runs
            for _ in pool.map(work, starts):
                pass
