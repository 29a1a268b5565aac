# SPDX-License-Identifier: Apache-2.0
"""What may stand in a boards/<id>.toml, key by key, each table with its source.

pydantic knows the keys and types; this file adds what one value must look like. What two values must be to each
other (overlaps, limits against memories) is checked in boards/read.py. Texts end in C comments, Makefiles and
command lines, so their characters are limited here.
"""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from toolchain.boards.board import ConsoleKind, MemoryKind
from toolchain.core import Fpu

ADDRESS_END = 1 << 32

# One line that can neither end a C comment or string nor start a make or CMake expansion.
Text = Annotated[str, StringConstraints(pattern=r'^[^\x00-\x1f\x7f$`"\\*]+$', max_length=400)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,30}$")]
# A word on a command line: no space, no quote, no leading dash.
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/+-]{0,100}$")]
Unsigned32 = Annotated[int, Field(ge=0, lt=ADDRESS_END, strict=True)]
RegisterAddress = Annotated[int, Field(ge=0, lt=ADDRESS_END, multiple_of=4, strict=True)]
Positive = Annotated[int, Field(gt=0, lt=ADDRESS_END, strict=True)]
Kibibytes = Annotated[int, Field(gt=0, le=ADDRESS_END, multiple_of=1024, strict=True)]
Flag = Annotated[bool, Field(strict=True)]


class Table(BaseModel):
    """A table of the file: no key but the declared ones."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Sourced(Table):
    """A table of facts and the document that they are from."""

    source: Text


class McuTable(Sourced):
    """[mcu]. What is not given is what Arm offers with that core; `caches`: enable the L1 caches at start-up."""

    part: Text
    core: str
    fpu: Fpu | None = None
    dsp: Flag | None = None
    mve: Flag | None = None
    caches: Flag = False


class MemoryTable(Sourced):
    """[[memory]]"""

    name: Name
    start: Annotated[int, Field(ge=0, lt=ADDRESS_END, multiple_of=1024, strict=True)]
    bytes: Kibibytes
    kind: MemoryKind

    @model_validator(mode="after")
    def _ends_within_32_bits(self) -> Self:
        if self.start + self.bytes > ADDRESS_END:
            raise ValueError("the region ends beyond the 32-bit address space")
        return self


class StepTable(Table):
    """[[clock.step]] and [[console.step]]: one register access, or a pause."""

    what: Text
    address: RegisterAddress | None = None
    write: Unsigned32 | None = None
    clear: Unsigned32 | None = None
    set: Unsigned32 | None = None
    until: Unsigned32 | None = None
    equals: Unsigned32 | None = None
    pause_cycles: Annotated[int, Field(gt=0, le=1_000_000, strict=True)] | None = None

    @model_validator(mode="after")
    def _is_one_kind_of_access(self) -> Self:
        stores = self.write is not None
        changes = self.clear is not None or self.set is not None
        waits = self.until is not None or self.equals is not None
        pauses = self.pause_cycles is not None
        if stores + changes + waits + pauses != 1:
            raise ValueError("give one of: `write`; `clear` and/or `set`; `until` with `equals`; `pause_cycles`")
        if pauses == (self.address is not None):
            raise ValueError("a pause has no `address`, everything else needs one")
        if waits and (self.until is None or self.equals is None or self.equals & ~self.until):
            raise ValueError("`equals` must be given with `until`, and have no bit outside it")
        return self


class ClockTable(Sourced):
    """[clock]"""

    hz: Positive
    step: tuple[StepTable, ...] = ()


class ConsoleTable(Sourced):
    """[console]"""

    kind: ConsoleKind
    base: RegisterAddress = 0
    baud: Annotated[int, Field(ge=0, le=10_000_000, strict=True)] = 0
    step: tuple[StepTable, ...] = ()

    @model_validator(mode="after")
    def _uart_has_an_address(self) -> Self:
        given = (self.base != 0, self.baud != 0)
        if given != ((False, False) if self.kind is ConsoleKind.SEMIHOSTING else (True, True)):
            raise ValueError("a UART needs `base` and `baud`, semihosting has neither")
        return self


class LimitsTable(Sourced):
    """[limits]. stack_bytes: whole double words, as the procedure call standard aligns the stack."""

    flash_bytes: Positive
    ram_bytes: Positive
    stack_bytes: Annotated[int, Field(ge=256, lt=ADDRESS_END, multiple_of=8, strict=True)]


class BuildTable(Sourced):
    """[build]: names of regions. What is not given follows `code` and `data`, and these the first of their kind."""

    code: Name | None = None
    constants: Name | None = None
    data: Name | None = None
    arena: Name | None = None


class FlashTable(Sourced):
    """[flash]"""

    openocd: tuple[Word, ...] = ()
    pyocd: Word | None = None
    st_flash: Flag = False

    @model_validator(mode="after")
    def _names_a_tool(self) -> Self:
        if not (self.openocd or self.pyocd or self.st_flash):
            raise ValueError("name at least one of `openocd`, `pyocd`, `st_flash`")
        return self


class PowerTable(Sourced):
    """[power]. Current of the whole chip while the core runs from flash, per megahertz, and the voltage it flows at."""

    run_ua_per_mhz: Annotated[float, Field(gt=0, lt=10_000)]
    volts: Annotated[float, Field(gt=0, lt=6)]


class EmulateTable(Sourced):
    """[emulate]"""

    machine: Word


class BoardFile(Table):
    """The whole file."""

    name: Text
    mcu: McuTable
    memory: Annotated[tuple[MemoryTable, ...], Field(min_length=2)]
    clock: ClockTable
    console: ConsoleTable
    limits: LimitsTable
    build: BuildTable | None = None
    flash: FlashTable | None = None
    emulate: EmulateTable | None = None
    power: PowerTable | None = None
