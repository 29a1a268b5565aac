# SPDX-License-Identifier: Apache-2.0
"""choose_kernels: for each operator one of the kernels that take it, by what was measured of them on the core.

Three figures of the whole network count, each as a multiple of the least that is possible; the weights are the aim's:

              cycles   flash    RAM
    speed        1      0.02    0.1     ten per cent of the RAM are worth one per cent of the cycles
    balanced     1      1       1       one per cent of each is worth one per cent of the others
    size         0.002  1       0.1     of choices of nearly the same size the faster one

Flash is that of the kernels' code and of the layers' constants. Files of code count once, however many layers use
them, so layers hang together: a slower kernel that is there already can be smaller than a faster one. RAM is what the
largest layer needs: what lives beside it, its scratch, and its output where that cannot lie on its input.

Few bits are never slower than eight: unless size is the aim, a network with weights of fewer bits takes no more cycles
than it would with all of them in bytes, chosen by the same aim. Packed weights win where they are fast, or save flash
without costing time; a width that no kernel is fast at stays in bytes. `size` packs whatever is smaller. On cores
without DSP instructions, whose convolutions unpack their weights to RAM before they begin, `balanced` allows that a
hundredth of the cycles.

The search begins with several choices and changes one layer, or all layers of one kernel, as long as that helps. An
operator of which a kernel was not measured gets the first in the table that takes it.
"""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from toolchain.core import Core
from toolchain.export.c.aims import Aims, Optimise
from toolchain.export.c.costs import CostTable, Estimate, cost_table
from toolchain.export.c.kernel import Kernel
from toolchain.export.c.kernel_table import KERNELS, Candidates, Choice, candidates, first_kernels
from toolchain.graph.graph import Graph
from toolchain.graph.ops import Operator


@dataclass(frozen=True)
class _Option:
    """A kernel for an operator. constant_bytes: of its arrays and parameters. ram_bytes: what must exist at once."""

    kernel: Kernel
    estimate: Estimate
    constant_bytes: int
    ram_bytes: int


@dataclass(frozen=True)
class _OfOperator:
    """An operator's kernels, and of those that take it what each costs, in the order of the table."""

    candidates: Candidates
    options: tuple[_Option, ...]


_Taken = tuple[int, ...]  # for each operator the index of its option


def choose_kernels(graph: Graph, core: Core, aims: Aims, most_scratch: int | None = None) -> dict[str, Choice]:
    """The choice for each operator, by name. Raises ModelError where no kernel takes one.

    most_scratch: bytes of working memory that each should do with, as far as there is such a kernel.
    """
    choices = first_kernels(graph, core, KERNELS, most_scratch)
    costs = cost_table(core.name)
    if costs is None:
        return choices
    options = _measured(graph, core, costs, most_scratch)
    slower = _slower_than_bytes(core, aims.optimise)
    taken = _best(tuple(options.values()), costs.file_bytes, aims.optimise, slower)
    for name, index in zip(options, taken, strict=True):
        choices[name] = _choice(options[name], index)
    return choices


def _choice(operator: _OfOperator, index: int) -> Choice:
    """The one at `index`, with the reasons against those that stand before it in the table."""
    chosen = operator.options[index]
    weighed = {option.kernel.name: f"{_said(option)}; the one taken: {_said(chosen)}" for option in operator.options}
    before = itertools.takewhile(lambda row: row[0] is not chosen.kernel, operator.candidates.rows)
    passed = tuple((kernel.name, reason or weighed[kernel.name]) for kernel, reason in before)
    return Choice(chosen.kernel, passed)


def _said(option: _Option) -> str:
    return (
        f"estimated {option.estimate.cycles:,} cycles, {option.constant_bytes:,} B of constants, "
        f"{option.ram_bytes:,} B of RAM"
    )


def _measured(graph: Graph, core: Core, costs: CostTable, most_scratch: int | None) -> dict[str, _OfOperator]:
    """Options of the operators that have a choice and of which every kernel was measured."""
    lives = _lives(graph)
    found = {}
    for step, op in enumerate(graph.operators):
        rows = candidates(graph, op, core, most_scratch=most_scratch)
        if len(rows.taking) > 1 and all(costs.knows(kernel) for kernel in rows.taking):
            beside = [name for name, (first, last) in lives.items() if first <= step <= last]
            dying = {name for name in op.reads if name in beside and lives[name][1] == step}
            options = [_option(graph, op, kernel, costs, beside, dying) for kernel in rows.taking]
            if None not in options:
                found[op.name] = _OfOperator(rows, tuple(option for option in options if option is not None))
    return found


def _option(
    graph: Graph, op: Operator, kernel: Kernel, costs: CostTable, beside: Sequence[str], dying: set[str]
) -> _Option | None:
    """None where the kernel was not measured for such an operator. beside, dying: as for _ram_bytes."""
    code = kernel.code(graph, op)
    estimate = costs.estimate(graph, op, kernel, code)
    if estimate is None:
        return None
    return _Option(kernel, estimate, code.constant_bytes, _ram_bytes(graph, op, kernel, beside, dying))


def _lives(graph: Graph) -> dict[str, tuple[int, int]]:
    """First and last step in which each activation exists."""
    lives = dict.fromkeys(graph.inputs, (-1, -1))
    for step, op in enumerate(graph.operators):
        lives |= {name: (lives[name][0], step) for name in op.reads if name in lives}
        lives |= {name: (step, step) for name in op.writes}
    return lives | {name: (lives[name][0], len(graph.operators)) for name in graph.outputs}


