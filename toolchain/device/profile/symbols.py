# SPDX-License-Identifier: Apache-2.0
"""Symbols: which function an address belongs to, where a name is, and from which source line an address came.

The ELF file may be anybody's: whatever is wrong with it becomes one ToolError.
"""

import bisect
import difflib
import re
import struct
from dataclasses import dataclass
from pathlib import Path

from elftools.common.exceptions import DWARFError, ELFError
from elftools.construct import ConstructError
from elftools.elf.elffile import ELFFile

from toolchain.errors import ToolError

# What pyelftools raises on files that are cut short or lie about their sizes.
_DAMAGE = (
    *(ELFError, DWARFError, ConstructError, struct.error),
    *(ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError, MemoryError, AssertionError),
)
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|0|[1-9][0-9]*", re.ASCII)
_LAST_ADDRESS = 0xFFFF_FFFF
# A firmware for a microcontroller; more is something else.
_MOST_BYTES = 256 << 20


@dataclass(frozen=True)
class Function:
    """start: address of the first instruction. end: behind the last one, or behind what no other symbol claims."""

    name: str
    start: int
    end: int


class Symbols:
    """The functions of one ELF file."""

    def __init__(self, path: Path, functions: tuple[Function, ...], labels: dict[str, int]) -> None:
        self.path = path
        self.functions = functions
        self._starts = [function.start for function in functions]
        self._labels = labels

    def function_at(self, address: int) -> str | None:
        """Name of the function that holds `address`; None where no symbol does."""
        at = bisect.bisect_right(self._starts, address) - 1
        found = self.functions[at] if at >= 0 else None
        return found.name if found is not None and address < found.end else None

    def address_of(self, name: str) -> int:
        """Address of that symbol, or the number itself (`0x8000412`). Raises ToolError naming near symbols."""
        if name in self._labels:
            return self._labels[name]
        if _NUMBER.fullmatch(name):
            address = int(name, 0)
            if address > _LAST_ADDRESS:
                raise ToolError(
                    f"{self.path}: {name} is no address of a 32-bit machine; the last is {_LAST_ADDRESS:#x}"
                )
            return address & ~1
        if not self._labels:
            raise ToolError(f"{self.path}: has no symbols (stripped?), so {name!r} is nowhere; give addresses")
        near = difflib.get_close_matches(name, self._labels, n=3, cutoff=0.5)
        hint = f"; did you mean {' or '.join(near)}?" if near else "; give a symbol that is linked, or an address"
        raise ToolError(f"{self.path}: there is no symbol {name!r}{hint}")


def read_symbols(path: Path) -> Symbols:
    """The symbols of an ELF file for Arm. Raises ToolError where it is none, or damaged."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ToolError(f"{path}: larger than {_MOST_BYTES >> 20} MiB; this is no firmware")
        with path.open("rb") as stream:
            elf = ELFFile(stream)
            if elf["e_machine"] != "EM_ARM" or elf.elfclass != 32 or not elf.little_endian:
                raise ToolError(f"{path}: is an ELF file, but not for a little-endian 32-bit Arm")
            if elf["e_type"] != "ET_EXEC":
                raise ToolError(f"{path}: is not linked to run at fixed addresses (no ET_EXEC)")
            table = elf.get_section_by_name(".symtab")
            found = [] if table is None else [_symbol(symbol) for symbol in table.iter_symbols()]
    except OSError as error:
        raise ToolError(f"{path}: cannot be read: {error.strerror or error}") from error
    except _DAMAGE as error:
        raise ToolError(f"{path}: cannot be read as an ELF file: {error or type(error).__name__}") from error
    code = [symbol for symbol in found if symbol is not None]
    return Symbols(path, _functions(code), {name: start for name, start, _, _ in reversed(code)})


_Symbol = tuple[str, int, int, bool]  # name, address, bytes, whether it is a function


def _symbol(symbol: object) -> _Symbol | None:
    kind, section = symbol["st_info"]["type"], symbol["st_shndx"]  # type: ignore[index]
    name = str(symbol.name)  # type: ignore[attr-defined]
    # $t and $d are marks of the assembler, not names.
    if kind not in ("STT_FUNC", "STT_NOTYPE") or section in ("SHN_UNDEF", "SHN_ABS") or not name or name[0] == "$":
        return None
    return name, symbol["st_value"] & ~1, symbol["st_size"], kind == "STT_FUNC"  # type: ignore[index]


def _functions(symbols: list[_Symbol]) -> tuple[Function, ...]:
    """Functions with a size first; then labels of assembly, each as far as the next symbol, where no function is."""
    sized = {start: Function(name, start, start + size) for name, start, size, func in symbols if func and size}
    taken = sorted(sized.values(), key=lambda function: function.start)
    starts = sorted({start for _, start, _, _ in symbols})
    functions = dict(sized)
    begins = [function.start for function in taken]
    for name, start, _, _ in symbols:
        at = bisect.bisect_right(begins, start) - 1
        if start in functions or (at >= 0 and start < taken[at].end):
            continue
        following = bisect.bisect_right(starts, start)
        functions[start] = Function(name, start, starts[following] if following < len(starts) else 1 << 32)
    return tuple(functions[start] for start in sorted(functions))


def line_table(path: Path, file_name: str, first: int, end: int) -> tuple[tuple[int, int], ...]:
    """(address, line of `file_name`) in [first, end), sorted: each holds until the next one.

    Instructions that came from other files (inlined) keep the line that came before them. Raises ToolError.
    """
    rows: dict[int, int] = {}
    try:
        with path.open("rb") as stream:
            elf = ELFFile(stream)
            if not elf.has_dwarf_info():
                raise ToolError(f"{path}: has no debugging information; build with -g")
            dwarf = elf.get_dwarf_info()
            for unit in dwarf.iter_CUs():
                program = dwarf.line_program_for_CU(unit)
                if program is None:
                    continue
                names = [entry.name.decode("utf-8", "replace") for entry in program["file_entry"]]
                base = 0 if program["version"] >= 5 else 1
                for entry in program.get_entries():
                    state = entry.state
                    if state is None or state.end_sequence or not first <= state.address < end:
                        continue
                    if 0 <= state.file - base < len(names) and names[state.file - base].endswith(file_name):
                        rows[state.address] = state.line
    except OSError as error:
        raise ToolError(f"{path}: cannot be read: {error.strerror or error}") from error
    except _DAMAGE as error:
        raise ToolError(f"{path}: its debugging information cannot be read: {error or type(error).__name__}") from error
    return tuple(sorted(rows.items()))
