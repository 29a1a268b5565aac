# SPDX-License-Identifier: Apache-2.0
"""TrainConfig: everything that decides which weights come out of a training, as plain data."""

import math
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from toolchain.arch.spec import ArchSpec
from toolchain.arch.weights import ALL_EIGHT_BITS, MAX_BITS, WeightPlan
from toolchain.errors import ModelError
from toolchain.frontend.named import named_spec
from toolchain.frontend.spec import FeatureSpec
from toolchain.nets.quantisers import Method

DEVICES = ("auto", "cpu", "cuda")


class Course(StrEnum):
    """What the two stages of a training train (nets/recipes)."""

    STRAIGHT_THROUGH = "straight-through"
    TWO_STAGE = "two-stage"


@dataclass(frozen=True)
class Recipe:
    """How weights of some width are best trained on their grid, after the float epochs (`usual_recipe`).

    teacher: share of the loss that is taken from what the float network itself says of each clip (nets/loss.py).
    """

    method: Method
    qat_epochs: int
    qat_lr: float
    teacher: float


# Eight bits are as good as float: what is left is to settle on the grid. Below, the network is trained again; its
# batch norms measure on, and its own float form tells it more of each clip than the label does.
_EIGHT_BITS = Recipe(Method.MAX_ABS, qat_epochs=5, qat_lr=0.0005, teacher=0.0)
_FEWER_BITS = Recipe(Method.LEARNED_STEP, qat_epochs=30, qat_lr=0.02, teacher=0.5)
# The finer the grid, the sooner it is back where the float network was. Measured: DS-CNN S with 12 float epochs, 4
# bits, first and last layer 8: after 3 epochs 93.3 % of the test clips at hand, in float 93.2 %.
_EPOCHS_BY_BITS = {7: 5, 6: 5, 5: 5, 4: 8, 3: 12, 2: 20}
# Gains, biases and ranges settle; the weights have theirs from stage 1.
_TWO_STAGE = Recipe(Method.SQUASHED, qat_epochs=5, qat_lr=0.005, teacher=0.0)


