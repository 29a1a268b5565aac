# SPDX-License-Identifier: Apache-2.0
"""Where the cycles of a run went, as one SVG file: layers, below each its functions, below each kinds of instruction.

    +-------------------------- the run ---------------------------+     width: estimated cycles
    +------ conv2d_0 ------+---- depthwise_1 ----+-- conv2d_2 ... --+     below: what it consists of
    +--- sb_conv2d_s8 -----+
    | load | mul | copy... |       a function's own kinds first, then the functions that it calls

The file needs nothing else and follows the viewer's light or dark scheme; each box says its figures when pointed at.
"""

from dataclasses import dataclass
from html import escape

from toolchain.device.profile import Call, ElfProfile, Kind, Profile, Tally
from toolchain.report.arena_map import shortened
from toolchain.report.profile_table import elf_headline, headline, kinds_by_cycles

_WIDTH, _MARGIN, _TOP, _ROW = 1280, 20, 84, 30
_CHARACTER = 7.2  # width of one at 12 px
_NARROWEST = 0.5  # what is narrower than this many pixels is left out

# Kinds that are seen as one share a colour.
_GROUPS = {
    "load": (Kind.LOAD, Kind.LOAD_MULTIPLE, Kind.VECTOR_LOAD),
    "store": (Kind.STORE, Kind.STORE_MULTIPLE, Kind.VECTOR_STORE),
    "multiply": (Kind.MULTIPLY, Kind.VECTOR_MAC),
    "widen": (Kind.WIDEN,),
    "shift, saturate": (Kind.SHIFT,),
    "arithmetic": (Kind.ARITHMETIC, Kind.VECTOR_OTHER, Kind.FLOAT),
    "compare": (Kind.COMPARE,),
    "branch": (Kind.BRANCH_TAKEN, Kind.BRANCH_NOT_TAKEN),
    "divide, other": (Kind.DIVIDE, Kind.OTHER),
}
_STYLE = """
:root { color-scheme: light dark; }
svg { background: #ffffff; }
text { font: 12px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: #17202b; }
text { font-variant-numeric: tabular-nums; }
.head { font-size: 19px; font-weight: 600; }
.soft { fill: #5d6b7c; }
rect { stroke: #ffffff; stroke-width: 1; }
.run { fill: #c9d3df; } .layer { fill: #dbe4ee; } .function { fill: #eaeff5; }
.k0 { fill: #7fb2e5; } .k1 { fill: #6fc3c9; } .k2 { fill: #8fcba4; } .k3 { fill: #f2b36b; } .k4 { fill: #ecd76c; }
.k5 { fill: #b9a6e0; } .k6 { fill: #e5a7c6; } .k7 { fill: #e79a9a; } .k8 { fill: #b3bcc8; }
g:hover > rect { stroke: #17202b; }
@media (prefers-color-scheme: dark) {
  svg { background: #12171e; }
  text { fill: #e4e9f0; } .soft { fill: #98a5b5; } rect { stroke: #12171e; }
  .run { fill: #3a4757; } .layer { fill: #2e3947; } .function { fill: #232c38; }
  .k0 { fill: #3f78b3; } .k1 { fill: #2f8288; } .k2 { fill: #3f8a5c; } .k3 { fill: #a96d26; } .k4 { fill: #8d7c21; }
  .k5 { fill: #7259ab; } .k6 { fill: #9c527a; } .k7 { fill: #a84d4d; } .k8 { fill: #59667a; }
  g:hover > rect { stroke: #ffffff; }
}
"""


@dataclass(frozen=True)
class Box:
    """One rectangle and those below it. style: a class of the style sheet. tally: its own and its parts'."""

    name: str
    style: str
    tally: Tally
    parts: tuple["Box", ...] = ()

    @property
    def is_kind(self) -> bool:
        """Whether it stands for a kind of instruction."""
        return self.style.startswith("k")

    @property
    def depth(self) -> int:
        """Rows that it takes with its parts."""
        return 1 + max((part.depth for part in self.parts), default=0)


def profile_svg(profile: Profile) -> str:
    """The picture of one inference."""
    layers = tuple(
        Box(layer.name, "layer", layer.tally, _parts(_rest(layer.tally, layer.calls), layer.calls))
        for layer in profile.layers
        if layer.tally.instructions
    )
    per_mac = f", {profile.total.cycles / profile.macs:.2f} a MAC" if profile.macs else ""
    return _svg(headline(profile), per_mac, Box(profile.model, "run", profile.total, layers))


