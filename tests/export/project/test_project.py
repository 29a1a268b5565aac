# SPDX-License-Identifier: Apache-2.0
"""The project's files: the same bytes each time, no trace of this machine, a self-test that runs on it too."""

import ctypes
import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.graphs import GraphBuilder
from tests.projects import audio_front_end, audio_graph, tiny_graph, tiny_project, with_wrong_answer, write_sources
from toolchain.assets import asset_folder
from toolchain.boards import board_ids, load_board
from toolchain.errors import BoardError, ModelError
from toolchain.export.project import Application, c_runtime, front_end_parts, make_project, project_sources
from toolchain.export.project.patterns import pattern, rising_tone
from toolchain.graph.model import ModelInfo

NEEDS_CC = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler for this machine")
APP = asset_folder("firmware_templates") / "project" / "app"


@pytest.mark.parametrize("name", ["mps2-an386", "stm32f746g-disco"])
def test_packing_twice_gives_the_same_bytes(name: str) -> None:
    first, second = project_sources(tiny_project(load_board(name))), project_sources(tiny_project(load_board(name)))
    assert list(first.items()) == list(second.items())


@pytest.mark.parametrize("name", board_ids())
def test_nothing_of_this_machine_gets_in(name: str, tmp_path: Path) -> None:
    sources = project_sources(tiny_project(load_board(name)))
    everything = "\n".join(sources.values())
    for trace in (str(Path.cwd()), str(Path.home()), str(tmp_path), "/tmp"):
        assert trace not in everything
    assert not re.search(r"\b20[0-9][0-9]-[01][0-9]-[0-3][0-9]\b", everything)
    assert all(text.endswith("\n") and "\t\n" not in text and " \n" not in text for text in sources.values())
    assert all("{{ " not in text and "{% " not in text for text in sources.values())


def test_a_board_gets_only_the_files_that_it_needs() -> None:
    emulated = project_sources(tiny_project(load_board("mps2-an386")))
    real = project_sources(tiny_project(load_board("stm32f746g-disco")))
    assert "platform/finish_semihosting.c" in emulated and "platform/finish_idle.c" not in emulated
    assert "platform/finish_idle.c" in real and "platform/semihosting.h" not in real
    assert "platform/caches.c" in real and "platform/caches.c" not in emulated
    assert "make run" in emulated["README.md"] and "make flash-openocd" in real["README.md"]
    assert not any(path.startswith("frontend/") for path in emulated)


def test_clock_steps_become_lines_of_c() -> None:
    text = project_sources(tiny_project(load_board("nucleo-l4r5zi")))["platform/board.c"]
    assert (
        "  register_write(0x4002100cu, 0x01003c01u); /* RCC_PLLCFGR: MSI, M 1, N 60, R 2 (RM0432, RCC registers) */\n"
        in text
    )
    assert (
        "  register_update(0x40021008u, 0x00000003u, 0x00000003u); /* RCC_CFGR: SW, system clock from the PLL */"
        in text
    )
    assert '  if (!register_wait(0x40021008u, 0x0000000cu, 0x0000000cu)) {\n    return "RCC_CFGR: SWS";\n  }\n' in text
    assert "  register_pause(120u); /* at least 1 us" in text


def test_the_manifest_names_model_board_and_every_file() -> None:
    sources = project_sources(tiny_project(load_board("mps2-an386")))
    manifest = json.loads(sources["subbyte.json"])
    assert set(manifest["files"]) == set(sources) - {"subbyte.json"}
    assert (manifest["model"], manifest["board"], manifest["runtime"]) == ("tiny", "mps2-an386", "c")
    assert manifest["graph_sha256"] == tiny_graph().sha256


def test_files_from_a_computer_need_an_emulated_board() -> None:
    project = replace(tiny_project(load_board("nrf52840-dk")), application=Application.VERIFY)
    with pytest.raises(BoardError, match=r"nrf52840-dk: has no \[emulate\] section"):
        project_sources(project)


def test_a_front_end_parts_another_run_is_refused() -> None:
    board, graph = load_board("mps2-an386"), tiny_graph()
    front_end = audio_front_end(centred=False)
    with pytest.raises(ModelError, match=r"graph tiny: its input \[1, 10, 4, 1\] is not the 49 x 10 features"):
        make_project(graph, board, c_runtime(graph, board), front_end)
    said = ModelInfo(graph, (), front_end.spec.to_dict(), front_end.normalisation.to_dict())
    with pytest.raises(ModelError, match="is not the 49 x 10 features"):
        front_end_parts(said)
    with pytest.raises(ModelError, match="tiny: its file says what its front end is, but"):
        front_end_parts(replace(said, feature_spec={"kind": "mfcc"}))
    assert front_end_parts(ModelInfo(graph)) is None


