# SPDX-License-Identifier: Apache-2.0
"""Makes the .onnx files of this folder with the tools of other people. Run by hand; README.md says with what.

    python make_files.py brevitas | pt2e | torch_fx | keras | nncf

Small networks with random weights, calibrated on noise: what matters is how each tool writes things down.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
SHAPE = (25, 8)  # frames, coefficients


def noise(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def brevitas() -> None:
    """QCDQ, from the TorchScript exporter with int32 biases and from the dynamo exporter with float ones."""
    import brevitas.nn as qnn
    import torch
    from brevitas.export import export_onnx_qcdq
    from brevitas.quant import Int8WeightPerChannelFloat, Int32Bias

    class Net(torch.nn.Module):
        def __init__(self, weight_bits: int, activation_bits: int, bias: object) -> None:
            super().__init__()
            weights = dict(
                weight_bit_width=weight_bits,
                weight_quant=Int8WeightPerChannelFloat,
                bias=True,
                bias_quant=bias,
                return_quant_tensor=True,
            )
            self.input = qnn.QuantIdentity(bit_width=8, return_quant_tensor=True)
            self.conv = qnn.QuantConv2d(1, 6, (5, 3), stride=(2, 1), padding=(2, 1), **weights)
            self.relu = qnn.QuantReLU(bit_width=activation_bits, return_quant_tensor=True)
            self.depthwise = qnn.QuantConv2d(6, 6, 3, padding=1, groups=6, **weights)
            self.relu2 = qnn.QuantReLU(bit_width=8, return_quant_tensor=True)
            self.pool = torch.nn.MaxPool2d(2)
            self.dense = qnn.QuantLinear(6 * 6 * 4, 5, True, weight_bit_width=weight_bits, bias_quant=bias)
            self.output = qnn.QuantIdentity(bit_width=8, return_quant_tensor=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.relu(self.conv(self.input(x)))
            x = self.pool(self.relu2(self.depthwise(x)))
            return self.output(self.dense(x.flatten(1)))

    for weight_bits, activation_bits, dynamo in ((8, 8, False), (4, 4, False), (2, 3, True)):
        torch.manual_seed(weight_bits)
        net = Net(weight_bits, activation_bits, None if dynamo else Int32Bias).train()
        for step in range(4):
            net(torch.from_numpy(noise((4, 1, *SHAPE), step)))
        exporter = "dynamo" if dynamo else "torchscript"
        path = HERE / f"brevitas_w{weight_bits}a{activation_bits}_{exporter}.onnx"
        opset = 18 if dynamo else 13
        export_onnx_qcdq(net.eval(), torch.zeros(1, 1, *SHAPE), str(path), opset_version=opset, dynamo=dynamo)


def _torch_net() -> object:
    """Conv, depthwise, a residual, pooling and a dense layer, batch norms with statistics of their own."""
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 6, (5, 3), stride=(2, 1), padding=(2, 1), bias=False)
            self.norm = nn.BatchNorm2d(6)
            self.depthwise = nn.Conv2d(6, 6, 3, padding=1, groups=6)
            self.norm2 = nn.BatchNorm2d(6)
            self.pointwise = nn.Conv2d(6, 6, 1)
            self.dropout = nn.Dropout(0.2)
            self.dense = nn.Linear(6, 5)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = torch.relu(self.norm(self.conv(x)))
            x = torch.relu(x + self.pointwise(torch.relu(self.norm2(self.depthwise(x)))))
            x = torch.nn.functional.max_pool2d(x, 2)
            x = torch.nn.functional.adaptive_avg_pool2d(x, 1)
            return self.dense(self.dropout(torch.flatten(x, 1)))

    torch.manual_seed(0)
    net = Net().eval()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.2, 0.2)
            module.running_var.uniform_(0.5, 1.5)
    return net


def pt2e() -> None:
    """torch.export, torchao's PT2E quantisation, the dynamo exporter."""
    import torch
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
    from torchao.testing.pt2e._xnnpack_quantizer import XNNPACKQuantizer, get_symmetric_quantization_config

    example = (torch.zeros(1, 1, *SHAPE),)
    quantizer = XNNPACKQuantizer().set_global(get_symmetric_quantization_config(is_per_channel=True))
    prepared = prepare_pt2e(torch.export.export(_torch_net(), example).module(), quantizer)
    for step in range(4):
        prepared(torch.from_numpy(noise((1, 1, *SHAPE), step)))
    names = dict(input_names=["input"], output_names=["logits"])
    program = torch.onnx.export(convert_pt2e(prepared), example, dynamo=True, opset_version=18, **names)
    program.save(HERE / "pt2e_xnnpack_dynamo.onnx")


def torch_fx() -> None:
    """torch.ao's FX quantisation, converted to quantised operators, the TorchScript exporter."""
    import torch
    from torch.ao.quantization import get_default_qconfig_mapping
    from torch.ao.quantization.quantize_fx import convert_fx, prepare_fx

    example = (torch.zeros(1, 1, *SHAPE),)
    prepared = prepare_fx(_torch_net(), get_default_qconfig_mapping("x86"), example)
    for step in range(4):
        prepared(torch.from_numpy(noise((4, 1, *SHAPE), step)))
    path = str(HERE / "torch_fx_torchscript.onnx")
    names = dict(input_names=["input"], output_names=["logits"])
    torch.onnx.export(convert_fx(prepared), example, path, dynamo=False, opset_version=17, **names)


