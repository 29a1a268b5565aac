# SPDX-License-Identifier: Apache-2.0
"""Normalisation: integers that turn raw int16 features into the network's int8 input.

    int8 = clamp(((raw - offset) * multiplier + 2^(shift-1)) >> shift, -128, 127)      one triple per feature

With statistics of the training set this is (raw - mean) / std * 32: scale 1/32, zero point 0, so that four standard
deviations fit. The arithmetic stays inside int32: |raw - offset| < 2^16, multiplier <= 2^14.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toolchain.errors import SubbyteError

STEPS_PER_STD = 32  # 1 / scale of every network's input
MAX_MULTIPLIER = 1 << 14
MAX_SHIFT = 30


@dataclass(frozen=True)
class Normalisation:
    """One (offset, multiplier, shift) a feature.

    offset: -32768..32767, in steps of the raw features; multiplier: 1..16384; shift: 0..30.
    Raises SubbyteError for values outside, or lengths that differ.
    """

    offset: tuple[int, ...]
    multiplier: tuple[int, ...]
    shift: tuple[int, ...]

    def __post_init__(self) -> None:
        limits = {"offset": (-32768, 32767), "multiplier": (1, MAX_MULTIPLIER), "shift": (0, MAX_SHIFT)}
        for name, (low, high) in limits.items():
            values = getattr(self, name)
            if isinstance(values, str) or not isinstance(values, Sequence):
                raise SubbyteError(f"normalisation: {name} is no list of whole numbers")
            for f, value in enumerate(values):
                if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
                    raise SubbyteError(f"normalisation: {name}[{f}] {value!r} is no whole number in {low}..{high}")
            if len(values) != len(self.offset) or not values:
                raise SubbyteError(f"normalisation: {len(values)} x {name} for {len(self.offset)} x offset")
            object.__setattr__(self, name, tuple(values))

    @property
    def n_features(self) -> int:
        """F."""
        return len(self.offset)

    @classmethod
    def from_statistics(cls, mean: ArrayLike, std: ArrayLike) -> "Normalisation":
        """From mean and standard deviation of each raw feature, both [F], in steps of the raw int16 values.

        Raises SubbyteError where a deviation is not positive (a feature that never moves) or a number not finite.
        """
        means, stds = np.asarray(mean, np.float64), np.asarray(std, np.float64)
        if means.ndim != 1 or means.shape != stds.shape or not means.size:
            raise SubbyteError(f"normalisation: mean {means.shape} and std {stds.shape} are not one number a feature")
        if not (np.isfinite(means).all() and np.isfinite(stds).all()):
            raise SubbyteError("normalisation: a mean or standard deviation is not finite")
        for f in np.flatnonzero(stds <= 0):
            raise SubbyteError(
                f"normalisation: feature {f} never changes over the training audio (standard deviation {stds[f]:g}): "
                f"is it silent, or is its band empty of sound?"
            )
        factors = [_as_integers(STEPS_PER_STD / value) for value in stds.tolist()]
        return cls(
            offset=tuple(max(-32768, min(32767, round(value))) for value in means.tolist()),
            multiplier=tuple(multiplier for multiplier, _ in factors),
            shift=tuple(shift for _, shift in factors),
        )

    @classmethod
    def identity(cls, n_features: int) -> "Normalisation":
        """The raw value's high byte: what stands in the C where nothing has been trained."""
        return cls((0,) * n_features, (1,) * n_features, (8,) * n_features)

    def apply(self, raw: NDArray[np.int16]) -> NDArray[np.int8]:
        """The definition. raw: int16 [..., F]; returns int8 of the same shape."""
        offset, multiplier, shift = (np.array(v, np.int64) for v in (self.offset, self.multiplier, self.shift))
        rounded = ((raw.astype(np.int64) - offset) * multiplier + ((1 << shift) >> 1)) >> shift
        return np.asarray(np.clip(rounded, -128, 127).astype(np.int8))

    def to_dict(self) -> dict[str, list[int]]:
        """Three lists, as JSON has them; `from_dict` reads them back equal."""
        return {"offset": list(self.offset), "multiplier": list(self.multiplier), "shift": list(self.shift)}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "Normalisation":
        """Read what `to_dict` wrote. Raises SubbyteError for anything else."""
        if not isinstance(fields, Mapping) or set(fields) != {"offset", "multiplier", "shift"}:
            raise SubbyteError("normalisation: a table of exactly offset, multiplier and shift is needed")
        return cls(fields["offset"], fields["multiplier"], fields["shift"])


def _as_integers(factor: float) -> tuple[int, int]:
    """(multiplier, shift) with multiplier / 2^shift nearest to `factor`, 14 significant bits where the shift allows."""
    shift = max(0, min(MAX_SHIFT, 13 - math.floor(math.log2(factor))))
    return max(1, min(MAX_MULTIPLIER, round(math.ldexp(factor, shift)))), shift
