# SPDX-License-Identifier: Apache-2.0
"""The arena over time: which bytes hold which tensor while which layer runs, as text and as SVG.

bytes    1  2  3  4
8,000    .  c  c  .        one column a layer, one row a slice of addresses;
4,000    b  b  .  d        a letter is a tensor, a dot is free
    0    a  .  d  d
"""

import re
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from string import ascii_letters

from toolchain.graph.graph import Graph
from toolchain.graph.ops import JoinRows, Reshape, TakeRows
from toolchain.graph.plan import Plan
from toolchain.report.table import Column, Row, Table

SLICES = 16
FREE = "·"
# Columns and rows that a page takes. Bands of rows make hundreds of steps: of neighbours the fullest is shown.
MOST_STEPS, MOST_BLOCKS = 60, 80

_MAP_WIDTH, _MAP_HEIGHT = 820, 300
_STEP_MIN, _STEP_MAX = 26, 96
_SCRATCH = 5  # colour class of scratch; tensors take turns with those below
# As in report.html.j2, for a picture that stands alone.
_STYLE = """
.paper { fill: #ffffff } .peak { fill: #f4f6f9 } .grid { stroke: #d9dfe7 }
text { font: 12px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: #5d6b7c }
.title { font-weight: 600; font-size: 14px; fill: #1c2430 } .in { fill: #17202b }
.now { font-weight: 600; fill: #1c2430 }
.b0 { fill: #7fb2e5 } .b1 { fill: #f2b36b } .b2 { fill: #8fcba4 } .b3 { fill: #c9a6e0 } .b4 { fill: #e79a9a }
.b5 { fill: #a9b4c2 } .over { stroke: #1c2430; stroke-width: 1.6 }
.view { stroke: #1c2430; stroke-dasharray: 4 3 } .bound { stroke: #b3261e; stroke-width: 1.5; stroke-dasharray: 8 4 }
"""

_LEFT, _RIGHT, _TOP, _BOTTOM = 88, 12, 10, 124


@dataclass(frozen=True)
class Block:
    """Bytes offset .. offset + n_bytes of the arena, taken from step `first` to step `last`, both included.

    name: layer that writes it, or name of an input. tensor: name of the Graph's tensor, "" for scratch.
    in_place_of: the tensor on whose bytes this one lies, "" where it has its own. is_view: whether nobody writes it:
    those bytes are there already.
    """

    name: str
    tensor: str
    offset: int
    n_bytes: int
    first: int
    last: int
    in_place_of: str = ""
    is_view: bool = False


@dataclass(frozen=True)
class ArenaMap:
    """n_bytes: size of the arena. steps: names of the layers in the order in which they run.

    least_bytes: no plan needs less, 0 where that is unknown.
    """

    n_bytes: int
    steps: tuple[str, ...]
    blocks: tuple[Block, ...]
    least_bytes: int = 0

    def in_use(self, step: int) -> int:
        """Bytes that hold something while that step runs; a byte that two tensors share counts once."""
        covered = sorted((b.offset, b.offset + b.n_bytes) for b in self.blocks if b.first <= step <= b.last)
        total = end = 0
        for low, high in covered:
            total += max(high - max(low, end), 0)
            end = max(end, high)
        return total


def arena_map(graph: Graph, plan: Plan) -> ArenaMap:
    """The map of a Plan. Inputs are drawn from the first layer on, outputs up to the last one."""
    end = len(graph.operators) - 1
    writers = {name: op.name for op in graph.operators for name in op.writes}
    views = {op.writes[0] for op in graph.operators if isinstance(op, Reshape | TakeRows | JoinRows)}
    blocks = [
        Block(
            name=writers.get(a.tensor, a.tensor),
            tensor=a.tensor,
            offset=a.offset,
            n_bytes=a.n_bytes,
            first=min(max(a.first, 0), end),
            last=min(a.last, end),
            in_place_of=a.takes_over[0] if a.takes_over else "",
            is_view=bool(a.takes_over) and a.tensor in views,
        )
        for a in plan.allocations
    ]
    blocks += [Block(f"scratch of {s.operator}", "", s.offset, s.n_bytes, s.step, s.step) for s in plan.scratch]
    blocks.sort(key=lambda block: block.first)
    return ArenaMap(plan.arena_bytes, plan.order, tuple(blocks), plan.lower_bound_bytes)


