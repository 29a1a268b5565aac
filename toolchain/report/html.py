# SPDX-License-Identifier: Apache-2.0
"""The size report as one HTML file that needs nothing else: own style, SVG pictures, no script, no network."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from toolchain.budget.sizes import Region, Sizes
from toolchain.budget.verdict import Breach, Verdict
from toolchain.report.arena_map import arena_svg, arena_table
from toolchain.report.pictures import Mark, Slice, layer_bars, memory_bar
from toolchain.report.size_report import (
    SizeReport,
    contributions_table,
    counts_table,
    layer_table,
    sizes_table,
    verdict_table,
)
from toolchain.report.table import Table, shown, to_html
from toolchain.report.weights_table import tflite_table, weights_table

_LIMIT_OF = {Region.FLASH: "flash_bytes", Region.RAM: "ram_bytes"}


def report_html(report: SizeReport) -> str:
    """The whole document."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("report.html.j2").render(
        model=report.model,
        board=report.board,
        core=report.core,
        graph_sha256=report.graph_sha256,
        macs=f"{report.cost.macs:,}",
        ok=report.verdict.ok,
        breaches=[_breach_text(breach) for breach in report.verdict.breaches],
        bars=[Markup(bar) for bar in _bars(report.sizes, report.verdict)],
        limits=_table(verdict_table(report.verdict)),
        sizes=_table(sizes_table(report.sizes)),
        contributions=_table(contributions_table(report.contributions)) if report.contributions else "",
        arena_bytes=f"{report.arena.n_bytes:,}",
        arena_picture=Markup(arena_svg(report.arena)),
        arena=_table(arena_table(report.arena)),
        layer_picture=Markup(layer_bars(report.cost.rows, report.code)),
        layers=_table(layer_table(report.cost, report.code)),
        weights=_table(weights_table(report.weights)) if report.weights else "",
        tflite=_table(tflite_table(report.tflite)) if report.tflite else "",
        counts=_table(counts_table(report.counts)),
    )


def _table(table: Table) -> Markup:
    return Markup(to_html(table))  # escapes every cell itself


def _bars(sizes: Sizes, verdict: Verdict) -> list[str]:
    """One bar a region of what was linked, with the limits that apply to it; none where nothing was linked."""
    bars = []
    for region in Region:
        if sizes.linked_bytes(region) is None:
            continue
        slices = tuple(Slice(p.name, p.linked) for p in sizes.parts if p.region is region and p.linked and not p.within)
        limits = [check.limit for check in verdict.checks if check.limit.name == _LIMIT_OF[region]]
        marks = tuple(Mark(Path(limit.origin).name, int(limit.allowed)) for limit in limits)
        bars.append(memory_bar(region.value, slices, marks))
    return bars


def _breach_text(breach: Breach) -> str:
    return (
        f"{breach.limit}: {shown(breach.value)} {breach.unit}, allowed {shown(breach.allowed)} "
        f"({breach.how.value}; {Path(breach.origin).name}): {breach.advice}"
    )
