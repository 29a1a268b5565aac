# SPDX-License-Identifier: Apache-2.0
"""Other people's .tflite files: real ones, float ends, odd forms, and what is refused with which words."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.graphs import GraphBuilder, random_inputs
from toolchain.errors import ModelError
from toolchain.export.tflite import tflite_bytes
from toolchain.graph.graph import Graph
from toolchain.graph.ops import Clamp, Conv2D, FullyConnected, MaxPool2D, Padding, Requantise, Reshape
from toolchain.graph.reference import run, run_batch
from toolchain.graph.tflite_in import parse_tflite, read_tflite
from toolchain.graph.tflite_in import schema as ours
from toolchain.verify.judge import Subject
from toolchain.verify.judges.tflm import TfliteMicroJudge

REAL = ["kws_ref_model", "pretrainedResnet_quant"]


@pytest.mark.parametrize("name", REAL)
def test_real_models_equal_tflite_micro_in_every_layer(shared_data: Path, name: str) -> None:
    path = shared_data / "models" / f"{name}.tflite"
    graph = read_tflite(path)
    inputs = random_inputs(graph, 12, seed=1)
    expected = run_batch(graph, inputs)
    for content in (path.read_bytes(), tflite_bytes(graph)):
        judge = TfliteMicroJudge(Subject(graph, content))
        for output, value in judge.run(inputs).items():
            np.testing.assert_array_equal(value, expected[output])
        first_two = {name: value[:2] for name, value in inputs.items()}
        layers = judge.layers(first_two)
        for index in range(2):
            for tensor, value in run(graph, {name: value[index] for name, value in inputs.items()}).items():
                np.testing.assert_array_equal(layers[tensor][index], value, err_msg=tensor)


def test_real_models_are_named_after_their_files(shared_data: Path) -> None:
    graph = read_tflite(shared_data / "models" / "pretrainedResnet_quant.tflite")
    assert graph.name == "pretrainedresnet_quant"
    assert [op.kind for op in graph.operators].count("Add") == 3


def _edited(graph: Graph, edit: Callable[[Any], None]) -> bytes:
    """The Graph's file after `edit` has changed its object form."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(tflite_bytes(graph), 0))
    edit(model)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _conv() -> Graph:
    return GraphBuilder("net", (1, 5, 4, 2), seed=4).conv2d(3, (3, 3)).graph()


def _add_operator(model: Any, code: int, version: int, inputs: list[int], outputs: list[int], at: int = -1) -> None:
    model.operatorCodes.append(schema.OperatorCodeT(min(code, 127), None, version, code))
    added = schema.OperatorT(len(model.operatorCodes) - 1, inputs, outputs)
    operators = model.subgraphs[0].operators
    operators.insert(len(operators) if at < 0 else at, added)


def _add_tensor(model: Any, like: int, kind: int, name: str, shape: list[int] | None = None) -> int:
    tensors = model.subgraphs[0].tensors
    template = tensors[like]
    tensors.append(
        schema.TensorT(shape or list(template.shape), kind, 0, name, template.quantization, shapeSignature=None)
    )
    return len(tensors) - 1


def test_float_ends_are_left_off() -> None:
    def wrap(model: Any) -> None:
        graph = model.subgraphs[0]
        first, last = graph.inputs[0], graph.outputs[0]
        graph.inputs = [_add_tensor(model, first, schema.TensorType.FLOAT32, "float_in")]
        graph.outputs = [_add_tensor(model, last, schema.TensorType.FLOAT32, "float_out")]
        _add_operator(model, 114, 1, [graph.inputs[0]], [first], at=0)
        _add_operator(model, 6, 2, [last], [graph.outputs[0]])

    graph = parse_tflite(_edited(_conv(), wrap), "net")
    assert [op.kind for op in graph.operators] == ["Conv2D"]
    assert graph.inputs == ("input",) and graph.outputs == ("conv2d_0_out",)


