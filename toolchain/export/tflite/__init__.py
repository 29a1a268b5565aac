# SPDX-License-Identifier: Apache-2.0
"""TFLite out: `tflite_bytes`, `compressed_tflite_bytes`."""

from toolchain.export.tflite.forms import Form, Forms, form_bytes, no_tables, weight_forms
from toolchain.export.tflite.writer import compressed_tflite_bytes, tflite_bytes

__all__ = ["Form", "Forms", "compressed_tflite_bytes", "form_bytes", "no_tables", "tflite_bytes", "weight_forms"]
