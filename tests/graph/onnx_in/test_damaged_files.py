# SPDX-License-Identifier: Apache-2.0
"""Files that are cut, contradictory or made to do harm: one ModelError that names the file, and nothing endless."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.graph.onnx_in.onnx_nets import OnnxNet
from toolchain.errors import ModelError
from toolchain.graph.onnx_in import read_onnx


def image(net: OnnxNet) -> str:
    return net.quantised(net.input("input", [1, 3, 6, 6]), 0.05, 3)


def refused(path: Path, message: str) -> None:
    with pytest.raises(ModelError, match=message) as refusal:
        read_onnx(path)
    assert str(path) in str(refusal.value)


def small(net: OnnxNet) -> onnx.ModelProto:
    return net.model(net.quantised(net.conv(image(net), 4, 3, (3, 3), name="first"), 0.05, 0))


def test_an_absent_file(tmp_path: Path) -> None:
    refused(tmp_path / "none.onnx", "cannot be read: No such file")


@pytest.mark.parametrize("content", [b"", b"\x00" * 100, b"hello, this is no protobuf at all", b"\x08\x0a"])
def test_a_file_that_is_no_onnx(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bad.onnx"
    path.write_bytes(content)
    refused(path, "no ONNX")


@pytest.mark.parametrize("kept", [0.3, 0.7, 0.99])
def test_a_truncated_file(kept: float, tmp_path: Path) -> None:
    content = small(OnnxNet()).SerializeToString()
    path = tmp_path / "cut.onnx"
    path.write_bytes(content[: int(len(content) * kept)])
    refused(path, "truncated")


def test_an_old_opset(tmp_path: Path) -> None:
    net = OnnxNet(opset=9)
    refused(net.saved(tmp_path, net.node("Relu", net.input("x", [1, 2]))), "version 9; at least 10 is needed")


def test_a_cycle(tmp_path: Path) -> None:
    net = OnnxNet()
    x = image(net)
    net.nodes.append(helper.make_node("Relu", ["b"], ["a"], name="one"))
    net.nodes.append(helper.make_node("Relu", ["a"], ["b"], name="two"))
    refused(net.saved(tmp_path, net.quantised(x, 0.05, 0)), "waits for its own result: the graph has a cycle")


def test_nodes_in_any_order_are_sorted(tmp_path: Path) -> None:
    model = small(OnnxNet())
    straight = tmp_path / "straight.onnx"
    straight.write_bytes(model.SerializeToString())
    backwards = list(model.graph.node)[::-1]
    del model.graph.node[:]
    model.graph.node.extend(backwards)
    mixed = tmp_path / "mixed.onnx"
    mixed.write_bytes(model.SerializeToString())
    assert read_onnx(mixed).sha256 == read_onnx(straight).sha256


def test_a_missing_initialiser(tmp_path: Path) -> None:
    net = OnnxNet()
    model = small(net)
    removed = model.graph.initializer.pop()
    path = tmp_path / "missing.onnx"
    path.write_bytes(model.SerializeToString())
    refused(path, f"reads {removed.name}, which nothing writes")


def test_two_writers_of_one_tensor(tmp_path: Path) -> None:
    net = OnnxNet()
    x = image(net)
    net.nodes.append(helper.make_node("Relu", [x], [x], name="again"))
    refused(net.saved(tmp_path, net.quantised(x, 0.05, 0)), f"Relu again: writes {x}, which already has a value")


@pytest.mark.parametrize(
    ("scale", "message"),
    [(0.0, "finite and greater than 0"), (-0.1, "finite and greater"), (np.nan, "finite and"), (np.inf, "finite and")],
)
def test_scales_that_are_no_scales(scale: float, message: str, tmp_path: Path) -> None:
    net = OnnxNet()
    refused(net.saved(tmp_path, net.quantised(net.node("Relu", image(net)), scale, 0)), message)


def test_a_zero_point_of_another_type(tmp_path: Path) -> None:
    net = OnnxNet()
    q = net.quantise(net.node("Relu", image(net)), 0.05, 0, "int8")
    refused(
        net.saved(tmp_path, net.dequantised(q, 0.05, 0, "uint8")), "the zero point is uint8, but the integers are int8"
    )


def test_a_float_zero_point(tmp_path: Path) -> None:
    net = OnnxNet()
    q = net.quantised(net.node("Relu", image(net)), 0.05, 0, "float32")
    refused(net.saved(tmp_path, q), "zero point of type float32")


@pytest.mark.parametrize("shape", [[1, 0, 6, 6], [1, 3, -6, 6], [1, 1 << 40, 6, 6], [1 << 30, 1 << 30]])
def test_impossible_input_shapes(shape: list[int], tmp_path: Path) -> None:
    net = OnnxNet()
    x = net.quantised(net.input("input", shape), 0.05, 0)
    refused(net.saved(tmp_path, net.quantised(net.node("Relu", x), 0.05, 0)), "input input: shape")


@pytest.mark.parametrize("dims", [[4, 3, 3, -3], [1 << 40, 1 << 40], [4, 3, 3, 4], [4, 3]])
def test_initialisers_whose_data_does_not_fit_their_shape(dims: list[int], tmp_path: Path) -> None:
    model = small(OnnxNet())
    weights = next(t for t in model.graph.initializer if list(t.dims) == [4, 3, 3, 3])
    del weights.dims[:]
    weights.dims.extend(dims)
    path = tmp_path / "shape.onnx"
    path.write_bytes(model.SerializeToString())
    refused(path, f"initialiser {weights.name}")


def test_endless_constants_are_not_computed(tmp_path: Path) -> None:
    net = OnnxNet()
    x = image(net)
    huge = net.node("ConstantOfShape", net.constant([1 << 20, 1 << 20], "int64"))
    refused(
        net.saved(tmp_path, net.quantised(net.node("Add", x, huge), 0.05, 0)), "its constant inputs do not fit together"
    )


def test_a_doubling_chain_of_constants_is_stopped(tmp_path: Path) -> None:
    net = OnnxNet()
    x = image(net)
    value = net.constant(np.zeros(1 << 16), "float32")
    for _ in range(40):
        value = net.node("Concat", value, value, axis=0)
    refused(net.saved(tmp_path, net.quantised(net.node("Add", x, value), 0.05, 0)), "constant")


def test_float_operators_without_end_are_refused(tmp_path: Path) -> None:
    net = OnnxNet()
    y = net.node("Relu", net.conv(image(net), 4, 3, (1, 1)))
    for _ in range(3000):
        y = net.node("MaxPool", y, kernel_shape=[1, 1])
    refused(net.saved(tmp_path, net.quantised(y, 0.05, 0)), "operators in a row without any quantisation")


def with_external_data(folder: Path, location: str) -> Path:
    """A sound file whose first weights lie in `location`."""
    model = small(OnnxNet())
    weights = next(t for t in model.graph.initializer if list(t.dims) == [4, 3, 3, 3])
    (folder / "data.bin").write_bytes(b"\x00" * 16 + weights.raw_data)
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "16"), ("length", str(4 * 3 * 3 * 3))):
        weights.external_data.add(key=key, value=value)
    path = folder / "external.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def test_external_data_inside_the_folder_is_read(tmp_path: Path) -> None:
    plain = tmp_path / "plain.onnx"
    plain.write_bytes(small(OnnxNet()).SerializeToString())
    assert read_onnx(with_external_data(tmp_path, "data.bin")).sha256 == read_onnx(plain).sha256


@pytest.mark.parametrize("location", ["../data.bin", "/etc/hostname", "absent.bin", ""])
def test_external_data_does_not_leave_the_folder(location: str, tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    path = with_external_data(inner, location)
    (inner / "data.bin").replace(tmp_path / "data.bin")
    refused(path, "the external data of .* cannot be read")


def test_external_data_beyond_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    path = with_external_data(inner, "data.bin")
    (inner / "data.bin").replace(tmp_path / "data.bin")
    (inner / "data.bin").symlink_to(tmp_path / "data.bin")
    refused(path, "the external data of .* cannot be read")


def test_functions_are_put_in_line(tmp_path: Path) -> None:
    model = small(OnnxNet())
    plain = tmp_path / "plain.onnx"
    plain.write_bytes(model.SerializeToString())
    conv = next(node for node in model.graph.node if node.op_type == "Conv")
    body = helper.make_node("Conv", ["x", "w", "b"], ["y"], name="first", kernel_shape=[3, 3])
    imports = [helper.make_opsetid("", 17)]
    model.functions.append(helper.make_function("local", "Layer", ["x", "w", "b"], ["y"], [body], imports))
    model.opset_import.append(helper.make_opsetid("local", 1))
    call = helper.make_node("Layer", list(conv.input), list(conv.output), name="first", domain="local")
    conv.CopyFrom(call)
    path = tmp_path / "functions.onnx"
    path.write_bytes(model.SerializeToString())
    assert [op.kind for op in read_onnx(path).operators] == [op.kind for op in read_onnx(plain).operators]


@pytest.mark.parametrize("circular", [True, False])
def test_functions_that_grow_without_end_are_refused(circular: bool, tmp_path: Path) -> None:
    model = small(OnnxNet())
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)]
    for level in range(8):
        inner = f"F{level + 1}" if level < 7 else ("F0" if circular else "Relu")
        domain = "" if inner == "Relu" else "local"
        nodes = [helper.make_node(inner, ["x" if i == 0 else f"t{i - 1}"], [f"t{i}"], domain=domain) for i in range(9)]
        nodes.append(helper.make_node("Identity", ["t8"], ["y"]))
        model.functions.append(helper.make_function("local", f"F{level}", ["x"], ["y"], nodes, imports))
    model.opset_import.append(helper.make_opsetid("local", 1))
    model.graph.node.append(helper.make_node("F0", ["input"], ["endless"], domain="local"))
    path = tmp_path / "laughs.onnx"
    path.write_bytes(model.SerializeToString())
    refused(path, "call each other in a circle" if circular else "has more than")


def test_sparse_initialisers(tmp_path: Path) -> None:
    model = small(OnnxNet())
    values = numpy_helper.from_array(np.array([1.0], np.float32), "sparse")
    indices = numpy_helper.from_array(np.array([0], np.int64), "indices")
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [4]))
    path = tmp_path / "sparse.onnx"
    path.write_bytes(model.SerializeToString())
    refused(path, "sparse initialisers are not supported")
