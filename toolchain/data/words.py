# SPDX-License-Identifier: Apache-2.0
"""Words: every spoken clip of one partition under its own word, and the background that goes with it.

A Split draws some of the other words and calls them all `unknown`; a stream of hours wants all of them.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from toolchain.data.background import evaluation_part, training_part
from toolchain.data.decoding import use_decoded
from toolchain.data.layout import CLIP_SAMPLES, Partition
from toolchain.data.listing import list_corpus
from toolchain.data.store import Store
from toolchain.errors import DataError
from toolchain.progress import Progress, silent


@dataclass(frozen=True, eq=False)
class Words:
    """x: int16 [N, CLIP_SAMPLES], in the order of `paths`. words, paths: one a clip, paths sorted.

    noise: int16 recordings of any length, none empty: of each the part for training or that kept for evaluation.
    """

    x: NDArray[np.int16]
    words: tuple[str, ...]
    paths: tuple[str, ...]
    noise: tuple[NDArray[np.int16], ...]


def load_words(folder: Path, partition: Partition, *, cache: Path | None = None, progress: Progress = silent) -> Words:
    """All clips of a partition. Raises DataError where there is none, and as load_corpus does."""
    listing = list_corpus(folder)
    rows = [row for row, clip in enumerate(listing.clips) if clip.partition is partition]
    if not rows:
        raise DataError(
            f"{folder}: no clip falls into the {partition} partition; a corpus needs some dozens of speakers"
        )

    def taken(store: Store) -> Words:
        x = np.empty((len(rows), CLIP_SAMPLES), np.int16)
        store.take(rows, x, range(len(rows)))
        clips = [listing.clips[row] for row in rows]
        part_of = training_part if partition is Partition.TRAIN else evaluation_part
        noise = tuple(part for samples in store.noise() if len(part := part_of(samples)))
        return Words(x, tuple(clip.word for clip in clips), tuple(clip.path for clip in clips), noise)

    return use_decoded(listing, taken, cache=cache, progress=progress)
