# SPDX-License-Identifier: Apache-2.0
"""Small corpora made on the fly: tones as words, no espeak-ng needed."""

import io
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from toolchain.data.layout import KEYWORDS, Partition, partition_of

# Ten speakers of each partition, found by counting up.
SPEAKERS = {
    part: [name for name in (f"{i:08x}" for i in range(400)) if partition_of(f"{name}_nohash_") is part][:10]
    for part in Partition
}
FORMATS = {".wav": ("WAV", "PCM_16"), ".flac": ("FLAC", "PCM_16"), ".ogg": ("OGG", "VORBIS"), ".opus": ("OGG", "OPUS")}


def tone(hertz: float, n: int = 16000, rate_hz: int = 16000, level: float = 0.3) -> NDArray[np.float64]:
    """A sine, float [n]."""
    return level * np.sin(2 * np.pi * hertz * np.arange(n) / rate_hz)


def encoded(samples: NDArray[np.generic], container: str, subtype: str, rate_hz: int = 16000) -> bytes:
    """An audio file in memory."""
    content = io.BytesIO()
    soundfile.write(content, samples, rate_hz, format=container, subtype=subtype)
    return content.getvalue()


def tone_corpus(folder: Path, *, per_partition: int = 10, others: tuple[str, ...] = ("bed", "cat")) -> Path:
    """Words that are tones, no two alike: `per_partition` clips of each word in each partition, two noises, WAV."""
    for number, word in enumerate(KEYWORDS + others):
        (folder / word).mkdir(parents=True)
        for place, speakers in enumerate(SPEAKERS.values()):
            for take in range(per_partition):
                speaker = speakers[take % len(speakers)]
                hertz = 200 + 100 * number + 7 * take + 2 * place
                content = encoded(tone(hertz), "WAV", "PCM_16")
                (folder / word / f"{speaker}_nohash_{take // len(speakers)}.wav").write_bytes(content)
    (folder / "_background_noise_").mkdir()
    for name, hertz in (("low", 60), ("high", 3000)):
        (folder / "_background_noise_" / f"{name}.wav").write_bytes(encoded(tone(hertz, 40000), "WAV", "PCM_16"))
    return folder
