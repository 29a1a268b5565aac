# SPDX-License-Identifier: Apache-2.0
"""Weights that a file holds as look-up tables, decoded once and for all: TFLM_DECODE becomes the constant it makes."""

from dataclasses import replace
from math import prod

import numpy as np
from numpy.typing import NDArray

from toolchain.errors import ModelError
from toolchain.graph.tflite_in.container import RawModel, RawOperator, RawTensor
from toolchain.graph.tflite_in.look_up import OPERATOR, LookUp, decoded
from toolchain.graph.tflite_in.schema import TensorType, type_name

# Far above any network for a microcontroller; it bounds the work that a small hostile file can cause.
MAX_DECODED_ELEMENTS = 1 << 24


def with_weights_decoded(model: RawModel) -> RawModel:
    """`model` without TFLM_DECODE, the other operators numbered as if there had never been any: a file with tables and
    one without are then the same Graph. Raises ModelError, naming operator and tensor, for a coding that is not sound.
    """
    tensors, elements = list(model.tensors), 0
    for op in model.operators:
        if op.custom_code == OPERATOR:
            elements += sum(prod(model.tensors[output].shape) for output in op.outputs)
            if elements > MAX_DECODED_ELEMENTS:
                raise ModelError(f"{op.where}: at most {MAX_DECODED_ELEMENTS} elements are decoded in one file")
            for output, constant in _constants(op, model.tensors):
                tensors[output] = constant
    others = [op for op in model.operators if op.custom_code != OPERATOR]
    operators = tuple(replace(op, index=index) for index, op in enumerate(others))
    return replace(model, tensors=tuple(tensors), operators=operators)


def _constants(op: RawOperator, tensors: tuple[RawTensor, ...]) -> list[tuple[int, RawTensor]]:
    if len(op.inputs) != 2 * len(op.outputs):
        raise ModelError(f"{op.where}: {len(op.inputs)} inputs for {len(op.outputs)} outputs; each takes two")
    found = []
    for place, output in enumerate(op.outputs):
        tensor = tensors[output]
        where = f"{op.where}: tensor {tensor.name}"
        if tensor.type != TensorType.INT8:
            raise ModelError(f"{where} is {type_name(tensor.type)}, and only INT8 is supported")
        indices, table = (_bytes(where, op.inputs[2 * place + each], tensors) for each in range(2))
        try:
            data = decoded(LookUp(indices, table), tensor.shape)
        except ModelError as error:
            raise ModelError(f"{where} {error}") from error
        found.append((output, replace(tensor, has_data=True, data=data)))
    return found


def _bytes(where: str, index: int | None, tensors: tuple[RawTensor, ...]) -> NDArray[np.uint8]:
    data = None if index is None else tensors[index].data
    if data is None or data.dtype != np.uint8:
        raise ModelError(f"{where} must be coded in two constant UINT8 tensors")
    return data.reshape(-1)
