# SPDX-License-Identifier: Apache-2.0
"""The size report: one SizeReport, its tables, and its JSON. Figures come in ready; nothing is computed but sums.

Order: what it is, verdict, parts of the firmware (estimated beside linked), layers, arena over time, counting rules.
"""

from dataclasses import asdict, dataclass
from pathlib import PurePath
from typing import Any

from toolchain.budget.assess import Assessment
from toolchain.budget.sizes import Part, Region, Sizes
from toolchain.budget.tflite_sizes import TfliteSize
from toolchain.budget.verdict import Check, Verdict
from toolchain.budget.weight_sizes import WeightSize
from toolchain.device.linked import Contribution
from toolchain.export.c import CLayer
from toolchain.graph.cost import Cost, CostRow
from toolchain.graph.counting import Count
from toolchain.measure import How
from toolchain.report.arena_map import ArenaMap, arena_map, arena_table, arena_text, shortened
from toolchain.report.bands_table import BandsReport, bands_json, bands_report, bands_table
from toolchain.report.table import Cell, Column, Row, Table, Tone, shown, to_markdown
from toolchain.report.weights_table import tflite_table, weights_json, weights_table


@dataclass(frozen=True, eq=False)
class SizeReport:
    """Everything that the report shows.

    model: name of the Graph. graph_sha256: its hash. board, core: names. code: what each layer became in C.
    weights: of each layer, in each output. tflite: what TFLite Micro would need.
    contributions: which part of the project put what into the linked firmware.
    """

    model: str
    graph_sha256: str
    board: str
    core: str
    cost: Cost
    code: tuple[CLayer, ...]
    weights: tuple[WeightSize, ...]
    tflite: tuple[TfliteSize, ...]
    bands: BandsReport
    counts: tuple[Count, ...]
    arena: ArenaMap
    sizes: Sizes
    contributions: tuple[Contribution, ...]
    verdict: Verdict


def size_report(assessment: Assessment) -> SizeReport:
    """What there is to show of an assessment."""
    build = assessment.build
    return SizeReport(
        model=assessment.graph.name,
        graph_sha256=assessment.graph.sha256,
        board=assessment.board.id,
        core=assessment.board.core.name,
        cost=assessment.cost,
        code=assessment.model.whole_layers,
        weights=assessment.weights,
        tflite=assessment.tflite,
        bands=bands_report(assessment.model),
        counts=assessment.counts,
        arena=arena_map(assessment.model.graph, assessment.model.plan),
        sizes=assessment.sizes,
        contributions=build.sizes.contributions if build else (),
        verdict=assessment.verdict,
    )


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


def layer_table(cost: Cost, code: tuple[CLayer, ...]) -> Table:
    """One row an operator: shape, MACs, bytes of constants and of activations, kernel. All estimated."""
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
        Column("constants", "B"),
        Column("in + out", "B"),
        Column("scratch", "B"),
        Column("cycles"),
        Column("kernel", text=True),
    )
    rows = [Row(_layer_cells(i, row, layer)) for i, (row, layer) in enumerate(zip(cost.rows, code, strict=True), 1)]
    constants = sum(layer.constant_bytes for layer in code)
    cycles = sum(layer.estimate.cycles for layer in code if layer.estimate)
    total: tuple[Cell, ...] = (
        "", "total", "", "", "", cost.macs, None, cost.weight_storage_bytes, cost.weight_container_bytes, constants,
        None, None, cycles or None, "",
    )  # fmt: skip
    most: tuple[Cell, ...] = (
        "", "most", "", "", "", max((row.macs for row in cost.rows), default=0), None, None, None, None,
        cost.peak_activation_bytes, max((layer.scratch_bytes for layer in code), default=0), None, "",
    )  # fmt: skip
    notes = (
        "stored: weights at their bits; container: in whole int8 cells; constants: all of the layer's flash, with",
        "biases, rescaling, parameters. The arena can be smaller than the largest in + out where layers work in place.",
        "cycles: by the measured costs of the kernels, where there are; `subbyte profile` counts them.",
    )
    return Table("Layers, estimated", columns, (*rows, Row(total, Tone.TOTAL), Row(most, Tone.TOTAL)), notes)


