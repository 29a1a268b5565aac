# SPDX-License-Identifier: Apache-2.0
"""Compilers look at the generated C: all warnings as errors on the host and for every core, sizes to the byte."""

import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from tests.graphs import GraphBuilder
from tests.kernels.cases import CASES, graph_of
from toolchain.core import KNOWN_CORES, Core, known_core, with_options
from toolchain.device.host import host_compiler
from toolchain.export.c import CModel, c_sources
from toolchain.graph.ops import OPERATORS

STRICT = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Wdouble-promotion", "-Werror"]
ARM_GCC = shutil.which("arm-none-eabi-gcc")


@cache
def everything(core: Core) -> CModel:
    """All cases of all operators in one network."""
    return c_sources(graph_of([case for operator in OPERATORS for case in CASES[operator]]), core)


def _written(model: CModel, folder: Path) -> list[str]:
    for path, text in model.sources.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return [str(folder / path) for path in model.c_files]


def _compile(compiler: str, flags: list[str], files: list[str], folder: Path) -> None:
    done = subprocess.run(
        [compiler, *STRICT, *flags, f"-I{folder}", "-c", *files], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("flags", [["-O2"], ["-O2", "-DSUBBYTE_TRACE"]], ids=" ".join)
def test_host_compiler_has_no_complaint(tmp_path: Path, flags: list[str]) -> None:
    compiler = host_compiler()
    assert compiler is not None
    for core in ("cortex-m4", "cortex-m0plus"):
        files = _written(everything(known_core(core)), tmp_path / core)
        _compile(compiler.path, flags, files, tmp_path / core)


def test_headers_can_be_included_from_cpp(tmp_path: Path) -> None:
    compiler = shutil.which("c++") or shutil.which("g++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    _written(everything(known_core("cortex-m4")), tmp_path)
    text = '#include "model/model.h"\n#include "kernels/sb_kernels.h"\nint main() { cases_run(); }\n'
    (tmp_path / "main.cpp").write_text(text)
    flags = ["-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", f"-I{tmp_path}"]
    subprocess.run([compiler, *flags, str(tmp_path / "main.cpp")], check=True)


@pytest.mark.arm
@pytest.mark.skipif(ARM_GCC is None, reason="arm-none-eabi-gcc is not installed")
@pytest.mark.parametrize(
    "core",
    [*KNOWN_CORES.values(), with_options(known_core("cortex-m33"), dsp=False)],  # the last: no DSP, but an FPU
    ids=lambda core: core.gcc_flags[0].removeprefix("-mcpu="),
)
def test_arm_compiler_has_no_complaint(tmp_path: Path, core: Core) -> None:
    assert ARM_GCC is not None
    files = _written(everything(core), tmp_path)
    _compile(ARM_GCC, [*core.gcc_flags, "-Os" if core.dsp else "-O2"], files, tmp_path)


@pytest.mark.arm
@pytest.mark.skipif(ARM_GCC is None, reason="arm-none-eabi-gcc is not installed")
@pytest.mark.parametrize("core", KNOWN_CORES.values(), ids=lambda core: core.name)
def test_portable_loops_do_without_the_registers_that_a_firmware_reserves(tmp_path: Path, core: Core) -> None:
    """Loops in assembly take all of them: sb_fixedpoint.h."""
    assert ARM_GCC is not None
    files = _written(everything(core), tmp_path)
    reserved = ["-O2", "-fno-omit-frame-pointer", "-ffixed-r9", "-DSB_PORTABLE_LOOPS"]
    _compile(ARM_GCC, [*core.gcc_flags, *reserved], files, tmp_path)


@pytest.mark.arm
@pytest.mark.skipif(ARM_GCC is None, reason="arm-none-eabi-gcc is not installed")
@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m0plus", "cortex-m55"])
def test_sizes_are_those_of_the_symbols(tmp_path: Path, core: str) -> None:
    """Every constant and the arena, to the byte; and nothing else that takes room."""
    assert ARM_GCC is not None
    model = everything(known_core(core))
    files = [file for file in _written(model, tmp_path) if "/model/" in file]
    _compile(ARM_GCC, [*model.core.gcc_flags, "-Os"], files, tmp_path)
    found: dict[str, int] = {}
    for name in ("model.o", "weights.o"):
        with (tmp_path / name).open("rb") as file:
            table = ELFFile(file).get_section_by_name(".symtab")
            symbols = [s for s in table.iter_symbols() if s["st_info"]["type"] == "STT_OBJECT"]
            found |= {symbol.name: symbol["st_size"] for symbol in symbols}
    expected = {constant.symbol: constant.n_bytes for constant in model.constants}
    assert found == expected | {"cases_arena": model.arena_bytes}
    assert model.constant_bytes == sum(expected.values())


@pytest.mark.arm
@pytest.mark.skipif(ARM_GCC is None, reason="arm-none-eabi-gcc is not installed")
def test_nothing_but_memcpy_and_memset_is_needed(tmp_path: Path) -> None:
    """On a core with a divider and long products no helper of the compiler is called either."""
    assert ARM_GCC is not None
    model = everything(known_core("cortex-m4"))
    _compile(ARM_GCC, [*model.core.gcc_flags, "-O2"], _written(model, tmp_path), tmp_path)
    defined: set[str] = set()
    needed: set[str] = set()
    for path in tmp_path.glob("*.o"):
        with path.open("rb") as file:
            for symbol in ELFFile(file).get_section_by_name(".symtab").iter_symbols():
                if symbol["st_info"]["bind"] == "STB_GLOBAL":
                    (needed if symbol["st_shndx"] == "SHN_UNDEF" else defined).add(symbol.name)
    assert needed - defined <= {"memcpy", "memset"}
    assert all(name.startswith(("sb_", "cases_")) for name in defined)


@pytest.mark.arm
@pytest.mark.skipif(ARM_GCC is None, reason="arm-none-eabi-gcc is not installed")
def test_dsp_kernels_are_made_of_their_instructions(tmp_path: Path) -> None:
    assert ARM_GCC is not None
    net = GraphBuilder("dsp", (1, 6, 6, 8), seed=1).conv2d(8, (3, 3)).depthwise_conv2d().conv2d(8)
    model = c_sources(net.reshape((1, 288)).fully_connected(4).graph(), known_core("cortex-m4"))
    for file in _written(model, tmp_path):
        if not file.endswith("_dsp.c"):
            continue
        _compile(ARM_GCC, [*model.core.gcc_flags, "-O2", "-S"], [file], tmp_path)
        text = Path(tmp_path / Path(file).name).with_suffix(".s").read_text()
        if "move_band" in file:  # copies bytes
            continue
        expected = {"pkhbt"} if "widen_rows" in file else {"sxtb16"} if "widen" in file else {"smlad", "ssat"}
        assert "bl\tsb_t" in text or all(instruction in text for instruction in expected), file
