# SPDX-License-Identifier: Apache-2.0
"""The Speech Commands layout: words, classes, folder names, and the official rule that splits by speaker.

    corpus/
      yes/0a7c2a8d_nohash_0.wav      <word>/<speaker>_nohash_<take>.<ext>
      _background_noise_/hum.wav     long recordings, mixed into training clips only

Which partition a clip belongs to depends on its speaker alone, so no voice is both trained on and tested with, and a
clip never changes sides when files are added.
"""

import hashlib
import os
from enum import StrEnum

SAMPLE_RATE_HZ = 16000
CLIP_SAMPLES = 16000  # one second

# Order of the classes. Source: research/papers.md section 1.1 (Peter et al., arXiv 2012.10138, their published code).
KEYWORDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
SILENCE = "silence"
UNKNOWN = "unknown"

# The other words of version 0.01. Source: README.md of speech_commands_v0.01.tar.gz.
OTHER_WORDS = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    *("bed", "bird", "cat", "dog", "happy", "house", "marvin", "sheila", "tree", "wow"),
)

NOISE_FOLDER = "_background_noise_"
SILENCE_PATH = "_silence_"  # stands in Split.paths where a clip has no file
EXTENSIONS = (".wav", ".flac", ".ogg", ".oga", ".opus")

_SPEAKER_END = "_nohash_"
_VALIDATION_PERCENT = 10.0
_TEST_PERCENT = 10.0
_HASH_RANGE = 2**27  # the official MAX_NUM_WAVS_PER_CLASS + 1


class Partition(StrEnum):
    """The three parts of a corpus; the values are what reports print."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


def class_labels(keywords: tuple[str, ...] = KEYWORDS) -> tuple[str, ...]:
    """Names of the classes in order: the keywords, then silence, then unknown.

    >>> class_labels(("yes", "no"))
    ('yes', 'no', 'silence', 'unknown')
    """
    return (*keywords, SILENCE, UNKNOWN)


def speaker_of(file_name: str) -> str:
    """Speaker of a file: its name up to the first `_nohash_`; without one the whole name, extension and all.

    >>> speaker_of("0a7c2a8d_nohash_3.wav"), speaker_of("mine.wav")
    ('0a7c2a8d', 'mine.wav')
    """
    return file_name.split(_SPEAKER_END, 1)[0]


def partition_of(file_name: str) -> Partition:
    """Partition of a file, by the SHA-1 of its speaker: 10 % validation, 10 % test.

    The floating-point expression is the official one, operand for operand, so that borderline hashes fall on its side.
    Source: `which_set` in tensorflow/examples/speech_commands/input_data.py, also printed in the corpus's README.md.

    >>> partition_of("0a7c2a8d_nohash_3.wav") is partition_of("0a7c2a8d_nohash_0.opus")
    True
    """
    digest = hashlib.sha1(os.fsencode(speaker_of(file_name)), usedforsecurity=False).hexdigest()
    percent = (int(digest, 16) % _HASH_RANGE) * (100.0 / (_HASH_RANGE - 1))
    if percent < _VALIDATION_PERCENT:
        return Partition.VALIDATION
    return Partition.TEST if percent < _TEST_PERCENT + _VALIDATION_PERCENT else Partition.TRAIN
