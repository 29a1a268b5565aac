# SPDX-License-Identifier: Apache-2.0
"""Features: how often the loops of a kernel run for a layer, as numbers that its cycles are a linear form of.

A kernel takes so many pixels, output channels and products at a time (Blocks), so its loops run a rounded-up number of
times:

    for each block of pixels                          pixel_blocks
      widen their products                            pixel_blocks x product_blocks
      for each block of channels                      pixel_blocks x channel_blocks
        for each block of products                    pixel_blocks x channel_blocks x product_blocks
        requantise                                    outputs
"""

from dataclasses import dataclass
from functools import singledispatch

from toolchain.export.c.code import LayerCode, Struct
from toolchain.graph.graph import Graph
from toolchain.graph.ops import Add, AveragePool2D, Conv2D, DepthwiseConv2D, FullyConnected, Operator, Pair


@dataclass(frozen=True)
class Blocks:
    """What one pass of a kernel's innermost loops takes. rows: of pixels, in depthwise kernels. tile: pixels that meet
    a channel's weights once they are loaded; 0 where these are loaded for every block of pixels. planes: whether it
    looks up sums by planes of signs. unpacks: whether it unpacks weights, field by field, before it begins. shifted:
    whether bytes of several fields are multiplied whole, so that a field may be of 6 bits."""

    pixels: int = 1
    channels: int = 1
    products: int = 1
    rows: int = 1
    tile: int = 0
    planes: bool = False
    unpacks: bool = False
    shifted: bool = False


# Those that take more than one at a time; see the drawings in their files.
BLOCKS = {
    "sb_conv2d_1x1_planes_relu_s8_dsp": Blocks(8, 1, 4, planes=True),
    "sb_conv2d_1x1_planes_s8_dsp": Blocks(8, 1, 4, planes=True),
    "sb_conv2d_planes_relu_s8_dsp": Blocks(8, 1, 4, planes=True),
    "sb_conv2d_planes_s8_dsp": Blocks(8, 1, 4, planes=True),
    "sb_conv2d_1x1_triple_relu_s8_dsp": Blocks(3, 3, 4, unpacks=True),
    "sb_conv2d_1x1_triple_s8_dsp": Blocks(3, 3, 4, unpacks=True),
    "sb_conv2d_triple_relu_s8_dsp": Blocks(3, 3, 4, unpacks=True),
    "sb_conv2d_triple_s8_dsp": Blocks(3, 3, 4, unpacks=True),
    "sb_conv2d_1x1_fives_relu_s8_dsp": Blocks(3, 3, 4),
    "sb_conv2d_1x1_nibbles_relu_s8_dsp": Blocks(2, 4, 4),
    "sb_conv2d_1x1_nibbles_s8_dsp": Blocks(2, 4, 4),
    "sb_conv2d_1x1_paired_relu_s8_dsp": Blocks(3, 2, 4),
    "sb_conv2d_1x1_paired_s8_dsp": Blocks(3, 2, 4),
    "sb_conv2d_paired_relu_s8_dsp": Blocks(3, 2, 4),
    "sb_conv2d_paired_s8_dsp": Blocks(3, 2, 4),
    "sb_conv2d_1x1_s8_dsp": Blocks(2, 2, 4),
    "sb_conv2d_s8_dsp": Blocks(2, 2, 4),
    "sb_conv2d_1x1_s8_scalar": Blocks(4, 1, 4),
    "sb_conv2d_s8_scalar": Blocks(4, 1, 4),
    "sb_conv2d_1x1_left_s8_scalar": Blocks(4, 1, 4),
    "sb_conv2d_left_s8_scalar": Blocks(4, 1, 4),
    "sb_conv2d_1x1_short_s8_mve": Blocks(4, 1, 16, tile=16),
    "sb_conv2d_short_s8_mve": Blocks(4, 1, 16, tile=16),
    "sb_conv2d_1x1_fields_s8_mve": Blocks(4, 1, 16, tile=64),
    "sb_conv2d_fields_s8_mve": Blocks(4, 1, 16, tile=64),
    "sb_conv2d_s8_mve": Blocks(3, 2, 16),
    "sb_fully_connected_fields_s8_dsp": Blocks(1, 2, 32),
    "sb_fully_connected_fields_s8_scalar": Blocks(1, 2, 32),
    "sb_fully_connected_fields_s8_mve": Blocks(1, 4, 16, shifted=True),
    "sb_fully_connected_nibbles_s8_dsp": Blocks(1, 4, 4),
    "sb_fully_connected_fives_s8_dsp": Blocks(1, 6, 4),
    "sb_fully_connected_joined_s8_dsp": Blocks(1, 8, 4),
    "sb_fully_connected_paired_s8_dsp": Blocks(1, 4, 4),
    "sb_fully_connected_s8_dsp": Blocks(1, 4, 4),
    "sb_fully_connected_s8_scalar": Blocks(1, 4, 2),
    "sb_fully_connected_s8_mve": Blocks(1, 4, 16),
    "sb_depthwise_conv2d_3x3_relu_s8_dsp": Blocks(pixels=2, channels=4),
    "sb_depthwise_conv2d_3x3_s8_dsp": Blocks(pixels=2, channels=4),
    "sb_depthwise_conv2d_3x3_s8_mve": Blocks(pixels=2, rows=2),
    "sb_depthwise_conv2d_s8_dsp": Blocks(pixels=2, channels=4),
    "sb_depthwise_conv2d_s8_scalar": Blocks(pixels=4),
    "sb_depthwise_conv2d_s8_mve": Blocks(pixels=4, products=16),
}


