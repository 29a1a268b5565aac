# SPDX-License-Identifier: Apache-2.0
"""trace_run: run an ELF file in QEMU under the plugin, and read what it counted.

A Trace is plain facts: which blocks of instructions ran on behalf of which call, and where each led. Instructions,
functions and time are put to it by instructions.py, calls.py and timing.py.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from toolchain.device.process import Finished, run_tool
from toolchain.device.profile.plugin import plugin_library
from toolchain.errors import ToolError


@dataclass(frozen=True)
class Block:
    """Instructions that always run together. start: address of the first. code: their bytes."""

    start: int
    code: bytes

    @property
    def end(self) -> int:
        """Address behind the last instruction."""
        return self.start + len(self.code)


@dataclass(frozen=True)
class Context:
    """A way through the calls. parent: None for the outermost. return_address: where its caller goes on."""

    parent: int | None
    return_address: int


@dataclass(frozen=True)
class Edge:
    """`block` ran `count` times in `context` with `following` behind it; None where the counting ended within it."""

    context: int
    block: int
    following: int | None
    count: int


@dataclass(frozen=True)
class Trace:
    """Everything that ran from `start` on. Keys are the plugin's own numbers; context 0 is the outermost."""

    start: int
    blocks: Mapping[int, Block]
    contexts: Mapping[int, Context]
    edges: tuple[Edge, ...]


@dataclass(frozen=True)
class Span:
    """What is to be counted, and its names for messages. to: None for until `from_` returns.

    stop: end the emulator there, for firmware that never ends by itself.
    """

    from_: int
    from_name: str
    to: int | None = None
    to_name: str = ""
    stop: bool = False


_FILE = "counts.txt"


def trace_run(
    emulator: Sequence[str], elf: Path, span: Span, folder: Path, *, timeout_s: float
) -> tuple[Trace, Finished]:
    """Run `elf` by the command line `emulator` (ending in -kernel) in `folder`, and give what ran within `span`.

    Raises ToolError where the emulator is missing or takes no plugin, where the firmware never comes to the span or
    never leaves it, or where its calls cannot be followed.
    """
    arguments = [f"counts={_FILE}", f"from={span.from_:#x}"]
    if span.to is not None:
        arguments.append(f"to={span.to:#x}")
    if span.stop:
        arguments.append("stop=on")
    # A comma separates arguments in QEMU's option and is doubled where it is meant.
    library = str(plugin_library()).replace(",", ",,")
    command = (*emulator, str(elf.resolve()), "-plugin", ",".join([library, *arguments]))
    done = run_tool(command, folder=folder, timeout_s=timeout_s)
    counted = folder / _FILE
    text = counted.read_text(encoding="ascii") if counted.is_file() else ""
    lines = text.splitlines()
    if not lines or lines[-1] != "end":
        raise ToolError(_why_not(lines, span, done, command[0], timeout_s))
    return parse_trace(span.from_, lines), done


def _why_not(lines: Sequence[str], span: Span, done: Finished, emulator: str, timeout_s: float) -> str:
    failed = next((line.removeprefix("failure ") for line in lines if line.startswith("failure ")), None)
    if failed is not None:
        return f"{span.from_name}: {failed}"
    took = f"within {timeout_s:g} s" if done.status is None else "before the firmware ended"
    if lines:
        missing = f"{span.to_name} was never reached" if span.to is not None else "it did not return"
        problem = f"{span.from_name} began, but {missing} {took}"
    elif "block_counts" in done.output or "plugin" in done.output:
        return f"{emulator} cannot load the profiler's plugin:{done.last_words()}"
    elif done.output.startswith(f"{emulator}: ") and done.status:
        return f"{emulator} cannot run this:{done.last_words()}"
    else:
        problem = f"{span.from_name} was never reached {took}"
    if fault := re.search(r"^FAULT: .*$", done.output, re.MULTILINE):
        return f"{problem}; the firmware stopped: {fault[0]}"
    words = done.last_words()
    return problem + (f"; its last words:{words}" if words else "")


def parse_trace(start: int, lines: Sequence[str]) -> Trace:
    """The Trace from `start` on that the plugin's lines say."""
    blocks, contexts, edges = {}, {}, []
    for line in lines:
        word, *rest = line.split()
        if word == "block":
            blocks[int(rest[0])] = Block(int(rest[1]), bytes.fromhex(rest[2]))
        elif word == "context":
            own, parent = int(rest[0]), int(rest[1])
            contexts[own] = Context(None if parent == own else parent, int(rest[2]))
        elif word == "edge":
            following = None if rest[2] == "-" else int(rest[2])
            edges.append(Edge(int(rest[0]), int(rest[1]), following, int(rest[3])))
    edges.sort(key=lambda edge: (edge.context, edge.block, -1 if edge.following is None else edge.following))
    return Trace(start, blocks, contexts, tuple(edges))
