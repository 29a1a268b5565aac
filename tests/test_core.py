# SPDX-License-Identifier: Apache-2.0
"""Cores: options that exist, options that cannot, and flags that GCC takes."""

import re
import shutil
import subprocess

import pytest

from toolchain.core import KNOWN_CORES, Core, Fpu, known_core, with_options
from toolchain.errors import BoardError


def _variants() -> list[Core]:
    found = list(KNOWN_CORES.values())
    for core in KNOWN_CORES.values():
        for options in ({"dsp": False}, {"fpu": Fpu.NONE}, {"mve": False}, {"mve": False, "fpu": Fpu.NONE}):
            try:
                found.append(with_options(core, **options))
            except BoardError:
                continue
    found.append(with_options(known_core("cortex-m7"), fpu=Fpu.SINGLE))
    return found


def test_unknown_core_names_the_known_ones() -> None:
    with pytest.raises(BoardError, match=r"unknown core 'cortex-m9'; known are cortex-m0, .*cortex-m55"):
        known_core("cortex-m9")


@pytest.mark.parametrize(
    ("name", "options", "text"),
    [
        ("cortex-m3", {"dsp": True}, "cortex-m3 cannot have the DSP extension"),
        ("cortex-m4", {"dsp": False}, "cortex-m4 always has the DSP extension"),
        ("cortex-m33", {"mve": True}, "cortex-m33 cannot have Helium"),
        ("cortex-m33", {"fpu": Fpu.DOUBLE}, "cortex-m33 cannot have a double-precision FPU"),
        ("cortex-m55", {"fpu": Fpu.SINGLE}, "double-precision FPU or none"),
        ("cortex-m55", {"dsp": False}, "includes the DSP extension"),
    ],
)
def test_impossible_option_is_refused(name: str, options: dict[str, object], text: str) -> None:
    with pytest.raises(BoardError, match=re.escape(text)):
        with_options(known_core(name), **options)  # type: ignore[arg-type]


@pytest.mark.arm
@pytest.mark.parametrize("core", _variants(), ids=lambda core: core.gcc_flags[0] + core.gcc_flags[-1])
def test_compiler_sees_the_options_of_the_core(core: Core) -> None:
    gcc = shutil.which("arm-none-eabi-gcc")
    if gcc is None:
        pytest.skip("arm-none-eabi-gcc is not installed")
    shown = subprocess.run(
        [gcc, *core.gcc_flags, "-dM", "-E", "-x", "c", "-"], input="", capture_output=True, text=True, check=True
    ).stdout
    macros = dict(re.findall(r"#define (\w+) (\S+)", shown))
    assert ("__ARM_FEATURE_DSP" in macros) is core.dsp
    assert ("__ARM_FEATURE_MVE" in macros) is core.mve
    assert ("__ARM_FEATURE_UNALIGNED" in macros) is core.unaligned_access
    assert ("__ARM_FEATURE_IDIV" in macros) is core.divide
    fp_bits = int(macros.get("__ARM_FP", "0"), 0)
    assert fp_bits & 0xC == {Fpu.NONE: 0, Fpu.SINGLE: 4, Fpu.DOUBLE: 12}[core.fpu]
