# SPDX-License-Identifier: Apache-2.0
"""Flash of a network at any bits: generated, and where there is a board, linked.

A link takes seconds, so one firmware is linked before a search, the smallest, for all that lies beside constants and
kernels; by how much others differ the prices of layers say, and what is found is linked again (search.py). As trained
it need not fit the board: that may be why fewer bits are asked for.
"""

import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from toolchain.arch.weights import WeightSpec
from toolchain.bits.prices import flash_of
from toolchain.bits.rounding import RoundedWeights
from toolchain.bits.trials import Assignment
from toolchain.bits.weights import Weighted, rounded_weights, spec_of, weighted_operators, with_weights
from toolchain.boards import Board
from toolchain.core import Core
from toolchain.device.build import DoesNotFitError, build_firmware
from toolchain.errors import ModelError
from toolchain.export.c import Aims, CModel, c_sources
from toolchain.export.project import FrontEnd, c_model, c_runtime, make_project
from toolchain.files import temporary_files
from toolchain.graph.graph import Graph


@dataclass(frozen=True)
class Target:
    """What the firmware is for. board: None for the network's share alone, on `core`."""

    core: Core
    board: Board | None = None
    front_end: FrontEnd | None = None
    aims: Aims = Aims()


@dataclass
class Models(ABC):
    """A trained network at other bits: Graph, C, sizes. graph: as it is where an assignment says nothing.

    Raises ModelError where it has no weights.
    """

    graph: Graph
    target: Target
    _operators: Mapping[str, Weighted] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._operators = {op.name: op for op in weighted_operators(self.graph)}
        if not self._operators:
            raise ModelError(f"graph {self.graph.name}: has no layer with weights")

    @property
    def trained(self) -> dict[str, WeightSpec]:
        """Layer -> bits and grid in `graph`, in order."""
        return {name: spec_of(self.graph, op) for name, op in self._operators.items()}

    @abstractmethod
    def at(self, assignment: Assignment) -> Graph:
        """The network with those layers at those bits, the others as in `graph`."""

    def generated(self, graph: Graph) -> CModel:
        """Its C for the target."""
        if self.target.board is not None:
            return c_model(graph, self.target.board, self.target.aims)
        return c_sources(graph, self.target.core, aims=self.target.aims)

    def size(self, assignment: Assignment) -> int:
        """Flash of those bits: of the linked firmware; without a board of the network's own share, as generated.

        One that overflows the board's flash has the bytes that were missing counted, and more than the board allows in
        any case. Raises ToolError without a compiler, DoesNotFitError where the board has not the RAM.
        """
        if self.target.board is None:
            return self.share(assignment)
        return self._linked(self.target.board, assignment)

    def share(self, assignment: Assignment) -> int:
        """Flash of the network itself, as generated: constants and kernels."""
        return flash_of(self.generated(self.at(assignment)))

    def n_weights(self, name: str) -> int:
        """Weights of a layer."""
        return self.graph.tensor(self._operators[name].weights).n_elements

    @temporary_files()
    def _linked(self, board: Board, assignment: Assignment) -> int:
        graph = self.at(assignment)
        project = make_project(graph, board, c_runtime(graph, board, self.target.aims), self.target.front_end)
        with tempfile.TemporaryDirectory(prefix="subbyte-bits-") as folder:
            try:
                return build_firmware(project, Path(folder)).sizes.flash
            except DoesNotFitError as error:
                if error.build is not None:
                    return error.build.sizes.flash  # linked, but over what the board file allows
                if any(short.figure != "flash_bytes" for short in error.shortfalls):
                    raise
                return max(board.limits.flash_bytes + 1, *(short.needed for short in error.shortfalls))


@dataclass
class RoundedModels(Models):
    """Layers are rounded, and nothing is trained after it."""

    _rounded: dict[tuple[str, WeightSpec], RoundedWeights] = field(default_factory=dict, init=False)

    def at(self, assignment: Assignment) -> Graph:
        """A layer that keeps its bits and grid stays as trained."""
        trained = self.trained
        changed = {name: spec for name, spec in assignment.items() if spec != trained[name]}
        return with_weights(self.graph, {name: self._of(name, spec) for name, spec in changed.items()})

    def _of(self, name: str, spec: WeightSpec) -> RoundedWeights:
        if (name, spec) not in self._rounded:
            self._rounded[name, spec] = rounded_weights(self.graph, self._operators[name], spec)
        return self._rounded[name, spec]


@dataclass
class TrainedModels(Models):
    """Layers are taken at their bits from a network that was trained at all of them. source: gives it."""

    source: Callable[[Assignment], Graph]

    def at(self, assignment: Assignment) -> Graph:
        """As trained at those bits."""
        return self.source(assignment)
