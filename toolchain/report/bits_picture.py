# SPDX-License-Identifier: Apache-2.0
"""The scan as one SVG picture: a row a layer, a column a width, and the colder the field the less that layer loses.

                 1      2      3      4  ...
    stem       ▓▓▓▓▓  ▒▒▒▒▒  ░░░░░         1.21  0.31  0.04  0.00
    block1     ▒▒▒▒▒  ░░░░░

Colour is the logarithm of the loss increase: what matters lies between a thousandth and a whole nat. Colours follow
the reader's light or dark scheme; the numbers stand in the fields.
"""

import math
from html import escape

from toolchain.bits.trials import Trial
from toolchain.report.arena_map import shortened
from toolchain.report.bits_tables import Scan, alone, short

_NAMES, _WEIGHTS, _FIELD, _ROW, _HEAD = 200, 80, 74, 26, 86

# Loss increases, in nats, that are drawn as nothing and as the deepest colour.
_LEAST, _MOST = 1e-3, 1.0

_STYLE = """
  svg { color-scheme: light dark; }
  text { font: 13px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; font-variant-numeric: tabular-nums; }
  .paper { fill: #ffffff; } .title { fill: #1c2430; font-weight: 600; font-size: 15px; }
  .sub { fill: #5d6b7c; font-size: 12px; } .name, .value { fill: #1c2430; } .value { font-size: 12px; }
  .field { fill: #d9480f; } .empty { fill: #eef1f5; }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #12171e; } .title, .name, .value { fill: #e4e9f0; } .sub { fill: #98a5b5; }
    .field { fill: #e8590c; } .empty { fill: #1c2430; }
  }
"""


def scan_picture(scan: Scan) -> str:
    """The picture."""
    width = _NAMES + _WEIGHTS + _FIELD * len(scan.specs) + 50
    height = _HEAD + _ROW * len(scan.weights) + 50
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{escape(scan.model)}: loss increase of each layer at each width">',
        f"<style>{_STYLE}</style>",
        f'<rect class="paper" width="{width}" height="{height}" rx="10"/>',
        f'<text class="title" x="24" y="32">{escape(scan.model)}: what each layer alone loses</text>',
        f'<text class="sub" x="24" y="52">rise of the mean cross-entropy in nats over {scan.loss:.4f}, '
        f"{scan.clips:,} validation clips</text>",
        f'<text class="sub" x="24" y="{height - 18}">columns: bits; {escape(alone(scan))}</text>',
        f'<text class="sub" x="{_NAMES + _WEIGHTS - 12}" y="{_HEAD - 10}" text-anchor="end">weights</text>',
    ]
    for column, spec in enumerate(scan.specs):
        x = _NAMES + _WEIGHTS + _FIELD * column + _FIELD / 2
        parts.append(f'<text class="name" x="{x:.0f}" y="{_HEAD - 10}" text-anchor="middle">{short(spec)}</text>')
    for row, (name, count) in enumerate(scan.weights.items()):
        parts += _row(name, count, [scan.trials[name][spec] for spec in scan.specs], _HEAD + _ROW * row)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _row(name: str, count: int, trials: list[Trial], y: int) -> list[str]:
    shown = escape(shortened(name, 24))
    parts = [
        f'<text class="name" x="{_NAMES - 12}" y="{y + 17}" text-anchor="end">{shown}</text>',
        f'<text class="sub" x="{_NAMES + _WEIGHTS - 12}" y="{y + 17}" text-anchor="end">{count:,}</text>',
    ]
    for column, trial in enumerate(trials):
        x = _NAMES + _WEIGHTS + _FIELD * column
        box = f'x="{x + 1}" y="{y + 1}" width="{_FIELD - 2}" height="{_ROW - 2}" rx="3"'
        spread = f"{trial.loss_increase:+.5f} ± {trial.standard_error:.5f}"
        parts.append(
            f"<g><title>{shown}: {spread}</title>"
            f'<rect class="empty" {box}/><rect class="field" {box} fill-opacity="{depth(trial.loss_increase):.2f}"/>'
            f'<text class="value" x="{x + _FIELD / 2:.0f}" y="{y + 17}" text-anchor="middle">'
            f"{trial.loss_increase:.3f}</text></g>"
        )
    return parts


def depth(loss_increase: float) -> float:
    """How deep its colour is, 0..1.

    >>> depth(-0.1), depth(0.001), round(depth(0.0316), 2), depth(3.0)
    (0.0, 0.0, 0.5, 1.0)
    """
    if loss_increase <= _LEAST:
        return 0.0
    return min(1.0, math.log(loss_increase / _LEAST) / math.log(_MOST / _LEAST))
