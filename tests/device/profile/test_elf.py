# SPDX-License-Identifier: Apache-2.0
"""Anybody's firmware: names that are missing, code that hangs, files that are none. One clear error each."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.command import subbyte
from tests.device.profile.programs import assembled
from toolchain.boards import emulator_command, load_board, machine_command
from toolchain.device.profile import profile_elf
from toolchain.device.profile.symbols import read_symbols
from toolchain.errors import ToolError

pytestmark = [
    pytest.mark.arm,
    pytest.mark.emulated,
    pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="no arm-none-eabi-gcc"),
    pytest.mark.skipif(shutil.which("qemu-system-arm") is None, reason="no qemu-system-arm"),
]

BOARD = load_board("mps2-an385")
WORK = "  movs r0, #3\n1: subs r0, #1\n  bne 1b\n  bx lr\n"


@pytest.fixture
def elf(tmp_path: Path) -> Path:
    return assembled(tmp_path, BOARD, WORK)


def instructions(elf: Path, first: str, last: str | None = None) -> int:
    return profile_elf(elf, emulator_command(BOARD), "cortex-m3", first, last, timeout_s=20).run.total.instructions


def test_a_span_is_from_symbol_to_symbol(elf: Path) -> None:
    assert instructions(elf, "work") == 1 + 2 * 3 + 1
    assert instructions(elf, "start", "work") == 1
    assert instructions(elf, "start", "after") == 1 + 8
    assert instructions(elf, "work", "after") == 8


def test_a_span_may_begin_and_end_within_a_block(elf: Path) -> None:
    at = read_symbols(elf).address_of("after")
    assert instructions(elf, "after", f"{at + 2:#x}") == 1
    assert instructions(elf, f"{at + 2:#x}", f"{at + 4:#x}") == 1
    assert instructions(elf, "start", f"{at + 4:#x}") == 1 + 8 + 2


def test_a_stripped_file_works_by_addresses(elf: Path) -> None:
    address = read_symbols(elf).address_of("work")
    subprocess.run(["arm-none-eabi-strip", str(elf)], check=True)
    done = profile_elf(elf, emulator_command(BOARD), "cortex-m3", hex(address))
    assert done.run.total.instructions == 8
    assert done.run.function == f"0x{address:08x}"
    with pytest.raises(ToolError, match=r"has no symbols \(stripped\?\), so .work. is nowhere; give addresses"):
        instructions(elf, "work")


def test_a_symbol_that_is_missing_is_named_with_its_neighbours(elf: Path) -> None:
    with pytest.raises(ToolError, match=r"there is no symbol 'wrok'; did you mean work"):
        instructions(elf, "wrok")
    with pytest.raises(ToolError, match="there is no symbol 'qqqqq'; give a symbol that is linked, or an address"):
        instructions(elf, "work", "qqqqq")


@pytest.mark.parametrize("name", ["-5", "+8", "1_0", "0x", "123abc", ""])
def test_what_is_neither_symbol_nor_address_is_refused(elf: Path, name: str) -> None:
    with pytest.raises(ToolError, match=f"there is no symbol '{re.escape(name)}'"):
        instructions(elf, name)


def test_an_address_beyond_32_bits_is_refused(elf: Path) -> None:
    assert read_symbols(elf).address_of("0xffffffff") == 0xFFFF_FFFE
    with pytest.raises(ToolError, match="0x100000000 is no address of a 32-bit machine; the last is 0xffffffff"):
        instructions(elf, "0x100000000")


def test_a_span_without_length_is_refused(elf: Path) -> None:
    with pytest.raises(ToolError, match="work and work are one place; without an end, work is counted until it"):
        instructions(elf, "work", "work")


def test_a_machine_that_the_emulator_does_not_know_is_its_error(elf: Path) -> None:
    with pytest.raises(ToolError, match=r"^qemu-system-arm cannot run this:\n    qemu-system-arm: unsupported machine"):
        profile_elf(elf, machine_command("mps9", by_semihosting=False), "cortex-m3", "work", timeout_s=10)


def test_a_symbol_that_is_never_reached_is_named(tmp_path: Path, elf: Path) -> None:
    with pytest.raises(ToolError, match=r"^0x4 was never reached before the firmware ended"):
        instructions(elf, "0x4")
    never = assembled(tmp_path, BOARD, WORK, ".type never, %function\nnever: bx lr\n.size never, . - never\n")
    with pytest.raises(ToolError, match=r"^work began, but never was never reached before the firmware ended"):
        instructions(never, "work", "never")


def test_a_firmware_that_hangs_is_given_up(tmp_path: Path) -> None:
    elf = assembled(tmp_path, BOARD, "1: b 1b\n")
    with pytest.raises(ToolError, match=r"^work began, but it did not return within 2 s"):
        profile_elf(elf, emulator_command(BOARD), "cortex-m3", "work", timeout_s=2)


def test_calls_without_end_are_given_up(tmp_path: Path) -> None:
    elf = assembled(tmp_path, BOARD, "1: bl 2f\n2: bl 3f\n3: bl 1b\n")
    with pytest.raises(ToolError, match=r"^work: calls nest too deeply"):
        profile_elf(elf, emulator_command(BOARD), "cortex-m3", "work", timeout_s=20)


@pytest.mark.parametrize("cut", [0, 1, 20, 60, 0.3, 0.6, 0.9])
def test_a_file_that_is_cut_short_is_one_clear_error(elf: Path, cut: float) -> None:
    content = elf.read_bytes()
    elf.write_bytes(content[: int(cut * len(content)) if isinstance(cut, float) else cut])
    with pytest.raises(ToolError, match=r"program\.elf: "):
        instructions(elf, "work")


def test_a_damaged_file_is_one_clear_error_or_counts(elf: Path) -> None:
    content = bytearray(elf.read_bytes())
    for at in range(0, len(content), max(len(content) // 300, 1)):
        damaged = bytearray(content)
        damaged[at] ^= 0xFF
        elf.write_bytes(damaged)
        try:
            read_symbols(elf).address_of("work")
        except ToolError as error:
            assert "program.elf" in str(error)


def test_an_elf_for_another_machine_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="not for a little-endian 32-bit Arm"):
        read_symbols(Path(shutil.which("sh") or "/bin/sh").resolve())
    text = tmp_path / "text.elf"
    text.write_text("no firmware")
    with pytest.raises(ToolError, match="cannot be read as an ELF file"):
        read_symbols(text)


def test_the_verb_counts_a_users_own_firmware(
    elf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*arguments: object) -> tuple[int, str, str]:
        said = subbyte(monkeypatch, capsys, "profile", *arguments)
        return said.code, said.out, said.err

    picture = tmp_path / "picture.svg"
    code, out, _ = run("--elf", elf, "--from", "work", "--board", "mps2-an385", "--json", "--svg", picture)
    assert code == 0 and json.loads(out)["instructions"] == 8
    assert picture.read_text().startswith("<svg ")
    code, out, _ = run("--elf", elf, "--from", "work", "--machine", "mps2-an385", "--core", "cortex-m3")
    assert code == 0 and "branch not taken" in out
    for arguments, said in (
        ((), "give either a MODEL or --elf FILE"),
        (("model.tflite", "--elf", elf), "give either a MODEL or --elf FILE"),
        (("--elf", elf), "--elf needs one of --board"),
        (("--elf", elf, "--board", "mps2-an385", "--optimise", "size"), "--optimise and --max-ram are for a MODEL"),
        (("--elf", elf, "--board", "mps2-an385", "--max-ram", "9k"), "--optimise and --max-ram are for a MODEL"),
        (("model.tflite", "--board", "mps2-an385", "--from", "main"), "no --machine, --from and --to"),
        (("--elf", elf, "--machine", "mps2-an385"), "--machine needs --core"),
        (("--elf", elf, "--board", "nucleo-f446re"), "has no [emulate] section"),
        (("--elf", elf, "--from", "none", "--board", "mps2-an385"), "there is no symbol 'none'"),
        (("--elf", elf, "--from", "work", "--machine", "nothing", "--core", "cortex-m3"), "unsupported machine"),
        (("model.tflite",), "a MODEL needs --board"),
    ):
        code, _, err = run(*arguments)
        assert code == 2 and err.startswith("error: ") and said in err
