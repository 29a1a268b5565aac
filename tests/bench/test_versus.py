# SPDX-License-Identifier: Apache-2.0
"""The other engine: a library around which a firmware is built, or a finished ELF file, counted as ours is.

No TFLite Micro for Arm is here; its place is taken by a library with its names that runs Subbyte's own C, so that both
columns must be nearly equal.
"""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.command import subbyte
from tests.models import tiny_model
from tests.projects import tiny_graph
from tests.tflm_library import stand_in_library
from toolchain.bench.measure import measure, question_of
from toolchain.bench.networks import Network
from toolchain.bench.result import Origin
from toolchain.bench.versus import elf_side, our_side, tflm_side
from toolchain.boards import load_board
from toolchain.device.build import build_firmware
from toolchain.errors import BenchError, ToolError
from toolchain.export.project import c_runtime, make_project

pytestmark = [
    pytest.mark.arm,
    pytest.mark.emulated,
    pytest.mark.skipif(shutil.which("arm-none-eabi-g++") is None, reason="no arm-none-eabi-g++"),
    pytest.mark.skipif(shutil.which("qemu-system-arm") is None, reason="no qemu-system-arm"),
]

NETWORK = Network("tiny", "a tiny network", Origin.GIVEN, tiny_graph())


def test_a_library_is_counted_as_our_engine_is(tmp_path: Path) -> None:
    board = load_board("mps2-an386")
    library = stand_in_library(board, tmp_path)
    ours = our_side(measure([(NETWORK, board)]).results[0])
    theirs = tflm_side(question_of(NETWORK), board, library.archive, [library.headers])
    assert theirs.differing == 0 and theirs.n_bytes == ours.n_bytes == 12
    # The same kernels; the library is called through two functions more.
    assert ours.instructions < theirs.instructions < ours.instructions + 200
    assert theirs.engine_flash is not None and ours.engine_flash is not None and ours.arena is not None
    assert theirs.engine_flash > ours.engine_flash  # the .tflite file as well
    assert theirs.arena is not None and theirs.arena > ours.arena


def test_outputs_that_are_not_the_reference_s_are_counted(tmp_path: Path) -> None:
    board = load_board("mps2-an386")
    library = stand_in_library(board, tmp_path)
    question = question_of(NETWORK)
    wrong = {name: values.copy() for name, values in question.expected.items()}
    (values,) = wrong.values()
    values[2] = np.where(values[2] > 0, values[2] - 1, values[2] + 1)
    found = tflm_side(replace(question, expected=wrong), board, library.archive, [library.headers])
    assert found.differing == 3


def test_a_finished_firmware_is_counted_between_two_symbols(tmp_path: Path) -> None:
    board = load_board("mps2-an385")
    graph = tiny_graph()
    elf = build_firmware(make_project(graph, board, c_runtime(graph, board)), tmp_path).elf
    whole = elf_side(elf, board, "tiny_run", None)
    ours = our_side(measure([(NETWORK, board)]).results[0])
    assert whole.instructions == pytest.approx(ours.instructions, rel=0.02)  # softmax follows its input
    assert whole.differing is None and whole.arena is None
    assert whole.firmware_flash is not None and whole.static is not None and ours.arena is not None
    assert whole.static > ours.arena
    longer = elf_side(elf, board, "main", "finish")
    assert longer.instructions > whole.instructions
    with pytest.raises(ToolError, match="there is no symbol 'tiny_rum'; did you mean tiny_run"):
        elf_side(elf, board, "tiny_rum", None)


def test_paths_that_make_cannot_take_are_refused(tmp_path: Path) -> None:
    board, question = load_board("mps2-an386"), question_of(NETWORK)
    spaced = tmp_path / "a library.a"
    spaced.touch()
    with pytest.raises(BenchError, match=r"a library\.a: has a space in it, which make cannot take"):
        tflm_side(question, board, spaced, [tmp_path])
    with pytest.raises(BenchError, match=r"none\.a: there is no such file"):
        tflm_side(question, board, tmp_path / "none.a", [tmp_path])


def test_the_verb_prints_both_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    library = stand_in_library(load_board("mps2-an386"), tmp_path / "library")
    asked = ("bench", "--compare", tiny_model(tmp_path), "--board", "mps2-an386")
    with_library = ("--tflm-lib", library.archive, "--tflm-include", library.headers)
    said = subbyte(monkeypatch, capsys, *asked, *with_library)
    assert said.code == 0, said.err
    for words in ("TFLite Micro, as given", "Subbyte / TFLite Micro, as given", "unlike the reference", "cortex-m4"):
        assert words in said.out
    sides = json.loads(subbyte(monkeypatch, capsys, *asked, *with_library, "--json").out)
    assert [side["differing"] for side in sides] == [0, 0]

    for arguments, error in (
        (asked, "--compare needs --tflm-lib and --tflm-include, or --compare-elf and --from"),
        ((*asked, "--tflm-lib", library.archive), "--compare needs --tflm-lib and --tflm-include"),
        ((*asked[:3], *with_library), "--compare needs one --board"),
    ):
        refused = subbyte(monkeypatch, capsys, *arguments)
        assert refused.code == 2 and error in refused.err
