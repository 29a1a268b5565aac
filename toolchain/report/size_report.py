# SPDX-License-Identifier: Apache-2.0
"""The size report: one SizeReport, its tables, and its JSON. Figures come in ready; nothing is computed but sums.

Order: what it is, verdict, parts of the firmware (estimated beside linked), layers, arena over time, counting rules.
"""

from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from toolchain.budget.sizes import Region, Sizes
from toolchain.budget.verdict import Check, Verdict
from toolchain.graph.cost import Cost, CostRow
from toolchain.graph.counting import Count
from toolchain.measure import How
from toolchain.report.arena_map import ArenaMap, arena_table, arena_text
from toolchain.report.table import Cell, Column, Row, Table, Tone, shown, to_markdown, to_text


@dataclass(frozen=True)
class SizeReport:
    """Everything that the report shows.

    model: name of the Graph. graph_sha256: its hash. board, core: names. runtime_note: what was built, one phrase.
    """

    model: str
    graph_sha256: str
    board: str
    core: str
    cost: Cost
    counts: tuple[Count, ...]
    arena: ArenaMap
    sizes: Sizes
    verdict: Verdict
    built: bool


def headline(report: SizeReport) -> str:
    """One line: model, hash, board, core."""
    return f"{report.model} (graph {report.graph_sha256[:12]}) on {report.board}, {report.core}"


def shape_text(shape: tuple[int, ...]) -> str:
    """A shape without the batch axis: 25x5x64.

    >>> shape_text((1, 25, 5, 64)), shape_text((1, 12)), shape_text((1,))
    ('25x5x64', '12', '1')
    """
    inner = shape[1:] if len(shape) > 1 and shape[0] == 1 else shape
    return "x".join(str(size) for size in inner)


def layer_table(cost: Cost) -> Table:
    """One row an operator: shape, MACs, bytes of constants and of activations. All estimated."""
    columns = (
        Column("#"),
        Column("layer", text=True),
        Column("operator", text=True),
        Column("input", text=True),
        Column("output", text=True),
        Column("MACs"),
        Column("weights", "bits"),
        Column("stored", "B"),
        Column("container", "B"),
        Column("biases", "B"),
        Column("rescaling", "B"),
        Column("in + out", "B"),
    )
    rows = [Row(_layer_cells(index, row)) for index, row in enumerate(cost.rows, 1)]
    total: tuple[Cell, ...] = (
        "", "total", "", "", "", cost.macs, None, cost.weight_storage_bytes, cost.weight_container_bytes,
        cost.bias_bytes, cost.requantisation_bytes, cost.peak_activation_bytes,
    )  # fmt: skip
    notes = (
        "stored: weights at their bits; container: in whole int8 cells; rescaling: multipliers and shifts.",
        "The total of in + out is the largest of its column: the least that the activations need at once.",
    )
    return Table("Layers, estimated", columns, (*rows, Row(total, Tone.TOTAL)), notes)


def _layer_cells(index: int, row: CostRow) -> tuple[Cell, ...]:
    weighted = row.weight_bits is not None
    return (
        index,
        row.name,
        row.op,
        " + ".join(shape_text(shape) for shape in row.input_shapes),
        shape_text(row.output_shape),
        row.macs or None,
        row.weight_bits,
        row.weight_storage_bytes if weighted else None,
        row.weight_container_bytes if weighted else None,
        row.bias_bytes if weighted else None,
        row.requantisation_bytes or None,
        row.activation_bytes,
    )


def sizes_table(sizes: Sizes) -> Table:
    """Parts of the firmware, estimated beside linked, with a total for flash and for RAM."""
    columns = (
        Column("memory", text=True),
        Column("part", text=True),
        Column("size", "B", How.ESTIMATED),
        Column("size", "B", How.LINKED),
        Column("what it is", text=True),
    )
    rows: list[Row] = []
    for region in Region:
        parts = [part for part in sizes.parts if part.region is region]
        rows += [Row((region.value, part.name, part.estimated, part.linked, part.meaning)) for part in parts]
        rows.append(Row((region.value, "total", None, sizes.linked_bytes(region), ""), Tone.TOTAL))
    return Table("Firmware", columns, tuple(rows))


def counts_table(counts: tuple[Count, ...]) -> Table:
    """Operations and memory under each counting rule: one rule a row, never two in one figure."""
    columns = (
        Column("rule", text=True),
        Column("operations"),
        Column("memory", "B"),
        Column("parameters"),
    )
    rows = tuple(Row((c.rule.value, c.operations, c.memory_bytes, c.parameters)) for c in counts)
    return Table("Counting rules, estimated", columns, rows)


