# SPDX-License-Identifier: Apache-2.0
"""Bits and grid of each layer's weights, as lines of TOML."""

from pathlib import Path

import pytest

from toolchain.arch.library import load_arch
from toolchain.arch.weights import (
    WeightPlan,
    WeightSpec,
    first_and_last,
    load_weight_plan,
    save_weight_plan,
    weighted_layers,
)
from toolchain.errors import ModelError
from toolchain.graph.tensor import Grid

EVERY_SPEC = [WeightSpec(bits, grid) for bits in range(2, 8) for grid in Grid] + [
    WeightSpec(1, Grid.MID_RISE),
    WeightSpec(8, Grid.MID_TREAD),
]


@pytest.mark.parametrize("spec", EVERY_SPEC, ids=str)
def test_spec_reads_what_it_says(spec: WeightSpec) -> None:
    assert WeightSpec.parse(str(spec)) == spec
    assert WeightPlan.from_dict(WeightPlan(spec).to_dict(), "here").default == spec


def test_usual_grid_has_no_zero_at_one_and_two_bits() -> None:
    assert [WeightSpec.of(bits).grid for bits in range(1, 9)] == [Grid.MID_RISE] * 2 + [Grid.MID_TREAD] * 6


def test_limit_is_the_largest_integer_of_the_grid() -> None:
    assert [WeightSpec.of(bits).limit for bits in range(1, 9)] == [1, 3, 3, 7, 15, 31, 63, 127]
    assert [WeightSpec(bits, Grid.MID_RISE).limit for bits in range(1, 8)] == [1, 3, 7, 15, 31, 63, 127]


def test_eight_bits_are_mid_tread_whatever_is_asked() -> None:
    assert WeightSpec.of(8, Grid.MID_RISE) == WeightSpec.parse("8 mid-rise") == WeightSpec(8, Grid.MID_TREAD)


@pytest.mark.parametrize(
    ("bits", "grid", "text"),
    [
        (0, Grid.MID_RISE, "0 bits"),
        (9, Grid.MID_TREAD, "9 bits"),
        (1, Grid.MID_TREAD, "no value but zero"),
        (8, Grid.MID_RISE, "no int8"),
    ],
)
def test_spec_that_does_not_exist_is_refused(bits: int, grid: Grid, text: str) -> None:
    with pytest.raises(ModelError, match=text):
        WeightSpec(bits, grid)


@pytest.mark.parametrize("value", ["", "four", "4 mid", "4 mid-rise or so", True, 4.0, [4], -1, {"bits": 4}])
def test_line_that_is_no_width_is_refused_with_its_place(value: object) -> None:
    with pytest.raises(ModelError, match=r"^bits.toml: stem: .* is no width"):
        WeightPlan.from_dict({"stem": value}, "bits.toml")


def test_last_line_that_fits_counts() -> None:
    plan = WeightPlan.from_dict({"stem": 2, "*": 4, "block1_*": "1 mid-rise", "block1_depthwise": 8}, "here")
    assert [plan.of(name).bits for name in ("stem", "block1_pointwise", "block1_depthwise", "x")] == [4, 1, 8, 4]


def test_a_repeated_pattern_moves_to_the_end() -> None:
    plan = WeightPlan.from_dict({"stem": 2, "st*": 4}, "here").overruled_by({"stem": WeightSpec.of(8)})
    assert plan.of("stem").bits == 8


def test_no_line_means_eight_bits() -> None:
    assert WeightPlan.from_dict({}, "here") == WeightPlan()
    assert WeightPlan().of("anything") == WeightSpec(8, Grid.MID_TREAD)


def test_file_reads_back_equal(tmp_path: Path) -> None:
    plan = WeightPlan(WeightSpec.of(4), {"block*": WeightSpec(4, Grid.MID_RISE), "stem": WeightSpec.of(8)})
    save_weight_plan(plan, tmp_path / "bits.toml")
    read = load_weight_plan(tmp_path / "bits.toml")
    assert read == plan
    assert list(read.layers) == list(plan.layers)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("a = [", "is not TOML"),
        ("stem = " + "9" * 5000, "is not TOML"),
        ("stem = 9", "stem: weights of 9 bits"),
        ("[stem]\nbits = 1", "stem: "),
    ],
)
def test_file_that_is_wrong_is_refused_by_name(tmp_path: Path, content: str, text: str) -> None:
    path = tmp_path / "bits.toml"
    path.write_text(content)
    with pytest.raises(ModelError, match=f"bits.toml: {text}"):
        load_weight_plan(path)
    with pytest.raises(ModelError, match=r"other.toml: cannot be read"):
        load_weight_plan(tmp_path / "other.toml")


def test_resolved_plans_are_equal_where_they_mean_the_same() -> None:
    layers = load_arch("DS-CNN-S").layers()
    one = WeightPlan(WeightSpec.of(4), {"*_depthwise": WeightSpec.of(8), "stem": WeightSpec.of(4)}).resolved(layers)
    other = WeightPlan(WeightSpec.of(8), {"*": WeightSpec.of(4), "block?_depthwise": WeightSpec.of(8)}).resolved(layers)
    named = WeightPlan(layers={layer.name: one.of(layer.name) for layer in weighted_layers(layers)}).resolved(layers)
    assert one == other == named
    assert one.default == WeightSpec.of(4)
    assert sorted(one.layers) == [f"block{n}_depthwise" for n in (1, 2, 3, 4)]


def test_line_for_no_layer_is_refused_with_the_nearest_names() -> None:
    layers = load_arch("DS-CNN-S").layers()
    with pytest.raises(ModelError, match="'block1_pointwse'; there are: block1_pointwise"):
        WeightPlan(layers={"block1_pointwse": WeightSpec.of(4)}).resolved(layers)
    with pytest.raises(ModelError, match=r"'pool'; there are: .*stem"):
        WeightPlan(layers={"pool": WeightSpec.of(4)}).resolved(layers)


def test_first_and_last_are_layers_with_weights() -> None:
    layers = load_arch("DS-CNN-S").layers()
    assert list(first_and_last(layers, WeightSpec.of(8))) == ["stem", "classifier"]
