# SPDX-License-Identifier: Apache-2.0
"""Agreement: one wrong byte is found, its layer is named, and only a declared kind of layer excuses it."""

from collections.abc import Mapping

import numpy as np
import pytest

from tests.graphs import GraphBuilder
from toolchain.errors import ToolError
from toolchain.graph.graph import Graph
from toolchain.graph.reference import run
from toolchain.report.agreement_table import agreement_json, agreement_table
from toolchain.report.table import to_text
from toolchain.verify.agreement import Standing, agreement
from toolchain.verify.inputs import joined, random_inputs
from toolchain.verify.judge import EXACT, Duty, reported_only


class Faulty:
    """The reference with a fault: the output of one operator is off by `by` in one byte, for the chosen inputs.

    What follows that operator is not recomputed but copied, so the last operator must be told apart from it:
    the network's output is off as well wherever the fault is.
    """

    name, version = "faulty", "1.0"

    def __init__(self, graph: Graph, at: str, on: tuple[int, ...], duty: Duty = EXACT, by: int = 1) -> None:
        self.graph, self.at, self.on, self.duty, self.by = graph, at, on, duty, by
        self.shows_layers = True

    def unavailable(self) -> str | None:
        return None

    def layers(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        if not self.shows_layers:
            return {}
        faulty = []
        for index in range(len(inputs["input"])):
            values = {k: v.copy() for k, v in run(self.graph, {"input": inputs["input"][index]}).items()}
            if self._chosen(inputs["input"][index]):
                for name in {self.at, *self.graph.outputs}:
                    values[name].flat[0] ^= self.by
            faulty.append(values)
        return {name: np.stack([values[name] for values in faulty]) for name in faulty[0]}

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        self._all = inputs["input"]
        shown, self.shows_layers = self.shows_layers, True
        outputs = {name: self.layers(inputs)[name] for name in self.graph.outputs}
        self.shows_layers = shown
        return outputs

    def _chosen(self, one: np.ndarray) -> bool:
        return any(np.array_equal(one, self._all[index]) for index in self.on)


@pytest.fixture
def graph() -> Graph:
    net = GraphBuilder("tiny", (1, 6, 5, 2), seed=5)
    return net.conv2d(4, (3, 3)).depthwise_conv2d((3, 3)).mean().fully_connected(3).graph()


def _ask(graph: Graph, judge: Faulty, samples: int = 12):
    return agreement(graph, [judge], random_inputs(graph, samples, seed=1))


def test_a_judge_without_fault_agrees(graph: Graph) -> None:
    result = _ask(graph, Faulty(graph, graph.operators[0].writes[0], on=()))
    assert result.ok and result.samples == 12
    assert [f.standing for f in result.findings] == [Standing.AGREES, Standing.AGREES]
    assert [f.bytes_compared for f in result.findings] == [36, 36]
    assert result.findings[1].bytes_differing == 0


@pytest.mark.parametrize("at", range(4))
def test_one_byte_in_one_input_is_found_and_its_layer_named(graph: Graph, at: int) -> None:
    op = graph.operators[at]
    result = _ask(graph, Faulty(graph, op.writes[0], on=(7,)))
    finding = result.findings[1]
    assert not result.ok and finding.standing is Standing.DIFFERS
    assert finding.first_differing_layer == op.name
    assert (finding.bytes_differing, finding.max_difference, finding.inputs_differing) == (1, 1, 1)


def test_largest_difference_does_not_wrap(graph: Graph) -> None:
    finding = _ask(graph, Faulty(graph, graph.outputs[0], on=(0, 1, 2), by=-128)).findings[1]
    assert finding.max_difference == 128
    assert finding.bytes_differing == 3


def test_an_exempt_operator_excuses_and_says_why(graph: Graph) -> None:
    duty = Duty(frozenset({"FullyConnected"}), "rounds once")
    result = _ask(graph, Faulty(graph, graph.outputs[0], on=(3, 4), duty=duty))
    assert result.ok and result.findings[1].standing is Standing.EXCUSED
    assert result.findings[1].note == "rounds once"
    assert result.findings[1].bytes_differing == 2


def test_an_exemption_does_not_cover_an_earlier_layer(graph: Graph) -> None:
    duty = Duty(frozenset({"FullyConnected"}), "rounds once")
    result = _ask(graph, Faulty(graph, graph.operators[1].writes[0], on=(11,), duty=duty))
    assert not result.ok and result.findings[1].first_differing_layer == graph.operators[1].name


def test_without_layers_only_a_judge_that_owes_nothing_is_excused(graph: Graph) -> None:
    for duty, standing in (
        (reported_only("float arithmetic"), Standing.EXCUSED),
        (Duty(frozenset({"FullyConnected"}), "rounds once"), Standing.DIFFERS),
        (EXACT, Standing.DIFFERS),
    ):
        judge = Faulty(graph, graph.outputs[0], on=(3,), duty=duty)
        judge.shows_layers = False
        finding = _ask(graph, judge).findings[1]
        assert (finding.standing, finding.first_differing_layer) == (standing, None)


def test_a_judge_that_cannot_be_asked_is_shown_with_the_reason(graph: Graph) -> None:
    judge = Faulty(graph, graph.outputs[0], on=())
    judge.unavailable = lambda: "not installed: pip install it"  # type: ignore[method-assign]
    result = _ask(graph, judge)
    assert result.ok and result.findings[1].bytes_compared is None
    text = to_text(agreement_table(result, "12 inputs"))
    assert "not asked\n" in text and "faulty: not installed: pip install it.\n" in text


def test_a_judge_that_fails_is_shown_and_does_not_silence_the_others(graph: Graph) -> None:
    failing, sound = Faulty(graph, graph.outputs[0], on=()), Faulty(graph, graph.outputs[0], on=())

    def fail(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        raise ToolError("the emulator stopped")

    failing.run = fail  # type: ignore[method-assign]
    result = agreement(graph, [failing, sound], random_inputs(graph, 4, seed=1))
    assert not result.ok
    assert [f.standing for f in result.findings] == [Standing.AGREES, Standing.FAILED, Standing.AGREES]
    assert result.findings[1].note == "the emulator stopped"


def test_json_has_the_keys_that_scripts_rely_on(graph: Graph) -> None:
    value = agreement_json(_ask(graph, Faulty(graph, graph.outputs[0], on=(2,))))
    assert (value["ok"], value["samples"]) == (False, 12)
    assert {"name", "bytes_compared", "bytes_differing", "max_difference", "first_differing_layer"} <= set(
        value["judges"][1]
    )


def test_random_inputs_hold_the_extremes_and_follow_the_seed(graph: Graph) -> None:
    first, again, other = (random_inputs(graph, 5, seed)["input"] for seed in (1, 1, 2))
    assert first.shape == (5, 1, 6, 5, 2) and first.dtype == np.int8
    assert (first[0] == -128).all() and (first[1] == 127).all()
    assert np.array_equal(first, again) and not np.array_equal(first[2:], other[2:])
    assert len(joined({"input": first}, {"input": other})["input"]) == 10
