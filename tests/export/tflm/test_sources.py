# SPDX-License-Identifier: Apache-2.0
"""The C++ for TFLite Micro: it compiles as strictly as our C does, and run by the real runtime it is the reference.

The runtime is the shared library of the `tflite-micro` wheel, which exports TFLite Micro's own interpreter and kernels;
headers/ describes the few names of it that the generated code uses.
"""

import ctypes
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from tflite_micro.python.tflite_micro import _runtime

from tests.graphs import GraphBuilder, random_graph, random_inputs
from toolchain.boards import load_board
from toolchain.core import known_core
from toolchain.errors import ModelError
from toolchain.export.c import Aims
from toolchain.export.project import RUNTIMES
from toolchain.export.tflite import Forms, tflite_bytes
from toolchain.export.tflm import TflmModel, tflm_sources
from toolchain.graph.graph import Graph
from toolchain.graph.reference import run
from toolchain.graph.tensor import Grid
from toolchain.graph.tflite_in import parse_tflite, read_tflite
from toolchain.graph.tflite_in.container import unpack
from toolchain.graph.tflite_in.schema import TensorType, type_name

HEADERS = Path(__file__).parent / "headers"
STRICT = [
    "-std=c++17",
    "-fno-rtti",
    "-fno-exceptions",
    "-fno-threadsafe-statics",
    "-Wall",
    "-Wextra",
    "-Wpedantic",
    "-Wconversion",
    "-Wshadow",
    "-Wdouble-promotion",
    "-Werror",
]

CORE = known_core("cortex-m3")


def _write(model: TflmModel, folder: Path) -> list[str]:
    """Write the sources; returns the C++ files and where to find their headers, for the compiler."""
    for name, text in model.sources.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    files = [str(folder / name) for name in model.sources if name.endswith(".cc")]
    return ["-I", str(folder), "-isystem", str(HEADERS), *files]


def _load(graph: Graph, folder: Path, *, compress: bool = False) -> ctypes.CDLL:
    """The generated code, linked with the runtime of the wheel."""
    library = folder / "model.so"
    inputs = _write(tflm_sources(graph, CORE, compress=compress), folder)
    subprocess.run(["g++", *STRICT, "-O1", "-shared", "-fPIC", *inputs, "-o", str(library)], check=True)
    ctypes.CDLL(_runtime.__file__, mode=ctypes.RTLD_GLOBAL)
    loaded = ctypes.CDLL(str(library))
    getattr(loaded, f"{graph.name}_init").restype = ctypes.c_char_p
    return loaded


def _assert_equals_reference(graph: Graph, loaded: ctypes.CDLL, count: int = 5) -> None:
    assert getattr(loaded, f"{graph.name}_init")() is None
    inputs = random_inputs(graph, count)
    outputs = [np.empty(graph.tensor(name).shape, np.int8) for name in graph.outputs]
    for index in range(count):
        given = {name: np.ascontiguousarray(value[index]) for name, value in inputs.items()}
        pointers = [array.ctypes.data_as(ctypes.c_void_p) for array in (*given.values(), *outputs)]
        getattr(loaded, f"{graph.name}_predict")(*pointers)
        expected = run(graph, given)
        for name, output in zip(graph.outputs, outputs, strict=True):
            np.testing.assert_array_equal(output, expected[name])


def test_a_real_model_runs_in_the_real_runtime(shared_data: Path, tmp_path: Path) -> None:
    graph = read_tflite(shared_data / "models" / "kws_ref_model.tflite")
    _assert_equals_reference(graph, _load(graph, tmp_path))


