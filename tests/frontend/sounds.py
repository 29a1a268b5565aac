# SPDX-License-Identifier: Apache-2.0
"""Specs, sounds and folders of C that the front end's tests share."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from toolchain.errors import SubbyteError
from toolchain.frontend import (
    FeatureSpec,
    Kind,
    LogUnit,
    Padding,
    Slope,
    Spectrum,
    bc_resnet,
    hello_edge,
    log_mel,
    peter2020,
)
from toolchain.frontend.tables import make_tables

PUBLISHED = {
    "hello_edge-10": hello_edge(10),
    "peter2020-10": peter2020(10),
    "peter2020-40": peter2020(40),
    "log_mel-40": log_mel(40),
    "bc_resnet-40": bc_resnet(40),
}


def extreme_audio(spec: FeatureSpec) -> dict[str, NDArray[np.int16]]:
    """Name -> one clip each: what real microphones never send and broken ones do."""
    n = spec.clip_samples
    t = np.arange(n)
    hann = np.sin(np.pi * (t % spec.window_samples) / spec.window_samples) ** 2
    rng = np.random.default_rng(7)
    sounds = {
        "silence": np.zeros(n),
        "highest": np.full(n, 32767),
        "lowest": np.full(n, -32768),
        "smallest constant": np.full(n, -1),
        "alternating": np.where(t % 2, 32767, -32768),
        "alternating by one": np.where(t % 2, 0, -1),
        "square of 37": np.where(t // 37 % 2, 32767, -32768),
        "square of 2": np.where(t // 2 % 2, -32768, 32767),
        "loud spike": np.where(t == n // 2, -32768, 0),
        "quiet spike": np.where(t == n // 3, 1, 0),
        "first sample": np.where(t == 0, 32767, 0),
        "last sample": np.where(t == n - 1, -32768, 0),
        "loud sine": 32767 * np.sin(2 * np.pi * 440.3 / spec.sample_rate_hz * t),
        "sine of one step": np.sin(2 * np.pi * 997 / spec.sample_rate_hz * t),
        "loud noise": rng.integers(-32768, 32768, n),
        "quiet noise": rng.integers(-1, 2, n),
        "signs": np.where(rng.integers(0, 2, n), 32767, -32768),
        "flat under the window": np.minimum(
            32767, 900 / np.maximum(hann, 0.02)
        ),  # all in one bin: the most it can hold
        "loud then silent": np.where(t < n // 2, rng.integers(-32768, 32768, n), 0),
    }
    return {name: np.round(sound).astype(np.int16) for name, sound in sounds.items()}


def random_specs(count: int, seed: int) -> list[FeatureSpec]:
    """Odd sizes, one band, one coefficient, hops longer than windows, clips shorter than them: all that is allowed."""
    rng = np.random.default_rng(seed)
    specs: list[FeatureSpec] = []
    while len(specs) < count:
        fft_size = 2 ** int(rng.integers(5, 13))
        window = int(rng.integers(16, fft_size + 1))
        n_bands = int(rng.choice([1, 2, 3, 7, 20, 33, 64, 128]))
        kind = Kind(rng.choice(list(Kind)))
        rate = int(rng.choice([8000, 16_000, 22_050, 44_100]))
        low = float(rng.choice([0.0, 20.0, 133.3]))
        try:
            spec = FeatureSpec(
                kind=kind,
                sample_rate_hz=rate,
                clip_samples=int(rng.integers(window // 2 + 1, 6 * window)),
                window_samples=window,
                hop_samples=int(rng.integers(window // 4 + 1, window * 3 // 2)),
                fft_size=fft_size,
                n_bands=n_bands,
                low_hz=low,
                high_hz=float(rng.uniform(0.2, 0.5) * rate) if rng.random() < 0.5 else rate / 2,
                n_coefficients=n_bands if kind is Kind.LOGMEL else int(rng.integers(1, n_bands + 1)),
                padding=Padding(rng.choice(list(Padding))),
                spectrum=Spectrum(rng.choice(list(Spectrum))),
                log_unit=LogUnit(rng.choice(list(LogUnit))),
                slope=Slope(rng.choice(list(Slope))),
                floor_db=float(rng.uniform(-130, -40)),
            )
            make_tables(spec)
        except SubbyteError:  # an empty band, a clip too short: another draw
            continue
        specs.append(spec)
    return specs


def write_sources(folder: Path, sources: dict[str, str]) -> list[Path]:
    """Write generated C; returns the .c files."""
    for name, text in sources.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return [folder / name for name in sorted(sources) if name.endswith(".c")]
