# SPDX-License-Identifier: Apache-2.0
"""DET curves of several models as one SVG file: all keywords above, each keyword in a small panel below.

    missed %                                 both axes logarithmic; lower left is better
      30 |\\__
      10 |   \\___ ---- s@float               whisker: 95 % of the FRR at the operating point
       3 |       \\______
         +------------------- false detections an hour

The file needs nothing else and follows the viewer's light or dark scheme. The axis begins at one false detection in
the whole stream: what is rarer was not observed.
"""

import math
from dataclasses import dataclass
from html import escape

import numpy as np

from toolchain.detect.curve import Curve, det_curve
from toolchain.detect.evaluation import Evaluation
from toolchain.report.arena_map import shortened

_WIDTH, _LEFT, _TOP, _PLOT_W, _PLOT_H = 920, 66, 104, 610, 400
_PANELS, _PANEL_W, _PANEL_H, _PANEL_GAP = 5, 150, 110, 22
_COLOURS = 8
_LOWEST_FRR = 0.002
_TICKS = (1, 2, 5)

_STYLE = """
:root { color-scheme: light dark; }
svg { background: #ffffff; }
text { font: 12px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: #17202b; }
text { font-variant-numeric: tabular-nums; }
.head { font-size: 19px; font-weight: 600; } .name { font-weight: 600; } .soft { fill: #5d6b7c; }
.grid { stroke: #e3e8ee; } .frame { stroke: #b3bcc8; fill: none; }
polyline { fill: none; stroke-width: 2.2; stroke-linejoin: round; } .small polyline { stroke-width: 1.5; }
.whisker { stroke-width: 1.5; }
.c0 { stroke: #17202b; } .c1 { stroke: #1f7a5c; } .c2 { stroke: #2f6fbf; } .c3 { stroke: #d17a1f; }
.c4 { stroke: #8a4fbf; } .c5 { stroke: #c0396b; } .c6 { stroke: #12838f; } .c7 { stroke: #8d7c21; }
@media (prefers-color-scheme: dark) {
  svg { background: #12171e; }
  text { fill: #e4e9f0; } .soft { fill: #98a5b5; } .grid { stroke: #27303c; } .frame { stroke: #59667a; }
  .c0 { stroke: #e4e9f0; } .c1 { stroke: #4fc79b; } .c2 { stroke: #6fa8ef; } .c3 { stroke: #f2a65a; }
  .c4 { stroke: #b98ae6; } .c5 { stroke: #f0749f; } .c6 { stroke: #4cc3cf; } .c7 { stroke: #d3c04f; }
}
"""


@dataclass(frozen=True)
class _Axes:
    """A plot's place in the picture and the ranges of its axes."""

    left: float
    top: float
    width: float
    height: float
    fah: tuple[float, float]
    frr: tuple[float, float]

    def x(self, fah: float) -> float:
        return self.left + self.width * _part(fah, self.fah)

    def y(self, frr: float) -> float:
        return self.top + self.height * (1 - _part(frr, self.frr))


def _part(value: float, ends: tuple[float, float]) -> float:
    low, high = (math.log(end) for end in ends)
    return min(1.0, max(0.0, (math.log(max(value, ends[0])) - low) / (high - low)))


def det_svg(found: Evaluation) -> str:
    """The picture."""
    keywords = found.stream.speech.keywords
    curves = [det_curve(model.counts) for model in found.models]
    single = [[det_curve(model.counts, k) for model in found.models] for k in range(len(keywords))]
    fah = (1 / found.stream.hours, max(curve.fah[-1] for curve in curves))
    fah = (fah[0], max(fah[1], 10 * fah[0]))
    axes = _Axes(_LEFT, _TOP, _PLOT_W, _PLOT_H, fah, _range_of(curves))
    of_keywords = _range_of([curve for row in single for curve in row])
    below = _TOP + _PLOT_H + 96
    height = below + -(-len(keywords) // _PANELS) * (_PANEL_H + 40) + 10
    names = ", ".join(model.heard.listener.name for model in found.models)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        f'role="img" aria-label="Detection error trade-off of {escape(names)}">',
        f"<style>{_STYLE}</style>",
        '<text class="head" x="20" y="34">Detection error trade-off</text>',
        f'<text class="soft" x="20" y="58">{escape(_subtitle(found))}</text>',
        *_ticks(axes),
        *(_line(axes, curve, index) for index, curve in enumerate(curves)),
        *_whiskers(axes, found),
        f'<text class="soft" x="{_LEFT + _PLOT_W}" y="{_TOP + _PLOT_H + 42}" text-anchor="end">false detections an '
        f"hour of stream</text>",
        f'<text class="soft" x="20" y="{_TOP - 8}">keywords missed, %</text>',
        *_legend(found),
        f'<text class="name" x="20" y="{below - 14}">Keyword by keyword: the same axis of '
        f"false detections, 100 to {100 * of_keywords[0]:.2g} % missed</text>",
    ]
    for k, keyword in enumerate(keywords):
        left = 20 + k % _PANELS * (_PANEL_W + _PANEL_GAP)
        top = below + k // _PANELS * (_PANEL_H + 40) + 16
        small = _Axes(left, top, _PANEL_W, _PANEL_H, axes.fah, of_keywords)
        parts.append(f'<g class="small">{_frame(small)}<text x="{left}" y="{top - 5}">{escape(keyword)}</text>')
        parts += [_line(small, curve, index) for index, curve in enumerate(single[k])]
        parts.append("</g>")
    return "\n".join([*parts, "</svg>"]) + "\n"


