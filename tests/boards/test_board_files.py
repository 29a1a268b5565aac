# SPDX-License-Identifier: Apache-2.0
"""Board files: ours are sound, and whatever is wrong with one is said in one line that names file and key."""

from pathlib import Path

import pytest

from toolchain.boards import ConsoleKind, MemoryKind, board_ids, emulator_command, flash_commands, load_board
from toolchain.errors import BoardError

PLAIN = Path(__file__).with_name("plain.toml")
EMULATED = ("mps2-an385", "mps2-an386", "mps2-an500", "mps2-an505", "mps3-an547", "netduinoplus2", "microbit")
REAL = ("nucleo-f446re", "stm32f746g-disco", "nucleo-l4r5zi", "nrf52840-dk")


def test_all_boards_are_there() -> None:
    assert set(board_ids()) == {*EMULATED, *REAL}


@pytest.mark.parametrize("name", board_ids())
def test_every_board_can_be_run_or_programmed(name: str) -> None:
    board = load_board(name)
    assert (board.emulation is not None) is (name in EMULATED)
    assert (board.flashing is not None) is (name in REAL)
    assert board.layout.code.kind is board.layout.constants.kind is MemoryKind.FLASH
    assert board.layout.data.kind is board.layout.arena.kind is MemoryKind.RAM
    assert all(source for _, source in board.sources)
    assert board.console.kind is not ConsoleKind.SEMIHOSTING


@pytest.mark.parametrize(
    ("name", "core", "has"),
    [
        ("mps2-an385", "cortex-m3", (False, False)),
        ("mps2-an386", "cortex-m4", (True, False)),
        ("mps2-an500", "cortex-m7", (True, False)),
        ("mps2-an505", "cortex-m33", (True, False)),
        ("mps3-an547", "cortex-m55", (True, True)),
        ("stm32f746g-disco", "cortex-m7", (True, False)),
    ],
)
def test_cores_and_their_extensions(name: str, core: str, has: tuple[bool, bool]) -> None:
    board = load_board(name)
    assert (board.core.name, (board.core.dsp, board.core.mve)) == (core, has)


