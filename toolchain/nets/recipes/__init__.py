# SPDX-License-Identifier: Apache-2.0
"""Courses: what a training's two stages train, a module each. session.py runs them epoch by epoch."""

from toolchain.nets.config import Course, TrainConfig
from toolchain.nets.recipes.straight_through import StraightThrough
from toolchain.nets.recipes.two_stage import TwoStage

_COURSES: dict[Course, type[StraightThrough]] = {
    Course.STRAIGHT_THROUGH: StraightThrough,
    Course.TWO_STAGE: TwoStage,
}


def course_of(config: TrainConfig) -> StraightThrough:
    """The course that the configuration names."""
    return _COURSES[config.course](config)


__all__ = ["StraightThrough", "TwoStage", "course_of"]
