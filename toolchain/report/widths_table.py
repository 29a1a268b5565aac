# SPDX-License-Identifier: Apache-2.0
"""Widths of weights as tables: cost on each board against 8 bits, and who agrees; as JSON; as a part of a page."""

from collections.abc import Sequence
from typing import Any

from toolchain.arch.weights import EIGHT_BITS
from toolchain.device.profile import Profile
from toolchain.measure import How
from toolchain.report.agreement_table import agreement_json
from toolchain.report.table import Column, Row, Table, Tone
from toolchain.verify.agreement import REFERENCE, Finding, Standing
from toolchain.widths.sweep import OnBoard, Question, Width


def cost_table(question: Question, index: int, widths: Sequence[Width]) -> Table:
    """What every width costs on one board. index: of the board."""
    board = question.boards[index]
    found = [(width, width.boards[index]) for width in widths]
    eight = next((at.profile for width, at in found if width.spec == EIGHT_BITS), None)
    columns = (
        Column("bits"),
        Column("grid", text=True),
        Column("weights", "B", How.LINKED),
        Column("tables", "B", How.LINKED),
        Column("network's flash", "B", How.LINKED),
        Column("RAM", "B", How.EMULATED),
        Column("instructions", "", How.EMULATED),
        Column("to 8 bits", "%"),
        Column("1x1 and dense", "instructions/MAC", How.EMULATED),
        Column("1x1 and dense", "cycles/MAC", How.ESTIMATED),
        Column("cycles", "", How.ESTIMATED),
        Column("to 8 bits", "%"),
    )
    rows = tuple(_cost_row(width, at, eight) for width, at in found)
    kept = f"first and last layer {question.kept} bits" if question.kept else "all layers at the width"
    notes = [f"{board.core.name}, {kept}."]
    notes += [at.too_large for _, at in found[:1] if at.too_large]
    return Table(f"{question.graph.name} on {board.id}, {question.aims.optimise.value}", columns, rows, tuple(notes))


def _cost_row(width: Width, at: OnBoard, eight: Profile | None) -> Row:
    head = (width.spec.bits, width.spec.grid.value)
    if at.profile is None or at.dense is None:
        return Row((*head, *[None] * 10))
    total, memory, macs = at.profile.total, at.profile.memory, at.dense.macs
    return Row(
        (
            *head,
            at.profile.weight_bytes,
            memory.constant_bytes - at.profile.weight_bytes,
            memory.engine_flash_bytes,
            memory.ram_bytes,
            total.instructions,
            _away(total.instructions, eight.total.instructions if eight else None),
            f"{at.dense.instructions / macs:.3f}" if macs else None,
            f"{at.dense.cycles / macs:.3f}" if macs else None,
            total.cycles,
            _away(total.cycles, eight.total.cycles if eight else None),
        )
    )


def _away(value: int, reference: int | None) -> str | None:
    return None if reference is None else f"{100 * (value / reference - 1):+.1f}"


def agreement_of_widths(question: Question, widths: Sequence[Width]) -> Table:
    """Bytes that differ from the reference interpreter's, by judge: `0 of 60`."""
    names = [finding.name for finding in widths[0].judges.findings if finding.name != REFERENCE]
    names += [f.name for width in widths for f in width.judges.findings if f.name not in (*names, REFERENCE)]
    boards = [board.id for board in question.boards]
    columns = (Column("bits"), Column("grid", text=True), *(Column(name) for name in (*dict.fromkeys(names), *boards)))
    rows = []
    for width in widths:
        by_name = {finding.name: finding for finding in width.judges.findings}
        cells = [_finding_cell(by_name.get(name)) for name in dict.fromkeys(names)]
        cells += [
            "too large" if at.too_large else f"{at.bytes_differing} of {at.bytes_compared}" for at in width.boards
        ]
        tone = Tone.PLAIN if width.ok else Tone.BAD
        rows.append(Row((width.spec.bits, width.spec.grid.value, *cells), tone))
    exempt = {f"{f.name}: {f.note}." for width in widths for f in width.judges.findings if f.note}
    title = f"{question.graph.name}: bytes that differ, {question.samples} random inputs"
    return Table(title, columns, tuple(rows), tuple(sorted(exempt)))


def _finding_cell(finding: Finding | None) -> str | None:
    if finding is None or finding.standing in (Standing.NOT_ASKED, Standing.DOES_NOT_FIT):
        return None
    if finding.bytes_compared is None:
        return finding.standing.value
    return f"{finding.bytes_differing} of {finding.bytes_compared}"


def widths_json(question: Question, widths: Sequence[Width]) -> dict[str, Any]:
    """Plain values; figures that do not exist are null."""
    return {
        "model": question.graph.name,
        "graph_sha256": question.graph.sha256,
        "optimise": question.aims.optimise.value,
        "first_last": str(question.kept) if question.kept else None,
        "ok": all(width.ok for width in widths),
        "widths": [
            {
                "bits": width.spec.bits,
                "grid": width.spec.grid.value,
                "judges": agreement_json(width.judges)["judges"],
                "boards": [_board_json(at) for at in width.boards],
            }
            for width in widths
        ],
    }


def _board_json(at: OnBoard) -> dict[str, Any]:
    if at.profile is None or at.dense is None:
        return {"board": at.board, "too_large": at.too_large}
    memory = at.profile.memory
    return {
        "board": at.board,
        "weight_bytes_linked": at.profile.weight_bytes,
        "table_bytes_linked": memory.constant_bytes - at.profile.weight_bytes,
        "network_flash_bytes_linked": memory.engine_flash_bytes,
        "ram_bytes_emulated": memory.ram_bytes,
        "instructions_emulated": at.profile.total.instructions,
        "cycles_estimated": at.profile.total.cycles,
        "dense_macs": at.dense.macs,
        "dense_instructions_emulated": at.dense.instructions,
        "dense_cycles_estimated": at.dense.cycles,
        "bytes_compared": at.bytes_compared,
        "bytes_differing": at.bytes_differing,
    }
