# SPDX-License-Identifier: Apache-2.0
"""Instructions: what the bytes of a Trace's blocks say, and of which kind each one is.

Only what ran is decoded, from the bytes that the emulator itself saw: no section or symbol of the ELF file is
trusted for it, and code that was copied to RAM counts like any other. objdump does the decoding.
"""

import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from toolchain.device.process import run_tool
from toolchain.device.profile.trace import Block
from toolchain.errors import ToolError

OBJDUMP = "arm-none-eabi-objdump"
_SECONDS = 120


class Kind(StrEnum):
    """What an instruction does, as far as it matters for time. A branch's kind follows from where it led."""

    LOAD = "load"
    STORE = "store"
    LOAD_MULTIPLE = "load multiple"  # LDM, POP, LDRD, VLDM
    STORE_MULTIPLE = "store multiple"
    MULTIPLY = "multiply"  # with or without accumulation, and USAD8
    DIVIDE = "divide"
    WIDEN = "widen"  # extend, pack, pick bits, turn bytes round
    SHIFT = "shift"  # and saturate
    ARITHMETIC = "arithmetic"  # and logic, and moves
    COMPARE = "compare"
    BRANCH_TAKEN = "branch taken"
    BRANCH_NOT_TAKEN = "branch not taken"
    VECTOR_LOAD = "vector load"
    VECTOR_STORE = "vector store"
    VECTOR_MAC = "vector multiply"
    VECTOR_OTHER = "vector other"
    FLOAT = "float"
    OTHER = "other"  # IT, NOP, barriers, special registers, loop start


@dataclass(frozen=True)
class Instruction:
    """One decoded instruction. kind: BRANCH_TAKEN for every branch. n_registers: in the list of a load or store.

    leaves: it may go elsewhere than to the next instruction. conditional: it need not.
    """

    address: int
    n_bytes: int
    mnemonic: str
    operands: str
    kind: Kind
    n_registers: int
    leaves: bool
    conditional: bool


_CONDITION = "eq|ne|cs|hs|cc|lo|mi|pl|vs|vc|hi|ls|ge|lt|gt|le|al"
_BRANCH = re.compile(rf"(b|bl|bx|blx|bxns|blxns|bxaut)({_CONDITION})?|cbn?z|tb[bh]|le|letp|wls|wlstp\.?\w*")
_CONDITIONAL_BRANCH = re.compile(rf"(b|bl|bx|blx)({_CONDITION})|cbn?z|le|letp|wls.*")
# The first pattern that matches the beginning of a mnemonic says its kind.
_KINDS = tuple(
    (re.compile(pattern), kind)
    for pattern, kind in (
        (r"ldrd|ldm|pop|ldmia|ldmdb", Kind.LOAD_MULTIPLE),
        (r"strd|stm|push", Kind.STORE_MULTIPLE),
        (r"ld", Kind.LOAD),
        (r"st", Kind.STORE),
        (r"[su]div", Kind.DIVIDE),
        (r"ml[as]|mul|sm(ul|la|ls|mu|ml|ua|us)|um(ul|la|aa)|usad", Kind.MULTIPLY),
        (r"[su]xt|pkh|rev|sel|[su]bfx|bf[ci]|bfl", Kind.WIDEN),
        (r"lsl|lsr|asr|ror|rrx|[su]sat|u?q(d?add|d?sub|asx|sax)|[su]q?r?sh[lr]", Kind.SHIFT),
        (r"cm[pn]|tst|teq", Kind.COMPARE),
        (r"ad|sb|sub|rs[bc]|mov|mvn|neg|and|orr|orn|eor|bic|clz|rbit|cpy", Kind.ARITHMETIC),
        (r"cs(el|in|ne|et)|c(inc|inv|neg)|[su]h?(add|sub|asx|sax)", Kind.ARITHMETIC),
    )
)
_VECTOR_KINDS = tuple(
    (re.compile(pattern), kind)
    for pattern, kind in (
        (r"vld", Kind.VECTOR_LOAD),
        (r"vst", Kind.VECTOR_STORE),
        (r"v(q?r?d?|r)?ml|v(q?r?d?|r)?mul|vfm|vcm(la|ul)|vabav", Kind.VECTOR_MAC),
    )
)
_PREDICATION = re.compile(r"vps[te]|vpt|vpnot|vpsel|vctp")


