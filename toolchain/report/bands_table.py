# SPDX-License-Identifier: Apache-2.0
"""What --max-ram did: which layers are executed in bands of rows, what that costs and what it saves."""

from dataclasses import asdict, dataclass
from typing import Any

from toolchain.export.c import CModel
from toolchain.report.table import Column, Row, Table, Tone


@dataclass(frozen=True)
class StageReport:
    """One stage. calls: of kernels, where its layers as they are make `layers` calls."""

    first: str
    last: str
    layers: int
    band_rows: int
    halo: str
    calls: int
    extra_macs: int


@dataclass(frozen=True)
class BandsReport:
    """macs: of the network. plain_arena_bytes: without bands."""

    stages: tuple[StageReport, ...]
    macs: int
    arena_bytes: int
    plain_arena_bytes: int

    @property
    def extra_macs(self) -> int:
        """Of all stages; below 0 where rows that nothing reads are left out."""
        return sum(stage.extra_macs for stage in self.stages)


def bands_report(model: CModel) -> BandsReport:
    """What there is to say of the generated C."""
    stages = []
    source = model.banded.source
    macs = model.banded.source_macs
    for stage in model.banded.stages:
        names = [op.name for op in source.operators[stage.first : stage.end]]
        layers = [layer for layer in model.layers if layer.origin in names]
        extra = sum(layer.macs for layer in layers) - sum(macs[name] for name in names)
        calls = sum(bool(layer.kernel) for layer in layers)
        stages.append(StageReport(names[0], names[-1], len(names), stage.band_rows, stage.halo.value, calls, extra))
    return BandsReport(tuple(stages), sum(macs.values()), model.arena_bytes, model.plain_arena_bytes)


def bands_table(bands: BandsReport) -> Table:
    """One row a stage."""
    columns = (
        Column("from layer", text=True),
        Column("to layer", text=True),
        Column("layers"),
        Column("rows a band"),
        Column("halo", text=True),
        Column("calls"),
        Column("extra MACs"),
    )
    rows = [Row((s.first, s.last, s.layers, s.band_rows, s.halo, s.calls, s.extra_macs)) for s in bands.stages]
    total = Row(("total", "", None, None, "", sum(s.calls for s in bands.stages), bands.extra_macs), Tone.TOTAL)
    share = 100 * bands.extra_macs / bands.macs if bands.macs else 0.0
    notes = (
        f"Arena {bands.arena_bytes:,} B instead of {bands.plain_arena_bytes:,} B, for {share:.1f} % more MACs.",
        "halo: rows that two bands need are kept in RAM, or recomputed.",
    )
    return Table("Layers in bands of rows, estimated", columns, (*rows, total), notes)


def bands_json(bands: BandsReport) -> dict[str, Any]:
    """The same as plain values."""
    return asdict(bands) | {"extra_macs": bands.extra_macs}
