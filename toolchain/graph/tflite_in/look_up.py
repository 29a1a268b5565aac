# SPDX-License-Identifier: Apache-2.0
"""Look-up tables: how TFLite Micro stores a weight tensor of few distinct values as indices of 1 to 7 bits.

An operator TFLM_DECODE in front of the one that reads the weights makes them anew at every inference, in the arena:

    indices    UINT8   index of each element, most significant bit first, one behind the other  |01101|00010|1…
    table      UINT8   | 0 | 1 | 0 0 | 1 | axis, bits | stride | 0 … 0 | values of channel 0 | of channel 1 | …
                  byte   0   1   2     4   5            6        7       16     stride bytes      stride bytes
    output     INT8    value[index], the tensor that the layer reads

Byte 0 is the kind of coding (0: look-up table), bytes 1 and 4 are versions. axis, in the upper half of byte 5: which
axis has a table for each of its places, 15 for one table in all. Our weights of one tensor lie on one grid, so one
table serves all channels, and the scales stay with the tensor.

Ours has stride 0: runtimes that do not know axis 15 yet take a table for each scale, `stride` behind one another.
Source: tflite-micro, tensorflow/lite/micro/compression/{decode,lut}.py; kernels/decode_state_lut.cc.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toolchain.errors import ModelError

OPERATOR = "TFLM_DECODE"
MAX_BITS = 7

_HEADER_BYTES = 16
_KINDS = ("look-up table", "Huffman code", "pruning")
_ONE_TABLE = 15


@dataclass(frozen=True, eq=False)
class LookUp:
    """The two constants of one TFLM_DECODE: uint8 [bytes of the indices], uint8 [16 + bytes of the tables]."""

    indices: NDArray[np.uint8]
    table: NDArray[np.uint8]

    @property
    def n_bytes(self) -> int:
        """Bytes of both."""
        return self.indices.size + self.table.size


def looked_up(weights: NDArray[np.int8]) -> LookUp | None:
    """`weights` as indices into one table of their values; None where there are more than 2^7 of them."""
    values, indices = np.unique(weights, return_inverse=True)
    bits = max((values.size - 1).bit_length(), 1)
    if bits > MAX_BITS:
        return None
    planes = indices.reshape(-1, 1) >> np.arange(bits - 1, -1, -1) & 1  # [elements, bits]
    header = np.zeros(_HEADER_BYTES, np.uint8)
    header[[1, 4, 5]] = 1, 1, _ONE_TABLE << 4 | bits
    return LookUp(np.packbits(planes.astype(np.uint8)), np.concatenate([header, values.view(np.uint8)]))


def decoded(coded: LookUp, shape: tuple[int, ...]) -> NDArray[np.int8]:
    """The weights behind `coded`, int8 [*shape]. Raises ModelError where it does not hold together."""
    table = coded.table
    if table.size < _HEADER_BYTES:
        raise ModelError(f"its table has {table.size} bytes; the header alone has {_HEADER_BYTES}")
    if table[0]:
        kind = _KINDS[table[0]] if table[0] < len(_KINDS) else f"kind {table[0]}"
        raise ModelError(f"is coded as {kind}; only look-up tables are supported")
    if (table[1], table[4]) != (1, 1):
        raise ModelError(f"is coded in version {table[1]}.{table[4]}; only 1.1 is supported")
    axis, bits, stride = int(table[5] >> 4), int(table[5] & 7), int(table[6])
    n_elements = int(np.prod(shape, dtype=np.int64))
    if not bits or coded.indices.size < (n_elements * bits + 7) // 8:
        raise ModelError(f"{n_elements} indices of {bits} bits do not lie in {coded.indices.size} bytes")
    places = np.unpackbits(coded.indices, count=n_elements * bits).reshape(n_elements, bits)
    indices = (places << np.arange(bits - 1, -1, -1, dtype=np.uint8)).sum(axis=1, dtype=np.int64).reshape(shape)
    if axis != _ONE_TABLE:
        if axis >= len(shape):
            raise ModelError(f"has a table for each place of axis {axis}, and only {len(shape)} axes")
        if indices.max(initial=0) >= max(stride, 1):
            raise ModelError(f"an index of {indices.max()} is beyond its channel's table of {stride}")
        column = [-1 if each == axis else 1 for each in range(len(shape))]
        indices += stride * np.arange(shape[axis]).reshape(column)
    values: NDArray[np.int8] = table[_HEADER_BYTES:].view(np.int8)
    if indices.max(initial=-1) >= values.size:
        raise ModelError(f"an index of {indices.max()} is beyond the {values.size} values of its table")
    return np.asarray(values[indices])
