# SPDX-License-Identifier: Apache-2.0
"""Cycles: programs whose time can be worked out by hand from the tables of the technical reference manuals."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.device.profile.programs import counted
from toolchain.boards import load_board
from toolchain.core import KNOWN_CORES, known_core
from toolchain.device.profile import Kind
from toolchain.device.profile.timing import FOLDER, timing_of

EMULATED = [
    pytest.mark.arm,
    pytest.mark.emulated,
    pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="no arm-none-eabi-gcc"),
    pytest.mark.skipif(shutil.which("qemu-system-arm") is None, reason="no qemu-system-arm"),
]
# A core, and an emulated board that runs its code.
BOARDS = {
    "cortex-m0plus": "mps2-an385",
    "cortex-m3": "mps2-an385",
    "cortex-m4": "mps2-an386",
    "cortex-m7": "mps2-an500",
    "cortex-m33": "mps2-an505",
    "cortex-m55": "mps3-an547",
}


def cycles(folder: Path, core: str, work: str) -> int:
    """Of one call of `work`, up to and with its return."""
    board = replace(load_board(BOARDS[core]), core=known_core(core))
    return counted(folder, board, work).total.cycles


def test_every_core_has_a_table_and_every_table_a_core() -> None:
    assert {file.stem for file in FOLDER.glob("*.toml")} == set(KNOWN_CORES)
    for core in KNOWN_CORES:
        timing = timing_of(core)
        assert timing.source and timing.assumed
        assert timing.branch >= timing.not_taken == 1


class OnEmulatedBoards:
    """Marks for what needs emulator and compiler."""

    pytestmark = EMULATED


class TestByHand(OnEmulatedBoards):
    """Each case: the program, and core -> cycles of its lines in order; the last is BX, a jump."""

    @pytest.mark.parametrize(
        ("core", "expected"),
        [
            # MOVS, ten SUBS, nine branches taken, one not, BX
            ("cortex-m0plus", 1 + 10 * 1 + 9 * 2 + 1 + 2),
            ("cortex-m3", 1 + 10 * 1 + 9 * 3 + 1 + 3),
            ("cortex-m4", 1 + 10 * 1 + 9 * 3 + 1 + 3),
            # The branch begins beside the subtraction: it costs nothing there, or the refill.
            ("cortex-m7", 1 + 10 * 1 + 9 * 0 + 0 + 1),
            ("cortex-m33", 1 + 10 * 1 + 9 * 1 + 0 + 2),
        ],
    )
    def test_a_loop(self, core: str, expected: int, tmp_path: Path) -> None:
        assert cycles(tmp_path, core, "  movs r0, #10\n1: subs r0, #1\n  bne 1b\n  bx lr\n") == expected

    @pytest.mark.parametrize(
        ("core", "expected"),
        [
            # push {r4, r5, lr}, mov, ldr, ldr behind it, str, ldm of 2, pop {r4, r5, pc}
            ("cortex-m0plus", (1 + 3) + 1 + 2 + 2 + 2 + (1 + 2) + (3 + 3)),
            ("cortex-m3", (1 + 3) + 1 + 2 + 1 + 1 + (1 + 2) + (1 + 3 + 2)),
            ("cortex-m4", (1 + 3) + 1 + 2 + 1 + 1 + (1 + 2) + (1 + 3 + 2)),
        ],
    )
    def test_loads_and_stores(self, core: str, expected: int, tmp_path: Path) -> None:
        lines = ("push {r4, r5, lr}", "mov r0, sp", "ldr r1, [r0]", "ldr r2, [r0, #4]", "str r1, [r0]")
        work = "".join(f"  {line}\n" for line in (*lines, "ldmia r0!, {r2, r3}", "pop {r4, r5, pc}"))
        assert cycles(tmp_path, core, work) == expected

    @pytest.mark.parametrize(
        ("core", "expected"),
        [
            ("cortex-m3", 1 + 2 + 4 + 5 + 7 + 3),  # multiply, with sum, long, long with sum, divide
            ("cortex-m4", 1 + 1 + 1 + 1 + 7 + 3),
        ],
    )
    def test_multiplications(self, core: str, expected: int, tmp_path: Path) -> None:
        lines = ("mul r0, r1, r2", "mla r0, r1, r2, r3", "smull r0, r1, r2, r3", "smlal r0, r1, r2, r3")
        work = "".join(f"  {line}\n" for line in (*lines, "sdiv r0, r1, r2", "bx lr"))
        assert cycles(tmp_path, core, work) == expected

    def test_pairs_begin_together_only_without_a_dependency(self, tmp_path: Path) -> None:
        def of(*lines: str) -> int:
            return cycles(tmp_path, "cortex-m7", "".join(f"  {line}\n" for line in (*lines, "nop", "bx lr"))) - 2

        assert of("add r0, r1, r2", "add r3, r1, r2") == 1
        assert of("add r0, r1, r2", "add r3, r0, r2") == 2
        assert of("add r0, r1, r2", "add r0, r1, r3") == 2
        assert of("mul r0, r1, r2", "mul r3, r1, r2") == 2  # one multiplier
        assert of("mul r0, r1, r2", "add r3, r1, r2") == 1
        assert of("ldr r0, [sp]", "ldr r1, [sp, #4]") == 1  # two loads may
        assert of("str r0, [sp, #-4]", "str r1, [sp, #-8]") == 2
        assert of("add r0, r1, r2, lsl #2", "add r3, r1, r2, lsl #2") == 2  # one shifter
        assert of("add r0, r1, r2", "add r3, r1, r2", "add r12, r1, r2") == 2

    def test_helium_of_two_units_overlaps(self, tmp_path: Path) -> None:
        board = load_board(BOARDS["cortex-m55"])
        enable = "  ldr r0, =0xe000ed88\n  ldr r1, [r0]\n  orr r1, r1, #0xf00000\n  str r1, [r0]\n  dsb\n  isb\n"
        body = "  bl vectors\n  pop {r4, pc}\n.ltorg\n"
        vectors = ".type vectors, %function\nvectors:\n  vmov.i8 q0, #1\n{}  bx lr\n.size vectors, . - vectors\n"

        def of(*lines: str) -> int:
            more = vectors.format("".join(f"  {line}\n" for line in lines))
            done = counted(tmp_path, board, "  push {r4, lr}\n" + enable + body, more)
            (called,) = done.calls
            assert called.own.kinds[Kind.BRANCH_TAKEN] == 1
            return called.own.cycles - 2 - 2  # vmov, bx

        assert of("vadd.i8 q1, q0, q0") == 2  # behind another of its kind
        assert of("vmladav.s8 r0, q0, q0") == 1  # behind one of another
        assert of("vmladav.s8 r0, q0, q0", "vmladav.s8 r2, q0, q0") == 1 + 2
