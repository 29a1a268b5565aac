# SPDX-License-Identifier: Apache-2.0
"""A Graph as plain C: `c_sources(graph, core) -> CModel`."""

from toolchain.export.c.aims import Aims, Optimise
from toolchain.export.c.cmodel import CLayer, CModel, Constant
from toolchain.export.c.generate import c_sources

__all__ = ["Aims", "CLayer", "CModel", "Constant", "Optimise", "c_sources"]
