# SPDX-License-Identifier: Apache-2.0
"""stack_bound: how deep the stack of a firmware can get, from what GCC says of each function.

`-fcallgraph-info=su` writes a graph beside every object file: nodes with the bytes of a frame, edges for calls. The
longest way from reset through it is the bound. Calls through pointers, recursion and frames of changing size have
none; functions of the C library come without a file and count as LIBRARY_BYTES each. No interrupt is enabled, so
nothing comes on top.
"""

import re
from dataclasses import dataclass
from pathlib import Path

# memcpy, memset and libgcc's arithmetic are leaves that save at most the eight callee-saved registers and their
# return address: 40 bytes with the alignment of the procedure call standard (Arm AAPCS32, 6.1.1 and 6.2.1.2).
LIBRARY_BYTES = 40

# start() in startup.c is entered by a jump from the reset handler, which has no frame. A fault is reported on a stack
# of its own making, from the top, and is no deeper than the self-test.
_ROOT = "start"

_NODE = re.compile(r'node: \{ title: "([^"]+)" label: "([^"]*)"')
_EDGE = re.compile(r'edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)"')
_FRAME = re.compile(r"(\d+) bytes \(static\)")


@dataclass(frozen=True)
class StackBound:
    """n_bytes: the deepest way. path: the functions on it, from the root down."""

    n_bytes: int
    path: tuple[str, ...]


def stack_bound(objects: Path) -> StackBound | None:
    """The bound of the firmware whose object files lie below `objects`; None where there is none."""
    frames: dict[str, int] = {}
    calls: dict[str, set[str]] = {}
    for file in sorted(objects.rglob("*.ci")):
        text = file.read_text(encoding="utf-8", errors="replace")
        for name, label in _NODE.findall(text):
            if "bytes (" in label:
                frame = _FRAME.search(label)
                if frame is None:
                    return None  # a frame whose size depends on what is computed
                frames[name] = int(frame[1])
        for caller, callee in _EDGE.findall(text):
            calls.setdefault(caller, set()).add(callee)
    return _deepest(_ROOT, frames, calls, {}, ()) if _ROOT in frames else None


def _deepest(
    name: str,
    frames: dict[str, int],
    calls: dict[str, set[str]],
    known: dict[str, StackBound | None],
    above: tuple[str, ...],
) -> StackBound | None:
    if name == "__indirect_call" or name in above:
        return None
    if name not in known:
        below = [_deepest(callee, frames, calls, known, (*above, name)) for callee in sorted(calls.get(name, ()))]
        bounds = [bound for bound in below if bound is not None]
        if len(bounds) < len(below):
            known[name] = None
        else:
            deepest = max(bounds, key=lambda bound: bound.n_bytes, default=StackBound(0, ()))
            known[name] = StackBound(frames.get(name, LIBRARY_BYTES) + deepest.n_bytes, (name, *deepest.path))
    return known[name]
