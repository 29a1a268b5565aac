# SPDX-License-Identifier: Apache-2.0
"""Every kernel of the table against the reference interpreter, on all cases of its operator that it takes.

Kernels for cores with DSP or Helium instructions run here as well: sb_dsp.h and sb_mve.h write those out; so do those
for cores without. Inputs are random bytes, all -128, and all 127. Each kernel runs twice: optimised, and under the
sanitizers.
"""

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from tests.graphs import random_inputs
from tests.kernels.cases import CASES, Case, graph_of
from tests.kernels.guarded import guarded
from toolchain.assets import asset_folder
from toolchain.core import Core, known_core
from toolchain.device.host import HostModel
from toolchain.export.c import CModel, c_sources
from toolchain.export.c.kernel import Kernel, never_in_place
from toolchain.export.c.kernel_table import KERNELS
from toolchain.graph.graph import Graph
from toolchain.graph.ops import OPERATORS
from toolchain.graph.reference import run_batch

CORES = tuple(map(known_core, ("cortex-m55", "cortex-m3", "cortex-m4")))  # one of them takes any kernel
KERNEL_FOLDER = asset_folder("firmware_templates") / "kernels"


def _name(kernel: Kernel) -> str:
    return kernel.name or "view"


@cache
def _core(kernel: Kernel) -> Core:
    """The first of CORES on which the kernel takes any case."""
    return next(
        (core for core in CORES if any(_taken(kernel, case, core) for case in CASES[kernel.operator])), CORES[0]
    )


def _taken(kernel: Kernel, case: Case, core: Core) -> bool:
    graph = graph_of([case], packed=kernel.few_bits)
    return all(kernel.refuses(graph, op, core) is None for op in graph.operators if isinstance(op, kernel.operator))


def _takes(kernel: Kernel, case: Case) -> bool:
    return _taken(kernel, case, _core(kernel))


def _generated(kernel: Kernel, graph: Graph) -> CModel:
    """`graph` with that kernel wherever it can be."""
    return c_sources(graph, _core(kernel), table=(kernel, *KERNELS))


def _differences(graph: Graph, host: HostModel, cases: list[Case]) -> list[str]:
    inputs = random_inputs(graph, 7, seed=len(cases))
    expected = run_batch(graph, inputs)
    found = host.run(inputs)
    return [
        f"{case.label}: {int((expected[name] != found[name]).sum())} of {expected[name].size} bytes"
        for case, name in zip(cases, graph.outputs, strict=True)
        if not np.array_equal(expected[name], found[name])
    ]


@pytest.mark.parametrize("kernel", KERNELS, ids=_name)
def test_kernel_equals_the_reference(kernel: Kernel) -> None:
    cases = [case for case in CASES[kernel.operator] if _takes(kernel, case)]
    assert cases, "no case reaches this kernel"
    graph = graph_of(cases, packed=kernel.few_bits)
    model = _generated(kernel, graph)
    called = [layer.kernel for layer in model.layers if layer.kernel or not layer.in_place]
    left_out = len(model.layers) - len(called)  # copies of what lies there already
    assert called.count(kernel.function) >= max(1, len(cases) - left_out) or not kernel.function
    assert _differences(graph, HostModel(model), cases) == []


@pytest.mark.parametrize("kernel", KERNELS, ids=_name)
def test_kernel_stays_within_its_memory_and_the_language(kernel: Kernel) -> None:
    cases = [case for case in CASES[kernel.operator] if _takes(kernel, case)]
    graph = graph_of(cases, packed=kernel.few_bits)
    apart = tuple(replace(k, overwrites=never_in_place) for k in (kernel, *KERNELS))
    model = guarded(c_sources(graph, _core(kernel), table=apart))
    assert _differences(graph, HostModel(model, sanitize=True), cases) == []


@pytest.mark.parametrize("kernel", [k for k in KERNELS if k.overwrites.__doc__ != "No input."], ids=_name)
def test_kernel_may_write_its_output_over_its_input(kernel: Kernel) -> None:
    """One operator whose input dies: the planner lets it run in place, and the result is the same."""
    tried = 0
    for index, case in enumerate(CASES[kernel.operator]):
        graph = graph_of([case], seed=index, packed=kernel.few_bits)
        op = graph.operators[-1]
        if not isinstance(op, kernel.operator) or kernel.refuses(graph, op, _core(kernel)) is not None:
            continue
        if not kernel.overwrites(graph, op):
            continue
        model = _generated(kernel, graph)
        if not model.layers[-1].in_place:  # its input is a constant
            continue
        assert (model.layers[-1].kernel, set(model.layers[-1].in_place) <= set(op.reads)) == (
            kernel.function,
            True,
        )
        inputs = random_inputs(graph, 5, seed=index)
        expected, found = run_batch(graph, inputs), HostModel(model).run(inputs)
        assert np.array_equal(expected[op.writes[0]], found[op.writes[0]]), case.label
        tried += 1
        if tried == 3:
            break
    assert tried > 0


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda kind: kind.__name__)
def test_every_operator_has_a_kernel_for_the_smallest_core(operator: type) -> None:
    assert operator in CASES
    rows = [kernel for kernel in KERNELS if kernel.operator is operator]
    graph = graph_of(list(CASES[operator]))
    core = known_core("cortex-m0plus")
    for op in graph.operators:
        if isinstance(op, operator):
            assert any(kernel.refuses(graph, op, core) is None for kernel in rows)


def test_every_c_file_belongs_to_a_kernel() -> None:
    assert {path.name for path in KERNEL_FOLDER.glob("*.c")} == {file for kernel in KERNELS for file in kernel.files}


@pytest.mark.parametrize("path", sorted(KERNEL_FOLDER.glob("*.c")), ids=lambda path: path.stem)
def test_a_file_holds_the_one_function_that_it_is_named_after(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    exported = re.findall(r"^(?!static|SB_INLINE)\w[\w \*]*?(\w+)\([^;{]*\)\n\{", text, re.MULTILINE)
    assert exported == [path.stem]
    assert text.startswith("/* SPDX-License-Identifier: Apache-2.0 */\n/*\n * ")


def test_every_kernel_states_its_rule() -> None:
    for kernel in KERNELS:
        assert kernel.rule.endswith("."), kernel.function
        assert kernel.rounding in {"twice", "never", "once, in the division"}
