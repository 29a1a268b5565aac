# SPDX-License-Identifier: Apache-2.0
"""A series: accuracy over the width of the weights, trained on the grid against only rounded, for several seeds.

    OUT/<network>/seed<n>/float/                 one float training, which all others of the seed go on from
                         /rounded-<bits>/        its weights rounded, nothing trained
                         /<method>-<bits>/       trained on with that method

Each is a run folder. What is complete is kept and what was interrupted goes on, so the same command again does what is
left; `measured` reads whatever there is. First and last layer keep `first_last_bits`, all others have the width that
is stated, activations are int8. Width 32 is the float network itself.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean

from toolchain.arch.library import load_arch
from toolchain.arch.spec import ArchSpec
from toolchain.arch.weights import MAX_BITS, WeightPlan, WeightSpec, first_and_last
from toolchain.errors import ModelError
from toolchain.nets.config import TrainConfig, usual_recipe
from toolchain.nets.feed import Feeds
from toolchain.nets.progress import TrainingProgress
from toolchain.nets.quantisers import Method
from toolchain.nets.run_folder import RunFolder, RunRecord, load_record
from toolchain.nets.train import train_run

FLOAT_BITS = 32
ROUNDED = "rounded"


@dataclass(frozen=True, kw_only=True)
class Series:
    """What `subbyte series` was asked.

    networks: names or .toml files. widths: bits, 1..8. methods: of training on the grid; rounding is always there.
    seeds: 0..seeds-1. epochs, qat_epochs: in float and on the grid; None: the width's usual number.
    """

    networks: tuple[str, ...]
    data: Path
    out: Path
    widths: tuple[int, ...] = tuple(range(MAX_BITS, 0, -1))
    methods: tuple[Method, ...] = (Method.LEARNED_STEP,)
    seeds: int = 3
    epochs: int = TrainConfig.epochs
    qat_epochs: int | None = None
    first_last_bits: int = MAX_BITS
    threads: int | None = None

    def __post_init__(self) -> None:
        for bits in (*self.widths, self.first_last_bits):
            WeightSpec.of(bits)
        if not self.networks or not self.widths or self.seeds < 1:
            raise ModelError("a series needs at least one network, one width and one seed")

    @property
    def ways(self) -> tuple[str, ...]:
        """Columns: rounding, then each method."""
        return (ROUNDED, *(method.value for method in self.methods))


@dataclass(frozen=True)
class Entry:
    """One run. way: `rounded` or a method; the float run is that of FLOAT_BITS."""

    network: str
    seed: int
    way: str
    bits: int

    def folder(self, series: Series) -> Path:
        """Its run folder."""
        name = "float" if self.bits == FLOAT_BITS else f"{self.way}-{self.bits}"
        return series.out / load_arch(self.network).identifier / f"seed{self.seed}" / name

    def __str__(self) -> str:
        how = "float" if self.bits == FLOAT_BITS else f"{self.way}, {self.bits} bits"
        return f"{load_arch(self.network).name}, seed {self.seed}, {how}"


@dataclass(frozen=True)
class Point:
    """Mean test accuracy of a width, 0..1, over the seeds that are there; each seed's own."""

    bits: int
    accuracies: tuple[float, ...]

    @property
    def mean(self) -> float | None:
        """None where no seed is there yet."""
        return mean(self.accuracies) if self.accuracies else None


@dataclass(frozen=True)
class Curve:
    """points: FLOAT_BITS first, then the widths, for one network and way. missing: entries that are not complete."""

    network: str
    way: str
    points: tuple[Point, ...]
    missing: tuple[Entry, ...]


def entries(series: Series) -> Iterator[Entry]:
    """Every run of the series: seed by seed, and of a seed what is cheap before what is dear."""
    for seed in range(series.seeds):
        for network in series.networks:
            yield Entry(network, seed, ROUNDED, FLOAT_BITS)
            yield from (Entry(network, seed, ROUNDED, bits) for bits in series.widths)
        for network in series.networks:
            for method in series.methods:
                yield from (Entry(network, seed, method.value, bits) for bits in series.widths)


