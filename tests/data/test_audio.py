# SPDX-License-Identifier: Apache-2.0
"""One audio file to int16: every format, rate and number of channels, and every kind of damage."""

import io
import struct
import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.data.clips import FORMATS, encoded, tone
from toolchain.data.audio import decode_audio, fitted, read_audio
from toolchain.data.integrity import fault_in
from toolchain.errors import DataError


def noise(n: int = 16000, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-32768, 32768, n).astype(np.int16)


@pytest.mark.parametrize("container", ["WAV", "FLAC"])
def test_sixteen_bit_files_come_out_bit_for_bit(container: str) -> None:
    samples = noise()
    samples[:4] = [32767, -32768, 0, -1]
    assert np.array_equal(decode_audio(encoded(samples, container, "PCM_16"), "a").samples, samples)


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_keeps_length_and_sound(suffix: str) -> None:
    container, subtype = FORMATS[suffix]
    audio = decode_audio(encoded(tone(440), container, subtype), "a")
    assert audio.samples.shape == (16000,) and audio.samples.dtype == np.int16
    assert audio.facts.rate_hz == 16000 and audio.facts.seconds == 1.0
    difference = audio.samples[2000:14000] / 32768 - tone(440)[2000:14000]
    assert np.sqrt(np.mean(difference**2)) < 0.02


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"])
def test_other_sample_types_are_rounded_to_sixteen_bits(subtype: str) -> None:
    samples = decode_audio(encoded(tone(440), "WAV", subtype), "a").samples
    coarse = {"PCM_U8": 2**8, "ULAW": 2**9, "ALAW": 2**9}.get(subtype, 1)
    assert np.max(np.abs(samples - np.rint(tone(440) * 32768))) <= coarse


def test_24_bits_are_rounded_and_not_cut_off() -> None:
    exact = np.array([0.6, -0.6, 0.4, -0.4, 1.5, 2.5, -1.5]) / 32768  # ties go to even
    padded = np.concatenate([exact, np.zeros(100)])
    assert decode_audio(encoded(padded, "WAV", "PCM_24"), "a").samples[:7].tolist() == [1, -1, 0, 0, 2, 2, -2]


def test_float_beyond_full_scale_is_clipped_not_wrapped() -> None:
    loud = np.array([1.5, -1.5, 1.0, -1.0])
    assert decode_audio(encoded(loud, "WAV", "FLOAT"), "a").samples.tolist() == [32767, -32768, 32767, -32768]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_samples_that_are_no_numbers_are_refused(bad: float) -> None:
    with pytest.raises(DataError, match=r"^clip\.wav: holds samples that are no numbers"):
        decode_audio(encoded(np.array([0.0, bad]), "WAV", "FLOAT"), "clip.wav")


@pytest.mark.parametrize("rate_hz", [8000, 11025, 22050, 44100, 48000, 96000])
def test_other_rates_are_resampled(rate_hz: int) -> None:
    audio = decode_audio(encoded(tone(440, rate_hz, rate_hz), "WAV", "PCM_16", rate_hz), "a")
    assert abs(len(audio.samples) - 16000) <= 1
    assert audio.facts.rate_hz == rate_hz
    difference = audio.samples[1000:15000] / 32768 - tone(440)[1000:15000]
    assert np.max(np.abs(difference)) < 2e-3


def test_channels_are_averaged() -> None:
    left, right = noise(seed=1) // 2, noise(seed=2) // 2
    mixed = decode_audio(encoded(np.stack([left, right], axis=1), "WAV", "PCM_16"), "a").samples
    assert np.array_equal(mixed, np.rint((left.astype(float) + right) / 2))


