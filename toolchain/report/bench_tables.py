# SPDX-License-Identifier: Apache-2.0
"""The benchmark's tables: our figures and the peers' side by side, a column for each origin."""

from collections.abc import Callable, Sequence

from toolchain.bench.likeness import Likeness
from toolchain.bench.peers import Metric, Peers, Source
from toolchain.bench.record import Comparison
from toolchain.bench.result import Bench, Origin, Result
from toolchain.bench.versus import Side
from toolchain.measure import How
from toolchain.report.table import Cell, Column, Row, Table, Tone

CORE_TITLES = {
    "cortex-m0plus": "M0+",
    "cortex-m3": "M3",
    "cortex-m4": "M4",
    "cortex-m7": "M7",
    "cortex-m33": "M33",
    "cortex-m55": "M55",
}
# What the peers' study ran, and for whose core memory was linked.
STUDY, SMALLEST = "tflm_o3", "tflm_os"
MEMORY_CORE = "cortex-m4"


def core_title(core: str) -> str:
    """`M4` for `cortex-m4`."""
    return CORE_TITLES.get(core, core)


def speed_table(bench: Bench, peers: Peers, network: str) -> Table:
    """One network on each core: our instructions and cycles, then each peer's columns."""
    results = [result for result in bench.results if result.network == network]
    figures = [figure for figure in peers.figures if figure.subject.id == network]
    columns = [
        Column("core", text=True),
        Column("Subbyte", "instructions", How.EMULATED),
        Column("per MAC", "instructions", How.EMULATED),
        Column("Subbyte", "cycles", How.ESTIMATED),
        Column("per MAC", "cycles", How.ESTIMATED),
    ]
    others: list[tuple[Source, Metric]] = []
    for source in peers.sources:
        for metric in (Metric.INSTRUCTIONS, Metric.CYCLES, Metric.CYCLES_PER_MAC):
            if any((figure.source, figure.metric) == (source, metric) for figure in figures):
                others.append((source, metric))
                unit = "cycles per MAC" if metric is Metric.CYCLES_PER_MAC else metric.value
                columns.append(Column(source.peer, unit, source.how[metric]))
    compared = any(source.id == STUDY for source, _ in others)
    if compared:
        columns.append(Column("Subbyte / TFLM", "instructions", How.EMULATED))
    rows = []
    for result in results:
        cells: list[Cell] = [core_title(result.core), *_speed(result)]
        cells += [_rounded(peers.value(network, source.id, result.core, metric)) for source, metric in others]
        if compared:
            theirs = peers.value(network, STUDY, result.core, Metric.INSTRUCTIONS)
            cells.append(None if theirs is None else f"{result.instructions / theirs:.0%}")
        rows.append(Row(tuple(cells)))
    title = results[0].title if results else network
    return Table(f"{title}, {results[0].macs:,} MAC" if results else title, tuple(columns), tuple(rows))


def _speed(result: Result) -> tuple[Cell, ...]:
    return (
        result.instructions,
        f"{result.instructions / result.macs:.2f}" if result.macs else None,
        result.cycles,
        f"{result.cycles / result.macs:.2f}" if result.macs else None,
    )


def _rounded(value: float | None) -> Cell:
    return None if value is None else int(value) if value == int(value) else f"{value:.2f}"


def memory_table(bench: Bench, peers: Peers) -> Table:
    """Flash and RAM on the core for which the peers' were linked, our other networks beside them."""
    columns = (
        Column("network", text=True),
        Column("flash: engine", "B", How.LINKED),
        Column("whole firmware", "B", How.LINKED),
        Column("TFLM -O3", "B", How.LINKED),
        Column("TFLM -Os", "B", How.LINKED),
        Column("RAM: arena", "B", How.LINKED),
        Column("static", "B", How.LINKED),
        Column("stack used", "B", How.EMULATED),
        Column("TFLM arena", "B", How.LINKED),
        Column("TFLM static", "B", How.LINKED),
        Column("TFLM stack", "B", How.EMULATED),
    )
    rows = []
    for result in bench.results:
        if result.core == MEMORY_CORE and result.origin is not Origin.LAYER:
            flash = [_peer_flash(peers, result.network, source) for source in (STUDY, SMALLEST)]
            ram = [
                _rounded(peers.value(result.network, STUDY, MEMORY_CORE, metric))
                for metric in (Metric.ARENA, Metric.STATIC, Metric.STACK)
            ]
            ours = (result.arena, result.static, result.stack)
            rows.append(Row((result.network, result.engine_flash, result.firmware_flash, *flash, *ours, *ram)))
    notes = (
        "engine: code, constants and weights of network and kernels, with what they take of the C library. whole "
        "firmware: with start-up, console and semihosting. TFLM: runtime and the network's file, int8 registrations.",
    )
    return Table(f"Flash and RAM on the {core_title(MEMORY_CORE)}", columns, tuple(rows), notes)


