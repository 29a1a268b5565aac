# SPDX-License-Identifier: Apache-2.0
"""Feed: int8 features for each epoch, computed by the device's own C front end on freshly augmented audio.

The next epoch's features are made in one background thread while the current epoch trains; C and torch both let the
interpreter go. A clip's augmentation follows from (seed, epoch, index), so neither threads nor a resumption change it.
"""

from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from types import TracebackType
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from toolchain.data.augment import Augmenter
from toolchain.data.background import NOISE_RULE
from toolchain.data.corpus import Corpus, Split
from toolchain.frontend import FeatureSpec, Frontend, Normalisation
from toolchain.nets.stages import Labelled

_CLIPS_PER_CHUNK = 512


class Feed:
    """Features of one corpus under one spec; `with` ends the background thread.

    epochs: how many will be asked for, so that none is made in vain. device: where an epoch's features are put (int8:
    a few MB). Raises DataError or SubbyteError where corpus and spec do not fit each other.
    """

    def __init__(self, corpus: Corpus, spec: FeatureSpec, seed: int, epochs: int, device: torch.device) -> None:
        self.spec = spec
        self.labels = corpus.labels
        self.normalisation = measure_normalisation(corpus.train, spec)
        self._corpus = corpus
        self._frontend = Frontend(spec, self.normalisation)
        self._augmenter = Augmenter(corpus.noise, seed)
        self._epochs = epochs
        self._device = device
        self.validation = self._plain(corpus.validation)
        self.test = self._plain(corpus.test)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="features")
        self._ahead: tuple[int, Future[NDArray[np.int8]]] | None = None
        self._closing = Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    @property
    def n_train(self) -> int:
        """Training clips."""
        return len(self._corpus.train.y)

    def train(self, epoch: int) -> Labelled:
        """Augmented training features of an epoch; those of the next one are begun."""
        future = (
            self._ahead[1] if self._ahead and self._ahead[0] == epoch else self._pool.submit(self._augmented, epoch)
        )
        features = future.result()
        self._ahead = None
        if epoch + 1 < self._epochs:
            self._ahead = (epoch + 1, self._pool.submit(self._augmented, epoch + 1))
        return Labelled.from_numpy(features, self._corpus.train.y, self._device)

    def describe(self) -> dict[str, Any]:
        """Hash, size of each part, and what its accuracies may be compared with, for run.json."""
        corpus = self._corpus
        parts = {"train": corpus.train, "validation": corpus.validation, "test": corpus.test}
        return {
            "sha256": corpus.sha256,
            "clips": {name: len(part.y) for name, part in parts.items()},
            "comparability": corpus.comparability,
            "noise": NOISE_RULE,
        }

    def _augmented(self, epoch: int) -> NDArray[np.int8]:
        x = self._corpus.train.x
        features = np.empty((len(x), *self.spec.shape), np.int8)
        for start in range(0, len(x), _CLIPS_PER_CHUNK):
            if self._closing.is_set():  # interrupted: nobody waits for these
                break
            rows = np.arange(start, min(start + _CLIPS_PER_CHUNK, len(x)))
            features[rows] = self._frontend.features(self._augmenter.batch(x[rows], rows, epoch), threads=1)
        return features

    def _plain(self, split: Split) -> Labelled:
        return Labelled.from_numpy(self._frontend.features(split.x), split.y, self._device)


def measure_normalisation(train: Split, spec: FeatureSpec) -> Normalisation:
    """Mean and deviation of each raw feature over the training clips as recorded, digital silence left out.

    Sums are taken in integers, so the result does not depend on their order. Raises SubbyteError where a feature never
    changes.
    """
    frontend = Frontend(spec)
    total = np.zeros(spec.n_features, np.int64)
    squares = np.zeros(spec.n_features, np.int64)
    frames = 0
    for start in range(0, len(train.x), _CLIPS_PER_CHUNK):
        clips = train.x[start : start + _CLIPS_PER_CHUNK]
        clips = clips[clips.any(axis=1)]
        raw = frontend.raw(clips).astype(np.int64)
        total += raw.sum((0, 1))
        squares += (raw * raw).sum((0, 1))
        frames += raw.shape[0] * raw.shape[1]
    if frames == 0:
        return Normalisation.from_statistics(total, squares)
    mean = total / frames
    return Normalisation.from_statistics(mean, np.sqrt(np.maximum(squares / frames - mean**2, 0)))