def letter(index: int) -> str:
    """The letter of block `index`; after 52 blocks they begin again.

    >>> letter(0), letter(27), letter(52)
    ('a', 'B', 'a')
    """
    return ascii_letters[index % len(ascii_letters)]


def arena_table(arena: ArenaMap) -> Table:
    """One row a block: letter, tensor, bytes, place, and the layers during which it lives."""
    letters = {block.tensor: letter(index) for index, block in enumerate(arena.blocks) if block.tensor}
    smallest = sorted((block.n_bytes for block in arena.blocks), reverse=True)[:MOST_BLOCKS]
    left_out = sum(block.n_bytes < smallest[-1] for block in arena.blocks) if smallest else 0
    rows = tuple(
        Row(
            (
                letter(index),
                shortened(b.name),
                b.n_bytes,
                b.offset,
                b.offset + b.n_bytes,
                _lifetime(arena, b),
                letters[b.in_place_of] if b.in_place_of else "",
            )
        )
        for index, b in enumerate(arena.blocks)
        if b.n_bytes >= smallest[-1]
    )
    columns = (
        Column("", text=True),
        Column("written by", text=True),
        Column("size", "B"),
        Column("from", "byte"),
        Column("to", "byte"),
        Column("layers", text=True),
        Column("in place of", text=True),
    )
    notes = (f"{left_out} smaller ones are left out.",) if left_out else ()
    return Table("", columns, rows, notes)


def _lifetime(arena: ArenaMap, block: Block) -> str:
    first, last = block.first + 1, min(block.last + 1, len(arena.steps))
    return str(first) if first == last else f"{first}–{last}"


