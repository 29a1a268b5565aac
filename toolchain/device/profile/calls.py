# SPDX-License-Identifier: Apache-2.0
"""CallTree: what ran, as functions that call functions, each with what it did itself.

A context of the Trace is one call. More than one function runs in it where the called one ends in a jump to another
(a tail call): that other then stands below it, as if it had been called.

    run                     context 0: run
    ├─ sb_conv2d            context 1: sb_conv2d, whose last act is a jump to sb_clamp
    │  └─ sb_clamp
    └─ sb_softmax           context 0 again: run ended in a jump to it
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from toolchain.device.profile.instructions import Instruction, Kind, decode_blocks
from toolchain.device.profile.symbols import Symbols
from toolchain.device.profile.tally import Tally, summed
from toolchain.device.profile.timing import Timing
from toolchain.device.profile.timing.cycles import cycles_of
from toolchain.device.profile.trace import Edge, Trace


@dataclass(frozen=True)
class Call:
    """function: its name. part: of its caller that called it. own: what it did itself. calls: one entry a callee."""

    function: str
    part: int
    own: Tally
    calls: tuple["Call", ...]

    @property
    def total(self) -> Tally:
        """With everything it called."""
        return summed((self.own, *(call.total for call in self.calls)))

    def walk(self) -> Iterator["Call"]:
        """Itself and everything below it."""
        yield self
        for call in self.calls:
            yield from call.walk()


@dataclass(frozen=True)
class CallTree:
    """root: the outermost function. parts: what the root did itself, by part."""

    root: Call
    parts: Mapping[int, Tally]


def whole(address: int) -> int:
    """The parts of a function that has only one."""
    return 0


_Node = tuple[int, str]  # context, function


def call_tree(trace: Trace, symbols: Symbols, timing: Timing, parted: Callable[[int], int] = whole) -> CallTree:
    """The calls of a trace. parted: address in the outermost function -> the part of it that the address belongs to."""
    code = decode_blocks(trace.blocks)
    names = _Names(trace, symbols)
    root = (0, names.at(0, trace.start))
    own = _own(trace, code, names, timing, lambda node, address: parted(address) if node == root else 0)
    parents = _parents(trace, code, names, root)
    below: dict[_Node, list[tuple[int, _Node]]] = {}
    for node, (parent, address) in parents.items():
        if node in own:
            below.setdefault(parent, []).append((parted(address) if parent == root else 0, node))

    def call(part: int, node: _Node) -> Call:
        calls = tuple(call(*child) for child in sorted(below.get(node, ())))
        return Call(node[1], part, summed(own[node].values()), calls)

    return CallTree(call(0, root), own[root])


_Code = Mapping[int, tuple[Instruction, ...]]


class _Names:
    """Functions by address; code without a symbol is named by the address at which its call entered it."""

    def __init__(self, trace: Trace, symbols: Symbols) -> None:
        self.children = {(c.parent, c.return_address): index for index, c in trace.contexts.items() if index}
        self._symbols = symbols
        self._entries = {0: trace.start}
        for edge in trace.edges:
            entered = self.children.get((edge.context, trace.blocks[edge.block].end))
            if entered is not None and edge.following is not None and not _falls_through(trace, edge):
                self._entries.setdefault(entered, trace.blocks[edge.following].start)

    def at(self, context: int, address: int) -> str:
        """Name of the function that an address is part of when it runs in that context."""
        return self._symbols.function_at(address) or f"0x{self._entries[context]:08x}"


def _own(
    trace: Trace, code: _Code, names: _Names, timing: Timing, part_of: Callable[[_Node, int], int]
) -> dict[_Node, dict[int, Tally]]:
    """What each function did itself in each context, by part."""
    kinds: dict[tuple[_Node, int], Counter[Kind]] = {}
    cycles: dict[tuple[_Node, int], Counter[Kind]] = {}
    entered = _entered_straight(trace, code)
    for edge in trace.edges:
        block = code[edge.block]
        last = block[-1]
        stayed = last.conditional and _falls_through(trace, edge)
        costs = [cost * edge.count for cost in cycles_of(timing, block, taken=not stayed)]
        # What entering the block without a jump saves is taken off once, at its first edge.
        for before, count in entered.pop((edge.context, edge.block), {}).items():
            costs[0] -= (cycles_of(timing, block)[0] - cycles_of(timing, block, before)[0]) * count
        for instruction, cost in zip(block, costs, strict=True):
            node = (edge.context, names.at(edge.context, instruction.address))
            owner = (node, part_of(node, instruction.address))
            not_taken = stayed and instruction is last and last.kind is Kind.BRANCH_TAKEN
            kind = Kind.BRANCH_NOT_TAKEN if not_taken else instruction.kind
            kinds.setdefault(owner, Counter())[kind] += edge.count
            cycles.setdefault(owner, Counter())[kind] += cost
    found: dict[_Node, dict[int, Tally]] = {}
    for (node, part), counted in kinds.items():
        found.setdefault(node, {})[part] = Tally(dict(counted), dict(cycles[node, part]))
    return found


def _falls_through(trace: Trace, edge: Edge) -> bool:
    following = None if edge.following is None else trace.blocks[edge.following]
    return following is not None and following.start == trace.blocks[edge.block].end


def _entered_straight(trace: Trace, code: _Code) -> dict[tuple[int, int], dict[Instruction, int]]:
    """For (context, block) entered without a jump (QEMU ends a block at a page): what ran before, and how often."""
    found: dict[tuple[int, int], dict[Instruction, int]] = {}
    for edge in trace.edges:
        last = code[edge.block][-1]
        if edge.following is not None and not last.leaves and _falls_through(trace, edge):
            found.setdefault((edge.context, edge.following), {})[last] = edge.count
    return found


def _parents(trace: Trace, code: _Code, names: _Names, root: _Node) -> dict[_Node, tuple[_Node, int]]:
    """For each function in each context: who called it (or jumped to it), and from which address."""
    parents: dict[_Node, tuple[_Node, int]] = {}
    jumps: list[tuple[_Node, _Node, int]] = []
    for edge in trace.edges:
        if edge.following is None:
            continue
        last = code[edge.block][-1]
        caller = (edge.context, names.at(edge.context, last.address))
        end, target = trace.blocks[edge.block].end, trace.blocks[edge.following].start
        entered = names.children.get((edge.context, end))
        if entered is not None and target != end:
            parents.setdefault((entered, names.at(entered, target)), (caller, last.address))
        elif not _returns(trace, edge.context, target):
            jumps.append((caller, (edge.context, names.at(edge.context, target)), last.address))
    known = {root, *parents}
    while more := [jump for jump in jumps if jump[0] in known and jump[1] not in known]:
        for caller, callee, address in more:
            parents.setdefault(callee, (caller, address))
            known.add(callee)
    return parents


def _returns(trace: Trace, context: int, target: int) -> bool:
    at: int | None = context
    while at is not None:
        if trace.contexts[at].return_address == target:
            return True
        at = trace.contexts[at].parent
    return False
