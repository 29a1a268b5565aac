# SPDX-License-Identifier: Apache-2.0
"""Flash of a network at any bits: generated, and where there is a board, linked.

A link takes seconds, and a search asks for a hundred sizes. So one firmware is linked, as trained; of all others the
generator says by how much they differ in constants and kernels, and the one that is chosen is linked in the end. What
that shows beyond the estimate (another level of optimisation, calls, padding) is added to the estimates, and the search
asked again.

    link as trained    -> estimates    -> search: A    -> link A    -> estimates    -> search: A or B    -> link B ...

From the second link on estimates only rise, so what was too large once is not found again, and the loop ends.
"""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from toolchain.arch.weights import WeightSpec
from toolchain.bits.prices import flash_of
from toolchain.bits.rounding import RoundedWeights
from toolchain.bits.search import Found
from toolchain.bits.trials import Allocation, Assignment, allocation
from toolchain.bits.weights import Weighted, rounded_weights, spec_of, weighted_operators, with_weights
from toolchain.boards import Board
from toolchain.core import Core
from toolchain.device.build import Build, DoesNotFitError, build_firmware
from toolchain.errors import BudgetError, ModelError
from toolchain.export.c import Aims, CModel, c_sources
from toolchain.export.project import FrontEnd, c_model, c_runtime, make_project
from toolchain.files import temporary_files
from toolchain.graph.graph import Graph

# Two agree at once, as a rule: the first link corrects what the link as trained could not know.
_LINKS = 8


@dataclass(frozen=True)
class Target:
    """What the firmware is for. board: None for the network's share alone, on `core`."""

    core: Core
    board: Board | None = None
    front_end: FrontEnd | None = None
    aims: Aims = Aims()


@dataclass
class RoundedModels:
    """A trained network at other bits: Graph, C, sizes. Raises ModelError where it has no weights."""

    graph: Graph
    target: Target
    # Flash beyond constants and kernels: 0 without a board, else what links showed.
    beside: int = 0
    _flash: dict[Allocation, int] = field(default_factory=dict)
    _rounded: dict[tuple[str, WeightSpec], RoundedWeights] = field(default_factory=dict)
    _operators: Mapping[str, Weighted] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._operators = {op.name: op for op in weighted_operators(self.graph)}
        if not self._operators:
            raise ModelError(f"graph {self.graph.name}: has no layer with weights")

    @property
    def trained(self) -> dict[str, WeightSpec]:
        """Layer -> bits and grid as trained, in order."""
        return {name: spec_of(self.graph, op) for name, op in self._operators.items()}

    def at(self, assignment: Assignment) -> Graph:
        """The network with those layers rounded; one that keeps its bits and grid stays as trained."""
        trained = self.trained
        changed = {name: spec for name, spec in assignment.items() if spec != trained[name]}
        return with_weights(self.graph, {name: self._of(name, spec) for name, spec in changed.items()})

    def _of(self, name: str, spec: WeightSpec) -> RoundedWeights:
        if (name, spec) not in self._rounded:
            self._rounded[name, spec] = rounded_weights(self.graph, self._operators[name], spec)
        return self._rounded[name, spec]

    def generated(self, graph: Graph) -> CModel:
        """Its C for the target."""
        if self.target.board is not None:
            return c_model(graph, self.target.board, self.target.aims)
        return c_sources(graph, self.target.core, aims=self.target.aims)

    def flash(self, assignment: Assignment) -> int:
        """Estimated flash: as generated, and what was seen beside it."""
        key = allocation(assignment)
        if key not in self._flash:
            self._flash[key] = flash_of(self.generated(self.at(assignment)))
        return self._flash[key] + self.beside

    def n_weights(self, name: str) -> int:
        """Weights of a layer."""
        return self.graph.tensor(self._operators[name].weights).n_elements

    @temporary_files()
    def link(self, assignment: Assignment) -> int:
        """Flash of the linked firmware.

        Raises ToolError without a compiler, DoesNotFitError where it is larger than the memory of the board itself.
        """
        board = self.target.board
        assert board is not None  # there is nothing to link without one
        graph = self.at(assignment)
        project = make_project(graph, board, c_runtime(graph, board, self.target.aims), self.target.front_end)
        with tempfile.TemporaryDirectory(prefix="subbyte-bits-") as folder:
            return _linked(lambda: build_firmware(project, Path(folder)))


def search_firmware(
    models: RoundedModels, search: Callable[[], Found], linked: dict[Allocation, int], told: Callable[[str], None]
) -> Found:
    """`search` until what it finds is linked within its budget. linked: sizes of all that were, by allocation.

    Raises BudgetError where that does not come about, and as `link` does.
    """
    for turn in range(_LINKS):
        found = search()
        specs = found.best.specs
        key = allocation(specs)
        if key not in linked:
            told("building what was found")
            linked[key] = models.link(specs)
        elif linked[key] <= found.budget:
            return found
        beside = linked[key] - models.flash(specs) + models.beside
        models.beside = max(models.beside, beside) if turn else beside
    size = min(linked.values())
    raise BudgetError(
        f"--max-flash {found.budget:,} B: estimates and links do not meet; the smallest firmware that was linked takes "
        f"{size:,} B: allow a little more"
    )


def _linked(build: Callable[[], Build]) -> int:
    """Flash of what was linked, also where it is over what the board allows."""
    try:
        return build().sizes.flash
    except DoesNotFitError as error:
        if error.build is None:
            raise
        return error.build.sizes.flash