def shown_steps(arena: ArenaMap) -> list[int]:
    """All steps; of more than a page takes, the fullest of each so many."""
    count = len(arena.steps)
    columns = min(count, MOST_STEPS)
    edges = [count * column // columns for column in range(columns + 1)] if columns else [0]
    return [max(range(low, high), key=arena.in_use) for low, high in pairwise(edges)]


def arena_text(arena: ArenaMap) -> str:
    """The map as text, highest address first, ending in a newline."""
    if not arena.n_bytes:
        return "the arena is empty\n"
    slices = min(SLICES, arena.n_bytes)
    edges = [arena.n_bytes * i // slices for i in range(slices + 1)]
    label = max(len(f"{arena.n_bytes:,}"), len("byte"))
    cell = max(2, len(str(len(arena.steps)))) + 1
    steps = shown_steps(arena)
    lines = [f"{'byte'.rjust(label)}  " + "".join(str(step + 1).rjust(cell) for step in steps)]
    for low, high in zip(reversed(edges[:-1]), reversed(edges[1:]), strict=True):
        cells = (_occupant(arena, step, low, high).rjust(cell) for step in steps)
        lines.append(f"{low:,}".rjust(label) + "  " + "".join(cells))
    return "\n".join(lines) + "\n"


def _occupant(arena: ArenaMap, step: int, low: int, high: int) -> str:
    """Letter of the block that takes most of the slice during the step; of what is written in place, the newer."""
    best, most = FREE, 0
    for index, b in enumerate(arena.blocks):
        overlap = min(high, b.offset + b.n_bytes) - max(low, b.offset)
        if b.first <= step <= b.last and overlap > 0 and overlap >= most:
            best, most = letter(index), overlap
    return best


def arena_svg(arena: ArenaMap) -> str:
    """The map as one SVG element; colours and type come from the document's style sheet (classes b0..b5)."""
    steps = max(len(arena.steps), 1)
    step_width = min(max(_MAP_WIDTH // steps, _STEP_MIN * min(MOST_STEPS, steps) // steps, 3), _STEP_MAX)
    width, height = _LEFT + steps * step_width + _RIGHT, _TOP + _MAP_HEIGHT + _BOTTOM
    scale = _MAP_HEIGHT / max(arena.n_bytes, 1)
    floor = _TOP + _MAP_HEIGHT
    peak = max(range(len(arena.steps)), key=arena.in_use, default=0)
    parts = [
        f'<svg class="map" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        f'aria-label="Arena of {arena.n_bytes} bytes over {len(arena.steps)} layers">',
        f'<rect class="peak" x="{_LEFT + peak * step_width}" y="{_TOP}" width="{step_width}" height="{_MAP_HEIGHT}"/>',
    ]
    for tick in range(5):
        value = arena.n_bytes * tick // 4
        y = floor - value * scale
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{width - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="tick" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:,}</text>')
    for index in range(len(arena.blocks)):
        parts.append(_svg_block(arena, index, step_width))
    if 0 < arena.least_bytes <= arena.n_bytes:
        y = floor - arena.least_bytes * scale
        parts.append(
            f'<line class="bound" x1="{_LEFT}" x2="{width - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}">'
            f"<title>no plan needs less than {arena.least_bytes:,} B</title></line>"
        )
    for step in shown_steps(arena):
        name = arena.steps[step]
        x = _LEFT + (step + 0.5) * step_width
        mark = " now" if step == peak else ""
        parts.append(
            f'<text class="tick{mark}" transform="translate({x + 4:.1f},{floor + 14}) rotate(-50)" '
            f'text-anchor="end">{step + 1} {escape(shortened(name, 17))}</text>'
        )
    parts.append("</svg>")
    return "\n".join(parts)


def _svg_block(arena: ArenaMap, index: int, step_width: int) -> str:
    block = arena.blocks[index]
    scale = _MAP_HEIGHT / arena.n_bytes
    # What is overwritten in place is drawn up to the layer before: that one already shows the newer value.
    successor = next(
        (b for b in arena.blocks if block.tensor and b.in_place_of == block.tensor and _covers(b, block)), None
    )
    last = min(block.last, len(arena.steps) - 1, max(successor.first - 1, block.first) if successor else block.last)
    colour = _SCRATCH if not block.tensor else sum(1 for b in arena.blocks[:index] if b.tensor) % _SCRATCH
    style = " view" if block.is_view else " over" if block.in_place_of else ""
    x, w = _LEFT + block.first * step_width, (last - block.first + 1) * step_width
    h = block.n_bytes * scale
    y = _TOP + _MAP_HEIGHT - block.offset * scale - h
    title = f"{letter(index)} {block.name}: {block.n_bytes:,} B at {block.offset:,}, layers {_lifetime(arena, block)}"
    if block.in_place_of:
        title += f", {'the same bytes as' if block.is_view else 'in place of'} {block.in_place_of}"
    text = ""
    labels = (f"{letter(index)} {block.name} {block.n_bytes:,}", f"{letter(index)} {block.n_bytes:,}", letter(index))
    label = next((label for label in labels if len(label) * 7 < w - 4), None)
    if label is not None and h >= 13:
        place = f'x="{x + w / 2:.1f}" y="{y + h / 2 + 4:.1f}"'
        text = f'<text class="in" {place} text-anchor="middle">{escape(label)}</text>'
    return (
        f'<g><title>{escape(title)}</title><rect class="b{colour}{style}" x="{x + 1:.1f}" y="{y + 0.5:.1f}" '
        f'width="{w - 2:.1f}" height="{max(h - 1, 0.5):.1f}" rx="2"/>{text}</g>'
    )


def _covers(block: Block, other: Block) -> bool:
    return block.offset <= other.offset and other.offset + other.n_bytes <= block.offset + block.n_bytes


def arena_picture(arena: ArenaMap, title: str) -> str:
    """The map as an SVG file of its own, with its colours, a title and a legend."""
    inner = arena_svg(arena)
    size = re.search(r'width="(\d+)" height="(\d+)"', inner)
    assert size is not None  # as written above
    width, height = max(int(size[1]), 12 + 8 * len(title)), int(size[2])
    legend = "dashed: a view, nobody writes it; bold edge: written in place; grey: scratch; bold name: the peak"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height + 64}" width="{width}" '
        f'height="{height + 64}">\n<style>{_STYLE}</style>\n<rect class="paper" width="100%" height="100%"/>\n'
        f'<text class="title" x="12" y="24">{escape(title)}</text>\n<g transform="translate(0,36)">\n{inner}\n</g>\n'
        f'<text class="tick" x="12" y="{height + 52}">{escape(legend)}</text>\n</svg>\n'
    )


def shortened(name: str, length: int = 40) -> str:
    """`name` with its middle left out where it is longer than `length`: other tools' names can fill a page.

    >>> shortened("functional_1/activation/Relu", 15)
    'functio…on/Relu'
    """
    if len(name) <= length:
        return name
    half = (length - 1) // 2
    return f"{name[: length - 1 - half]}…{name[-half:]}"
