# SPDX-License-Identifier: Apache-2.0
"""A Profile as tables and as JSON. Counts are emulated, cycles estimated: no column mixes the two."""

from typing import Any

from toolchain.device.profile import Call, ElfProfile, Kind, Profile, Tally
from toolchain.device.profile.timing import Timing, timing_of
from toolchain.measure import How
from toolchain.report.table import Column, Row, Table, Tone


def elf_headline(profile: ElfProfile) -> str:
    """File, what was counted, and whose timing."""
    until = "it returned" if profile.last is None else profile.last
    return f"{profile.elf.name}: from {profile.first} until {until}, cycles as of {profile.core}"


def headline(profile: Profile) -> str:
    """Model, board, core, and where it was counted."""
    core = profile.core.name
    where = "" if profile.counted_on.id == profile.board.id else f", counted on {profile.counted_on.id}"
    return f"{profile.model} on {profile.board.id} ({core}), one inference{where}"


def layer_table(profile: Profile) -> Table:
    """One row a layer, and their sum."""
    columns = (
        Column("layer", text=True),
        Column("kernel", text=True),
        Column("MACs", how=How.ESTIMATED),
        Column("instructions", how=How.EMULATED),
        Column("per MAC", how=How.EMULATED),
        Column("cycles", how=How.ESTIMATED),
        Column("per MAC", how=How.ESTIMATED),
        Column("share", "%", how=How.ESTIMATED),
        Column("foretold", "cycles", how=How.ESTIMATED),
    )
    total = profile.total
    rows = [
        Row(
            (
                *(layer.name, layer.kernel.removeprefix("sb_") or "none"),
                *_figures(layer.macs, layer.tally, total),
                layer.estimate.cycles if layer.estimate else None,
            )
        )
        for layer in profile.layers
    ]
    rows.append(Row(("total", "", *_figures(profile.macs, total, total), None), Tone.TOTAL))
    note = "foretold: by the measured costs of the kernels (make costs), before anything is built; with GCC's -O2."
    return Table("", columns, tuple(rows), (note,))


def _figures(macs: int, tally: Tally, total: Tally) -> tuple[int | float | None, ...]:
    return (
        macs or None,
        *(tally.instructions, _per_mac(tally.instructions, macs)),
        *(tally.cycles, _per_mac(tally.cycles, macs)),
        _percent(tally.cycles, total.cycles),
    )


def _per_mac(value: int, macs: int) -> float | None:
    return round(value / macs, 2) if macs else None


def kind_table(total: Tally) -> Table:
    """Instructions by what they do."""
    columns = (
        Column("instructions by kind", text=True),
        Column("number", how=How.EMULATED),
        Column("share", "%", How.EMULATED),
        Column("cycles", how=How.ESTIMATED),
        Column("share", "%", How.ESTIMATED),
    )
    rows = [
        Row((kind.value, count, _percent(count, total.instructions), cycles, _percent(cycles, total.cycles)))
        for kind, count, cycles in kinds_by_cycles(total)
    ]
    rows.append(Row(("total", total.instructions, 100.0, total.cycles, 100.0), Tone.TOTAL))
    return Table("", columns, tuple(rows))


def kinds_by_cycles(total: Tally) -> list[tuple[Kind, int, int]]:
    """(kind, instructions, cycles), most cycles first."""
    found = [(kind, count, total.kind_cycles[kind]) for kind, count in total.kinds.items()]
    return sorted(found, key=lambda entry: -entry[2])


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 1) if whole else 0.0


def function_table(run: Call) -> Table:
    """Every function: what it did itself, and with what it called."""
    columns = (
        Column("function", text=True),
        Column("instructions", how=How.EMULATED),
        Column("with callees", how=How.EMULATED),
        Column("cycles", how=How.ESTIMATED),
        Column("with callees", how=How.ESTIMATED),
    )
    rows = [
        Row((entry["function"], *(entry[key] for key in _FUNCTION_KEYS)))  # same order as the columns
        for entry in functions_json(run)
    ]
    return Table("", columns, tuple(rows))


_FUNCTION_KEYS = ("instructions", "instructions_inclusive", "cycles_estimated", "cycles_estimated_inclusive")


def functions_json(*calls: Call) -> list[dict[str, Any]]:
    """Functions by the cycles that they took themselves, most first; the same one below several calls once."""
    found: dict[str, list[int]] = {}

    def add(call: Call, above: frozenset[str]) -> None:
        figures = found.setdefault(call.function, [0, 0, 0, 0])
        figures[0] += call.own.instructions
        figures[2] += call.own.cycles
        if call.function not in above:  # a function below itself is in its own total already
            figures[1] += call.total.instructions
            figures[3] += call.total.cycles
        for callee in call.calls:
            add(callee, above | {call.function})

    for call in calls:
        add(call, frozenset())
    entries = [{"function": name, **dict(zip(_FUNCTION_KEYS, figures, strict=True))} for name, figures in found.items()]
    return sorted(entries, key=lambda entry: (-entry["cycles_estimated"], entry["function"]))


