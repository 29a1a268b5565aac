# SPDX-License-Identifier: Apache-2.0
"""The counts are exact: programs whose every instruction is known beforehand, on every emulated board."""

import shutil
from pathlib import Path

import pytest

from tests.device.profile.programs import counted
from toolchain.boards import board_ids, load_board
from toolchain.device.profile import Kind

pytestmark = [
    pytest.mark.arm,
    pytest.mark.emulated,
    pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="no arm-none-eabi-gcc"),
    pytest.mark.skipif(shutil.which("qemu-system-arm") is None, reason="no qemu-system-arm"),
]

EMULATED = [name for name in board_ids() if load_board(name).emulation is not None]

LOOP = """
  ldr r0, =100000
1: subs r0, #1
  bne 1b
  bx lr
.ltorg
"""


@pytest.mark.parametrize("name", EMULATED)
def test_a_loop_of_known_length_counts_exactly(name: str, tmp_path: Path) -> None:
    done = counted(tmp_path, load_board(name), LOOP)
    assert done.function == "work" and done.calls == ()
    assert done.total.kinds == {
        Kind.LOAD: 1,
        Kind.ARITHMETIC: 100_000,
        Kind.BRANCH_TAKEN: 99_999 + 1,  # and BX
        Kind.BRANCH_NOT_TAKEN: 1,
    }
    assert done.total.instructions == 200_002


CALLS = """
  push {r4, lr}
  movs r4, #3
1: bl even
  subs r4, #1
  bne 1b
  pop {r4}
  pop {r3}
  mov lr, r3
  b tail
"""
# even branches over an instruction where the lowest bit of r4 is 0; for 3, 2, 1 once.
FUNCTIONS = """
.type even, %function
even:
  lsls r0, r4, #31
  beq 1f
  nop
1: bx lr
.size even, . - even
.type tail, %function
tail:
  movs r0, #5
1: subs r0, #1
  cmp r0, #2
  bgt 1b
  bx lr
.size tail, . - tail
"""


@pytest.mark.parametrize("name", EMULATED)
def test_calls_tail_calls_and_branches_are_told_apart(name: str, tmp_path: Path) -> None:
    done = counted(tmp_path, load_board(name), CALLS, FUNCTIONS)
    by_name = {call.function: call for call in done.calls}
    assert set(by_name) == {"even", "tail"}
    assert by_name["even"].own.kinds == {
        Kind.SHIFT: 3,
        Kind.OTHER: 2,
        Kind.BRANCH_TAKEN: 1 + 3,
        Kind.BRANCH_NOT_TAKEN: 2,
    }
    assert by_name["tail"].own.kinds == {
        Kind.ARITHMETIC: 1 + 3,
        Kind.COMPARE: 3,
        Kind.BRANCH_TAKEN: 2 + 1,
        Kind.BRANCH_NOT_TAKEN: 1,
    }
    assert done.own.instructions == 2 + 3 * 3 + 4
    assert done.total.instructions == sum(call.own.instructions for call in done.walk())


def test_code_that_crosses_a_page_of_the_emulator_counts_once(tmp_path: Path) -> None:
    # 32-bit instructions from an address that is no multiple of four: one of them lies across each 1 KiB page.
    body = "  movs r0, #0\n" + "  add.w r0, r0, #1\n" * 1000 + "  bx lr\n"
    board = load_board("mps2-an385")
    for padding in ("", "  nop\n"):
        done = counted(tmp_path, board, padding + body)
        assert done.total.kinds[Kind.ARITHMETIC] == 1001
        assert done.total.instructions == 1002 + bool(padding)
