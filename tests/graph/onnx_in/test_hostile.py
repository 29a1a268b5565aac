# SPDX-License-Identifier: Apache-2.0
"""Whatever is done to a file, what comes out is a sound Graph or a ModelError: never anything else."""

import random
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from tests.graph.onnx_in.onnx_nets import OnnxNet
from toolchain.errors import ModelError
from toolchain.graph.check import check_graph
from toolchain.graph.onnx_in import read_onnx

SEEDS = 200

OPS = [
    "Conv", "Gemm", "MatMul", "Add", "Sub", "Mul", "Div", "Relu", "Clip", "MaxPool", "AveragePool", "Concat", "Pad",
    "GlobalAveragePool", "ReduceMean", "Softmax", "Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze", "Shape",
    "QuantizeLinear", "DequantizeLinear", "Identity", "Cast", "Slice", "Gather", "BatchNormalization", "Sum", "Neg",
    "QLinearConv", "QLinearAdd", "QGemm", "QLinearConcat", "ConstantOfShape", "Expand", "Where", "Constant", "Loop",
]  # fmt: skip
NUMBERS = [-(1 << 63), -(1 << 31), -129, -2, -1, 0, 1, 2, 3, 7, 128, 255, 1 << 20, 1 << 31, 1 << 40, (1 << 63) - 1]
FLOATS = [0.0, -0.0, -1.0, 1e-45, 1e-30, 1e30, 3.4e38, float("inf"), float("-inf"), float("nan")]


def rich_net() -> onnx.ModelProto:
    """Most operators that are read, in one file."""
    net = OnnxNet(seed=11)
    x = net.quantised(net.input("input", ["N", 9, 6, 2]), 0.05, 131, "uint8")
    x = net.node("Transpose", x, perm=[0, 3, 1, 2])
    x = net.node("Pad", x, net.constant([0, 0, 1, 0, 0, 0, 0, 1], "int64"))
    x = net.quantised(net.node("Relu", net.conv(x, 4, 2, (3, 3), strides=[2, 1])), 0.03, 0, "uint8", low=0, high=200)
    y = net.conv(x, 4, 4, (3, 3), group=4, pads=[1] * 4)
    y = net.node("BatchNormalization", y, *(net.constant(net.rng.uniform(0.5, 1, 4), "float32") for _ in range(4)))
    y = net.node("Clip", y, net.constant(0.0, "float32"), net.constant(6.0, "float32"))
    y = net.quantised(y, 0.02, -128)
    x = net.quantised(net.node("Add", x, y), 0.04, -3)
    z = net.quantised(net.node("AveragePool", x, kernel_shape=[3, 3], pads=[1] * 4), 0.03, 0)
    x = net.quantised(net.node("Concat", x, z, axis=1), 0.04, 1)
    x = net.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)
    flat = net.node("Reshape", x, net.constant([0, -1], "int64"))
    pooled = net.quantised(net.node("ReduceMean", x, axes=[2, 3], keepdims=0), 0.01, 0)
    size = 8 * 2 * 3
    logits = net.node("Gemm", flat, net.weights([5, size]), net.constant(net.rng.normal(0, 1, 5), "float32"), transB=1)
    logits = net.quantised(logits, 0.05, 0)
    other = net.node("Add", net.node("MatMul", pooled, net.weights([8, 5], axis=1)), net.constant([0.5] * 5, "float32"))
    x = net.quantised(net.node("Mul", net.quantised(other, 0.05, 2), net.constant(0.5, "float32")), 0.05, 0)
    return net.model(net.node("Softmax", net.quantised(net.node("Add", logits, x), 0.1, 0)))


def with_broken_bytes(content: bytes, dice: random.Random) -> bytes:
    """A few bytes changed, a piece cut out or doubled."""
    data = bytearray(content)
    for _ in range(dice.randint(1, 2)):
        place = dice.randrange(len(data))
        match dice.randrange(8):
            case 0:
                del data[place : place + dice.randint(1, 40)]
            case 1:
                data[place:place] = data[place : place + dice.randint(1, 40)]
            case 2:
                data[place] = dice.randrange(256)
            case _:
                data[place] ^= 1 << dice.randrange(8)
    return bytes(data)


