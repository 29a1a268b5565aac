# SPDX-License-Identifier: Apache-2.0
"""`subbyte widths`: sizes that follow the bits, counts, bytes of every judge, the page, refusals."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.command import Said, subbyte
from tests.graphs import GraphBuilder
from toolchain.arch.weights import EIGHT_BITS, WeightSpec
from toolchain.bits.weights import spec_of, weighted_operators
from toolchain.boards import load_board
from toolchain.export.c import Aims, Optimise
from toolchain.export.tflite import tflite_bytes
from toolchain.graph.graph import Graph
from toolchain.graph.model import load_model
from toolchain.report.widths_table import cost_table
from toolchain.verify.agreement import Standing
from toolchain.widths.sweep import Question, at_width, sweep

BOARD = "mps2-an386"

pytestmark = [
    pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="no arm-none-eabi-gcc"),
    pytest.mark.skipif(shutil.which("qemu-system-arm") is None, reason="no qemu-system-arm"),
]


def graph() -> Graph:
    """Stem, depthwise and pointwise layers of 48 channels, a classifier."""
    net = GraphBuilder("small", (1, 10, 6, 1), seed=11)
    net.conv2d(48, (3, 3), stride=(2, 1)).depthwise_conv2d((3, 3)).conv2d(48, (1, 1)).conv2d(48, (1, 1))
    return net.mean().fully_connected(4).graph()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "small.tflite"
    path.write_bytes(tflite_bytes(graph()))
    return path


@pytest.fixture
def widths(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], model: Path) -> Callable[..., Said]:
    return lambda *arguments: subbyte(monkeypatch, capsys, "widths", model, *arguments)


def question(**changes: object) -> Question:
    asked = {"boards": (load_board(BOARD),), "aims": Aims(Optimise.SIZE), "first_last": EIGHT_BITS, "samples": 2}
    return Question(**{"graph": graph(), **asked, **changes})  # type: ignore[arg-type]


def test_only_the_layers_between_first_and_last_take_the_width() -> None:
    found = at_width(question(), WeightSpec.of(3))
    assert [spec_of(found, op).bits for op in weighted_operators(found)] == [8, 3, 3, 3, 8]
    found = at_width(question(first_last=None), WeightSpec.of(3))
    assert [spec_of(found, op).bits for op in weighted_operators(found)] == [3, 3, 3, 3, 3]


def test_where_nothing_lies_between_all_layers_take_the_width_and_the_table_says_so() -> None:
    two = question(graph=GraphBuilder("two", (1, 4, 4, 2)).conv2d(3).mean().fully_connected(2).graph())
    found = at_width(two, WeightSpec.of(3))
    assert [spec_of(found, op).bits for op in weighted_operators(found)] == [3, 3]
    assert cost_table(two, 0, ()).notes == ("cortex-m4, all layers at the width.",)


def test_linked_weights_follow_the_bits_and_everybody_agrees() -> None:
    """Under `size` weights are packed: each of the two 1x1 layers has 48 x 48 of them."""
    found = {width.spec.bits: width for width in sweep(question(), (EIGHT_BITS, WeightSpec.of(4)), lambda text: None)}
    assert all(width.ok and width.boards[0].bytes_compared == 2 * 4 for width in found.values())
    weights = {bits: width.boards[0].profile.weight_bytes for bits, width in found.items()}  # type: ignore[union-attr]
    assert weights[8] - weights[4] >= 48 * 48
    dense = found[8].boards[0].dense
    assert dense is not None and dense.macs == 2 * 48 * 48 * 5 * 6 and dense.instructions > dense.macs / 2
    asked = {finding.name for finding in found[4].judges.findings if finding.standing is Standing.AGREES}
    assert {"C host", "C host, DSP kernels"} <= asked


def test_a_board_that_answers_otherwise_fails_the_width(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = sweep.__globals__["run_batch"]

    def off_by_one(graph: Graph, inputs: object) -> dict[str, np.ndarray]:
        return {name: value ^ 1 for name, value in whole(graph, inputs).items()}

    monkeypatch.setitem(sweep.__globals__, "run_batch", off_by_one)
    (width,) = sweep(question(), (WeightSpec.of(2),), lambda text: None)
    assert width.judges.ok and not width.ok and width.boards[0].bytes_differing == 2 * 4


def test_tables_page_and_json_say_the_same(widths: Callable[..., Said], tmp_path: Path) -> None:
    page = tmp_path / "widths.md"
    page.write_text("# Mine\n")
    said = widths("--board", BOARD, "--widths", "8,1", "--samples", "1", "--page", page)
    assert said.code == 0, said.err
    assert "small on mps2-an386, balanced" in said.out and "0 of 4" in said.out
    text = page.read_text()
    assert text.startswith("# Mine\n") and "| 1 | mid-rise |" in text
    told = json.loads(widths("--board", BOARD, "--widths", "8,1", "--samples", "1", "--json").out)
    assert told["ok"] and [(width["bits"], width["grid"]) for width in told["widths"]] == [
        (8, "mid-tread"),
        (1, "mid-rise"),
    ]
    eight = told["widths"][0]["boards"][0]
    assert f"| 8 | mid-tread | {eight['weight_bytes_linked']:,} |" in text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--board", "nucleo-f446re"), "has no emulator"),
        (("--board", BOARD, "--widths", "0"), "must be numbers of bits, 1..8"),
        (("--board", BOARD, "--first-last-bits", "9"), "--first-last-bits"),
        (("--board", BOARD, "--first-last-bits", "4", "--all-layers"), "leave one out"),
    ],
)
def test_what_cannot_be_asked_is_refused(widths: Callable[..., Said], arguments: tuple[str, ...], said: str) -> None:
    found = widths(*arguments)
    assert found.code == 2 and said in found.err and "Traceback" not in found.err


def test_a_network_without_weights_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "pool.tflite"
    path.write_bytes(tflite_bytes(GraphBuilder("pool", (1, 4, 4, 2)).mean().graph()))
    with pytest.raises(Exception, match="no layer with weights"):
        next(sweep(question(graph=load_model(path)), (EIGHT_BITS,), lambda text: None))
