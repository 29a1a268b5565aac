# SPDX-License-Identifier: Apache-2.0
"""Firmware projects: everything that stands around a network's C, from the vector table to the README."""

from toolchain.export.project.answers import KnownAnswers, known_answers
from toolchain.export.project.front_end import FrontEnd, front_end_parts
from toolchain.export.project.project import Application, Project, make_project, project_sources
from toolchain.export.project.runtime import RUNTIMES, Runtime, c_model, c_runtime
from toolchain.export.project.save import save_project

__all__ = [
    "RUNTIMES",
    "Application",
    "FrontEnd",
    "KnownAnswers",
    "Project",
    "Runtime",
    "c_model",
    "c_runtime",
    "front_end_parts",
    "known_answers",
    "make_project",
    "project_sources",
    "save_project",
]
