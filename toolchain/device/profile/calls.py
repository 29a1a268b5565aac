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
from toolchain.device.profile.timing.cycles import cycles_not_taken, cycles_of
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
    root = (0, symbols.function_at(trace.start))
    own = _own(trace, code, symbols, timing, lambda node, address: parted(address) if node == root else 0)
    parents = _parents(trace, code, symbols, root)
    below: dict[_Node, list[tuple[_Node, int]]] = {}
    for node, (parent, address) in parents.items():
        below.setdefault(parent, []).append((node, parted(address) if parent == root else 0))

    def call(node: _Node, part: int) -> Call:
        calls = tuple(call(child, at) for child, at in sorted(below.get(node, ()), key=lambda pair: (pair[1], pair[0])))
        return Call(node[1], part, summed(tally for (owner, _), tally in own.items() if owner == node), calls)

    return CallTree(call(root, 0), {part: tally for (node, part), tally in own.items() if node == root})


_Code = Mapping[int, tuple[Instruction, ...]]


def _own(
    trace: Trace, code: _Code, symbols: Symbols, timing: Timing, part_of: Callable[[_Node, int], int]
) -> dict[tuple[_Node, int], Tally]:
    """What each function did itself in each context, by part."""
    kinds: dict[tuple[_Node, int], Counter[Kind]] = {}
    cycles: Counter[tuple[_Node, int]] = Counter()
    entered = _entered_straight(trace, code)
    for edge in trace.edges:
        block = code[edge.block]
        costs = [cost * edge.count for cost in cycles_of(timing, block)]
        last = block[-1]
        stayed = last.conditional and _falls_through(trace, edge)
        if stayed:
            costs[-1] = cycles_not_taken(timing, last) * edge.count
        for before, count in entered.pop((edge.context, edge.block), {}).items():
            saved = cycles_of(timing, block, before)[0] - cycles_of(timing, block)[0]
            costs[0] += saved * count
        for instruction, cost in zip(block, costs, strict=True):
            node = (edge.context, symbols.function_at(instruction.address))
            owner = (node, part_of(node, instruction.address))
            not_taken = stayed and instruction is last and last.kind is Kind.BRANCH_TAKEN
            kind = Kind.BRANCH_NOT_TAKEN if not_taken else instruction.kind
            kinds.setdefault(owner, Counter())[kind] += edge.count
            cycles[owner] += cost
    return {owner: Tally(dict(counted), cycles[owner]) for owner, counted in kinds.items()}


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


def _parents(trace: Trace, code: _Code, symbols: Symbols, root: _Node) -> dict[_Node, tuple[_Node, int]]:
    """For each function in each context: who called it (or jumped to it), and from which address."""
    children = {(context.parent, context.return_address): index for index, context in trace.contexts.items() if index}
    parents: dict[_Node, tuple[_Node, int]] = {}
    jumps: list[tuple[_Node, _Node, int]] = []
    for edge in trace.edges:
        if edge.following is None:
            continue
        last = code[edge.block][-1]
        caller = (edge.context, symbols.function_at(last.address))
        target = trace.blocks[edge.following].start
        entered = children.get((edge.context, trace.blocks[edge.block].end)) if last.mnemonic in _CALLS else None
        if entered is not None:
            parents.setdefault((entered, symbols.function_at(target)), (caller, last.address))
        elif not _returns(trace, edge.context, target):
            jumps.append((caller, (edge.context, symbols.function_at(target)), last.address))
    known = {root, *parents}
    while more := [jump for jump in jumps if jump[0] in known and jump[1] not in known]:
        for caller, callee, address in more:
            parents.setdefault(callee, (caller, address))
            known.add(callee)
    return parents


_CALLS = ("bl", "blx", "blxns")


def _returns(trace: Trace, context: int, target: int) -> bool:
    at: int | None = context
    while at is not None:
        if trace.contexts[at].return_address == target:
            return True
        at = trace.contexts[at].parent
    return False