def with_broken_meaning(model: onnx.ModelProto, dice: random.Random) -> None:
    """Nodes rewired, attributes and sizes and numbers replaced: protobuf stays sound, the network does not."""
    graph = model.graph
    names = [name for node in graph.node for name in (*node.input, *node.output)] + ["", "nowhere"]
    for _ in range(dice.randint(1, 3)):
        node, tensor = dice.choice(graph.node), dice.choice(graph.initializer)
        match dice.randrange(13):
            case 0:
                node.op_type = dice.choice(OPS)
            case 1 if node.input:
                node.input[dice.randrange(len(node.input))] = dice.choice(names)
            case 2 if node.attribute:
                attribute = dice.choice(node.attribute)
                attribute.i, attribute.f = dice.choice(NUMBERS), dice.choice(FLOATS)
                for index in range(len(attribute.ints)):
                    attribute.ints[index] = dice.choice(NUMBERS)
            case 3 if node.attribute:
                dice.choice(node.attribute).type = dice.randrange(15)
            case 4 if node.input:
                del node.input[dice.randrange(len(node.input)) :]
            case 5:
                node.input.append(dice.choice(names))
            case 6 if tensor.dims:
                tensor.dims[dice.randrange(len(tensor.dims))] = dice.choice(NUMBERS)
            case 7:
                tensor.data_type = dice.randrange(30)
            case 8:
                dtype = helper.tensor_dtype_to_np_dtype(tensor.data_type)
                values = np.frombuffer(tensor.raw_data, dtype).copy()
                if values.size:
                    with np.errstate(all="ignore"):
                        wild = dice.choice(FLOATS) if values.dtype.kind == "f" else dice.choice(NUMBERS[2:-2])
                        values[dice.randrange(values.size)] = np.float64(wild).astype(values.dtype)
                tensor.raw_data = values.tobytes()
            case 9:
                node.attribute.append(
                    helper.make_attribute(dice.choice(["axis", "axes", "perm", "pads"]), [dice.choice(NUMBERS)])
                )
            case 10:
                node.attribute.append(
                    helper.make_attribute(dice.choice(["axis", "group", "transA"]), dice.choice(NUMBERS))
                )
            case 11:
                graph.node.remove(node)
            case _:
                shape = graph.input[0].type.tensor_type.shape
                shape.dim[dice.randrange(len(shape.dim))].dim_value = dice.choice(NUMBERS)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", ["bytes", "meaning"])
def test_a_broken_file_gives_a_graph_or_a_model_error(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    base = rich_net()
    path.write_bytes(base.SerializeToString())
    check_graph(read_onnx(path))
    content, outcomes = path.read_bytes(), Counter()  # type: ignore[var-annotated]
    for seed in range(SEEDS):
        dice = random.Random(seed)
        if kind == "bytes":
            broken = with_broken_bytes(content, dice)
        else:
            model = onnx.ModelProto.FromString(content)
            with_broken_meaning(model, dice)
            broken = model.SerializeToString()
        path.write_bytes(broken)
        try:
            check_graph(read_onnx(path))
            outcomes["read"] += 1
        except ModelError as error:
            outcomes["refused"] += 1
            assert str(path) in str(error), f"seed {seed}"
        except Exception as error:
            raise AssertionError(f"{kind}, seed {seed}: {type(error).__name__}: {error}") from error
    print(kind, dict(outcomes))
    assert outcomes["read"] > 10 and outcomes["refused"] > 50, "the changes must hit, and not everything"


def test_the_unbroken_net_reaches_most_operators(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(rich_net().SerializeToString())
    kinds = {op.kind for op in read_onnx(path).operators}
    assert len(kinds) >= 9, kinds
