# SPDX-License-Identifier: Apache-2.0
"""TFLite out: `tflite_bytes`."""

from toolchain.export.tflite.writer import tflite_bytes

__all__ = ["tflite_bytes"]
