# SPDX-License-Identifier: Apache-2.0
"""The stack's bound: the longest way through what GCC says of each function, and none where it cannot know."""

from pathlib import Path

from toolchain.device.stack import LIBRARY_BYTES, StackBound, stack_bound


def graph(folder: Path, frames: dict[str, str], calls: list[tuple[str, str]]) -> StackBound | None:
    nodes = [f'node: {{ title: "{name}" label: "{name}\\nx.c:1:2\\n{frame}" }}' for name, frame in frames.items()]
    edges = [f'edge: {{ sourcename: "{a}" targetname: "{b}" label: "x.c:3:4" }}' for a, b in calls]
    (folder / "x.ci").write_text("\n".join(['graph: { title: "x.c"', *nodes, *edges, "}"]))
    return stack_bound(folder)


def test_the_deepest_way_counts(tmp_path: Path) -> None:
    frames = {
        "start": "8 bytes (static)",
        "main": "16 bytes (static)",
        "a": "100 bytes (static)",
        "b": "40 bytes (static)",
    }
    calls = [("start", "main"), ("main", "a"), ("main", "b"), ("b", "a")]
    assert graph(tmp_path, frames, calls) == StackBound(164, ("start", "main", "b", "a"))


def test_library_functions_count_as_one_frame_each(tmp_path: Path) -> None:
    bound = graph(tmp_path, {"start": "8 bytes (static)"}, [("start", "memcpy")])
    assert bound == StackBound(8 + LIBRARY_BYTES, ("start", "memcpy"))


def test_what_cannot_be_known_has_no_bound(tmp_path: Path) -> None:
    static = {"start": "8 bytes (static)", "f": "8 bytes (static)"}
    assert graph(tmp_path, static, [("start", "f"), ("f", "f")]) is None  # recursion
    assert graph(tmp_path, static, [("start", "f"), ("f", "start")]) is None
    assert graph(tmp_path, static, [("start", "__indirect_call")]) is None
    assert graph(tmp_path, {**static, "f": "8 bytes (dynamic)"}, [("start", "f")]) is None
    assert graph(tmp_path, {"f": "8 bytes (static)"}, []) is None  # no start