def test_a_float_tensor_inside_is_refused_with_advice() -> None:
    def make_float(model: Any) -> None:
        model.subgraphs[0].tensors[0].type = schema.TensorType.FLOAT32

    with pytest.raises(ModelError, match=r"operator 0 \(CONV_2D\): tensor input is FLOAT32.*full integer quantisation"):
        parse_tflite(_edited(_conv(), make_float), "net")


def test_old_files_fill_only_the_first_operator_code() -> None:
    def forget(model: Any) -> None:
        for code in model.operatorCodes:
            code.builtinCode = 0

    assert [op.kind for op in parse_tflite(_edited(_conv(), forget), "net").operators] == ["Conv2D"]


def test_an_unknown_operator_is_named_with_its_place_and_what_is_supported() -> None:
    def add_logistic(model: Any) -> None:
        last = model.subgraphs[0].outputs[0]
        out = _add_tensor(model, last, schema.TensorType.INT8, "squashed")
        _add_operator(model, schema.BuiltinOperator.LOGISTIC, 2, [last], [out])
        model.subgraphs[0].outputs = [out]

    with pytest.raises(ModelError, match=r"operator 1 \(LOGISTIC\) is not supported; supported are ADD, AVERAGE_POOL"):
        parse_tflite(_edited(_conv(), add_logistic), "net")


def test_a_custom_operator_is_named() -> None:
    def customise(model: Any) -> None:
        code = model.operatorCodes[0]
        code.builtinCode = code.deprecatedBuiltinCode = 32
        code.customCode = "TFLM_OTHER"

    with pytest.raises(ModelError, match=r"operator 0 \(custom TFLM_OTHER\) is not supported"):
        parse_tflite(_edited(_conv(), customise), "net")


def test_two_subgraphs_are_refused() -> None:
    with pytest.raises(ModelError, match="2 subgraphs; exactly one is supported"):
        parse_tflite(_edited(_conv(), lambda model: model.subgraphs.append(model.subgraphs[0])), "net")


def test_names_are_made_safe_and_unique() -> None:
    def rename(model: Any) -> None:
        for tensor in model.subgraphs[0].tensors:
            tensor.name = "a*/ evil\nname"

    names = [tensor.name for tensor in parse_tflite(_edited(_conv(), rename), "net").tensors]
    assert names == ["a_/_evil_name", "a_/_evil_name_2", "a_/_evil_name_3", "a_/_evil_name_4"]


def test_a_missing_bias_scale_is_computed() -> None:
    def forget(model: Any) -> None:
        bias = next(t for t in model.subgraphs[0].tensors if t.name == b"layer_0_bias")
        bias.quantization = None

    graph, again = _conv(), parse_tflite(_edited(_conv(), forget), "net")
    np.testing.assert_array_equal(
        again.tensor("layer_0_bias").quantisation.scales, graph.tensor("layer_0_bias").quantisation.scales
    )


def test_a_dense_layer_that_keeps_its_axes_becomes_two_operators() -> None:
    graph = GraphBuilder("net", (1, 4, 6)).fully_connected(3, inputs=6).graph()

    def keep(model: Any) -> None:
        model.subgraphs[0].operators[0].builtinOptions.keepNumDims = True
        model.subgraphs[0].tensors[graph.tensors.index(graph.tensor(graph.outputs[0]))].shape = [1, 4, 3]

    again = parse_tflite(_edited(graph, keep), "net")
    assert [type(op) for op in again.operators] == [FullyConnected, Reshape]
    assert again.tensor(again.outputs[0]).shape == (1, 4, 3)


