# SPDX-License-Identifier: Apache-2.0
"""Int8 features for each epoch, computed by the device's own C front end on freshly augmented audio.

    FeatureSource   one corpus under one spec and seed: what any run of these trains, validates and tests on
    StreamSource    the same, trained on windows of a stream (windows.py) instead of clips
    Feed            the epochs of one run in turn
    Feeds           the sources of runs that follow each other

The next epoch's features are made in one background thread while the current epoch trains; C and torch both let the
interpreter go. A clip's augmentation follows from (seed, epoch, index), so neither threads nor a resumption change it.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from types import TracebackType
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from toolchain.data.augment import Augmenter
from toolchain.data.background import NOISE_RULE
from toolchain.data.corpus import Corpus, Split, load_corpus
from toolchain.data.layout import Partition
from toolchain.data.words import Words, load_words
from toolchain.errors import ModelError
from toolchain.frontend import FeatureSpec, Frontend, Normalisation
from toolchain.nets.config import TrainConfig
from toolchain.nets.stages import Labelled
from toolchain.nets.teacher import Said
from toolchain.nets.windows import Windows, windows_of
from toolchain.progress import Progress

_CLIPS_PER_CHUNK = 512
# Hours of stream to validate on, of those of training; windows of it, of the number of validation clips.
_VALIDATED_SHARE, _VALIDATED_WINDOWS = 1 / 8, 2

# Features int8 [N, T, F] and classes int64 [N].
Epoch = tuple[NDArray[np.int8], NDArray[np.int64]]


class FeatureSource:
    """Features of one corpus under one spec; what one run has made of it another may use.

    device: where features are put (int8: a few MB an epoch). Raises DataError or SubbyteError where corpus and spec do
    not fit each other.
    """

    def __init__(self, corpus: Corpus, spec: FeatureSpec, seed: int, device: torch.device) -> None:
        self.spec = spec
        self.labels = corpus.labels
        self.normalisation = measure_normalisation(corpus.train, spec)
        self._corpus = corpus
        self._frontend = Frontend(spec, self.normalisation)
        self._augmenter = Augmenter(corpus.noise, seed)
        self._device = device
        self.validation = self._plain(corpus.validation)
        self.test = self._plain(corpus.test)
        self._kept: dict[int, NDArray[np.int8]] = {}
        self.said = Said()

    @property
    def n_train(self) -> int:
        """Training clips."""
        return len(self._corpus.train.y)

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

    def epoch(self, epoch: int, *, keep: bool, stopped: Callable[[], bool]) -> Epoch:
        """Augmented training features. keep: until the source goes. stopped: asked now and then; once it says so, what
        is left is garbage and not kept.
        """
        labels = self._corpus.train.y
        if epoch in self._kept:
            return self._kept[epoch], labels
        x = self._corpus.train.x
        features = np.empty((len(x), *self.spec.shape), np.int8)
        for start in range(0, len(x), _CLIPS_PER_CHUNK):
            if stopped():
                return features, labels
            rows = np.arange(start, min(start + _CLIPS_PER_CHUNK, len(x)))
            features[rows] = self._frontend.features(self._augmenter.batch(x[rows], rows, epoch), threads=1)
        if keep:
            self._kept[epoch] = features
        return features, labels

    def labelled(self, epoch: Epoch) -> Labelled:
        """An epoch on the device."""
        return Labelled.from_numpy(*epoch, self._device)

    def _plain(self, split: Split) -> Labelled:
        return self.labelled((self._frontend.features(split.x), split.y))


class StreamSource(FeatureSource):
    """The same corpus, its training and its validation part as windows of streams; the test part stays clips.

    words: of those two parts. hours: of training stream; validation has an eighth of it, as it has of the speakers.
    What is said when follows from the corpus' seed, which windows make an epoch from `seed`; those of validation are
    the same for all seeds.
    """

    def __init__(
        self,
        corpus: Corpus,
        words: Mapping[Partition, Words],
        spec: FeatureSpec,
        seed: int,
        device: torch.device,
        *,
        hours: float,
        progress: Progress,
    ) -> None:
        super().__init__(corpus, spec, seed, device)
        self._seed = seed

        def windows(part: Partition, hours: float) -> Windows:
            return windows_of(
                words[part], corpus.labels, spec, self.normalisation, hours, seed=corpus.seed, progress=progress
            )

        self._windows = windows(Partition.TRAIN, hours)
        n_validation = _VALIDATED_WINDOWS * len(corpus.validation.y)
        validation = windows(Partition.VALIDATION, hours * _VALIDATED_SHARE)
        self.validation = self.labelled(validation.drawn(corpus.seed, 0, n_validation))

    def epoch(self, epoch: int, *, keep: bool, stopped: Callable[[], bool]) -> Epoch:
        """As many windows as there are training clips. They are cut out in no time: none is kept."""
        return self._windows.drawn(self._seed, epoch, self.n_train)


class Feed:
    """The epochs of one run; `with` ends the background thread.

    epochs: how many will be asked for, so that none is made in vain. keep: leave them in the source for runs to come,
    and what a teacher said of them.
    """

    def __init__(self, source: FeatureSource, epochs: int, *, keep: bool = False) -> None:
        self.source = source
        self._epochs = epochs
        self._keep = keep
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="features")
        self._ahead: tuple[int, Future[Epoch]] | None = None
        self._closing = Event()

    @property
    def said(self) -> Said | None:
        """What teachers said before; None where it is not kept."""
        return self.source.said if self._keep else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def train(self, epoch: int) -> Labelled:
        """Augmented training features of an epoch; those of the next one are begun."""
        future = self._ahead[1] if self._ahead and self._ahead[0] == epoch else self._begun(epoch)
        made = future.result()
        self._ahead = (epoch + 1, self._begun(epoch + 1)) if epoch + 1 < self._epochs else None
        return self.source.labelled(made)

    def _begun(self, epoch: int) -> Future[Epoch]:
        return self._pool.submit(self.source.epoch, epoch, keep=self._keep, stopped=self._closing.is_set)


class Feeds:
    """Sources for runs one after the other: who asks for the data, features and seed of the run before gets its source.

    keep: the epochs that runs train which go on from another's float epochs (`TrainConfig.start`) stay in memory, some
    10 MB each, for the next that does.
    """

    def __init__(self, *, keep: bool = False) -> None:
        self._keep = keep
        self._last: tuple[tuple[Any, ...], FeatureSource] | None = None

    def feed(self, config: TrainConfig, device: torch.device, progress: Progress) -> Feed:
        """For one run. Raises ModelError where the corpus has not the network's classes; as FeatureSource."""
        hours = config.stream_hours
        key = (config.data.resolve(), config.data_seed, config.feature_spec, config.seed, hours, device)
        if self._last is None or self._last[0] != key:
            self._last = None
            self._last = (key, source_of(config, device, progress))
        return Feed(self._last[1], config.total_epochs, keep=self._keep and config.start is not None)


def source_of(config: TrainConfig, device: torch.device, progress: Progress) -> FeatureSource:
    """What the configuration trains on: clips, or windows of a stream. Raises as Feeds.feed does."""
    corpus = load_corpus(config.data, seed=config.data_seed, progress=progress)
    _check_classes(config, corpus)
    spec, hours = config.feature_spec, config.stream_hours
    if not hours:
        return FeatureSource(corpus, spec, config.seed, device)
    words = {part: load_words(config.data, part) for part in (Partition.TRAIN, Partition.VALIDATION)}
    return StreamSource(corpus, words, spec, config.seed, device, hours=hours, progress=progress)


def _check_classes(config: TrainConfig, corpus: Corpus) -> None:
    if config.arch.classes != len(corpus.labels):
        raise ModelError(
            f"architecture {config.arch.name} has {config.arch.classes} classes, the corpus has "
            f"{len(corpus.labels)}: {', '.join(corpus.labels)}"
        )


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