def verdict_table(verdict: Verdict) -> Table:
    """Every limit beside its figure, in the column of the figure's origin; then advice for each that is over."""
    hows = [how for how in How if any(check.measure.how is how for check in verdict.checks)]
    columns = (
        Column("limit", text=True),
        Column("unit", text=True),
        *(Column("value", how=how) for how in hows),
        Column("allowed"),
        Column("verdict", text=True),
        Column("set by", text=True),
    )
    rows = tuple(_check_row(check, hows) for check in verdict.checks)
    notes = tuple(f"{breach.limit}: {breach.advice}." for breach in verdict.breaches)
    return Table("Limits", columns, rows, notes)


def _check_row(check: Check, hows: list[How]) -> Row:
    limit, measure = check.limit, check.measure
    missed = f"{shown(check.excess)} {limit.unit}".strip()
    cells = (
        limit.name,
        limit.unit,
        *(measure.value if measure.how is how else None for how in hows),
        f"{'≥' if limit.at_least else '≤'} {shown(limit.allowed)}",
        "ok" if check.ok else f"{'UNDER' if limit.at_least else 'OVER'} by {missed}",
        PurePath(limit.origin).name,
    )
    return Row(cells, Tone.GOOD if check.ok else Tone.BAD)


def report_tables(report: SizeReport) -> tuple[Table, ...]:
    """All tables but the arena's, in order."""
    return (
        verdict_table(report.verdict),
        sizes_table(report.sizes),
        layer_table(report.cost),
        counts_table(report.counts),
    )


def report_markdown(report: SizeReport) -> str:
    """The report as Markdown, for a pull request or a job summary."""
    mark = "within its limits" if report.verdict.ok else "**over its limits**"
    arena = (
        f"### Arena over time, {report.arena.n_bytes:,} B, estimated\n\n```text\n{arena_text(report.arena)}```\n\n"
        f"{to_markdown(arena_table(report.arena))}"
    )
    tables = [to_markdown(table) for table in report_tables(report)]
    return "\n".join((f"## {headline(report)}: {mark}\n", *tables, arena))


def report_text(report: SizeReport) -> str:
    """The report as plain text."""
    arena = (
        f"Arena over time, {report.arena.n_bytes:,} B, estimated\n{arena_text(report.arena)}\n"
        f"{to_text(arena_table(report.arena))}"
    )
    return "\n".join((f"{headline(report)}\n", *(to_text(table) for table in report_tables(report)), arena))


def report_json(report: SizeReport) -> dict[str, Any]:
    """The report as plain values; `how` names the origin of each figure beside it."""
    measures = report.sizes.measures()
    figures = {
        name: measures.get(name) for name in ("flash_bytes", "ram_bytes", "stack_bytes", "arena_bytes", "weight_bytes")
    }
    return {
        "model": report.model,
        "graph_sha256": report.graph_sha256,
        "board": report.board,
        "core": report.core,
        **{name: measure.value if measure else None for name, measure in figures.items()},
        "how": {
            **{name: measure.how.value for name, measure in figures.items() if measure},
            "layers": How.ESTIMATED.value,
            "arena": How.ESTIMATED.value,
            "counts": How.ESTIMATED.value,
        },
        "parts": [
            {"name": part.name, "memory": part.region.value, "estimated": part.estimated, "linked": part.linked}
            for part in report.sizes.parts
        ],
        "layers": [_layer_json(row) for row in report.cost.rows],
        "arena": {
            "bytes": report.arena.n_bytes,
            "blocks": [
                {"name": b.name, "offset": b.offset, "bytes": b.n_bytes, "first_layer": b.first, "last_layer": b.last}
                for b in report.arena.blocks
            ],
        },
        "counts": [
            {
                "rule": c.rule.value,
                "operations": c.operations,
                "memory_bytes": c.memory_bytes,
                "parameters": c.parameters,
            }
            for c in report.counts
        ],
        **verdict_json(report.verdict),
    }


def _layer_json(row: CostRow) -> dict[str, Any]:
    return {
        "name": row.name,
        "op": row.op,
        "input_shapes": [list(shape) for shape in row.input_shapes],
        "output_shape": list(row.output_shape),
        "macs": row.macs,
        "weight_bits": row.weight_bits,
        "weight_bytes": row.weight_container_bytes,
        "weight_bytes_stored": row.weight_storage_bytes,
        "bias_bytes": row.bias_bytes,
        "requantisation_bytes": row.requantisation_bytes,
        "activation_bytes": row.activation_bytes,
    }


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """`ok` and `breaches` with limit, value, allowed, and what else a script may want to print."""
    return {
        "ok": verdict.ok,
        "breaches": [
            {
                "limit": breach.limit,
                "value": breach.value,
                "allowed": breach.allowed,
                "unit": breach.unit,
                "how": breach.how.value,
                "origin": breach.origin,
                "advice": breach.advice,
            }
            for breach in verdict.breaches
        ],
    }
