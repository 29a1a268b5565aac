# SPDX-License-Identifier: Apache-2.0
"""Aims: said again by the files that they shaped, and followed by the build."""

from pathlib import Path

import pytest

from tests.models import tiny_graph
from toolchain.boards import load_board
from toolchain.device.build import build_firmware
from toolchain.export.c import Aims, Optimise
from toolchain.export.project import c_runtime, make_project, project_sources


@pytest.mark.parametrize("optimise", Optimise)
def test_project_says_how_it_was_made_and_builds_so(optimise: Optimise) -> None:
    graph, board = tiny_graph(), load_board("mps2-an386")
    sources = project_sources(make_project(graph, board, c_runtime(graph, board, Aims(optimise))))
    assert f"OPT ?= {optimise.gcc_flag}\n" in sources["Makefile"]
    assert f"  {optimise.gcc_flag} -g" in sources["CMakeLists.txt"]
    said = "" if optimise is Optimise.BALANCED else f" --optimise {optimise.value}"
    assert f"--board mps2-an386{said} -o DIR" in sources["model/model.c"]


@pytest.mark.arm
def test_size_gives_less_code_than_speed(tmp_path: Path) -> None:
    graph, board = tiny_graph(), load_board("mps2-an386")
    code = {
        aim: build_firmware(make_project(graph, board, c_runtime(graph, board, Aims(aim))), tmp_path / aim).sizes.code
        for aim in Optimise
    }
    assert code[Optimise.SIZE] < code[Optimise.BALANCED] <= code[Optimise.SPEED]
