# SPDX-License-Identifier: Apache-2.0
"""LinkedSizes: where every byte of a linked firmware went, read from its ELF file and the linker's map.

The ELF says how large sections, regions and symbols are; the map says from which object file each piece came, and so
to which part of the project it belongs (model, kernels, frontend, platform, app, library).

    flash   code | constants | weights | initial values         RAM   arena | stack | rest

`weights` is the sum of the symbols in model/weights.*, to the byte what the generator counted; padding between them
is part of `constants`. An initial value stands in flash, its variable in RAM (rest).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from toolchain.boards import Board, MemoryKind
from toolchain.errors import ToolError
from toolchain.measure import How, Measure

# Output sections of firmware_templates/project/platform/memory.ld, by what they hold.
_CODE = (".vectors", ".text", ".ARM.exidx")
_CONSTANTS = (".weights", ".rodata")
_IN_RAM = (".stack", ".data", ".arena", ".bss")


@dataclass(frozen=True)
class RegionUse:
    """One memory of the board: bytes that the firmware takes there, and bytes that there are."""

    memory: str
    kind: MemoryKind
    used_bytes: int
    n_bytes: int


@dataclass(frozen=True)
class Contribution:
    """What one part of the project put into flash and RAM. part: a folder of the project, or `library`."""

    part: str
    code_bytes: int
    constant_bytes: int
    ram_bytes: int


@dataclass(frozen=True)
class LinkedSizes:
    """All in bytes; those of flash, and those of RAM, add up to what the firmware takes there.

    kernel_files: name of a C file in kernels/ -> what it put into flash.
    """

    code: int
    constants: int
    weights: int
    initial_values: int
    arena: int
    stack: int
    rest: int
    regions: tuple[RegionUse, ...]
    contributions: tuple[Contribution, ...]
    kernel_files: Mapping[str, int]
    symbols: Mapping[str, int]

    @property
    def flash(self) -> int:
        """Everything in flash."""
        return self.code + self.constants + self.weights + self.initial_values

    @property
    def ram(self) -> int:
        """Everything in RAM, the reserved stack included."""
        return self.arena + self.stack + self.rest

    def measures(self) -> tuple[Measure, ...]:
        """Each figure with its name, unit and origin."""
        figures = {
            "flash": self.flash,
            "code": self.code,
            "constants": self.constants,
            "weights": self.weights,
            "initial values": self.initial_values,
            "RAM": self.ram,
            "arena": self.arena,
            "stack": self.stack,
            "rest": self.rest,
        }
        return tuple(Measure(name, value, "B", How.LINKED) for name, value in figures.items())


@dataclass(frozen=True)
class _Symbol:
    name: str
    section: str
    n_bytes: int


def read_linked(elf: Path, linker_map: Path, board: Board, arena_symbol: str) -> LinkedSizes:
    """The sizes of `elf`. arena_symbol: the static array of the network's activations.

    Raises ToolError where a file cannot be read or is no firmware of ours.
    """
    try:
        with elf.open("rb") as stream:
            parsed = ELFFile(stream)
            sections = {
                section.name: section["sh_size"] for section in parsed.iter_sections() if section["sh_flags"] & 2
            }
            symbols = tuple(_symbols(parsed))
            regions = _regions(parsed, board)
        text = linker_map.read_text(encoding="utf-8", errors="replace")
        contributions, kernel_files = _contributions(text), _kernel_files(text)
    except (OSError, ELFError) as error:
        raise ToolError(f"{elf}: cannot be read as a firmware: {error}") from error
    if ".vectors" not in sections or ".stack" not in sections:
        raise ToolError(f"{elf}: is not linked by a Subbyte project: there is no .vectors or no .stack in it")
    weights = sum(symbol.n_bytes for symbol in symbols if symbol.section == ".weights")
    # A static variable of C++ has its length before its name (Itanium C++ ABI, 5.1.2: internal linkage).
    arena_names = (arena_symbol, f"_ZL{len(arena_symbol)}{arena_symbol}")
    arena = sum(symbol.n_bytes for symbol in symbols if symbol.name in arena_names)
    in_ram = sum(sections.get(name, 0) for name in _IN_RAM)
    return LinkedSizes(
        code=sum(sections.get(name, 0) for name in _CODE),
        constants=sum(sections.get(name, 0) for name in _CONSTANTS) - weights,
        weights=weights,
        initial_values=sections.get(".data", 0),
        arena=arena,
        stack=sections[".stack"],
        rest=in_ram - arena - sections[".stack"],
        regions=regions,
        contributions=contributions,
        kernel_files=kernel_files,
        symbols={symbol.name: symbol.n_bytes for symbol in symbols},
    )


@dataclass(frozen=True)
class LoadedBytes:
    """What any linked file takes: flash with the initial values of variables, RAM with them again."""

    flash: int
    ram: int


def read_loaded(elf: Path) -> LoadedBytes:
    """The sizes of anybody's ELF file, by its sections. Raises ToolError where it cannot be read."""
    flash = ram = 0
    try:
        with elf.open("rb") as stream:
            for section in ELFFile(stream).iter_sections():
                flags, n_bytes = section["sh_flags"], section["sh_size"]
                if flags & 2:  # SHF_ALLOC
                    flash += n_bytes if section["sh_type"] != "SHT_NOBITS" else 0
                    ram += n_bytes if flags & 1 else 0  # SHF_WRITE
    except (OSError, ELFError) as error:
        raise ToolError(f"{elf}: cannot be read as a firmware: {error}") from error
    return LoadedBytes(flash, ram)