def _every_operator() -> Graph:
    """Two inputs, two outputs, and each operator that TFLite can say."""
    net = GraphBuilder("every", (1, 9, 8, 3), seed=4)
    other = net.input("other", (1, 9, 8, 3), scale=0.1)
    net.back_to("input").add(other, scale=0.1, zero_point=4, activation=(-100, 100))
    net.conv2d(4, (3, 3), padding=(2, 0, 1, 1)).depthwise_conv2d((3, 3), activation=(-120, 127))
    net.concatenation(net.last).max_pool2d((3, 3), stride=(2, 2), padding=(1, 0, 1, 0)).average_pool2d((2, 2))
    net.requantise(scale=0.05, zero_point=-9).requantise(scale=0.06, zero_point=3, activation=(3, 127))
    net.requantise(activation=(3, 103)).pad((1, 0, 0, 1))
    middle = net.checkpoint()
    net.mean(scale=0.03).fully_connected(6).reshape((1, 2, 3)).softmax()
    return net.graph(net.last, middle)


def test_every_operator_has_its_method(tmp_path: Path) -> None:
    graph = _every_operator()
    operators = tflm_sources(graph, CORE).operators
    assert operators == (
        "AddAdd", "AddAveragePool2D", "AddConcatenation", "AddConv2D", "AddDepthwiseConv2D", "AddFullyConnected",
        "AddMaxPool2D", "AddMaximum", "AddMean", "AddMinimum", "AddPad", "AddPadV2", "AddQuantize", "AddRelu",
        "AddRelu6", "AddReshape", "AddSoftmax",
    )  # fmt: skip
    _assert_equals_reference(graph, _load(graph, tmp_path))


@pytest.mark.parametrize(("bits", "compress"), [(4, False), (1, True)])
def test_narrow_weights_run_in_the_real_runtime(tmp_path: Path, bits: int, compress: bool) -> None:
    storage = {"bits": bits, "grid": Grid.MID_RISE if bits == 1 else Grid.MID_TREAD}
    net = GraphBuilder("narrow", (1, 6, 5, 3), seed=bits).conv2d(48, (3, 3), **storage)
    graph = net.depthwise_conv2d((3, 3), **storage).conv2d(40, **storage).mean().fully_connected(12, **storage).graph()
    model = tflm_sources(graph, CORE, compress=compress)
    assert ("AddDecode" in model.operators) == compress
    assert len(model.tflite) < len(tflite_bytes(graph, forms=Forms(int4=())))
    assert (TensorType.INT4 in {tensor.type for tensor in unpack(model.tflite).tensors}) or compress
    _assert_equals_reference(graph, _load(graph, tmp_path, compress=compress))


def test_depthwise_weights_are_int8_on_helium() -> None:
    """CMSIS-NN's kernel for int4 is wrong there."""
    graph = GraphBuilder("net", (1, 6, 5, 4)).conv2d(4, bits=4).depthwise_conv2d((3, 3), bits=4).graph()
    for core, types in (("cortex-m4", {"INT4"}), ("cortex-m55", {"INT4", "INT8"})):
        tensors = unpack(tflm_sources(graph, known_core(core)).tflite).tensors
        assert {type_name(tensor.type) for tensor in tensors if tensor.name.endswith("_weights")} == types


def test_look_up_tables_that_save_nothing_are_refused() -> None:
    with pytest.raises(ModelError, match="random_4: no weight tensor gets smaller as a look-up table"):
        tflm_sources(random_graph(4), CORE, compress=True)


def test_a_project_may_have_look_up_tables() -> None:
    graph, board = (
        GraphBuilder("net", (1, 6, 5, 40)).conv2d(48, bits=1, grid=Grid.MID_RISE).graph(),
        load_board("microbit"),
    )
    plain, compressed = (RUNTIMES[name](graph, board, Aims()) for name in ("tflm", "tflm-compressed"))
    assert compressed.constant_bytes < plain.constant_bytes
    assert "resolver.AddDecode()" in compressed.sources["model/net_op_resolver.h"]
    assert "--runtime tflm-compressed" in compressed.sources["model/model.h"]
    assert "look-up tables" in compressed.title and "look-up tables" not in plain.title


