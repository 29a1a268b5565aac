# SPDX-License-Identifier: Apache-2.0
"""A Graph as somebody else's files: TFLite, C sources, firmware projects."""
