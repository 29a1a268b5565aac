# SPDX-License-Identifier: Apache-2.0
"""For users of TensorFlow Lite for Microcontrollers: model array, op resolver, arena size, and the C++ around them."""

from toolchain.export.tflm.arena import ArenaSize, arena_size
from toolchain.export.tflm.sources import TflmModel, tflm_file, tflm_sources

__all__ = ["ArenaSize", "TflmModel", "arena_size", "tflm_file", "tflm_sources"]