def features(graph: Graph, op: Operator, function: str, code: LayerCode) -> dict[str, int] | None:
    """Features of `op` for that kernel, by name; None for operators that no features are known of.

    code: what the kernel gets, for a kernel may see an image with H and W exchanged.
    """
    return _features(op, graph, BLOCKS.get(function, Blocks()), code)


# What unpacks the weights of any kernel, and is measured by itself.
UNPACK = "sb_unpack_s8"


def unpacking(code: LayerCode) -> dict[str, int]:
    """Features of the unpacking of a layer's weights: how many blocks of 32 each plane has, by what it does there."""
    (packed,) = (
        struct
        for _, _, outer in code.structs
        for struct in (outer, *(value for _, _, value in outer.members if isinstance(value, Struct)))
        if struct.c_type == "sb_packed_weights"
    )
    member = {name: value for name, _, value in packed.members if isinstance(value, int)}
    bits = member["bits"]
    (stored,) = (array.n_bytes for array in code.arrays if array.role == "weights")
    times = _parts(code)
    blocks = times * member["blocks"]
    return {
        "layer": times,
        "first_fours": blocks * (bits >= 4),
        "first_twos": blocks * (bits in (2, 3)),
        "first_ones": blocks * (bits == 1),
        "further_twos": blocks * (bits in (6, 7)),
        "further_ones": blocks * (bits in (3, 5, 7)),
        "corrections": (stored - 4 * bits * blocks) // 2,
    }


def _parts(code: LayerCode) -> int:
    """How often a run of the layer unpacks."""
    if code.packed is not None:
        return 1
    assert code.parameters is not None
    member = {name: value for name, _, value in code.parameters.members if isinstance(value, int)}
    return _blocks(member["output_size"], member["block_size"])


