# SPDX-License-Identifier: Apache-2.0
"""A trained network as a standard QDQ ONNX file: the one door from training to everything after it."""

from toolchain.nets.onnx_out.qdq import OPSET, onnx_bytes

__all__ = ["OPSET", "onnx_bytes"]