def _keras_float(folder: Path) -> Path:
    """A Keras network through tf2onnx: NHWC outside, transpositions, Flatten behind them."""
    import onnx
    import tensorflow as tf
    import tf2onnx

    layers = tf.keras.layers
    tf.keras.utils.set_random_seed(0)
    inputs = layers.Input((*SHAPE, 2))
    x = layers.ZeroPadding2D(((1, 2), (0, 1)))(inputs)
    x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(6, (5, 3), strides=(2, 1))(x)))
    y = layers.DepthwiseConv2D(3, padding="same")(x)
    y = layers.Conv2D(6, 1)(layers.ReLU(6.0)(layers.BatchNormalization()(y)))
    x = layers.MaxPool2D(2)(layers.ReLU()(layers.Add()([x, y])))
    x = layers.Dropout(0.2)(layers.Flatten()(x))
    outputs = layers.Softmax()(layers.Dense(5)(layers.Dense(8, activation="relu")(x)))
    model = tf.keras.Model(inputs, outputs)
    signature = [tf.TensorSpec((None, *SHAPE, 2), tf.float32, name="input")]
    function = tf.function(lambda x: model(x, training=False), input_signature=signature)
    path = folder / "keras.onnx"
    onnx.save(tf2onnx.convert.from_function(function, input_signature=signature, opset=15)[0], path)
    return path


def keras() -> None:
    """tf2onnx, then ONNX Runtime's quantiser with and without its own preprocessing; and fake-quantised TensorFlow."""
    import onnx
    import tensorflow as tf
    import tf2onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Noise(CalibrationDataReader):
        def __init__(self) -> None:
            self.batches = iter([{"input": noise((1, *SHAPE, 2), step)} for step in range(8)])

        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(self.batches, None)

    with tempfile.TemporaryDirectory() as folder:
        raw = _keras_float(Path(folder))
        ready = Path(folder) / "ready.onnx"
        quant_pre_process(raw, ready, skip_symbolic_shape=True)
        for source, name in ((raw, "raw"), (ready, "preprocessed")):
            quantize_static(
                source,
                HERE / f"keras_tf2onnx_{name}.onnx",
                Noise(),
                quant_format=QuantFormat.QDQ,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                per_channel=True,
            )

    drawn = np.random.default_rng(0)

    def fake(x: tf.Tensor, low: float, high: float, narrow: bool = False) -> tf.Tensor:
        return tf.quantization.fake_quant_with_min_max_vars(x, low, high, num_bits=8, narrow_range=narrow)

    def weights(*shape: int) -> tf.Tensor:
        values = drawn.normal(0, 0.3, shape).astype(np.float32)
        return fake(values, -np.abs(values).max(), np.abs(values).max(), narrow=True)

    def bias(channels: int) -> np.ndarray:
        return drawn.normal(0, 0.2, channels).astype(np.float32)

    signature = [tf.TensorSpec((None, *SHAPE, 1), tf.float32, name="input")]

    @tf.function(input_signature=signature)
    def network(x: tf.Tensor) -> tf.Tensor:
        x = tf.nn.conv2d(fake(x, -4.0, 4.0), weights(5, 3, 1, 6), (2, 1), "SAME")
        x = fake(tf.nn.relu6(tf.nn.bias_add(x, bias(6))), 0.0, 6.0)
        x = tf.nn.bias_add(tf.nn.depthwise_conv2d(x, weights(3, 3, 6, 1), (1, 1, 1, 1), "SAME"), bias(6))
        x = tf.reshape(fake(tf.nn.relu(x), 0.0, 5.0), (-1, 13 * 8 * 6))
        return fake(tf.matmul(x, weights(13 * 8 * 6, 5)) + bias(5), -30.0, 30.0)

    model = tf2onnx.convert.from_function(network, input_signature=signature, opset=15)[0]
    onnx.save(model, HERE / "tensorflow_fake_quant_tf2onnx.onnx")


def nncf() -> None:
    """NNCF leaves the network's output float: a file to be refused."""
    import nncf
    import onnx

    with tempfile.TemporaryDirectory() as folder:
        model = onnx.load(_keras_float(Path(folder)))
    data = nncf.Dataset([{"input": noise((1, *SHAPE, 2), step)} for step in range(8)])
    onnx.save(nncf.quantize(model, data, subset_size=8), HERE / "nncf_float_output.onnx")


def tidy(path: Path) -> None:
    """One file without external data, and without the source lines and paths that exporters note on every node."""
    import onnx

    model = onnx.load(path)
    graph = model.graph
    for item in (model, graph, *graph.node, *graph.initializer, *graph.value_info, *graph.input, *graph.output):
        item.ClearField("doc_string")
        if not isinstance(item, onnx.ModelProto):
            item.ClearField("metadata_props")
    onnx.save(model, path)
    path.with_name(f"{path.name}.data").unlink(missing_ok=True)


if __name__ == "__main__":
    {make.__name__: make for make in (brevitas, pt2e, torch_fx, keras, nncf)}[sys.argv[1]]()
    for file in HERE.glob("*.onnx"):
        tidy(file)
