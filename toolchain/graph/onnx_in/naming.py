# SPDX-License-Identifier: Apache-2.0
"""Names for the Graph out of the names that exporters write: short, C identifiers, unique.

/layer1/layer1.0/conv1/Conv  ->  layer1_0_conv1
StatefulPartitionedCall/sequential/conv2d/Conv2D__27  ->  sequential_conv2d
model/relu/Relu;model/conv2d/BiasAdd_prequant  ->  relu
node_conv2d_1  ->  conv2d_1
no name at all  ->  the operator's name
"""

import re
from itertools import zip_longest

# Last path components that only repeat the operator, in the words of PyTorch, Keras and tf2onnx.
_GENERIC = {
    "conv", "conv1d", "conv2d", "gemm", "matmul", "add", "addv2", "biasadd", "relu", "relu6", "clip", "maxpool",
    "averagepool", "avgpool", "globalaveragepool", "mean", "reducemean", "softmax", "concat", "concatv2", "pad",
    "depthwise", "batchnormalization", "fusedbatchnormv3", "convolution",
}  # fmt: skip
_PREFIXES = ("StatefulPartitionedCall", "PartitionedCall", "model", "main_graph")

# Of a layer's name, so that what is appended to it (_weights, _out) still fits an identifier.
LONGEST = 40


class Names:
    """Hands out unique identifiers."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._next: dict[str, int] = {}

    def claim(self, wanted: str) -> str:
        """`wanted` as an identifier; with _2, _3, … where it is taken.

        >>> names = Names(); names.claim("conv.1"), names.claim("conv/1")
        ('conv_1', 'conv_1_2')
        """
        base = identifier(wanted)
        name = base
        while name in self._taken:
            self._next[base] = self._next.get(base, 1) + 1
            name = f"{base}_{self._next[base]}"
        self._taken.add(name)
        return name


def identifier(text: str, otherwise: str = "tensor") -> str:
    """`text` as a C identifier of at most 60 characters.

    >>> identifier("2.conv:0"), identifier("/")
    ('n2_conv_0', 'tensor')
    """
    name = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")[:60].rstrip("_") or otherwise
    return f"n{name}" if name[0].isdigit() else name


def layer_name(node_name: str, op: str) -> str:
    """What the layer that an ONNX node makes is called in the Graph.

    >>> layer_name("/layer1/layer1.0/conv1/Conv", "conv"), layer_name("", "dense")
    ('layer1_0_conv1', 'dense')
    >>> layer_name("model/relu/Relu;model/conv2d/BiasAdd_prequant", "conv"), layer_name("node_conv2d_1", "conv")
    ('relu', 'conv2d_1')
    """
    first = node_name.split(";")[0]  # TFLite joins the names of what it fuses
    whole = re.sub(r"(__\d+|_prequant|_quant)+$", "", first).removeprefix("node_")
    parts = [part for part in whole.split("/") if part and part not in _PREFIXES]
    while len(parts) > 1 and re.sub(r"_\d+$", "", parts[-1]).lower() in _GENERIC:
        parts.pop()
    kept = [
        part
        for part, following in zip_longest(parts, parts[1:], fillvalue="")
        if not following.startswith(f"{part}.")  # PyTorch repeats the path: layer1/layer1.0
    ]
    return identifier("_".join(kept), otherwise=op.lower())[:LONGEST].rstrip("_")
