# SPDX-License-Identifier: Apache-2.0
"""The benchmark as one SVG picture: pairs of bars, ours and TFLite Micro's, for time, flash and RAM.

Each pair has a scale of its own, on which TFLite Micro is 100 %: a Cortex-M0+ takes twenty times the instructions of a
Cortex-M55, and one scale for both would hide one of them. The numbers stand beside the bars.

     M4   ██████████ 4.10 M                 52 %
          ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒ 7.84 M

Colours follow the reader's light or dark scheme, also where the picture is shown by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from toolchain.bench.peers import Metric, Peers
from toolchain.bench.result import Bench
from toolchain.report.bench_tables import CORE_TITLES, MEMORY_CORE, SMALLEST, STUDY, core_title

_WIDTH, _COLUMN = 920, 460
_LABEL, _BAR, _SHARE, _ROW, _HEAD = 62, 210, 400, 44, 58

_STYLE = """
  svg { color-scheme: light dark; }
  text { font: 13px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; font-variant-numeric: tabular-nums; }
  .paper { fill: #ffffff; } .rule { stroke: #d9dfe7; }
  .title { fill: #1c2430; font-weight: 600; font-size: 15px; } .sub { fill: #5d6b7c; font-size: 12px; }
  .name, .share { fill: #1c2430; font-weight: 600; } .share { font-size: 15px; } .over { fill: #b3261e; }
  .ours { fill: #1f7a5c; } .theirs { fill: #b9c2cd; } .value { fill: #5d6b7c; font-size: 12px; }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #12171e; } .rule { stroke: #2e3947; }
    .title, .name, .share { fill: #e4e9f0; } .sub, .value { fill: #98a5b5; }
    .over { fill: #ff8f87; } .ours { fill: #4fc79b; } .theirs { fill: #4a5665; }
  }
"""


@dataclass(frozen=True)
class _Pair:
    """One row of bars. unit: behind both numbers."""

    name: str
    ours: float
    theirs: float
    unit: str

    def text(self, value: float) -> str:
        return f"{value / 1e6:.2f} M" if self.unit == "M" else f"{value / 1e3:.1f} kB"


@dataclass(frozen=True)
class _Panel:
    title: str
    sub: str
    pairs: tuple[_Pair, ...]

    @property
    def height(self) -> int:
        return _HEAD + _ROW * len(self.pairs)


def bench_svg(bench: Bench, peers: Peers) -> str:
    """The picture. Only what both have measured is drawn; without a named network there is nothing but its heading."""
    named = [name for name in bench.networks if peers.value(name, STUDY, MEMORY_CORE, Metric.INSTRUCTIONS) is not None]
    left = [panel for name in named if (panel := _speed_panel(bench, peers, name)).pairs]
    right = [panel for name in named if (panel := _memory_panel(bench, peers, name)).pairs]
    rows = [max(panels, key=lambda panel: panel.height).height for panels in zip(left, right, strict=False)]
    height = 70 + sum(rows) + _ROW
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="Subbyte and TFLite Micro with CMSIS-NN: instructions, flash and RAM">',
        f"<style>{_STYLE}</style>",
        f'<rect class="paper" width="{_WIDTH}" height="{height}" rx="10"/>',
        _legend(),
    ]
    y = 70
    for index, row in enumerate(rows):
        parts += _drawn(left[index], 30, y)
        parts += _drawn(right[index], 30 + _COLUMN, y)
        y += row
    parts.append(
        f'<text class="sub" x="30" y="{height - 18}">Each pair has its own scale. Instructions counted in QEMU; sizes '
        f"as linked; RAM is arena, static variables and the stack used, where known.</text>"
    )
    return "\n".join([*parts, "</svg>"]) + "\n"


def _legend() -> str:
    return (
        '<rect class="ours" x="30" y="24" width="14" height="14" rx="3"/>'
        '<text class="name" x="52" y="36">Subbyte</text>'
        '<rect class="theirs" x="130" y="24" width="14" height="14" rx="3"/>'
        '<text class="name" x="152" y="36">TFLite Micro + CMSIS-NN</text>'
        f'<text class="sub" x="{_WIDTH - 30}" y="36" text-anchor="end">less is better</text>'
    )


def _speed_panel(bench: Bench, peers: Peers, network: str) -> _Panel:
    pairs, title = [], network
    for core in CORE_TITLES:
        result = bench.find(network, core)
        theirs = peers.value(network, STUDY, core, Metric.INSTRUCTIONS)
        if result is not None:
            title = result.title
            if theirs is not None:
                pairs.append(_Pair(core_title(core), result.instructions, theirs, "M"))
    return _Panel(title, "instructions of one inference", tuple(pairs))


def _memory_panel(bench: Bench, peers: Peers, network: str) -> _Panel:
    """Flash against the peer's smallest build, RAM with what the study knows of the peer's, cycles by one table."""
    result = bench.find(network, MEMORY_CORE)
    runtime = peers.value(network, SMALLEST, MEMORY_CORE, Metric.RUNTIME_FLASH)
    model = peers.value(network, STUDY, MEMORY_CORE, Metric.MODEL_FILE)
    pairs = []
    if result is not None and runtime is not None and model is not None:
        pairs.append(_Pair("flash", result.engine_flash, runtime + model, "kB"))
    ram = [peers.value(network, STUDY, MEMORY_CORE, metric) for metric in (Metric.ARENA, Metric.STATIC, Metric.STACK)]
    if result is not None and ram[0] is not None:
        # The study gives the peer's stack for one network; where it does not, ours is left out too.
        ours = result.ram if ram[2] is not None else result.ram - result.stack
        pairs.append(_Pair("RAM", ours, sum(part for part in ram if part is not None), "kB"))
    cycles = peers.value(network, STUDY, MEMORY_CORE, Metric.CYCLES)
    if result is not None and cycles is not None:
        pairs.append(_Pair("cycles", result.cycles, cycles, "M"))
    return _Panel("", f"on the {core_title(MEMORY_CORE)}: flash (TFLM -Os), RAM, estimated cycles", tuple(pairs))


def _drawn(panel: _Panel, x: int, y: int) -> list[str]:
    parts = [
        f'<line class="rule" x1="{x}" x2="{x + _SHARE}" y1="{y - 8}" y2="{y - 8}"/>',
        f'<text class="title" x="{x}" y="{y + 14}">{escape(panel.title)}</text>',
        f'<text class="sub" x="{x}" y="{y + 34}">{escape(panel.sub)}</text>',
    ]
    for index, pair in enumerate(panel.pairs):
        parts += _bars(pair, x, y + _HEAD - 8 + index * _ROW, max(pair.ours, pair.theirs))
    return parts


def _bars(pair: _Pair, x: int, y: int, full: float) -> list[str]:
    left = x + _LABEL
    parts = [f'<text class="name" x="{x}" y="{y + 19}">{escape(pair.name)}</text>']
    values: Sequence[tuple[str, float]] = (("ours", pair.ours), ("theirs", pair.theirs))
    for index, (kind, value) in enumerate(values):
        width = max(value / full * _BAR, 2)
        top = y + index * 15
        parts.append(
            f'<rect class="{kind}" x="{left}" y="{top}" width="{width:.1f}" height="12" rx="2">'
            f"<title>{escape(pair.name)}: {value:,.0f}</title></rect>"
            f'<text class="value" x="{left + width + 7:.1f}" y="{top + 10}">{pair.text(value)}</text>'
        )
    worse = " over" if pair.ours > pair.theirs else ""
    share = f"{pair.ours / pair.theirs:.0%}"
    parts.append(f'<text class="share{worse}" x="{x + _SHARE}" y="{y + 18}" text-anchor="end">{share}</text>')
    return parts