def _kind(mnemonic: str, operands: str) -> Kind:
    if mnemonic.startswith("v"):
        if re.search(r"\bq\d", operands) or _PREDICATION.match(mnemonic):
            return next((kind for pattern, kind in _VECTOR_KINDS if pattern.match(mnemonic)), Kind.VECTOR_OTHER)
        for prefix, kind in (
            (r"vldm|vpop", Kind.LOAD_MULTIPLE),
            (r"vstm|vpush", Kind.STORE_MULTIPLE),
            (r"vldr", Kind.LOAD),
            (r"vstr", Kind.STORE),
        ):
            if re.match(prefix, mnemonic):
                return kind
        return Kind.FLOAT
    if mnemonic.startswith("mov") and re.search(r", (asr|lsl|lsr|ror|rrx)", operands):
        return Kind.SHIFT
    return next((kind for pattern, kind in _KINDS if pattern.match(mnemonic)), Kind.OTHER)


def _n_registers(mnemonic: str, operands: str) -> int:
    """Words that a load or store multiple moves."""
    if re.match("ldrd|strd", mnemonic):
        return 2
    found = re.search(r"\{([^}]*)\}", operands)
    total = 0
    for part in found[1].split(",") if found else ():
        first, _, last = part.strip().partition("-")
        n = int(last[1:]) - int(first[1:]) + 1 if last else 1
        total += 2 * n if first.startswith("d") else n
    return total


def _instruction(address: int, n_bytes: int, mnemonic: str, operands: str) -> Instruction:
    bare = mnemonic.removesuffix(".n").removesuffix(".w")
    if _BRANCH.fullmatch(bare):
        conditional = _CONDITIONAL_BRANCH.fullmatch(bare) is not None
        return Instruction(address, n_bytes, bare, operands, Kind.BRANCH_TAKEN, 0, True, conditional)
    kind = _kind(bare, operands)
    several = kind in (Kind.LOAD_MULTIPLE, Kind.STORE_MULTIPLE)
    loads_pc = kind in (Kind.LOAD, Kind.LOAD_MULTIPLE) and re.search(r"\{[^}]*\bpc\}|^pc,", operands) is not None
    moves_to_pc = kind in (Kind.ARITHMETIC, Kind.SHIFT) and operands.startswith("pc,")
    conditional = loads_pc and re.fullmatch(rf"(ldr|pop|ldm\w*?)({_CONDITION})", bare) is not None
    return Instruction(
        address, n_bytes, bare, operands, kind, _n_registers(bare, operands) if several else 0,
        loads_pc or moves_to_pc, conditional,
    )  # fmt: skip


# Between two blocks, so that no IT or VPST of one reaches into the next.
_GAP = bytes.fromhex("00bf") * 8
_LINE = re.compile(r"^\s*([0-9a-f]+):\t([0-9a-f ]+?)\s*\t(\S+)(?:\t([^@;]*))?")


def decode_blocks(blocks: Mapping[int, Block]) -> dict[int, tuple[Instruction, ...]]:
    """The instructions of each block. Raises ToolError where objdump is missing, or gives other lengths."""
    image, starts = bytearray(), {}
    for index, block in blocks.items():
        image += _GAP
        starts[index] = len(image)
        image += block.code
    with tempfile.TemporaryDirectory(prefix="subbyte-decode-") as name:
        file = Path(name) / "code.bin"
        file.write_bytes(image)
        # Armv8.1-M Mainline with all its extensions: every other M-profile core's instructions are among its own.
        options = ("-D", "-z", "-b", "binary", "-m", "armv8.1-m.main", "-M", "force-thumb")
        done = run_tool((OBJDUMP, *options, str(file)), timeout_s=_SECONDS)
    if done.status != 0:
        raise ToolError(f"{OBJDUMP} cannot decode what ran:{done.last_words()}")
    found = {}
    for line in done.output.splitlines():
        if match := _LINE.match(line):
            found[int(match[1], 16)] = (len(match[2].replace(" ", "")) // 2, match[3], (match[4] or "").strip())
    return {index: _decoded(block, starts[index], found) for index, block in blocks.items()}


def _decoded(block: Block, start: int, found: Mapping[int, tuple[int, str, str]]) -> tuple[Instruction, ...]:
    instructions = []
    at = 0
    while at < len(block.code):
        if start + at not in found:
            raise ToolError(f"{OBJDUMP} sees no instruction at 0x{block.start + at:08x}, where the emulator saw one")
        n_bytes, mnemonic, operands = found[start + at]
        instructions.append(_instruction(block.start + at, n_bytes, mnemonic, operands))
        at += n_bytes
    return tuple(instructions)
