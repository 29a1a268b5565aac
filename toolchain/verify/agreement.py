# SPDX-License-Identifier: Apache-2.0
"""Agreement: every judge's bytes against the reference interpreter's, over the same inputs.

Outputs are compared over all inputs. Where they differ, the layers of a few differing inputs are compared in the
order in which they run, and the first that differs is named. A judge whose duty exempts some operators is excused
only where every differing input goes wrong at such an operator first; anything else is a failure.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from toolchain.errors import SubbyteError
from toolchain.graph.graph import Graph
from toolchain.graph.ops import Operator
from toolchain.graph.reference import run, run_batch
from toolchain.verify.judge import Batch, DoesNotFitHereError, Judge

# Differing inputs whose layers are looked at where none may differ; one is nearly always enough, and boards are slow.
TRACED_INPUTS = 8

REFERENCE = "reference"


class Standing(StrEnum):
    """What came of asking one judge."""

    AGREES = "agrees"
    EXCUSED = "differs, as declared"
    DIFFERS = "differs"
    FAILED = "failed"
    DOES_NOT_FIT = "does not fit"
    NOT_ASKED = "not asked"


@dataclass(frozen=True)
class Finding:
    """One judge's answer. Counts are None where there is none; `note` says why there is none, or why it is excused."""

    name: str
    version: str
    standing: Standing
    bytes_compared: int | None = None
    bytes_differing: int | None = None
    max_difference: int | None = None
    inputs_differing: int | None = None
    first_differing_layer: str | None = None
    note: str = ""


@dataclass(frozen=True)
class Agreement:
    """All findings over `samples` inputs, the reference first."""

    graph_sha256: str
    samples: int
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether every judge that was asked and is large enough gave an answer, and none differs where it must not."""
        return not any(finding.standing in (Standing.DIFFERS, Standing.FAILED) for finding in self.findings)


def agreement(
    graph: Graph, judges: Sequence[Judge], inputs: Batch, progress: Callable[[str], None] = lambda name: None
) -> Agreement:
    """Ask every judge. `progress` is called with a judge's name before it is asked, the reference's too."""
    progress(REFERENCE)
    expected = run_batch(graph, inputs)
    compared = sum(value.size for value in expected.values())
    samples = len(inputs[graph.inputs[0]])
    findings = [Finding(REFERENCE, "", Standing.AGREES, compared, 0, 0, 0)]
    for judge in judges:
        progress(judge.name)
        findings.append(_answer(graph, judge, inputs, expected))
    return Agreement(graph.sha256, samples, tuple(findings))


def _answer(graph: Graph, judge: Judge, inputs: Batch, expected: Batch) -> Finding:
    missing = judge.unavailable()
    if missing is not None:
        return Finding(judge.name, "", Standing.NOT_ASKED, note=missing)
    try:
        return _compared(graph, judge, inputs, expected)
    except DoesNotFitHereError as error:
        return Finding(judge.name, judge.version, Standing.DOES_NOT_FIT, note=str(error))
    except SubbyteError as error:
        return Finding(judge.name, judge.version, Standing.FAILED, note=str(error))


def _compared(graph: Graph, judge: Judge, inputs: Batch, expected: Batch) -> Finding:
    answered = judge.run(inputs)
    wrong, total, largest = _compare(graph, expected, answered)
    if not wrong.any():
        return Finding(judge.name, judge.version, Standing.AGREES, total, 0, 0, 0)
    traced = np.flatnonzero(wrong)[: None if judge.duty.exempt else TRACED_INPUTS]
    firsts = first_differing_layers(graph, judge, {name: inputs[name][traced] for name in graph.inputs})
    earliest = min(firsts, key=graph.operators.index, default=None)
    # A judge that shows no layers can be excused only where it owes nothing.
    owes_nothing = all(op.kind in judge.duty.exempt for op in graph.operators)
    excused = owes_nothing or (len(firsts) == len(traced) and all(op.kind in judge.duty.exempt for op in firsts))
    return Finding(
        name=judge.name,
        version=judge.version,
        standing=Standing.EXCUSED if excused else Standing.DIFFERS,
        bytes_compared=total,
        bytes_differing=int(sum(np.count_nonzero(expected[name] != answered[name]) for name in graph.outputs)),
        max_difference=largest,
        inputs_differing=int(np.count_nonzero(wrong)),
        first_differing_layer=earliest.name if earliest is not None else None,
        note=judge.duty.why if excused else "",
    )


def _compare(graph: Graph, expected: Batch, answered: Batch) -> tuple[NDArray[np.bool_], int, int]:
    """Which inputs differ [N], bytes compared, largest difference. Raises ValueError where shapes differ: our bug."""
    wrong = np.zeros(len(expected[graph.outputs[0]]), np.bool_)
    total = largest = 0
    for name in dict.fromkeys(graph.outputs):
        want, got = expected[name], answered[name]
        if want.shape != got.shape or got.dtype != np.int8:
            raise ValueError(f"output {name}: {got.dtype} {got.shape} instead of int8 {want.shape}")
        difference = np.abs(want.astype(np.int16) - got.astype(np.int16)).reshape(len(want), -1)
        wrong |= difference.any(axis=1)
        total += want.size
        largest = max(largest, int(difference.max(initial=0)))
    return wrong, total, largest


def first_differing_layers(graph: Graph, judge: Judge, inputs: Batch) -> tuple[Operator, ...]:
    """For each input the first operator whose output differs from the reference's; inputs without one left out.

    Operators whose outputs the judge does not show are passed over, so a difference shows at the next one shown.
    """
    shown = judge.layers(inputs)
    found = []
    for index in range(len(inputs[graph.inputs[0]])):
        expected = run(graph, {name: inputs[name][index] for name in graph.inputs})
        for op in graph.operators:
            name = op.writes[0]
            if name in shown and not np.array_equal(shown[name][index], expected[name]):
                found.append(op)
                break
    return tuple(found)
