# SPDX-License-Identifier: Apache-2.0
"""The synthetic corpus: layout, voices that stay in one partition, words that are heard, the same each time."""

import hashlib
import json
import shutil
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

from toolchain.data.audio import read_audio
from toolchain.data.corpus import load_corpus
from toolchain.data.espeak import Speech, installed_variants, speak
from toolchain.data.layout import CLIP_SAMPLES, KEYWORDS, OTHER_WORDS, Partition
from toolchain.data.listing import list_corpus
from toolchain.data.new_folder import RECORD
from toolchain.data.noise import background_noise, coloured_noise
from toolchain.data.synth import SynthSpec, synthesise_corpus
from toolchain.data.voices import cast_voices, share
from toolchain.errors import DataError, ToolError

needs_espeak = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")


def digests(folder: Path) -> dict[str, str]:
    files = [path for path in sorted(folder.rglob("*.wav"))]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_corpus_has_all_words_in_fixed_shares(synth_corpus: Path) -> None:
    listing = list_corpus(synth_corpus)
    assert set(listing.words) == {*KEYWORDS, *OTHER_WORDS}
    counts = Counter((clip.word, clip.partition) for clip in listing.clips)
    for word in listing.words:
        shares = [counts[word, part] for part in Partition]
        assert shares == ([16, 2, 2] if word in KEYWORDS else [2, 1, 1])
    assert len(listing.noise) == 7 and listing.n_ignored == 0


def test_it_splits_into_twelve_classes(synth_corpus: Path) -> None:
    corpus = load_corpus(synth_corpus)
    assert corpus.train.counts() == {**dict.fromkeys(KEYWORDS, 16), "silence": 16, "unknown": 16}
    assert corpus.test.counts() == {**dict.fromkeys(KEYWORDS, 2), "silence": 2, "unknown": 2}


def test_no_timbre_is_in_two_partitions(synth_corpus: Path) -> None:
    voices = json.loads((synth_corpus / RECORD).read_text())["voices"]
    parts: defaultdict[tuple[str, str], set[Partition]] = defaultdict(set)
    for clip in list_corpus(synth_corpus).clips:
        voice = voices[clip.speaker]
        parts[voice["accent"], voice["variant"]].add(clip.partition)
    assert len(parts) == 20 and all(len(found) == 1 for found in parts.values())


def test_every_clip_is_one_second_of_sixteen_bits_with_the_word_about_the_middle(synth_corpus: Path) -> None:
    centres = []
    for clip in list_corpus(synth_corpus).clips:
        audio = read_audio(synth_corpus / clip.path)
        facts = audio.facts
        assert (facts.subtype, facts.rate_hz, facts.channels, facts.n_frames) == ("PCM_16", 16000, 1, CLIP_SAMPLES)
        energy = np.square(audio.samples.astype(float))
        assert 0.004 < np.sqrt(energy.mean()) / 32768 < 0.3
        assert np.abs(audio.samples.astype(int)).max() < 32767
        centres.append((energy * np.arange(CLIP_SAMPLES)).sum() / energy.sum() / CLIP_SAMPLES)
    assert min(centres) > 0.1 and max(centres) < 0.9
    assert np.mean(centres) == pytest.approx(0.5, abs=0.06) and np.std(centres) > 0.05


def test_no_two_clips_are_alike(synth_corpus: Path) -> None:
    sums = Counter(digests(synth_corpus).values())
    assert max(sums.values()) == 1


@needs_espeak
def test_the_same_spec_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    spec = SynthSpec(words=("yes", "no"), other_words=("cat",), clips_per_word=5, noise_seconds=1)
    synthesise_corpus(tmp_path / "a", spec)
    synthesise_corpus(tmp_path / "b", spec)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    synthesise_corpus(tmp_path / "c", SynthSpec(("yes", "no"), ("cat",), 5, 1, seed=1))
    assert not set(digests(tmp_path / "a").values()) & set(digests(tmp_path / "c").values())


@needs_espeak
def test_a_finished_corpus_is_left_and_another_is_refused(tmp_path: Path) -> None:
    spec = SynthSpec(words=("on", "off"), other_words=(), clips_per_word=3, noise_seconds=1)
    synthesise_corpus(tmp_path / "a", spec)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "a").rglob("*")}
    synthesise_corpus(tmp_path / "a", spec, progress=lambda done, total: pytest.fail("made again"))
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "a").rglob("*")} == before
    with pytest.raises(DataError, match="holds another corpus"):
        synthesise_corpus(tmp_path / "a", SynthSpec(("on", "off"), (), 4, 1))


