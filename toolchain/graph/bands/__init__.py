# SPDX-License-Identifier: Apache-2.0
"""Execution in bands of rows: the same network with less of each image in memory at a time."""

from toolchain.graph.bands.banding import Banded, in_bands
from toolchain.graph.bands.stage import Halo, Stage

__all__ = ["Banded", "Halo", "Stage", "in_bands"]