def _ram_bytes(graph: Graph, op: Operator, kernel: Kernel, beside: Sequence[str], dying: set[str]) -> int:
    """beside: what exists in the operator's step. dying: inputs that nobody reads later."""
    in_place = dying & set(kernel.overwrites(graph, op))
    shared = min((graph.tensor(name).container_bytes for name in (*in_place, op.writes[0])), default=0)
    together = sum(graph.tensor(name).container_bytes for name in beside)
    return together + kernel.scratch_bytes(graph, op) - (shared if in_place else 0)


@dataclass(frozen=True)
class _Weights:
    """Of each figure as a multiple of the least possible."""

    cycles: float
    flash: float
    ram: float


_WEIGHTS = {
    Optimise.SPEED: _Weights(1, 0.02, 0.1),
    Optimise.BALANCED: _Weights(1, 1, 1),
    Optimise.SIZE: _Weights(0.002, 1, 0.1),
}


class _Prices:
    """What a whole choice takes: cycles, bytes of flash that hang on it, bytes of RAM of its largest layer."""

    def __init__(self, operators: Sequence[_OfOperator], file_bytes: Mapping[str, int]) -> None:
        self._options = [operator.options for operator in operators]
        self._file_bytes = file_bytes

    def _chosen(self, taken: _Taken) -> list[_Option]:
        return [options[index] for options, index in zip(self._options, taken, strict=True)]

    def cycles(self, taken: _Taken) -> int:
        return sum(option.estimate.cycles for option in self._chosen(taken))

    def flash(self, taken: _Taken) -> int:
        chosen = self._chosen(taken)
        files = {file for option in chosen for file in option.kernel.files}
        return sum(option.constant_bytes for option in chosen) + sum(self._file_bytes[file] for file in files)

    def ram(self, taken: _Taken) -> int:
        return max(option.ram_bytes for option in self._chosen(taken))


def _slower_than_bytes(core: Core, optimise: Optimise) -> float:
    """How many times the cycles that it takes with all weights in bytes a network may take: see above."""
    if optimise is Optimise.SIZE:
        return math.inf
    return 1.0 if core.dsp or optimise is Optimise.SPEED else 1.01


def _best(operators: Sequence[_OfOperator], file_bytes: Mapping[str, int], optimise: Optimise, slower: float) -> _Taken:
    """slower: as from _slower_than_bytes."""
    if not operators:
        return ()
    prices = _Prices(operators, file_bytes)
    most_cycles = slower * _cycles_in_bytes(operators, file_bytes, optimise) if slower < math.inf else slower
    fastest, leanest, narrowest = (
        tuple(_least(operator.options, of) for operator in operators) for of in (_by_cycles, _by_constants, _by_ram)
    )
    starts = (fastest, leanest, narrowest)
    smallest = min((_descended(operators, prices.flash, start) for start in starts), key=prices.flash)
    least = prices.cycles(fastest), prices.flash(smallest), prices.ram(narrowest)
    weights = _WEIGHTS[optimise]

    def price(taken: _Taken) -> float:
        if prices.cycles(taken) > most_cycles:
            return math.inf
        cycles, flash, ram = (
            prices.cycles(taken) / least[0],
            prices.flash(taken) / least[1],
            prices.ram(taken) / least[2],
        )
        return weights.cycles * cycles + weights.flash * flash + weights.ram * ram

    return min((_descended(operators, price, start) for start in (*starts, smallest)), key=price)


def _cycles_in_bytes(operators: Sequence[_OfOperator], file_bytes: Mapping[str, int], optimise: Optimise) -> float:
    """Of the best choice without kernels for few bits; infinite where nothing is left out, or nothing left."""
    in_bytes = [
        replace(of, options=tuple(option for option in of.options if not option.kernel.few_bits)) for of in operators
    ]
    same = all(len(of.options) == len(other.options) for of, other in zip(operators, in_bytes, strict=True))
    if same or not all(of.options for of in in_bytes):
        return math.inf
    return _Prices(in_bytes, file_bytes).cycles(_best(in_bytes, file_bytes, optimise, math.inf))


def _least(options: Sequence[_Option], of: Callable[[_Option], int]) -> int:
    return min(range(len(options)), key=lambda index: of(options[index]))


def _by_cycles(option: _Option) -> int:
    return option.estimate.cycles


def _by_constants(option: _Option) -> int:
    return option.constant_bytes


def _by_ram(option: _Option) -> int:
    return option.ram_bytes


def _descended(operators: Sequence[_OfOperator], price: Callable[[_Taken], float], taken: _Taken) -> _Taken:
    """The choice that no single change betters: of one operator, or of all that have one kernel to another."""
    while True:
        best = min(_neighbours(operators, taken), key=price, default=taken)
        if price(best) >= price(taken):
            return taken
        taken = best


def _neighbours(operators: Sequence[_OfOperator], taken: _Taken) -> Iterator[_Taken]:
    for at, of in enumerate(operators):
        for index in range(len(of.options)):
            if index != taken[at]:
                yield (*taken[:at], index, *taken[at + 1 :])
    used = {of.options[index].kernel.name for of, index in zip(operators, taken, strict=True)}
    for old in sorted(used):
        for new in sorted({option.kernel.name for of in operators for option in of.options} - {old}):
            changed = tuple(
                next((i for i, option in enumerate(of.options) if option.kernel.name == new), index)
                if of.options[index].kernel.name == old
                else index
                for of, index in zip(operators, taken, strict=True)
            )
            if changed != taken:
                yield changed
