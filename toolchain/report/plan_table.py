# SPDX-License-Identifier: Apache-2.0
"""Plans as a table, one network a row, and as JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from toolchain.graph.graph import Graph
from toolchain.graph.plan import Plan
from toolchain.measure import How
from toolchain.report.table import Column, Row, Table, Tone


@dataclass(frozen=True, eq=False)
class Planned:
    """source: the network as it was given. graph: as it is executed"""

    name: str
    source: Graph
    graph: Graph
    plan: Plan

    @property
    def reordered(self) -> bool:
        """Whether the layers run in another order than they stand in the network."""
        names = [op.name for op in self.source.operators]
        return len(names) == len(self.plan.order) and list(self.plan.order) != names


def headline(planned: Planned) -> str:
    """One line on one network."""
    plan = planned.plan
    verdict = "proven optimal" if plan.proven else f"not proven: at least {plan.lower_bound_bytes:,} B"
    return f"{planned.name}: arena of {plan.arena_bytes:,} B over {len(plan.order)} layers, {verdict}"


def plan_table(found: Sequence[Planned], core: str) -> Table:
    """One row a network."""
    columns = (
        Column("network", text=True),
        Column("layers"),
        Column("arena", "B", How.ESTIMATED),
        Column("lower bound", "B", How.ESTIMATED),
        Column("optimal", text=True),
        Column("order", text=True),
    )
    rows = tuple(
        Row(
            (
                one.name,
                len(one.plan.order),
                one.plan.arena_bytes,
                one.plan.lower_bound_bytes,
                "proven" if one.plan.proven else "not proven",
                "changed" if one.reordered else "as given",
            ),
            Tone.PLAIN if one.plan.proven else Tone.BAD,
        )
        for one in found
    )
    proven = sum(one.plan.proven for one in found)
    return Table(f"Memory plans for the {core}", columns, rows, (f"{proven} of {len(found)} proven optimal.",))


def plan_json(planned: Planned) -> dict[str, Any]:
    """The whole plan; the same bytes each time."""
    plan = planned.plan
    return {
        "network": planned.name,
        "graph_sha256": planned.source.sha256,
        "arena_bytes": plan.arena_bytes,
        "peak_bytes": plan.peak_bytes,
        "lower_bound_bytes": plan.lower_bound_bytes,
        "proven": plan.proven,
        "reordered": planned.reordered,
        "alignment": plan.alignment,
        "order": list(plan.order),
        "activations": [
            {
                "tensor": a.tensor,
                "offset": a.offset,
                "bytes": a.n_bytes,
                "first_step": a.first,
                "last_step": a.last,
                "on": list(a.takes_over),
            }
            for a in plan.allocations
        ],
        "scratch": [
            {"operator": s.operator, "offset": s.offset, "bytes": s.n_bytes, "step": s.step} for s in plan.scratch
        ],
    }
