# SPDX-License-Identifier: Apache-2.0
"""assess: linked firmware against estimates, board and budget; what does not fit is a verdict, not a crash."""

import shutil
from pathlib import Path

import pytest

from tests.graphs import GraphBuilder
from tests.projects import audio_front_end, audio_graph, board_like, tiny_graph
from toolchain.boards import load_board
from toolchain.budget.assess import Assessment, assess
from toolchain.budget.limits import Budget, budget_from_table
from toolchain.budget.sizes import Region
from toolchain.errors import BudgetError
from toolchain.measure import How, Measure

no_compiler = pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="no arm-none-eabi-gcc")
SMALL_LIMITS = (("flash_bytes = 4_194_304", "flash_bytes = 5_000"), ("ram_bytes = 4_194_304", "ram_bytes = 2_200"))


def _budget(**limits: object) -> Budget:
    return budget_from_table(dict(limits), "budget.toml")


def _values(found: Assessment) -> dict[str, tuple[float, How]]:
    return {f"{c.limit.name} {c.limit.origin}": (c.measure.value, c.measure.how) for c in found.verdict.checks}


def test_estimates_need_no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    found = assess(tiny_graph(), load_board("mps2-an386"), budget=_budget(macs="1 M", arena_bytes=4000))
    assert found.build is None and found.verdict.ok
    assert found.sizes.linked_bytes(Region.FLASH) is None
    assert {how for _, how in _values(found).values()} == {How.ESTIMATED}
    assert found.sizes.part("weights").estimated == found.model.constant_bytes
    assert found.sizes.part("stack").estimated == load_board("mps2-an386").limits.stack_bytes


def test_estimates_alone_cannot_answer_for_flash() -> None:
    with pytest.raises(BudgetError, match=r"budget\.toml: flash_bytes: .*leave --no-build out"):
        assess(tiny_graph(), load_board("mps2-an386"), budget=_budget(flash_bytes="64 KiB"))


def test_estimates_that_cannot_fit_the_board_are_breaches(tmp_path: Path) -> None:
    """Of RAM the stack is gone in any case."""
    board = board_like(tmp_path, ("ram_bytes = 4_194_304", "ram_bytes = 3_000"))
    graph = audio_graph(audio_front_end(centred=False))
    (breach,) = assess(graph, board).verdict.breaches
    assert (breach.limit, breach.allowed, breach.how) == ("arena_bytes", 3000 - 2048, How.ESTIMATED)
    assert "smaller activations" in breach.advice
    assert assess(tiny_graph(), board).verdict.ok


@pytest.mark.parametrize(("name", "audio"), [("mps2-an385", False), ("mps3-an547", True), ("nucleo-f446re", True)])
@pytest.mark.arm
@no_compiler
def test_linked_weights_and_arena_are_the_estimated_ones_to_the_byte(name: str, audio: bool, tmp_path: Path) -> None:
    front_end = audio_front_end(centred=False) if audio else None
    graph = audio_graph(front_end) if front_end else tiny_graph()
    found = assess(graph, load_board(name), front_end=front_end, folder=tmp_path)
    for part in ("weights", "arena", "stack"):
        assert found.sizes.part(part).linked == found.sizes.part(part).estimated, part
    assert found.build is not None
    assert found.sizes.linked_bytes(Region.FLASH) == found.build.sizes.flash
    assert found.sizes.linked_bytes(Region.RAM) == found.build.sizes.ram
    deepest = found.sizes.part("deepest calls").linked
    assert deepest is not None and 0 < deepest < found.board.limits.stack_bytes
    assert found.sizes.notes[0].startswith("Deepest calls: start > main")
    assert found.verdict.ok


@pytest.mark.arm
@no_compiler
def test_every_kind_of_limit_is_held_against_its_figure(tmp_path: Path) -> None:
    budget = _budget(
        flash_bytes=1000,
        ram_bytes="1 MiB",
        stack_bytes=8,
        arena_bytes="1 kB",
        weight_bytes=10,
        macs=5,
        operations={"hello_edge": 7, "peter2020": "1 M"},
        memory={"hello_edge": "1 MB"},
        accuracy="90 %",
    )
    accuracy = Measure("accuracy", 0.85, "", How.MEASURED)
    found = assess(tiny_graph(), load_board("mps2-an386"), folder=tmp_path, budget=budget, accuracy=accuracy)
    over = {breach.limit: breach for breach in found.verdict.breaches}
    assert set(over) == {"flash_bytes", "stack_bytes", "weight_bytes", "macs", "operations.hello_edge", "accuracy"}
    assert over["flash_bytes"].value == found.sizes.linked_bytes(Region.FLASH)
    assert over["flash_bytes"].how is How.LINKED and over["macs"].how is How.ESTIMATED
    assert over["accuracy"].how is How.MEASURED and over["accuracy"].value == 0.85
    assert all(breach.advice for breach in over.values())


@pytest.mark.arm
@no_compiler
def test_a_firmware_over_the_board_s_limits_still_shows_its_linked_figures(tmp_path: Path) -> None:
    board = board_like(tmp_path, *SMALL_LIMITS)
    found = assess(tiny_graph(), board, folder=tmp_path / "build")
    assert found.build is not None
    over = {breach.limit: breach.allowed for breach in found.verdict.breaches}
    assert over == {"flash_bytes": 5000, "ram_bytes": 2200}


@pytest.mark.arm
@no_compiler
def test_a_firmware_that_cannot_be_linked_is_over_by_what_the_linker_misses(tmp_path: Path) -> None:
    board = board_like(
        tmp_path,
        ('bytes = 4_194_304\nkind = "flash"', 'bytes = 4_096\nkind = "flash"'),
        ("flash_bytes = 4_194_304", "flash_bytes = 4_096"),
    )
    found = assess(tiny_graph(), board, folder=tmp_path / "build", budget=_budget(ram_bytes=9000, macs=1))
    assert found.build is None and not found.verdict.ok
    first, second = found.verdict.breaches
    assert (first.limit, first.allowed, first.origin) == ("flash_bytes", 4096, "board changed, flash")
    assert first.value > 4096
    assert second.limit == "macs"


def test_weights_that_cannot_fit_are_refused_without_a_compiler(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    board = board_like(
        tmp_path,
        ('bytes = 4_194_304\nkind = "ram"', 'bytes = 4_096\nkind = "ram"'),
        ("\nram_bytes = 4_194_304", "\nram_bytes = 4_096"),
    )
    graph = GraphBuilder("wide", (1, 60, 60, 4), seed=1).conv2d(8, (3, 3)).graph()
    found = assess(graph, board, folder=tmp_path / "build")
    (breach,) = found.verdict.breaches
    needed = found.model.arena_bytes + board.limits.stack_bytes
    assert (breach.limit, breach.value, breach.how) == ("ram_bytes", needed, How.ESTIMATED)
    assert breach.origin == "board changed, sram"
