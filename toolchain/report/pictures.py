# SPDX-License-Identifier: Apache-2.0
"""SVG pictures of the size report: where flash and RAM go, and what each layer weighs.

Colours and type come from the document's style sheet by class (b0..b5, grid, tick, over), so that light and dark
share one drawing. The arena over time is drawn in arena_map.py.
"""

from dataclasses import dataclass
from html import escape

from toolchain.export.c import CLayer
from toolchain.graph.cost import CostRow
from toolchain.report.arena_map import shortened

_WIDTH = 920
_BAR = 30


@dataclass(frozen=True)
class Slice:
    """One part of a bar."""

    name: str
    n_bytes: int


@dataclass(frozen=True)
class Mark:
    """A limit drawn across a bar."""

    name: str
    n_bytes: int


def memory_bar(title: str, slices: tuple[Slice, ...], marks: tuple[Mark, ...]) -> str:
    """One stacked bar to the scale of its largest limit, or of its contents where they are over it."""
    used = sum(part.n_bytes for part in slices)
    full = max(used, *(mark.n_bytes for mark in marks), 1)
    # A small network on a large chip would be a hair: the scale then ends at twice what is used, and says so.
    end = full if used * 8 >= full else used * 2
    scale = (_WIDTH - 2) / end
    parts, x = [], 1.0
    for index, part in enumerate(slices):
        width = part.n_bytes * scale
        label = f"{part.name} {part.n_bytes:,}"
        text = (
            f'<text class="in" x="{x + width / 2:.1f}" y="45" text-anchor="middle">{escape(label)}</text>'
            if len(label) * 7 < width
            else ""
        )
        parts.append(
            f"<g><title>{escape(part.name)}: {part.n_bytes:,} B</title>"
            f'<rect class="b{index % 6}" x="{x:.1f}" y="26" width="{width:.1f}" height="{_BAR}"/>{text}</g>'
        )
        x += width
    legend = ", ".join(f"{mark.name} {mark.n_bytes:,} B ({used / mark.n_bytes:.1%} used)" for mark in marks)
    for mark in marks:
        if mark.n_bytes <= end:
            at = 1 + mark.n_bytes * scale
            over = " over" if used > mark.n_bytes else ""
            parts.append(f'<line class="limit{over}" x1="{at:.1f}" x2="{at:.1f}" y1="20" y2="{_BAR + 32}"/>')
    return (
        f'<svg class="bar" viewBox="0 0 {_WIDTH} 84" role="img" aria-label="{escape(title)}: {used} bytes used">'
        f'<text class="title" x="1" y="14">{escape(title)} {used:,} B</text>'
        f'<text class="tick" x="{_WIDTH - 1}" y="14" text-anchor="end">{escape(legend)}</text>'
        f'<rect class="empty" x="1" y="26" width="{_WIDTH - 2}" height="{_BAR}"/>'
        f"{''.join(parts)}{_legend(slices)}</svg>"
    )


def _legend(slices: tuple[Slice, ...]) -> str:
    """A coloured square and a name for each part, also for those too narrow for a label."""
    parts, x = [], 1
    for index, part in enumerate(slices):
        label = f"{part.name} {part.n_bytes:,}"
        parts.append(
            f'<rect class="b{index % 6}" x="{x}" y="68" width="10" height="10" rx="2"/>'
            f'<text class="tick" x="{x + 16}" y="77">{escape(label)}</text>'
        )
        x += 16 + 7 * len(label) + 18
    return "".join(parts)


_NAMES, _PANEL, _ROW = 190, 235, 22


def layer_bars(rows: tuple[CostRow, ...], code: tuple[CLayer, ...]) -> str:
    """Three panels of horizontal bars, one row a layer: MACs, bytes of constants, bytes of activations."""
    height = 26 + len(rows) * _ROW
    parts = [
        f'<svg class="layers" viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="MACs, constants and activations '
        f'of each layer">'
    ]
    for index, row in enumerate(rows):
        y = 26 + index * _ROW
        name = escape(shortened(row.name, 26))
        parts.append(f'<text class="tick" x="{_NAMES - 10}" y="{y + 14}" text-anchor="end">{name}</text>')
    macs = [row.macs for row in rows]
    constants = [layer.constant_bytes for layer in code]
    activations = [row.activation_bytes for row in rows]
    parts += _panel(0, f"MACs, {sum(macs):,} in all", macs)
    parts += _panel(1, f"constants, {sum(constants):,} B in all", constants)
    parts += _panel(2, f"in + out, {max(activations, default=0):,} B most", activations)
    return "\n".join([*parts, "</svg>"])


def _panel(index: int, title: str, values: list[int]) -> list[str]:
    left = _NAMES + index * (_PANEL + 10)
    largest = max(values, default=0) or 1
    parts = [f'<text class="title" x="{left}" y="14">{title}</text>']
    for row, value in enumerate(values):
        if value:
            y = 26 + row * _ROW
            width = max(value / largest * (_PANEL - 70), 1)
            parts.append(
                f'<rect class="b{index}" x="{left}" y="{y + 3}" width="{width:.1f}" height="{_ROW - 6}" rx="2"/>'
                f'<text class="tick" x="{left + width + 6:.1f}" y="{y + 15}">{value:,}</text>'
            )
    return parts
