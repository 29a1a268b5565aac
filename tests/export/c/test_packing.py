# SPDX-License-Identifier: Apache-2.0
"""Weights packed at their width: what sb_unpack_s8 makes of them, compiled for the host, is what was packed."""

import ctypes
import subprocess
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.graphs import STORAGES, GraphBuilder, on_grid
from toolchain.assets import asset_folder
from toolchain.core import known_core
from toolchain.device.host import host_compiler
from toolchain.export.c import c_sources
from toolchain.export.c.kernel_table import KERNELS
from toolchain.export.c.layout import paired_rows
from toolchain.export.c.packing import BLOCK, Coding, Form, Packed, coding_of, packed
from toolchain.export.c.rows.scalar import unsigned_fours
from toolchain.graph.tensor import DType, Grid, Quantisation, Tensor

Unpack = Callable[[Packed, int], list[NDArray[np.int8]]]


class _PackedWeights(ctypes.Structure):
    """sb_packed_weights."""

    _fields_ = [
        ("weights", ctypes.c_void_p),
        ("blocks", ctypes.c_uint16),
        *((name, ctypes.c_int8) for name in ("bits", "step", "least", "paired", "corrected")),
    ]


@pytest.fixture(scope="module")
def unpack(tmp_path_factory: pytest.TempPathFactory) -> Unpack:
    """sb_unpack_s8, one part after the other."""
    compiler = host_compiler()
    assert compiler is not None
    library = tmp_path_factory.mktemp("unpack") / "unpack.so"
    source = asset_folder("firmware_templates") / "kernels" / "sb_unpack_s8.c"
    command = [compiler.path, "-std=c11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", library, source]
    subprocess.run([str(part) for part in command], check=True)
    function = ctypes.CDLL(str(library)).sb_unpack_s8
    function.restype = ctypes.c_void_p

    def parts(stored: Packed, count: int) -> list[NDArray[np.int8]]:
        values, coding = np.ascontiguousarray(stored.values), stored.coding
        at, found = values.ctypes.data, []
        for _ in range(count):
            bytes_ = np.full(stored.unpacked_bytes + BLOCK, 77, np.int8)  # the last ones are not to be touched
            described = _PackedWeights(
                at, stored.blocks, coding.bits, coding.step, coding.least, coding.paired, stored.corrected
            )
            at = function(ctypes.byref(described), ctypes.c_void_p(bytes_.ctypes.data))
            assert (bytes_[-BLOCK:] == 77).all()
            found.append(bytes_[:-BLOCK])
        assert at == values.ctypes.data + len(values)
        return found

    return parts


def _coding(bits: int, grid: Grid, form: Form) -> Coding:
    quantisation = Quantisation((1.0,))
    return coding_of(Tensor("weights", (1,), DType.INT8, quantisation, bits, grid, np.ones(1, np.int8)), form)


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize(("bits", "grid"), STORAGES)
def test_every_width_comes_back(bits: int, grid: Grid, form: Form, unpack: Unpack) -> None:
    rng = np.random.default_rng([bits, len(form.value)])
    rows = on_grid(rng.integers(-128, 128, (2, 8, 12)), bits, grid).astype(np.int8)
    order = {Form.PLAIN: np.ravel, Form.UNSIGNED: unsigned_fours, Form.PAIRED: lambda part: paired_rows(part, 12)}
    parts = [order[form](part) for part in rows]
    stored = packed(parts, _coding(bits, grid, form))
    for part, found in zip(parts, unpack(stored, len(parts)), strict=True):
        assert np.array_equal(found[: len(part)], part)
    lowest = int(rows.min()) == -(1 << (bits - 1)) and grid is Grid.MID_TREAD and form is Form.PAIRED
    assert not stored.corrected or lowest  # b - 1 of 256 * b + a may be beyond it
    if not stored.corrected:
        assert len(stored.values) == sum(len(part) for part in parts) * bits // 8


@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize(("bits", "grid"), STORAGES)
def test_bytes_that_are_no_weights_come_back_too(bits: int, grid: Grid, paired: bool, unpack: Unpack) -> None:
    """Any bytes at all, few and far apart or many, in parts of several lengths."""
    rng = np.random.default_rng([bits, paired])
    coding = _coding(bits, grid, Form.PAIRED if paired else Form.PLAIN)
    ones = np.ones(1500, np.int8)
    far = ones.copy()
    far[[0, 700, 701, 1499]] = [-128, 127, 0, 99]
    parts = [rng.integers(-128, 128, 70).astype(np.int8), far, ones, rng.integers(-128, 128, 1400).astype(np.int8)]
    stored = packed(parts, coding)
    assert stored.corrected
    for part, found in zip(parts, unpack(stored, len(parts)), strict=True):
        assert np.array_equal(found[: len(part)], part)


@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m4", "cortex-m55"])
@pytest.mark.parametrize(("bits", "grid"), STORAGES)
def test_a_layer_takes_as_many_bits_as_its_weights_have(bits: int, grid: Grid, core: str) -> None:
    """But for kernels that read several weights at once: 3 bits lie in fields of 4 there, 5 in 6."""
    net = GraphBuilder("bits", (1, 4, 4, 32))
    net.storage = (bits, grid)
    graph = net.conv2d(32).fully_connected(24).graph()
    for layer in c_sources(graph, known_core(core), table=KERNELS).layers:
        (weights,) = (constant for constant in layer.constants if constant.role == "weights")
        exact = graph.tensor(graph.operators[0].reads[1] if layer.kind == "Conv2D" else graph.operators[1].reads[1])
        # Behind the weights of a `_scalar` kernel stands what it took off large ones, two bytes an output at least.
        more = 64 + (8 * bits + 140 if "_scalar" in layer.kernel else 0)
        in_fields = any(name in layer.kernel for name in ("nibbles", "fives", "fields"))
        stored = exact.storage_bytes * {3: 4, 5: 6}.get(bits, bits) // bits if in_fields else exact.storage_bytes
        most = 2 * stored if (bits, grid) == (7, Grid.MID_RISE) else stored + more
        assert exact.storage_bytes <= weights.n_bytes <= most


def test_eight_bits_are_not_packed() -> None:
    graph = GraphBuilder("bytes", (1, 4, 4, 8)).conv2d(8).graph()
    model = c_sources(graph, known_core("cortex-m4"), table=KERNELS)
    assert "sb_unpack_s8.c" not in model.kernels
    assert not any("packed" in kernel for kernel, _ in model.layers[0].passed_over)
    assert "static int8_t bytes_arena" in model.sources["model/model.c"]


def test_generated_c_unpacks_before_the_kernel_runs_from_there() -> None:
    net = GraphBuilder("few", (1, 4, 4, 32))
    net.storage = (3, Grid.MID_TREAD)
    model = c_sources(net.conv2d(32).graph(), known_core("cortex-m55"), table=KERNELS)
    (layer,) = model.layers
    place = model.plan.scratch_of(layer.name)
    assert place is not None
    text = model.sources["model/model.c"]
    where = f"arena + {place.offset}" if place.offset else "arena"
    assert f"sb_unpack_s8(&few_conv2d_0_packed, {where});\n  {layer.kernel}(&few_conv2d_0_layer" in text
    assert f".weights = few_{where}," in model.sources["model/weights.c"]
    assert "extern int8_t few_arena[];" in model.sources["model/weights.h"]
    assert [constant.role for constant in layer.constants][-2:] == ["packed", "layer"]