def _symbols(elf: ELFFile) -> list[_Symbol]:
    table = elf.get_section_by_name(".symtab")
    if table is None:
        raise ELFError("it has no symbol table")
    names = {index: section.name for index, section in enumerate(elf.iter_sections())}
    return [
        _Symbol(symbol.name, names.get(symbol["st_shndx"], ""), symbol["st_size"])
        for symbol in table.iter_symbols()
        if symbol["st_info"]["type"] in ("STT_OBJECT", "STT_FUNC")
    ]


def _regions(elf: ELFFile, board: Board) -> tuple[RegionUse, ...]:
    used = dict.fromkeys((memory.name for memory in board.memories), 0)
    for section in elf.iter_sections():
        if not section["sh_flags"] & 2 or section["sh_size"] == 0:  # SHF_ALLOC
            continue
        for address in {section["sh_addr"], _load_address(elf, section)}:
            for memory in board.memories:
                if memory.start <= address < memory.end:
                    used[memory.name] += section["sh_size"]
    return tuple(RegionUse(memory.name, memory.kind, used[memory.name], memory.n_bytes) for memory in board.memories)


def _load_address(elf: ELFFile, section: object) -> int:
    """Where the section's bytes lie before start-up copies them; its own address where they stay."""
    if section["sh_type"] == "SHT_NOBITS":  # type: ignore[index]
        return int(section["sh_addr"])  # type: ignore[index]
    for segment in elf.iter_segments():
        if segment["p_type"] == "PT_LOAD" and segment.section_in_segment(section):
            return int(section["sh_addr"] - segment["p_vaddr"] + segment["p_paddr"])  # type: ignore[index]
    return int(section["sh_addr"])  # type: ignore[index]


# ` .text.crc32_of   0x08000040   0x38 build/firmware/app/crc.c.o`; a long name has a line of its own before the rest.
_PIECE = re.compile(r"^ (\.\S+)\s+0x([0-9a-f]+)\s+0x([0-9a-f]+) (\S.*)$", re.MULTILINE)
# ` *fill*   0x08000070   0x4`: up to the alignment that the next piece asks for.
_FILL = re.compile(r"^ \*fill\*\s+0x[0-9a-f]+\s+0x([0-9a-f]+)", re.MULTILINE)
_OUTPUT = re.compile(r"^(\.\S+)\s+0x[0-9a-f]+\s+0x[0-9a-f]+", re.MULTILINE)


_KERNEL_FILE = re.compile(r"(?:^|/)kernels/([^/]+)\.o$")


def _placed(text: str) -> list[str]:
    """The lines of the linker's map that say where each piece lies, one a piece."""
    _, found, placed = text.partition("\nLinker script and memory map\n")
    if not found:
        raise ELFError("the linker's map has no memory map")
    return re.sub(r"^( ?\.\S+)\n +0x", r"\1 0x", placed, flags=re.MULTILINE).splitlines()


def _kernel_files(text: str) -> dict[str, int]:
    """Code and constants of each file of kernels/, what fills up to an alignment left out."""
    sums: dict[str, int] = {}
    for line in _placed(text):
        piece = _PIECE.match(line)
        if piece and piece[1].startswith((".text", ".rodata")) and (file := _KERNEL_FILE.search(piece[4])):
            sums[file[1]] = sums.get(file[1], 0) + int(piece[3], 16)
    return dict(sorted(sums.items()))


def _contributions(text: str) -> tuple[Contribution, ...]:
    """Bytes by part of the project, in alphabetical order, `library` last."""
    sums: dict[str, list[int]] = {}
    output, filled = "", 0
    for line in _placed(text):
        if begun := _OUTPUT.match(line):
            output, filled = begun[1], 0
        elif fill := _FILL.match(line):
            filled += int(fill[1], 16)
        elif (piece := _PIECE.match(line)) and (column := _column(output)) is not None:
            sums.setdefault(_part_of(piece[4]), [0, 0, 0])[column] += filled + int(piece[3], 16)
            filled = 0
    return tuple(Contribution(part, *sums[part]) for part in sorted(sums, key=lambda part: (part == "library", part)))


def _column(output: str) -> int | None:
    for column, names in enumerate((_CODE, _CONSTANTS, _IN_RAM)):
        if output in names:
            return column
    return None


def _part_of(path: str) -> str:
    """`kernels` of `build/firmware/kernels/sb_add_s8.c.o`; `library` of a member of an archive."""
    found = re.search(r"(?:^|/)(app|model|kernels|frontend|platform)/[^/]+\.(?:o|obj)$", path)
    return found[1] if found else "library"
