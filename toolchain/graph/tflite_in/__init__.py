# SPDX-License-Identifier: Apache-2.0
"""TFLite in: an int8 .tflite file, ours or anybody's, becomes a Graph. The door is `read_tflite`."""

from toolchain.graph.tflite_in.reader import TfliteModel, parse_tflite, read_tflite, read_tflite_model

__all__ = ["TfliteModel", "parse_tflite", "read_tflite", "read_tflite_model"]