@NEEDS_CC
def test_patterns_and_sound_are_those_of_the_firmware(tmp_path: Path) -> None:
    library = tmp_path / "app.so"
    files = [str(APP / "pattern.c"), str(APP / "signal.c")]
    subprocess.run(["cc", "-shared", "-fPIC", f"-I{APP.parent}", *files, "-o", str(library)], check=True)
    app = ctypes.CDLL(str(library))
    for seed, low, high in ((1, -128, 127), (2, -64, 63), (0xFFFFFFFF, 5, 5), (77, -128, -127)):
        made, state = np.empty(5000, np.int8), ctypes.c_uint32(seed)
        app.pattern_bytes(ctypes.byref(state), low, high, made.ctypes.data_as(ctypes.c_void_p), made.size)
        assert np.array_equal(made, pattern(seed, low, high, made.size))
    heard, signal = np.empty(40_000, np.int16), (ctypes.c_uint32 * 4)()
    app.signal_start(signal)
    for start in range(0, heard.size, 320):
        part = heard[start : start + 320]
        app.signal_samples(signal, part.ctypes.data_as(ctypes.c_void_p), part.size)
    assert np.array_equal(heard, rising_tone(heard.size))
    assert heard.max() > 32_000 and heard.min() < -32_000


def host_self_test(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", "--no-print-directory", "-j2", "host"], cwd=folder, capture_output=True, text=True)


@NEEDS_CC
@pytest.mark.parametrize("name", ["mps2-an385", "mps2-an505"])
def test_self_test_passes_on_this_computer_under_sanitizers(name: str, tmp_path: Path) -> None:
    done = host_self_test(write_sources(tiny_project(load_board(name)), tmp_path))
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("SELF-TEST PASS\n")
    assert done.stdout.count(": ok, crc ") == 5


@NEEDS_CC
@pytest.mark.parametrize("centred", [False, True])
def test_self_test_hears(centred: bool, tmp_path: Path) -> None:
    front_end, board = audio_front_end(centred=centred), load_board("mps2-an386")
    graph = audio_graph(front_end)
    project = make_project(graph, board, c_runtime(graph, board), front_end)
    done = host_self_test(write_sources(project, tmp_path))
    assert "case sound: ok, crc" in done.stdout and done.stdout.endswith("SELF-TEST PASS\n"), done.stderr
    assert project.answers.sound is not None
    deaf = replace(project.answers, sound=replace(project.answers.sound, features_crc=0))
    done = host_self_test(write_sources(replace(project, answers=deaf), tmp_path))
    assert "case sound: WRONG features" in done.stdout and "SELF-TEST FAIL" in done.stdout
    assert done.returncode != 0
    assert ("case stream: ok, crc" in done.stdout) == (not centred), "a clip with mirrored ends is no stream"


@NEEDS_CC
def test_self_test_notices_a_wrong_decision_in_a_stream(tmp_path: Path) -> None:
    front_end, board = audio_front_end(centred=False), load_board("mps2-an386")
    graph = audio_graph(front_end)
    project = make_project(graph, board, c_runtime(graph, board), front_end)
    assert project.answers.sound is not None
    wrong = replace(
        project.answers, sound=replace(project.answers.sound, stream_crc=project.answers.sound.stream_crc ^ 1)
    )
    done = host_self_test(write_sources(replace(project, answers=wrong), tmp_path))
    assert "case sound: ok, crc" in done.stdout and "case stream: WRONG, crc" in done.stdout
    assert done.returncode != 0


@NEEDS_CC
def test_a_wrong_answer_is_found_and_placed(tmp_path: Path) -> None:
    project = with_wrong_answer(tiny_project(load_board("mps2-an386")), 3)
    done = host_self_test(write_sources(project, tmp_path))
    expected = project.answers.cases[3].answer.first[0]
    assert re.search(
        rf"case half range: WRONG, crc 0x\w+, byte 0 is {expected ^ 1} and should be {expected}\n", done.stdout
    )
    assert done.stdout.count(": ok, crc ") == 4 and "SELF-TEST FAIL" in done.stdout
    assert done.returncode != 0


@NEEDS_CC
def test_several_inputs_and_outputs(tmp_path: Path) -> None:
    net = GraphBuilder("two", (1, 4, 4, 3), seed=1)
    left = net.last
    net.input("right", (1, 4, 4, 3))
    graph = net.add(left).graph()
    graph = replace(graph, outputs=(graph.outputs[0], graph.outputs[0]))
    board = load_board("mps2-an386")
    done = host_self_test(write_sources(make_project(graph, board, c_runtime(graph, board)), tmp_path))
    assert done.stdout.endswith("SELF-TEST PASS\n"), done.stderr


@NEEDS_CC
@pytest.mark.skipif(shutil.which("cmake") is None, reason="no cmake")
def test_cmake_builds_the_same_self_test_for_this_computer(tmp_path: Path) -> None:
    write_sources(tiny_project(load_board("mps2-an386")), tmp_path)
    subprocess.run(["cmake", "-S", ".", "-B", "build/host"], cwd=tmp_path, check=True, capture_output=True)
    subprocess.run(["cmake", "--build", "build/host", "-j2"], cwd=tmp_path, check=True, capture_output=True)
    done = subprocess.run([tmp_path / "build/host/firmware"], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.endswith("SELF-TEST PASS\n")