def _peer_flash(peers: Peers, network: str, source: str) -> Cell:
    runtime = peers.value(network, source, MEMORY_CORE, Metric.RUNTIME_FLASH)
    model = peers.value(network, STUDY, MEMORY_CORE, Metric.MODEL_FILE)
    return None if runtime is None or model is None else int(runtime + model)


def per_mac_table(bench: Bench, metric: Metric) -> Table:
    """Every network on every core: instructions, or estimated cycles, per MAC."""
    emulated = metric is Metric.INSTRUCTIONS
    how = How.EMULATED if emulated else How.ESTIMATED
    columns = (
        Column("network", text=True),
        Column("origin", text=True),
        Column("MACs"),
        *(Column(core_title(core), f"{metric.value} per MAC", how) for core in bench.cores),
    )
    rows = []
    for network in bench.networks:
        found = {result.core: result for result in bench.results if result.network == network}
        first = next(iter(found.values()))
        if first.origin is Origin.LAYER:
            continue
        cells: list[Cell] = [network, first.origin.value, first.macs]
        for core in bench.cores:
            result = found.get(core)
            value = None if result is None else result.instructions if emulated else result.cycles
            cells.append(f"{value / first.macs:.2f}" if value is not None and first.macs else None)
        rows.append(Row(tuple(cells)))
    return Table(f"{metric.value.capitalize()} per MAC, whole networks", columns, tuple(rows))


def ratio_table(found: Sequence[Likeness], metric: Metric) -> Table:
    """Kinds of layers down, cores across: what generated networks take over what published ones would."""
    emulated = metric is Metric.INSTRUCTIONS
    cores = tuple(dict.fromkeys(one.core for one in found))
    ratios = {(one.core, one.kind): one.ratio if emulated else one.cycle_ratio for one in found if one.macs}
    how = How.EMULATED if emulated else How.ESTIMATED
    columns = (Column("kind of layer", text=True), *(Column(core_title(core), "ratio", how) for core in cores))
    rows = []
    for kind in dict.fromkeys(one.kind for one in found):
        cells = [f"{ratios[core, kind]:.2f}" if (core, kind) in ratios else None for core in cores]
        rows.append(Row((kind.value, *cells)))
    return Table(f"Generated over published, {metric.value}", columns, tuple(rows))


def likeness_table(found: Sequence[Likeness]) -> Table:
    """Generated networks against published ones, kind by kind; a row is bad where it is over the tolerance."""
    columns = (
        Column("core", text=True),
        Column("network", text=True),
        Column("kind of layer", text=True),
        Column("layers"),
        Column("MACs"),
        Column("generated", "instructions per MAC", How.EMULATED),
        Column("published", "instructions per MAC", How.EMULATED),
        Column("ratio", "instructions", How.EMULATED),
        Column("ratio", "cycles", How.ESTIMATED),
        Column("worst", "instructions", How.EMULATED),
        Column("layer", text=True),
        Column("unlike", "layers"),
        Column("", text=True),
    )
    rows = []
    for one in found:
        ours, theirs = (
            (f"{one.instructions / one.macs:.2f}", f"{one.expected / one.macs:.2f}") if one.macs else (None, None)
        )
        verdict = "no like" if not one.macs else "ok" if one.ok else "slower"
        rows.append(
            Row(
                (
                    core_title(one.core),
                    one.network,
                    one.kind.value,
                    one.layers,
                    one.macs,
                    ours,
                    theirs,
                    f"{one.ratio:.2f}" if one.macs else None,
                    f"{one.cycle_ratio:.2f}" if one.macs else None,
                    f"{one.worst:.2f}" if one.macs else None,
                    one.worst_layer,
                    one.unlike,
                    verdict,
                ),
                Tone.PLAIN if one.ok else Tone.BAD,
            )
        )
    return Table("Generated networks against published ones", columns, tuple(rows))


