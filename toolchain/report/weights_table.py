# SPDX-License-Identifier: Apache-2.0
"""The bytes of each layer's weights in C, TFLite and ONNX, and TFLite Micro's files, as tables and as JSON."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from toolchain.budget.tflite_sizes import TfliteSize
from toolchain.budget.weight_sizes import WeightSize
from toolchain.report.arena_map import shortened
from toolchain.report.table import Cell, Column, Row, Table, Tone


def weights_table(sizes: Sequence[WeightSize]) -> Table:
    """One row a layer with weights, and the sums."""
    columns = (
        Column("layer", text=True),
        Column("weights", "bits"),
        Column("grid", text=True),
        Column("container", "B"),
        Column("stored", "B"),
        Column("C", "B"),
        Column("TFLite", "B"),
        Column("as", text=True),
        Column("compressed", "B"),
        Column("as", text=True),
        Column("ONNX", "B"),
        Column("as", text=True),
    )
    rows = tuple(Row(_cells(size)) for size in sizes)
    total: tuple[Cell, ...] = (
        "total", None, "", sum(size.container_bytes for size in sizes), sum(size.storage_bytes for size in sizes),
        sum(size.c_bytes or 0 for size in sizes), sum(size.tflite_bytes for size in sizes), "",
        sum(size.compressed_bytes for size in sizes), "", sum(size.onnx_bytes for size in sizes), "",
    )  # fmt: skip
    notes = (
        "container: in whole int8 cells; stored: at their bits; then what each output holds. No biases, no scales.",
        "C: as the kernel reads them, – where its tables mix them with other numbers.",
        "compressed: `subbyte export --compress`, where a table makes the file smaller; it is decoded into RAM.",
    )
    return Table("Weights in each output, estimated", columns, (*rows, Row(total, Tone.TOTAL)), notes)


def tflite_table(sizes: Sequence[TfliteSize]) -> Table:
    """One row a file."""
    columns = (Column("weights as", text=True), Column("file", "B"), Column("arena", "B"))
    rows = tuple(Row((size.weights, size.file_bytes, size.arena_bytes)) for size in sizes)
    notes = (
        "arena: an upper bound of activations, CMSIS-NN's scratch, weights that are unpacked or decoded, the runtime's",
        "structures. Beside it the runtime's own code, and some 18 kB more of it for look-up tables.",
    )
    return Table("TFLite Micro instead, estimated", columns, rows, notes)


def weights_json(sizes: Sequence[WeightSize] | Sequence[TfliteSize]) -> list[dict[str, Any]]:
    """Either as plain values."""
    return [asdict(size) for size in sizes]


def _cells(size: WeightSize) -> tuple[Cell, ...]:
    return (
        shortened(size.layer),
        size.bits,
        size.grid.value,
        size.container_bytes,
        size.storage_bytes,
        size.c_bytes,
        size.tflite_bytes,
        size.tflite_form.value,
        size.compressed_bytes,
        size.compressed_form.value,
        size.onnx_bytes,
        f"int{size.onnx_bits}",
    )
