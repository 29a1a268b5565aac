# SPDX-License-Identifier: Apache-2.0
"""Weights of 1 to 7 bits in as many bits of flash each, in the order in which sb_unpack_s8.c takes them apart.

What is packed are the bytes that a kernel reads, in whatever order and form it wants them. Nearly all of those are
weights, and so

    byte = (u * step + least) mod 256           u: 0 .. 2^bits - 1            step 1, or 2 where all weights are odd

The few that are not, such as zeros between odd weights, are listed as corrections behind the rest.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from toolchain.graph.tensor import Grid, Tensor

BLOCK = 32  # weights
_FIELDS = (4, 2, 1)  # bits
_FURTHEST = 255  # from one correction to the next


class Form(Enum):
    """What a kernel reads: bytes that are weights, weights + 128, or 256 * b + a for a pair of weights a, b."""

    PLAIN = "plain"
    UNSIGNED = "unsigned"
    PAIRED = "paired"


@dataclass(frozen=True)
class Coding:
    """How u becomes a byte: see above; members of sb_packed_weights."""

    bits: int
    step: int
    least: int
    paired: bool


@dataclass(frozen=True, eq=False)
class Packed:
    """values: int8 [n], whole words. blocks: of 32 bytes, in each part. corrected: whether lists are among them."""

    values: NDArray[np.int8]
    coding: Coding
    blocks: int
    corrected: bool

    @property
    def unpacked_bytes(self) -> int:
        """Of one part."""
        return BLOCK * self.blocks


def coding_of(weights: Tensor, form: Form) -> Coding:
    """For weights of 1 to 7 bits, by their grid.

    >>> from toolchain.graph.tensor import DType, Quantisation
    >>> tensor = Tensor("w", (1,), DType.INT8, Quantisation((1.0,)), bits=3, data=np.zeros(1, np.int8))
    >>> coding_of(tensor, Form.UNSIGNED)
    Coding(bits=3, step=1, least=124, paired=False)
    """
    offset = 128 if form is Form.UNSIGNED else 0
    if weights.grid is Grid.MID_RISE:
        return Coding(weights.bits, 2, 1 - (1 << weights.bits) + offset, form is Form.PAIRED)
    # Both bytes of 256 * b + a are in the range of a weight: the upper one is b, or b - 1 where a is negative.
    return Coding(weights.bits, 1, -(1 << (weights.bits - 1)) + offset, False)


def packed(parts: Sequence[NDArray[np.int8]], coding: Coding) -> Packed:
    """The bytes `parts`, each [n], one behind the other; all take as many blocks as the longest.

    >>> coding = Coding(bits=1, step=2, least=-1, paired=False)
    >>> packed([np.array([1] * 8 + [-1] * 24, np.int8)], coding).values.tolist()
    [3, 3, 3, 3]
    >>> packed([np.array([-1, 0, -1], np.int8)], coding).values.tolist()
    [0, 0, 0, 0, 2, 0, 0, 0]
    """
    blocks = max(-(-len(part) // BLOCK) for part in parts)
    coded = [_indices(np.pad(part, (0, BLOCK * blocks - len(part))), coding) for part in parts]
    wrong = [np.flatnonzero(unpacked(u, coding)[: len(part)] != part) for part, u in zip(parts, coded, strict=True)]
    corrected = any(len(places) > 0 for places in wrong)
    texts = []
    for part, u, places in zip(parts, coded, wrong, strict=True):
        texts.append(_planes(u, coding.bits))
        if corrected:
            texts.append(_corrections(part, places))
    return Packed(np.concatenate(texts).view(np.int8), coding, blocks, corrected)


def unpacked(u: NDArray[np.uint8], coding: Coding) -> NDArray[np.int8]:
    """The bytes that sb_unpack_s8 makes of `u`, uint8 [n]."""
    weights = u.astype(np.int64) * coding.step + coding.least
    if coding.paired:
        return (256 * weights[1::2] + weights[::2]).astype("<i2").view(np.int8)
    return weights.astype(np.uint8).view(np.int8)


def _indices(values: NDArray[np.int8], coding: Coding) -> NDArray[np.uint8]:
    """The u of each byte, uint8; any where there is none."""
    weights = values.astype(np.int64)
    if coding.paired:
        weights[1::2] = (values.view("<i2").astype(np.int64) - weights[::2]) >> 8
    u = (weights - coding.least) % 256 // coding.step
    return np.minimum(u, (1 << coding.bits) - 1).astype(np.uint8)


def field_pairs(rows: NDArray[np.int8], coding: Coding) -> NDArray[np.int8]:
    """Rows of weights, int8 [C, K], for sb_fully_connected_fields_s8_dsp, which has the drawing.

    >>> coding = Coding(bits=4, step=1, least=-8, paired=False)
    >>> [hex(word) for word in field_pairs(np.arange(-8, 0, dtype=np.int8).reshape(1, 8), coding).view("<u4")[:2]]
    ['0x76325410', '0x0']
    """
    texts = []
    for pair in _pairs(rows, coding):
        for field, bits in fields_of(pair, coding.bits):
            # [two outputs, words, fours of inputs, second of a half, half]
            fours = field.reshape(2, -1, 8 // bits, 2, 2).transpose(0, 1, 2, 4, 3)
            shifts = bits * (2 * np.arange(8 // bits)[:, None, None] + np.arange(2)[:, None])
            words = (fours << (shifts + 16 * np.arange(2))).sum(axis=(2, 3, 4), dtype=np.uint32)
            texts.append(words.T.ravel())
    return np.concatenate(texts).astype("<u4").view(np.int8)


def joint_fields(rows: NDArray[np.int8], coding: Coding) -> NDArray[np.int8]:
    """Rows of weights, int8 [C, K], for sb_fully_connected_fields_s8_scalar, which has the drawing.

    >>> coding = Coding(bits=4, step=1, least=-8, paired=False)
    >>> rows = np.array([[-8, -7, -6, -5], [0, 1, 2, 3]], np.int8)
    >>> [hex(word) for word in joint_fields(rows, coding).view("<u4")[:2]]
    ['0xba983210', '0x0']
    """
    texts = []
    for pair in _pairs(rows, coding):
        for field, bits in fields_of(pair, coding.bits):
            shifts = bits * np.arange(16 // bits) + np.array([[[0]], [[16]]])
            words = (field.reshape(2, -1, 16 // bits) << shifts).sum(axis=(0, 2), dtype=np.uint32)
            texts.append(words)
    return np.concatenate(texts).astype("<u4").view(np.int8)


def whole_fields(rows: NDArray[np.int8], coding: Coding, block: int) -> NDArray[np.int8]:
    """Rows of weights, int8 [C, K], of 3, 5 or 6 bits: sb_fully_connected_whole_fields_s8_scalar has the drawing.

    block: inputs for which whole words are filled up.

    >>> rows = np.array([[1, 2, 3], [4, 5, 31]], np.int8)
    >>> [hex(word) for word in whole_fields(rows, Coding(5, 1, 0, False), 12).view("<u4")[:2]]
    ['0x7ca40c41', '0x0']
    >>> rows = np.array([[1, 2, 3, 4, 5, 6, 0x1a, 0x3b]], np.int8)
    >>> [hex(word) for word in whole_fields(rows, Coding(6, 1, 0, False), 8).view("<u4")]
    ['0xa081', '0xb103', '0xd185']
    """
    bits = coding.bits
    u = _pairs(rows, coding, block)
    if bits == 6:
        fields = u.reshape(*u.shape[:2], -1, 8)
        sevenths, eighths = fields[..., 6], fields[..., 7]
        above = sevenths & 15, eighths & 15, sevenths >> 4 | eighths >> 4 << 2
        halves = [fields[..., 2 * at] | fields[..., 2 * at + 1] << 6 | above[at] << 12 for at in range(3)]
        stored = np.stack(halves, axis=-1)
    else:
        in_half = 16 // bits
        stored = (u.reshape(*u.shape[:2], -1, in_half) << bits * np.arange(in_half)).sum(axis=-1)
    words = stored[:, 0] | stored[:, 1] << 16
    return np.ascontiguousarray(words, "<u4").reshape(-1).view(np.int8)


def _pairs(rows: NDArray[np.int8], coding: Coding, block: int = BLOCK) -> NDArray[np.uint32]:
    """u of two rows each, filled up with zeros to an even number of rows and whole blocks: [pairs, 2, inputs]."""
    channels, size = rows.shape
    u = ((rows.astype(np.int64) - coding.least) // coding.step).astype(np.uint32)
    u = np.pad(u, ((0, channels % 2), (0, -size % block)))
    return u.reshape(len(u) // 2, 2, -1)


def fields_of(u: NDArray[np.unsignedinteger], bits: int) -> Iterator[tuple[NDArray[np.unsignedinteger], int]]:
    """The fields of numbers of `bits` bits from the top down, and how many bits each has."""
    left = bits
    for size in _FIELDS:
        if left >= size:
            left -= size
            yield (u >> left & (1 << size) - 1).astype(u.dtype), size


def _planes(u: NDArray[np.uint8], bits: int) -> NDArray[np.uint8]:
    """Fields of u from the top down, each plane by itself: bytes of its words."""
    planes = []
    for field, size in fields_of(u, bits):
        fields = field.reshape(-1, 8 // size, 4)  # [words, fields in a byte, bytes]
        places = (size * np.arange(8 // size)).astype(np.uint8)[:, None]
        planes.append((fields << places).sum(axis=1).astype(np.uint8).ravel())
    return np.concatenate(planes)


def _corrections(values: NDArray[np.int8], places: NDArray[np.intp]) -> NDArray[np.uint8]:
    """(how far from the last one, byte) for each of `places`; 0; zeros up to a whole word."""
    found, at = [], -1
    for place in places.tolist():
        while place - at > _FURTHEST:
            at += _FURTHEST
            found += [_FURTHEST, int(values[at]) & 255]
        found += [place - at, int(values[place]) & 255]
        at = place
    return np.array(found + [0] * (4 - len(found) % 4), np.uint8)
