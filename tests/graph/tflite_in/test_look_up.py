# SPDX-License-Identifier: Apache-2.0
"""Look-up tables: ours are what TFLite Micro's own tool makes, and what does not hold together is one clear error."""

from dataclasses import replace

import numpy as np
import pytest
from tflite_micro import compression
from tflite_micro.tensorflow.lite.micro.compression import lut, spec
from tflite_micro.tensorflow.lite.micro.compression.decode import AncillaryDataTensor, DecodeCommonMetadata, DecodeType

from tests.graphs import GraphBuilder, random_inputs
from toolchain.errors import ModelError
from toolchain.export.tflite import Forms, tflite_bytes
from toolchain.graph.reference import run_batch
from toolchain.graph.tflite_in import parse_tflite
from toolchain.graph.tflite_in.look_up import LookUp, decoded, looked_up

SHAPES = [(3,), (5, 7), (1, 3, 3, 11), (16, 1, 1, 16)]


def _drawn(bits: int, shape: tuple[int, ...]) -> np.ndarray:
    rng = np.random.default_rng(bits)
    values = rng.choice(np.arange(-128, 128), 1 << bits, replace=False)
    return rng.choice(values, shape).astype(np.int8)


def _theirs(weights: np.ndarray, axis: int | None) -> LookUp:
    """As the wheel's compressor writes it."""
    coded = lut.compress_array(weights, axis)
    stride = max(len(table) for table in coded.lookup_tables)
    data = lut.LutAncillaryData(
        bitwidth=coded.index_bitwidth,
        axis=15 if axis is None else axis,
        value_table_stride=stride,
        value_tables=lut.pack_lookup_tables(coded.lookup_tables, stride),
    )
    metadata = DecodeCommonMetadata(DecodeType.LUT, user_data=data.to_user_data())
    ancillary = AncillaryDataTensor(metadata, data).to_bytes()
    indices = lut.pack_indices(coded.indices, coded.index_bitwidth)
    return LookUp(np.frombuffer(indices, np.uint8), np.frombuffer(ancillary, np.uint8))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("bits", range(1, 8))
def test_ours_is_the_wheel_s_but_for_the_stride(bits: int, shape: tuple[int, ...]) -> None:
    weights = _drawn(bits, shape)
    ours, theirs = looked_up(weights), _theirs(weights, None)
    assert ours is not None
    assert ours.indices.tobytes() == theirs.indices.tobytes()
    stride = 6
    assert ours.table[stride] == 0 and theirs.table[stride] == len(np.unique(weights))
    assert np.delete(ours.table, stride).tobytes() == np.delete(theirs.table, stride).tobytes()
    np.testing.assert_array_equal(decoded(ours, shape), weights)


@pytest.mark.parametrize("axis", [None, 0, 1])
def test_tables_of_the_wheel_are_read(axis: int | None) -> None:
    weights = _drawn(5, (6, 9))
    np.testing.assert_array_equal(decoded(_theirs(weights, axis), weights.shape), weights)


def test_a_file_that_the_wheel_s_tool_compressed_is_read() -> None:
    net = GraphBuilder("net", (1, 6, 5, 3), seed=1).conv2d(64, (3, 3), bits=2)
    graph = net.conv2d(40, bits=3).mean().fully_connected(9, bits=5).graph()
    names = [tensor.name for tensor in graph.tensors]
    wanted = compression.SpecBuilder()
    for name, bits, mode in (
        ("layer_0_weights", 2, spec.PerChannel(axis=0)),
        ("layer_1_weights", 3, spec.PerTensor()),
        ("layer_3_weights", 5, spec.PerTensor()),
    ):
        wanted.add_tensor(0, names.index(name)).with_lut(bits, mode)
    theirs = compression.compress(tflite_bytes(graph, forms=Forms(int4=())), wanted.build())
    read = parse_tflite(bytes(theirs), "net")
    inputs = random_inputs(graph, 3)
    for name, value in run_batch(graph, inputs).items():
        np.testing.assert_array_equal(run_batch(read, inputs)[name], value)


def test_one_value_takes_one_bit_and_129_take_no_table() -> None:
    alone = looked_up(np.full((9,), -5, np.int8))
    assert alone is not None and (alone.indices.size, alone.table.size, alone.n_bytes) == (2, 17, 19)
    assert looked_up(np.arange(-64, 65).astype(np.int8)) is None


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (0, 1, "is coded as Huffman code; only look-up tables"),
        (0, 200, "is coded as kind 200"),
        (1, 2, r"version 2\.1; only 1\.1"),
        (5, 15 << 4, "20 indices of 0 bits do not lie in 8 bytes"),
        (5, 15 << 4 | 7, "20 indices of 7 bits do not lie in 8 bytes"),
        (5, 2 << 4 | 3, "a table for each place of axis 2, and only 2 axes"),
        (5, 0 << 4 | 3, "is beyond its channel's table of 0"),
    ],
)
def test_a_header_that_lies_is_refused(place: int, value: int, message: str) -> None:
    sound = looked_up(np.arange(20).reshape(4, 5).astype(np.int8) % 8)
    assert sound is not None
    table = sound.table.copy()
    table[place] = value
    with pytest.raises(ModelError, match=message):
        decoded(replace(sound, table=table), (4, 5))


def test_a_table_that_is_too_short_is_refused() -> None:
    sound = looked_up(np.arange(20).reshape(4, 5).astype(np.int8) % 8)
    assert sound is not None
    with pytest.raises(ModelError, match="an index of 7 is beyond the 7 values of its table"):
        decoded(replace(sound, table=sound.table[:-1]), (4, 5))
    with pytest.raises(ModelError, match="its table has 9 bytes; the header alone has 16"):
        decoded(replace(sound, table=sound.table[:9]), (4, 5))
