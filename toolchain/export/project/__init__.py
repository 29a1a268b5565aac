# SPDX-License-Identifier: Apache-2.0
"""Firmware projects: everything that stands around a network's C, from the vector table to the README."""

from toolchain.export.project.answers import FrontEnd, KnownAnswers, known_answers
from toolchain.export.project.project import Application, Project, make_project, project_sources
from toolchain.export.project.runtime import Runtime, c_runtime

__all__ = [
    "Application",
    "FrontEnd",
    "KnownAnswers",
    "Project",
    "Runtime",
    "c_runtime",
    "known_answers",
    "make_project",
    "project_sources",
]
