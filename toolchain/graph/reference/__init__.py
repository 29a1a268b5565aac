# SPDX-License-Identifier: Apache-2.0
"""The reference interpreter: what a Graph computes, operator by operator. `run` and `run_batch` are its doors."""

from toolchain.graph.reference.interpreter import run, run_batch

__all__ = ["run", "run_batch"]
