# SPDX-License-Identifier: Apache-2.0
"""The definition of the fixed-point front end, in numpy: what it says is right, bit for bit, for the C code too.

Slow and plain, vectorised over frames [M, ...]. Integers throughout: int64 where the C has int32, so an overflow
there would show as a difference here. `>>` rounds down, everywhere. The formats stand in tables.py.
"""

import numpy as np
from numpy.typing import NDArray

from toolchain.errors import DataError
from toolchain.frontend.normalisation import Normalisation
from toolchain.frontend.spec import FeatureSpec, Kind, Padding, Spectrum
from toolchain.frontend.tables import (
    FRAME_BITS,
    LOG_BITS,
    POWER_SHIFT,
    ROOT_BITS,
    Tables,
    make_tables,
)

Ints = NDArray[np.int64]
Complex = tuple[Ints, Ints]  # real and imaginary parts


def raw_features(spec: FeatureSpec, audio: NDArray[np.int16]) -> NDArray[np.int16]:
    """audio: int16 [N, clip_samples]; returns int16 [N, T, F], `fraction_bits` of tables.py fraction bits.

    Raises DataError where the audio's shape or type is another.
    """
    check_audio(spec, audio)
    tables = make_tables(spec)
    clips = [_raw_of_frames(spec, tables, frames_of(spec, clip)) for clip in audio]
    return np.stack(clips) if clips else np.zeros((0, *spec.shape), np.int16)


def features(spec: FeatureSpec, normalisation: Normalisation, audio: NDArray[np.int16]) -> NDArray[np.int8]:
    """audio: int16 [N, clip_samples]; returns int8 [N, T, F], the network's input."""
    return normalisation.apply(raw_features(spec, audio))


def check_audio(spec: FeatureSpec, audio: NDArray[np.int16]) -> None:
    """Raises DataError unless `audio` is int16 [N, clip_samples]."""
    if audio.dtype != np.int16 or audio.ndim != 2 or audio.shape[1] != spec.clip_samples:
        raise DataError(
            f"audio for the front end: int16 [N, {spec.clip_samples}] is needed, "
            f"not {audio.dtype} {list(audio.shape)}; pad with zeros, cut, or change the spec's clip_samples"
        )


def frames_of(spec: FeatureSpec, clip: NDArray[np.int16]) -> NDArray[np.int16]:
    """The samples each frame sees: int16 [clip_samples] to [T, window_samples]."""
    mode = "reflect" if spec.padding is Padding.REFLECT else "constant"
    padded = np.pad(clip, spec.centre_pad, mode=mode)  # type: ignore[call-overload]
    windows = np.lib.stride_tricks.sliding_window_view(padded, spec.window_samples)
    return np.asarray(windows[:: spec.hop_samples])


def _raw_of_frames(spec: FeatureSpec, tables: Tables, frames: NDArray[np.int16]) -> NDArray[np.int16]:
    scaled, shift = _windowed(spec, tables, frames)
    spectrum = real_fft(tables, scaled)
    levels = _levels(spec, tables, spectrum, shift)
    return _coefficients(spec, tables, levels)