def layer_table(result: Result) -> Table:
    """One network on one core, layer by layer."""
    columns = (
        Column("layer", text=True),
        Column("kernel", text=True),
        Column("MACs"),
        Column("instructions", "", How.EMULATED),
        Column("per MAC", "instructions", How.EMULATED),
        Column("cycles", "", How.ESTIMATED),
        Column("per MAC", "cycles", How.ESTIMATED),
    )
    rows = []
    for layer in result.layers:
        macs = layer.work.macs if layer.work else 0
        rows.append(
            Row(
                (
                    layer.name,
                    layer.kernel,
                    macs or None,
                    layer.instructions,
                    f"{layer.instructions / macs:.2f}" if macs else None,
                    layer.cycles,
                    f"{layer.cycles / macs:.2f}" if macs else None,
                )
            )
        )
    return Table(f"{result.network} on the {core_title(result.core)}, layer by layer", columns, tuple(rows))


def single_layers_table(bench: Bench, peers: Peers, core: str) -> Table:
    """The layers of the peers' study on one core: instructions per MAC, and the cycles that the study gives."""
    results = [result for result in bench.results if result.core == core and result.origin is Origin.LAYER]
    names = {result.network for result in results}
    columns = [
        Column("layer", text=True),
        Column("Subbyte", "instructions per MAC", How.EMULATED),
        Column("Subbyte", "cycles", How.ESTIMATED),
    ]
    others: list[tuple[Source, Metric]] = []
    for metric, unit in ((Metric.INSTRUCTIONS_PER_MAC, "instructions per MAC"), (Metric.CYCLES, "cycles")):
        for source in peers.sources:
            if any(
                (figure.source, figure.core, figure.metric) == (source, core, metric) and figure.subject.id in names
                for figure in peers.figures
            ):
                others.append((source, metric))
                columns.append(Column(source.peer, unit, source.how[metric]))
    rows = []
    for result in results:
        theirs = [_rounded(peers.value(result.network, source.id, core, metric)) for source, metric in others]
        rows.append(Row((result.title, f"{result.instructions / result.macs:.2f}", result.cycles, *theirs)))
    return Table(f"Single layers on the {core_title(core)}", tuple(columns), tuple(rows))


def versus_table(title: str, ours: Side, theirs: Side) -> Table:
    """The same network on the same core by two engines, and the one over the other."""
    figures: tuple[tuple[Column, Callable[[Side], int | None]], ...] = (
        (Column("one inference", "instructions", How.EMULATED), lambda side: side.instructions),
        (Column("one inference", "cycles", How.ESTIMATED), lambda side: side.cycles),
        (Column("flash: engine", "B", How.LINKED), lambda side: side.engine_flash),
        (Column("whole firmware", "B", How.LINKED), lambda side: side.firmware_flash),
        (Column("RAM: arena", "B", How.LINKED), lambda side: side.arena),
        (Column("static", "B", How.LINKED), lambda side: side.static),
        (Column("stack used", "B", How.EMULATED), lambda side: side.stack),
        (Column("unlike the reference", "B", How.EMULATED), lambda side: side.differing),
    )
    columns = (Column("engine", text=True), *(column for column, _ in figures))
    rows = [Row((side.name, *(value(side) for _, value in figures))) for side in (ours, theirs)]
    pairs = [(value(ours), value(theirs)) for _, value in figures]
    shares = [f"{one / other:.0%}" if one and other else None for one, other in pairs]
    return Table(title, columns, (*rows, Row((f"{ours.name} / {theirs.name}", *shares), Tone.TOTAL)))


def sources_table(peers: Peers) -> Table:
    """Where each peer's figures come from."""
    columns = tuple(
        Column(title, text=True)
        for title in ("peer", "flags", "version", "method", "rounded", "date", "where", "origin of its figures")
    )
    rows = tuple(
        Row(
            (
                source.peer,
                source.flags,
                source.version,
                source.method,
                source.rounding,
                source.date,
                source.where,
                ", ".join(f"{metric.value.replace('_', ' ')}: {how.value}" for metric, how in source.how.items()),
            )
        )
        for source in peers.sources
    )
    return Table("Sources", columns, rows)


def comparison_table(found: Comparison, path: str) -> Table:
    """What a fresh run gives otherwise than the record at `path`."""
    columns = (
        Column("network", text=True),
        Column("core", text=True),
        Column("figure", text=True),
        Column("recorded"),
        Column("now"),
    )
    rows = tuple(
        Row((one.network, core_title(one.core), one.what, one.recorded, one.now), Tone.BAD) for one in found.differences
    )
    notes = []
    if found.other_tools:
        notes.append(f"nothing was compared: {found.other_tools}")
    if found.not_run:
        notes.append(f"recorded, and not run here: {', '.join(found.not_run)}")
    same = "every figure is the same" if found.ok else f"{len(found.differences)} figures differ"
    notes.append(f"{found.compared} results compared: {same}" if not found.other_tools else "run it with those tools")
    return Table(f"Against {path}", columns, rows, tuple(notes))