def test_a_constant_that_is_broadcast_in_a_sum_is_written_out() -> None:
    net = GraphBuilder("net", (1, 3, 2, 4))
    other = net.input("other", (1, 3, 2, 4), scale=0.5)
    graph = net.back_to("input").add(other).graph()

    def constant(model: Any) -> None:
        model.buffers.append(schema.BufferT(np.array([1, 2, 3, 4], np.uint8)))
        tensor = model.subgraphs[0].tensors[1]
        tensor.buffer, tensor.shape = len(model.buffers) - 1, [4]
        model.subgraphs[0].inputs = [0]

    again = parse_tflite(_edited(graph, constant), "net")
    x = random_inputs(graph, 1)["input"][0]
    spread = np.broadcast_to(np.array([1, 2, 3, 4], np.int8), (1, 3, 2, 4))
    expected = run(graph, {"input": x, "other": spread})[graph.outputs[0]]
    np.testing.assert_array_equal(run(again, {"input": x})[again.outputs[0]], expected)


def test_squeeze_is_a_reshape() -> None:
    graph = GraphBuilder("net", (1, 1, 1, 4)).reshape((1, 4)).graph()

    def squeeze(model: Any) -> None:
        code, op = model.operatorCodes[0], model.subgraphs[0].operators[0]
        code.builtinCode = code.deprecatedBuiltinCode = 43
        op.inputs = [op.inputs[0]]

    assert [op.kind for op in parse_tflite(_edited(graph, squeeze), "net").operators] == ["Reshape"]


def test_a_pad_in_front_of_two_convolutions_folds_into_both() -> None:
    net = GraphBuilder("net", (1, 5, 5, 2), seed=1).pad((1, 1, 1, 1))
    padded = net.checkpoint()
    left = net.conv2d(3, (3, 3), padding="valid", scale=0.1, zero_point=0).checkpoint()
    graph = net.back_to(padded).conv2d(3, (3, 3), padding="valid").add(left, scale=0.1).graph()
    again = parse_tflite(tflite_bytes(graph), "net")
    assert [op.kind for op in again.operators] == ["Conv2D", "Conv2D", "Add"]
    assert all(op.padding == Padding(1, 1, 1, 1) for op in again.operators if isinstance(op, Conv2D))
    inputs = random_inputs(graph, 4)
    np.testing.assert_array_equal(
        run_batch(again, inputs)[again.outputs[0]], run_batch(graph, inputs)[graph.outputs[0]]
    )


def test_a_pad_that_something_else_reads_stays() -> None:
    net = GraphBuilder("net", (1, 4, 4, 2)).pad((1, 1, 1, 1))
    padded = net.checkpoint()
    graph = net.conv2d(2, (3, 3), padding="same", scale=1 / 32, zero_point=0).add(padded).graph()
    assert [op.kind for op in parse_tflite(tflite_bytes(graph), "net").operators] == ["Pad", "Conv2D", "Add"]


def test_a_pad_of_the_zero_point_in_front_of_a_maximum_stays() -> None:
    graph = GraphBuilder("net", (1, 4, 4, 2), zero_point=3).pad((1, 0, 1, 0)).max_pool2d((2, 2)).graph()
    assert [op.kind for op in parse_tflite(tflite_bytes(graph), "net").operators] == ["Pad", "MaxPool2D"]


def test_a_border_of_minus_128_is_a_maximums_padding() -> None:
    graph = GraphBuilder("net", (1, 5, 5, 2)).max_pool2d((3, 3), stride=(2, 2), padding=(1, 0, 0, 1)).graph()
    (op,) = parse_tflite(tflite_bytes(graph), "net").operators
    assert isinstance(op, MaxPool2D) and op.padding == Padding(1, 0, 0, 1)


def test_a_border_that_nothing_can_take_up_is_refused() -> None:
    graph = GraphBuilder("net", (1, 5, 5, 2)).max_pool2d((3, 3), stride=(2, 2), padding=(1, 0, 0, 1)).graph()

    def stop_at_the_pad(model: Any) -> None:
        model.subgraphs[0].outputs = [model.subgraphs[0].operators[0].outputs[0]]
        del model.subgraphs[0].operators[1]

    with pytest.raises(ModelError, match=r"operator 0 \(PADV2\): pads with -128 where the input's zero point is 0"):
        parse_tflite(_edited(graph, stop_at_the_pad), "net")


