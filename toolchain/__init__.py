# SPDX-License-Identifier: Apache-2.0
"""Subbyte: from a searched network to a flashed Cortex-M, the same integers at every step."""

__version__ = "0.1.0"
