# SPDX-License-Identifier: Apache-2.0
"""profile_elf: what runs between two symbols of anybody's firmware, counted to the instruction.

The firmware need not be ours, nor end by itself: the emulator is stopped once the second symbol is reached. Only its
symbol table is asked for names; a stripped file works with addresses.
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from toolchain.device.profile.calls import Call, call_tree
from toolchain.device.profile.symbols import read_symbols
from toolchain.device.profile.timing import timing_of
from toolchain.device.profile.trace import Span, trace_run
from toolchain.errors import ToolError
from toolchain.files import temporary_files


@dataclass(frozen=True)
class ElfProfile:
    """run: everything that ran, from the function or label `first` on. core: whose timing table gave the cycles."""

    elf: Path
    core: str
    first: str
    last: str | None
    run: Call


@temporary_files()
def profile_elf(
    elf: Path,
    emulator: Sequence[str],
    core: str,
    first: str,
    last: str | None = None,
    *,
    timeout_s: float = 60.0,
    files: Mapping[str, bytes] | None = None,
) -> ElfProfile:
    """Run `elf` and count from symbol or address `first` until `last` is reached; without it, until `first` returns.

    emulator: from emulator_command or machine_command. core: of core.KNOWN_CORES. files: that the firmware opens by
    semihosting, by their names.

    Raises ToolError where the file is damaged, a symbol is missing or never reached, both are the same place, or the
    time is up.
    """
    symbols = read_symbols(elf)
    start = symbols.address_of(first)
    end = None if last is None else symbols.address_of(last)
    if start == end:
        raise ToolError(f"{elf}: {first} and {last} are one place; without an end, {first} is counted until it returns")
    span = Span(start, first, end, last or "", stop=True)
    with tempfile.TemporaryDirectory(prefix="subbyte-profile-") as folder:
        for name, content in (files or {}).items():
            (Path(folder) / name).write_bytes(content)
        trace, _ = trace_run(emulator, elf, span, Path(folder), timeout_s=timeout_s)
    return ElfProfile(elf, core, first, last, call_tree(trace, symbols, timing_of(core)).root)