# What is replaced in plain.toml, by what, and what the error must say.
HOSTILE = {
    "unknown key": ("hz = 25_000_000", "hz = 25_000_000\nmhz = 25", "clock.mhz: unknown key; did you mean hz?"),
    "unknown table": ("[clock]", "[clocks]", "clock: is missing"),
    "unknown key in a list": (
        "baud = 115_200",
        "baud = 115_200\nbuad = 1",
        "console.buad: unknown key; did you mean baud?",
    ),
    "unknown key in a step": ("write = 217", "write = 217\nvalue = 1", "console.step[0].value: unknown key"),
    "missing source": (
        'hz = 25_000_000\nsource = "a document"',
        "hz = 25_000_000",
        "clock.source: is missing: say where",
    ),
    "missing memory source": (
        'bytes = 4_194_304\nkind = "ram"\nsource = "a document"',
        'bytes = 4_194_304\nkind = "ram"',
        "memory[1].source: is missing",
    ),
    "empty source": (
        '[clock]\nhz = 25_000_000\nsource = "a document"',
        '[clock]\nhz = 25_000_000\nsource = ""',
        "clock.source",
    ),
    "missing key": ("hz = 25_000_000\n", "", "clock.hz: is missing"),
    "odd size": (
        'bytes = 4_194_304\nkind = "ram"',
        'bytes = 4_194_305\nkind = "ram"',
        "memory[1].bytes: 4194305 is not a",
    ),
    "odd start": ("start = 0x20000000", "start = 0x20000100", "memory[1].start: 536871168 is not a multiple of 1024"),
    "negative size": (
        'bytes = 4_194_304\nkind = "ram"',
        'bytes = -1024\nkind = "ram"',
        "memory[1].bytes: must be greater",
    ),
    "beyond 32 bits": ("start = 0x20000000", "start = 0xffffc000", "memory[1]: the region ends beyond"),
    "overlap": ("start = 0x20000000", "start = 0x00200000", "memory: flash (0x00000000..0x003fffff) and sram"),
    "same name": ('name = "sram"', 'name = "flash"', "memory[1].name: flash stands twice"),
    "no ram": ('kind = "ram"', 'kind = "flash"', 'there is no region of kind "ram"'),
    "unknown kind": ('kind = "ram"', 'kind = "eeprom"', "memory[1].kind: 'eeprom' is not one of"),
    "memory name for a shell": ('name = "sram"', 'name = "sr am"', "memory[1].name: 'sr am' has characters"),
    "unknown key of a memory": ('name = "sram"', 'name = "sram"\nextra = 1', "memory[1].extra: unknown key"),
    "unknown core": ('core = "cortex-m4"', 'core = "cortex-m44"', "mcu.core: unknown core 'cortex-m44'"),
    "impossible fpu": ('fpu = "single"', 'fpu = "double"', "mcu: cortex-m4 cannot have a double-precision FPU"),
    "misspelt fpu": ('fpu = "single"', 'fpu = "half"', "mcu.fpu: 'half' is not one of 'none', 'single' or 'double'"),
    "caches on a core without": (
        'core = "cortex-m4"',
        'core = "cortex-m4"\ncaches = true',
        "mcu.caches: cortex-m4 has no",
    ),
    "number for a flag": ('core = "cortex-m4"', 'core = "cortex-m4"\ndsp = 1', "mcu.dsp: must be true or false, not 1"),
    "text for a number": ("hz = 25_000_000", 'hz = "25 MHz"', "clock.hz: must be a valid integer, not '25 MHz'"),
    "float for a number": ("hz = 25_000_000", "hz = 25e6", "clock.hz: must be a valid integer"),
    "zero clock": ("hz = 25_000_000", "hz = 0", "clock.hz: must be greater than 0, not 0"),
    "two accesses at once": ("write = 217", "write = 217\nset = 1", "console.step[0]: give one of: `write`;"),
    "no access": ("write = 217\n", "", "console.step[0]: give one of"),
    "wait for nothing": ("write = 217", "until = 1", "console.step[0]: `equals` must be given"),
    "wait for the impossible": ("write = 217", "until = 1\nequals = 2", "console.step[0]: `equals` must be given"),
    "pause at an address": ("write = 217", "pause_cycles = 2", "console.step[0]: a pause has no `address`"),
    "odd address": (
        "address = 0x40004010",
        "address = 0x40004011",
        "console.step[0].address: 1073758225 is not a multiple of 4",
    ),
    "comment end": ('what = "BAUDDIV"', 'what = "BAUDDIV */ evil"', "console.step[0].what"),
    "end of a C string": ('what = "BAUDDIV"', "what = 'BAUD\"DIV'", "console.step[0].what"),
    "line break": ('what = "BAUDDIV"', 'what = "BAUD\\nDIV"', "console.step[0].what"),
    "uart without address": ("base = 0x40004000\n", "", "console: a UART needs `base` and `baud`"),
    "unknown console": ('kind = "cmsdk_uart"', 'kind = "pl011"', "console.kind: 'pl011' is not one of"),
    "limit over the memory": (
        "flash_bytes = 4_194_304",
        "flash_bytes = 4_194_305",
        "limits.flash_bytes: 4194305 is more than",
    ),
    "stack over the memory": (
        "stack_bytes = 2_048",
        "stack_bytes = 4_194_304",
        "limits.stack_bytes: 4194304 leaves no RAM",
    ),
    "odd stack": ("stack_bytes = 2_048", "stack_bytes = 2_047", "limits.stack_bytes: 2047 is not a multiple of 8"),
    "layout of nothing": ('code = "flash"', 'code = "rom"', "build.code: there is no memory 'rom'; flash, sram are"),
    "layout of the wrong kind": ('code = "flash"', 'code = "sram"', "build.code: sram is ram, not flash"),
    "no flasher": ('openocd = ["board/any.cfg"]\npyocd = "any"\nst_flash = true\n', "", "flash: name at least one of"),
    "option for a file": (
        'openocd = ["board/any.cfg"]',
        'openocd = ["-c exit"]',
        "flash.openocd[0]: '-c exit' has characters",
    ),
    "command in a machine": ('machine = "mps2-an386"', 'machine = "a;rm"', "emulate.machine: 'a;rm' has characters"),
    "table for a value": ("[emulate]", "[emulate.machine]", "emulate"),
    "negative current": ("run_ua_per_mhz = 100", "run_ua_per_mhz = -1", "power.run_ua_per_mhz: must be greater than 0"),
    "no voltage": ("volts = 3.0\n", "", "power.volts: is missing"),
    "endless voltage": ("volts = 3.0", "volts = inf", "power.volts: must be less than"),
    "not TOML": ("[clock]", "[clock", "is not TOML"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_wrong_file_gives_one_line_naming_file_and_key(case: str, tmp_path: Path) -> None:
    found, replacement, said = HOSTILE[case]
    text = PLAIN.read_text(encoding="utf-8")
    assert text.count(found) == 1 or case in ("limit over the memory",)
    path = tmp_path / "hostile.toml"
    path.write_text(text.replace(found, replacement), encoding="utf-8")
    with pytest.raises(BoardError) as caught:
        load_board(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert said in message
    assert "\n" not in message


def test_several_faults_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(PLAIN.read_text(encoding="utf-8").replace("source", "sauce"), encoding="utf-8")
    with pytest.raises(BoardError, match=r"mcu\.source: is missing.* \(and \d+ more\)$"):
        load_board(path)


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(BoardError, match=r"gone\.toml: cannot be read: No such file"):
        load_board(tmp_path / "gone.toml")
    (tmp_path / "latin.toml").write_bytes(b'name = "\xff"')
    with pytest.raises(BoardError, match="is not UTF-8 text"):
        load_board(tmp_path / "latin.toml")
    (tmp_path / "huge.toml").write_bytes(b"#" * (1 << 21))
    with pytest.raises(BoardError, match="this is no board file"):
        load_board(tmp_path / "huge.toml")
    (tmp_path / "My Board.toml").write_bytes(PLAIN.read_bytes())
    with pytest.raises(BoardError, match="the file's name is the board's id"):
        load_board(tmp_path / "My Board.toml")


def test_a_misspelt_id_gets_the_nearest_names() -> None:
    with pytest.raises(BoardError, match=r"unknown board 'nucleo-f446': did you mean nucleo-f446re"):
        load_board("nucleo-f446")
    with pytest.raises(BoardError, match=r"unknown board 'zzz': known are microbit, .*disco\. A file is "):
        load_board("zzz")


def test_a_board_outside_the_package_is_given_by_its_path() -> None:
    board = load_board(str(PLAIN))
    assert board.id == "plain"
    assert board.limits.stack_bytes == 2048
    assert board.layout.constants is board.layout.code


def test_energy_follows_from_current_voltage_and_cycles() -> None:
    power = load_board(PLAIN).power
    assert power is not None
    # 100 uA at 1 MHz and 3 V: a million cycles last a second, 300 uJ.
    assert power.energy_uj(1_000_000) == 300.0
    assert load_board("mps2-an386").power is None


def test_commands_follow_from_the_file() -> None:
    board = load_board(PLAIN)
    commands = {command.tool: command.arguments for command in flash_commands(board, "fw.elf", "fw.bin")}
    assert commands == {
        "openocd": ("openocd", "-f", "board/any.cfg", "-c", "program {fw.elf} verify reset exit"),
        "pyocd": ("pyocd", "flash", "--target", "any", "fw.elf"),
        "st-flash": ("st-flash", "--reset", "write", "fw.bin", "0x00000000"),
    }
    assert emulator_command(board)[:3] == ("qemu-system-arm", "-machine", "mps2-an386")
    with pytest.raises(BoardError, match=r"board nrf52840-dk: has no \[emulate\] section"):
        emulator_command(load_board("nrf52840-dk"))
