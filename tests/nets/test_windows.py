# SPDX-License-Identifier: Apache-2.0
"""Training windows: cut where the stream says, of the class that is heard there, drawn by seed and epoch alone."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.detect.said import KEYWORDS, some_words
from tests.nets.corpus import write_corpus
from tests.nets.networks import tiny_stream
from tests.nets.runs import StopAfter, assert_same_weights
from toolchain.arch.weights import WeightSpec
from toolchain.data.streams.recipe import StreamRecipe
from toolchain.data.streams.scene import OTHER
from toolchain.data.streams.speech import speech_of
from toolchain.data.streams.stream import Stream, stream_of
from toolchain.data.words import Words
from toolchain.errors import DataError
from toolchain.frontend import Frontend, Normalisation
from toolchain.frontend.named import named_spec
from toolchain.nets.any_width_training import train_any_width
from toolchain.nets.config import TrainConfig
from toolchain.nets.progress import TrainingProgress
from toolchain.nets.run_folder import RunFolder, load_record
from toolchain.nets.train import train_run
from toolchain.nets.windows import Windows, window_classes, windows_of

LABELS = (*KEYWORDS, "silence", "unknown")
SPEC = named_spec("log_mel-20")
NORMALISATION = Normalisation.from_statistics(np.full(20, 500.0), np.full(20, 300.0))
_MS = 16


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def some_windows(seed: int = 0, hours: float = 0.1) -> Windows:
    return windows_of(some_words(), LABELS, SPEC, NORMALISATION, hours, seed=seed)


def some_stream() -> Stream:
    return stream_of(speech_of(some_words(), KEYWORDS), StreamRecipe(pause_ms=(0, 2500)), 0.1)


def test_a_window_is_of_the_class_that_is_heard_in_it() -> None:
    """Against the rule said sample by sample, where the module computes ranges of rows."""
    stream = some_stream()
    n_rows = stream.n_scenes * stream.scene_samples // SPEC.hop_samples - 5
    found = window_classes(stream, SPEC, n_rows)
    said = [word for plan in stream.plans for word in plan.words]
    span = (SPEC.n_frames - 1) * SPEC.hop_samples + SPEC.window_samples
    hops = -(-SPEC.window_samples // SPEC.hop_samples)
    assert set(found.tolist()) == {-1, 0, 1, 2, 3}
    for row in range(SPEC.n_frames - 1, n_rows):
        end = (hops + row) * SPEC.hop_samples
        begin = end - span
        centred = [w.label for w in said if w.label != OTHER and abs(w.start + w.end - begin - end) <= 2 * 100 * _MS]
        parts = [
            (word, min(word.end, end) - max(word.start, begin))
            for word in said
            if word.start + 50 * _MS <= end and begin <= word.end - 50 * _MS
        ]
        in_part = any(
            word.label != OTHER
            and end >= word.start + (word.end - word.start) * 35 // 100
            and begin <= word.end - (word.end - word.start) * 35 // 100
            for word in said
        )
        expected = centred[-1] if centred else -1 if in_part else 3 if parts else 2
        assert found[row] == expected, (row, begin, end)


def test_windows_are_what_the_front_end_hears_there_and_epochs_have_their_shares() -> None:
    windows = some_windows()
    features, classes = windows.drawn(3, 1, 200)
    assert features.shape == (200, 49, 20) and features.dtype == np.int8 and classes.dtype == np.int64
    assert np.bincount(classes).tolist() == [60, 60, 20, 60]
    again, _ = windows.drawn(3, 1, 200)
    other, _ = windows.drawn(3, 2, 200)
    assert np.array_equal(features, again) and not np.array_equal(features, other)
    ends = {rows.tobytes() for place in windows.places for rows in (windows.rows[p - 48 : p + 1] for p in place)}
    assert all(window.tobytes() in ends for window in features)


def test_a_window_holds_the_very_features_of_its_samples() -> None:
    stream = stream_of(
        speech_of(some_words(), KEYWORDS),
        StreamRecipe(pause_ms=(100, 1500), keyword_percent=60, gain_db=(-9, 9), snr_db=(5, 35)),
        0.1,
    )
    audio = np.concatenate(list(stream.scenes()))
    front_end = Frontend(SPEC, NORMALISATION)
    windows = some_windows()
    hops = -(-SPEC.window_samples // SPEC.hop_samples)
    for end in (48, 1000, 14_003):
        first = (end - 48) * SPEC.hop_samples + hops * SPEC.hop_samples - SPEC.window_samples
        clip = np.zeros(16_000, np.int16)
        heard = audio[first : first + 48 * SPEC.hop_samples + SPEC.window_samples]
        clip[: len(heard)] = heard
        assert np.array_equal(front_end.features(clip[None])[0][:49], windows.rows[end - 48 : end + 1])


def test_rows_are_kept_and_a_damaged_file_is_made_again(cache: Path) -> None:
    made = some_windows()
    (kept,) = (cache / "subbyte" / "windows").iterdir()
    content = kept.read_bytes()
    kept.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert np.array_equal(some_windows().rows, made.rows) and kept.read_bytes() == content
    seen: list[int] = []
    windows_of(some_words(), LABELS, SPEC, NORMALISATION, 0.1, seed=0, progress=lambda done, _: seen.append(done))
    assert not seen, "nothing is mixed that is kept"
    assert not np.array_equal(some_windows(seed=1).rows, made.rows)


def test_without_a_cache_windows_are_the_same(cache: Path) -> None:
    kept = some_windows()
    shutil.rmtree(cache)
    cache.write_text("no folder")
    assert np.array_equal(some_windows().rows, kept.rows)


def test_a_class_that_is_never_heard_is_named() -> None:
    """Ten keywords and a minute: one of them is not said in it."""
    words = some_words()
    spoken = [row for row in range(len(words.words)) if words.x[row].any()]
    names = tuple(f"word{place}" for place in range(len(spoken)))
    ten = Words(words.x[spoken], names, tuple(words.paths[row] for row in spoken), words.noise)
    with pytest.raises(DataError, match=r"0.0166667 hours of training stream have no window of word\d"):
        windows_of(ten, (*names, "silence", "unknown"), SPEC, NORMALISATION, 0.01, seed=3)


def test_a_run_on_windows_goes_on_to_the_same_weights_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: dict[str, Any] = {"epochs": 3, "qat_epochs": 1, "batch": 10, "lr": 0.2, "averaging": 0.5, "threads": 1}
    data = write_corpus(tmp_path / "corpus")
    config = TrainConfig(arch=tiny_stream(), data=data, features="log_mel", stream_hours=0.5, **settings)
    whole, stopped = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "stopped")
    train_run(config, whole.path)
    assert load_record(whole.path).config["stream_hours"] == 0.5
    assert "stream_hours" not in replace(config, stream_hours=0.0).to_dict(), "runs from before may go on"
    with pytest.raises(KeyboardInterrupt):
        train_run(config, stopped.path, progress=StopAfter(10))
    train_run(config, stopped.path)
    assert_same_weights(stopped, whole)
    epochs, drawn = [], Windows.drawn
    monkeypatch.setattr(Windows, "drawn", lambda *which: epochs.append(which) or drawn(*which))
    train_any_width(whole.path, data, [WeightSpec.of(4)], 1, 1, TrainingProgress())
    assert epochs, "the widths of a run on windows are trained on windows too"
