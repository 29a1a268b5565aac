# SPDX-License-Identifier: Apache-2.0
"""The front end's C sources for a firmware project.

The text is made beside the front end itself (toolchain/frontend/sources.py), because the host's copy, which computes
the training features, is compiled from the same text and frontend/ does not import export/.
"""

from toolchain.frontend.sources import frontend_sources

__all__ = ["frontend_sources"]
