# SPDX-License-Identifier: Apache-2.0
"""The same bytes on emulated cores: a sound made on the board, its features hashed, the hash compared.

A start-up of a few lines stands here so that the front end is judged alone; the firmware's own is tested elsewhere.
"""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.frontend.sounds import PUBLISHED, write_sources
from toolchain.frontend import Normalisation, numpy_frontend
from toolchain.frontend.sources import frontend_sources

FIRMWARE = """
#include <stdint.h>
#include "frontend/frontend.h"

static int16_t audio[FRONTEND_CLIP_SAMPLES];
static int8_t features[FRONTEND_FRAMES * FRONTEND_FEATURES];
extern uint32_t stack_top;

static __attribute__((noinline)) int host(int operation, const void *argument)
{
    register int r0 __asm("r0") = operation;
    register const void *r1 __asm("r1") = argument;
    __asm volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

void start(void)
{
    uint32_t state = 1;
    for (int32_t i = 0; i < FRONTEND_CLIP_SAMPLES; i++) {
        state = state * 1664525u + 1013904223u;
        audio[i] = (int16_t)((int32_t)(state >> 16) * (i % 997) / 997 - 8192 * (i / 5000));
    }
    frontend_clip(audio, features);
    uint32_t hash = 2166136261u;
    for (uint32_t i = 0; i < sizeof features; i++) {
        hash = (hash ^ (uint8_t)features[i]) * 16777619u;
    }
    char text[9] = {0};
    for (int i = 0; i < 8; i++) {
        text[i] = "0123456789abcdef"[(hash >> (28 - 4 * i)) & 15];
    }
    host(4, text);
    host(0x18, (const void *)0x20026);
    for (;;) {
    }
}

__attribute__((section(".vectors"), used)) const void *const vectors[2] = {&stack_top, (const void *)start};
"""
LINKER_SCRIPT = """
MEMORY { CODE (rx) : ORIGIN = 0, LENGTH = 4M
         DATA (rwx) : ORIGIN = 0x20000000, LENGTH = 4M }
stack_top = 0x20300000;
SECTIONS { .text : { KEEP(*(.vectors)) *(.text*) *(.rodata*) } > CODE
           .data : { *(.data*) } > DATA AT > CODE
           .bss : { *(.bss*) *(COMMON) } > DATA }
"""


def sound() -> np.ndarray:
    """What the firmware makes."""
    state, clip = 1, np.zeros((1, 16_000), np.int16)
    for i in range(16_000):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        value = (state >> 16) * (i % 997) // 997 - 8192 * (i // 5000)
        clip[0, i] = (value + 32768) % 65536 - 32768
    return clip


@pytest.mark.arm
@pytest.mark.emulated
@pytest.mark.parametrize(
    ("core", "machine"),
    [
        ("cortex-m0", "mps2-an385"),
        ("cortex-m3", "mps2-an385"),
        ("cortex-m4", "mps2-an386"),
        ("cortex-m7", "mps2-an500"),
    ],
)
@pytest.mark.parametrize("name", ["hello_edge-10", "peter2020-10"])
def test_board_gives_the_bytes_of_the_definition(name: str, core: str, machine: str, tmp_path: Path) -> None:
    if shutil.which("arm-none-eabi-gcc") is None or shutil.which("qemu-system-arm") is None:
        pytest.skip("arm-none-eabi-gcc or qemu-system-arm is not installed")
    spec = PUBLISHED[name]
    normalisation = Normalisation.identity(spec.n_features)
    units = write_sources(tmp_path, {**frontend_sources(spec, normalisation), "main.c": FIRMWARE})
    script = tmp_path / "memory.ld"
    script.write_text(LINKER_SCRIPT)
    flags = [
        f"-mcpu={core}",
        "-mthumb",
        "-std=gnu11",
        "-O2",
        "-nostartfiles",
        "-Wl,--no-warn-rwx-segments",
        f"-T{script}",
    ]
    elf = tmp_path / "firmware.elf"
    subprocess.run(["arm-none-eabi-gcc", *flags, "-o", elf, *units], check=True)
    emulator = ["qemu-system-arm", "-M", machine, "-nographic", "-semihosting", "-kernel", elf]
    run = subprocess.run(emulator, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    expected = 2166136261
    for byte in numpy_frontend.features(spec, normalisation, sound()).tobytes():
        expected = (expected ^ byte) * 16777619 & 0xFFFFFFFF
    assert (run.stdout + run.stderr).strip() == f"{expected:08x}"
