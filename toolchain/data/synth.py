# SPDX-License-Identifier: Apache-2.0
"""A synthetic corpus in Speech Commands layout: real enough to train on, made in a minute, no download.

    cast       voices.py: as many speakers as clips a word
    clip       a word spoken, trimmed, given its speaker's level and microphone, placed about the middle of one second
    noise      noise.py, a minute of each kind
    record     corpus.json: seed, words, version of espeak-ng, every voice's parameters

The same arguments give the same samples with the same versions of espeak-ng, soxr and numpy: nothing depends on threads
or on the order in which clips are made.
"""

import hashlib
import io
import os
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from toolchain.data.audio import to_int16
from toolchain.data.espeak import espeak_version, speak
from toolchain.data.layout import CLIP_SAMPLES, KEYWORDS, NOISE_FOLDER, OTHER_WORDS, SAMPLE_RATE_HZ, Partition
from toolchain.data.listing import Listing, list_corpus
from toolchain.data.new_folder import is_made, new_folder
from toolchain.data.noise import Samples, background_noise, coloured_noise
from toolchain.data.voices import Voice, cast_voices, share
from toolchain.errors import DataError
from toolchain.progress import Progress, silent

_FORMAT = 1  # counted up when the same arguments give other samples
_FEWEST_CLIPS = 3  # one for each partition
_LONGEST_WORD_S = 0.95
_TRIM_DB = -40.0  # below the word's peak is silence; a margin keeps soft onsets
_MARGIN_S = 0.015
_BABBLE_WORDS = 200
_ATTEMPTS = 4  # to speak a long word fast enough


