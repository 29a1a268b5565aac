# SPDX-License-Identifier: Apache-2.0
"""cycles_of: a block of instructions by a core's table. In order, each behind the one before it.

On a core that begins two instructions in one cycle, the second of a pair costs one cycle less: `goes_beside` says
which may be a pair.
"""

import re
from collections.abc import Sequence

from toolchain.device.profile.instructions import Instruction, Kind
from toolchain.device.profile.timing import Timing

_SINGLE = (Kind.LOAD, Kind.STORE)
_VECTOR = (Kind.VECTOR_LOAD, Kind.VECTOR_STORE, Kind.VECTOR_MAC, Kind.VECTOR_OTHER)


def cycles_of(
    timing: Timing, block: Sequence[Instruction], before: Instruction | None = None, *, taken: bool = True
) -> list[int]:
    """Cycles of each instruction of a block. taken: whether its last one, where it is conditional, was carried out.

    before: the instruction that ran right before, where the block was entered without a jump.
    """
    found, alone = [], True
    for instruction in block:
        beside = before is not None and not alone and goes_beside(timing, before, instruction)
        cycles = _cycles(timing, instruction, before, taken=taken)
        found.append(max(cycles - 1, 0) if beside else cycles)
        before, alone = instruction, beside
    return found


def _cycles(timing: Timing, instruction: Instruction, before: Instruction | None, *, taken: bool) -> int:
    kind, mnemonic = instruction.kind, instruction.mnemonic
    if kind is Kind.BRANCH_TAKEN:
        return _branch(timing, mnemonic, instruction.conditional, taken)
    pc = timing.pc if instruction.leaves and (taken or not instruction.conditional) else 0
    if kind is Kind.LOAD:
        follows = before is not None and before.kind in _SINGLE
        return (timing.load_pipelined if follows else timing.load) + pc
    if kind is Kind.STORE:
        return timing.store
    if kind in (Kind.LOAD_MULTIPLE, Kind.STORE_MULTIPLE):
        return timing.multiple + instruction.n_registers + pc
    if kind is Kind.MULTIPLY:
        return _multiply(timing, mnemonic)
    if kind is Kind.DIVIDE:
        return timing.divide
    if kind in _VECTOR:
        overlaps = before is not None and before.kind in _VECTOR and before.kind is not kind
        return timing.vector_overlapped if overlaps else timing.vector
    if kind is Kind.FLOAT:
        return _float(timing, mnemonic)
    if mnemonic.startswith(("msr", "mrs", "dsb", "dmb", "isb")):
        return timing.system
    return timing.data + pc


def _branch(timing: Timing, mnemonic: str, conditional: bool, taken: bool) -> int:
    if mnemonic.startswith(("le", "wls")):
        return timing.loop_end if taken else timing.not_taken
    if conditional:
        return timing.branch if taken else timing.not_taken
    if mnemonic.startswith("tb"):
        return timing.table_jump
    return timing.call if mnemonic == "bl" else timing.jump


def _multiply(timing: Timing, mnemonic: str) -> int:
    if mnemonic.startswith(("smlal", "umlal", "umaal", "smlald", "smlsld")):
        return timing.multiply_accumulate_long
    if mnemonic.startswith(("smull", "umull")):
        return timing.multiply_long
    if mnemonic.startswith(("ml", "smla", "smls", "smmla", "smmls", "usada")):
        return timing.multiply_accumulate
    return timing.multiply


def _float(timing: Timing, mnemonic: str) -> int:
    if mnemonic.startswith(("vdiv", "vsqrt")):
        return timing.float_divide
    if mnemonic.startswith(("vmla", "vmls", "vfm", "vnmla", "vnmls", "vfnm")):
        return timing.float_accumulate
    return timing.float


# What there is one of, by the kinds that need it. What is in no unit has two of its own; ALONE begins by itself.
_UNITS = {
    Kind.MULTIPLY: "multiplier",
    Kind.SHIFT: "shifter",
    Kind.WIDEN: "shifter",
    Kind.STORE: "store",
    Kind.FLOAT: "float",
    Kind.BRANCH_TAKEN: "branch",
}
_ALONE = (*_VECTOR, Kind.LOAD_MULTIPLE, Kind.STORE_MULTIPLE, Kind.DIVIDE, Kind.OTHER)


def goes_beside(timing: Timing, first: Instruction, second: Instruction) -> bool:
    """Whether the two begin in the same cycle: two instructions a cycle, no unit twice, no result needed at once."""
    if timing.issue < 2 or first.leaves or first.kind in _ALONE or second.kind in _ALONE:
        return False
    if timing.narrow_only and (first.n_bytes > 2 or second.n_bytes > 2):
        return False
    unit = _unit(first)
    if unit is not None and unit == _unit(second):
        return False
    if first.kind in _SINGLE and second.kind in _SINGLE and timing.loads < 2:
        return False
    written = _written(first)
    return not written & (_read(second) | _written(second))


def _unit(instruction: Instruction) -> str | None:
    if re.search(r", (asr|lsl|lsr|ror|rrx)", instruction.operands) and instruction.kind not in _SINGLE:
        return "shifter"
    return _UNITS.get(instruction.kind)


_REGISTER = re.compile(r"\b(?:[rsd]\d+|sp|lr|pc)\b")


def _written(instruction: Instruction) -> set[str]:
    """Core registers that it changes, flags left out: the branch behind a comparison is predicted."""
    operands = instruction.operands
    registers = _REGISTER.findall(operands)
    kind = instruction.kind
    written = set()
    if kind not in (Kind.STORE, Kind.COMPARE, Kind.BRANCH_TAKEN):
        both = instruction.mnemonic.startswith(("smull", "umull", "smlal", "umlal", "umaal"))
        written |= set(registers[: 2 if both else 1])
    if kind in _SINGLE and ("!" in operands or "], " in operands):
        base = _REGISTER.search(operands, operands.index("["))
        written |= {base[0]} if base else set()
    return written


def _read(instruction: Instruction) -> set[str]:
    registers = _REGISTER.findall(instruction.operands)
    parts = instruction.operands.count(",") + 1
    replaces = instruction.kind is Kind.LOAD or instruction.mnemonic.startswith(("mov", "mvn")) or parts > 2
    keeps = instruction.kind in (Kind.STORE, Kind.COMPARE, Kind.BRANCH_TAKEN) or not replaces
    return set(registers if keeps else registers[1:])
