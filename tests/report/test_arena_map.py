# SPDX-License-Identifier: Apache-2.0
"""The arena over time: each letter stands where its bytes are, at the layers during which they live."""

from xml.etree import ElementTree

from tests.graphs import GraphBuilder
from toolchain.core import known_core
from toolchain.export.c import c_sources
from toolchain.report.arena_map import (
    MOST_STEPS,
    ArenaMap,
    Block,
    arena_map,
    arena_svg,
    arena_table,
    arena_text,
    shown_steps,
)
from toolchain.report.table import to_text

ARENA = ArenaMap(
    160,
    ("first", "second", "third"),
    (
        Block("in", "in", 0, 40, 0, 0),
        Block("a", "a", 80, 80, 0, 1),
        Block("b", "b", 0, 80, 1, 2),
        Block("out", "out", 80, 20, 2, 2),
    ),
)


def test_letters_stand_at_their_addresses_and_layers() -> None:
    lines = arena_text(ARENA).splitlines()
    assert lines[0].split() == ["byte", "1", "2", "3"]
    rows = {int(line.split()[0]): line.split()[1:] for line in lines[1:]}
    assert list(rows) == list(range(150, -1, -10))
    assert rows[150] == ["b", "b", "·"]
    assert rows[90] == rows[80] == ["b", "b", "d"]
    assert rows[70] == rows[40] == ["·", "c", "c"]
    assert rows[30] == rows[0] == ["a", "c", "c"]


def test_table_says_place_and_lifetime_counted_from_one() -> None:
    assert "b  a             80    80   160  1–2" in to_text(arena_table(ARENA))


def test_bytes_in_use_count_shared_bytes_once() -> None:
    shared = ArenaMap(10, ("x",), (Block("a", "a", 0, 8, 0, 0), Block("b", "b", 4, 6, 0, 0)))
    assert shared.in_use(0) == 10
    assert [ARENA.in_use(step) for step in range(3)] == [120, 160, 100]


def test_what_is_written_in_place_shows_as_the_newer_and_names_the_older() -> None:
    arena = ArenaMap(16, ("x", "y"), (Block("a", "a", 0, 16, 0, 1), Block("b", "b", 0, 16, 1, 1, in_place_of="a")))
    assert all(line.split()[1:] == ["a", "b"] for line in arena_text(arena).splitlines()[1:])
    assert [row.cells[-1] for row in arena_table(arena).rows] == ["", "a"]


def test_svg_is_well_formed_and_draws_every_block() -> None:
    root = ElementTree.fromstring(arena_svg(ARENA))
    titles = [element.text for element in root.iter("title")]
    assert titles[1] == "b a: 80 B at 80, layers 1–2"
    assert len(titles) == 4
    rects = [element for element in root.iter("rect") if element.get("class", "").startswith("b")]
    tops = [float(rect.get("y", "")) for rect in rects]
    assert tops[1] < tops[2] and tops[1] < tops[0]


def test_a_plan_is_drawn_with_its_scratch_and_in_place_layers() -> None:
    net = GraphBuilder("net", (1, 8, 6, 4), seed=1).conv2d(8, (3, 3)).depthwise_conv2d((3, 3)).conv2d(4)
    graph = net.mean().fully_connected(3).graph()
    plan = c_sources(graph, known_core("cortex-m4")).plan
    arena = arena_map(graph, plan)
    assert arena.n_bytes == plan.arena_bytes
    assert [block.name for block in arena.blocks[:2]] == ["input", "conv2d_0"]
    assert "scratch of conv2d_0" in [block.name for block in arena.blocks]
    assert max(arena.in_use(step) for step in range(len(arena.steps))) <= plan.arena_bytes
    assert any(row.cells[-1] for row in arena_table(arena).rows), "nothing works in place"


def test_an_empty_arena_and_a_long_network_are_drawn() -> None:
    assert arena_text(ArenaMap(0, (), ())) == "the arena is empty\n"
    ElementTree.fromstring(arena_svg(ArenaMap(0, (), ())))
    names = tuple(f"layer<{i}>" for i in range(120))
    long = ArenaMap(7, names, tuple(Block(f"t{i}&", f"t{i}&", i % 7, 1, i, i) for i in range(120)))
    assert len(arena_text(long).splitlines()) == 1 + 7
    ElementTree.fromstring(arena_svg(long))


def test_of_hundreds_of_steps_the_fullest_are_shown_and_the_largest_blocks() -> None:
    blocks = tuple(Block(f"b{i}", f"t{i}", 0, 200 - i % 100, i, i) for i in range(500))
    arena = ArenaMap(200, tuple(f"step{i}" for i in range(500)), blocks)
    shown = shown_steps(arena)
    assert len(shown) == MOST_STEPS and set(range(0, 500, 100)) <= set(shown) and shown == sorted(shown)
    assert len(arena_text(arena).splitlines()[0].split()) == 1 + MOST_STEPS
    table = arena_table(arena)
    assert len(table.rows) == 80 and table.notes == ("420 smaller ones are left out.",)
    ElementTree.fromstring(arena_svg(arena))
    assert shown_steps(ARENA) == list(range(len(ARENA.steps))) and arena_table(ARENA).notes == ()
