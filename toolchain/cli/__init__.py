# SPDX-License-Identifier: Apache-2.0
"""The command line: one verb a file, each a thin door to one stage."""

from toolchain.cli.app import app, main

__all__ = ["app", "main"]