def usual_recipe(plan: WeightPlan, course: Course = Course.STRAIGHT_THROUGH) -> Recipe:
    """The recipe for weights of these widths."""
    if course is Course.TWO_STAGE:
        return _TWO_STAGE
    narrowest = min(plan.default.bits, *(spec.bits for spec in plan.layers.values()), MAX_BITS)
    if narrowest == MAX_BITS:
        return _EIGHT_BITS
    return replace(_FEWER_BITS, qat_epochs=_EPOCHS_BY_BITS.get(narrowest, _FEWER_BITS.qat_epochs))


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """What `subbyte train` was asked.

    data: folder of the corpus; its hash, not its place, decides whether a run can go on.
    features: name of a set-up, without the number of coefficients, which is the architecture's.
    seed: of first weights, order of clips and augmentation. data_seed: of what the corpus draws (unknown words), apart
    from it so that runs of several seeds are tested on the same clips.
    epochs, qat_epochs: in float, then with every value on its integer grid.
    averaging: share of the averaged weights that a step keeps (nets/average.py); 0 is none.
    stream_hours: length of the stream whose windows are trained with (nets/windows.py); 0: clips are.
    weights: bits and grid of each layer's weights; resolved for `arch`, so that plans that mean the same are equal.
    course: what the stages train; `two-stage` squashes weights in the first one and holds them in the second.
    method, teacher: of the epochs on the grid, see Recipe. per_tensor: one scale a layer instead of one a channel.
    absolute_cosine: weight in the loss of how far the weights are from their grid (`quantisers.absolute_cosine`).
    start: run folder whose float epochs take the place of this run's own, or whose float weights two-stage training
    begins with; of the same architecture, features and data. float_stage: hash of its weights, once it has been read.
    lr, qat_lr: largest learning rates of the two stages, each with warm-up and cosine decay to 0.
    threads: of torch; part of the configuration because sums in another order round differently. None: those of the
    run's first start, and then all cores but one.
    device: `cpu`, `cuda`, or `auto` for a GPU if there is one. Only the CPU repeats to the bit.

    Raises ModelError where a value is out of range.
    """

    arch: ArchSpec
    data: Path
    features: str
    epochs: int = 30
    qat_epochs: int = _EIGHT_BITS.qat_epochs
    batch: int = 100
    seed: int = 0
    data_seed: int = 0
    lr: float = 0.1
    qat_lr: float = _EIGHT_BITS.qat_lr
    weight_decay: float = 4e-5
    label_smoothing: float = 0.0
    averaging: float = 0.998
    stream_hours: float = 0.0
    weights: WeightPlan = ALL_EIGHT_BITS
    course: Course = Course.STRAIGHT_THROUGH
    method: Method = _EIGHT_BITS.method
    per_tensor: bool = False
    teacher: float = _EIGHT_BITS.teacher
    absolute_cosine: float = 0.0
    start: Path | None = None
    float_stage: str | None = None
    threads: int | None = None
    device: str = "auto"

    def __post_init__(self) -> None:
        _within("epochs", self.epochs, 1, 100_000)
        _within("qat-epochs", self.qat_epochs, 0, 100_000)
        _within("batch", self.batch, 2, 65_536)
        _within("seed", self.seed, 0, 2**32 - 1)
        _within("data-seed", self.data_seed, 0, 2**32 - 1)
        if self.threads is not None:
            _within("threads", self.threads, 1, 1024)
        if self.device not in DEVICES:
            raise ModelError(f"--device {self.device!r} is not one of {', '.join(DEVICES)}")
        for name, value, high in (
            ("lr", self.lr, 100.0),
            ("qat-lr", self.qat_lr, 100.0),
            ("weight-decay", self.weight_decay, 1.0),
            ("label-smoothing", self.label_smoothing, 0.99),
            ("averaging", self.averaging, 0.99999),
            ("teacher", self.teacher, 1.0),
            ("absolute-cosine", self.absolute_cosine, 100.0),
            ("stream-hours", self.stream_hours, 1000.0),
        ):
            if not math.isfinite(value):
                raise ModelError(f"--{name} {value} is no finite number")
            _within(name, value, 0.0, high)
        asked_otherwise = self.method is not _TWO_STAGE.method or self.teacher or self.per_tensor
        if self.course is Course.TWO_STAGE and asked_otherwise:
            raise ModelError(
                "--recipe two-stage squashes the weights of its own first stage, one scale a layer, and holds them in "
                "the second: leave out --quantiser, --per-tensor and --teacher"
            )
        object.__setattr__(self, "weights", self.weights.resolved(self.arch.layers()))
        shape = self.feature_spec.shape
        if shape != (self.arch.frames, self.arch.coefficients):
            raise ModelError(
                f"features {self.features} give {shape[0]} frames x {shape[1]} values, but {self.arch.name} takes "
                f"{self.arch.frames} x {self.arch.coefficients}: choose other --features or another architecture"
            )

    @property
    def feature_spec(self) -> FeatureSpec:
        """The front end that this configuration names. Raises SubbyteError for an unknown name."""
        return named_spec(f"{self.features}-{self.arch.coefficients}")

    @property
    def total_epochs(self) -> int:
        """Of both stages."""
        return self.epochs + self.qat_epochs

    def to_dict(self) -> dict[str, Any]:
        """The values that decide the weights; not the architecture, which stands beside it, nor places of files.

        `course` and `stream_hours` stand there where they are not the usual ones, so that runs from before there were
        others can go on.
        """
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("arch", "data", "start")}
        course = {} if values.pop("course") is Course.STRAIGHT_THROUGH else {"course": self.course.value}
        if not self.stream_hours:
            del values["stream_hours"]
        return values | course | {"weights": self.weights.to_dict(), "method": self.method.value}


def _within(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ModelError(f"--{name} is {value}, must be {low}..{high}")