def test_clamps_fold_into_what_they_follow() -> None:
    net = GraphBuilder("net", (1, 4, 4, 2)).conv2d(3, activation=(-100, 90))
    graph = net.requantise(activation=(-60, 100)).requantise(activation=(-70, 50)).graph()
    (op,) = parse_tflite(tflite_bytes(graph), "net").operators
    assert isinstance(op, Conv2D) and op.activation == Clamp(-60, 50)


def test_a_clamp_of_a_value_that_others_read_stays() -> None:
    net = GraphBuilder("net", (1, 4, 4, 2)).conv2d(2)
    before = net.checkpoint()
    graph = net.requantise(activation=(0, 127)).add(before).graph()
    kinds = [type(op) for op in parse_tflite(tflite_bytes(graph), "net").operators]
    assert kinds[:2] == [Conv2D, Requantise]


def test_relu6_between_two_grids_is_refused() -> None:
    graph = GraphBuilder("net", (1, 8), scale=0.0625, zero_point=11).requantise(activation=(11, 107)).graph()

    def other_grid(model: Any) -> None:
        model.subgraphs[0].tensors[1].quantization.scale = [0.25]

    with pytest.raises(ModelError, match=r"\(RELU6\): input and output have different quantisations"):
        parse_tflite(_edited(graph, other_grid), "net")


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda m: setattr(m.subgraphs[0].tensors[1], "type", 19), "weights layer_0_weights are INT2"),
        (lambda m: setattr(m.subgraphs[0].tensors[1], "type", 17), "54 bytes of data for 54 INT4, which take 27"),
        (lambda m: setattr(m.subgraphs[0].tensors[1], "buffer", 0), "weights layer_0_weights are no constant"),
        (lambda m: setattr(m.subgraphs[0].tensors[2], "buffer", 0), "bias layer_0_bias is no constant"),
        (lambda m: setattr(m.subgraphs[0].tensors[1], "buffer", 99), "lies in buffer 99"),
        (lambda m: setattr(m.subgraphs[0].tensors[1], "shape", [3, 3, 3, 3]), "54 bytes of data for a shape of"),
        (lambda m: setattr(m.subgraphs[0].tensors[0], "shape", [1, -5, 4, 2]), "has a size outside 0"),
        (lambda m: setattr(m.subgraphs[0].tensors[0], "shape", [8, 5, 4, 2]), r"must be \[1, H, W, C\]"),
        (lambda m: setattr(m.subgraphs[0].tensors[0], "isVariable", True), "is a variable"),
        (lambda m: setattr(m.subgraphs[0].tensors[0], "sparsity", schema.SparsityParametersT()), "stored sparsely"),
        (lambda m: setattr(m.subgraphs[0].tensors[0].quantization, "scale", []), "has 0 scales"),
        (lambda m: setattr(m.subgraphs[0].tensors[0].quantization, "scale", [float("nan")]), "every scale must be"),
        (lambda m: setattr(m.subgraphs[0].tensors[0].quantization, "zeroPoint", [300]), "outside int8"),
        (lambda m: setattr(m.subgraphs[0].tensors[1].quantization, "zeroPoint", [0, 1, 0]), "zero point other than 0"),
        (lambda m: setattr(m.subgraphs[0].tensors[1].quantization, "quantizedDimension", 3), "not along axis 0"),
        (lambda m: setattr(m.subgraphs[0].operators[0], "inputs", [0, 77]), "reads tensor 77, but there are 4"),
        (lambda m: setattr(m.subgraphs[0].operators[0], "inputs", [0]), r"operator 0 \(CONV_2D\) lacks input 1"),
        (lambda m: setattr(m.subgraphs[0].operators[0], "outputs", []), "writes 0 tensors, not 1"),
        (lambda m: setattr(m.subgraphs[0].operators[0], "opcodeIndex", 5), "operator 0 has code 5 of 1"),
        (lambda m: setattr(m.subgraphs[0].operators[0], "builtinOptions", None), "has no options of its kind"),
        (lambda m: setattr(m.subgraphs[0].operators[0].builtinOptions, "strideH", 0), "stride, dilation, window"),
        (lambda m: setattr(m.subgraphs[0].operators[0].builtinOptions, "padding", 3), "neither SAME nor VALID"),
        (lambda m: setattr(m.subgraphs[0].operators[0].builtinOptions, "fusedActivationFunction", 4), "activation 4"),
        (lambda m: setattr(m.subgraphs[0], "outputs", [3, 44]), "the graph's outputs name tensor 44"),
        (lambda m: setattr(m.subgraphs[0], "outputs", []), "needs at least one of each"),
        (lambda m: m.subgraphs[0].operators.append(m.subgraphs[0].operators[0]), "already has a value"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(edit: Callable[[Any], None], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        parse_tflite(_edited(_conv(), edit), "net")


def test_the_file_is_named_in_the_message(tmp_path: Path) -> None:
    path = tmp_path / "broken.tflite"
    path.write_bytes(b"not a model at all")
    with pytest.raises(ModelError, match=r"broken.tflite: no TFL3 file"):
        read_tflite(path)
    with pytest.raises(ModelError, match=r"absent.tflite: cannot be read: No such file"):
        read_tflite(tmp_path / "absent.tflite")


def test_a_damaged_storage_note_is_refused() -> None:
    graph = GraphBuilder("net", (1, 4)).fully_connected(3, bits=4).graph()
    written = tflite_bytes(graph)
    assert written.count(b'{"layer_0_weights": [4, "mid-tread"]}') == 1
    for damaged in (b'{"layer_0_weights": [9, "mid-tread"]}', b'{"layer_0_weights": [4, "mid-trebd"]}', b"{" * 37):
        with pytest.raises(ModelError, match=r"metadata subbyte\.storage is damaged"):
            parse_tflite(written.replace(b'{"layer_0_weights": [4, "mid-tread"]}', damaged), "net")
    narrower = written.replace(b'{"layer_0_weights": [4, "mid-tread"]}', b'{"layer_0_weights": [2, "mid-tread"]}')
    with pytest.raises(ModelError, match="do not fit 2 bits"):
        parse_tflite(narrower, "net")


@pytest.mark.parametrize(
    "enumeration",
    [ours.Builtin, ours.TensorType, ours.PaddingKind],
)
def test_enumerations_equal_the_generated_schema(enumeration: Any) -> None:
    theirs = {
        ours.Builtin: schema.BuiltinOperator,
        ours.TensorType: schema.TensorType,
        ours.PaddingKind: schema.Padding,
    }
    for member in enumeration:
        assert getattr(theirs[enumeration], member.name) == member.value


def test_field_numbers_equal_the_generated_schema() -> None:
    """The generated writers add each field by its number: AddX(builder, value) prepends slot n."""
    slots: dict[str, int] = {}

    class Recorder:
        def __getattr__(self, name: str) -> Callable[..., None]:
            return lambda slot, *_: slots.__setitem__("last", slot)

    tables = [
        ours.Model, ours.OperatorCode, ours.SubGraph, ours.Tensor, ours.QuantizationParameters, ours.Buffer,
        ours.Operator, ours.Metadata, ours.Conv2DOptions, ours.DepthwiseConv2DOptions, ours.Pool2DOptions,
        ours.FullyConnectedOptions, ours.AddOptions, ours.ConcatenationOptions, ours.SoftmaxOptions,
        ours.StridedSliceOptions,
    ]  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for table in tables:
            for field in table:
                title = "".join(part.capitalize() for part in field.name.split("_"))
                getattr(schema, f"{table.__name__}Add{title}")(Recorder(), 0)
                assert slots["last"] == field.value, f"{table.__name__}.{field.name}"
