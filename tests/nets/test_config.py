# SPDX-License-Identifier: Apache-2.0
"""The usual recipe of each width."""

from toolchain.arch.weights import WeightPlan, WeightSpec
from toolchain.nets.config import usual_recipe
from toolchain.nets.quantisers import Method


def test_eight_bits_only_settle_and_fewer_are_trained_again() -> None:
    assert usual_recipe(WeightPlan()).method is Method.MAX_ABS
    recipes = [usual_recipe(WeightPlan(WeightSpec.of(bits))) for bits in range(7, 0, -1)]
    assert {recipe.method for recipe in recipes} == {Method.LEARNED_STEP}
    assert all(recipe.teacher > 0 and recipe.qat_lr > usual_recipe(WeightPlan()).qat_lr for recipe in recipes)


def test_narrower_weights_get_no_fewer_epochs_and_the_narrowest_layer_decides() -> None:
    epochs = [usual_recipe(WeightPlan(WeightSpec.of(bits))).qat_epochs for bits in range(8, 0, -1)]
    assert epochs == sorted(epochs)
    mixed = WeightPlan(layers={"block1_pointwise": WeightSpec.of(1)})
    assert usual_recipe(mixed).qat_epochs == epochs[-1]
