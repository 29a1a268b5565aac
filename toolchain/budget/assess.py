# SPDX-License-Identifier: Apache-2.0
"""assess: one network on one board, every figure collected and held against the board and, if given, a budget.

`subbyte report`, `check` and `flash` all ask here, so that none of them can be more lenient than another. The board's
own limits always count; a firmware that cannot even be linked is over them by what the linker says is missing.
"""

from dataclasses import dataclass
from pathlib import Path

from toolchain.boards import Board
from toolchain.budget.limits import Budget, Limit
from toolchain.budget.sizes import Expected, Sizes, sizes_of
from toolchain.budget.tflite_sizes import TfliteSize, tflite_sizes
from toolchain.budget.verdict import Check, Verdict, judge, verdict_of
from toolchain.budget.weight_sizes import WeightSize, weight_sizes
from toolchain.device.build import Build, DoesNotFitError, Shortfall, build_firmware
from toolchain.export.c import Aims, CModel
from toolchain.export.project import FrontEnd, Project, c_model, c_runtime, make_project
from toolchain.graph.cost import Cost, count, graph_cost
from toolchain.graph.counting import Count, Rule
from toolchain.graph.graph import Graph
from toolchain.measure import How, Measure


@dataclass(frozen=True, eq=False)
class Assessment:
    """Figures and verdict. model: the generated C, with its Plan. build: None where nothing was linked.

    weights: what each layer's weights take in each output. tflite: what TFLite Micro would need.
    """

    graph: Graph
    board: Board
    model: CModel
    build: Build | None
    cost: Cost
    counts: tuple[Count, ...]
    weights: tuple[WeightSize, ...]
    tflite: tuple[TfliteSize, ...]
    sizes: Sizes
    verdict: Verdict


def assess(
    graph: Graph,
    board: Board,
    *,
    aims: Aims = Aims(),
    front_end: FrontEnd | None = None,
    folder: Path | None = None,
    budget: Budget | None = None,
    accuracy: Measure | None = None,
) -> Assessment:
    """Size `graph` up for `board`. folder: where the firmware is built; None builds nothing, estimates alone.

    aims: what the firmware is to be good at.

    accuracy: as recorded for this network, None where it never was. Raises BudgetError where a limit has no figure,
    ModelError where the C kernels cannot express the graph, ToolError where the build fails for want of a tool.
    """
    build, shortfalls = _build(graph, board, aims, front_end, folder)
    return assess_build(
        graph,
        board,
        build,
        aims=aims,
        shortfalls=shortfalls,
        budget=budget,
        accuracy=accuracy,
        tried=folder is not None,
    )


def assess_build(
    graph: Graph,
    board: Board,
    build: Build | None,
    *,
    aims: Aims = Aims(),
    shortfalls: tuple[Shortfall, ...] = (),
    budget: Budget | None = None,
    accuracy: Measure | None = None,
    tried: bool = True,
) -> Assessment:
    """The same for a firmware that is built already. tried: whether a build was attempted at all."""
    model = c_model(graph, board, aims)
    cost, counts = graph_cost(graph), tuple(count(graph, rule) for rule in Rule)
    scratch = max((layer.scratch_bytes for layer in model.layers), default=0)
    expected = Expected(model.constant_bytes, model.arena_bytes, scratch, board.limits.stack_bytes)
    sizes = sizes_of(expected, build)
    figures = _figures(sizes, counts, accuracy)
    asked = budget.limits if budget else ()
    if tried and build is None:
        # It could not be linked: what the board misses is known, the figures of the whole are not.
        missing = tuple(_missing(board, shortfall) for shortfall in shortfalls)
        known = (limit for limit in asked if limit.name in figures)
        verdict = verdict_of((*missing, *judge(known, figures, cost).checks), cost)
    else:
        verdict = judge((*_board_limits(board, figures), *_aimed_limits(board, aims, figures), *asked), figures, cost)
    weights = weight_sizes(graph, model.whole_layers)
    tflite = tflite_sizes(graph, board.core)
    return Assessment(graph, board, model, build, cost, counts, weights, tflite, sizes, verdict)


def _build(
    graph: Graph, board: Board, aims: Aims, front_end: FrontEnd | None, folder: Path | None
) -> tuple[Build | None, tuple[Shortfall, ...]]:
    if folder is None:
        return None, ()
    project: Project = make_project(graph, board, c_runtime(graph, board, aims), front_end)
    try:
        return build_firmware(project, folder), ()
    except DoesNotFitError as error:
        return error.build, error.shortfalls


def _figures(sizes: Sizes, counts: tuple[Count, ...], accuracy: Measure | None) -> dict[str, Measure]:
    """Every figure that a limit may be about, by the limit's name."""
    figures = sizes.measures()
    for counted in counts:
        name = f"operations.{counted.rule.value}"
        figures[name] = Measure(name, counted.operations, "operations", How.ESTIMATED)
        if counted.memory_bytes is not None:
            name = f"memory.{counted.rule.value}"
            figures[name] = Measure(name, counted.memory_bytes, "B", How.ESTIMATED)
        if counted.rule is Rule.MACS:
            figures["macs"] = Measure("macs", counted.macs, "MAC", How.ESTIMATED)
    if accuracy is not None:
        figures["accuracy"] = accuracy
    return figures


def _board_limits(board: Board, figures: dict[str, Measure]) -> tuple[Limit, ...]:
    """What the board allows: of the linked firmware, or of the parts that are known without one."""
    origin, limits = f"board {board.id}", board.limits
    if "flash_bytes" in figures:
        return (
            Limit("flash_bytes", limits.flash_bytes, "B", origin),
            Limit("ram_bytes", limits.ram_bytes, "B", origin),
            Limit("stack_bytes", limits.stack_bytes, "B", origin),
        )
    return (
        Limit("weight_bytes", limits.flash_bytes, "B", origin),
        Limit("arena_bytes", limits.ram_bytes - limits.stack_bytes, "B", f"{origin}, beside its stack"),
    )


def _aimed_limits(board: Board, aims: Aims, figures: dict[str, Measure]) -> tuple[Limit, ...]:
    """--max-ram, held against everything that the linked firmware has in RAM."""
    if aims.max_ram_bytes is None:
        return ()
    if "ram_bytes" in figures:
        return (Limit("ram_bytes", aims.max_ram_bytes, "B", "--max-ram"),)
    return (Limit("arena_bytes", aims.max_ram_bytes - board.limits.stack_bytes, "B", "--max-ram, beside the stack"),)


def _missing(board: Board, shortfall: Shortfall) -> Check:
    """A limit of the board that is known to be missed though nothing could be linked."""
    limit = Limit(shortfall.figure, shortfall.allowed, "B", f"board {board.id}, {shortfall.where}")
    return Check(limit, Measure(shortfall.figure, shortfall.needed, "B", shortfall.how))
