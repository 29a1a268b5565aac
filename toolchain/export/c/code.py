# SPDX-License-Identifier: Apache-2.0
"""What a kernel needs in the generated model: constant arrays, one struct of parameters, and its calls.

Sizes are those of a 32-bit Arm (4-byte pointers and int32_t, natural alignment), so that they are known before a
compiler runs and equal what the linked ELF says, symbol by symbol.
"""

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

_SIZES = {"int8_t": 1, "uint16_t": 2, "int32_t": 4, "sb_channel": 8, "sb_line": 8, "sb_paired_channel": 8}
_POINTER_BYTES = 4


@dataclass(frozen=True, eq=False)
class Array:
    """A constant array. role: last part of its name (`weights`). values: [n], or [n, 2] for a two-member struct.

    words: the kernel loads it by words, so it is aligned to 4 bytes.
    """

    role: str
    c_type: str
    values: NDArray[np.signedinteger]
    comment: str
    words: bool = False

    @property
    def n_bytes(self) -> int:
        """Bytes in flash."""
        return len(self.values) * _SIZES[self.c_type]


@dataclass(frozen=True)
class ArrayRef:
    """A struct member that points to the layer's own array of that role."""

    role: str


@dataclass(frozen=True)
class ScratchByte:
    """A struct member or an argument that points to that byte of the layer's scratch."""

    offset: int


@dataclass(frozen=True)
class Struct:
    """A struct of parameters, its members in the order of its declaration in sb_kernels.h.

    members: (name, C type, value); the type of a member that is a Struct or points somewhere is "".
    """

    c_type: str
    members: tuple[tuple[str, str, "int | ArrayRef | ScratchByte | Struct"], ...]

    @property
    def alignment(self) -> int:
        """Alignment of the largest member."""
        return max(_layout(c_type, value)[1] for _, c_type, value in self.members)

    @property
    def n_bytes(self) -> int:
        """sizeof, padding included."""
        offset = 0
        for _, c_type, value in self.members:
            size, alignment = _layout(c_type, value)
            offset = -(-offset // alignment) * alignment + size
        return -(-offset // self.alignment) * self.alignment


def _layout(c_type: str, value: int | ArrayRef | ScratchByte | Struct) -> tuple[int, int]:
    if isinstance(value, Struct):
        return value.n_bytes, value.alignment
    size = _POINTER_BYTES if isinstance(value, ArrayRef | ScratchByte) else _SIZES[c_type]
    return size, size


class Place(Enum):
    """An argument that is known once the arena is planned and the layer has its name."""

    PARAMETERS = "the layer's struct"
    PACKED = "the struct of its packed weights"
    SCRATCH = "the layer's scratch"


@dataclass(frozen=True)
class Activation:
    """An argument that points `offset` bytes into a tensor's bytes."""

    tensor: str
    offset: int = 0


@dataclass(frozen=True)
class Call:
    """One call of a C function."""

    function: str
    arguments: tuple[Activation | Place | ScratchByte | int, ...]


@dataclass(frozen=True)
class LayerCode:
    """All that one operator contributes to the generated model. packed: how its weights are stored, if packed."""

    calls: tuple[Call, ...]
    arrays: tuple[Array, ...] = ()
    parameters: Struct | None = None
    packed: Struct | None = None

    @property
    def structs(self) -> tuple[tuple[Place, str, Struct], ...]:
        """Each with its place among the arguments and its role, in the order in which they are defined."""
        places = ((Place.PACKED, "packed", self.packed), (Place.PARAMETERS, "layer", self.parameters))
        return tuple((place, role, struct) for place, role, struct in places if struct is not None)

    @property
    def constant_bytes(self) -> int:
        """Flash of its arrays and structs."""
        return sum(array.n_bytes for array in self.arrays) + sum(struct.n_bytes for _, _, struct in self.structs)
