# SPDX-License-Identifier: Apache-2.0
"""Board: what the hardware is, as plain frozen facts. What we want of it (optimisation, runtime) stands elsewhere.

Everything that differs between two boards is a field here, so that no code ever asks for a board's name:

    memories --layout--> linker script        clock.steps, console.steps --> platform/board.c (register writes)
    core     ----------> compiler flags       console.kind ---------------> platform/console_<kind>.c
    flashing ----------> openocd, pyocd, ...  emulation ------------------> qemu-system-arm
"""

from dataclasses import dataclass
from enum import StrEnum

from toolchain.core import Core


class MemoryKind(StrEnum):
    """What a region is to the linker: loaded with the image and only read, or written at run time."""

    FLASH = "flash"
    RAM = "ram"


class ConsoleKind(StrEnum):
    """How one character is sent: one C file each in firmware_templates/project/platform/."""

    CMSDK_UART = "cmsdk_uart"
    STM32_USART_V1 = "stm32_usart_v1"  # SR and DR: F1, F2, F4, L1
    STM32_USART_V2 = "stm32_usart_v2"  # ISR and TDR: F0, F3, F7, L0, L4, G0, H7
    NRF_UART = "nrf_uart"
    SEMIHOSTING = "semihosting"  # through the debugger, or QEMU


@dataclass(frozen=True)
class Memory:
    """One region. name: lower-case identifier. start: address. n_bytes: a multiple of 1024."""

    name: str
    start: int
    n_bytes: int
    kind: MemoryKind
    source: str

    @property
    def end(self) -> int:
        """First address behind the region."""
        return self.start + self.n_bytes


@dataclass(frozen=True)
class RegisterStep:
    """One access to a 32-bit register during start-up; `what` says why and where that is documented.

    write: store this value. clear, set: read, clear these bits, set those, store. until, equals: wait until the bits
    of `until` read as `equals`, for a bounded time. pause_cycles: wait for at least so many core clocks (no address).
    Exactly one of the four.
    """

    what: str
    address: int = 0
    write: int | None = None
    clear: int | None = None
    set: int | None = None
    until: int | None = None
    equals: int | None = None
    pause_cycles: int | None = None


@dataclass(frozen=True)
class Clock:
    """hz: of the core, after `steps` have run."""

    hz: int
    steps: tuple[RegisterStep, ...]
    source: str


@dataclass(frozen=True)
class Console:
    """Where the self-test prints. base: of the UART's registers; 0 and baud 0 for semihosting."""

    kind: ConsoleKind
    base: int
    baud: int
    steps: tuple[RegisterStep, ...]
    source: str


@dataclass(frozen=True)
class Limits:
    """What a whole firmware may use, and what of its RAM is reserved for the stack."""

    flash_bytes: int
    ram_bytes: int
    stack_bytes: int
    source: str


@dataclass(frozen=True)
class Layout:
    """Which region holds what. code: vectors, code, initial values; constants: weights and tables; data: variables
    and, at its very bottom, the stack; arena: the model's activations."""

    code: Memory
    constants: Memory
    data: Memory
    arena: Memory


@dataclass(frozen=True)
class Flashing:
    """How to program it: OpenOCD configuration files, pyOCD target name, whether st-flash knows the chip."""

    openocd: tuple[str, ...]
    pyocd: str | None
    st_flash: bool
    source: str


@dataclass(frozen=True)
class Emulation:
    """machine: of qemu-system-arm."""

    machine: str
    source: str


@dataclass(frozen=True)
class Power:
    """run_ua_per_mhz: current of the chip while its core runs from flash. volts: of the supply it flows from."""

    run_ua_per_mhz: float
    volts: float
    source: str

    def energy_uj(self, cycles: int) -> float:
        """Microjoules of so many cycles: uA/MHz is pA a Hz, so a cycle takes that many picocoulombs.

        >>> Power(100.0, 3.0, "").energy_uj(1_000_000)
        300.0
        """
        return cycles * self.run_ua_per_mhz * self.volts / 1e6


@dataclass(frozen=True)
class Board:
    """One board; see the fields. sources: table of the file -> where its facts come from."""

    id: str
    name: str
    part: str
    core: Core
    caches: bool
    memories: tuple[Memory, ...]
    clock: Clock
    console: Console
    limits: Limits
    layout: Layout
    flashing: Flashing | None
    emulation: Emulation | None
    power: Power | None
    sources: tuple[tuple[str, str], ...]

    def memory_bytes(self, kind: MemoryKind) -> int:
        """Sum of all regions of that kind."""
        return sum(memory.n_bytes for memory in self.memories if memory.kind is kind)
