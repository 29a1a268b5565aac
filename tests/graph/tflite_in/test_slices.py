# SPDX-License-Identifier: Apache-2.0
"""SLICE and STRIDED_SLICE: what takes whole rows of the outermost axis is TakeRows; everything else is refused."""

from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.graph.tflite_in.test_series_and_shapes import edited, equals_tflite_micro
from tests.graphs import GraphBuilder
from toolchain.errors import ModelError
from toolchain.graph.ops import TakeRows
from toolchain.graph.tflite_in.reader import parse_tflite

STRIDED = 45


def _rows(first: int = 2, rows: int = 3) -> Any:
    return GraphBuilder("net", (1, 6, 4, 3)).take_rows(first, rows).graph()


def _constant(model: Any, name: str, values: list[int]) -> int:
    model.buffers.append(schema.BufferT(np.array(values, np.int32).view(np.uint8)))
    tensors = model.subgraphs[0].tensors
    tensors.append(schema.TensorT([len(values)], schema.TensorType.INT32, len(model.buffers) - 1, name, None))
    return len(tensors) - 1


def _as_strided(begin: list[int], end: list[int], strides: list[int], shape: list[int], **masks: int) -> Any:
    def edit(model: Any) -> None:
        (op,) = model.subgraphs[0].operators
        parts = (("begin_2", begin), ("end", end), ("strides", strides))
        op.inputs = [op.inputs[0], *(_constant(model, name, values) for name, values in parts)]
        op.builtinOptionsType = schema.BuiltinOptions.StridedSliceOptions
        op.builtinOptions = schema.StridedSliceOptionsT(**masks)
        (code,) = model.operatorCodes
        code.builtinCode = code.deprecatedBuiltinCode = STRIDED
        model.subgraphs[0].tensors[op.outputs[0]].shape = shape

    return edit


@pytest.mark.parametrize(
    ("begin", "end", "masks"),
    [
        ([0, 2, 0, 0], [1, 5, 4, 3], {}),
        ([0, -4, 0, 0], [1, -1, 4, 3], {}),
        ([9, 2, 9, 9], [0, 5, 0, 0], {"beginMask": 13, "endMask": 13}),
        ([0, 2, 0, 0], [1, 5, 99, 3], {}),
    ],
)
def test_strided_slice_of_rows(begin: list[int], end: list[int], masks: dict[str, int]) -> None:
    content = edited(_rows(), _as_strided(begin, end, [1, 1, 1, 1], [1, 3, 4, 3], **masks))
    equals_tflite_micro(content, ["TakeRows"])
    (op,) = parse_tflite(content, "net").operators
    assert isinstance(op, TakeRows) and op.first == 2


@pytest.mark.parametrize(
    ("begin", "end", "strides", "shape", "masks"),
    [
        ([0, 1, 0, 0], [1, 6, 4, 3], [1, 2, 1, 1], [1, 3, 4, 3], {}),
        ([0, 2, 1, 0], [1, 5, 3, 3], [1, 1, 1, 1], [1, 3, 2, 3], {}),
        ([0, 0, 1, 0], [1, 6, 3, 3], [1, 1, 1, 1], [1, 6, 2, 3], {}),
        ([0, 2, 0, 0], [1, 5, 4, 3], [1, 1, 1, 1], [1, 2, 4, 3], {}),
        ([0, 5, 0, 0], [1, 5, 4, 3], [1, 1, 1, 1], [1, 1, 4, 3], {}),
        ([0, 2, 0], [1, 5, 4], [1, 1, 1], [1, 3, 4, 3], {}),
        ([0, 2, 0, 0], [1, 3, 4, 3], [1, 1, 1, 1], [4, 3], {"shrinkAxisMask": 3}),
        ([0, 2, 0, 0], [1, 3, 4, 3], [1, 1, 1, 1], [1, 3, 4, 3], {"offset": True}),
    ],
)
def test_other_slices_are_refused(
    begin: list[int], end: list[int], strides: list[int], shape: list[int], masks: dict[str, int]
) -> None:
    with pytest.raises(ModelError, match=r"STRIDED_SLICE\).*supported"):
        parse_tflite(edited(_rows(), _as_strided(begin, end, strides, shape, **masks)), "net")


def _sized(begin: list[int], size: list[int], shape: list[int], source: list[int] | None = None) -> Any:
    def edit(model: Any) -> None:
        (op,) = model.subgraphs[0].operators
        op.inputs = [op.inputs[0], _constant(model, "begin_2", begin), _constant(model, "size_2", size)]
        model.subgraphs[0].tensors[op.outputs[0]].shape = shape
        if source:
            model.subgraphs[0].tensors[op.inputs[0]].shape = source

    return edit


def test_slice_to_the_end() -> None:
    content = edited(_rows(), _sized([0, 4, 0, 0], [-1, -1, -1, -1], [1, 2, 4, 3]))
    equals_tflite_micro(content, ["TakeRows"])


@pytest.mark.parametrize(
    ("begin", "size", "shape", "source"),
    [
        ([0, 7, 0], [1, 11, 3], [1, 11, 3], [1, 24, 3]),
        ([20], [30], [30], [72]),
        ([0, 0, 2, 0], [1, 1, 5, 3], [1, 1, 5, 3], [1, 1, 24, 3]),
    ],
)
def test_slice_of_other_ranks_takes_the_same_bytes(
    begin: list[int], size: list[int], shape: list[int], source: list[int]
) -> None:
    equals_tflite_micro(edited(_rows(), _sized(begin, size, shape, source)), ["Reshape", "TakeRows", "Reshape"])


@pytest.mark.parametrize(
    ("begin", "size", "shape"),
    [
        ([0, -1, 0, 0], [1, 3, 4, 3], [1, 3, 4, 3]),
        ([0, 4, 0, 0], [1, 3, 4, 3], [1, 3, 4, 3]),
        ([0, 0, 0, 0], [1, 0, 4, 3], [1, 1, 4, 3]),
        ([0, 2**31 - 1, 0, 0], [1, 2**31 - 1, 4, 3], [1, 3, 4, 3]),
        ([2], [3], [1, 3, 4, 3]),
    ],
)
def test_slices_beyond_the_image_are_refused(begin: list[int], size: list[int], shape: list[int]) -> None:
    with pytest.raises(ModelError, match=r"SLICE\).*supported"):
        parse_tflite(edited(_rows(), _sized(begin, size, shape)), "net")
