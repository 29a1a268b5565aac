# SPDX-License-Identifier: Apache-2.0
"""The firmware's self-test on every emulated board: PASS where all is right, and only there."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.projects import (
    audio_front_end,
    audio_graph,
    board_like,
    tiny_graph,
    tiny_project,
    with_wrong_answer,
    write_sources,
)
from toolchain.arch import load_arch
from toolchain.arch.untrained import untrained_graph
from toolchain.arch.weights import WeightPlan, WeightSpec
from toolchain.boards import Board, board_ids, load_board
from toolchain.device.build import Build, build_firmware, build_folder
from toolchain.device.emulate import emulate
from toolchain.errors import BoardError, ToolError
from toolchain.export.project import FrontEnd, Project, c_runtime, make_project
from toolchain.frontend import Normalisation, log_mel

pytestmark = [
    pytest.mark.arm,
    pytest.mark.emulated,
    pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="no arm-none-eabi-gcc"),
    pytest.mark.skipif(shutil.which("qemu-system-arm") is None, reason="no qemu-system-arm"),
]

EMULATED = [name for name in board_ids() if load_board(name).emulation is not None]

# A board of the tests' own: the only Cortex-M0, and the only UART of an nRF, that QEMU has.
MICROBIT = (
    ('core = "cortex-m4"\nfpu = "single"', 'core = "cortex-m0"'),
    ('bytes = 4_194_304\nkind = "flash"', 'bytes = 262_144\nkind = "flash"'),
    ('bytes = 4_194_304\nkind = "ram"', 'bytes = 16_384\nkind = "ram"'),
    ("\nflash_bytes = 4_194_304", "\nflash_bytes = 262_144"),
    ("\nram_bytes = 4_194_304", "\nram_bytes = 16_384"),
    ('kind = "cmsdk_uart"\nbase = 0x40004000', 'kind = "nrf_uart"\nbase = 0x40002000'),
    ("address = 0x40004010\nwrite = 217", "address = 0x40002500\nwrite = 4"),
    ("address = 0x40004008\nclear = 0x0\nset = 0x1", "address = 0x40002008\nwrite = 1"),
    ('machine = "mps2-an386"', 'machine = "microbit"'),
)


def with_main(project: Project, folder: Path, text: str) -> Build:
    """The project with another app/main.c, built."""
    return build_folder(project, write_sources(project, folder, {"app/main.c": text}))


@pytest.mark.parametrize("name", EMULATED)
def test_every_emulated_board_passes_and_notices_a_wrong_answer(name: str, tmp_path: Path) -> None:
    board = load_board(name)
    project = tiny_project(board)
    build = build_firmware(project, tmp_path)
    right = emulate(board, build.elf, tmp_path)
    assert right.passed and right.output.endswith("SELF-TEST PASS\n")
    figures = re.search(r"flash (\d+) B, RAM (\d+) B, stack (\d+) of (\d+) B\n", right.output)
    assert figures is not None and build.stack is not None
    flash, ram, used, reserved = map(int, figures.groups())
    assert (flash, ram, reserved) == (build.sizes.flash, build.sizes.ram, board.limits.stack_bytes)
    assert build.stack.n_bytes - 64 <= used <= build.stack.n_bytes

    wrong = with_wrong_answer(project, 2)
    write_sources(wrong, tmp_path)
    answered = emulate(board, build_folder(wrong, tmp_path).elf, tmp_path)
    assert not answered.passed and "case full range: WRONG, crc 0x" in answered.output
    assert answered.output.endswith("SELF-TEST FAIL\n")


@pytest.mark.parametrize(("name", "centred"), [("mps2-an386", False), ("mps3-an547", True), ("netduinoplus2", True)])
def test_boards_hear(name: str, centred: bool, tmp_path: Path) -> None:
    board, front_end = load_board(name), audio_front_end(centred=centred)
    graph = audio_graph(front_end)
    build = build_firmware(make_project(graph, board, c_runtime(graph, board), front_end), tmp_path)
    run = emulate(board, build.elf, tmp_path)
    assert run.passed and "case sound: ok" in run.output, run.output


@pytest.mark.parametrize("name", ["mps2-an386", "mps3-an547"])
def test_a_streaming_network_decides_at_every_hop(name: str, tmp_path: Path) -> None:
    board, arch, spec = load_board(name), load_arch("stream_250k"), log_mel(20)
    front_end = FrontEnd(spec, Normalisation.from_statistics(np.full(20, -4.0), np.full(20, 2.0)))
    graph = untrained_graph(arch.identifier, arch.layers(), plan=WeightPlan(WeightSpec.of(4)))
    build = build_firmware(make_project(graph, board, c_runtime(graph, board), front_end), tmp_path)
    run = emulate(board, build.elf, tmp_path)
    assert run.passed and "case sound: ok" in run.output and "case stream: ok" in run.output, run.output


def run_tiny(board: Board, folder: Path) -> tuple[bool, str]:
    build = build_firmware(tiny_project(board), folder / "project")
    run = emulate(board, build.elf, folder)
    return run.passed, run.output


def test_a_core_without_divide_or_long_multiply_passes(tmp_path: Path) -> None:
    passed, output = run_tiny(board_like(tmp_path, *MICROBIT, name="microbit"), tmp_path)
    assert passed and "self-test of tiny on microbit, cortex-m0\n" in output


def test_a_cortex_m7_enables_its_caches(tmp_path: Path) -> None:
    board = board_like(
        tmp_path,
        ('core = "cortex-m4"\nfpu = "single"', 'core = "cortex-m7"\ncaches = true'),
        ('machine = "mps2-an386"', 'machine = "mps2-an500"'),
    )
    assert run_tiny(board, tmp_path)[0]


def test_a_console_may_be_semihosting(tmp_path: Path) -> None:
    text = Path(__file__).parents[1].joinpath("boards/plain.toml").read_text()
    steps = text[text.index("[[console.step]]") : text.index("[limits]")]
    uart = 'kind = "cmsdk_uart"\nbase = 0x40004000\nbaud = 115_200\n'
    passed, output = run_tiny(board_like(tmp_path, (uart, 'kind = "semihosting"\n'), (steps, "")), tmp_path)
    assert passed and output.endswith("SELF-TEST PASS\n")


def test_the_newer_stm32_usart_waits_for_its_flag_and_sends(tmp_path: Path) -> None:
    """QEMU has none, so its registers are words of RAM: the flag is set by a step, the last character stays there."""
    board = board_like(
        tmp_path,
        ('kind = "cmsdk_uart"\nbase = 0x40004000', 'kind = "stm32_usart_v2"\nbase = 0x20300000'),
        ("address = 0x40004010\nwrite = 217", "address = 0x2030001c\nwrite = 0x80"),
        ("address = 0x40004008\nclear = 0x0\nset = 0x1", "pause_cycles = 100"),
    )
    project = tiny_project(board)
    said_last = "print_text(\"ok\");\n  return *(volatile const uint32_t *)0x20300028u == (uint32_t)'k' ? 0 : 1;"
    headers = '#include <stdint.h>\n#include "platform/print.h"\n'
    build = with_main(project, tmp_path / "project", f"{headers}int main(void)\n{{\n  {said_last}\n}}\n")
    assert emulate(board, build.elf, tmp_path).passed


def test_a_clock_that_does_not_start_is_named(tmp_path: Path) -> None:
    step = '[[clock.step]]\nwhat = "PLL ready"\naddress = 0x203ffffc\nuntil = 1\nequals = 1\n\n[console]'
    passed, output = run_tiny(board_like(tmp_path, ("[console]", step)), tmp_path)
    assert not passed and "board: timed out: PLL ready\n" in output
    assert output.count(": ok, crc") == 5 and output.endswith("SELF-TEST FAIL\n")


RECURSION = """\
#include <stdint.h>
int deeper(volatile int32_t *above);
int deeper(volatile int32_t *above)
{
  volatile int32_t here[64];
  here[0] = above[0] + 1;
  return here[0] > 1000 ? 0 : deeper(here) + here[1] - here[1];
}
int main(void)
{
  volatile int32_t first[1] = {0};
  return deeper(first);
}
"""


@pytest.mark.parametrize("name", ["mps2-an505", "mps3-an547", "netduinoplus2"])
def test_a_stack_that_overflows_stops_the_firmware(name: str, tmp_path: Path) -> None:
    board = load_board(name)
    build = with_main(tiny_project(board), tmp_path, RECURSION)
    assert build.stack is None
    with pytest.raises(
        ToolError, match=rf"{name}: the emulated firmware stopped: FAULT: exception 3 .*stack overflow, sp 0x"
    ):
        emulate(board, build.elf, tmp_path)


@pytest.mark.parametrize("name", ["mps2-an385", "mps3-an547"])
def test_a_fault_says_where_it_happened(name: str, tmp_path: Path) -> None:
    board = load_board(name)
    # No memory is there on any of these boards.
    main = "#include <stdint.h>\nint main(void)\n{\n  return *(volatile const int32_t *)0xf0000000u;\n}\n"
    build = with_main(tiny_project(board), tmp_path, main)
    with pytest.raises(ToolError, match=r"FAULT: exception 3 at pc 0x([0-9a-f]{8}) .* address 0xf0000000") as caught:
        emulate(board, build.elf, tmp_path)
    assert name in str(caught.value)


def test_a_firmware_that_hangs_is_stopped(tmp_path: Path) -> None:
    board = load_board("mps2-an386")
    main = '#include "platform/print.h"\nint main(void)\n{\n  print_text("so far\\n");\n  for (;;) {\n  }\n}\n'
    build = with_main(tiny_project(board), tmp_path, main)
    with pytest.raises(ToolError, match=r"did not end within 2 s; its last words:\n    so far"):
        emulate(board, build.elf, tmp_path, timeout_s=2)


def test_what_is_no_firmware_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "elf").write_text("nothing")
    with pytest.raises(ToolError, match="mps2-an386: "):
        emulate(load_board("mps2-an386"), tmp_path / "elf", tmp_path, timeout_s=20)
    with pytest.raises(BoardError, match="has no"):
        emulate(load_board("nrf52840-dk"), tmp_path / "elf", tmp_path)


def test_the_graph_of_these_tests_stays_small() -> None:
    assert len(tiny_graph().operators) == 6