def _range_of(curves: list[Curve]) -> tuple[float, float]:
    """Of the FRR: from the lowest that is not zero, within reason, to 1."""
    lowest = min((float(frr) for curve in curves for frr in curve.frr if frr > 0), default=1.0)
    return min(max(_LOWEST_FRR, lowest), 0.5), 1.0


def _subtitle(found: Evaluation) -> str:
    stream = found.stream
    return (
        f"{stream.hours:.3g} h of stream: {len(stream.keywords_said):,} keywords, {stream.n_other:,} other words, "
        f"background; a decision every {found.detector.hop_ms} ms; lower left is better"
    )


def _line(axes: _Axes, curve: Curve, index: int) -> str:
    """The curve over the axis' range, sampled: straight stretches are bent where axes are logarithmic."""
    sampled = np.geomspace(*axes.fah, 160)
    inside = curve.fah[(curve.fah > axes.fah[0]) & (curve.fah < axes.fah[1])]
    # A curve ends where nothing more is detected, and where it leaves the plot.
    end = min(max(float(curve.fah[-1]), axes.fah[0]), curve.fah_at(axes.frr[0]))
    places = np.unique(np.concatenate([sampled, inside, [max(end, axes.fah[0])]]))
    places = places[places <= max(end, axes.fah[0])]
    points = " ".join(f"{axes.x(fah):.1f},{axes.y(curve.frr_at(fah)):.1f}" for fah in places.tolist())
    return f'<polyline class="c{index % _COLOURS}" points="{points}"/>'


def _frame(axes: _Axes) -> str:
    return f'<rect class="frame" x="{axes.left}" y="{axes.top}" width="{axes.width}" height="{axes.height}"/>'


def _ticks(axes: _Axes) -> list[str]:
    parts = []
    for fah in _round_numbers(axes.fah):
        x, end = axes.x(fah), axes.top + axes.height
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{axes.top}" y2="{end}"/>')
        parts.append(f'<text class="soft" x="{x:.1f}" y="{end + 18}" text-anchor="middle">{fah:g}</text>')
    for frr in _round_numbers(axes.frr):
        y, end = axes.y(frr), axes.left + axes.width
        parts.append(f'<line class="grid" x1="{axes.left}" x2="{end}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="soft" x="{axes.left - 8}" y="{y + 4:.1f}" text-anchor="end">{100 * frr:g}</text>')
    return [*parts, _frame(axes)]


def _round_numbers(ends: tuple[float, float]) -> list[float]:
    """1, 2, 5 times powers of ten within the range; only the powers over more than four decades."""
    low, high = math.floor(math.log10(ends[0])), math.ceil(math.log10(ends[1]))
    steps = _TICKS if high - low <= 4 else (1,)
    numbers = [step * 10.0**power for power in range(low, high + 1) for step in steps]
    return [number for number in numbers if ends[0] <= number <= ends[1]]


def _whiskers(axes: _Axes, found: Evaluation) -> list[str]:
    """The FRR's interval at the operating point, models side by side so that they can be told apart."""
    parts = []
    for index, model in enumerate(found.models):
        frr = model.operating.frr
        x = axes.x(found.fah) + 5 * (index - (len(found.models) - 1) / 2)
        said = f"{model.heard.listener.name} at {found.fah:g}/h: {100 * frr.value:.2f} % missed"
        parts.append(
            f'<line class="whisker c{index % _COLOURS}" x1="{x:.1f}" x2="{x:.1f}" y1="{axes.y(frr.low):.1f}" '
            f'y2="{axes.y(frr.high):.1f}"><title>{escape(said)}</title></line>'
        )
    return parts


def _legend(found: Evaluation) -> list[str]:
    parts, left = [], _LEFT + _PLOT_W + 24
    for index, model in enumerate(found.models):
        y = _TOP + 18 + 58 * index
        point = model.operating
        said = [f"{100 * point.frr.value:.1f} % missed at {found.fah:g}/h"]
        if point.relative_fdr is not None and math.isfinite(point.relative_fdr.value):
            said.append(f"relative FDR {100 * point.relative_fdr.value:+.1f} %")
        parts.append(f'<line class="c{index % _COLOURS}" x1="{left}" x2="{left + 22}" y1="{y - 4}" y2="{y - 4}" ')
        parts[-1] += 'stroke-width="3"/>'
        parts.append(
            f'<text class="name" x="{left + 30}" y="{y}">{escape(shortened(model.heard.listener.name, 24))}</text>'
        )
        for line, text in enumerate(said):
            parts.append(f'<text class="soft" x="{left + 30}" y="{y + 16 * (line + 1)}">{text}</text>')
    return parts
