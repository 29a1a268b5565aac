# SPDX-License-Identifier: Apache-2.0
"""Verdict: equal is kept, one more is over, and a figure that is missing never passes."""

import pytest

from tests.graphs import GraphBuilder
from toolchain.budget.limits import Limit
from toolchain.budget.verdict import judge
from toolchain.errors import BudgetError
from toolchain.graph.cost import Cost, graph_cost
from toolchain.measure import How, Measure


def _cost() -> Cost:
    net = GraphBuilder("tiny", (1, 10, 4, 1), seed=3)
    net.conv2d(8, (3, 3), stride=(2, 1)).depthwise_conv2d((3, 3)).conv2d(4)
    return graph_cost(net.mean().fully_connected(3).graph())


def _figure(name: str, value: float, how: How = How.LINKED) -> dict[str, Measure]:
    return {name: Measure(name, value, "B", how)}


@pytest.mark.parametrize(("value", "ok"), [(99, True), (100, True), (101, False)])
def test_a_limit_is_kept_up_to_and_with_its_value(value: int, ok: bool) -> None:
    verdict = judge([Limit("flash_bytes", 100, "B", "budget.toml")], _figure("flash_bytes", value), _cost())
    assert verdict.ok is ok
    assert [breach.limit for breach in verdict.breaches] == ([] if ok else ["flash_bytes"])
    assert verdict.checks[0].excess == value - 100


@pytest.mark.parametrize(("value", "ok"), [(0.92, False), (0.93, True), (0.94, True)])
def test_accuracy_must_reach_its_limit(value: float, ok: bool) -> None:
    limit = Limit("accuracy", 0.93, "", "budget.toml", at_least=True)
    assert judge([limit], _figure("accuracy", value), _cost()).ok is ok


def test_a_missing_figure_is_an_error_that_says_what_gives_one() -> None:
    with pytest.raises(BudgetError, match=r"budget\.toml: accuracy: there is no figure.*run\.json"):
        judge([Limit("accuracy", 0.9, "", "budget.toml", at_least=True)], {}, _cost())
    with pytest.raises(BudgetError, match=r"budget\.toml: stack_bytes: .*leave --no-build out"):
        judge([Limit("stack_bytes", 9, "B", "budget.toml")], {}, _cost())


def test_a_breach_carries_value_limit_origin_and_advice() -> None:
    (breach,) = judge([Limit("macs", 10, "MAC", "b.toml")], _figure("macs", 3000, How.ESTIMATED), _cost()).breaches
    assert (breach.value, breach.allowed, breach.origin, breach.how) == (3000, 10, "b.toml", How.ESTIMATED)
    assert "fewer channels" in breach.advice
    assert "largest: conv2d_0 1,440 MAC" in breach.advice


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("flash_bytes", "fewer or narrower weights; largest: conv2d_0 144 B"),
        ("ram_bytes", "smaller activations; largest: depthwiseconv2d_1 320 B in and out"),
        ("stack_bytes", "give the stack more room"),
        ("operations.hello_edge", "fewer channels"),
        ("memory.hello_edge", "fewer weights or smaller activations"),
        ("accuracy", "train longer"),
    ],
)
def test_advice_names_what_weighs_most(name: str, advice: str) -> None:
    limit = Limit(name, 1, "B", "b.toml", at_least=name == "accuracy")
    (breach,) = judge([limit], _figure(name, 0.5 if name == "accuracy" else 2), _cost()).breaches
    assert advice in breach.advice