def memory_table(profile: Profile) -> Table:
    """What the network takes of flash and RAM."""
    memory = profile.memory
    stack = memory.stack
    rows = (
        Row(("flash", "network: code", memory.engine_code_bytes, None, "model, kernels, library")),
        Row(("flash", "network: weights", profile.weight_bytes, None, "as they are stored")),
        Row(
            (
                "flash",
                "network: tables",
                memory.constant_bytes - profile.weight_bytes,
                None,
                "biases, rescaling, parameters",
            )
        ),
        Row(("flash", "whole firmware", memory.flash_bytes, None, "with start-up, console and this application")),
        Row(("RAM", "arena", memory.arena_bytes, None, "activations and scratch")),
        Row(("RAM", "variables", memory.static_bytes, None, "of the application and start-up")),
        Row(("RAM", "stack", stack.bound_bytes, stack.used_bytes, f"of {stack.reserved_bytes:,} reserved")),
    )
    columns = (
        Column("memory", text=True),
        Column("part", text=True),
        Column("size", "B", How.LINKED),
        Column("used", "B", How.EMULATED),
        Column("what it is", text=True),
    )
    note = f"RAM with the stack as far as it was used: {memory.ram_bytes:,} B."
    return Table("", columns, rows, (note,))


def energy_note(profile: Profile) -> str | None:
    """Energy of one inference, where the board's file knows its current."""
    if profile.energy_uj is None or profile.board.power is None:
        return None
    power = profile.board.power
    return f"energy {profile.energy_uj:,.4g} uJ (estimated): {power.run_ua_per_mhz:g} uA/MHz at {power.volts:g} V"


def timing_notes(timing: Timing) -> tuple[str, ...]:
    """Where the cycles come from, one line each."""
    return (
        f"Cycles of {timing.core}: {timing.source}; memory without wait states.",
        *(f"  assumed: {text}" for text in timing.assumed),
    )


def elf_json(profile: ElfProfile) -> dict[str, Any]:
    """What was counted in a firmware of somebody else's, JSON-able."""
    total = profile.run.total
    return {
        "elf": str(profile.elf),
        "from": profile.first,
        "to": profile.last,
        "core": profile.core,
        **_tally_json(total),
        "kinds": _kinds_json(total),
        "functions": functions_json(profile.run),
        "timing": _timing_json(profile.core),
    }


def profile_json(profile: Profile) -> dict[str, Any]:
    """Everything, JSON-able."""
    memory, total = profile.memory, profile.total
    return {
        "model": profile.model,
        "graph_sha256": profile.graph_sha256,
        "board": profile.board.id,
        "core": profile.core.name,
        "counted_on": profile.counted_on.id,
        "optimise": profile.aims.optimise.value,
        "macs": profile.macs,
        **_tally_json(total),
        "kinds": _kinds_json(total),
        "time_ms_estimated": profile.time_ms,
        "energy_uj_estimated": profile.energy_uj,
        "flash_bytes": memory.flash_bytes,
        "engine_flash_bytes": memory.engine_flash_bytes,
        "engine_code_bytes": memory.engine_code_bytes,
        "constant_bytes": memory.constant_bytes,
        "weight_bytes": profile.weight_bytes,
        "ram_bytes": memory.ram_bytes,
        "arena_bytes": memory.arena_bytes,
        "static_bytes": memory.static_bytes,
        "stack_bytes": memory.stack.used_bytes,
        "stack_bound_bytes": memory.stack.bound_bytes,
        "stack_reserved_bytes": memory.stack.reserved_bytes,
        "layers": [
            {
                "name": layer.name,
                "op": layer.op,
                "kernel": layer.kernel,
                "macs": layer.macs,
                **_tally_json(layer.tally),
                "kinds": _kinds_json(layer.tally),
                "instructions_foretold": layer.estimate and layer.estimate.instructions,
                "cycles_foretold": layer.estimate and layer.estimate.cycles,
                "constant_bytes": layer.constant_bytes,
                "functions": functions_json(*layer.calls),
            }
            for layer in profile.layers
        ],
        "functions": functions_json(profile.run),
        "timing": _timing_json(profile.core.name),
    }


def _timing_json(core: str) -> dict[str, Any]:
    timing = timing_of(core)
    return {"source": timing.source, "assumed": list(timing.assumed)}


def _tally_json(tally: Tally) -> dict[str, int]:
    return {"instructions": tally.instructions, "cycles_estimated": tally.cycles}


def _kinds_json(tally: Tally) -> dict[str, int]:
    return {kind.value: count for kind, count in tally.kinds.items()}
