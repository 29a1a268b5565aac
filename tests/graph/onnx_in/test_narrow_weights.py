# SPDX-License-Identifier: Apache-2.0
"""Other people's int4 and int2 weights: one scale for all, one a channel, a zero point, blocks of scales."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tests.graph.onnx_in.onnx_nets import OnnxNet, compared
from toolchain.errors import ModelError
from toolchain.graph.onnx_in import read_onnx
from toolchain.graph.tensor import Grid, Tensor

NARROW = {
    kind: helper.tensor_dtype_to_np_dtype(getattr(TensorProto, kind.upper()))
    for kind in ("int4", "uint4", "int2", "uint2")
}


def _file(folder: Path, kind: str, scales: object, zero_point: int = 0, **attributes: int) -> Path:
    """Conv with weights [4, 6, 3, 3] of all integers that `kind` has."""
    net = OnnxNet(opset=25 if kind.endswith("2") else 21, seed=3)
    bits = int(kind[-1])
    low = 0 if kind[0] == "u" else -(1 << (bits - 1))
    integers = net.rng.integers(low, low + (1 << bits), [4, 6, 3, 3])
    grid = (
        net.constant(scales, "float32"),
        net.constant(np.full(np.shape(scales), zero_point).astype(NARROW[kind]), None),
    )
    weights = net.node("DequantizeLinear", net.constant(integers.astype(NARROW[kind]), None), *grid, **attributes)
    image = net.quantised(net.input("input", [1, 6, 8, 7]), 0.05, 3)
    model = net.model(net.quantised(net.node("Conv", image, weights, kernel_shape=[3, 3]), 0.2, 0))
    model.ir_version = 13 if kind.endswith("2") else 10
    path = folder / "net.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def _weights(folder: Path, kind: str, scales: object, zero_point: int = 0) -> Tensor:
    difference = compared(_file(folder, kind, scales, zero_point, **({"axis": 0} if np.ndim(scales) else {})))
    assert difference.largest <= 1
    (tensor,) = (tensor for tensor in difference.graph.constants() if tensor.dtype.value == "int8")
    return tensor


@pytest.mark.parametrize("scales", [0.02, [0.02, 0.01, 0.03, 0.04]], ids=["one scale", "a scale a channel"])
@pytest.mark.parametrize(("kind", "zero_point", "bits"), [("int4", 0, 4), ("uint4", 8, 4), ("int2", 0, 2)])
def test_they_come_in_at_their_width(kind: str, zero_point: int, bits: int, scales: object, tmp_path: Path) -> None:
    tensor = _weights(tmp_path, kind, scales, zero_point)
    assert (tensor.bits, tensor.grid) == (bits, Grid.MID_TREAD)
    assert (tensor.array.min(), tensor.array.max()) == (-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
    assert len(tensor.quantisation.scales) == np.size(scales)


def test_a_zero_point_off_the_middle_takes_more_bits(tmp_path: Path) -> None:
    tensor = _weights(tmp_path, "uint4", 0.02, 3)
    assert tensor.bits == 5 and (tensor.array.min(), tensor.array.max()) == (-3, 12)


def test_blocks_of_scales_within_a_channel_are_one_clear_error(tmp_path: Path) -> None:
    scales = np.linspace(0.01, 0.05, 4 * 3 * 3 * 3).reshape(4, 3, 3, 3)
    path = _file(tmp_path, "int4", scales, axis=1, block_size=2)
    with pytest.raises(ModelError, match=r"several scales within one output channel \(.* or in blocks\)"):
        read_onnx(path)


def test_blocks_that_share_one_scale_are_read(tmp_path: Path) -> None:
    path = _file(tmp_path, "int4", np.full((4, 3, 3, 3), 0.02), axis=1, block_size=2)
    assert compared(path).largest <= 1


@pytest.mark.parametrize("kind", ["int4", "int2"])
def test_too_few_bytes_are_one_clear_error(kind: str, tmp_path: Path) -> None:
    path = _file(tmp_path, kind, 0.02)
    model = onnx.load(path)
    (weights,) = (tensor for tensor in model.graph.initializer if len(tensor.dims) == 4)
    weights.raw_data = weights.raw_data[:-5]
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match=f"initialiser {weights.name}: cannot be read"):
        read_onnx(path)
