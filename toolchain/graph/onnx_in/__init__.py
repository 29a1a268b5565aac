# SPDX-License-Identifier: Apache-2.0
"""The door from ONNX into the Graph: read_onnx(path) -> Graph. How it works: reader.py."""

from toolchain.graph.onnx_in.reader import OnnxModel, read_onnx, read_onnx_model

__all__ = ["OnnxModel", "read_onnx", "read_onnx_model"]
