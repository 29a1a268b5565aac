# SPDX-License-Identifier: Apache-2.0
"""Weights in the order in which a kernel reads them, and the table of its output channels. Numpy only.

Every layout starts from `rows`: int8 [C, K], row c holding what output channel c multiplies by, in the order in
which the window meets the input. The drawings stand in the kernels' own files.
"""

import numpy as np
from numpy.typing import NDArray

from toolchain.graph.fixedpoint import wrap_int32
from toolchain.graph.requantisation import Requantisation

Rows = NDArray[np.int8]

# The two halves of a word that SXTB16 and SXTB16 ROR #8 widen are bytes 0, 2 and 1, 3.
_SXTB16_ORDER = [0, 2, 1, 3]


def folded_bias(rows: Rows, bias: NDArray[np.int32] | None, zero_point: int) -> NDArray[np.int32]:
    """bias - zero_point * (sum of the channel's weights), int32 [C]; wraps as an int32 does."""
    own = np.zeros(len(rows), np.int64) if bias is None else bias.astype(np.int64)
    sums = rows.astype(np.int64).sum(axis=1)
    return np.asarray(wrap_int32(own - zero_point * sums), np.int32)


def sum_bounds(rows: Rows, bias: NDArray[np.int32]) -> NDArray[np.int64]:
    """What a channel's sum, and every part of it, stays within for any int8 input: int64 [C]. `bias`: folded."""
    return np.asarray(np.abs(bias.astype(np.int64)) + 128 * np.abs(rows.astype(np.int64)).sum(axis=1), np.int64)


def channel_table(bias: NDArray[np.int32], requantisation: Requantisation) -> NDArray[np.int32]:
    """int32 [C, 2]: folded bias and multiplier, sb_channel in C."""
    return np.stack([bias, requantisation.multipliers.astype(np.int32)], axis=1)


def shift_table(requantisation: Requantisation) -> NDArray[np.int8]:
    """int8 [C]. A channel whose factor is 0 gives its zero point under any shift; it gets one to the right, as others.

    >>> shift_table(Requantisation(np.array([0, 1 << 30]), np.array([0, -7]))).tolist()
    [-1, -7]
    """
    return np.where(requantisation.multipliers == 0, -1, requantisation.shifts).astype(np.int8)


def interleaved_pairs(rows: Rows) -> NDArray[np.int8]:
    """For sb_two_pixels_s8_dsp: pairs of rows interleaved by four values, each four as SXTB16 wants them.

    K is filled up to a multiple of four with zeros; a last odd row stands alone.

    >>> interleaved_pairs(np.array([[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]], np.int8)).tolist()
    [1, 3, 2, 4, 6, 8, 7, 9, 5, 0, 0, 0, 10, 0, 0, 0]
    """
    channels, size = rows.shape
    quads = np.pad(rows, ((0, 0), (0, -size % 4))).reshape(channels, -1, 4)[:, :, _SXTB16_ORDER]
    even = channels & ~1
    pairs = quads[:even].reshape(even // 2, 2, quads.shape[1], 4).transpose(0, 2, 1, 3)
    return np.concatenate([pairs.ravel(), quads[even:].ravel()])


def paired_channel_table(bias: NDArray[np.int32], requantisation: Requantisation) -> NDArray[np.int32]:
    """int32 [C, 2]: doubled multiplier, and folded bias and shift in one word; sb_paired_channel in C.

    For biases within 24 bits and shifts to the right. A factor of 0 becomes 2^-32: see sb_output_doubled. An odd C is
    filled up by a row of zeros.

    >>> paired_channel_table(np.array([-3]), Requantisation(np.array([1 << 30]), np.array([-7]))).tolist()
    [[-2147483648, -762], [0, 0]]
    """
    none = requantisation.multipliers == 0
    doubled = wrap_int32(2 * np.where(none, 1 << 30, requantisation.multipliers.astype(np.int64)))
    right = np.where(none, 31, -requantisation.shifts.astype(np.int64))
    table = np.stack([doubled, 256 * bias.astype(np.int64) + right - 1], axis=1)
    return np.pad(table, ((0, len(table) % 2), (0, 0))).astype(np.int32)


def paired_weights(rows: Rows) -> NDArray[np.int32]:
    """256 * b + a of rows a, b, which are its pairs of channels: int32 [C / 2, K], where it can be beyond an int16.

    K is filled up to a multiple of four with zeros, and an odd C by a row of them.
    """
    filled = np.pad(rows.astype(np.int32), ((0, len(rows) % 2), (0, -rows.shape[1] % 4)))
    return np.asarray(256 * filled[1::2] + filled[::2])


def paired_rows(rows: Rows, run: int) -> NDArray[np.int8]:
    """For sb_three_pixels_s8_dsp: paired_weights as bytes, each four as SXTB16 wants the values that they meet.

    run: length of the runs in which a window is read. Whole fours of all runs come first, then what they leave over.

    >>> paired_rows(np.array([[1, 2, 3, -4], [5, 6, 7, 8]], np.int8), 4).tolist()
    [1, 5, 3, 7, 2, 6, -4, 7]
    >>> paired_rows(np.arange(10, dtype=np.int8).reshape(1, 10), 5).reshape(-1, 2)[:, 0].tolist()
    [0, 2, 1, 3, 5, 7, 6, 8, 4, 0, 9, 0]
    """
    weights = paired_weights(in_patch_order(rows, run))
    return np.ascontiguousarray(weights.astype("<i2")).reshape(-1).view(np.int8)


def in_patch_order(rows: Rows, run: int) -> Rows:
    """As the values stand in one of three patches, sb_paired_dsp.h: [C, K], K filled up with zeros to whole fours.

    run: length of the runs in which a window is read. Whole fours of all runs come first, then what they leave over.
    """
    runs = rows.reshape(len(rows), -1, run)  # [C, runs, run]
    whole = run & ~3
    ordered = np.concatenate([part.reshape(len(rows), -1) for part in (runs[:, :, :whole], runs[:, :, whole:])], axis=1)
    quads = np.pad(ordered, ((0, 0), (0, -ordered.shape[1] % 4))).reshape(len(rows), -1, 4)
    return np.ascontiguousarray(quads[:, :, _SXTB16_ORDER]).reshape(len(rows), -1)


def interleaved_fours(rows: Rows) -> NDArray[np.int8]:
    """For sb_fully_connected_s8_dsp: four rows interleaved by four values, then by single ones for what is left of K.

    Rows beyond a multiple of four stand behind, each as it is.

    >>> interleaved_fours(np.arange(20, dtype=np.int8).reshape(4, 5)).tolist()
    [0, 1, 2, 3, 5, 6, 7, 8, 10, 11, 12, 13, 15, 16, 17, 18, 4, 9, 14, 19]
    """
    channels, size = rows.shape
    whole, even = size & ~3, channels & ~3
    parts = []
    for block in rows[:even].reshape(even // 4, 4, size):  # [4, K]
        parts.append(block[:, :whole].reshape(4, whole // 4, 4).transpose(1, 0, 2).ravel())
        parts.append(block[:, whole:].T.ravel())
    return np.concatenate([*parts, rows[even:].ravel()])