@needs_espeak
def test_more_clips_than_voices_become_further_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toolchain.data.synth.cast_voices", lambda n, seed: cast_voices(3, seed))
    listing = synthesise_corpus(tmp_path / "a", SynthSpec(("on",), (), 10, 1))
    assert len({clip.speaker for clip in listing.clips}) == 3
    assert sorted(clip.name.split("_")[-1] for clip in listing.clips) == ["0.wav"] * 3 + [
        f"{i}.wav" for i in range(1, 8)
    ]
    assert len(set(digests(tmp_path / "a").values())) == 10 + len(listing.noise)


@needs_espeak
def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"word 'pneumonoultramicroscopicsilicovolcanoconiosis': takes .* s however fast"
    ):
        synthesise_corpus(tmp_path / "a", SynthSpec(("pneumonoultramicroscopicsilicovolcanoconiosis",), (), 3, 1))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"words": ("yes", "../no")}, r"word '\.\./no': letters, ' and - only"),
        ({"words": ("--stdin",)}, r"word '--stdin'"),
        ({"words": ("yes", "yes")}, "each word once"),
        ({"words": ()}, "no words to speak"),
        ({"clips_per_word": 2}, "2 clips a word: at least 3"),
        ({"noise_seconds": 0}, "0 s of noise: 1 to 3600"),
        ({"seed": -1}, "seed -1: 0 or more"),
    ],
)
def test_a_spec_out_of_range_is_one_error(fields: dict, message: str) -> None:
    with pytest.raises(DataError, match=message):
        SynthSpec(**fields)


def test_without_espeak_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match=r"espeak-ng is not installed; .* sudo apt-get install espeak-ng"):
        synthesise_corpus(tmp_path / "a", SynthSpec())
    assert list(tmp_path.iterdir()) == []


def test_an_espeak_that_fails_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "espeak-ng"
    broken.write_text("#!/bin/sh\necho 'no voice data' >&2\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with pytest.raises(ToolError, match="espeak-ng failed: no voice data"):
        speak("yes", Speech("en-gb", "m1", 50, 160))


@needs_espeak
def test_a_cast_has_exact_shares_and_different_people() -> None:
    voices = cast_voices(60, seed=4)
    assert Counter(voice.partition for voice in voices) == share(60)
    assert len({voice.id for voice in voices}) == len({(voice.accent, voice.variant) for voice in voices}) == 60
    assert cast_voices(60, seed=4) == voices and cast_voices(60, seed=5) != voices


@needs_espeak
def test_every_variant_of_a_cast_is_installed_and_sounds_unlike_the_others() -> None:
    voices = {voice.variant: voice for voice in cast_voices(400, seed=0)}
    assert set(voices) <= installed_variants() and len(voices) > 60
    spoken = {variant: speak("seven", Speech("en-us", variant, 50, 160)).tobytes() for variant in voices}
    assert len(set(spoken.values())) == len(spoken)


def test_noise_has_its_colour_and_level() -> None:
    rng = np.random.default_rng(0)
    for slope in (0.0, 1.0, 2.0):
        power = np.abs(np.fft.rfft(coloured_noise(rng, 160000, slope))) ** 2
        low, high = power[2000:4000].mean(), power[20000:40000].mean()  # 200-400 and 2000-4000 Hz
        assert np.log10(low / high) == pytest.approx(slope, abs=0.1)
    kinds = background_noise(rng, 32000, [rng.standard_normal(16000)])
    assert len(kinds) == 7
    for name, samples in kinds.items():
        level = 20 * np.log10(np.sqrt(np.mean(np.square(samples / 32768))))
        assert -25 < level < -8, name
    assert "babble" not in background_noise(rng, 32000, [])


@pytest.mark.parametrize("n", [1, 100, 16000])
def test_noise_of_any_length(n: int) -> None:
    for samples in background_noise(np.random.default_rng(0), n, [np.ones(50)]).values():
        assert samples.shape == (n,) and samples.dtype == np.int16