def _windowed(spec: FeatureSpec, tables: Tables, frames: NDArray[np.int16]) -> tuple[Ints, Ints]:
    """Samples times window, shifted to fill 29 bits. Returns [M, fft_size] and the shifts [M]."""
    rising = tables.window.astype(np.int64)
    falling = rising[1 : (spec.window_samples + 1) // 2][::-1]
    product = frames.astype(np.int64) * np.concatenate([rising, falling])
    magnitude = np.where(product < 0, ~product, product)
    shift = FRAME_BITS - _bit_length(magnitude.max(axis=1) | 1)
    scaled = np.where(
        shift[:, None] < 0, product >> np.maximum(-shift, 0)[:, None], product << np.maximum(shift, 0)[:, None]
    )
    return np.pad(scaled, ((0, 0), (0, spec.fft_size - spec.window_samples))), shift


def real_fft(tables: Tables, frames: Ints) -> Complex:
    """[M, N] with |value| < 2^29 to bins 0..N/2-1 of the transform divided by N; bin 0 means nothing."""
    n = frames.shape[1]
    points = n // 2
    bits = points.bit_length() - 1
    order = np.array([int(f"{i:0{bits}b}"[::-1], 2) for i in range(points)])
    re, im = frames[:, 0::2][:, order], frames[:, 1::2][:, order]

    length = 1
    if bits % 2:
        re, im = _radix2(re), _radix2(im)
        length = 2
    while length < points:
        re, im = _radix4(tables, n, length, (re, im))
        length *= 4
    return _split(tables, n, (re, im))


def _twiddles(tables: Tables, n: int, angle: Ints) -> Complex:
    """cos and -sin of 2 pi angle / n, Q30, from a quarter of a turn; angle: 0 .. 3n/4."""
    quarter = n // 4
    cosine = tables.cosine.astype(np.int64)
    within = angle % quarter
    turns = [(cosine[within], -cosine[quarter - within])]
    for _ in range(3):  # a quarter turn clockwise: (c, s) -> (s, -c)
        turns.append((turns[-1][1], -turns[-1][0]))
    which = angle // quarter
    return (
        np.choose(which, [re for re, _ in turns]),
        np.choose(which, [im for _, im in turns]),
    )


def _turned(z: Complex, w: Complex) -> Complex:
    """A quarter of z * w: the high words of 64-bit products, rounded down once."""
    (re, im), (wr, wi) = z, w
    return (re * wr - im * wi) >> 32, (im * wr + re * wi) >> 32


def _radix2(part: Ints) -> Ints:
    """Neighbouring points, no twiddles: real and imaginary parts alike."""
    pairs = part.reshape(len(part), -1, 2)
    a, b = pairs[..., 0], pairs[..., 1]
    return np.stack([(a + b) >> 1, (a - b) >> 1], axis=-1).reshape(part.shape)


def _radix4(tables: Tables, n: int, length: int, z: Complex) -> Complex:
    """From transforms of `length` points to transforms of four times as many."""
    shape = (len(z[0]), -1, 4, length)
    re, im = (part.reshape(shape) for part in z)
    k = np.arange(length) * (n // (4 * length))

    def input_(block: int, angle: Ints) -> Complex:
        return _turned((re[:, :, block], im[:, :, block]), _twiddles(tables, n, angle))

    a_re, a_im = re[:, :, 0] >> 2, im[:, :, 0] >> 2
    c_re, c_im = input_(1, 2 * k)  # bit-reversed order: the second transform is that of points 4i + 2
    b_re, b_im = input_(2, k)
    d_re, d_im = input_(3, 3 * k)
    out_re = [
        a_re + c_re + b_re + d_re,
        a_re - c_re + b_im - d_im,
        a_re + c_re - b_re - d_re,
        a_re - c_re - b_im + d_im,
    ]
    out_im = [
        a_im + c_im + b_im + d_im,
        a_im - c_im - b_re + d_re,
        a_im + c_im - b_im - d_im,
        a_im - c_im + b_re - d_re,
    ]
    return (
        np.stack(out_re, axis=2).reshape(z[0].shape),
        np.stack(out_im, axis=2).reshape(z[1].shape),
    )


def _split(tables: Tables, n: int, z: Complex) -> Complex:
    """The transform of n real points from that of n/2 complex ones: bins k and n/2 - k at once."""
    re, im = (part.copy() for part in z)
    k = np.arange(1, n // 4 + 1)
    mirror = n // 2 - k
    low_re, low_im, high_re, high_im = re[:, k], im[:, k], re[:, mirror], im[:, mirror]
    even_re, even_im = (low_re + high_re) >> 2, (low_im - high_im) >> 2
    t_re, t_im = _turned((low_re - high_re, low_im + high_im), _twiddles(tables, n, k))
    re[:, k], im[:, k] = even_re + t_im, even_im - t_re
    re[:, mirror], im[:, mirror] = even_re - t_im, -(even_im + t_re)  # the middle bin is written twice; this one stays
    return re, im


def _levels(spec: FeatureSpec, tables: Tables, spectrum: Complex, shift: Ints) -> Ints:
    """log2 of each mel band, Q16, in real units: [M, B]."""
    re, im = spectrum
    power = (re * re + im * im).astype(np.uint64)
    energy = square_root(tables, power) if spec.spectrum is Spectrum.MAGNITUDE else power >> np.uint64(POWER_SHIFT)
    bands = energy @ tables.mel.matrix(energy.shape[1])
    levels = log2(tables, np.maximum(bands, np.uint64(1))) - tables.log2_unit - shift[:, None] * tables.log2_per_shift
    return np.where(bands == 0, tables.log2_floor, np.maximum(levels, tables.log2_floor))


def square_root(tables: Tables, power: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Eighths of the root of each power < 2^58, by chords over the leading 8 bits."""
    chords = tables.root.astype(np.int64)
    even_shift = (64 - _bit_length(np.maximum(power, np.uint64(1)))) & ~1
    mantissa = ((power << even_shift.astype(np.uint64)) >> np.uint64(32)).astype(np.int64)
    i = np.maximum(mantissa >> 24, 64) - 64
    root = (chords[i] << 16) + (chords[i + 1] - chords[i]) * ((mantissa >> 8) & 0xFFFF)
    return np.where(power == 0, 0, root >> ((even_shift >> 1) - ROOT_BITS)).astype(np.uint64)


def log2(tables: Tables, value: NDArray[np.uint64]) -> Ints:
    """log2 of integers > 0, Q16, by chords over the 6 bits after the leading one."""
    chords = tables.log2.astype(np.int64)
    length = _bit_length(value)
    mantissa = ((value << (64 - length).astype(np.uint64)) >> np.uint64(32)).astype(np.int64)
    i = (mantissa >> 25) & 63
    fraction = (chords[i] << 1) + (((chords[i + 1] - chords[i]) * ((mantissa >> 9) & 0xFFFF)) >> 15)
    return np.asarray(((length - 1) << LOG_BITS) + fraction)


def _coefficients(spec: FeatureSpec, tables: Tables, levels: Ints) -> NDArray[np.int16]:
    """Levels [M, B] to raw features [M, F]."""
    if spec.kind is Kind.LOGMEL:
        sums = levels * tables.gain
    else:
        b, k = np.meshgrid(np.arange(spec.n_bands), np.arange(1, spec.n_coefficients), indexing="ij")
        waves = tables.dct.astype(np.int64)[(2 * b + 1) * k % (4 * spec.n_bands)]
        sums = np.concatenate([levels.sum(axis=1, keepdims=True) * tables.gain, levels @ waves], axis=1)
    return ((sums + (1 << (tables.raw_shift - 1))) >> tables.raw_shift).astype(np.int16)


def _bit_length(value: NDArray[np.int64] | NDArray[np.uint64]) -> Ints:
    """Bits up to the highest one; 0 for 0."""
    rest = value.astype(np.uint64)
    length = np.zeros(value.shape, np.int64)
    for step in (32, 16, 8, 4, 2, 1):
        high = rest >> np.uint64(step)
        length += np.where(high > 0, step, 0)
        rest = np.where(high > 0, high, rest)
    return np.asarray(length + (rest > 0))
