# SPDX-License-Identifier: Apache-2.0
"""A project around TFLite Micro: built with a library given by its path (tflm_stand_in.cc), and run."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.projects import tiny_graph, with_wrong_answer, write_sources
from tests.tflm_library import stand_in_library
from toolchain.boards import load_board
from toolchain.device.build import build_firmware, build_folder
from toolchain.device.emulate import emulate
from toolchain.errors import ToolError
from toolchain.export.project import RUNTIMES, make_project

pytestmark = [
    pytest.mark.arm,
    pytest.mark.emulated,
    pytest.mark.skipif(shutil.which("arm-none-eabi-g++") is None, reason="no arm-none-eabi-g++"),
    pytest.mark.skipif(shutil.which("qemu-system-arm") is None, reason="no qemu-system-arm"),
]


@pytest.mark.parametrize("name", ["mps2-an385", "mps3-an547"])
def test_self_test_passes_with_a_library_given_by_path(name: str, tmp_path: Path) -> None:
    board, graph = load_board(name), tiny_graph()
    given = stand_in_library(board, tmp_path / "library").make_variables
    project = make_project(graph, board, RUNTIMES["tflm"](graph, board))
    build = build_firmware(project, tmp_path / "project", make_variables=given)
    assert build.sizes.weights == project.runtime.constant_bytes
    assert build.sizes.arena == project.runtime.arena_bytes
    assert build.stack is None  # calls through pointers
    run = emulate(board, build.elf, tmp_path)
    assert run.passed and run.output.endswith("SELF-TEST PASS\n"), run.output

    wrong = with_wrong_answer(project, 4)
    write_sources(wrong, tmp_path / "project")
    answered = emulate(board, build_folder(wrong, tmp_path / "project", make_variables=given).elf, tmp_path)
    assert not answered.passed and "case near zero: WRONG" in answered.output


@pytest.mark.skipif(shutil.which("cmake") is None, reason="no cmake")
def test_cmake_takes_the_library_too(tmp_path: Path) -> None:
    board, graph = load_board("mps2-an386"), tiny_graph()
    given = stand_in_library(board, tmp_path / "library").make_variables
    folder = write_sources(make_project(graph, board, RUNTIMES["tflm"](graph, board)), tmp_path / "project")
    configure = ["cmake", "-S", ".", "-B", "build", "-DCMAKE_TOOLCHAIN_FILE=arm-none-eabi-gcc.cmake"]
    refused = subprocess.run(configure, cwd=folder, capture_output=True, text=True)
    assert refused.returncode != 0 and "-DTFLM_LIB=..." in refused.stderr
    for command in ([*configure, *(f"-D{word}" for word in given)], ["cmake", "--build", "build", "-j2"]):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    assert emulate(board, folder / "build" / "firmware.elf", tmp_path).passed


def test_make_asks_for_the_library(tmp_path: Path) -> None:
    board, graph = load_board("mps2-an386"), tiny_graph()
    with pytest.raises(
        ToolError, match=r"TFLM_LIB is not set: the path of libtensorflow-microlite\.a, built for cortex-m4"
    ):
        build_firmware(make_project(graph, board, RUNTIMES["tflm"](graph, board)), tmp_path)
