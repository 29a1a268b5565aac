# SPDX-License-Identifier: Apache-2.0
r"""The mel filters as integers: one weight a bin, because neighbouring triangles share their sides.

Band b rises from corner b to corner b + 1 and falls from there to corner b + 2. Between two corners the falling
side of one band and the rising side of the next sum to one, so a bin needs the rising weight only:

    corner   0       1       2       3          B + 2 corners, evenly spaced in mel
             |   /b0\|  /b1\ |  /b2\ |
             |  /    \ /    \| /    \|
    segment  |   0   |   1   |   2   |          B + 1 segments; segment s holds bins edges[s] .. edges[s+1] - 1

Neither the first bin (0 Hz) nor the last (half the sample rate) ever counts: on an outermost corner the weight is 0.
HTK mel: 2595 log10(1 + f / 700), here as 1127 ln(1 + f / 700). Source: Young et al., The HTK Book 3.4, section 5.4.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from toolchain.errors import SubbyteError
from toolchain.frontend.spec import FeatureSpec, Slope

WEIGHT_ONE = 1 << 15


def hz_to_mel(hz: float) -> float:
    """HTK mel of a frequency."""
    return 1127.0 * math.log1p(hz / 700.0)


def mel_to_hz(mel: float) -> float:
    """Frequency of an HTK mel."""
    return 700.0 * math.expm1(mel / 1127.0)


def corners_hz(spec: FeatureSpec) -> list[float]:
    """The B + 2 corners of the triangles, in Hz; the outermost are low_hz and high_hz exactly."""
    low, high = hz_to_mel(spec.low_hz), hz_to_mel(spec.high_hz)
    inner = [mel_to_hz(low + (high - low) * i / (spec.n_bands + 1)) for i in range(1, spec.n_bands + 1)]
    return [spec.low_hz, *inner, spec.high_hz]


def rising_side(spec: FeatureSpec, hz: float, left_hz: float, right_hz: float) -> float:
    """Weight 0..1 at `hz` of the side that rises from `left_hz` to `right_hz`."""
    if spec.slope is Slope.HZ:
        return (hz - left_hz) / (right_hz - left_hz)
    left = hz_to_mel(left_hz)
    return (hz_to_mel(hz) - left) / (hz_to_mel(right_hz) - left)


@dataclass(frozen=True)
class MelFilters:
    """edges: first bin of each segment, B + 2 integers; rising: uint16 [edges[-1] - edges[0]], 32768 = 1."""

    edges: tuple[int, ...]
    rising: NDArray[np.uint16]

    def matrix(self, n_bins: int) -> NDArray[np.uint64]:
        """All weights as [n_bins, B]: row k holds those of bin k; at most two in a row, and they sum to 32768."""
        n_bands = len(self.edges) - 2
        weights = np.zeros((n_bins, n_bands), np.uint64)
        for segment, (first, end) in enumerate(pairwise(self.edges)):
            rising = self.rising[first - self.edges[0] : end - self.edges[0]].astype(np.uint64)
            if segment < n_bands:
                weights[first:end, segment] = rising
            if segment > 0:
                weights[first:end, segment - 1] = WEIGHT_ONE - rising
        return weights


def mel_filters(spec: FeatureSpec) -> MelFilters:
    """The filters of `spec`. Raises SubbyteError, naming the band, where one holds no bin at all."""
    bin_hz = spec.sample_rate_hz / spec.fft_size
    corners = corners_hz(spec)
    edges = [max(1, math.ceil(hz / bin_hz)) for hz in corners]
    rising = [
        round(WEIGHT_ONE * rising_side(spec, k * bin_hz, corners[s], corners[s + 1]))
        for s, (first, end) in enumerate(pairwise(edges))
        for k in range(first, end)
    ]
    filters = MelFilters(tuple(edges), np.array(rising, np.uint16))
    weight_of_band = filters.matrix(spec.fft_size // 2).sum(axis=0)
    if not weight_of_band.all():
        band = int(np.argmin(weight_of_band))
        raise SubbyteError(
            f"feature spec: mel band {band} of {spec.n_bands}, {corners[band]:.1f}..{corners[band + 2]:.1f} Hz, "
            f"holds no bin of an FFT of {spec.fft_size} ({bin_hz:g} Hz apart): "
            f"take fewer bands, a larger fft_size or a wider range"
        )
    return filters
