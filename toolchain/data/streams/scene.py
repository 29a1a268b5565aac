# SPDX-License-Identifier: Apache-2.0
"""Scenes: what is said when, drawn, and then mixed into int16 samples. Integers only: the same bytes on any machine.

    sample = clamp(background + word)
    background = its crop * gain / 2^16, rounded half up;   gain from scene's SNR, the recording's level, the speech's
    word       = its clip * gain / 2^16, rounded half up;   gain drawn

Words, and a scene's background, are faded in and out over 10 ms: what begins with a step has a click that gives it
away. A recording that is shorter than a scene runs forwards and backwards in turn, which leaves no seam.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toolchain.data.layout import CLIP_SAMPLES, SAMPLE_RATE_HZ
from toolchain.data.streams.draws import Draws
from toolchain.data.streams.recipe import StreamRecipe
from toolchain.data.streams.speech import Speech

OTHER = -1  # label of a word that is no keyword

_GAIN_BITS = 16
_FADE = SAMPLE_RATE_HZ // 100
_FADE_BITS = 14
_PER_MS = SAMPLE_RATE_HZ // 1000


@dataclass(frozen=True)
class Spoken:
    """One word. label: index of the keyword, or OTHER. row: its clip. gain_db: of the clip.

    clip_start: where the clip begins; start, end: where the word is in the stream; in samples of the stream.
    """

    label: int
    row: int
    gain_db: int
    clip_start: int
    start: int
    end: int


@dataclass(frozen=True)
class Background:
    """recording: index into Speech.noise; begin: which of its samples comes first, counted forwards and back again."""

    recording: int
    begin: int
    snr_db: int


@dataclass(frozen=True)
class ScenePlan:
    """What happens in a scene that begins with sample `start` of the stream and has n_samples."""

    start: int
    n_samples: int
    words: tuple[Spoken, ...]
    background: Background | None


def plan_scene(speech: Speech, recipe: StreamRecipe, index: int) -> ScenePlan:
    """Draw scene `index` = 0, 1, 2 ..."""
    draws = Draws(recipe.seed, index)
    n = recipe.scene_s * SAMPLE_RATE_HZ
    background = None
    if draws.below(100) >= recipe.quiet_percent and speech.noise:
        recording = draws.below(len(speech.noise))
        begin = draws.below(_there_and_back(len(speech.noise[recording])))
        background = Background(recording, begin, draws.between(*recipe.snr_db))
    words: list[Spoken] = []
    at = draws.between(*recipe.pause_ms) * _PER_MS
    while at + CLIP_SAMPLES <= n:
        words.append(_word(speech, recipe, draws, index * n + at))
        at += CLIP_SAMPLES + draws.between(*recipe.pause_ms) * _PER_MS
    return ScenePlan(index * n, n, tuple(words), background)


def _word(speech: Speech, recipe: StreamRecipe, draws: Draws, at: int) -> Spoken:
    is_keyword = draws.below(100) < recipe.keyword_percent or not speech.other_rows
    label = draws.below(len(speech.keywords)) if is_keyword else OTHER
    rows = speech.rows_of_keyword[label] if is_keyword else speech.other_rows
    row = rows[draws.below(len(rows))]
    start, end = speech.extents[row]
    return Spoken(label, row, draws.between(*recipe.gain_db), at, at + start, at + end)


def mix_scene(speech: Speech, plan: ScenePlan) -> NDArray[np.int16]:
    """The samples of a scene, int16 [plan.n_samples]; what is beyond int16 is clipped."""
    mixed = _mixed_background(speech, plan)
    for word in plan.words:
        begin = word.clip_start - plan.start
        gain = _factor(word.gain_db)
        mixed[begin : begin + CLIP_SAMPLES] += _scaled(_faded(speech.clips[word.row].astype(np.int64)), gain)
    return np.clip(mixed, -32768, 32767).astype(np.int16)


def _mixed_background(speech: Speech, plan: ScenePlan) -> NDArray[np.int64]:
    chosen = plan.background
    if chosen is None:
        return np.zeros(plan.n_samples, np.int64)
    recording = speech.noise[chosen.recording]
    period = _there_and_back(len(recording))
    places = (chosen.begin + np.arange(plan.n_samples)) % period
    crop = recording[np.minimum(places, period - places) if period > 1 else places].astype(np.int64)
    gain = speech.level * _factor(-chosen.snr_db) // speech.noise_levels[chosen.recording]
    return _scaled(_faded(crop), gain)


def _there_and_back(n: int) -> int:
    """Samples until a recording of n that runs forwards and backwards repeats itself."""
    return max(1, 2 * n - 2)


def _factor(decibels: int) -> int:
    """10^(dB/20), 16 fraction bits. No whole number of dB in use is near a rounding border, so any libm will do."""
    return round(math.ldexp(math.pow(10, decibels / 20), _GAIN_BITS))


def _scaled(samples: NDArray[np.int64], gain: int) -> NDArray[np.int64]:
    return (samples * gain + (1 << (_GAIN_BITS - 1))) >> _GAIN_BITS


def _faded(samples: NDArray[np.int64]) -> NDArray[np.int64]:
    """Straight ramps over the first and the last 10 ms."""
    ramp = (np.arange(_FADE, dtype=np.int64) << _FADE_BITS) // _FADE
    half = 1 << (_FADE_BITS - 1)
    samples[:_FADE] = (samples[:_FADE] * ramp + half) >> _FADE_BITS
    samples[-_FADE:] = (samples[-_FADE:] * ramp[::-1] + half) >> _FADE_BITS
    return samples