def _layer_cells(index: int, row: CostRow, layer: CLayer) -> tuple[Cell, ...]:
    weighted = row.weight_bits is not None
    return (
        index,
        shortened(row.name),
        row.op,
        " + ".join(shape_text(shape) for shape in row.input_shapes),
        shape_text(row.output_shape),
        row.macs or None,
        row.weight_bits,
        row.weight_storage_bytes if weighted else None,
        row.weight_container_bytes if weighted else None,
        layer.constant_bytes or None,
        row.activation_bytes,
        layer.scratch_bytes or None,
        layer.estimate.cycles if layer.estimate else None,
        layer.kernel.removeprefix("sb_") or "none: the same bytes",
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
        rows += [Row((region.value, _indented(part), part.estimated, part.linked, part.meaning)) for part in parts]
        rows.append(Row((region.value, "total", None, sizes.linked_bytes(region), ""), Tone.TOTAL))
    return Table("Firmware", columns, tuple(rows), sizes.notes)


def _indented(part: Part) -> str:
    return f"  of it {part.name}" if part.within else part.name


def contributions_table(contributions: tuple[Contribution, ...]) -> Table:
    """Which part of the project put how much into the firmware."""
    columns = (
        Column("folder", text=True),
        Column("code", "B", How.LINKED),
        Column("constants", "B", How.LINKED),
        Column("RAM", "B", How.LINKED),
    )
    rows = tuple(Row((c.part, c.code_bytes, c.constant_bytes, c.ram_bytes)) for c in contributions)
    return Table("Where it comes from", columns, rows)


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
        *((contributions_table(report.contributions),) if report.contributions else ()),
        layer_table(report.cost, report.code),
        *((weights_table(report.weights),) if report.weights else ()),
        *((tflite_table(report.tflite),) if report.tflite else ()),
        *((bands_table(report.bands),) if report.bands.stages else ()),
        counts_table(report.counts),
    )


def arena_heading(arena: ArenaMap) -> str:
    """What stands above the arena's map."""
    return f"Arena over time, {arena.n_bytes:,} B, estimated"


def report_markdown(report: SizeReport) -> str:
    """The report as Markdown, for a pull request or a job summary."""
    mark = "within its limits" if report.verdict.ok else "**over its limits**"
    arena = (
        f"### {arena_heading(report.arena)}\n\n```text\n{arena_text(report.arena)}```\n\n"
        f"{to_markdown(arena_table(report.arena))}"
    )
    tables = [to_markdown(table) for table in report_tables(report)]
    return "\n".join((f"## {headline(report)}: {mark}\n", *tables, arena))


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
            "weights": How.ESTIMATED.value,
            "tflite_micro": How.ESTIMATED.value,
            "arena": How.ESTIMATED.value,
            "counts": How.ESTIMATED.value,
        },
        "parts": [
            {
                "name": part.name,
                "within": part.within or None,
                "memory": part.region.value,
                "estimated": part.estimated,
                "linked": part.linked,
            }
            for part in report.sizes.parts
        ],
        "contributions": [asdict(contribution) for contribution in report.contributions],
        "bands": bands_json(report.bands),
        "layers": [_layer_json(row, layer) for row, layer in zip(report.cost.rows, report.code, strict=True)],
        "weights": weights_json(report.weights),
        "tflite_micro": weights_json(report.tflite),
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


def _layer_json(row: CostRow, layer: CLayer) -> dict[str, Any]:
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
        "constant_bytes": layer.constant_bytes,
        "activation_bytes": row.activation_bytes,
        "scratch_bytes": layer.scratch_bytes,
        "kernel": layer.kernel or None,
        "instructions_estimated": layer.estimate and layer.estimate.instructions,
        "cycles_estimated": layer.estimate and layer.estimate.cycles,
    }


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """`ok`, every limit in `checks`, and `breaches` with advice: what a script may want to print or to plot."""
    return {
        "ok": verdict.ok,
        "checks": [
            {
                "limit": check.limit.name,
                "value": check.measure.value,
                "allowed": check.limit.allowed,
                "unit": check.limit.unit,
                "how": check.measure.how.value,
                "origin": check.limit.origin,
            }
            for check in verdict.checks
        ],
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