def run_series(series: Series, progress: Callable[[], TrainingProgress]) -> tuple[Entry, ...]:
    """Do what is left. progress: makes what shows one run. Returns what failed, which is told of and left out.

    Raises ModelError before the first run where what is asked is out of range, DataError from the corpus, SubbyteError
    for a full disk.
    """
    wanted = {entry: _config(series, entry) for entry in entries(series)}
    feeds = Feeds(keep=True)
    failed = []
    for index, (entry, config) in enumerate(wanted.items()):
        shown = progress()
        if _complete(entry.folder(series)) is None:
            shown.say(f"{index + 1}/{len(wanted)}  {entry}")
        try:
            train_run(config, entry.folder(series), progress=shown, feeds=feeds)
        except ModelError as error:
            shown.say(f"left out: {error}")
            failed.append(entry)
    return tuple(failed)


def measured(series: Series) -> tuple[Curve, ...]:
    """What the folders say, network by network, way by way."""
    return tuple(_curve(series, network, way) for network in series.networks for way in series.ways)


def comparability(series: Series) -> tuple[str, ...]:
    """What the accuracies may be compared with, as the corpora of the runs say it: one sentence, if all agree."""
    found = (_complete(entry.folder(series)) for entry in entries(series))
    return tuple(dict.fromkeys(str(record.data["comparability"]) for record in found if record is not None))


def epochs_run(series: Series) -> tuple[str, ...]:
    """How long the networks were trained, such as `30 in float; on the grid 5 (8, 7 bits), 30 (1 bits)`."""
    found = ((entry, _complete(entry.folder(series))) for entry in entries(series))
    widths: dict[tuple[int, int], dict[int, None]] = {}  # epochs in float and on the grid -> bits
    for entry, record in found:
        if record is not None and entry.way != ROUNDED:
            asked = (record.config["epochs"], record.config["qat_epochs"])
            widths.setdefault(asked, {})[entry.bits] = None
    in_float = dict.fromkeys(epochs for epochs, _ in widths)
    return tuple(f"{epochs} in float; on the grid {_on_grid(epochs, widths)}" for epochs in in_float)


def _on_grid(in_float: int, widths: Mapping[tuple[int, int], Iterable[int]]) -> str:
    parts = [
        f"{grid} ({', '.join(map(str, sorted(bits, reverse=True)))} bits)"
        for (epochs, grid), bits in sorted(widths.items())
        if epochs == in_float
    ]
    return ", ".join(parts)


def _curve(series: Series, network: str, way: str) -> Curve:
    points, missing = [], []
    for bits in (FLOAT_BITS, *series.widths):
        name = "float_test_accuracy" if bits == FLOAT_BITS else "int8_test_accuracy"
        accuracies = []
        for seed in range(series.seeds):
            entry = Entry(network, seed, ROUNDED if bits == FLOAT_BITS else way, bits)
            record = _complete(entry.folder(series))
            if record is None:
                missing.append(entry)
            else:
                accuracies.append(next(float(one["value"]) for one in record.numbers if one["name"] == name))
        points.append(Point(bits, tuple(accuracies)))
    return Curve(load_arch(network).name, way, tuple(points), tuple(missing))


def _complete(path: Path) -> RunRecord | None:
    if not RunFolder(path).record.exists():
        return None
    record = load_record(path)
    return record if record.status == "complete" else None


def _config(series: Series, entry: Entry) -> TrainConfig:
    arch = load_arch(entry.network)
    common = TrainConfig(
        arch=arch,
        data=series.data,
        features=arch.usual_features,
        epochs=series.epochs,
        qat_epochs=0,
        seed=entry.seed,
        threads=series.threads,
    )
    if entry.bits == FLOAT_BITS:
        return common
    start = Entry(entry.network, entry.seed, ROUNDED, FLOAT_BITS).folder(series)
    if entry.way == ROUNDED:
        return replace(common, weights=_plan(arch, entry.bits, None, series.first_last_bits), start=start)
    method = Method(entry.way)
    plan = _plan(arch, entry.bits, method, series.first_last_bits)
    recipe = usual_recipe(plan.resolved(arch.layers()))
    return replace(
        common,
        weights=plan,
        start=start,
        method=recipe.method if entry.bits == MAX_BITS else method,
        qat_epochs=recipe.qat_epochs if series.qat_epochs is None else series.qat_epochs,
        qat_lr=recipe.qat_lr,
        teacher=recipe.teacher,
    )


def _plan(arch: ArchSpec, bits: int, method: Method | None, first_last_bits: int) -> WeightPlan:
    every = WeightSpec.of(bits, method.usual_grid if method else None)
    return WeightPlan(every).overruled_by(first_and_last(arch.layers(), WeightSpec.of(first_last_bits)))
