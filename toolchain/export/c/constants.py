# SPDX-License-Identifier: Apache-2.0
"""The constants of all layers, each distinct one once, and their text.

A layer's arrays are static to weights.c, its struct of parameters is what model.c sees. Where a layer needs the very
bytes that an earlier one has, it gets that one's symbol.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toolchain.errors import ModelError
from toolchain.export.c.cmodel import Constant
from toolchain.export.c.code import Array, ArrayRef, LayerCode, Place, ScratchByte, Struct
from toolchain.export.templates import c_array

_LIMITS = {"int8_t": (-128, 127), "uint16_t": (0, 65535), "int32_t": (-(1 << 31), (1 << 31) - 1)}


@dataclass(frozen=True)
class Definition:
    """One definition in weights.c.

    declaration: `int8_t kws_conv1_weights[2560]`, without storage class. text: what stands between the braces.
    comment: one line above it, "" for none. shared: whether model.c sees it. words: whether kernels load it by words.
    """

    symbol: str
    declaration: str
    text: str
    comment: str
    shared: bool
    words: bool

    @property
    def comment_line(self) -> str:
        """The comment as a line of its own."""
        return f"/* {self.comment} */\n" if self.comment else ""

    @property
    def storage(self) -> str:
        """What stands before the declaration."""
        return "const " if self.shared else "_Alignas(4) static const " if self.words else "static const "


class ConstantPool:
    """Collects definitions layer by layer. arena: its symbol. arena_is_shared: whether any of them points into it."""

    def __init__(self, graph_name: str, arena: str) -> None:
        self._graph_name = graph_name
        self._arena = arena
        self._symbols: dict[tuple[object, ...], str] = {}
        self._taken: set[str] = set()
        self.arena_is_shared = False

    def layer(
        self, name: str, code: LayerCode, whole: str, scratch: int
    ) -> tuple[list[Definition], list[Constant], dict[Place, str]]:
        """The new definitions of a layer, their sizes, and the symbols of its structs.

        whole: the name of the layer that this one is a band of, which its arrays are called after. scratch: the byte of
        the arena at which its scratch begins.
        """
        definitions: list[Definition] = []
        constants: list[Constant] = []
        symbols: dict[str, str] = {}
        for array in code.arrays:
            key = (array.c_type, array.words, array.values.shape, array.values.tobytes())
            symbol = self._symbols.get(key)
            if symbol is None:
                symbol = self._symbols[key] = self._named(f"{whole}_{array.role}", f"{name}_{array.role}")
                definitions.append(array_definition(symbol, array, shared=False))
                constants.append(Constant(symbol, array.role, array.n_bytes))
            symbols[array.role] = symbol
        structs: dict[Place, str] = {}
        for place, role, struct in code.structs:
            text = self._struct_text(name, struct, symbols, scratch, "  ")
            struct_key = (struct.c_type, text)
            symbol = self._symbols.get(struct_key)
            if symbol is None:
                symbol = self._symbols[struct_key] = self._named(f"{name}_{role}")
                declaration = f"{struct.c_type} {symbol}"
                definitions.append(Definition(symbol, declaration, text, "", shared=True, words=False))
                constants.append(Constant(symbol, role, struct.n_bytes))
            structs[place] = symbol
        return definitions, constants, structs

    def activation(self, name: str, values: NDArray[np.int8]) -> tuple[list[Definition], list[Constant], str]:
        """The same for a constant that an operator reads as an activation."""
        array = Array("values", "int8_t", values.ravel(), f"{list(values.shape)}")
        symbol = self._named(f"{name}_values")
        constant = Constant(symbol, "values", array.n_bytes)
        return [array_definition(symbol, array, shared=True)], [constant], symbol

    def _named(self, *wanted: str) -> str:
        """The first of the names that is free."""
        for symbol in wanted:
            if symbol not in self._taken:
                self._taken.add(symbol)
                return symbol
        raise AssertionError(f"two constants named {wanted[-1]}")

    def _struct_text(self, name: str, struct: Struct, symbols: dict[str, str], scratch: int, indent: str) -> str:
        lines = []
        for member, c_type, value in struct.members:
            if isinstance(value, ArrayRef):
                shown = symbols[value.role]
            elif isinstance(value, ScratchByte):
                self.arena_is_shared = True
                place = scratch + value.offset
                shown = f"{self._arena} + {place}" if place else self._arena
            elif isinstance(value, Struct) and any(not isinstance(inner, int) for _, _, inner in value.members):
                text = self._struct_text(name, value, symbols, scratch, f"{indent}  ")
                shown = f"{{\n{text}\n{indent}}}"
            elif isinstance(value, Struct):
                shown = self._inner_text(name, value, indent)
            else:
                shown = self._number(name, member, c_type, value)
            lines.append(f"{indent}.{member} = {shown},")
        return "\n".join(lines)

    def _inner_text(self, name: str, struct: Struct, indent: str) -> str:
        """A struct within a struct: numbers, two a line, as they come in pairs (along H, along W)."""
        numbers = [
            f".{member} = {self._number(name, member, c_type, value)}"
            for member, c_type, value in struct.members
            if isinstance(value, int)
        ]
        if len(numbers) <= 2:
            return f"{{{', '.join(numbers)}}}"
        lines = [", ".join(numbers[start : start + 2]) for start in range(0, len(numbers), 2)]
        return "{\n" + "\n".join(f"{indent}  {line}," for line in lines) + f"\n{indent}}}"

    def _number(self, layer: str, member: str, c_type: str, value: int) -> str:
        low, high = _LIMITS[c_type]
        if not low <= value <= high:
            raise ModelError(
                f"graph {self._graph_name}: layer {layer}: {member} is {value}, the C kernels hold {low}..{high}"
            )
        return str(value) if value > -(1 << 31) else "INT32_MIN"


def array_definition(symbol: str, array: Array, *, shared: bool) -> Definition:
    """The definition of one array."""
    n = len(array.values)
    if array.values.ndim == 2:
        rows = [", ".join(_int32(int(value)) for value in row) for row in array.values]
        texts = [f"{{{row}}}," for row in rows]
        width = max(len(text) for text in texts)
        lines = [texts[start : start + 4] for start in range(0, n, 4)]
        text = "\n".join("  " + " ".join(item.ljust(width) for item in line).rstrip() for line in lines)
    else:
        text = c_array((int(value) for value in array.values), width=5)
    return Definition(symbol, f"{array.c_type} {symbol}[{n}]", text, array.comment, shared, array.words)


def _int32(value: int) -> str:
    return str(value) if value > -(1 << 31) else "INT32_MIN"
