# SPDX-License-Identifier: Apache-2.0
"""Timing: how many cycles a core takes for each kind of instruction, as a table with its source; an estimate.

Memory without wait states, no interrupts, caches that always hit. One file a core, timing/<core>.toml; `assumed`
says what is not in any public document.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Timing:
    """Cycles of one core.

    load: a single load; load_pipelined: right behind another single load or store. store likewise.
    multiple: of a load or store of n registers, beside one for each. pc: on top where a load or move changes the PC.
    multiply_long, multiply_accumulate, multiply_accumulate_long: of MULL; MLA and its kin; MLAL.
    branch, not_taken: of a conditional branch that is taken or not. call: BL. jump: B without condition, BX, BLX.
    table_jump: TBB and TBH. loop_end: LE where it goes back. vector: of a Helium instruction; vector_overlapped:
    behind one of another unit. issue: instructions that may begin in one cycle; loads: of them loads; narrow_only: only
    16-bit ones begin beside each other.
    """

    core: str
    source: str
    assumed: tuple[str, ...]
    data: int
    load: int
    load_pipelined: int
    store: int
    multiple: int
    pc: int
    multiply: int
    multiply_accumulate: int
    multiply_long: int
    multiply_accumulate_long: int
    divide: int
    branch: int
    not_taken: int
    call: int
    jump: int
    system: int
    table_jump: int = 0
    loop_end: int = 0
    float: int = 0
    float_accumulate: int = 0
    float_divide: int = 0
    vector: int = 0
    vector_overlapped: int = 0
    issue: int = 1
    loads: int = 1
    narrow_only: bool = False


@cache
def timing_of(core: str) -> Timing:
    """The table of that core, one of core.KNOWN_CORES."""
    table = tomllib.loads((FOLDER / f"{core}.toml").read_text(encoding="utf-8"))
    return Timing(
        core=core,
        source=table["source"],
        assumed=tuple(table.get("assumed", ())),
        **table["cycles"],
        **table.get("issue", {}),
    )