@dataclass(frozen=True)
class SynthSpec:
    """What to make. Each of `words` is spoken clips_per_word times, each of `other_words` a fifth as often."""

    words: tuple[str, ...] = KEYWORDS
    other_words: tuple[str, ...] = OTHER_WORDS
    clips_per_word: int = 300
    noise_seconds: int = 60
    seed: int = 0

    def __post_init__(self) -> None:
        """Raises DataError where a value is out of range or a word cannot be a folder's name."""
        for word in self.words + self.other_words:
            if not re.fullmatch(r"[A-Za-z][A-Za-z'-]*", word) or (self.words + self.other_words).count(word) > 1:
                raise DataError(f"word {word!r}: letters, ' and - only, each word once")
        if not self.words:
            raise DataError("no words to speak")
        if self.clips_per_word < _FEWEST_CLIPS:
            raise DataError(f"{self.clips_per_word} clips a word: at least {_FEWEST_CLIPS}, one for each partition")
        if not 1 <= self.noise_seconds <= 3600:
            raise DataError(f"{self.noise_seconds} s of noise: 1 to 3600")
        if self.seed < 0:
            raise DataError(f"seed {self.seed}: 0 or more")

    def clips_of(self, word: str) -> int:
        """How many clips `word` gets."""
        return self.clips_per_word if word in self.words else max(_FEWEST_CLIPS, self.clips_per_word // 5)


@dataclass(frozen=True)
class _Clip:
    word: str
    voice: Voice
    take: int

    @property
    def path(self) -> str:
        return f"{self.word}/{self.voice.id}_nohash_{self.take}.wav"


def synthesise_corpus(folder: Path, spec: SynthSpec, *, progress: Progress = silent) -> Listing:
    """Make the corpus in `folder`. What the same `spec` made before is left as it is. progress counts clips.

    Raises ToolError (no espeak-ng), DataError (folder in use, full disk, a word that cannot be spoken within a second).
    """
    request = {"made_by": "subbyte data synth", "format": _FORMAT, **asdict(spec)}
    if is_made(folder, request):
        return list_corpus(folder)
    version = espeak_version()
    voices = cast_voices(spec.clips_per_word, spec.seed)
    clips = [clip for word in spec.words + spec.other_words for clip in _clips(word, spec, voices)]
    overheard = _overheard(clips, spec)
    described = {voice.id: asdict(voice) for voice in voices}
    with new_folder(folder, request, espeak_ng=version, voices=described) as aside:
        for name in (*spec.words, *spec.other_words, NOISE_FOLDER):
            (aside / name).mkdir()

        def make(clip: _Clip) -> Samples | None:
            samples = _one_second(clip, spec)
            _write(aside / clip.path, samples)
            return samples.astype(np.float64) if clip in overheard else None

        babble = [words for words in _in_threads(make, clips, progress) if words is not None]
        noise = background_noise(_rng(spec, NOISE_FOLDER), spec.noise_seconds * SAMPLE_RATE_HZ, babble)
        for name, samples in noise.items():
            _write(aside / NOISE_FOLDER / f"{name}.wav", samples)
    return list_corpus(folder)


def _clips(word: str, spec: SynthSpec, voices: Sequence[Voice]) -> list[_Clip]:
    """Who speaks `word`: in each partition its voices in a drawn order, and again as the next take while clips lack."""
    clips = []
    for partition, n in share(spec.clips_of(word)).items():
        speakers = [voice for voice in voices if voice.partition is partition]
        speakers.sort(key=lambda voice: _digest(spec, "speaker", word, voice.id))
        clips += [_Clip(word, speakers[i % len(speakers)], i // len(speakers)) for i in range(n)]
    return clips


def _overheard(clips: Sequence[_Clip], spec: SynthSpec) -> frozenset[_Clip]:
    """Training clips that the babble is mixed of."""
    training = [clip for clip in clips if clip.voice.partition is Partition.TRAIN]
    return frozenset(sorted(training, key=lambda clip: _digest(spec, "babble", clip.path))[:_BABBLE_WORDS])


def _one_second(clip: _Clip, spec: SynthSpec) -> NDArray[np.int16]:
    """The clip, int16 [CLIP_SAMPLES]: the word somewhere about the middle, in the microphone's noise."""
    rng = _rng(spec, clip.path)
    word = _spoken(clip, float(rng.uniform(0.93, 1.07)))
    word[1:] += clip.voice.tilt_percent / 100 * word[:-1]
    rms = float(np.sqrt(np.mean(np.square(word))))
    gain = _ratio(clip.voice.level_dbfs + rng.uniform(-2, 2)) / rms
    word *= min(gain, 0.98 / float(np.max(np.abs(word))))
    second = coloured_noise(rng, CLIP_SAMPLES, 1.0) * _ratio(clip.voice.floor_dbfs)
    start = round((CLIP_SAMPLES - len(word)) * rng.uniform(0.2, 0.8))
    second[start : start + len(word)] += word
    return to_int16(second)


def _spoken(clip: _Clip, speed_factor: float) -> Samples:
    """The word without the silence around it, faster where it would not fit. Raises DataError where it never does."""
    for _ in range(_ATTEMPTS):
        word = _trimmed(speak(clip.word, clip.voice.speech(speed_factor)))
        if not len(word):
            raise DataError(f"word {clip.word!r}: espeak-ng has no sound for it")
        seconds = len(word) / SAMPLE_RATE_HZ
        if seconds <= _LONGEST_WORD_S:
            return word
        speed_factor *= 1.1 * seconds / _LONGEST_WORD_S
    raise DataError(f"word {clip.word!r}: takes {seconds:.1f} s however fast it is spoken; clips last one second")


def _trimmed(sound: NDArray[np.float32]) -> Samples:
    """The part that is heard, with a margin."""
    samples = sound.astype(np.float64)
    heard = np.flatnonzero(np.abs(samples) > np.abs(samples).max(initial=0.0) * _ratio(_TRIM_DB))
    if not len(heard):
        return np.zeros(0)
    margin = round(_MARGIN_S * SAMPLE_RATE_HZ)
    return samples[max(0, heard[0] - margin) : heard[-1] + 1 + margin]


def _in_threads(
    make: Callable[[_Clip], Samples | None], clips: Sequence[_Clip], progress: Progress
) -> Iterator[Samples | None]:
    """Results in order. espeak-ng runs as its own process, so a thread a core keeps all of them busy."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            for done, result in enumerate(pool.map(make, clips), start=1):
                progress(done, len(clips))
                yield result
        finally:
            pool.shutdown(cancel_futures=True)


def _write(path: Path, samples: NDArray[np.int16]) -> None:
    """A 16-bit WAV. Raises OSError on a full disk, which libsndfile would keep to itself."""
    content = io.BytesIO()
    soundfile.write(content, samples, SAMPLE_RATE_HZ, format="WAV", subtype="PCM_16")
    path.write_bytes(content.getvalue())


def _rng(spec: SynthSpec, purpose: str) -> np.random.Generator:
    """A generator of its own for each purpose, so that the order of making things does not matter."""
    key = int.from_bytes(hashlib.sha256(purpose.encode()).digest()[:8])
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([spec.seed, key])))


def _digest(spec: SynthSpec, *parts: str) -> bytes:
    return hashlib.sha256("\0".join((str(spec.seed), *parts)).encode()).digest()


def _ratio(decibels: float) -> float:
    return float(10 ** (decibels / 20))