def elf_svg(profile: ElfProfile) -> str:
    """The picture of what ran between two symbols."""
    return _svg(elf_headline(profile), "", _box(profile.run))


def _box(call: Call) -> Box:
    return Box(call.function, "function", call.total, _parts(call.own, call.calls))


def _parts(own: Tally, calls: tuple[Call, ...]) -> tuple[Box, ...]:
    kinds = (
        Box(kind.value, f"k{_group(kind)}", Tally({kind: count}, {kind: cycles}))
        for kind, count, cycles in kinds_by_cycles(own)
    )
    return (*kinds, *(_box(call) for call in calls))


def _rest(total: Tally, calls: tuple[Call, ...]) -> Tally:
    """What a layer did outside its calls: it set up their arguments."""
    kinds, cycles = dict(total.kinds), dict(total.kind_cycles)
    for call in calls:
        for kind, count in call.total.kinds.items():
            kinds[kind] -= count
            cycles[kind] -= call.total.kind_cycles[kind]
    left = [kind for kind, count in kinds.items() if count]
    return Tally({kind: kinds[kind] for kind in left}, {kind: cycles[kind] for kind in left})


def _group(kind: Kind) -> int:
    return next(index for index, kinds in enumerate(_GROUPS.values()) if kind in kinds)


def _svg(title: str, per_mac: str, root: Box) -> str:
    total = root.tally
    height = _TOP + root.depth * _ROW + 60
    said = f"{total.cycles:,} cycles (estimated{per_mac}), {total.instructions:,} instructions (counted)"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        f'role="img" aria-label="{escape(title)}: {said}">',
        f"<style>{_STYLE}</style>",
        f'<text class="head" x="{_MARGIN}" y="34">{escape(title)}</text>',
        f'<text class="soft" x="{_MARGIN}" y="58">{said}; the width of a box is its cycles</text>',
        *_drawn(root, _MARGIN, _TOP, (_WIDTH - 2 * _MARGIN) / max(total.cycles, 1), total),
        *_legend(total, height - 24),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _drawn(box: Box, x: float, y: float, scale: float, total: Tally) -> list[str]:
    width = box.tally.cycles * scale
    if width < _NARROWEST:
        return []
    share = 100 * box.tally.cycles / max(total.cycles, 1)
    said = f"{box.name}: {box.tally.cycles:,} cycles ({share:.1f} %), {box.tally.instructions:,} instructions"
    drawn = [f'<g><title>{escape(said)}</title><rect class="{box.style}" x="{x:.2f}" y="{y}" width="{width:.2f}" ']
    drawn[0] += f'height="{_ROW - 2}" rx="3"/>{_label(box, x, y, width)}</g>'
    for part in box.parts:
        drawn += _drawn(part, x, y + _ROW, scale, total)
        x += part.tally.cycles * scale
    return drawn


def _label(box: Box, x: float, y: float, width: float) -> str:
    """As much of name and cycles as there is room for."""
    room = int((width - 8) / _CHARACTER)
    name = box.name.removeprefix("sb_")
    figures = f"{name} {box.tally.cycles:,}"
    shorter = name if len(name) <= room else shortened(name, room) if room >= 6 and not box.is_kind else ""
    text = figures if len(figures) <= room else shorter
    return f'<text x="{x + 5:.2f}" y="{y + 18}">{escape(text)}</text>' if text else ""


def _legend(total: Tally, y: int) -> list[str]:
    parts, x = [], float(_MARGIN)
    for index, (name, kinds) in enumerate(_GROUPS.items()):
        cycles = sum(total.kind_cycles.get(kind, 0) for kind in kinds)
        if cycles:
            label = f"{name} {100 * cycles / total.cycles:.1f} %"
            parts.append(f'<rect class="k{index}" x="{x:.1f}" y="{y - 11}" width="13" height="13" rx="3"/>')
            parts.append(f'<text class="soft" x="{x + 19:.1f}" y="{y}">{escape(label)}</text>')
            x += 19 + _CHARACTER * len(label) + 20
    return parts