def test_opposite_channels_cancel_and_eight_channels_are_read() -> None:
    channels = np.stack([noise(seed=3) // 2, -(noise(seed=3) // 2)] * 4, axis=1)
    audio = decode_audio(encoded(channels, "WAV", "PCM_16"), "a")
    assert audio.facts.channels == 8 and not audio.samples.any()


def test_a_long_file_is_read_no_further_than_needed() -> None:
    long = encoded(tone(440, 60 * 44100, 44100), "WAV", "PCM_16", 44100)
    cut = decode_audio(long, "a", max_samples=16000)
    assert len(cut.samples) == 16000 and cut.facts.seconds == 60
    assert np.array_equal(cut.samples[:15999], decode_audio(long, "a").samples[:15999])


def test_a_short_clip_is_padded_at_the_end() -> None:
    assert fitted(np.array([1, 2, 3], np.int16), 5).tolist() == [1, 2, 3, 0, 0]
    assert fitted(np.array([1, 2, 3], np.int16), 2).tolist() == [1, 2]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"hello, this is a text file and no audio at all\n" * 20, "no audio that can be read"),
        (bytes(4000), "no audio that can be read"),
        (b"RIFF\x00\x00\x00\x00WAVE", "no audio that can be read"),
        (encoded(np.zeros(0), "WAV", "PCM_16"), "the file has no samples"),
        (encoded(tone(440), "WAV", "PCM_16", 100), "a sample rate of 100 Hz is outside 1,000 to 768,000 Hz"),
    ],
)
def test_a_file_that_is_no_audio_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "speaker_nohash_0.wav"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_audio(path)
    assert str(caught.value).startswith(f"{path}: ") and message in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.wav: cannot be read: No such file"):
        read_audio(tmp_path / "gone.wav")


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.99])
def test_a_file_that_is_cut_off_is_refused(suffix: str, share: float) -> None:
    container, subtype = FORMATS[suffix]
    whole = encoded(noise() // 8, container, subtype)
    with pytest.raises(DataError, match=r"cut off|no audio|ends after|no samples"):
        decode_audio(whole[: int(len(whole) * share)], "a")


@pytest.mark.parametrize("suffix", [".flac", ".ogg", ".opus"])
@pytest.mark.parametrize("share", [0.4, 0.7, 0.95])
def test_a_flipped_bit_in_a_checked_format_is_refused(suffix: str, share: float) -> None:
    container, subtype = FORMATS[suffix]
    content = bytearray(encoded(noise() // 8, container, subtype))
    content[int(len(content) * share)] ^= 0x10
    with pytest.raises(DataError, match=r"damaged|no audio"):
        decode_audio(bytes(content), "a")


def test_wav_from_a_pipe_may_leave_its_length_open() -> None:
    samples = noise(500)
    stream = io.BytesIO()
    with wave.open(stream, "wb") as out:
        out.setparams((1, 2, 16000, 0, "NONE", ""))
        out.writeframes(samples.tobytes())
    content = bytearray(stream.getvalue())
    struct.pack_into("<I", content, 4, 0xFFFFFFFF)
    struct.pack_into("<I", content, 40, 0xFFFFFFFF)
    assert np.array_equal(decode_audio(bytes(content), "a").samples, samples)


def test_chunks_before_the_samples_are_stepped_over() -> None:
    content = encoded(noise(100), "WAV", "PCM_16")
    extra = b"LIST" + struct.pack("<I", 5) + b"abcde\0"
    content = content[:36] + extra + content[36:]
    assert fault_in(content) is None
    assert "is cut off" in str(fault_in(content[:-20]))


@pytest.mark.parametrize("suffix", [".ogg", ".opus"])
def test_whole_ogg_files_pass_and_lost_pages_do_not(suffix: str) -> None:
    content = encoded(noise(160000) // 8, *FORMATS[suffix])
    assert fault_in(content) is None
    pages = [i for i in range(len(content)) if content.startswith(b"OggS\0", i)]
    assert len(pages) > 4
    assert "pages are missing" in str(fault_in(content[: pages[3]] + content[pages[4] :]))
    assert "does not end the stream" in str(fault_in(content[: pages[-1]]))


def test_a_wrong_number_of_frames_in_the_header_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soundfile.SoundFile, "frames", property(lambda self: 17000))
    with pytest.raises(DataError, match=r"ends after 16,000 of 17,000 frames"):
        decode_audio(encoded(noise(), "FLAC", "PCM_16"), "a")