def _blocks(count: int, size: int) -> int:
    return -(-count // size)


@singledispatch
def _features(op: Operator, graph: Graph, blocks: Blocks, code: LayerCode) -> dict[str, int] | None:
    return None


@_features.register
def _(op: Conv2D, graph: Graph, blocks: Blocks, code: LayerCode) -> dict[str, int]:
    channels, kernel_h, kernel_w, depth = graph.tensor(op.weights).shape
    _, rows, columns, _ = graph.tensor(op.output).shape
    pixels = rows * columns
    pixel_blocks = _blocks(pixels, blocks.pixels)
    whole, left = divmod(channels, blocks.channels)
    product_blocks = _blocks(kernel_h * kernel_w * depth, blocks.products)
    row = kernel_w * depth
    border = pixels - _inner(graph, op)
    reach_w = ((columns - 1) * op.stride.w + (kernel_w - 1) * op.dilation.w + 1) * depth
    band = (kernel_h - 1) * op.dilation.h + 1
    kept = max(band - op.stride.h, 0)
    tiles = _blocks(pixels, blocks.tile) if blocks.tile else 0
    loaded = band + (rows - 1) * (band - kept)
    bits = graph.tensor(op.weights).bits
    few_bits = {}
    if blocks.planes:
        passes = bits * pixel_blocks * whole
        in_words = product_blocks - product_blocks % 8
        few_bits = {"planes": passes, "planes_in_words": passes * in_words}
        few_bits["planes_left_over"] = passes * (product_blocks - in_words)
    if blocks.unpacks:
        few_bits = {"unpacked_fields": bits.bit_count() * _blocks(channels, blocks.channels) * product_blocks}
    return few_bits | {
        "layer": 1,
        "pixels": pixels,
        "rows": pixels * kernel_h,
        "row_products": pixels * kernel_h * row,
        "row_left_products": pixels * kernel_h * (row % 4),
        "row_vectors": pixels * kernel_h * _blocks(row, 16),
        "output_rows": rows,
        "kept_bytes": (rows - 1) * kept * reach_w,
        "loaded_rows": loaded,
        "loaded_bytes": loaded * reach_w,
        "border_rows": border * kernel_h,
        "border_products": border * kernel_h * row,
        "pixel_blocks": pixel_blocks,
        "pixel_blocks_by_rows": pixel_blocks * kernel_h,
        "pixel_blocks_by_products": pixel_blocks * product_blocks,
        "passes": pixel_blocks * whole,
        "passes_by_products": pixel_blocks * whole * product_blocks,
        "left_channels": pixel_blocks * left,
        "left_channels_by_products": pixel_blocks * left * product_blocks,
        "tiles": tiles,
        "tiles_by_channels": tiles * channels,
        "tiles_by_channels_by_products": tiles * channels * product_blocks,
        "outputs": pixels * channels,
    }


def _inner(graph: Graph, op: Conv2D | DepthwiseConv2D) -> int:
    """Output pixels whose window lies within the input."""
    _, height, width, _ = graph.tensor(op.input).shape
    _, rows, columns, _ = graph.tensor(op.output).shape
    kernel = Pair(*graph.tensor(op.weights).shape[1:3])
    inside = 1
    for extent, count, before, stride, size, dilation in (
        (height, rows, op.padding.top, op.stride.h, kernel.h, op.dilation.h),
        (width, columns, op.padding.left, op.stride.w, kernel.w, op.dilation.w),
    ):
        reach = (size - 1) * dilation
        inside *= sum(before <= at * stride < extent + before - reach for at in range(count))
    return inside


@_features.register
def _(op: DepthwiseConv2D, graph: Graph, blocks: Blocks, code: LayerCode) -> dict[str, int]:
    window, channels = _window(code), graph.tensor(op.output).shape[3]
    found = {
        "layer": 1,
        "channels": channels,
        "channels_by_kernel": channels * window["kernel_h"] * window["kernel_w"],
        "outputs": channels * window["output_h"] * window["output_w"],
    }
    return found | (_by_row_pairs if blocks.channels > 1 else _by_planes)(window, channels, blocks)


def _window(code: LayerCode) -> dict[str, int]:
    """sb_window as the kernel gets it, and how far all windows reach together."""
    assert code.parameters is not None
    members = {name: value for name, _, value in code.parameters.members}
    struct = members["window"]
    assert isinstance(struct, Struct)
    found = {name: value for name, _, value in struct.members if isinstance(value, int)}
    for axis in "hw":
        steps = (found[f"output_{axis}"] - 1) * found[f"stride_{axis}"]
        found[f"reach_{axis}"] = steps + (found[f"kernel_{axis}"] - 1) * found[f"dilation_{axis}"] + 1
    return found


def _by_planes(window: dict[str, int], channels: int, blocks: Blocks) -> dict[str, int]:
    """Kernels that copy one channel to a plane, and take some neighbours of a row at once."""
    rows = channels * window["output_h"]
    passes = channels * _blocks(window["output_h"], blocks.rows) * _blocks(window["output_w"], blocks.pixels)
    found = {
        "image_rows": channels * window["input_h"],
        "image": channels * window["input_h"] * window["input_w"],
        "plane_rows": channels * window["reach_h"],
        "plane": channels * window["reach_h"] * window["reach_w"],
        "rows": rows,
    }
    three = window["kernel_w"] == 3 and window["stride_w"] == window["dilation_w"] == 1
    for name, times in (("three_taps", passes if three else 0), ("taps", 0 if three else passes)):
        found[f"passes_of_{name}"] = times
        found[f"passes_of_{name}_by_kernel_rows"] = times * window["kernel_h"]
        found[f"passes_of_{name}_by_kernel"] = times * _blocks(window["kernel_h"] * window["kernel_w"], blocks.products)
    return found


def _by_row_pairs(window: dict[str, int], channels: int, blocks: Blocks) -> dict[str, int]:
    """Kernels that pair the rows of some channels, and take one or two rows of outputs at once: sb_depthwise_dsp.h."""
    two_rows = window["stride_h"] == window["dilation_h"] == window["stride_w"] == 1 < window["output_w"]
    pairs = window["kernel_h"] // 2 + 1 if two_rows else (window["kernel_h"] + 1) // 2
    passes = _blocks(window["output_h"], 2) if two_rows else window["output_h"]
    shared = two_rows or (window["stride_h"] == 2 and window["dilation_h"] == 1)
    written = _blocks(channels, blocks.channels) * (passes - 1 + pairs if shared else passes * pairs)
    words = pairs * window["kernel_w"]
    double = window["output_h"] // 2 if two_rows else 0
    found = {"written_rows": written, "written_words": written * window["reach_w"]}
    for name, rows in (("double_rows", double), ("single_rows", passes - double)):
        columns = channels * rows * _blocks(window["output_w"], blocks.pixels)
        found[name] = channels * rows
        found[f"{name}_passes"] = columns
        found[f"{name}_passes_by_words"] = columns * words
        found[f"{name}_passes_of_odd_words"] = columns * (words % 2)
        found[f"{name}_passes_by_columns"] = columns * window["kernel_w"]
    return found


@_features.register
def _(op: FullyConnected, graph: Graph, blocks: Blocks, code: LayerCode) -> dict[str, int]:
    if code.parameters is not None and code.parameters.c_type == "sb_fields_fully_connected_layer":
        return _by_fields(code.parameters, blocks)
    if code.parameters is not None and code.parameters.c_type == "sb_whole_fields_fully_connected_layer":
        return _by_whole_fields(code.parameters)
    if code.parameters is not None and code.parameters.c_type == "sb_joined_fully_connected_layer":
        return _by_chunks(code.parameters, blocks)
    channels, products = graph.tensor(op.weights).shape
    vectors = graph.tensor(op.output).n_elements // channels
    whole, left = divmod(channels, blocks.channels)
    product_blocks, left_products = divmod(products, blocks.products)
    return {
        "layer": 1,
        "vectors": vectors,
        "vectors_by_products": vectors * products,
        "passes": vectors * whole,
        "passes_by_products": vectors * whole * product_blocks,
        "passes_by_left_products": vectors * whole * left_products,
        "left_channels": vectors * left,
        "left_channels_by_products": vectors * left * products,
        "partial_passes": vectors * (left > 0),
        "partial_passes_by_products": vectors * (left > 0) * _blocks(products, blocks.products),
        "outputs": vectors * channels,
    }


def _by_chunks(layer: Struct, blocks: Blocks) -> dict[str, int]:
    """Some outputs at a time, chunk after chunk of the inputs."""
    member = {name: value for name, _, value in layer.members if isinstance(value, int)}
    vectors, products = member["rows"], member["input_size"]
    passes = vectors * _blocks(member["output_size"], blocks.channels)
    found = {
        "layer": 1,
        "vectors": vectors,
        "vectors_by_products": vectors * products,
        "outputs": vectors * member["output_size"],
        "passes": passes,
    }
    for name, bits in (("ones", 1), ("twos", 2), ("nibbles", 4), ("fives", 5)):
        times = passes * (member["bits"] == bits)
        found[f"chunks_of_{name}"] = times * _blocks(products, member["chunk"])
        found[f"passes_of_{name}_by_products"] = times * _blocks(products, blocks.products)
    return found


def _by_whole_fields(layer: Struct) -> dict[str, int]:
    """Two outputs at a time, block after block of the inputs."""
    (_, _, fields), (_, _, block), _ = layer.members
    assert isinstance(fields, Struct) and isinstance(block, int)
    member = {name: value for name, _, value in fields.members if isinstance(value, int)}
    vectors, inputs = member["rows"], member["input_size"]
    passes = vectors * _blocks(member["output_size"], 2)
    found = {
        "layer": 1,
        "vectors": vectors,
        "vectors_by_products": vectors * inputs,
        "outputs": vectors * member["output_size"],
        "passes": passes,
    }
    for name, bits in (("threes", 3), ("fives", 5), ("sixes", 6)):
        found[f"passes_of_{name}_by_products"] = passes * (member["bits"] == bits) * _blocks(inputs, block)
    return found


def _by_fields(layer: Struct, blocks: Blocks) -> dict[str, int]:
    """Some outputs at a time, plane after plane, 32 inputs a step."""
    member = {name: value for name, _, value in layer.members if isinstance(value, int)}
    bits, vectors, inputs = member["bits"], member["rows"], member["input_size"]
    passes = vectors * _blocks(member["output_size"], blocks.channels)
    found = {
        "layer": 1,
        "vectors": vectors,
        "vectors_by_products": vectors * inputs,
        "outputs": vectors * member["output_size"],
    }
    planes = {"fours": bits >= 4, "twos": bits & 2, "ones": bits & 1}
    if blocks.shifted:
        planes = {"sixes": bits == 6, "fours": bits == 4, "twos": bits == 2, "ones": bits == 1}
    for name, there in planes.items():
        found[f"passes_of_{name}"] = passes * bool(there)
        found[f"passes_of_{name}_by_products"] = passes * bool(there) * _blocks(inputs, blocks.products)
    return found


@_features.register
def _(op: AveragePool2D, graph: Graph, blocks: Blocks, code: LayerCode) -> dict[str, int]:
    _, rows, columns, channels = graph.tensor(op.output).shape
    pixels = rows * columns
    whole, left = divmod(channels, 4)
    window = op.window.h * op.window.w
    return {
        "layer": 1,
        "pixels": pixels,
        "pixels_by_window": pixels * window,
        "passes": pixels * whole,
        "passes_by_window": pixels * whole * window,
        "left_channels": pixels * left,
        "left_channels_by_window": pixels * left * window,
        "partial_passes": pixels * (left > 0),
        "partial_passes_by_window": pixels * (left > 0) * window,
        "outputs": pixels * channels,
    }


@_features.register
def _(op: Add, graph: Graph, blocks: Blocks, code: LayerCode) -> dict[str, int]:
    return {"layer": 1, "outputs": graph.tensor(op.output).n_elements}
