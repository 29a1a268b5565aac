# SPDX-License-Identifier: Apache-2.0
"""Read access to a FlatBuffer that trusts nothing: every offset and length is checked before it is followed.

A FlatBuffer is a file of tables. A table begins with the distance back to its vtable; the vtable holds, for each
field by its number in the schema, where in the table the field lies, or 0 for a field that has its default:

    table:   int32 distance to vtable | fields …
    vtable:  uint16 bytes of vtable | uint16 bytes of table | uint16 place of field 0 | of field 1 | …
    vector:  uint32 count | elements …           string: uint32 bytes | UTF-8

Tables, vectors and strings inside a table are uint32 distances forward. Source: flatbuffers.dev, "FlatBuffer
Internals". The generated readers raise anything from struct.error to MemoryError on a damaged file; here it is
ModelError and nothing else.
"""

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolchain.errors import ModelError


def _unpack(content: bytes, form: str, at: int, what: str) -> int | float:
    if at < 0 or at + struct.calcsize(form) > len(content):
        raise ModelError(f"damaged file: {what} lies at byte {at} of {len(content)}")
    value: int | float = struct.unpack_from("<" + form, content, at)[0]
    return value


def _unsigned(content: bytes, at: int, what: str) -> int:
    return int(_unpack(content, "I", at, what))


@dataclass(frozen=True)
class Table:
    """One table: the file, the table's place, the place and length of its vtable, and its name for messages."""

    content: bytes
    at: int
    vtable_at: int
    vtable_bytes: int
    table_bytes: int
    what: str

    @classmethod
    def root(cls, content: bytes, identifier: bytes, what: str) -> "Table":
        """The file's outermost table. Raises ModelError where `identifier` is not at byte 4."""
        if len(content) < 8 or content[4:8] != identifier:
            raise ModelError(f"no {identifier.decode()} file: its bytes 4 to 7 are not {identifier.decode()!r}")
        return cls.at_place(content, _unsigned(content, 0, what), what)

    @classmethod
    def at_place(cls, content: bytes, at: int, what: str) -> "Table":
        """The table that begins at byte `at`."""
        vtable_at = at - int(_unpack(content, "i", at, what))
        vtable_bytes = int(_unpack(content, "H", vtable_at, f"vtable of {what}"))
        table_bytes = int(_unpack(content, "H", vtable_at + 2, f"vtable of {what}"))
        if vtable_bytes < 4 or vtable_at + vtable_bytes > len(content) or at + table_bytes > len(content):
            raise ModelError(f"damaged file: {what} at byte {at} reaches beyond the file's {len(content)} bytes")
        return cls(content, at, vtable_at, vtable_bytes, table_bytes, what)

    def number(self, field: int, form: str, default: int | float) -> int | float:
        """A scalar field, `form` as struct knows it."""
        place = self._place(field, struct.calcsize(form))
        return default if place is None else _unpack(self.content, form, place, self.what)

    def integer(self, field: int, form: str, default: int = 0) -> int:
        """A scalar field that holds an integer."""
        return int(self.number(field, form, default))

    def table(self, field: int, what: str) -> "Table | None":
        """A field that is a table; None where it is absent."""
        place = self._target(field)
        return None if place is None else Table.at_place(self.content, place, what)

    def tables(self, field: int, what: str) -> list["Table"]:
        """A field that is a vector of tables; empty where it is absent."""
        places = self.array(field, np.dtype("<u4"), what)
        start = self._target(field)
        if start is None:
            return []
        return [
            Table.at_place(self.content, start + 4 + 4 * index + int(distance), f"{what} {index}")
            for index, distance in enumerate(places.tolist())
        ]

    def array(self, field: int, dtype: np.dtype[Any], what: str) -> NDArray[Any]:
        """A field that is a vector of numbers, as a read-only view into the file; empty where it is absent."""
        place = self._target(field)
        if place is None:
            return np.empty(0, dtype)
        count = _unsigned(self.content, place, what)
        if place + 4 + count * dtype.itemsize > len(self.content):
            raise ModelError(
                f"damaged file: {what} of {self.what} claims {count} elements of {dtype.itemsize} bytes "
                f"at byte {place + 4} of {len(self.content)}"
            )
        return np.frombuffer(self.content, dtype, count, place + 4)

    def has(self, field: int) -> bool:
        """Whether a field is there at all."""
        return self._place(field, 1) is not None

    def string(self, field: int) -> str:
        """A field that is a string; empty where it is absent. Bytes that are no UTF-8 are replaced."""
        return self.array(field, np.dtype("u1"), "a string").tobytes().decode("utf-8", "replace")

    def _place(self, field: int, size: int) -> int | None:
        entry = 4 + 2 * field
        if entry + 2 > self.vtable_bytes:
            return None
        offset = int(_unpack(self.content, "H", self.vtable_at + entry, f"vtable of {self.what}"))
        if offset == 0:
            return None
        if offset + size > self.table_bytes:
            raise ModelError(f"damaged file: field {field} of {self.what} lies outside it")
        return self.at + offset

    def _target(self, field: int) -> int | None:
        place = self._place(field, 4)
        return None if place is None else place + _unsigned(self.content, place, self.what)
