# SPDX-License-Identifier: Apache-2.0
"""TFLite in: an int8 .tflite file, ours or anybody's, becomes a Graph. The door is `read_tflite`."""

from toolchain.graph.tflite_in.reader import parse_tflite, read_tflite

__all__ = ["parse_tflite", "read_tflite"]
