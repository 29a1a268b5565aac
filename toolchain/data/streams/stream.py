# SPDX-License-Identifier: Apache-2.0
"""Stream: scenes one after the other, mixed when they are asked for, so that ten hours need the memory of a minute."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from toolchain.data.layout import SAMPLE_RATE_HZ
from toolchain.data.streams.recipe import StreamRecipe
from toolchain.data.streams.scene import OTHER, ScenePlan, Spoken, mix_scene, plan_scene
from toolchain.data.streams.speech import Speech
from toolchain.errors import DataError

_LONGEST_H = 1000.0


@dataclass(frozen=True, eq=False)
class Stream:
    """n_scenes >= 1 of a recipe."""

    speech: Speech
    recipe: StreamRecipe
    n_scenes: int

    @property
    def scene_samples(self) -> int:
        """Of each scene."""
        return self.recipe.scene_s * SAMPLE_RATE_HZ

    @property
    def hours(self) -> float:
        """Length."""
        return self.n_scenes * self.recipe.scene_s / 3600

    @cached_property
    def plans(self) -> tuple[ScenePlan, ...]:
        """What happens in each scene."""
        return tuple(plan_scene(self.speech, self.recipe, index) for index in range(self.n_scenes))

    @cached_property
    def keywords_said(self) -> tuple[Spoken, ...]:
        """The truth: every keyword, in order."""
        return tuple(word for plan in self.plans for word in plan.words if word.label != OTHER)

    @property
    def n_other(self) -> int:
        """Other words that are said."""
        return sum(len(plan.words) for plan in self.plans) - len(self.keywords_said)

    def scenes(self) -> Iterator[NDArray[np.int16]]:
        """The samples, int16 [scene_samples] at a time."""
        return (mix_scene(self.speech, plan) for plan in self.plans)


def stream_of(speech: Speech, recipe: StreamRecipe, hours: float) -> Stream:
    """A stream of at least `hours`, in whole scenes. Raises DataError where that is nothing, or too much to plan."""
    if not 0 < hours <= _LONGEST_H:
        raise DataError(f"stream: {hours:g} hours; more than 0 and at most {_LONGEST_H:g} can be mixed")
    stream = Stream(speech, recipe, -int(-hours * 3600 // recipe.scene_s))
    if not stream.keywords_said:
        raise DataError(f"stream: nobody says a keyword in {stream.hours:g} hours; make it longer")
    return stream
