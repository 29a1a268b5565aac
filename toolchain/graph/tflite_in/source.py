# SPDX-License-Identifier: Apache-2.0
"""Source: hands the tensors of a file to the readers of operators, in the roles in which the Graph knows them.

An operator's reader asks for its inputs by position and role (activation, weights, bias, plain integers); Source
checks that the file's tensor can play that role, makes the Graph's Tensor and remembers it.
"""

from dataclasses import dataclass, field

import numpy as np

from toolchain.errors import ModelError
from toolchain.graph.storage_note import PLAIN, Storage
from toolchain.graph.tensor import DType, Grid, Quantisation, Tensor
from toolchain.graph.tflite_in.container import RawModel, RawOperator, RawTensor
from toolchain.graph.tflite_in.schema import TensorType, type_name


@dataclass(frozen=True)
class Source:
    """One file being read. `tensors`: name -> Tensor, filled as operators ask; `storage`: widths below 8 bits."""

    model: RawModel
    storage: Storage
    tensors: dict[str, Tensor] = field(default_factory=dict)

    def input(self, op: RawOperator, position: int) -> str:
        """Name of an activation (or constant) that `op` reads: int8 with one scale."""
        return self.activation(self.raw(op, position), op.where)

    def output(self, op: RawOperator) -> str:
        """Name of the one activation that `op` writes."""
        if len(op.outputs) != 1:
            raise ModelError(f"{op.where} writes {len(op.outputs)} tensors, not 1")
        return self.activation(self.model.tensors[op.outputs[0]], op.where)

    def tensor(self, name: str) -> Tensor:
        """A tensor that has been asked for before."""
        return self.tensors[name]

    def activation(self, raw: RawTensor, where: str) -> str:
        """Take `raw` as a value that flows: int8, one scale."""
        if raw.type != TensorType.INT8:
            raise ModelError(
                f"{where}: tensor {raw.name} is {type_name(raw.type)}, and only INT8 is supported: "
                "convert the model with full integer quantisation (int8 weights and activations)"
            )
        if len(raw.scales) != 1:
            raise ModelError(f"{where}: tensor {raw.name} has {len(raw.scales)} scales; an activation needs one")
        zero_point = raw.zero_points[0] if raw.zero_points else 0
        data = None if raw.data is None else raw.data.astype(np.int8)
        self.tensors[raw.name] = Tensor(
            raw.name, raw.shape, DType.INT8, Quantisation(raw.scales, zero_point), data=data
        )
        return raw.name

    def weights(self, op: RawOperator, axis: int) -> str:
        """Take input 1 as weights: constant int8 or int4, symmetric, one scale or one for each index of `axis`."""
        raw = self.raw(op, 1)
        where = f"{op.where}: weights {raw.name}"
        if raw.type not in (TensorType.INT8, TensorType.INT4):
            raise ModelError(f"{where} are {type_name(raw.type)}, and only INT8 and INT4 are supported")
        if raw.data is None:
            raise ModelError(f"{where} are no constant")
        if not raw.scales:
            raise ModelError(f"{where} have no scale")
        if any(raw.zero_points):
            raise ModelError(f"{where} have a zero point other than 0")
        if len(raw.scales) > 1 and raw.axis != axis:
            raise ModelError(f"{where} have scales along axis {raw.axis}, not along axis {axis}, the output channels")
        quantisation = Quantisation(raw.scales, axis=axis if len(raw.scales) > 1 else None)
        plain = PLAIN if raw.type == TensorType.INT8 else (4, Grid.MID_TREAD)
        bits, grid = self.storage.get(raw.name, plain)
        data = raw.data.astype(np.int8)
        self.tensors[raw.name] = Tensor(raw.name, raw.shape, DType.INT8, quantisation, bits, grid, data)
        return raw.name

    def bias(self, op: RawOperator, input_name: str, weights_name: str) -> str | None:
        """Take input 2, if there is one, as bias: constant int32. All zeros, which LiteRT asks for, are no bias.

        A scale that the file leaves out is computed.
        """
        if len(op.inputs) < 3 or op.inputs[2] is None:
            return None
        raw = self.raw(op, 2)
        where = f"{op.where}: bias {raw.name}"
        if raw.type != TensorType.INT32:
            raise ModelError(f"{where} is {type_name(raw.type)}, and only INT32 is supported")
        if raw.data is None:
            raise ModelError(f"{where} is no constant")
        if any(raw.zero_points):
            raise ModelError(f"{where} has a zero point other than 0")
        if not raw.data.any():
            return None
        scales = raw.scales
        if not scales:
            input_scale = self.tensors[input_name].quantisation.scale
            products = [input_scale * scale for scale in self.tensors[weights_name].quantisation.scales]
            with np.errstate(over="ignore", under="ignore"):
                scales = tuple(float(np.float32(product)) for product in products)
        axis = 0 if len(scales) > 1 or self.tensors[weights_name].quantisation.axis is not None else None
        data = raw.data.astype(np.int32)
        self.tensors[raw.name] = Tensor(
            raw.name, raw.shape, DType.INT32, Quantisation(scales, axis=axis), 32, data=data
        )
        return raw.name

    def integers(self, op: RawOperator, position: int) -> list[int]:
        """Take an input as plain constant integers: axes, a shape, paddings; in memory order."""
        raw = self.raw(op, position)
        if raw.type not in (TensorType.INT32, TensorType.INT64) or raw.data is None:
            raise ModelError(f"{op.where}: tensor {raw.name} must be constant INT32 or INT64")
        return [int(value) for value in raw.data.reshape(-1).tolist()]

    def byte(self, op: RawOperator, position: int) -> int:
        """Take an input as one constant int8."""
        raw = self.raw(op, position)
        if raw.type != TensorType.INT8 or raw.data is None or raw.data.size != 1:
            raise ModelError(f"{op.where}: tensor {raw.name} must be one constant INT8")
        return int(raw.data.reshape(-1).tolist()[0])

    def raw(self, op: RawOperator, position: int) -> RawTensor:
        """The file's tensor at an input that must be there."""
        index = op.inputs[position] if position < len(op.inputs) else None
        if index is None:
            raise ModelError(f"{op.where} lacks input {position}")
        return self.model.tensors[index]

    def new(self, like: str, suffix: str, shape: tuple[int, ...]) -> str:
        """A value that the file does not have, with the quantisation of `like`."""
        name, count = f"{like}/{suffix}", 1
        taken = {raw.name for raw in self.model.tensors} | set(self.tensors)
        while name in taken:
            count += 1
            name = f"{like}/{suffix}_{count}"
        self.tensors[name] = Tensor(name, shape, DType.INT8, self.tensors[like].quantisation)
        return name