def test_an_arena_that_is_too_small_is_reported(tmp_path: Path) -> None:
    """The runtime itself survives it if it can still hold its first structures."""
    graph = GraphBuilder("large", (1, 40, 40, 4)).conv2d(4, (3, 3)).graph()
    model = tflm_sources(graph, CORE)
    inputs = _write(model, tmp_path)
    smaller = f"-DLARGE_ARENA_BYTES={model.arena.total_bytes - 2 * 40 * 40 * 4}"
    library = tmp_path / "model.so"
    subprocess.run(["g++", *STRICT, smaller, "-shared", "-fPIC", *inputs, "-o", str(library)], check=True)
    ctypes.CDLL(_runtime.__file__, mode=ctypes.RTLD_GLOBAL)
    loaded = ctypes.CDLL(str(library))
    loaded.large_init.restype = ctypes.c_char_p
    assert loaded.large_init() == b"large: AllocateTensors failed; is LARGE_ARENA_BYTES large enough?"


@pytest.mark.arm
@pytest.mark.parametrize("names", [[], ["-DTFLM_OLD_NAMES"]], ids=["names of 2026", "names before"])
@pytest.mark.parametrize("core", ["cortex-m3", "cortex-m4", "cortex-m55"])
def test_it_compiles_for_the_board_under_either_set_of_names(tmp_path: Path, core: str, names: list[str]) -> None:
    if shutil.which("arm-none-eabi-g++") is None:
        pytest.skip("arm-none-eabi-g++ is not installed")
    known = known_core(core)
    *include, model, data = _write(tflm_sources(random_graph(4), known), tmp_path)
    for file in (model, data):
        command = ["arm-none-eabi-g++", *known.gcc_flags, *STRICT, "-Os", *names, *include]
        subprocess.run([*command, "-c", file, "-o", str(tmp_path / "out.o")], check=True)
    symbols = subprocess.run(
        ["arm-none-eabi-nm", str(tmp_path / "out.o")], check=True, capture_output=True, text=True
    ).stdout.split()
    assert "g_net_random_4_model_data" in symbols


@pytest.mark.arm
def test_nothing_runs_before_main_and_nothing_allocates(tmp_path: Path) -> None:
    if shutil.which("arm-none-eabi-g++") is None:
        pytest.skip("arm-none-eabi-g++ is not installed")
    *include, model, _ = _write(tflm_sources(random_graph(4), CORE), tmp_path)
    command = ["arm-none-eabi-g++", *CORE.gcc_flags, *STRICT, "-Os", "-ffunction-sections", "-fdata-sections", *include]
    subprocess.run([*command, "-c", model, "-o", str(tmp_path / "out.o")], check=True)
    described = subprocess.run(
        ["arm-none-eabi-objdump", "-h", "-t", str(tmp_path / "out.o")], check=True, capture_output=True, text=True
    ).stdout
    assert ".init_array" not in described and "atexit" not in described and "_Znwj" not in described
    # Where the linker script of a firmware project looks for arenas.
    assert any(section.startswith(".bss.") and section.endswith("_arena") for section in described.split())


def test_the_array_is_the_file_and_the_file_is_the_graph() -> None:
    graph = random_graph(4)
    model = tflm_sources(graph, CORE)
    text = model.sources["model/net_random_4_model_data.cc"]
    values = text[text.index("= {") + 3 : text.index("};")].replace(",", " ").split()
    assert bytes(int(value, 16) for value in values) == model.tflite
    assert parse_tflite(model.tflite, "x").sha256 == parse_tflite(tflm_sources(graph, CORE).tflite, "x").sha256


def test_the_same_graph_gives_the_same_sources() -> None:
    assert tflm_sources(random_graph(4), CORE).sources == tflm_sources(random_graph(4), CORE).sources


def test_the_header_says_how_large_the_arena_is_and_how_that_was_found() -> None:
    model = tflm_sources(random_graph(4), CORE)
    header = model.sources["model/model.h"]
    assert f"#define NET_RANDOM_4_ARENA_BYTES {model.arena.total_bytes}\n" in header
    assert "Found without running it:" in header and "as TFLite Micro's greedy planner lays them out" in header
