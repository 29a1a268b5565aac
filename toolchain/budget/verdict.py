# SPDX-License-Identifier: Apache-2.0
"""Verdict: every limit beside the figure that answers it, and what to do about those that are over.

A figure that is missing is an error, not a pass: a budget that cannot be checked has not been kept.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from toolchain.budget.limits import Limit
from toolchain.errors import BudgetError
from toolchain.graph.cost import Cost, CostRow
from toolchain.measure import How, Measure


@dataclass(frozen=True)
class Check:
    """One limit and the figure held against it."""

    limit: Limit
    measure: Measure

    @property
    def ok(self) -> bool:
        """Whether the limit is kept. Equal is kept."""
        if self.limit.at_least:
            return self.measure.value >= self.limit.allowed
        return self.measure.value <= self.limit.allowed

    @property
    def excess(self) -> int | float:
        """By how much the limit is missed, 0 or less where it is kept."""
        if self.limit.at_least:
            return self.limit.allowed - self.measure.value
        return self.measure.value - self.limit.allowed


@dataclass(frozen=True)
class Breach:
    """One limit that is not kept, with one sentence on what to do."""

    limit: str
    value: int | float
    allowed: int | float
    unit: str
    how: How
    origin: str
    advice: str


@dataclass(frozen=True)
class Verdict:
    """All checks, in the order of the limits, and the breaches among them."""

    checks: tuple[Check, ...]
    breaches: tuple[Breach, ...]

    @property
    def ok(self) -> bool:
        """Whether every limit is kept."""
        return not self.breaches


def judge(limits: Iterable[Limit], figures: Mapping[str, Measure], cost: Cost) -> Verdict:
    """Hold `figures` (by limit name) against `limits`; `cost` feeds the advice.

    Raises BudgetError where a limit has no figure, naming the limit and what would give one.
    """
    checks = []
    for limit in limits:
        if limit.name not in figures:
            raise BudgetError(f"{limit.origin}: {limit.name}: there is no figure to hold against it{_missing(limit)}")
        checks.append(Check(limit, figures[limit.name]))
    return verdict_of(checks, cost)


def verdict_of(checks: Iterable[Check], cost: Cost) -> Verdict:
    """The verdict on these checks; `cost` feeds the advice."""
    held = tuple(checks)
    breaches = tuple(
        Breach(
            limit=check.limit.name,
            value=check.measure.value,
            allowed=check.limit.allowed,
            unit=check.limit.unit,
            how=check.measure.how,
            origin=check.limit.origin,
            advice=advice(check.limit.name, cost),
        )
        for check in held
        if not check.ok
    )
    return Verdict(held, breaches)


def _missing(limit: Limit) -> str:
    if limit.name == "accuracy":
        return ": give a run folder whose run.json records a test accuracy, or leave the limit out"
    return ": it needs the linked firmware, so leave --no-build out"


def advice(limit: str, cost: Cost) -> str:
    """What to change when `limit` is over, naming the layers that weigh most.

    >>> advice("accuracy", Cost(()))
    'train longer or a larger network, or lower the limit'
    """
    if limit == "accuracy":
        return "train longer or a larger network, or lower the limit"
    if limit == "stack_bytes":
        return "call the model from a shallower place, or give the stack more room"
    if limit == "macs" or limit.startswith("operations."):
        return f"fewer channels or a larger stride early on; {_largest(cost, 'macs', 'MAC')}"
    if limit in ("ram_bytes", "arena_bytes"):
        largest = _largest(cost, "activation_bytes", "B in and out")
        return f"layers in bands of rows (--max-ram), or smaller activations; {largest}"
    if limit.startswith("memory."):
        return (
            f"fewer weights or smaller activations; {_largest(cost, 'weights', 'weights')}; "
            f"{_largest(cost, 'activation_bytes', 'B in and out')}"
        )
    return f"fewer or narrower weights; {_largest(cost, 'constant_bytes', 'B')}"


def _largest(cost: Cost, field: str, unit: str) -> str:
    rows: list[CostRow] = sorted(cost.rows, key=lambda row: -int(getattr(row, field)))[:3]
    shown = ", ".join(f"{row.name} {getattr(row, field):,} {unit}" for row in rows if getattr(row, field))
    return f"largest: {shown}" if shown else "no layer has any"
